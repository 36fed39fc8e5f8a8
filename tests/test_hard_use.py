"""Many threads and processes, interrupts, killed processes and full disks."""

import copy
import hashlib
import itertools
import multiprocessing
import os
import resource
import signal
import subprocess
import sys
import threading
import warnings
import weakref
from concurrent.futures import ThreadPoolExecutor

import joblib
import numpy as np
import pandas as pd
import pytest
import torch
from agreement import assert_agree
from fingerprint import fingerprint
from interrupts import interrupt, moments
from models import CASES, MODELS, NAMES, data, fitted, new
from sklearn.exceptions import NotFittedError
from sklearn.model_selection import GridSearchCV
from skorch.callbacks import Callback

from skzsl import ZeroShotRidge
from skzsl.datasets import write_audacity_labels, write_raven_table
from skzsl.text import HashingEncoder, LookupEncoder, Prompts, WordAverage
from skzsl.text._cache import encode_once

every_model = pytest.mark.parametrize(("name", "kind"), CASES)
EVERY_LINE = "SKZSL_TEST_EVERY_LINE" in os.environ  # by hand: interrupts at all lines, in CI at some


@pytest.fixture(autouse=True)
def interruptible():
    """Programs that a shell starts in the background ignore interrupts, unless they say otherwise."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.fixture
def restless():
    """Let threads change places far more often than they do."""
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-5)
    yield
    sys.setswitchinterval(before)


def at_once(calls):
    """Answers of calls in threads of their own, which begin together."""
    barrier = threading.Barrier(len(calls))

    def begin(call):
        barrier.wait()
        return call()

    with ThreadPoolExecutor(len(calls)) as pool:
        return [answer.result() for answer in [pool.submit(begin, call) for call in calls]]


def answers(model, name, kind, number):
    """What a model says of some clips and labels, which differ with the number; many of the texts are new to it."""
    X, _ = data(kind)
    labels = [NAMES[number % 4], NAMES[(number + 1) % 4]]
    if MODELS[name].unseen:
        labels += [f"{word} {number % 3}" for word in ("bell", "siren", "engine")]
    found = []
    for wanted in (labels, labels[::-1]):
        view = model.with_labels(wanted)
        found += [model.predict_proba(X[number:], wanted), model.segment_scores(X, wanted), view.decision_function(X)]
    return found


@every_model
def test_eight_threads_get_the_answers_of_one(name, kind, restless):
    shared = fitted(name, kind)
    found = at_once([lambda number=number: answers(shared, name, kind, number) for number in range(8)])
    for number in range(8):
        for ours, alone in zip(found[number], answers(fitted(name, kind), name, kind, number), strict=True):
            assert_agree(ours, alone)


class Slow(HashingEncoder):
    """Counts its calls, and notices two at once."""

    inside, together, texts = 0, 0, []

    def transform(self, X):
        Slow.inside += 1
        Slow.together = max(Slow.together, Slow.inside)
        Slow.texts += X
        vectors = super().transform(X)
        threading.Event().wait(0.01)
        Slow.inside -= 1
        return vectors


def test_threads_that_meet_a_label_together_encode_it_once(restless):
    X, y = data("one")
    model = ZeroShotRidge(Slow(8)).fit(X, y)
    Slow.together, Slow.texts = 0, []
    labels = [f"sound {number}" for number in range(6)]
    at_once([lambda first=first: model.predict(X, labels=labels[first % 3 :]) for first in range(8)])
    assert Slow.together == 1
    assert sorted(Slow.texts) == labels


@pytest.mark.parametrize("encoder", [WordAverage(HashingEncoder(8)), Prompts(HashingEncoder(8), "a {label}")], ids=str)
def test_encoders_serve_eight_threads(encoder, restless):
    texts = [f"sound of {number}" for number in range(40)]
    encoder.fit(texts)
    expected = encoder.transform(texts)
    for found in at_once([lambda: encoder.transform(texts)] * 8):
        np.testing.assert_array_equal(found, expected)


def test_a_process_that_is_forked_while_texts_are_read_can_read_its_own():
    reading, go = threading.Event(), threading.Event()

    def encode(texts):
        reading.set()
        go.wait(30)
        return np.ones((len(texts), 2))

    thread = threading.Thread(target=encode_once, args=("held", ["rain"], encode))
    thread.start()
    reading.wait(30)
    try:
        child = multiprocessing.get_context("fork").Process(
            target=encode_once, args=("own", ["rain"], lambda texts: np.zeros((len(texts), 2)))
        )
        child.start()
        child.join(30)
        assert child.exitcode == 0
    finally:
        go.set()
        thread.join()


def learned(name, kind, seed):
    """A hash of all the arrays in a model that was fitted with a seed."""
    seeded = [name for name in new(name).get_params() if name.split("__")[-1] == "random_state"]
    model = new(name, **dict.fromkeys(seeded, seed)).fit(*data(kind))
    arrays = [(path, held) for path, held in fingerprint(model).items() if isinstance(held, tuple) and len(held) == 3]
    return hashlib.sha256(repr(sorted(arrays)).encode()).hexdigest()


FITS = [(name, MODELS[name].kinds[-1], 3) for name, model in MODELS.items() if model.epochs for _ in range(4)]
FIT_IN = {
    "threads": lambda: joblib.Parallel(4, backend="threading")(joblib.delayed(learned)(*fit) for fit in FITS),
    "loky": lambda: joblib.Parallel(2, backend="loky")(joblib.delayed(learned)(*fit) for fit in FITS),
    "fork": lambda: multiprocessing.get_context("fork").Pool(2).starmap(learned, FITS),
    "spawn": lambda: multiprocessing.get_context("spawn").Pool(2).starmap(learned, FITS),
}


@pytest.mark.parametrize("where", FIT_IN)
def test_four_fits_with_one_seed_are_the_same_wherever_they_run(where, restless):
    if where in ("fork", "loky") and torch.get_num_threads() > 1:
        pytest.skip("OpenMP's threads do not outlive a fork, and loky gives each process one")
    alone = [learned(*fit) for fit in FITS[::4]]
    assert FIT_IN[where]() == [fit for fit in alone for _ in range(4)]
    assert learned("temporal attention", "one", 4) != learned("temporal attention", "one", 3)


TRAININGS = [
    (name, kind, how)
    for name, kind in CASES
    for how in ("first fit", "fit", "partial_fit")
    if how != "partial_fit" or hasattr(MODELS[name].estimator, how)
]


@pytest.mark.parametrize(("name", "kind", "how"), TRAININGS)
def test_an_interrupt_at_any_line_leaves_the_model_as_it_was(name, kind, how):
    X, y = data(kind)
    start, method = (new(name), "fit") if how == "first fit" else (fitted(name, kind), how)

    def train(model):
        getattr(model, method)(3 * X + 1, y)
        return model

    before, after = fingerprint(start), fingerprint(train(copy.deepcopy(start)))
    lines = moments(lambda: train(copy.deepcopy(start)))
    shift = TRAININGS.index((name, kind, how)) % len(lines)
    for moment in lines if EVERY_LINE else lines[shift::193]:
        model = copy.deepcopy(start)
        interrupt(lambda: train(model), moment)  # noqa: B023
        assert fingerprint(model) in (before, after)  # the new one from the last line on
        if how == "first fit" and fingerprint(model) == before:
            with pytest.raises(NotFittedError):
                model.predict(X)


def test_an_interrupt_leaves_a_search_no_half_trained_model():
    X, y = data("several")
    search = GridSearchCV(new("multi-level"), {"lr": [0.01, 0.02]}, cv=2, error_score="raise").fit(X, y)
    start = copy.deepcopy(search)  # copies of which are alike: an optimiser is copied without some of its notes
    whole = [fingerprint(search.best_estimator_) for search in (start, copy.deepcopy(start).fit(2 * X, y))]
    lines = moments(lambda: copy.deepcopy(start).fit(2 * X, y))
    for moment in lines if EVERY_LINE else lines[1:-1:150]:
        search = copy.deepcopy(start)
        interrupt(lambda: search.fit(2 * X, y), moment)  # noqa: B023
        if fingerprint(search.best_estimator_) not in whole:  # scikit-learn has put a new one in its place
            with pytest.raises(NotFittedError):
                search.predict(X)


def test_an_interrupt_in_the_encoder_leaves_the_model():
    class Interrupting(HashingEncoder):
        def transform(self, X):
            if "siren" in X:
                signal.raise_signal(signal.SIGINT)
            return super().transform(X)

    X, y = data("one")
    model = ZeroShotRidge(Interrupting(8)).fit(X, y)
    before = fingerprint(model)
    with pytest.raises(KeyboardInterrupt):
        model.partial_fit(X, np.where(y == "rain", "siren", y))
    with pytest.raises(KeyboardInterrupt):
        model.predict(X, labels=["siren", "dog"])
    assert fingerprint(model) == before
    assert model.predict(X, labels=["bell", "dog"]).shape == (24,)


class Stop(Callback):
    """Asks for an end after the second epoch, as callbacks of skorch do."""

    def on_epoch_end(self, net, **kwargs):
        if len(net.history) == 2:
            raise KeyboardInterrupt


def test_callbacks_can_end_a_training_and_keep_what_was_learned():
    X, y = data("several")
    model = new("multi-level", callbacks=[Stop()], max_epochs=9, one_cycle=False).fit(X, y)
    assert model.n_iter_ == 2


INTERRUPTED_AT_ANY_TIME = """
import os, random, signal, threading
import numpy as np
from skzsl import ZeroShotBilinear
from skzsl.text import HashingEncoder

random.seed(0)
X, y = np.random.default_rng(0).random((4, 6)), ["rain", "dog", "wind", "rain"]
settings = {"solver": "minibatch", "device": "cpu", "random_state": 0}
model = ZeroShotBilinear(HashingEncoder(8), max_epochs=2, **settings).fit(X, y)
expected = model.decision_function(X)
model.set_params(max_epochs=10**6)
for _ in range(15):
    threading.Timer(random.uniform(0.001, 0.1), os.kill, (os.getpid(), signal.SIGINT)).start()
    try:
        model.fit(2 * X, y)
        raise SystemExit("the interrupt was taken for the end of the training")
    except KeyboardInterrupt:
        np.testing.assert_array_equal(model.decision_function(X), expected)
        assert model.n_iter_ == 2
print("as it was")
"""


def test_a_person_can_interrupt_a_program_at_any_time():
    run = subprocess.run([sys.executable, "-c", INTERRUPTED_AT_ANY_TIME], capture_output=True, text=True, check=False)
    assert (run.returncode, run.stdout, run.stderr) == (0, "as it was\n", "")


@pytest.fixture
def new_to_joblib(monkeypatch):
    """Let joblib look at the code of what it keeps, as it does once in a process."""
    monkeypatch.setattr("joblib.memory._FUNCTION_HASHES", weakref.WeakKeyDictionary())


def in_a_child(function, *arguments):
    """Exit code of a forked process that calls a function; -9 if it was killed."""
    child = multiprocessing.get_context("fork").Process(target=function, args=arguments)
    child.start()
    child.join(60)
    return child.exitcode


def remembering(folder, **parameters):
    return ZeroShotRidge(HashingEncoder(8), memory=joblib.Memory(folder, verbose=0, **parameters))


def fit_and_die(folder, number):
    """Fit, and be killed at the so-manieth file that is opened, made or renamed in the cache."""
    count = itertools.count()

    def watch(event, arguments):
        touches = event in {"open", "os.rename", "os.mkdir", "os.remove"} and str(folder) in str(arguments[0])
        if touches and next(count) == number:
            os.kill(os.getpid(), signal.SIGKILL)

    sys.addaudithook(watch)
    remembering(folder).fit(*data("several"))


def test_a_process_killed_at_any_file_of_a_cache_leaves_one_that_serves(tmp_path, new_to_joblib):
    X, y = data("several")
    expected = ZeroShotRidge(HashingEncoder(8)).fit(X, y).decision_function(X)
    killed = 0
    while in_a_child(fit_and_die, tmp_path / str(killed), killed) == -signal.SIGKILL:
        for _ in range(2):  # trained or found, then found
            again = remembering(tmp_path / str(killed)).fit(X, y)
            np.testing.assert_array_equal(again.decision_function(X), expected)
        killed += 1
    assert killed > 8


class Deadly(HashingEncoder):
    """Kills the process that writes it once it is fitted."""

    def __getstate__(self):
        if hasattr(self, "_n_features_out"):
            os.kill(os.getpid(), signal.SIGKILL)
        return super().__getstate__()


def test_a_process_killed_within_a_file_leaves_no_half_training(tmp_path, new_to_joblib):
    X = np.random.default_rng(0).random((24, 300))  # so that much is written before the encoder
    y = data("one")[1]

    def die():
        ZeroShotRidge(Deadly(8), memory=str(tmp_path)).fit(X, y)

    assert in_a_child(die) == -signal.SIGKILL
    assert list(tmp_path.rglob("output.pkl.*"))
    assert not list(tmp_path.rglob("output.pkl"))


@pytest.mark.parametrize("name", ["output.pkl", "func_code.py", "metadata.json"])
@pytest.mark.parametrize("mmap_mode", [None, "r"])
@pytest.mark.parametrize("share", [0.0, 0.3, 0.99])
@pytest.mark.filterwarnings("ignore::UserWarning:joblib")
def test_a_damaged_file_of_a_cache_is_not_taken_for_whole(tmp_path, name, mmap_mode, share, new_to_joblib):
    X, y = np.random.default_rng(0).random((24, 40)), data("several")[1]
    expected = ZeroShotRidge(HashingEncoder(8)).fit(X, y).decision_function(X)
    remembering(tmp_path, mmap_mode=mmap_mode).fit(X, y)
    (path,) = tmp_path.rglob(name)
    whole = path.read_bytes()
    path.write_bytes(whole[: int(share * len(whole))])
    for _ in range(2):
        again = remembering(tmp_path, mmap_mode=mmap_mode).fit(X, y)
        np.testing.assert_array_equal(again.decision_function(X), expected)
    if name == "output.pkl":
        assert len(path.read_bytes()) > 0.9 * len(whole)


def fit_on_a_full_disk(folder, room, mmap_mode):
    X, y = np.random.default_rng(0).random((24, 300)), data("one")[1]
    expected = ZeroShotRidge(HashingEncoder(8)).fit(X, y).decision_function(X)
    resource.setrlimit(resource.RLIMIT_FSIZE, (room, room))
    with warnings.catch_warnings(record=True) as found:
        warnings.simplefilter("always")
        model = remembering(folder, mmap_mode=mmap_mode).fit(X, y)
    np.testing.assert_array_equal(model.decision_function(X), expected)
    said = " ".join(str(warning.message) for warning in found)
    assert "File too large" in said
    assert "make room there" in said or mmap_mode is None


@pytest.mark.parametrize("mmap_mode", [None, "r"])
@pytest.mark.parametrize("room", [0, 20_000])
def test_a_training_is_not_lost_where_the_disk_of_its_cache_is_full(tmp_path, room, mmap_mode, new_to_joblib):
    assert in_a_child(fit_on_a_full_disk, tmp_path, room, mmap_mode) == 0


class Missing(HashingEncoder):
    def fit_transform(self, X):
        raise KeyError("a table that is not there")


def test_errors_of_a_training_are_not_those_of_its_cache(tmp_path):
    X, y = data("one")
    table = LookupEncoder({"rain": [1.0], "dog": [2.0]})
    with pytest.raises(ValueError, match="not in the lookup table"):
        ZeroShotRidge(table, memory=str(tmp_path)).fit(X, y)

    with pytest.raises(KeyError, match="a table that is not there"):
        ZeroShotRidge(Missing(), memory=str(tmp_path)).fit(X, y)


def write_on_a_full_disk(write, path):
    events = pd.DataFrame({"clip": "a", "label": ["dog"] * 5000, "onset": 1.0, "offset": 2.0})
    resource.setrlimit(resource.RLIMIT_FSIZE, (10_000, 10_000))
    with pytest.raises(OSError, match=r"not written and the file that is there is whole; make room .*events\.txt"):
        write(events, path)


@pytest.mark.parametrize("write", [write_audacity_labels, write_raven_table])
def test_a_full_disk_leaves_the_file_of_events_that_was_there(tmp_path, write):
    path = tmp_path / "events.txt"
    path.write_text("old")
    assert in_a_child(write_on_a_full_disk, write, path) == 0
    assert path.read_text() == "old"
    assert [file.name for file in tmp_path.iterdir()] == ["events.txt"]
