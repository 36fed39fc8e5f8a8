import numpy as np
import pytest
from sklearn.linear_model import Ridge
from sklearn.metrics import roc_auc_score
from sklearn.preprocessing import StandardScaler

from skzsl.datasets import make_soundscapes
from skzsl.datasets._synthesis import SAMPLE_RATE, Event, render_clip

LABELS = [
    "fast high beeping",
    "slow low humming",
    "medium middle ringing",
    "fast middle whooshing",
    "slow high wailing",
]


def scenes(n_clips_per_label=6, **options):
    return make_soundscapes(
        n_clips_per_label, **{"labels": LABELS, "n_segments": 5, "max_events": 3, "random_state": 0, **options}
    )


def test_bunch_has_the_documented_shapes_and_types():
    data = scenes(sounds=True)
    assert data.X.shape == (30, 5, len(data.feature_names))
    assert data.sounds.shape == (30, 5 * data.sample_rate)
    assert np.isfinite(data.X).all()
    assert data.activity.shape == (30, 5, 5)
    assert (data.X.dtype, data.activity.dtype) == (np.float32, np.float32)
    assert list(data.y.columns) == data.labels == sorted(LABELS)
    assert set(data.y.dtypes) == {np.dtype(np.uint8)}
    assert len(data.events) == 30
    assert "onset" not in data
    assert "offset" not in data


def test_y_events_and_activity_tell_the_same_truth():
    data = scenes()
    for row, events in enumerate(data.events):
        assert sorted(event.label for event in events) == [
            label for label in data.labels if data.y[label].iloc[row] == 1
        ]
        expected = np.zeros((5, 5))
        for label, onset, offset in events:
            moments = np.arange(0.0005, 5.0, 0.001)
            sounding = (moments >= onset) & (moments < offset)
            expected[data.labels.index(label)] = sounding.reshape(5, 1000).mean(axis=1)
        np.testing.assert_allclose(data.activity[row], expected, atol=0.0021)


def test_events_fill_a_fifth_to_three_fifths_of_their_clip():
    events = [event for clip in scenes(20).events for event in clip]
    lengths = np.array([event.offset - event.onset for event in events])
    assert lengths.min() >= 1.0 - 1e-9
    assert lengths.max() <= 3.0 + 1e-9
    assert min(event.onset for event in events) >= 0.0
    assert max(event.offset for event in events) <= 5.0 + 1e-9


def test_every_number_of_events_is_as_likely():
    counts = np.bincount([len(events) for events in scenes(60, n_segments=1).events], minlength=4)
    assert counts[0] == 0
    assert counts[1:].min() > 70
    assert counts.sum() == 300


def test_some_events_overlap_and_some_do_not():
    sounding_at_once = (scenes(10).activity > 0).sum(axis=1)
    assert (sounding_at_once >= 2).any()
    assert (sounding_at_once == 0).any()


def test_every_label_occurs_as_often_as_asked_for_or_more():
    totals = scenes(4).y.to_numpy().sum(axis=0)
    assert (totals >= 4).all()
    assert totals.sum() > 20


def test_same_seed_gives_the_same_scenes_and_another_gives_others():
    first, second, third = scenes(2), scenes(2), scenes(2, random_state=1)
    np.testing.assert_array_equal(first.X, second.X)
    assert first.events == second.events
    assert first.y.equals(second.y)
    assert first.events != third.events


def test_first_clips_do_not_depend_on_how_many_follow():
    few, many = scenes(1), scenes(3)
    for clip, events in zip(few.X, few.events, strict=True):
        np.testing.assert_array_equal(many.X[many.events.index(events)], clip)


def test_one_event_a_clip_is_single_label_data():
    data = scenes(2, max_events=1)
    assert data.y.shape == data.onset.shape == (10,)
    assert "events" not in data
    assert "activity" not in data


def test_all_labels_may_sound_in_one_clip():
    data = make_soundscapes(8, labels=LABELS[:2], n_segments=2, max_events=2, random_state=0)
    assert (data.y.to_numpy().sum(axis=1) == 2).any()


def test_levels_are_decibels_between_events():
    events = [Event(LABELS[0], 0.0, 1.0), Event(LABELS[1], 1.0, 2.0)]
    rng = np.random.default_rng(0)
    waveform = render_clip(events, 2.0, rng, levels=[0.0, -6.0], background=(-80.0, -80.0)).astype(float)
    ratio = 20 * np.log10(waveform[:SAMPLE_RATE].std() / waveform[SAMPLE_RATE:].std())
    assert ratio == pytest.approx(6.0, abs=0.1)


def test_features_show_an_event_in_the_segments_where_it_sounds():
    train, test = scenes(40), scenes(10, random_state=1)
    scaler = StandardScaler().fit(_segments(train))
    model = Ridge(alpha=10.0).fit(scaler.transform(_segments(train)), _activity(train))
    scores = model.predict(scaler.transform(_segments(test)))
    for column, activity in enumerate(_activity(test).T):
        clear = (activity == 0) | (activity > 0.5)
        assert roc_auc_score(activity[clear] > 0, scores[clear, column]) > 0.8


def _segments(data):
    return data.X.reshape(-1, data.X.shape[2])


def _activity(data):
    return data.activity.transpose(0, 2, 1).reshape(-1, len(data.labels))


@pytest.mark.parametrize(
    ("value", "error", "message"),
    [
        (0, ValueError, "max_events"),
        (2.0, TypeError, "max_events"),
        (6, ValueError, "max_events=6 exceeds the 5 labels.*pass at most 5"),
    ],
    ids=["zero", "float", "too many"],
)
def test_bad_numbers_of_events_are_refused_by_name(value, error, message):
    with pytest.raises(error, match=message):
        scenes(max_events=value)
