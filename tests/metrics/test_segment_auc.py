import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from skzsl.exceptions import UndefinedLabelWarning
from skzsl.metrics import _segment_auc, segment_auc, within_clip_auc


@pytest.fixture(params=["distinct", "tied", "float32", "whole clips"])
def scored(request, rng):
    y_true = rng.random((30, 8, 5)) < 0.3
    y_score = rng.normal(size=y_true.shape) + y_true
    if request.param == "tied":
        y_score = np.round(y_score)
    mask = np.arange(8) < rng.integers(1, 9, 30)[:, None]
    if request.param == "whole clips":
        mask[:] = True
    return y_true, y_score.astype(np.float32 if request.param == "float32" else np.float64), mask


def slow_within_clip_auc(y_true, y_score, mask):
    """The definition, clip by clip: scikit-learn's AUC of the present segments."""
    values = []
    for label in range(y_true.shape[2]):
        of_clips = []
        for true, score, present in zip(y_true[:, :, label], y_score[:, :, label], mask, strict=True):
            if 0 < true[present].sum() < present.sum():
                of_clips.append(roc_auc_score(true[present], score[present]))
        values.append(np.mean(of_clips))
    return values


def test_within_clip_auc_equals_the_loop_over_clips(scored):
    y_true, y_score, mask = scored
    expected = slow_within_clip_auc(y_true, y_score, mask)
    np.testing.assert_allclose(within_clip_auc(y_true, y_score, mask=mask, average=None), expected, atol=1e-12)
    assert within_clip_auc(y_true, y_score, mask=mask) == pytest.approx(np.mean(expected), abs=1e-12)


def test_segment_auc_equals_scikit_learns_over_present_segments(scored):
    y_true, y_score, mask = scored
    expected = roc_auc_score(y_true[mask], y_score[mask], average=None)
    np.testing.assert_allclose(segment_auc(y_true, y_score, mask=mask, average=None), expected, atol=1e-12)
    assert segment_auc(y_true, y_score, mask=mask) == pytest.approx(np.mean(expected), abs=1e-12)


@pytest.mark.parametrize("measure", [segment_auc, within_clip_auc])
def test_absent_segments_are_never_read(scored, measure):
    y_true, y_score, mask = scored
    hidden = np.where(mask[:, :, None], y_score, np.nan)
    answers = np.where(mask[:, :, None], y_true, 1).astype(np.uint8)
    assert measure(answers, hidden, mask=mask.astype(int)) == measure(y_true, y_score, mask=mask)


def test_blocks_of_rows_change_nothing(scored, monkeypatch):
    y_true, y_score, mask = scored
    whole = within_clip_auc(y_true, y_score, mask=mask)
    monkeypatch.setattr(_segment_auc, "_VALUES_AT_ONCE", 20)
    assert within_clip_auc(y_true, y_score, mask=mask) == whole


def test_levels_of_clips_count_over_all_segments_only(scored, rng):
    y_true, y_score, mask = scored
    levels = 2.0 ** rng.integers(-9, 9, (len(y_score), 1, 1))
    louder = y_score * levels.astype(y_score.dtype)
    assert within_clip_auc(y_true, louder, mask=mask) == within_clip_auc(y_true, y_score, mask=mask)
    assert segment_auc(y_true, louder, mask=mask) != segment_auc(y_true, y_score, mask=mask)


@pytest.mark.parametrize(
    ("measure", "missing"),
    [(segment_auc, "positive and negative segment"), (within_clip_auc, "partly sounding clip")],
)
def test_labels_without_a_value_are_left_out_and_named(scored, measure, missing):
    y_true, y_score, mask = scored
    y_true[:, :, 1] = 0
    with pytest.warns(UndefinedLabelWarning, match=f"1 of 5 labels have no {missing}"):
        value = measure(y_true, y_score, mask=mask)
    by_label = measure(y_true, y_score, mask=mask, average=None)
    assert np.isnan(by_label).tolist() == [False, True, False, False, False]
    assert value == pytest.approx(np.nanmean(by_label))
    with pytest.raises(ValueError, match=f"No label has a {missing}"):
        measure(np.zeros_like(y_true), y_score, mask=mask)


@pytest.mark.parametrize(
    ("y_true", "y_score", "options", "message"),
    [
        ([[[1], [0]]], [[[0.5]]], {}, "must both be"),
        ([[1, 0]], [[0.5, 0.2]], {}, r"y_score of shape \(1, 2\) must be"),
        ([[[2], [0]]], [[[0.5], [0.2]]], {}, "y_true holds 2"),
        ([[[1], [0]]], [[[np.nan], [0.5]]], {}, r"y_score\[0, 0, 0\] is nan"),
        ([[[1], [0]]], [[["a"], ["b"]]], {}, "pass scores as numbers"),
        ([[[1], [0]]], [[[0.5], [0.2]]], {"mask": [[1]]}, "mask of shape"),
        ([[[1], [0]]], [[[0.5], [0.2]]], {"mask": [[1, 0.5]]}, "mask holds 0.5"),
        ([[[1], [0]]], [[[0.5], [0.2]]], {"mask": [[0, 0]]}, "mask has no present segment"),
        ([[[1], [0]]], [[[0.5], [0.2]]], {"average": "micro"}, "average='micro'"),
    ],
)
@pytest.mark.parametrize("measure", [segment_auc, within_clip_auc])
def test_scores_that_cannot_be_ranked_are_refused(measure, y_true, y_score, options, message):
    with pytest.raises(ValueError, match=message):
        measure(y_true, y_score, **options)


@pytest.mark.parametrize("measure", [segment_auc, within_clip_auc])
def test_segments_at_the_end_that_are_nan_for_every_label_are_absent(rng, measure):
    y_true = rng.random((20, 6, 3)) < 0.4
    y_score = rng.normal(size=y_true.shape) + y_true
    mask = np.arange(6) < rng.integers(3, 7, 20)[:, None]
    hidden = np.where(mask[:, :, None], y_score, np.nan)
    assert measure(y_true, hidden) == measure(y_true, y_score, mask=mask)
