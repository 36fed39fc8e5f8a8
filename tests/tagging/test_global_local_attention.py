import pickle

import joblib
import numpy as np
import pandas as pd
import pytest
from joblib import Memory
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from sklearn.frozen import FrozenEstimator
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline

from skzsl import GlobalLocalAttentionClassifier, MultiLevelAttentionClassifier, ZeroRuleClassifier
from skzsl.metrics import mean_average_precision

LABELS = ["siren", "rain", "dog", "wind"]
SMALL = {"hidden_size": 16, "lr": 0.02, "dropout": 0.0, "batch_size": 32, "random_state": 0, "device": "cpu"}


def make_model(global_net=None, **parameters):
    return GlobalLocalAttentionClassifier(global_net, **{**SMALL, "max_epochs": 2, **parameters})


def make_net(architecture="1-A", **parameters):
    return MultiLevelAttentionClassifier(architecture, **{**SMALL, "max_epochs": 3, **parameters})


def make_events(rng, n_clips, n_segments=12):
    """Clips of noise with 0 to 3 events in one segment each; indicator, and segment of each event (-1 for none)."""
    direction, place = rng.normal(size=(4, 12)), np.full((n_clips, 4), -1)
    X = 0.5 * rng.normal(size=(n_clips, n_segments, 12))
    for clip in range(n_clips):
        n_events = rng.integers(0, 4)
        chosen = rng.choice(4, n_events, replace=False)
        place[clip, chosen] = rng.choice(n_segments, n_events, replace=False)
        X[clip, place[clip, chosen]] += 1.5 * direction[chosen]
    return X, pd.DataFrame((place >= 0).astype(np.uint8), columns=LABELS), place


@pytest.fixture
def events(rng):
    return make_events(rng, 60)[:2]


def streams(model, X):
    return {stream: model.set_params(stream=stream).predict_proba(X) for stream in ("global", "local", "fused")}


def state(module):
    return {name: values.clone() for name, values in module.state_dict().items()}


def assert_same(first, second):
    assert first.keys() == second.keys()
    for name, values in first.items():
        assert values.equal(second[name]), name


@pytest.mark.parametrize("training", ["joint", "frozen_global"])
@pytest.mark.parametrize("net", [None, make_net("1-A", max_epochs=12)], ids=["conv", "multi-level"])
def test_both_streams_tag_and_windows_hold_the_events(rng, training, net):
    X, y, place = make_events(rng, 400)
    model = make_model(net, training=training, max_epochs=12).fit(X[:200], y[:200])
    chance = y[200:].mean().mean()
    for probabilities in streams(model, X[200:]).values():
        assert mean_average_precision(y[200:], probabilities) > 0.8 > chance + 0.2
    labels, spans = model.windows(X[200:])
    columns = pd.Index(LABELS).get_indexer(labels.ravel()).reshape(labels.shape)
    true = np.take_along_axis(place[200:], columns, axis=1)
    sure = np.take_along_axis(model.set_params(stream="global").predict_proba(X[200:]), columns, axis=1) > 0.6
    inside = (spans[:, :, 0] <= true) & (true < spans[:, :, 1])
    sure &= true >= 0
    assert sure.sum() > 20
    assert inside[sure].mean() > 0.8


@pytest.mark.parametrize(("window", "n_windows"), [(1, 1), (3, 4), (4, 10), (50, 2)])
@pytest.mark.parametrize("suppress", [False, True])
def test_windows_lie_inside_the_clip_and_the_best_label_comes_first(events, window, n_windows, suppress):
    X, y = events
    model = make_model(window=window, n_windows=n_windows, suppress=suppress).fit(X, y)
    X, lengths = X.copy(), np.arange(60) % 12 + 1
    X[np.arange(12) >= lengths[:, None]] = 0
    labels, spans = model.windows(X)
    assert labels.shape == (60, min(n_windows, 4))
    assert spans.shape == (60, min(n_windows, 4), 2)
    assert (spans[:, :, 0] >= 0).all()
    assert (spans[:, :, 1] <= lengths[:, None]).all()
    np.testing.assert_array_equal(
        np.diff(spans, axis=2)[:, :, 0], np.minimum(window, lengths)[:, None].repeat(labels.shape[1], 1)
    )
    order = np.argsort(-model.set_params(stream="global").predict_proba(X), axis=1, kind="stable")
    np.testing.assert_array_equal(labels, np.array(LABELS)[order[:, :n_windows]])


def test_a_view_keeps_the_labels_that_choose(events):
    X, y = events
    model = make_model(n_windows=2).fit(X, y)
    for whole, of_view in zip(model.windows(X), model.with_labels(["dog"]).windows(X), strict=True):
        np.testing.assert_array_equal(of_view, whole)


def test_suppressed_windows_spread(events):
    X, y = events
    starts = {}
    for suppress in (False, True):
        model = make_model(window=8, n_windows=4, suppress=suppress).fit(X, y)
        _, spans = model.windows(X)
        starts[suppress] = np.mean([len(np.unique(clip)) for clip in spans[:, :, 0]])
    assert starts[True] > starts[False]


def test_clip_vectors_are_one_window(events):
    X, y = events
    _, spans = make_model().fit(X[:, 0], y).windows(X[:, 0])
    np.testing.assert_array_equal(spans, np.broadcast_to([0, 1], (60, 4, 2)))


def test_the_streams_are_fused_as_published_and_chosen_after_training(events):
    X, y = events
    model = make_model(training="joint").fit(X, y)
    before, of = state(model.module_), streams(model, X)
    pair = np.stack([of["global"], of["local"]])
    np.testing.assert_allclose(of["fused"], 0.75 * pair.max(axis=0) + 0.25 * pair.min(axis=0), rtol=1e-5)
    assert np.abs(of["global"] - of["local"]).max() > 0.01
    assert_same(state(model.module_), before)
    np.testing.assert_array_equal(make_model(stream="local").fit(X, y).predict_proba(X), of["local"])
    with pytest.raises(ValueError, match=r"stream='golbal'; pass 'fused', 'global' or 'local'"):
        model.set_params(stream="golbal").predict_proba(X)


def test_single_labels_have_probabilities_that_sum_to_one_in_every_stream(events):
    X, y = events
    names = y.to_numpy().argmax(axis=1)
    model = make_model().fit(X, names)
    for clips in (X, 1e5 * X):
        for probabilities in streams(model, clips).values():
            np.testing.assert_allclose(probabilities.sum(axis=1), 1, rtol=1e-5)
        for labels in ([2, 3], [0]):
            of_some = model.set_params(stream="global").predict_proba(clips, labels=labels)
            np.testing.assert_allclose(of_some.sum(axis=1), 1, rtol=1e-5)


@pytest.mark.parametrize("frozen", [False, True], ids=["given", "frozen"])
def test_a_global_net_trained_first_predicts_as_it_does_alone(events, frozen):
    X, y = events
    alone = make_net("2-A-1-A").fit(X, y)
    net = FrozenEstimator(alone) if frozen else clone(alone)
    before = state(alone.module_)
    model = make_model(net, training="frozen_global", stream="global").fit(X, y)
    np.testing.assert_array_equal(model.predict_proba(X), alone.predict_proba(X))
    model.partial_fit(X, y).set_params(warm_start=True).fit(X, y)
    np.testing.assert_array_equal(model.predict_proba(X), alone.predict_proba(X))
    assert_same(state(alone.module_), before)
    names = y.to_numpy().argmax(axis=1)
    single = make_net().fit(X, names)
    model = make_model(FrozenEstimator(single) if frozen else clone(single), training="frozen_global", stream="global")
    np.testing.assert_array_equal(model.fit(X, names).predict_proba(X), single.predict_proba(X))


def test_the_own_global_stream_can_be_trained_first_too(events):
    X, y = events
    model = make_model(training="frozen_global", max_epochs=3, validation_fraction=None).fit(X, y)
    assert model.n_iter_ == len(model.history_) == 6
    assert [epoch["epoch"] for epoch in model.history_] == [1, 2, 3, 4, 5, 6]
    stream = state(model.module_.global_stream)
    local = state(model.module_.local_stream)
    model.partial_fit(X, y)
    assert model.n_iter_ == 7
    assert_same(state(model.module_.global_stream), stream)
    assert any(not values.equal(local[name]) for name, values in model.module_.local_stream.state_dict().items())


def test_joint_training_trains_both_streams(events):
    X, y = events
    for net in (None, make_net()):
        model = make_model(net).fit(X, y)
        before = state(model.module_)
        after = model.partial_fit(X, y).module_.state_dict()
        still = {name for name, values in before.items() if values.equal(after[name])}
        assert still == {name for name in before if name.endswith("stream.shift") or name.endswith("stream.weight")}


NEITHER = "pass a MultiLevelAttentionClassifier, a FrozenEstimator of a fitted one, 'multi-level' or None"


@pytest.mark.parametrize(
    ("wrong", "training", "message"),
    [
        ("2-A-1-A", "joint", NEITHER),
        (MultiLevelAttentionClassifier, "joint", NEITHER),
        (ZeroRuleClassifier(), "joint", NEITHER),
        (make_model(), "joint", NEITHER),
        (FrozenEstimator(make_net()), "joint", 'training="joint" trains the global net, which is frozen'),
        (FrozenEstimator(make_net()), "frozen_global", "not fitted yet"),
        (make_net("A-1"), "joint", "architecture='A-1'"),
        (make_net(hidden_size=0), "joint", "'hidden_size' parameter"),
        (make_net(attention_activation="foo"), "joint", "'attention_activation' parameter"),
        (make_net(dropout=1.5), "frozen_global", "'dropout' parameter"),
    ],
    ids=["text", "class", "zero rule", "nested", "frozen", "unfitted", "architecture", "width", "reading", "dropout"],
)
def test_wrong_global_nets_are_refused(events, wrong, training, message):
    with pytest.raises(ValueError, match=message):
        make_model(wrong, training=training).fit(*events)


def test_frozen_nets_of_other_labels_or_features_are_refused(events):
    X, y = events
    frozen = FrozenEstimator(make_net(max_epochs=1).fit(X, y))
    model = make_model(frozen, training="frozen_global")
    for other in (y[LABELS[::-1]], y[["dog", "rain"]], y.assign(bell=1)):
        with pytest.raises(ValueError, match="frozen global net was fitted on labels"):
            model.fit(X, other)
    with pytest.raises(ValueError, match="fitted on 12 features, X has 7"):
        model.fit(X[:, :, :7], y)
    with pytest.raises(ValueError, match=NEITHER):
        make_model(FrozenEstimator(make_pipeline(frozen.estimator)), training="frozen_global").fit(X, y)
    with pytest.raises(ValueError, match="needs fit to train the global stream"):
        model.partial_fit(X, y)
    with pytest.raises(NotFittedError):
        model.windows(X)


@pytest.mark.parametrize("net", [None, make_net()], ids=["conv", "multi-level"])
def test_other_streams_need_a_new_start(events, net):
    X, y = events
    model = make_model(net).fit(X, y)
    expected = model.predict_proba(X)
    changes = [{"n_conv_layers": 2}, {"hidden_size": 9}, {"global_net": make_net("3-A")}]
    for change in changes if net is None else [*changes, {"global_net": None}]:
        other = pickle.loads(pickle.dumps(model)).set_params(**change)
        with pytest.raises(ValueError, match="layers of other sizes"):
            other.partial_fit(X, y)
    if net is not None:
        with pytest.raises(ValueError, match="layers of other sizes"):
            model.set_params(global_net__hidden_size=9).partial_fit(X, y)
        model.set_params(global_net__hidden_size=16)
    np.testing.assert_array_equal(model.predict_proba(X), expected)


@pytest.mark.parametrize(
    "changed",
    [
        *({"n_windows": 1}, {"window": 1}, {"suppress": False}, {"training": "frozen_global"}),
        *({"n_conv_layers": 0}, {"n_conv_layers": 2}, {"global_net": None}, {"global_net__hidden_size": 9}),
    ],
    ids=str,
)
def test_every_parameter_of_the_net_reaches_it(events, changed):
    X, y = events
    before = make_model(make_net(), window=8)
    after = clone(before).set_params(**changed)
    assert np.abs(after.fit(X, y).predict_proba(X) - before.fit(X, y).predict_proba(X)).max() > 1e-4


def test_searches_reach_inside_the_global_net(events):
    X, y = events
    grid = {"global_net__hidden_size": [4, 8], "stream": ["global", "fused"]}
    search = GridSearchCV(make_model(make_net()), grid, scoring="f1_micro", cv=2, n_jobs=2).fit(X, y)
    alone = GridSearchCV(make_model(make_net()), grid, scoring="f1_micro", cv=2).fit(X, y)
    np.testing.assert_array_equal(search.cv_results_["mean_test_score"], alone.cv_results_["mean_test_score"])
    widths = search.best_estimator_.module_.global_stream.blocks[0][0][0].out_features
    assert widths == search.best_params_["global_net__hidden_size"]


@pytest.mark.parametrize("frozen", [False, True], ids=["given", "frozen"])
def test_streams_and_thresholds_are_searched_with_one_training_a_fold(events, frozen, tmp_path):
    X, y = events
    net = FrozenEstimator(make_net().fit(X, y)) if frozen else make_net()
    model = make_model(net, training="frozen_global", memory=Memory(tmp_path, verbose=0))
    grid = {"stream": ["global", "local"], "threshold": [0.3, 0.5]}
    GridSearchCV(model, grid, scoring="f1_micro", cv=2, n_jobs=2).fit(X, y)
    assert len(list(tmp_path.rglob("output.pkl"))) == 3


def test_models_with_nets_inside_survive_pickling_and_joblib(events, tmp_path):
    X, y = events
    for net in (make_net(), FrozenEstimator(make_net().fit(X, y))):
        model = make_model(net, training="frozen_global").fit(X, y).partial_fit(X, y)
        joblib.dump(model, tmp_path / "model.joblib")
        expected = model.predict_proba(X)
        again = clone(model).fit(X, y).partial_fit(X, y)
        twins = (pickle.loads(pickle.dumps(model)), joblib.load(tmp_path / "model.joblib"), again)
        model.partial_fit(X, y)
        for twin in twins:
            np.testing.assert_array_equal(twin.predict_proba(X), expected)
            np.testing.assert_array_equal(twin.partial_fit(X, y).predict_proba(X), model.predict_proba(X))


@pytest.mark.gpu
@pytest.mark.skipif("not __import__('torch').cuda.is_available()", reason="needs a CUDA device")
@pytest.mark.parametrize("training", ["joint", "frozen_global"])
@pytest.mark.parametrize("architecture", [None, "1-A"], ids=["conv", "multi-level"])
def test_gpu_ranks_as_well_as_the_cpu(rng, training, architecture):
    X, y, _ = make_events(rng, 400)
    ranked = {}
    for device in ("cpu", "cuda"):
        net = architecture and make_net(architecture, device=device, max_epochs=12)
        model = make_model(net, training=training, device=device, max_epochs=12, dropout=0.2, averaged_epochs=2)
        model = pickle.loads(pickle.dumps(model.fit(X[:200].astype(np.float32), y[:200])))
        ranked[device] = [mean_average_precision(y[200:], scores) for scores in streams(model, X[200:]).values()]
        labels, spans = model.windows(X)
        assert labels.shape == spans.shape[:2] == (400, 4)
        assert model.partial_fit(X, y).history_[-1]["train_loss"] > 0
    assert min(ranked["cpu"]) > 0.75
    np.testing.assert_allclose(ranked["cuda"], ranked["cpu"], atol=0.08)


def test_a_warm_start_keeps_to_its_frozen_net(events):
    X, y = events
    first, other = (make_net(random_state=seed).fit(X, y) for seed in (0, 1))
    model = make_model(FrozenEstimator(first), training="frozen_global", warm_start=True).fit(X, y)
    epochs = model.n_iter_
    with pytest.raises(ValueError, match="not the frozen net of the last fit"):
        model.set_params(global_net=FrozenEstimator(other)).fit(X, y)
    assert model.n_iter_ == epochs
    model.set_params(global_net=FrozenEstimator(pickle.loads(pickle.dumps(first)))).fit(X, y)
    assert model.n_iter_ == 2 * epochs


def test_settings_of_the_local_stream_are_checked_before_the_global_net_trains(events, monkeypatch):
    monkeypatch.setattr(MultiLevelAttentionClassifier, "fit", lambda *args: pytest.fail("trained"))
    with pytest.raises(ValueError, match="optimizer='Adamm'"):
        make_model(make_net(), training="frozen_global", optimizer="Adamm").fit(*events)
