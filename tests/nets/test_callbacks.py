import re
from types import SimpleNamespace

import numpy as np
import pytest
from skorch.callbacks import Callback, EarlyStopping, LRScheduler

from skzsl import MultiLevelAttentionClassifier, ZeroShotBilinear
from skzsl.nets.callbacks import Progress, check_callbacks
from skzsl.text import HashingEncoder


class Alarm(Callback):
    def on_train_begin(self, net, **kwargs):
        raise AssertionError("training has begun")


@pytest.mark.parametrize(
    ("callbacks", "message"),
    [
        (["a"], "callbacks hold 'a', which is no callback; pass callbacks of skorch"),
        ([object()], "callbacks hold <object object"),
        ([np.ndarray], "callbacks hold <class 'numpy.ndarray'>"),
        ([("a",)], "callbacks hold ('a',), which is no callback"),
        ([("a", 1)], "callbacks hold ('a', 1), which is no callback"),
        ([("a", Alarm(), 1)], "callbacks hold ('a', <"),
        ([(1, Alarm())], "or pairs of a name and a callback"),
        ([("a", Alarm()), ("a", Callback())], "two callbacks named 'a'; give each its own name"),
    ],
    ids=["text", "object", "class", "one in a pair", "number in a pair", "three", "number as name", "one name twice"],
)
def test_what_is_no_callback_is_refused_before_training(callbacks, message):
    model = MultiLevelAttentionClassifier("1-A", hidden_size=2, max_epochs=1, callbacks=[*callbacks, Alarm()])
    with pytest.raises(ValueError, match=re.escape(message)):
        model.fit(np.eye(2), ["rain", "wind"])


def test_all_forms_of_skorch_are_callbacks():
    given = [EarlyStopping(), LRScheduler, ("rates", LRScheduler()), ["off", None], None]
    assert check_callbacks(given) == given
    assert check_callbacks(None) == []


def test_progress_counts_the_clips_of_all_epochs_and_the_time_left(capsys):
    X, y = np.random.default_rng(0).normal(size=(40, 8)), np.resize(["rain", "dog"], 40)
    given = {"solver": "minibatch", "max_epochs": 3, "batch_size": 16, "verbose": True, "validation_fraction": 0.1}
    ZeroShotBilinear(HashingEncoder(8), **given).fit(X, y)
    shown = capsys.readouterr().err.split("\r")[-1]
    assert "108/108" in shown
    assert "clip/s" in shown
    assert "epoch=3" in shown
    assert "train_loss=" in shown


def test_progress_goes_on_from_where_a_killed_fit_was():
    bar, net = Progress(), SimpleNamespace(module_=None)
    bar.on_train_begin(net)
    bar.expect(120, 50)
    bar.advance(10)
    bar.expect(120, 0)  # of the second epoch
    assert (bar.bar_.n, bar.bar_.initial, bar.bar_.total) == (60, 50, 120)
    bar.close()
