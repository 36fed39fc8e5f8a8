import re

import numpy as np
import pytest
from skorch.callbacks import Callback, EarlyStopping, LRScheduler

from skzsl import MultiLevelAttentionClassifier
from skzsl.nets.callbacks import check_callbacks


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
