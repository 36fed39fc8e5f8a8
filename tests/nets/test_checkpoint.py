"""Fits that are killed: they go on where they were, and end with the weights of uninterrupted ones."""

import itertools
import re
import signal
import subprocess
import sys

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_array_equal
from sklearn.base import clone

from skzsl import _stored, load, save
from skzsl.nets import FitCheckpoint
from skzsl.nets.checkpoint import Checkpoint
from skzsl.tagging import GlobalLocalAttentionClassifier, MultiLevelAttentionClassifier
from skzsl.text import HashingEncoder
from skzsl.zero_shot import ZeroShotBilinear, ZeroShotContrastive, ZeroShotTemporalAttention

N, T, D = 90, 3, 8
NAMES = ["rain", "dog", "wind"]
TEXT = HashingEncoder(8)
SHARED = {"batch_size": 16, "max_epochs": 3, "random_state": 0, "device": "cpu"}
TAGGER = MultiLevelAttentionClassifier(hidden_size=8, dropout=0.4, **SHARED)
FITS = {
    "attention": ZeroShotTemporalAttention(TEXT, **SHARED),
    "attention, momentum": ZeroShotTemporalAttention(TEXT, optimizer="AdamW", one_cycle=False, lr=0.01, **SHARED),
    "contrastive": ZeroShotContrastive(TEXT, dropout=0.3, **SHARED),
    "minibatch": ZeroShotBilinear(TEXT, solver="minibatch", **SHARED),
    "tagger": TAGGER,
    "tagger, no seed": clone(TAGGER).set_params(random_state=None),
    "balanced mixup": clone(TAGGER).set_params(balanced=True, mixup=0.5, averaged_epochs=2),
    "held out": clone(TAGGER).set_params(validation_fraction=0.3, averaged_epochs=0),
    "global-local": GlobalLocalAttentionClassifier(hidden_size=8, n_windows=2, window=2, **SHARED),
    "frozen": GlobalLocalAttentionClassifier(
        hidden_size=8, n_windows=2, window=2, training="frozen_global", global_net=None, **SHARED
    ),
}


class Killed(BaseException):
    """What ends a fit in these tests."""


@pytest.fixture
def clips():
    rng = np.random.default_rng(0)
    y = pd.DataFrame((rng.random((N, 3)) < 0.4).astype(np.uint8), columns=NAMES)
    return rng.normal(size=(N, T, D)).astype(np.float32), y


@pytest.fixture(autouse=True)
def no_waiting_for_disks(monkeypatch):
    monkeypatch.setattr("os.fsync", lambda descriptor: None)


@pytest.fixture
def path(tmp_path):
    return tmp_path / "fit.checkpoint"


def labels_for(model, y):
    return np.array(NAMES)[y.to_numpy().argmax(axis=1)] if isinstance(model, ZeroShotBilinear) else y


def checked(model, path):
    return clone(model).set_params(callbacks=[FitCheckpoint(path, every=0)])


def killed_after(model, n_saves, X, y, monkeypatch):
    """Fit, and end it once that many states are written."""
    save, saved = Checkpoint.save, []

    def save_and_die(*arguments):
        save(*arguments)
        saved.append(arguments)
        if len(saved) == n_saves:
            raise Killed

    with monkeypatch.context() as patch:
        patch.setattr(Checkpoint, "save", save_and_die)
        with pytest.raises(Killed):
            model.fit(X, y)


def assert_same(model, other):
    mine, others = model.module_.state_dict(), other.module_.state_dict()
    assert mine.keys() == others.keys()
    for name, weight in mine.items():
        assert_array_equal(weight.numpy(), others[name].numpy(), err_msg=name)
    assert model.history_ == other.history_


PLACES = [(name, n_saves) for name, n_saves in itertools.product(FITS, (1, 4, 10, 21, 26)) if name == "frozen"]
PLACES += [(name, 10) for name in FITS if name not in ("frozen", "tagger, no seed")]


@pytest.mark.parametrize(("name", "n_saves"), PLACES)
def test_a_killed_fit_ends_with_the_weights_of_an_uninterrupted_one(name, n_saves, clips, path, monkeypatch):
    X, y = clips
    y = labels_for(FITS[name], y)
    expected = clone(FITS[name]).fit(X, y)
    killed_after(checked(FITS[name], path), n_saves, X, y, monkeypatch)
    assert path.exists()
    model = checked(FITS[name], path).fit(X, y)
    assert_same(model, expected)
    assert not path.exists()


def test_a_fit_without_seed_goes_on_with_the_draws_that_it_began_with(clips, path, monkeypatch):
    killed_after(checked(FITS["tagger, no seed"], path), 10, *clips, monkeypatch)
    content = path.read_bytes()
    models = []
    for _ in range(2):
        path.write_bytes(content)
        models.append(checked(FITS["tagger, no seed"], path).fit(*clips))
    assert_same(*models)


def test_a_fit_of_stored_clips_goes_on_without_reading_what_it_is_past(clips, path, monkeypatch):
    X, y = clips
    monkeypatch.setattr(_stored, "buffer_bytes", lambda: 20 * T * D * 4)
    np.save(path.with_suffix(".npy"), X)
    X = np.load(path.with_suffix(".npy"), mmap_mode="r")
    expected = clone(FITS["attention"]).fit(X, y)
    killed_after(checked(FITS["attention"], path), 12, X, y, monkeypatch)
    assert_same(checked(FITS["attention"], path).fit(X, y), expected)


def test_a_fit_that_is_killed_twice_goes_on_twice(clips, path, monkeypatch):
    expected = clone(TAGGER).fit(*clips)
    for n_saves in (5, 3, 6):
        killed_after(checked(TAGGER, path), n_saves, *clips, monkeypatch)
    assert_same(checked(TAGGER, path).fit(*clips), expected)


def test_a_warm_start_goes_on_too(clips, path, monkeypatch):
    X, y = clips
    model = checked(TAGGER, path).set_params(warm_start=True).fit(X, y)
    save(model, path.with_suffix(".skzsl"))
    expected = load(path.with_suffix(".skzsl")).fit(X[:70], y[:70])
    killed_after(load(path.with_suffix(".skzsl")), 13, X[:70], y[:70], monkeypatch)
    assert_same(load(path.with_suffix(".skzsl")).fit(X[:70], y[:70]), expected)


OTHERS = {
    "clips": lambda X, y, model: (X + 1, y, model),
    "one number": lambda X, y, model: (np.where(np.arange(X.size).reshape(X.shape) == 777, 0, X), y, model),
    "labels": lambda X, y, model: (X, y.iloc[::-1], model),
    "fewer clips": lambda X, y, model: (X[1:], y[1:], model),
    "a rate": lambda X, y, model: (X, y, model.set_params(lr=0.02)),
    "a width": lambda X, y, model: (X, y, model.set_params(hidden_size=9)),
    "epochs": lambda X, y, model: (X, y, model.set_params(max_epochs=4)),
    "a seed": lambda X, y, model: (X, y, model.set_params(random_state=1)),
    "an optimiser": lambda X, y, model: (X, y, model.set_params(weight_decay=0.1)),
}


@pytest.mark.parametrize("change", OTHERS.values(), ids=OTHERS)
def test_a_checkpoint_of_another_fit_is_refused_and_kept(change, clips, path, monkeypatch):
    killed_after(checked(TAGGER, path), 4, *clips, monkeypatch)
    content = path.read_bytes()
    X, y, model = change(*clips, checked(TAGGER, path))
    with pytest.raises(
        ValueError, match=f"{re.escape(str(path))}.* is of a fit with other clips, labels or parameters"
    ):
        model.fit(X, y)
    assert path.read_bytes() == content


@pytest.mark.parametrize("damage", [lambda content: content[:-200], lambda content: b"none", lambda content: b""])
def test_a_damaged_checkpoint_is_named(damage, clips, path, monkeypatch):
    killed_after(checked(TAGGER, path), 4, *clips, monkeypatch)
    path.write_bytes(damage(path.read_bytes()))
    with pytest.raises(ValueError, match=r"damaged or no checkpoint .*remove it"):
        checked(TAGGER, path).fit(*clips)


def test_a_folder_that_is_missing_is_an_error_before_training(clips, tmp_path):
    with pytest.raises(FileNotFoundError, match="is missing; make it first"):
        checked(TAGGER, tmp_path / "none" / "fit.checkpoint").fit(*clips)


def test_other_callbacks_are_refused_beside_a_checkpoint(clips, path):
    from skorch.callbacks import GradientNormClipping

    callbacks = [("kept", FitCheckpoint(path)), GradientNormClipping()]
    with pytest.raises(ValueError, match="FitCheckpoint and others, whose state it does not keep"):
        clone(TAGGER).set_params(callbacks=callbacks).fit(*clips)


def test_the_online_solver_refuses_checkpoints(clips, path):
    X, y = clips
    with pytest.raises(ValueError, match="has no effect on solver='online'"):
        checked(ZeroShotBilinear(TEXT), path).fit(X, labels_for(ZeroShotBilinear(), y))


def test_partial_fit_writes_nothing(clips, path):
    checked(TAGGER, path).partial_fit(*clips)
    assert not path.exists()


SCRIPT = """
import os, signal, sys
import numpy as np
from skzsl import MultiLevelAttentionClassifier
from skzsl.nets import FitCheckpoint
from skzsl.nets.checkpoint import Checkpoint

X, y, path, n_saves = np.load(sys.argv[1]), np.load(sys.argv[2]), sys.argv[3], int(sys.argv[4])
save, saved = Checkpoint.save, []

def save_and_die(*arguments):
    save(*arguments)
    saved.append(1)
    if len(saved) == n_saves:
        os.kill(os.getpid(), signal.SIGKILL)

Checkpoint.save = save_and_die
settings = dict(hidden_size=8, dropout=0.4, batch_size=16, max_epochs=3, random_state=0, device="cpu")
MultiLevelAttentionClassifier(callbacks=[FitCheckpoint(path, every=0)], **settings).fit(X, y)
"""


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="no kill -9")
def test_a_process_killed_within_an_epoch_leaves_what_another_goes_on_from(clips, path, tmp_path):
    X, y = clips[0], clips[1].to_numpy()
    np.save(tmp_path / "X.npy", X)
    np.save(tmp_path / "y.npy", y)
    arguments = [str(tmp_path / "X.npy"), str(tmp_path / "y.npy"), str(path), "11"]
    run = subprocess.run([sys.executable, "-c", SCRIPT, *arguments], capture_output=True, timeout=120)
    assert run.returncode == -signal.SIGKILL, run.stderr
    assert_same(checked(TAGGER, path).fit(X, y), clone(TAGGER).fit(X, y))
    assert not path.exists()


@pytest.mark.parametrize(
    "given", [{"path": None}, {"path": ["a"]}, {"path": "a", "every": "b"}, {"path": "a", "every": -1}]
)
def test_what_is_no_path_or_time_is_refused(given):
    with pytest.raises(ValueError, match=f"{list(given)[-1]}=.*; pass"):
        FitCheckpoint(**given)
