"""What "auto" makes of the number of clips: batches, epochs, learning rates and regularisers."""

import re

import numpy as np
import pandas as pd
import pytest
from agreement import assert_agree
from sklearn.base import clone
from skorch.callbacks import Callback

from skzsl import (
    GlobalLocalAttentionClassifier,
    MultiLevelAttentionClassifier,
    ZeroShotBilinear,
    ZeroShotContrastive,
    ZeroShotRidge,
    ZeroShotRidgeCV,
    ZeroShotTemporalAttention,
)
from skzsl._training import EpochTraining, auto_batch_size
from skzsl.text import HashingEncoder

NAMES = ["rain", "dog", "wind", "cat"]
TEXTS = HashingEncoder(16)
ONLINE = ZeroShotBilinear(TEXTS, random_state=0)
NETS = {
    "bilinear": ZeroShotBilinear(TEXTS, solver="minibatch", device="cpu", random_state=0),
    "contrastive": ZeroShotContrastive(TEXTS, hidden_size=4, device="cpu", random_state=0),
    "attention": ZeroShotTemporalAttention(TEXTS, audio_sizes=(4,), text_sizes=(4,), device="cpu", random_state=0),
    "multi-level": MultiLevelAttentionClassifier("1-A", hidden_size=4, device="cpu", random_state=0),
    "global-local": GlobalLocalAttentionClassifier(hidden_size=4, device="cpu", random_state=0),
}
STEPS = {  # that "auto" epochs aim at, and how few and many they may be
    ZeroShotBilinear: (100, 2, 10),
    ZeroShotContrastive: (125, 1, 8),
    ZeroShotTemporalAttention: (500, 1, 8),
    MultiLevelAttentionClassifier: (1700, 3, 20),
    GlobalLocalAttentionClassifier: (1200, 3, 20),
}


def clips(n_clips, seed=0):
    """Clips of single vectors, and a label of each; all labels occur."""
    rng = np.random.default_rng(seed)
    codes = np.arange(n_clips) % len(NAMES)
    return rng.normal(size=(n_clips, 3)) + 2 * codes[:, None], np.array(NAMES)[codes]


def documented(kind, name):
    text = " ".join(kind.__doc__.split())
    return re.search(rf"{name} : .*?(?= [a-z_]+ : [^:]*?default=| Attributes -)", text)[0]


class Batches(Callback):
    """Sizes of the batches of a training."""

    sizes: list = []

    def on_train_begin(self, net, **kwargs):
        self.sizes.clear()

    def on_batch_end(self, net, batch=None, training=False, **kwargs):
        if training:
            self.sizes.append(len(batch[1]))


@pytest.mark.parametrize(
    ("n_clips", "size"), [(1, 16), (2, 16), (200, 16), (201, 32), (800, 32), (801, 64), (1600, 64), (20_000, 256)]
)
def test_batches_grow_with_the_root_of_the_clips(n_clips, size):
    assert auto_batch_size(n_clips) == size


def test_batches_have_from_16_to_1024_clips():
    sizes = [auto_batch_size(n_clips) for n_clips in (1, 10, 10**5, 10**6, 2 * 10**6, 10**9)]
    assert sizes == [16, 16, 512, 1024, 1024, 1024]
    for n_clips in range(70, 10_000):
        size = auto_batch_size(n_clips)
        assert size**2 / 2 <= 2.56 * n_clips <= 2 * size**2


@pytest.mark.parametrize("kind", STEPS)
def test_lengths_are_the_documented_ones(kind):
    steps, fewest, most = STEPS[kind]
    assert (kind._auto_steps, kind._auto_epochs) == (steps, (fewest, most))
    text = documented(kind, "max_epochs")
    if kind is ZeroShotBilinear:
        assert "as make 5,000 steps, 1 to 10;" in text
        assert f'for "minibatch" {steps} steps, {fewest} to {most}.' in text
    else:
        assert f'"auto" is as many as make {steps:,} steps, {fewest} to {most}.' in text
    batches = '"auto" is the power of 2 next to 1.6 times the root of the clips, 16 to 1024.'
    assert batches in documented(kind, "batch_size")
    assert {kind().max_epochs, kind().batch_size} == {"auto"}


def test_every_estimator_that_trains_in_epochs_is_here():
    def kinds_of(kind):
        below = [other for other in kind.__subclasses__() if other.__module__.startswith("skzsl.")]
        return set().union(*map(kinds_of, below)) if below else {kind}

    assert kinds_of(EpochTraining) == set(STEPS)


@pytest.mark.parametrize(
    ("n_clips", "epochs"), [(8, 10), (500, 10), (501, 10), (600, 9), (2500, 2), (5000, 1), (6000, 1)]
)
def test_online_training_makes_about_5000_steps(n_clips, epochs):
    assert clone(ONLINE).fit(*clips(n_clips)).n_iter_ == epochs


@pytest.mark.parametrize(
    ("name", "n_clips", "batch_size", "epochs"),
    [
        *[("bilinear", 24, "auto", 10), ("bilinear", 400, "auto", 8), ("bilinear", 24, 1, 5), ("bilinear", 150, 2, 2)],
        *[("contrastive", 24, "auto", 8), ("contrastive", 50, 2, 5), ("contrastive", 300, 2, 1)],
        *[("attention", 24, "auto", 8), ("attention", 120, 1, 5), ("attention", 500, 1, 1)],
        *[("multi-level", 24, "auto", 20), ("multi-level", 250, 2, 14), ("global-local", 24, "auto", 20)],
    ],
)
def test_nets_make_about_as_many_steps_as_documented(name, n_clips, batch_size, epochs):
    model = clone(NETS[name]).set_params(batch_size=batch_size)
    assert model.fit(*clips(n_clips)).n_iter_ == len(model.history_) == epochs


@pytest.mark.parametrize(("n_clips", "epochs"), [(20_000, [2, 2, 7, 20, 16]), (2_000_000, [2, 1, 1, 3, 3])])
def test_more_clips_take_fewer_passes_and_of_millions_zero_shot_nets_take_one_or_two(n_clips, epochs):
    assert [model._epochs("auto", n_clips) for model in NETS.values()] == epochs


@pytest.mark.parametrize("name", NETS)
def test_nets_take_batches_of_the_clips_of_each_call(name):
    X, y = clips(300)
    model = clone(NETS[name]).set_params(callbacks=[Batches()], max_epochs=1)
    model.fit(X, y)
    assert set(Batches.sizes) == {32, 300 % 32}
    model.partial_fit(X[:200], y[:200])
    assert set(Batches.sizes) == {16, 200 % 16}
    assert model.n_iter_ == 2


@pytest.mark.parametrize("name", NETS)
def test_numbers_given_by_hand_are_kept(name):
    model = clone(NETS[name]).set_params(callbacks=[Batches()], max_epochs=4, batch_size=7)
    assert model.fit(*clips(40)).n_iter_ == 4
    assert sorted(Batches.sizes) == sorted([7, 7, 7, 7, 7, 5] * 4)
    assert (model.max_epochs, model.batch_size) == (4, 7)


def test_partial_fit_is_one_pass_and_a_warm_start_another_fit():
    X, y = clips(24)
    for model in (clone(ONLINE), *map(clone, NETS.values())):
        assert model.partial_fit(X, y).partial_fit(X, y).n_iter_ == 2
        n_epochs = clone(model).fit(X, y).n_iter_
        again = clone(model).set_params(warm_start=True).fit(X, y).fit(X, y)
        assert again.n_iter_ == 2 * n_epochs


@pytest.mark.parametrize("wrong", ["all", 0, 1.5, None])
@pytest.mark.parametrize("parameter", ["max_epochs", "batch_size"])
def test_other_lengths_are_refused(parameter, wrong):
    for model in NETS.values():
        with pytest.raises(ValueError, match=f"The '{parameter}' parameter"):
            clone(model).set_params(**{parameter: wrong}).fit(*clips(8))


def rate(n_labels, n_steps):
    return 2 / (n_labels * np.sqrt(n_steps))


@pytest.mark.parametrize("epochs", [1, 3, "auto"])
def test_rate_of_online_training_falls_with_labels_and_steps(epochs):
    X, y = clips(40)
    auto = clone(ONLINE).set_params(max_epochs=epochs).fit(X, y)
    given = clone(ONLINE).set_params(max_epochs=epochs, lr=rate(4, 40 * auto.n_iter_)).fit(X, y)
    assert_agree(auto.coef_, given.coef_)
    assert auto.lr == "auto"
    two = np.isin(y, NAMES[:2])
    auto = clone(ONLINE).set_params(max_epochs=3).fit(X[two], y[two])
    assert_agree(auto.coef_, clone(ONLINE).set_params(max_epochs=3, lr=rate(2, 60)).fit(X[two], y[two]).coef_)


def test_rate_of_partial_fit_counts_the_clips_so_far():
    (X, y), (later, y_later) = clips(24), clips(30, seed=1)
    y_later[0] = "siren"
    auto = clone(ONLINE).partial_fit(X, y).partial_fit(later, y_later)
    given = clone(ONLINE).set_params(lr=rate(4, 24)).partial_fit(X, y)
    given.set_params(lr=rate(5, 24 + 30)).partial_fit(later, y_later)
    assert_agree(auto.coef_, given.coef_)


def test_rate_of_a_warm_start_counts_all_steps():
    (X, y), (later, y_later) = clips(24), clips(30, seed=1)
    auto = clone(ONLINE).set_params(max_epochs=3, warm_start=True).fit(X, y).fit(later, y_later)
    given = clone(ONLINE).set_params(max_epochs=3, warm_start=True, lr=rate(4, 72)).fit(X, y)
    given.set_params(lr=rate(4, 72 + 90)).fit(later, y_later)
    assert_agree(auto.coef_, given.coef_)
    assert_agree(auto.fit(X, y).coef_, given.set_params(lr=rate(4, 162 + 72)).fit(X, y).coef_)
    auto.set_params(warm_start=False).fit(X, y)
    assert_agree(auto.coef_, clone(ONLINE).set_params(max_epochs=3, lr=rate(4, 72)).fit(X, y).coef_)


def test_rate_of_minibatches_is_one():
    X, y = clips(40)
    auto, given = clone(NETS["bilinear"]), clone(NETS["bilinear"]).set_params(lr=1.0)
    assert_agree(auto.fit(X, y).coef_, given.fit(X, y).coef_)


def alphas(model, X):
    """What "auto" stands for, of clips as the map sees them."""
    vectors = model.label_vectors(model.seen_classes_).astype(np.float64)
    audio = 2.5 * np.sqrt(len(X)) * np.mean(np.sum(X.astype(np.float64) ** 2, axis=1))
    return {"alpha_audio": audio, "alpha_text": np.sum(vectors**2) / 100}


@pytest.mark.parametrize("n_clips", [2, 50])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_regularisers_of_ridge_written_out(n_clips, dtype):
    X, y = clips(n_clips)
    X = X.astype(dtype)
    auto = ZeroShotRidge(TEXTS, standardize=False).fit(X, y)
    assert_agree(auto.coef_, ZeroShotRidge(TEXTS, standardize=False, **alphas(auto, X)).fit(X, y).coef_)
    auto = ZeroShotRidge(TEXTS).fit(X, y)
    one = np.ones((n_clips, 1))  # scaled clips have unit length
    assert_agree(auto.coef_, ZeroShotRidge(TEXTS, **alphas(auto, one)).fit(X, y).coef_)
    assert alphas(auto, np.ones((1600, 1)))["alpha_audio"] == 100


def test_regularisers_of_ridge_count_the_clips_so_far():
    (X, y), (later, y_later) = clips(24), clips(30, seed=1)
    y_later[0] = "siren"
    auto = ZeroShotRidge(TEXTS, standardize=False).partial_fit(X, y).partial_fit(later, y_later)
    written = ZeroShotRidge(TEXTS, standardize=False, **alphas(auto, np.vstack([X, later])))
    assert_agree(auto.coef_, written.partial_fit(X, y).partial_fit(later, y_later).coef_)


def test_regularisers_of_ridge_that_are_given_are_kept():
    X, y = clips(24)
    auto = ZeroShotRidge(TEXTS, standardize=False).fit(X, y)
    written = alphas(auto, X)
    for name in written:
        half = ZeroShotRidge(TEXTS, standardize=False, **{name: 0.3}).fit(X, y)
        both = ZeroShotRidge(TEXTS, standardize=False, **{**written, name: 0.3}).fit(X, y)
        assert_agree(half.coef_, both.coef_)
        assert np.abs(half.coef_ - auto.coef_).max() > 1e-3 * np.abs(auto.coef_).max()


@pytest.mark.parametrize("several", [False, True])
def test_ridge_is_searched_from_a_thirtieth_to_thirty_times_its_own_regularisers(several):
    X, y = clips(40)
    y = pd.get_dummies(pd.Series(y), dtype=np.uint8) if several else y
    model = ZeroShotRidgeCV(TEXTS, cv=2).fit(X, y)
    own = alphas(model, np.ones((40, 1)))
    for name, middle in own.items():
        tried = np.unique(model.cv_results_[f"param_{name}"])
        np.testing.assert_allclose(tried, middle * np.array([1 / 30, 1 / 10, 1 / 3, 1, 3, 10, 30]), rtol=1e-5)
    assert len(model.cv_results_["params"]) == 49
    best = ZeroShotRidge(TEXTS, alpha_audio=model.alpha_audio_, alpha_text=model.alpha_text_).fit(X, y)
    assert_agree(model.coef_, best.coef_)


def test_ridge_is_searched_among_the_numbers_given():
    X, y = clips(40)
    model = ZeroShotRidgeCV(TEXTS, alphas_audio=[1.0, 7.0], cv=2).fit(X, y)
    assert np.unique(model.cv_results_["param_alpha_audio"]).tolist() == [1.0, 7.0]
    assert len(np.unique(model.cv_results_["param_alpha_text"])) == 7
    model = ZeroShotRidgeCV(TEXTS, alphas_text=(2,), standardize=False, cv=2).fit(X, y)
    assert np.unique(model.cv_results_["param_alpha_text"]).tolist() == [2.0]
    tried = np.unique(model.cv_results_["param_alpha_audio"])
    np.testing.assert_allclose(tried[3], alphas(model, X)["alpha_audio"], rtol=0.5)  # of the clips of a fold
    np.testing.assert_allclose(tried[[0, -1]], tried[3] * np.array([1 / 30, 30]))
