"""What every model promises about its training, whatever it is."""

import pickle
import re

import numpy as np
import pandas as pd
import polars as pl
import pytest
import scipy.sparse as sp
import torch
from agreement import assert_agree
from models import BOTH_KINDS, CASES, EPOCHS, MODELS, NAMES, NETS, POOLED, data, fitted, new
from skorch.callbacks import Callback

every_model = pytest.mark.parametrize(("name", "kind"), CASES)
in_epochs = pytest.mark.parametrize(("name", "kind"), EPOCHS)
nets = pytest.mark.parametrize(("name", "kind"), NETS)
of_both_kinds = pytest.mark.parametrize(
    "name", [name for name in BOTH_KINDS if hasattr(MODELS[name].estimator, "partial_fit")]
)


def scores(model, kind):
    return model.decision_function(data(kind)[0], labels=NAMES)


def weights(model):
    """What a model learned, as one vector."""
    if getattr(model, "_net", None) is None:
        return model.coef_.ravel()
    return np.concatenate([values.detach().numpy().ravel() for values in model.module_.state_dict().values()])


@every_model
def test_a_seed_repeats_a_model_and_leaves_the_global_generator_alone(name, kind):
    before = np.random.get_state()[1].copy(), torch.get_rng_state()  # noqa: NPY002
    np.testing.assert_array_equal(scores(new(name).fit(*data(kind)), kind), scores(fitted(name, kind), kind))
    np.testing.assert_array_equal(np.random.get_state()[1], before[0])  # noqa: NPY002
    assert torch.get_rng_state().equal(before[1])


@in_epochs
def test_another_seed_gives_another_model(name, kind):
    assert not np.array_equal(weights(new(name, random_state=1).fit(*data(kind))), weights(fitted(name, kind)))


LISTS = [["rain"], ["rain", "dog"], []] * 8
BAD_Y = {
    "lists": (lambda y: LISTS, r"skzsl\.indicator_frame"),
    "a series of lists": (lambda y: pd.Series(LISTS), r"skzsl\.indicator_frame"),
    "an array of lists": (lambda y: np.array(LISTS, dtype=object), r"skzsl\.indicator_frame"),
    "a polars series of lists": (lambda y: pl.Series(LISTS), r"skzsl\.indicator_frame"),
    "twos": (lambda y: y * 2, "pass 1 for present and 0 for absent"),
    "NaN": (lambda y: y.astype(float).replace(1, np.nan), "NaN"),
    "duplicates": (lambda y: y.set_axis(["a", "b", "c", "a"], axis=1), r"duplicates: \['a'\]"),
    "length": (lambda y: y[:-1], "inconsistent numbers of samples"),
    "sparse twos": (lambda y: sp.csr_matrix(2 * y.to_numpy()), "pass 1 for present and 0 for absent"),
    "a blank column": (lambda y: y.set_axis(["a", "b", "c", " "], axis=1), "empty label"),
    "a blank label": (lambda y: ["dog", " "] * 12, "empty label"),
    "shares": (lambda y: np.linspace(0, 1, 24), "continuous"),
    "None": (lambda y: None, "requires y"),
}


@pytest.mark.parametrize("name", BOTH_KINDS)
@pytest.mark.parametrize(("change", "message"), BAD_Y.values(), ids=BAD_Y)
def test_bad_y_is_named_before_training_and_loses_nothing(name, change, message):
    model, (X, y) = fitted(name, "several"), data("several")
    bad, before = change(y), vars(model).copy()
    if bad is None and MODELS[name].estimator.__sklearn_tags__().target_tags.required is False:
        return  # it needs no y
    with pytest.raises(ValueError, match=message):
        model.fit(X, bad)
    assert all(vars(model)[attribute] is value for attribute, value in before.items())


@pytest.mark.parametrize("name", [name for name in BOTH_KINDS if name != "zero rule"])
def test_what_leaves_nothing_to_learn_is_refused(name):
    X, y = data("several")
    with pytest.raises(ValueError, match="no positive clip of any label"):
        new(name).fit(X, y * 0)
    with pytest.raises(ValueError, match="one class only, 'dog'"):
        new(name).fit(X, ["dog"] * len(X))
    if MODELS[name].unseen:
        with pytest.raises(ValueError, match="one class only, 'dog'"):
            new(name).fit(X, y[["dog"]])


@of_both_kinds
def test_training_keeps_to_one_kind_of_y(name):
    for kind, other in (("one", "several"), ("several", "one")):
        model = fitted(name, kind)
        expected = scores(model, kind)
        with pytest.raises(ValueError, match=r"y is (one label|an indicator).*, but training began with"):
            model.partial_fit(*data(other))
        np.testing.assert_array_equal(scores(model, kind), expected)
        assert np.shape(model.fit(*data(other)).predict(data(other)[0])) == np.shape(data(other)[1])


@in_epochs
def test_one_pass_at_a_time_is_the_same_as_many(name, kind):
    settings = {"shuffle": False}
    if "one_cycle" in MODELS[name].estimator.get_params(deep=False):
        settings["one_cycle"] = False
    if "dropout" in MODELS[name].estimator.get_params(deep=False):
        settings["dropout"] = 0.0
    if MODELS[name].estimator.lr == "auto":  # which depends on the passes
        settings["lr"] = 0.01
    whole = new(name, max_epochs=3, **settings).fit(*data(kind))
    parts, warm = new(name, **settings), new(name, max_epochs=1, warm_start=True, **settings)
    for _ in range(3):
        parts.partial_fit(*data(kind))
        warm.fit(*data(kind))
    for other in (parts, warm):
        assert_agree(weights(other), weights(whole))
        assert other.n_iter_ == len(other.history_) == 3
        assert [epoch["epoch"] for epoch in other.history_] == ([1, 2, 3] if "epoch" in whole.history_[0] else [])


@in_epochs
def test_training_a_view_leaves_the_model_as_it_was(name, kind):
    model, twin = fitted(name, kind), fitted(name, kind)
    view = model.with_labels(["wind", "rain"]).partial_fit(*data(kind))
    assert sorted(view.classes_.tolist()) == sorted(NAMES)
    assert not np.array_equal(weights(view), weights(model))
    np.testing.assert_array_equal(weights(model), weights(twin))
    np.testing.assert_array_equal(weights(model.partial_fit(*data(kind))), weights(twin.partial_fit(*data(kind))))


@in_epochs
def test_kept_models_of_a_training_in_parts_go_on_alike(name, kind):
    model = fitted(name, kind).partial_fit(*data(kind))
    same = pickle.loads(pickle.dumps(model))
    np.testing.assert_array_equal(weights(same.partial_fit(*data(kind))), weights(model.partial_fit(*data(kind))))


class Fail(Callback):
    armed = False

    def on_epoch_end(self, net, **kwargs):
        if self.armed:
            raise RuntimeError("stopped on purpose")


@nets
def test_training_that_fails_midway_leaves_no_trace(name, kind):
    X, y = data(kind)
    fail = Fail()
    model, twin = new(name, callbacks=[fail]).fit(X, y), new(name, callbacks=[Fail()]).fit(X, y)
    for train in (model.partial_fit, model.fit):
        fail.armed = True
        with pytest.raises(RuntimeError, match="on purpose"):
            train(100 * X, y)
        fail.armed = False
        np.testing.assert_array_equal(weights(model), weights(twin))
    np.testing.assert_array_equal(weights(model.partial_fit(X, y)), weights(twin.partial_fit(X, y)))


@nets
def test_diverging_training_is_an_error_that_names_the_rate(name, kind):
    X, y = data(kind)
    settings = {"lr": 1e30, "weight_decay": 1e30, "optimizer": "SGD"}
    with pytest.raises(ValueError, match=r"Training diverged.*Lower lr=1e\+30"):
        new(name, **settings).fit(X, y)
    model = fitted(name, kind)
    expected = scores(model, kind)
    for train in (model.fit, model.partial_fit):
        model.set_params(**settings)
        with pytest.raises(ValueError, match="diverged"):
            train(X, y)
        np.testing.assert_array_equal(scores(model, kind), expected)


class Recorder(Callback):
    """Weights after every epoch."""

    def on_train_begin(self, net, **kwargs):
        self.seen = []

    def on_epoch_end(self, net, **kwargs):
        self.seen.append({name: values.clone() for name, values in net.module_.state_dict().items()})


@nets
@pytest.mark.parametrize("patience", [2, 4])
def test_early_stopping_waits_for_patience_and_keeps_the_best_weights(name, kind, patience):
    recorder = Recorder()
    settings = {"lr": 0.1, "validation_fraction": 0.3, "patience": patience, "max_epochs": 200}
    model = new(name, callbacks=[recorder], **settings).fit(*data(kind))
    merits = [epoch.get("valid_map", -epoch["valid_loss"]) for epoch in model.history_]
    best = 0
    for epoch, merit in enumerate(merits):
        best = epoch if merit - merits[best] > 1e-4 * abs(merits[best]) else best  # less is no improvement
    assert len(model.history_) == best + 1 + patience < 200
    for parameter, values in model.module_.state_dict().items():
        assert values.equal(recorder.seen[best][parameter])


OTHER_SIZES = [
    ("temporal attention", {"audio_sizes": (9, 8)}),
    ("contrastive, cscm", {"hidden_size": 9}),
    ("contrastive, mlp", {"head": "linear"}),
    ("multi-level", {"hidden_size": 9}),
    ("global-local", {"hidden_size": 9}),
]


@pytest.mark.parametrize(("name", "changed"), OTHER_SIZES, ids=str)
def test_layers_of_other_sizes_need_a_new_start(name, changed):
    model, (X, y) = fitted(name, "several"), data("several")
    with pytest.raises(ValueError, match="layers of other sizes"):
        model.set_params(**changed).partial_fit(X, y)
    np.testing.assert_array_equal(scores(model, "several"), scores(fitted(name, "several"), "several"))
    assert model.fit(X, y).n_iter_ == 2


@pytest.mark.parametrize("name", [name for name, _ in OTHER_SIZES])
def test_the_first_units_of_features_are_kept_when_training_goes_on(name):
    X, y = data("several")
    model = fitted(name, "several")

    def units():
        scaling = [model._scaling.mean, model._scaling.weight] if name in POOLED else []
        buffers = [values.numpy() for key, values in model.module_.named_buffers() if re.search("(shift|weight)$", key)]
        return scaling + buffers

    first = [values.copy() for values in units()]
    assert any(values.mean() > 0.5 for values in first)
    for other in ({}, {"optimizer": "Adam"}, {"standardize": False}):
        model.set_params(**other).partial_fit(5 * X + 3, y)
        for values, kept in zip(units(), first, strict=True):
            np.testing.assert_array_equal(values, kept)


@nets
def test_one_pass_cannot_stop_early(name, kind):
    with pytest.raises(ValueError, match="set validation_fraction=None"):
        new(name, validation_fraction=0.2).partial_fit(*data(kind))


@nets
def test_scores_that_overflow_are_an_error(name, kind):
    X, y = data(kind)
    model = new(name, standardize=False).fit(X, y) if name in POOLED else fitted(name, kind)
    with pytest.raises(ValueError, match="Scores of clip 0 overflow float32"):
        model.predict(1e39 * X.astype(float))


@pytest.mark.parametrize("name", POOLED)
def test_clips_of_unit_length_have_scores_however_large_they_were(name):
    X, _ = data("one")
    model = fitted(name, "one")
    huge = [model.decision_function(factor * X.astype(float)) for factor in (1e30, 1e39, 1e200)]
    assert_agree(huge[1], huge[0])
    assert_agree(huge[2], huge[0])


@every_model
def test_parameters_that_act_after_training_leave_it_alone(name, kind):
    acting = {"temperature": 3.0, "seen_penalty": 0.5, "threshold": 0.1, "stream": "local", "n_top": 2}
    acting |= {"alpha": 0.2, "clip_score": "mean_then_project"}
    acting = {
        parameter: value
        for parameter, value in acting.items()
        if parameter in MODELS[name].estimator.get_params(deep=False)
    }
    model, plain = new(name, **acting).fit(*data(kind)), fitted(name, kind)
    model.set_params(**{parameter: MODELS[name].estimator.get_params(deep=False)[parameter] for parameter in acting})
    np.testing.assert_array_equal(scores(model, kind), scores(plain, kind))
    np.testing.assert_array_equal(model.predict(data(kind)[0]), plain.predict(data(kind)[0]))


@pytest.mark.parametrize(
    ("name", "kind"), [case for case in CASES if "memory" in MODELS[case[0]].estimator.get_params(deep=False)]
)
def test_remembered_trainings_are_those_of_a_fit(name, kind, tmp_path, monkeypatch):
    plain, (X, y) = fitted(name, kind), data(kind)
    new(name, memory=str(tmp_path)).fit(X, y)
    monkeypatch.setattr(
        f"{type(plain).__module__}.{type(plain).__name__}._take_labels", lambda *a, **k: pytest.fail("trained")
    )
    found = new(name, memory=str(tmp_path), threshold=0.3) if kind == "several" else new(name, memory=str(tmp_path))
    found.fit(X, y)
    if kind == "several":
        found.threshold = plain.threshold
    np.testing.assert_array_equal(scores(found, kind), scores(plain, kind))
    np.testing.assert_array_equal(found.predict_proba(X), plain.predict_proba(X))
    with pytest.raises(pytest.fail.Exception, match="trained"):
        found.fit(X[:-1], y[:-1])
