import pickle

import numpy as np
import pandas as pd
import pytest
from sklearn.model_selection import GridSearchCV

from skzsl import ZeroShotContrastive, with_labels
from skzsl.metrics import mean_average_precision
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


@pytest.mark.parametrize("head", HEADS)
def test_several_labels_a_clip_are_ranked(events, head):
    X, y = events
    model = make_model(head=head, max_epochs=40, threshold=0.0).fit(X, y)
    scores = model.decision_function(X)
    assert mean_average_precision(y, scores) > 0.9
    assert (np.abs(scores) <= 1.0001 * model.module_.log_scale.exp().item()).all()
    assert mean_average_precision(y, np.zeros_like(scores)) < 0.4
    np.testing.assert_array_equal(model.predict(X), scores > 0)
    assert model.predict(X).dtype == np.uint8
    assert model.set_params(threshold={"dog": 1e9, None: -1e9}).predict(X).mean(axis=0).tolist() == [1, 0, 1, 1, 1]


def test_tokens_form_a_map_row_by_row(sounds):
    X, y = sounds
    settings = {"head": "cscm", "max_epochs": 2, "shuffle": False}
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
        make_model(head="cscm", token_grid=(2, 2)).fit(X[:, :3], y)
    model = make_model(head="cscm", token_grid=np.array([2, 2]), max_epochs=1).fit(X, y)
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


BAD_PARAMETERS = [
    *[
        ({"head": "cscm", "token_grid": grid}, "pass the height and the width")
        for grid in ((4,), (2, 0), (2.0, 2), (1, 2, 2))
    ],
    ({"token_grid": (2, 2), "head": "mlp"}, r"token_grid=\(2, 2\) has no effect on head='mlp'"),
    ({"threshold": [0.1, 0.2]}, r"threshold has shape \(2,\)"),
    ({"memory": "cache", "warm_start": True}, "use one of the two"),
]


@pytest.mark.parametrize(("parameters", "message"), BAD_PARAMETERS, ids=str)
def test_settings_that_do_not_go_together_lose_nothing(events, parameters, message, monkeypatch):
    X, y = events
    model = make_model(max_epochs=1).fit(X, y)
    expected = model.decision_function(X)
    monkeypatch.setattr("skzsl.nets.EmbeddingNet.train", lambda *args, **kwargs: pytest.fail("trained"))
    with pytest.raises(ValueError, match=message):
        model.set_params(**parameters).fit(X, y)
    model.set_params(**{name: getattr(make_model(), name) for name in parameters})
    np.testing.assert_array_equal(model.decision_function(X), expected)


def test_the_default_text_encoder_reads_the_labels(word_sounds):
    X, y = word_sounds
    model = make_model(head="cscm", text_encoder=None, max_epochs=1).fit(X, y)
    assert model.decision_function(X, labels=["quick hum"]).shape == (120, 1)
    assert model.module_.head.project.out_features == 12 + 384 + 50  # the kernel of the labels, MiniLM and GloVe


@pytest.mark.gpu
@pytest.mark.skipif("not __import__('torch').cuda.is_available()", reason="needs a CUDA device")
@pytest.mark.parametrize("head", HEADS)
def test_gpu_recovers_unseen_labels_as_well_as_the_cpu(sounds, head):
    X, y = sounds
    unseen, scores = np.isin(y, UNSEEN), {}
    for device in ("cpu", "cuda"):
        model = make_model(head=head, hidden_size=64, dropout=0.2, max_epochs=20, device=device)
        model = pickle.loads(pickle.dumps(model.fit(X[~unseen].astype(np.float32), y[~unseen])))
        scores[device] = model.score(X[unseen], y[unseen], labels=UNSEEN)
        assert model.partial_fit(X, y).n_iter_ == 21
    assert scores["cuda"] == pytest.approx(scores["cpu"], abs=0.15)


@pytest.mark.parametrize(("head", "other"), [("cscm", "mlp"), ("mlp", "cscm"), ("linear", "cscm")])
def test_a_trained_net_reads_what_it_was_trained_on(sounds, head, other):
    model = make_model(head=head, max_epochs=1).fit(*sounds)
    expected = model.decision_function(sounds[0], labels=UNSEEN)
    np.testing.assert_array_equal(model.set_params(head=other).decision_function(sounds[0], labels=UNSEEN), expected)
