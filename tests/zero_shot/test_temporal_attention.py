import pickle

import numpy as np
import pandas as pd
import pytest
from agreement import assert_agree
from scaled import scaling
from sklearn.model_selection import GridSearchCV, cross_validate

from skzsl import ZeroShotTemporalAttention, indicator_frame, with_labels
from skzsl.exceptions import LabelTextWarning
from skzsl.metrics import mean_average_precision
from skzsl.text import HashingEncoder

UNSEEN = ["fast hum", "medium buzz", "slow beep"]


def make_model(**parameters):
    defaults = {
        "audio_sizes": (16,),
        "text_sizes": (32, 16),
        "optimizer": "AdamW",
        "lr": 0.01,
        "one_cycle": False,
        "max_epochs": 10,
        "batch_size": 64,
        "dropout": 0.0,
        "random_state": 0,
        "device": "cpu",
    }
    return ZeroShotTemporalAttention(HashingEncoder(64), **{**defaults, **parameters})


def make_events(rng, n_clips, n_segments=6):
    """Clips of noise with 0 to 3 events, each in one segment: the sum of a direction for each word of its label.

    Returns the clips, their indicator, and the segment of every label (-1 where it is absent).
    """
    rates, sources = ["slow", "medium", "fast"], ["beep", "buzz", "hum", "ring"]
    direction = {word: rng.normal(size=24) for word in rates + sources}
    labels = [f"{rate} {source}" for rate in rates for source in sources]
    X = 0.3 * rng.normal(size=(n_clips, n_segments, 24))
    place = np.full((n_clips, len(labels)), -1)
    for clip in range(n_clips):
        n_events = rng.integers(0, 4)
        chosen = rng.choice(len(labels), n_events, replace=False)
        place[clip, chosen] = rng.choice(n_segments, n_events, replace=False)
        for label in chosen:
            X[clip, place[clip, label]] += sum(direction[word] for word in labels[label].split())
    return X, pd.DataFrame((place >= 0).astype(np.uint8), columns=labels), pd.DataFrame(place, columns=labels)


@pytest.fixture
def events(rng):
    return make_events(rng, 60)[:2]


@pytest.fixture
def split(rng):
    """Clips without the unseen labels, whose words are all heard, and clips with them."""
    X, y, place = make_events(rng, 500)
    new = y[UNSEEN].any(axis=1).to_numpy()
    return X[~new], y[~new], X[new], y[new], place[new]


@pytest.mark.parametrize(
    "model",
    [make_model(lr=0.003), ZeroShotTemporalAttention(HashingEncoder(64), random_state=0, device="cpu")],
    ids=["small", "default"],
)
def test_unseen_labels_are_ranked_and_located_when_words_compose(split, model):
    X, y, X_new, y_new, place = split
    model.fit(X, y)
    assert model.seen_classes_.tolist() == [label for label in y.columns if label not in UNSEEN]
    assert mean_average_precision(y[model.seen_classes_], model.decision_function(X, model.seen_classes_)) > 0.95
    scores = model.decision_function(X_new, labels=UNSEEN)
    assert mean_average_precision(y_new[UNSEEN], scores) > 0.85
    assert mean_average_precision(y_new[UNSEEN], np.zeros_like(scores)) < 0.5
    found, true = model.attention(X_new, UNSEEN).argmax(axis=2), place[UNSEEN].to_numpy()
    assert np.mean((found == true)[true >= 0]) > 0.85


def test_models_with_one_label_a_clip_recover_unseen_labels(word_sounds):
    X, y = word_sounds
    unseen = np.isin(y, UNSEEN)
    model = make_model(max_epochs=30).fit(X[~unseen], y[~unseen])
    assert model.classes_.tolist() == sorted(set(y) - set(UNSEEN))
    assert model.score(X[~unseen], y[~unseen]) > 0.95
    assert model.score(X[unseen], y[unseen], labels=UNSEEN) > 0.75
    np.testing.assert_array_equal(model.predict(X), model.classes_[model.decision_function(X).argmax(axis=1)])
    np.testing.assert_allclose(model.predict_proba(X).sum(axis=1), 1, rtol=1e-5)
    pair = model.with_labels(["slow beep", "fast hum"])
    assert pair.classes_.tolist() == ["fast hum", "slow beep"]
    assert pair.decision_function(X).shape == (len(X),)


@pytest.mark.parametrize("kind", [np.uint8, bool, float, list])
def test_arrays_take_the_names_of_their_columns_from_label_texts(events, kind):
    X, y = events
    values = y.to_numpy().tolist() if kind is list else y.to_numpy().astype(kind)
    model = make_model(max_epochs=2, label_texts=y.columns.tolist()).fit(X, values)
    np.testing.assert_array_equal(model.decision_function(X), make_model(max_epochs=2).fit(X, y).decision_function(X))
    assert model.score(X, values) == model.score(X, y[y.columns[::-1]])


def test_columns_may_have_longer_texts(events):
    X, y = events
    codes = y.set_axis([f"/m/{column}" for column in range(y.shape[1])], axis=1)
    texts = dict(zip(codes, y, strict=True))
    model = make_model(max_epochs=2, label_texts=texts).fit(X, codes)
    assert model.classes_.tolist() == codes.columns.tolist()
    np.testing.assert_array_equal(model.decision_function(X), make_model(max_epochs=2).fit(X, y).decision_function(X))


def test_arrays_without_names_warn_that_numbers_mean_nothing(events):
    X, y = events
    with pytest.warns(LabelTextWarning, match="such as 0 are numbers"):
        assert make_model(max_epochs=1).fit(X, y.to_numpy()).classes_.tolist() == list(range(12))


def test_five_hundred_labels_train_and_score(rng):
    X, y = rng.normal(size=(40, 3, 5)), (rng.random((40, 500)) < 0.02).astype(np.uint8)
    y[np.arange(500) % 40, np.arange(500)] = 1
    names = [f"word{label // 25} sound{label % 25}" for label in range(500)]
    model = make_model(max_epochs=2).fit(X, pd.DataFrame(y, columns=names))
    assert len(model.seen_classes_) == 500
    assert model.predict(X).shape == (40, 500)
    assert model.decision_function(X, labels=["one"]).shape == (40, 1)
    assert model.attention(X[:2]).shape == (2, 500, 3)


def test_alpha_mixes_attention_and_the_mean_after_training(events):
    X, y = events
    model = make_model(max_epochs=3).fit(X, y)
    weights = [parameter.clone() for parameter in model.module_.parameters()]
    attended, mean = (model.set_params(alpha=alpha).decision_function(X) for alpha in (1.0, 0.0))
    assert (attended - mean > -1e-5).all()
    assert (attended - mean).max() > 0.1
    for alpha in (0.25, 0.5):
        np.testing.assert_allclose(
            model.set_params(alpha=alpha).decision_function(X), alpha * attended + (1 - alpha) * mean, atol=1e-5
        )
    for before, after in zip(weights, model.module_.parameters(), strict=True):
        assert before.equal(after)
    other = make_model(max_epochs=3, alpha=0.1).fit(X, y).set_params(alpha=1.0)
    np.testing.assert_array_equal(other.decision_function(X), attended)


def test_without_attention_the_score_is_the_mean_over_the_segments_alone(events):
    X, y = events
    model = make_model(max_epochs=3, alpha=0.0).fit(X, y)
    of_segments = [model.decision_function(X[:, segment]) for segment in range(X.shape[1])]
    np.testing.assert_allclose(model.decision_function(X), np.mean(of_segments, axis=0), atol=1e-5)
    model.set_params(alpha=1.0)
    weighted = (model.attention(X) * np.stack(of_segments, axis=2)).sum(axis=2)
    np.testing.assert_allclose(model.decision_function(X), weighted, atol=1e-5)


def test_the_mean_can_be_taken_before_the_projection(events):
    X, y = events
    settings = {"max_epochs": 3, "clip_score": "mean_then_project", "alpha": 0.0}
    model = make_model(**settings).fit(X, y)
    np.testing.assert_allclose(model.decision_function(X), model.decision_function(X.mean(axis=1)), atol=1e-5)
    trained = make_model(**settings, train_on="fused").fit(X, y)
    pooled = make_model(max_epochs=3, standardize=False).fit(X.mean(axis=1), y)
    plain = make_model(**settings, train_on="fused", standardize=False).fit(X, y)
    np.testing.assert_allclose(plain.decision_function(X), pooled.decision_function(X.mean(axis=1)), atol=1e-3)
    assert not np.allclose(trained.decision_function(X), model.decision_function(X), atol=1e-2)


def test_training_on_the_fused_score_makes_alpha_a_training_parameter(events):
    X, y = events
    attention, fused = make_model(max_epochs=3).fit(X, y), make_model(max_epochs=3, train_on="fused").fit(X, y)
    whole = make_model(max_epochs=3, train_on="fused", alpha=1.0).fit(X, y).set_params(alpha=0.5)
    assert not np.allclose(attention.decision_function(X), fused.decision_function(X))
    np.testing.assert_array_equal(attention.decision_function(X), whole.decision_function(X))


def test_weights_sum_to_one_and_are_zero_on_absent_segments(events):
    X, y = events
    model = make_model(max_epochs=2).fit(X, y)
    X = X.copy()
    X[::2, 4:] = 0
    weights = model.attention(X, labels=["never met", "slow beep"])
    assert weights.shape == (60, 2, 6)
    np.testing.assert_allclose(weights.sum(axis=2), 1, rtol=1e-5)
    assert (weights[::2, :, 4:] == 0).all()
    assert (weights[1::2] > 0).all()
    assert_agree(model.attention(X)[:, [0]], weights[:, [1]])
    np.testing.assert_array_equal(model.attention(X[:, 0], labels=["never met"]), np.ones((60, 1, 1)))


def test_segments_may_come_in_any_order(events):
    X, y = events
    model = make_model(max_epochs=2).fit(X, y)
    np.testing.assert_allclose(model.decision_function(X[:, ::-1]), model.decision_function(X), atol=1e-5)


def test_standardising_levels_the_units_of_features(events):
    X, y = events
    model = make_model(max_epochs=2).fit(X, y)
    for unit in (1e-12, 1e12):
        moved = unit * (X + np.arange(-12, 12))
        other = make_model(max_epochs=2).fit(moved, y)
        np.testing.assert_allclose(other.decision_function(moved), model.decision_function(X), atol=1e-3)
    units = 10.0 ** np.arange(-6, 6, 0.5)
    shift, weight = scaling(X * units)
    uneven, before = X * units, (X * units - shift) * weight
    inside, plain = make_model(max_epochs=2).fit(uneven, y), make_model(max_epochs=2, standardize=False).fit(before, y)
    np.testing.assert_allclose(inside.decision_function(uneven), plain.decision_function(before), atol=1e-3)
    raw = make_model(max_epochs=2, standardize=False).fit(X, y)
    assert not np.allclose(raw.decision_function(X), model.decision_function(X), atol=1e-2)
    assert np.allclose(raw.module_.shift.numpy(), 0)


def test_features_that_were_constant_in_fit_do_not_swamp_new_clips(rng):
    X, y, _ = make_events(rng, 500, 3)
    X[:, :, 5] = 0.1
    model = make_model(max_epochs=1).fit(X, y)
    changed = X.copy()
    changed[:, :, 5] = 0.2
    np.testing.assert_allclose(model.decision_function(changed), model.decision_function(X), atol=0.5)


def test_features_too_small_for_float32_do_not_spoil_training(events):
    X, y = events
    X = X.copy()
    X[:, :, 5] *= 1e-50
    assert np.isfinite(make_model(max_epochs=1).fit(X, y).decision_function(X)).all()


def test_searches_in_two_processes_choose_training_and_acting_parameters(events):
    X, y = events
    grid = {"max_epochs": [1, 3], "threshold": [0.5, 1.5]}
    search = GridSearchCV(make_model(), grid, scoring="f1_micro", cv=2, n_jobs=2).fit(X, y)
    assert np.isfinite(search.cv_results_["mean_test_score"]).all()
    alone = GridSearchCV(make_model(), grid, scoring="f1_micro", cv=2).fit(X, y)
    np.testing.assert_array_equal(search.cv_results_["mean_test_score"], alone.cv_results_["mean_test_score"])
    np.testing.assert_array_equal(search.predict(X), alone.predict(X))
    assert with_labels(search, UNSEEN).classes_.tolist() == UNSEEN


def test_cross_validation_scores_labels_that_a_fold_has_not_seen(events):
    X, y = events
    scores = cross_validate(make_model(max_epochs=1), X, y, cv=3, scoring=["f1_micro", "accuracy"])
    assert np.isfinite(scores["test_f1_micro"]).all()


@pytest.mark.parametrize(
    ("texts", "y", "message"),
    [
        (["a", "b"], np.eye(3), "2 labels for the 3 columns"),
        (["a", "b", "a"], np.eye(3), "duplicates"),
        (["a", "b", "c"], pd.DataFrame(np.eye(3), columns=list("xyz")), "pass a dict from column to text"),
        (["a", "b", "c"], ["x", "y", "z"], "pass a dict from label to text"),
        ({"x": "same", "y": "same"}, pd.DataFrame(np.eye(3), columns=list("xyz")), "share the text 'same'"),
    ],
    ids=["too few", "duplicates", "names twice", "1-D", "same text"],
)
def test_wrong_label_texts_are_named_before_training(texts, y, message):
    with pytest.raises(ValueError, match=message):
        make_model(label_texts=texts).fit(np.eye(3), y)


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"audio_sizes": (20,)}, "end in different widths"),
        ({"audio_sizes": ()}, "at least one width above 0"),
        ({"text_sizes": (32, 0)}, "at least one width above 0"),
        ({"text_sizes": (32.0, 16)}, "at least one width above 0"),
    ],
    ids=str,
)
def test_projections_into_no_common_space_are_named(parameters, message):
    with pytest.raises(ValueError, match=message):
        make_model(**parameters).fit(np.eye(3), indicator_frame([["rain"], ["dog"], []]))


@pytest.mark.gpu
@pytest.mark.skipif("not __import__('torch').cuda.is_available()", reason="needs a CUDA device")
def test_gpu_ranks_and_locates_as_well_as_the_cpu(split):
    X, y, X_new, y_new, place = split
    ranked, located = {}, {}
    for device in ("cpu", "cuda"):
        model = make_model(lr=0.003, device=device).fit(X.astype(np.float32), y)
        model = pickle.loads(pickle.dumps(model))
        ranked[device] = mean_average_precision(y_new[UNSEEN], model.decision_function(X_new, labels=UNSEEN))
        found, true = model.attention(X_new, UNSEEN).argmax(axis=2), place[UNSEEN].to_numpy()
        located[device] = np.mean((found == true)[true >= 0])
        assert model.partial_fit(X, y).n_iter_ == 11
    assert ranked["cuda"] == pytest.approx(ranked["cpu"], abs=0.1)
    assert located["cuda"] == pytest.approx(located["cpu"], abs=0.15)
