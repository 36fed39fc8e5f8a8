"""Events of scores that any model gave."""

import numpy as np
import pytest

from skzsl.detection import find_events

SCORES = np.array([[[0.1, 0.2], [0.9, 0.8]]])
EDGES = [0, 1, 2]


@pytest.mark.parametrize("threshold", [[0.5, 0.9], {"rain": 0.5, None: 0.9}, np.array([[[0.5, 0.9]]])])
def test_every_label_may_have_its_threshold(threshold):
    events = find_events(SCORES, EDGES, labels=["rain", "dog"], threshold=threshold)
    assert events.to_dict("records") == [{"clip": 0, "label": "rain", "onset": 1.0, "offset": 2.0, "score": 0.9}]


@pytest.mark.parametrize(
    "threshold", [None, "high", np.nan, [0.5, np.nan], [0.1, 0.2, 0.3], np.zeros((3, 1, 1)), np.zeros((1, 1, 1, 1))]
)
def test_bad_threshold_is_refused(threshold):
    with pytest.raises(ValueError, match=r"threshold.*; pass (one|a number|numbers)"):
        find_events(SCORES, EDGES, labels=["rain", "dog"], threshold=threshold)


def test_lone_label_is_refused():
    with pytest.raises(ValueError, match=r"labels='ab' is one label; pass a list"):
        find_events(SCORES, EDGES, labels="ab", threshold=0.5)


@pytest.mark.parametrize("keys", [["a", "b"], [3, 4], [("a", 1), ("b", 2)]])
def test_keys_keep_their_type_where_there_is_no_event(keys):
    some, none = (find_events(SCORES.repeat(2, 0), EDGES, labels=keys, clips=keys, threshold=t) for t in (0.5, 9.0))
    assert [*zip(some["clip"], some["label"], strict=True)] == [(clip, label) for clip in keys for label in keys]
    assert len(none) == 0
    assert none.dtypes.equals(some.dtypes)
