import pickle

import joblib
import numpy as np
import pandas as pd
import polars as pl
import pytest
import scipy.sparse as sp
from agreement import assert_agree
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skzsl import ZeroShotContrastive, with_labels
from skzsl.metrics import mean_average_precision
from skzsl.preprocessing import Segmentwise, pad_segments
from skzsl.text import HashingEncoder, Prompts

HEADS = ["cscm", "mlp", "linear"]
UNSEEN = ["fast hum", "medium buzz", "slow beep"]


def make_model(**parameters):
    defaults = {"hidden_size": 16, "lr": 0.01, "dropout": 0.0, "batch_size": 32, "random_state": 0, "device": "cpu"}
    return ZeroShotContrastive(**{"text_encoder": HashingEncoder(64), **defaults, **parameters})


@pytest.fixture
def sounds(word_sounds, rng):
    """Clips of four segments, of which the first carries the words, and the label of each clip."""
    X, y = word_sounds
    return np.concatenate([X[:, None], rng.normal(size=(120, 3, 24))], axis=1), y


@pytest.fixture
def events(rng):
    """Clips with none to three labels, each a direction in one of four segments, and their indicator."""
    y = pd.DataFrame((rng.random((60, 5)) < 0.3).astype(np.uint8), columns=["rain", "dog", "wind", "cat", "siren"])
    X, direction = 0.3 * rng.normal(size=(60, 4, 12)), 2 * rng.normal(size=(5, 12))
    for clip, label in np.argwhere(y.to_numpy()):
        X[clip, rng.integers(4)] += direction[label]
    return X, y


@pytest.mark.parametrize("kind", ["clips", "segments"])
@pytest.mark.parametrize("head", HEADS)
def test_unseen_labels_are_recovered_when_words_compose(word_sounds, sounds, head, kind):
    X, y = word_sounds if kind == "clips" else sounds
    unseen = np.isin(y, UNSEEN)
    model = make_model(head=head, hidden_size=64).fit(X[~unseen], y[~unseen])
    assert model.classes_.tolist() == model.seen_classes_.tolist() == sorted(set(y) - set(UNSEEN))
    assert model.score(X[~unseen], y[~unseen]) > 0.95
    assert model.score(X[unseen], y[unseen], labels=UNSEEN) > 0.85
    assert set(model.predict(X[unseen])).isdisjoint(UNSEEN)


def test_candidates_are_columns_in_the_order_given(sounds):
    X, y = sounds
    model = make_model(max_epochs=2).fit(X, y)
    labels = ["siren", "slow beep", "fast ring"]
    scores = model.decision_function(X, labels=labels)
    assert scores.shape == (120, 3)
    assert (np.abs(scores) <= model.module_.log_scale.exp().item()).all()
    assert_agree(scores[:, 1], model.decision_function(X)[:, model.classes_ == "slow beep"][:, 0])
    assert_agree(scores[:, ::-1], model.decision_function(X, labels=labels[::-1]))
    best = np.array(labels)[scores.argmax(axis=1)]
    np.testing.assert_array_equal(model.predict(X, labels=labels), best)
    odds = np.exp(scores - scores.max(axis=1, keepdims=True))
    np.testing.assert_allclose(model.predict_proba(X, labels=labels), odds / odds.sum(axis=1, keepdims=True), rtol=1e-4)
    assert [tags[0][0] for tags in model.tag(X, labels=labels)] == best.tolist()
    assert model.score(X, best, labels=labels) == 1.0
    assert model.with_labels(labels).classes_.tolist() == sorted(labels)
    np.testing.assert_array_equal(model.with_labels(labels).predict(X), best)


@pytest.mark.parametrize("head", HEADS)
def test_one_label_a_clip_learns_the_same_as_text_and_as_an_indicator(sounds, head):
    X, y = sounds
    frame = pd.get_dummies(pd.Series(y))
    settings = {"head": head, "max_epochs": 3, "dropout": 0.5}
    model, other = make_model(**settings).fit(X, y), make_model(**settings).fit(X, frame)
    named = make_model(**settings, label_texts=frame.columns.tolist()).fit(X, frame.to_numpy())
    coded = make_model(**settings, label_texts=dict(enumerate(model.classes_.tolist())))
    coded.fit(X, np.searchsorted(model.classes_, y))
    for same in (other, named, coded):
        np.testing.assert_array_equal(same.decision_function(X), model.decision_function(X))
        assert same.history_ == model.history_
    assert other.predict(X).shape == (120, 12)
    assert coded.predict(X).dtype.kind == "i"


@pytest.mark.parametrize("head", HEADS)
def test_several_labels_a_clip_are_ranked(events, head):
    X, y = events
    model = make_model(head=head, max_epochs=40, threshold=0.0).fit(X, y)
    scores = model.decision_function(X)
    assert mean_average_precision(y, scores) > 0.9
    assert mean_average_precision(y, np.zeros_like(scores)) < 0.4
    np.testing.assert_array_equal(model.predict(X), scores > 0)
    assert model.predict(X).dtype == np.uint8
    assert model.set_params(threshold={"dog": 1e9, None: -1e9}).predict(X).mean(axis=0).tolist() == [1, 0, 1, 1, 1]


def test_every_kind_of_frame_trains_the_same_model(events):
    X, y = events
    model = make_model(max_epochs=2).fit(X, y)
    for frame in (pl.DataFrame(y.to_dict("list")), y.astype(bool), y.set_axis(np.arange(60)[::-1], axis=0)):
        other = make_model(max_epochs=2).fit(X, frame)
        assert other.classes_.tolist() == y.columns.tolist()
        np.testing.assert_array_equal(other.decision_function(X), model.decision_function(X))


def test_labels_without_a_positive_clip_are_unseen_and_do_not_train(events):
    X, y = events
    labels = ["bell", *y.columns]
    model, expected = make_model(max_epochs=2).fit(X, y.assign(bell=0)[labels]), make_model(max_epochs=2).fit(X, y)
    assert model.classes_.tolist() == labels
    assert model.seen_classes_.tolist() == y.columns.tolist()
    np.testing.assert_array_equal(model.decision_function(X), expected.decision_function(X, labels=labels))


@pytest.mark.parametrize("filling", [0.0, np.nan], ids=["zeros", "NaN"])
@pytest.mark.parametrize("head", HEADS)
def test_absent_segments_change_neither_training_nor_scores(sounds, head, filling):
    X, y = sounds
    X = pad_segments([clip[: 1 + number % 4] for number, clip in enumerate(X)])
    padded = np.concatenate([X, np.zeros((120, 3, 24))], axis=1)
    padded[(padded == 0).all(axis=2)] = filling
    settings = {"head": head, "max_epochs": 2, "dropout": 0.5}
    model, other = (make_model(**settings).fit(given, y) for given in (X, padded))
    np.testing.assert_allclose(other.decision_function(padded), model.decision_function(X), atol=1e-3)
    np.testing.assert_allclose(model.decision_function(padded), model.decision_function(X), atol=1e-4)
    for clip in range(6):
        alone = model.decision_function(X[[clip], : 1 + clip % 4])[0]
        np.testing.assert_allclose(alone, model.decision_function(X)[clip], atol=1e-4)


@pytest.mark.parametrize("head", HEADS)
def test_clip_vectors_are_clips_of_one_segment(word_sounds, head):
    X, y = word_sounds
    flat, single = (make_model(head=head, max_epochs=2).fit(given, y) for given in (X, X[:, None]))
    np.testing.assert_array_equal(flat.decision_function(X), single.decision_function(X[:, None]))
    assert flat.n_features_in_ == single.n_features_in_ == 24


@pytest.mark.parametrize("head", HEADS)
@pytest.mark.parametrize("dtype", [np.uint8, np.float16, np.float64], ids=lambda kind: np.dtype(kind).name)
def test_narrow_wide_and_memory_mapped_clips_give_the_results_of_float32(sounds, dtype, head, tmp_path):
    X, y = sounds
    X = np.round(20 * X + 100).clip(1, 255).astype(dtype)
    model = make_model(max_epochs=2, head=head).fit(X.astype(np.float32), y)
    np.save(tmp_path / "X.npy", X)
    for given in (X, np.load(tmp_path / "X.npy", mmap_mode="r")):
        np.testing.assert_array_equal(
            make_model(max_epochs=2, head=head).fit(given, y).decision_function(given), model.decision_function(X)
        )
    assert model.module_.shift.mean() > 50


def test_large_inputs_are_scored_in_parts_that_change_nothing(sounds, monkeypatch):
    X, y = sounds
    model = make_model(max_epochs=2).fit(X, y)
    whole = model.decision_function(X)
    monkeypatch.setattr("skzsl.nets.inference._BATCH_BYTES", 2000)
    np.testing.assert_allclose(model.decision_function(X), whole, atol=1e-4)


def test_tokens_form_a_map_row_by_row(sounds):
    X, y = sounds
    settings = {"max_epochs": 2, "shuffle": False}
    row, square = make_model(**settings).fit(X, y), make_model(token_grid=(2, 2), **settings).fit(X, y)
    one = make_model(token_grid=(1, 4), **settings).fit(X, y)
    np.testing.assert_array_equal(one.decision_function(X), row.decision_function(X))
    assert not np.allclose(square.decision_function(X), row.decision_function(X), atol=1e-2)
    scores, head = square.decision_function(X), square.module_.head
    for conv in (head.conv, head.attention.places):
        conv.weight.data = conv.weight.data.transpose(2, 3)
    np.testing.assert_allclose(square.decision_function(X[:, [0, 2, 1, 3]]), scores, atol=1e-4)


def test_segments_that_do_not_fill_the_grid_are_named(sounds):
    X, y = sounds
    message = r"X has {} segments a clip, which do not fill token_grid=\(2, 2\); pass 4 segments"
    with pytest.raises(ValueError, match=message.format(3)):
        make_model(token_grid=(2, 2)).fit(X[:, :3], y)
    model = make_model(token_grid=np.array([2, 2]), max_epochs=1).fit(X, y)
    for call in (model.predict, model.decision_function, lambda X: model.partial_fit(X, y)):
        with pytest.raises(ValueError, match=message.format(2)):
            call(X[:, :2])
        with pytest.raises(ValueError, match=message.format(1)):
            call(X[:, 0])
    assert model.n_iter_ == 1
    scores = model.decision_function(X)
    np.testing.assert_array_equal(model.set_params(token_grid=None).decision_function(X), scores)
    with pytest.raises(ValueError, match=message.format(3)):
        model.predict(X[:, :3])


@pytest.mark.parametrize("head", HEADS)
def test_models_survive_cloning_pickling_and_joblib(sounds, tmp_path, head):
    X, y = sounds
    model = make_model(head=head, max_epochs=2, text_encoder=Prompts(HashingEncoder(32))).fit(X, y)
    joblib.dump(model, tmp_path / "model.joblib")
    labels = ["fast hum", "never met before"]
    for copy in (pickle.loads(pickle.dumps(model)), joblib.load(tmp_path / "model.joblib"), clone(model).fit(X, y)):
        np.testing.assert_array_equal(copy.decision_function(X, labels=labels), model.decision_function(X, labels))
        np.testing.assert_array_equal(copy.predict(X), model.predict(X))
        np.testing.assert_array_equal(
            copy.partial_fit(X, y).decision_function(X),
            pickle.loads(pickle.dumps(model)).partial_fit(X, y).decision_function(X),
        )


def test_pipelines_carry_segments_and_several_labels(events):
    X, y = events
    pipeline = make_pipeline(Segmentwise(StandardScaler()), make_model(max_epochs=2)).fit(X, y)
    assert pipeline.predict(X).shape == y.shape
    for method in ("predict", "predict_proba"):
        of_view = getattr(with_labels(pipeline, UNSEEN), method)(X)
        np.testing.assert_array_equal(of_view, getattr(pipeline, method)(X, labels=UNSEEN))


def test_searches_in_two_processes_choose_prompts_and_dropout(sounds):
    X, y = sounds
    templates = ["an audio clip of {label}", ["{label}", "{label} far away"]]
    grid = {"text_encoder__templates": templates, "dropout": [0.0, 0.5]}
    searches = [
        GridSearchCV(make_model(text_encoder=Prompts(HashingEncoder(32)), max_epochs=2), grid, cv=2, n_jobs=n_jobs)
        for n_jobs in (2, None)
    ]
    both, alone = (search.fit(X, y) for search in searches)
    scores = both.cv_results_["mean_test_score"]
    np.testing.assert_array_equal(scores, alone.cv_results_["mean_test_score"])
    np.testing.assert_array_equal(both.decision_function(X), alone.decision_function(X))
    assert len(set(scores)) > 2
    assert with_labels(both, UNSEEN).classes_.tolist() == UNSEEN


BAD_Y = {
    "lists": (lambda y: [["rain"], ["rain", "dog"]] * 30, r"skzsl\.indicator_frame"),
    "twos": (lambda y: y * 2, "pass 1 for present and 0 for absent"),
    "NaN": (lambda y: y.astype(float).replace(1, np.nan), "NaN"),
    "length": (lambda y: y[:-1], "inconsistent numbers of samples"),
    "sparse": (lambda y: sp.csr_matrix(y.to_numpy()), r"y\.toarray\(\)"),
    "no positive": (lambda y: y * 0, "no positive clip of any label"),
    "one label": (lambda y: y[["dog"]], "one class only, 'dog'"),
    "one class": (lambda y: ["dog"] * 60, "one class only, 'dog'"),
    "empty": (lambda y: ["dog", " "] * 30, "empty label"),
    "numbers": (lambda y: np.linspace(0, 1, 60), "continuous"),
    "None": (lambda y: None, "requires y"),
}


@pytest.mark.parametrize(("change", "message"), BAD_Y.values(), ids=BAD_Y)
def test_bad_y_is_named_before_training_and_loses_nothing(events, change, message, monkeypatch):
    X, y = events
    model = make_model(max_epochs=1).fit(X, y)
    expected = model.decision_function(X)
    monkeypatch.setattr(ZeroShotContrastive, "_train_net", lambda *args, **kwargs: pytest.fail("trained"))
    with pytest.raises(ValueError, match=message):
        model.fit(X, change(y))
    np.testing.assert_array_equal(model.decision_function(X), expected)
    assert model.classes_.tolist() == y.columns.tolist()


BAD_PARAMETERS = [
    *[({"head": head}, "'head' parameter") for head in ("conv", None)],
    *[({"hidden_size": size}, "'hidden_size' parameter") for size in (0, 8.0)],
    *[({"dropout": share}, "'dropout' parameter") for share in (1.0, -0.1)],
    *[({"logit_scale": scale}, "'logit_scale' parameter") for scale in ("fixed", 0, -1.0, np.nan, np.inf, None)],
    *[({"token_grid": grid}, "pass the height and the width") for grid in ((4,), (2, 0), (2.0, 2), (1, 2, 2))],
    ({"token_grid": 4}, "'token_grid' parameter"),
    ({"token_grid": (2, 2), "head": "mlp"}, r"token_grid=\(2, 2\) has no effect on head='mlp'"),
    *[({name: 2}, f"'{name}' parameter") for name in ("standardize", "one_cycle")],
    ({"threshold": None}, "'threshold' parameter"),
    ({"threshold": [0.1, 0.2]}, r"threshold has shape \(2,\)"),
    ({"memory": "cache", "warm_start": True}, "use one of the two"),
]


@pytest.mark.parametrize(("parameters", "message"), BAD_PARAMETERS, ids=str)
def test_bad_parameters_are_named_before_training_and_lose_nothing(events, parameters, message, monkeypatch):
    X, y = events
    model = make_model(max_epochs=1).fit(X, y)
    expected = model.decision_function(X)
    monkeypatch.setattr("skzsl.nets.EmbeddingNet.train", lambda *args, **kwargs: pytest.fail("trained"))
    with pytest.raises(ValueError, match=message):
        model.set_params(**parameters).fit(X, y)
    model.set_params(**{name: getattr(make_model(), name) for name in parameters})
    np.testing.assert_array_equal(model.decision_function(X), expected)


def test_unfitted_models_say_so():
    for call in ("predict", "predict_proba", "decision_function", "tag"):
        with pytest.raises(NotFittedError):
            getattr(make_model(), call)(np.eye(2))
    assert not hasattr(make_model(), "module_")


def test_the_default_text_encoder_reads_the_labels(word_sounds):
    X, y = word_sounds
    model = make_model(text_encoder=None, max_epochs=1).fit(X, y)
    assert model.decision_function(X, labels=["quick hum"]).shape == (120, 1)
    assert model.module_.head.project.out_features == 384


@pytest.mark.gpu
@pytest.mark.skipif("not __import__('torch').cuda.is_available()", reason="needs a CUDA device")
@pytest.mark.parametrize("head", HEADS)
def test_gpu_recovers_unseen_labels_as_well_as_the_cpu(sounds, head):
    X, y = sounds
    unseen, scores = np.isin(y, UNSEEN), {}
    for device in ("cpu", "cuda"):
        model = make_model(head=head, hidden_size=64, dropout=0.2, device=device)
        model = pickle.loads(pickle.dumps(model.fit(X[~unseen].astype(np.float32), y[~unseen])))
        scores[device] = model.score(X[unseen], y[unseen], labels=UNSEEN)
        assert model.partial_fit(X, y).n_iter_ == 21
    assert scores["cuda"] == pytest.approx(scores["cpu"], abs=0.15)
