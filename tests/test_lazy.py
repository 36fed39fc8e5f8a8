"""Clips in arrays of dask: lazy predictions, sums over partitions, and searches on several workers."""

import subprocess
import sys

import numpy as np
import pandas as pd
import pytest
from agreement import assert_agree
from models import CASES, candidates, data, fitted, new

from skzsl import ZeroShotRidge, with_labels
from skzsl.text import HashingEncoder

dask = pytest.importorskip("dask", reason="needs skzsl[dask]")
array = pytest.importorskip("dask.array", reason="needs skzsl[dask]")
METHODS = ["predict", "predict_proba", "decision_function", "segment_scores", "segment_proba"]
every_model = pytest.mark.parametrize(("name", "kind"), CASES)


def lazy(X, rows=10):
    """An array of dask whose partitions are of ``rows`` clips, and parted along its features too."""
    return array.from_array(X, chunks=(rows, *[-1] * (X.ndim - 2), 3))


@every_model
def test_predictions_of_lazy_clips_are_lazy_and_the_same(name, kind):
    model, (X, _), labels = fitted(name, kind), data(kind), candidates(name)
    for method in METHODS:
        found, expected = getattr(model, method)(lazy(X), labels=labels), getattr(model, method)(X, labels=labels)
        assert isinstance(found, array.Array)
        assert (found.shape, found.dtype) == (expected.shape, expected.dtype)
        found = found.compute(scheduler="synchronous")
        if method == "predict":
            np.testing.assert_array_equal(found, expected)
        else:
            assert_agree(np.nan_to_num(found), np.nan_to_num(expected))


def test_nothing_is_computed_before_it_is_asked_for():
    read = []

    def block(block_info=None):
        read.append(block_info)
        return np.ones((5, 4, 8), np.float32)

    X = array.map_blocks(block, chunks=((5, 5), (4,), (8,)), dtype=np.float32, meta=np.ones((0, 0, 0), np.float32))
    found = fitted("ridge", "one").predict(X)
    assert not read
    assert found.compute(scheduler="synchronous").shape == (10,)
    assert len(read) == 2


def test_a_lazy_prediction_is_that_of_the_model_as_it_was():
    model, (X, _) = fitted("ridge", "one"), data("one")
    expected = model.predict_proba(X)
    found = model.predict_proba(lazy(X))
    model.temperature = 100.0
    assert_agree(found.compute(scheduler="synchronous"), expected)


def test_views_take_lazy_clips():
    X, _ = data("one")
    view = with_labels(fitted("ridge", "one"), ["siren", "church bell"])
    np.testing.assert_array_equal(view.predict(lazy(X)).compute(scheduler="synchronous"), view.predict(X))


def test_lazy_clips_of_unknown_number_are_taken():
    X, _ = data("one")
    unknown = lazy(X)[array.from_array(np.arange(len(X)) % 2 == 0, chunks=10)]
    found = fitted("ridge", "one").predict(unknown).compute(scheduler="synchronous")
    np.testing.assert_array_equal(found, fitted("ridge", "one").predict(X[::2]))


def test_what_takes_no_lazy_clips_says_what_to_do():
    X, y = data("one")
    for call in (new("contrastive, mlp").fit, new("ridge, cross-validated").fit, new("ridge").partial_fit):
        with pytest.raises(ValueError, match=r"pass X.compute\(\), or one partition after the other to partial_fit"):
            call(lazy(X), y)
    with pytest.raises(ValueError, match=r"pass X.compute\(\)"):
        fitted("ridge", "one").tag(lazy(X))
    with pytest.raises(ValueError, match="leave out out"):
        fitted("ridge", "one").predict_proba(lazy(X), out=np.zeros((len(X), 4)))


@pytest.mark.parametrize("kind", ["one", "several"])
@pytest.mark.parametrize("form", ["vectors", "segments"])
@pytest.mark.parametrize("standardize", [True, False])
@pytest.mark.parametrize("weights", ["none", "some"])
@pytest.mark.parametrize("rows", [5, 24])
def test_the_closed_form_of_partitions_is_that_of_the_whole(kind, form, standardize, weights, rows, rng):
    X, y = data(kind)
    X = X[:, 0] if form == "vectors" else X
    often = None if weights == "none" else np.r_[np.zeros(6), rng.integers(0, 3, len(X) - 7), 1.0]
    model = ZeroShotRidge(HashingEncoder(16), standardize=standardize)
    whole = model.fit(X, y, sample_weight=often).decision_function(X)
    given = y if kind == "several" or rows == 5 else array.from_array(y, chunks=7)
    parted = model.fit(lazy(X, rows), given, sample_weight=often)
    assert_agree(parted.decision_function(X), whole)
    assert parted.n_features_in_ == X.shape[-1]
    assert parted.seen_classes_.tolist() == model.fit(X, y, sample_weight=often).seen_classes_.tolist()


def test_a_partition_with_nan_is_named_and_nothing_is_lost():
    X, y = data("one")
    model = fitted("ridge", "one")
    before = model.coef_
    X = X.copy()
    X[17, 0, 0] = np.nan
    with pytest.raises(ValueError, match=r"NaN.* This is of the partition that begins at clip 10"):
        model.fit(lazy(X), y)
    assert model.coef_ is before


def test_all_works_without_dask():
    code = (
        "import sys; sys.modules['dask'] = sys.modules['distributed'] = None\n"
        "import numpy as np; from skzsl import ZeroShotRidge; from skzsl.text import HashingEncoder\n"
        "print(ZeroShotRidge(HashingEncoder()).fit(np.eye(2), ['rain', 'dog']).predict(np.eye(2)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "['rain' 'dog']"


@pytest.fixture(scope="module")
def cluster():
    distributed = pytest.importorskip("distributed", reason="needs skzsl[dask]")
    settings = {"n_workers": 2, "threads_per_worker": 1, "processes": True, "dashboard_address": None}
    with distributed.LocalCluster(**settings) as cluster, distributed.Client(cluster) as client:
        yield client


def search():
    from sklearn.model_selection import GridSearchCV

    from skzsl.model_selection import ClassDisjointKFold, zero_shot_scorer

    grid = {"alpha_audio": [1.0, 10.0, 100.0], "alpha_text": [0.1, 1.0]}
    scorer = zero_shot_scorer("accuracy")
    return GridSearchCV(
        ZeroShotRidge(HashingEncoder(16)), grid, scoring=scorer, cv=ClassDisjointKFold(2, random_state=0), n_jobs=-1
    )


def scores_of(fitted_search):
    results = pd.DataFrame(fitted_search.cv_results_)
    return results.filter(regex="^split").to_numpy()


def test_searches_on_workers_give_the_scores_of_one_process(cluster):
    import joblib
    from sklearn.model_selection import KFold, cross_validate

    from skzsl.model_selection import ThresholdTuner

    X, y = data("one")
    alone = search().set_params(n_jobs=1).fit(X, y)
    _, several = data("several")
    tuner = ThresholdTuner(ZeroShotRidge(HashingEncoder(16)), cv=KFold(3), n_jobs=2)
    limit = tuner.fit(X, several).threshold_
    crossed = cross_validate(new("ridge"), X, y, cv=2)["test_score"]
    path = new("ridge, cross-validated").fit(X, y).cv_results_["mean_test_score"]
    with joblib.parallel_config(backend="dask", scatter=[X, y]):
        np.testing.assert_array_equal(scores_of(search().fit(X, y)), scores_of(alone))
        assert tuner.fit(X, several).threshold_ == limit
        np.testing.assert_array_equal(cross_validate(new("ridge"), X, y, cv=2, n_jobs=2)["test_score"], crossed)
        np.testing.assert_array_equal(new("ridge, cross-validated").fit(X, y).cv_results_["mean_test_score"], path)


def test_lazy_predictions_and_fits_run_on_workers(cluster):
    X, y = data("one")
    model = ZeroShotRidge(HashingEncoder(16)).fit(lazy(X), y)
    np.testing.assert_array_equal(model.predict(lazy(X)).compute(), model.predict(X))


class Dies(ZeroShotRidge):
    """Ends the process that fits it, once."""

    def __init__(self, text_encoder=None, *, alpha_audio="auto", alpha_text="auto", flag=None):
        super().__init__(text_encoder, alpha_audio=alpha_audio, alpha_text=alpha_text)
        self.flag = flag

    def fit(self, X, y):
        import os

        try:
            os.rename(self.flag, f"{self.flag}.done")
        except FileNotFoundError:
            return super().fit(X, y)
        os.kill(os.getpid(), 9)


def test_a_worker_that_is_killed_changes_nothing(cluster, tmp_path):
    import joblib

    X, y = data("one")
    flag = tmp_path / "flag"
    alone = search().set_params(n_jobs=1).fit(X, y)
    flag.touch()
    dying = search().set_params(estimator=Dies(HashingEncoder(16), flag=str(flag)))
    with joblib.parallel_config(backend="dask", scatter=[X, y]):  # to all workers: else what one held is lost with it
        np.testing.assert_array_equal(scores_of(dying.fit(X, y)), scores_of(alone))
    assert not flag.exists()
    assert flag.with_name("flag.done").exists()
