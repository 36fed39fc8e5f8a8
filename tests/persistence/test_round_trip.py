"""Every model, saved and loaded, is the model that was saved."""

import json
import os
import pickle
import subprocess
import sys
import zipfile

import joblib
import numpy as np
import pandas as pd
import pytest
import torch
from fingerprint import fingerprint
from models import BOTH_KINDS, CASES, EPOCHS, MODELS, NETS, candidates, data, fitted, new
from sklearn.base import clone
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV, KFold
from sklearn.pipeline import FeatureUnion, Pipeline, make_pipeline
from sklearn.preprocessing import FunctionTransformer, Normalizer, StandardScaler

import skzsl
from skzsl import EventDetector, ScoreNormalizer, ZeroShotBilinear, ZeroShotConvex, ZeroShotNearest, ZeroShotRidge
from skzsl.exceptions import ModelIntegrityError, UntrustedModelError, UntrustedTypeWarning
from skzsl.model_selection import ClassDisjointKFold, ThresholdTuner, event_scorer, zero_shot_scorer
from skzsl.preprocessing import EmbeddingScaler, SegmentPooling, Segmentwise
from skzsl.text import HashingEncoder, LookupEncoder, NameReader, Prompts, TextKernel, VectorTable


@pytest.fixture
def path(tmp_path):
    return tmp_path / "model.skzsl"


def kept(model, path):
    skzsl.save(model, path)
    return skzsl.load(path)


def answers(model, X, labels):
    """Everything that a model says of clips."""
    said = [model.predict_proba(X), model.predict_proba(X, labels=labels), model.segment_scores(X)]
    return [*said, model.decision_function(X), model.decision_function(X, labels=labels), model.predict(X)]


@pytest.mark.parametrize(("name", "kind"), CASES)
def test_a_loaded_model_answers_to_the_bit(name, kind, path):
    model, X = fitted(name, kind), data(kind)[0]
    same = kept(model, path)
    assert type(same) is type(model)
    for mine, theirs in zip(answers(model, X, candidates(name)), answers(same, X, candidates(name)), strict=True):
        np.testing.assert_array_equal(mine, theirs)
    assert str(same.get_params()) == str(model.get_params())


@pytest.mark.parametrize(("name", "kind"), CASES)
def test_saving_and_pickling_leave_the_model_as_it_is(name, kind, path):
    model = fitted(name, kind)
    before = fingerprint(model)
    skzsl.save(model, path)
    pickle.dumps(model)
    assert fingerprint(model) == before


@pytest.mark.parametrize(("name", "kind"), EPOCHS)
@pytest.mark.parametrize("keep", ["save", "pickle"])
def test_a_training_in_parts_goes_on_after_storing_as_it_would_have(name, kind, keep, path):
    X, y = data(kind)
    model = new(name, **({"one_cycle": False} if "one_cycle" in new(name).get_params() else {}))
    for _ in range(2):
        model.partial_fit(X, y)
    same = kept(model, path) if keep == "save" else pickle.loads(pickle.dumps(model))
    for each in (model, same):
        each.partial_fit(X, y)
    np.testing.assert_array_equal(model.decision_function(X), same.decision_function(X))
    assert model.history_ == same.history_


@pytest.mark.parametrize(("name", "kind"), NETS)
def test_the_state_of_the_optimiser_is_kept_with_warm_starts_only(name, kind):
    X, y = data(kind)
    optimizer = "AdamW"
    plain, warm = (new(name, optimizer=optimizer, warm_start=warm_start).fit(X, y) for warm_start in (False, True))
    weights = sum(array.nbytes for array in plain._net.__getstate__()["weights"].values())
    assert plain._net.__getstate__()["optimizer"] is None
    assert len(pickle.dumps(warm)) > len(pickle.dumps(plain)) + weights
    same = pickle.loads(pickle.dumps(warm)).fit(X, y)
    np.testing.assert_array_equal(same.decision_function(X), warm.fit(X, y).decision_function(X))


def test_clips_can_be_added_to_a_stored_ridge_that_was_trained_in_parts(path):
    X, y = data("one")
    model = new("ridge").partial_fit(X[:12], y[:12])
    same = kept(model, path).partial_fit(X[12:], y[12:])
    np.testing.assert_array_equal(same.coef_, model.partial_fit(X[12:], y[12:]).coef_)


def test_a_ridge_that_was_fitted_and_stored_says_why_no_clips_can_be_added(path):
    model, (X, y) = fitted("ridge", "one"), data("one")
    same = kept(model, path)
    before = fingerprint(same)
    with pytest.raises(ValueError, match=r"fitted by fit and then stored.*partial_fit"):
        same.partial_fit(X, y)
    assert fingerprint(same) == before
    np.testing.assert_array_equal(same.fit(X, y).coef_, model.coef_)


@pytest.mark.parametrize("weights", [(64, 64)])
def test_a_file_and_a_pickle_hold_hardly_more_than_the_weights(weights, path, rng):
    X, y = rng.normal(size=(200, 5, 300)).astype(np.float32), np.array(["dog", "rain"] * 100)
    model = skzsl.ZeroShotTemporalAttention(
        HashingEncoder(100), audio_sizes=(1024, 1024), text_sizes=(1024,), max_epochs=1, device="cpu"
    ).fit(X, y)
    skzsl.save(model, path)
    size = sum(tensor.nbytes for tensor in model.module_.state_dict().values())
    assert size < path.stat().st_size < 1.02 * size
    assert size < len(pickle.dumps(model)) < 1.02 * size


COMPOSED = {
    "pipeline": lambda X, y: make_pipeline(Segmentwise(StandardScaler()), new("ridge")).fit(X, y),
    "pipeline of functions": lambda X, y: make_pipeline(FunctionTransformer(np.sqrt), new("ridge")).fit(X, y),
    "pooled union": lambda X, y: make_pipeline(
        FeatureUnion([("mean", SegmentPooling()), ("maximum", SegmentPooling("max"))]), Normalizer(), new("ridge")
    ).fit(X, y),
    "search": lambda X, y: GridSearchCV(
        new("ridge"),
        {"alpha_audio": [1.0, 10.0], "text_encoder": [HashingEncoder(8), HashingEncoder(16)]},
        cv=KFold(2),
        scoring={"accuracy": "accuracy", "zero shot": zero_shot_scorer("accuracy", candidates="all")},
        refit="zero shot",
    ).fit(X, y),
    "search over given folds": lambda X, y: GridSearchCV(
        new("ridge"), {"alpha_audio": [1.0, 10.0]}, cv=list(KFold(2).split(X)), scoring="accuracy"
    ).fit(X, y),
    "search in disjoint folds": lambda X, y: GridSearchCV(
        new("bilinear, online"),
        {"lr": [0.1, 1.0]},
        cv=ClassDisjointKFold(2),
        scoring=zero_shot_scorer(candidates="test"),
    ).fit(X, y),
    "tuned in a pipeline": lambda X, y: make_pipeline(Normalizer(), ZeroShotRidge(HashingEncoder(8))).fit(
        X.mean(axis=1), y
    ),
    "normalized search": lambda X, y: ScoreNormalizer(
        GridSearchCV(new("ridge"), {"alpha_text": [1.0, 2.0]}, cv=KFold(2))
    ).fit(X, y),
    "frozen": lambda X, y: EventDetector(FrozenEstimator(new("temporal attention").fit(X, y))).fit(X, y),
    "convex of a pipeline": lambda X, y: ZeroShotConvex(
        HashingEncoder(8), classifier=make_pipeline(StandardScaler(), LogisticRegression())
    ).fit(X, y),
}


@pytest.mark.parametrize("name", COMPOSED)
def test_what_is_composed_of_models_is_kept_whole(name, path):
    X, y = data("one")
    model = COMPOSED[name](X, y)
    X = X.mean(axis=1) if name == "tuned in a pipeline" else X
    same = kept(model, path)
    np.testing.assert_array_equal(model.predict(X), same.predict(X))
    np.testing.assert_array_equal(model.decision_function(X), same.decision_function(X))
    labels = ["siren", "rain", "heavy rain"]
    views = [skzsl.with_labels(each, labels) for each in (model, same)]
    np.testing.assert_array_equal(*(view.decision_function(X) for view in views))
    np.testing.assert_array_equal(kept(views[0], path).decision_function(X), views[0].decision_function(X))
    if isinstance(model, GridSearchCV):
        assert same.best_params_.keys() == model.best_params_.keys()
        assert same.score(X, y) == model.score(X, y)
        for column, values in model.cv_results_.items():
            assert list(map(str, same.cv_results_[column])) == list(map(str, values)), column


def test_a_search_by_events_is_kept(path):
    X, y = data("one")
    truth = [[(label, 0.0, 2.0)] for label in y]
    detector = EventDetector(new("ridge"), hop=1.0)
    search = GridSearchCV(detector, {"threshold": [0.2, 0.5]}, cv=KFold(2), scoring=event_scorer())
    search.fit(X, truth)
    same = kept(search, path)
    assert same.best_params_ == search.best_params_
    pd.testing.assert_frame_equal(same.best_estimator_.events(X), search.best_estimator_.events(X))


ENCODERS = {
    "hashing": HashingEncoder(8),
    "prompts": Prompts(HashingEncoder(8), ["a {label}", "the sound of {label}"]),
    "names through a kernel": make_pipeline(NameReader(), HashingEncoder(8), TextKernel()),
    "lookup": LookupEncoder({"dog": [1.0, 2.0], "rain": [0.0, 1.0], "wind": [3.0, 4.0]}),
    "lookup in a frame": LookupEncoder(pd.DataFrame([[1, 2], [0, 1], [3, 4]], index=["dog", "rain", "wind"])),
}


@pytest.mark.parametrize("name", ENCODERS)
@pytest.mark.parametrize("state", ["fitted", "unfitted"])
def test_encoders_are_kept_alone(name, state, path):
    texts = ["dog", "rain", "wind"]
    encoder = clone(ENCODERS[name])
    vectors = clone(encoder).fit(texts).transform(texts)
    same = (
        kept(encoder.fit(texts), path).transform(texts)
        if state == "fitted"
        else kept(encoder, path).fit_transform(texts)
    )
    np.testing.assert_array_equal(same, vectors)


@pytest.mark.parametrize("transformer", [EmbeddingScaler(), SegmentPooling(), Segmentwise(StandardScaler())])
def test_transformers_are_kept_alone(transformer, path):
    X = data("one")[0]
    fitted_one = clone(transformer).fit(X)
    np.testing.assert_array_equal(kept(fitted_one, path).transform(X), fitted_one.transform(X))


Y_FORMS = {
    "list": lambda y: list(y),
    "array": np.asarray,
    "objects": lambda y: np.asarray(y, dtype=object),
    "series": pd.Series,
    "categorical": pd.Categorical,
    "numbers": lambda y: np.unique(y, return_inverse=True)[1],
    "frame": lambda y: pd.get_dummies(pd.Series(y)),
    "frame of floats": lambda y: pd.get_dummies(pd.Series(y)).astype(np.float32),
    "array of several": lambda y: pd.get_dummies(pd.Series(y)).to_numpy(dtype=int),
}


@pytest.mark.parametrize("form", Y_FORMS)
@pytest.mark.parametrize("name", BOTH_KINDS)
@pytest.mark.filterwarnings("ignore::skzsl.exceptions.LabelTextWarning")
def test_every_form_of_y_comes_back(form, name, path):
    X, y = data("one")
    y = Y_FORMS[form](y)
    model = new(name)
    if form == "array of several" and "label_texts" in model.get_params():
        model.set_params(label_texts=["cat", "dog", "rain", "wind"])
    model.fit(X, y)
    same = kept(model, path)
    predicted = same.predict(X)
    np.testing.assert_array_equal(predicted, model.predict(X))
    assert predicted.dtype == model.predict(X).dtype
    assert same.classes_.dtype == model.classes_.dtype
    assert [type(label) for label in same.classes_.tolist()] == [type(label) for label in model.classes_.tolist()]
    assert skzsl.read_header(path)["labels"] == model.classes_.tolist()


@pytest.mark.parametrize(
    ("labels", "texts"),
    [
        ([True, False], {True: "yes word", False: "no word"}),
        ([np.int64(1), np.int64(0)], {np.int64(1): "yes word", np.int64(0): "no word"}),
        (["1", "0"], {"1": "yes word", 1: "another", "0": "no word"}),
        (["dog", "cat"], {np.str_("dog"): "yes word"}),
    ],
    ids=["bools", "numbers of numpy", "number and its text", "texts of numpy"],
)
def test_keys_of_dicts_come_back_as_they_were(labels, texts, path):
    X, y = data("one")
    model = ZeroShotRidge(HashingEncoder(8), label_texts=texts).fit(X, np.array(labels)[(y > "dog").astype(int)])
    same = kept(model, path)
    np.testing.assert_array_equal(same.predict_proba(X), model.predict_proba(X))
    assert list(same.label_texts) == list(texts)
    np.testing.assert_array_equal(same.fit(X, model.predict(X)).classes_, model.classes_)


def test_a_threshold_for_all_other_labels_comes_back(path):
    X, y = data("several")
    model = new("ridge", threshold={"dog": 0.1, None: 0.3}).fit(X, y)
    np.testing.assert_array_equal(kept(model, path).predict(X), model.predict(X))


def test_tables_of_vectors_come_back_as_one_array(path):
    X, y = data("one")
    frame = pd.DataFrame(np.eye(4), index=["rain", "dog", "wind", "cat"])
    for table in (frame, frame.T.to_dict("list"), VectorTable(list(frame.index), frame.to_numpy())):
        model = ZeroShotRidge(table).fit(X, y)
        same = kept(model, path)
        assert isinstance(same.text_encoder, VectorTable)
        assert dict(same.text_encoder).keys() == {"rain", "dog", "wind", "cat"}
        np.testing.assert_array_equal(same.decision_function(X), model.decision_function(X))
        np.testing.assert_array_equal(same.fit(X, y).coef_, model.coef_)


def test_folders_optimisers_and_paths_come_back_by_name(path, tmp_path):
    X, y = data("one")
    model = new("bilinear, minibatch", optimizer=torch.optim.SGD, memory=joblib.Memory(tmp_path, verbose=0)).fit(X, y)
    same = kept(model, path)
    assert (same.optimizer, same.memory) == ("SGD", str(tmp_path))
    assert model.optimizer is torch.optim.SGD
    np.testing.assert_array_equal(same.fit(X, y).coef_, model.coef_)


def test_early_stopping_and_a_progress_bar_are_kept(path):
    X, y = data("one")
    model = new("temporal attention", validation_fraction=0.3, patience=1, verbose=True).fit(X, y)
    same = kept(model, path)
    assert same.fit(X, y).history_ == model.fit(X, y).history_


def test_a_file_needs_no_trust_of_its_own(path):
    skzsl.save(fitted("multi-level", "several"), path)
    assert skzsl.read_header(path)["foreign"] == []


def test_callbacks_of_skorch_have_to_be_trusted(path):
    from skorch.callbacks import GradientNormClipping

    X, y = data("one")
    model = new("temporal attention", callbacks=[GradientNormClipping(1.0)]).fit(X, y)
    with pytest.warns(UntrustedTypeWarning, match=r"GradientNormClipping.*trusted=\["):
        skzsl.save(model, path)
    foreign = skzsl.read_header(path)["foreign"]
    assert foreign == ["skorch.callbacks.regularization.GradientNormClipping"]
    with pytest.raises(UntrustedModelError, match="GradientNormClipping"):
        skzsl.load(path)
    for trusted in (foreign, [GradientNormClipping]):
        same = skzsl.load(path, trusted=trusted)
        np.testing.assert_array_equal(same.decision_function(X), model.decision_function(X))


def test_a_text_model_that_is_not_the_one_of_fit_scores_no_new_label(path, tmp_path):
    X, y = data("one")
    words = tmp_path / "words.txt"
    words.write_text("rain 1 0 0\ndog 0 1 0\nwind 0 0 1\ncat 1 1 0\nsiren 0 1 1\n")
    model = ZeroShotRidge(skzsl.text.WordVectorEncoder(words)).fit(X, y)
    skzsl.save(model, path)
    expected = model.predict_proba(X, labels=["siren", "dog"])
    np.testing.assert_array_equal(skzsl.load(path).predict_proba(X, labels=["siren", "dog"]), expected)
    words.write_text("rain 0 1 0\ndog 1 0 0\nwind 0 0 1\ncat 1 1 0\nsiren 0 1 1\n")
    other = skzsl.load(path)
    np.testing.assert_array_equal(other.predict(X), model.predict(X))
    with pytest.raises(ModelIntegrityError, match=r"gives '\w+' another vector"):
        other.predict_proba(X, labels=["siren", "dog"])
    words.unlink()
    np.testing.assert_array_equal(skzsl.load(path).predict(X), model.predict(X))
    with pytest.raises(OSError, match="There are no word vectors"):
        skzsl.load(path).predict_proba(X, labels=["siren", "dog"])


def test_the_header_says_what_the_file_holds(path, tmp_path):
    X, y = data("one")
    words = tmp_path / "words.txt"
    words.write_text("rain 1 0 0\ndog 0 1 0\nwind 0 0 1\ncat 1 1 0\nmeow 0 1 1\n")
    model = ZeroShotRidge(skzsl.text.WordVectorEncoder(words), label_texts={"cat": "meow"}).fit(X, y)
    skzsl.save(make_pipeline(EmbeddingScaler(), model).fit(X, y), path, note="Made for a test")
    header = skzsl.read_header(path)
    assert (header["format"], header["model"], header["note"]) == (1, "Pipeline", "Made for a test")
    assert (header["labels"], header["texts"]) == (["cat", "dog", "rain", "wind"], {"cat": "meow"})
    [encoder] = header["encoders"]
    assert (encoder["class"], encoder["path"], len(encoder["sha256"])) == ("WordVectorEncoder", "words.txt", 64)
    assert header["versions"].keys() == {"python", "skzsl", "scikit-learn", "numpy", "torch", "skorch", "skops"}


def test_the_same_model_gives_the_same_arrays_and_no_date(path, tmp_path):
    model = fitted("ridge", "one")
    skzsl.save(model, path)
    with zipfile.ZipFile(path) as archive:
        assert {info.date_time[0] for info in archive.infolist()} == {1980}
        assert "entries" in json.loads(archive.read("skzsl.json"))


@pytest.mark.parametrize("thing", [None, 3, [1], "model", ZeroShotRidge])
def test_what_is_no_estimator_is_refused(thing, path):
    with pytest.raises(TypeError, match="no estimator"):
        skzsl.save(thing, path)
    assert not path.exists()


def test_what_no_file_keeps_is_named(path):
    path.write_text("an older file")
    with pytest.raises(TypeError, match="Pipeline holds what no file keeps"):
        skzsl.save(make_pipeline(FunctionTransformer(lambda X: X), new("ridge")), path)
    with pytest.raises(TypeError, match="note=3"):
        skzsl.save(new("ridge"), path, note=3)
    assert path.read_text() == "an older file"
    assert list(path.parent.iterdir()) == [path]


@pytest.mark.parametrize("trusted", [None, True, "numpy.clip", [3]])
def test_what_is_no_list_of_types_is_not_taken_for_a_damaged_file(trusted, path):
    skzsl.save(new("ridge"), path)
    with pytest.raises(TypeError, match=r"trusted=.*pass a list of types"):
        skzsl.load(path, trusted=trusted)


def test_a_pipeline_without_steps_is_kept(path):
    assert kept(Pipeline([]), path).steps == []


def test_a_missing_folder_and_a_missing_file_are_named(tmp_path):
    with pytest.raises(FileNotFoundError, match="no such place"):
        skzsl.save(new("ridge"), tmp_path / "no such place" / "model")
    with pytest.raises(FileNotFoundError, match="nothing"):
        skzsl.load(tmp_path / "nothing")


def test_a_device_that_is_not_there_is_named(path):
    skzsl.save(fitted("temporal attention", "one"), path)
    with pytest.raises(ValueError, match="cuda:99"):
        skzsl.load(path, device="cuda:99")
    assert next(skzsl.load(path, device="cpu").module_.parameters()).device.type == "cpu"


def test_a_net_of_a_device_that_is_not_there_is_loaded_on_the_cpu(monkeypatch):
    from skorch.exceptions import DeviceWarning

    model, X = fitted("temporal attention", "one"), data("one")[0]
    model._net.device = "cuda:7"
    stored = pickle.dumps(model)
    with pytest.warns(DeviceWarning, match=r"'cuda:7', which is not there"):
        same = pickle.loads(stored)
    np.testing.assert_array_equal(same.decision_function(X), model.decision_function(X))


@pytest.mark.gpu
@pytest.mark.skipif("not __import__('torch').cuda.is_available()", reason="needs a CUDA device")
@pytest.mark.parametrize("name", ["temporal attention", "multi-level"])
def test_a_net_goes_to_another_device(name, path):
    X, y = data("several")
    skzsl.save(new(name, device="cuda").fit(X, y), path)
    on_gpu, on_cpu = skzsl.load(path), skzsl.load(path, device="cpu")
    assert next(on_gpu.module_.parameters()).device.type == "cuda"
    np.testing.assert_allclose(on_gpu.decision_function(X), on_cpu.decision_function(X), atol=1e-5)


_ELSEWHERE = """
import sys
import numpy as np, skzsl
from skzsl.text import _glove, _installed, _minilm

for module in (_glove, _installed):
    module.find_distribution = lambda name: None  # as in an environment without the extras
model, X = skzsl.load(sys.argv[1]), np.load(sys.argv[2])
np.testing.assert_array_equal(model.decision_function(X), np.load(sys.argv[3]))
assert not {"sentence_transformers", "gensim"} & sys.modules.keys(), "loaded without need"
try:
    model.predict(X, labels=["siren", "dog"])
except skzsl.exceptions.ModelNotFoundError as error:
    print(error)
"""


def test_a_model_needs_no_text_model_for_the_labels_of_fit_and_names_the_extra_for_others(path, tmp_path):
    X, y = data("one")
    model = ZeroShotRidge().fit(X, y)
    skzsl.save(model, path)
    np.save(tmp_path / "X.npy", X)
    np.save(tmp_path / "scores.npy", model.decision_function(X))
    arguments = [sys.executable, "-c", _ELSEWHERE, path, tmp_path / "X.npy", tmp_path / "scores.npy"]
    result = subprocess.run(arguments, capture_output=True, text=True, env={**os.environ, "HF_HUB_OFFLINE": "1"})
    assert result.returncode == 0, result.stderr
    assert "pip install 'skzsl[minilm]'" in result.stdout


def test_models_with_unusual_labels_are_kept(path):
    X, y = data("one")
    names = np.array(["Glass (shatter) 💥", 'with "quotes", \\ and\nlines', "日本語", "ö" * 100])
    labels = names[np.unique(y, return_inverse=True)[1]]
    model = ZeroShotRidge(HashingEncoder(8)).fit(X, labels)
    same = kept(model, path)
    np.testing.assert_array_equal(same.predict(X), model.predict(X))
    assert skzsl.read_header(path)["labels"] == sorted(names.tolist())


def test_every_model_of_the_package_is_among_those_kept():
    kinds = {type(model.estimator).__name__ for model in MODELS.values()}
    public = {name for name in skzsl.__all__ if isinstance(getattr(skzsl, name), type)}
    assert public <= kinds | {ThresholdTuner.__name__, ZeroShotNearest.__name__, ZeroShotBilinear.__name__}
