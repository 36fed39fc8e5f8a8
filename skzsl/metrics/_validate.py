"""What the metrics check, and the one rule for labels that they are not defined for."""

from __future__ import annotations

import numpy as np

from ..exceptions import UndefinedLabelWarning, warn


def check_scores(y_true, y_score) -> tuple[np.ndarray, np.ndarray]:
    """Indicators as bool and finite scores, both (n, L).

    Raises
    ------
    ValueError
        For shapes that differ or are not 2-D, values other than 0 and 1, and scores that are no finite numbers.
    """
    y_true, y_score = np.asarray(y_true), np.asarray(y_score)
    if y_true.ndim != 2 or y_true.shape != y_score.shape or 0 in y_true.shape:
        raise ValueError(f"y_true of shape {y_true.shape} and y_score of shape {y_score.shape} must both be (n, L).")
    if y_true.dtype != bool and not ((y_true == 0) | (y_true == 1)).all():
        raise ValueError(
            f"y_true holds {y_true[(y_true != 0) & (y_true != 1)][0].item()!r}; pass 1 for present, 0 for absent."
        )
    if y_score.dtype.kind not in "buif":
        raise ValueError(f"y_score has dtype {y_score.dtype}; pass scores as numbers.")
    if not np.isfinite(y_score).all():
        clip, label = np.argwhere(~np.isfinite(y_score))[0]
        raise ValueError(f"y_score[{clip}, {label}] is {y_score[clip, label]}; scores must be finite.")
    return y_true.astype(bool), y_score


def check_labels(y_true, y_pred) -> tuple[np.ndarray, np.ndarray]:
    """True and predicted labels, one each a clip, as arrays (n,).

    Raises
    ------
    ValueError
        For arrays that are not 1-D, of different length or of labels of different types.
    """
    y_true, y_pred = np.asarray(y_true), np.asarray(y_pred)
    if y_true.shape != y_pred.shape or y_true.ndim != 1:
        raise ValueError(
            f"y_true of shape {y_true.shape} and y_pred of shape {y_pred.shape} must be 1-D, of one length."
        )
    refuse_two_types(y_true, y_pred, "y_pred")
    return y_true, y_pred


def refuse_two_types(y_true, others, name):
    """Refuse labels that are text on one side and numbers on the other, as a file makes of numbers."""
    for first, other in zip(y_true[:1].tolist(), others[:1].tolist(), strict=False):
        if isinstance(first, str) is not isinstance(other, str):
            raise ValueError(f"y_true holds labels like {first!r} and {name} {other!r}; make them of one type.")


def check_candidate_scores(y_true, y_score, labels) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """True labels (n,), finite scores (n, L) and the labels (L,) of their columns, as arrays.

    Raises
    ------
    ValueError
        For shapes that do not fit, no clip, labels twice or of another type than y_true, and scores that are no finite
        numbers.
    """
    y_true, y_score, labels = np.asarray(y_true), np.asarray(y_score), np.asarray(labels)
    if labels.ndim != 1 or len(set(labels.tolist())) != len(labels):
        raise ValueError(f"labels of shape {labels.shape} must be 1-D and unlike one another.")
    if y_true.ndim != 1 or y_score.shape != (len(y_true), len(labels)):
        raise ValueError(
            f"y_score of shape {y_score.shape} does not fit y_true of shape {y_true.shape} and {len(labels)} labels; "
            "pass a column for each, such as decision_function(X, labels=labels) gives of two labels too."
        )
    if not len(y_true) or not len(labels):
        raise ValueError(f"There are {len(y_true)} clips and {len(labels)} labels; pass at least one of each.")
    refuse_two_types(y_true, labels, "labels")
    if y_score.dtype.kind not in "biuf":
        raise ValueError(f"y_score is of type {y_score.dtype}; pass numbers, such as np.asarray(y_score, dtype=float).")
    if not np.isfinite(y_score).all():
        raise ValueError("y_score holds values that are not finite.")
    return y_true, y_score, labels


def check_mask(mask, shape) -> np.ndarray:
    """Which segments are present, as bool (n, T).

    Raises
    ------
    ValueError
        For another shape, values other than 0 and 1, and no present segment at all.
    """
    mask = np.asarray(mask)
    if mask.shape != shape:
        raise ValueError(f"mask of shape {mask.shape} must be {shape}, one value a segment.")
    if mask.dtype != bool and not ((mask == 0) | (mask == 1)).all():
        wrong = mask[(mask != 0) & (mask != 1)][0].item()
        raise ValueError(f"mask holds {wrong!r}; pass 1 for present segments, 0 for absent ones.")
    if not mask.any():
        raise ValueError("mask has no present segment; pass True where a clip has one.")
    return mask.astype(bool)


def check_segment_scores(y_score, mask) -> tuple[np.ndarray, np.ndarray]:
    """Scores (n, T, C), finite where segments are present, and the checked mask.

    Raises
    ------
    ValueError
        For scores that are not 3-D or no finite numbers, and as for :func:`check_mask`.
    """
    y_score = np.asarray(y_score)
    if y_score.ndim != 3 or 0 in y_score.shape:
        raise ValueError(f"y_score of shape {y_score.shape} must be (n, T, C): clips, segments, labels.")
    if y_score.dtype.kind not in "buif":
        raise ValueError(f"y_score has dtype {y_score.dtype}; pass scores as numbers.")
    mask = _without_trailing_nan(y_score) if mask is None else check_mask(mask, y_score.shape[:2])
    wrong = ~np.isfinite(y_score) & mask[:, :, None]
    if wrong.any():
        clip, segment, label = np.argwhere(wrong)[0].tolist()
        raise ValueError(
            f"y_score[{clip}, {segment}, {label}] is {y_score[clip, segment, label]}; scores of present segments must "
            "be finite."
        )
    return y_score, mask


def _without_trailing_nan(y_score):
    """Which segments (n, T) are present if those at the end of a clip that are nan for every label are absent."""
    scored = ~np.isnan(y_score).all(axis=2)
    last = y_score.shape[1] - np.argmax(scored[:, ::-1], axis=1)
    return np.arange(y_score.shape[1]) < np.where(scored.any(axis=1), last, 1)[:, None]


def mean_over_labels(values: np.ndarray, average, missing: str, unit: str = "clip"):
    """Mean of the values that are defined, warning of the others; all of them for ``average=None``.

    ``missing`` and ``unit`` say what labels without a value lack: a "positive" "clip", a "true" "event".
    """
    if average is None:
        return values
    if average != "macro":
        raise ValueError(f"average={average!r}; pass 'macro' or None.")
    undefined = int(np.isnan(values).sum())
    if undefined == len(values):
        raise ValueError(f"No label has a {missing} {unit} in y_true; there is nothing to average.")
    if undefined:
        warn(
            f"{undefined} of {len(values)} labels have no {missing} {unit} and are left out of the mean.",
            UndefinedLabelWarning,
        )
    return float(np.nanmean(values))
