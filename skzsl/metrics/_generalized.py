"""Metrics of generalised zero-shot classification: seen and unseen labels compete."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from ._validate import check_candidate_scores, check_labels
from ._zero_shot import per_label_accuracy


class SeenUnseenCurve(NamedTuple):
    """Accuracies at every penalty on seen labels that changes a prediction; see :func:`seen_unseen_curve`."""

    penalty: np.ndarray
    seen: np.ndarray
    unseen: np.ndarray


def harmonic_mean(seen, unseen) -> Any:
    """Harmonic mean H = 2 S U / (S + U) of the figures on seen and on unseen labels, 0 where both are 0.

    Parameters
    ----------
    seen, unseen : float or array, at least 0
        S, the figure on clips of seen labels, and U, that on clips of unseen ones.

    Returns
    -------
    mean : float or ndarray
        H, high only where both are.

    Raises
    ------
    ValueError
        For negative figures and nan.

    References
    ----------
    Xian, Lampert, Schiele and Akata (2019). Zero-shot learning: a comprehensive evaluation of the good, the bad and
    the ugly. IEEE TPAMI 41(9).

    Examples
    --------
    >>> from skzsl.metrics import harmonic_mean
    >>> harmonic_mean(0.75, 0.25)
    0.375
    """
    seen, unseen = np.asarray(seen, dtype=float), np.asarray(unseen, dtype=float)
    if not ((seen >= 0).all() and (unseen >= 0).all()):
        raise ValueError(f"seen={seen} and unseen={unseen} must be at least 0.")
    total = seen + unseen
    mean = 2 * seen * unseen / np.where(total > 0, total, 1.0)
    return float(mean) if mean.ndim == 0 else mean


def generalized_accuracy(y_true, y_pred, seen) -> tuple[float, float]:
    """Accuracies S on the clips of seen labels and U on those of unseen ones, all labels being candidates.

    Parameters
    ----------
    y_true : array of shape (n,)
        True labels.
    y_pred : array of shape (n,)
        Predicted labels, seen or unseen.
    seen : collection of labels
        The labels that the model was trained on.

    Returns
    -------
    seen, unseen : float
        Means over the labels of each kind, so that rare labels count like frequent ones.

    Raises
    ------
    ValueError
        If ``y_true`` has no clip of a seen or none of an unseen label, the lengths differ, or ``seen`` is one string.

    References
    ----------
    Xian, Lampert, Schiele and Akata (2019). Zero-shot learning: a comprehensive evaluation of the good, the bad and
    the ugly. IEEE TPAMI 41(9).

    Examples
    --------
    >>> from skzsl.metrics import generalized_accuracy
    >>> generalized_accuracy(["dog", "dog", "rain"], ["dog", "rain", "dog"], seen=["dog"])
    (0.5, 0.0)
    """
    y_true, y_pred = check_labels(y_true, y_pred)
    trained = _is_seen(y_true, seen)
    return per_label_accuracy(y_true[trained], y_pred[trained]), per_label_accuracy(y_true[~trained], y_pred[~trained])


def seen_unseen_curve(y_true, y_score, labels, seen) -> SeenUnseenCurve:
    """Accuracies on seen and on unseen labels at every penalty on the scores of seen labels (calibrated stacking).

    Each clip has one penalty at which its prediction changes, from its best seen to its best unseen label: the
    difference of their scores. Between two of these nothing changes, so the curve is exact.

    Parameters
    ----------
    y_true : array of shape (n,)
        True labels, some seen and some unseen.
    y_score : array of shape (n, L)
        Scores of all candidates.
    labels : array of shape (L,)
        Labels of the columns.
    seen : collection of labels
        The labels that the model was trained on.

    Returns
    -------
    curve : SeenUnseenCurve
        ``penalty``, increasing from -inf, ``seen``, which falls to 0, and ``unseen``, which rises from 0, each of shape
        (m,). The accuracies hold above a penalty, up to the next, so half-way between the two is one to use: at the
        penalty itself a seen and an unseen label tie.

    Raises
    ------
    ValueError
        For scores that are not finite numbers or not (n, L), labels that repeat, and if columns or clips of seen or of
        unseen labels are missing, or a true label has no column.

    References
    ----------
    Chao, Changpinyo, Gong and Sha (2016). An empirical study and analysis of generalized zero-shot learning for object
    recognition in the wild. ECCV.

    Examples
    --------
    >>> from skzsl.metrics import seen_unseen_curve
    >>> curve = seen_unseen_curve(["dog", "rain"], [[3.0, 1.0], [2.0, 1.5]], ["dog", "rain"], seen=["dog"])
    >>> curve.penalty.tolist(), curve.seen.tolist(), curve.unseen.tolist()
    ([-inf, 0.5, 2.0], [1.0, 1.0, 0.0], [0.0, 1.0, 1.0])
    """
    y_true, y_score, labels = check_candidate_scores(y_true, y_score, labels)
    missing = sorted(set(y_true.tolist()).difference(labels.tolist()), key=str)
    if missing:
        raise ValueError(f"Labels {missing[:5]} of y_true have no column; add them to labels and y_score.")
    trained, column = _is_seen(y_true, seen), _is_seen(labels, seen)
    best_seen, best_unseen = (np.flatnonzero(kind)[y_score[:, kind].argmax(axis=1)] for kind in (column, ~column))
    rows = np.arange(len(y_true))
    switch = y_score[rows, best_seen].astype(float) - y_score[rows, best_unseen]
    penalty, step = np.unique(switch, return_inverse=True)
    accuracies = []
    for kind, best in ((trained, best_seen), (~trained, best_unseen)):
        right = kind & (labels[best] == y_true)
        weights = right / _support(y_true, kind)
        accuracies.append(np.concatenate([[0.0], np.bincount(step, weights=weights, minlength=len(penalty)).cumsum()]))
    lost, gained = accuracies
    return SeenUnseenCurve(np.concatenate([[-np.inf], penalty]), np.maximum(lost[-1] - lost, 0.0), gained)


def ausuc(y_true, y_score, labels, seen) -> float:
    """Area under the curve of seen against unseen accuracy, over all penalties on seen labels.

    Parameters
    ----------
    y_true : array of shape (n,)
        True labels, some seen and some unseen.
    y_score : array of shape (n, L)
        Scores of all candidates.
    labels : array of shape (L,)
        Labels of the columns.
    seen : collection of labels
        The labels that the model was trained on.

    Returns
    -------
    area : float
        In [0, 1]. It is not above the product of the accuracies that seen and unseen labels have among themselves.

    Raises
    ------
    ValueError
        As :func:`seen_unseen_curve`.

    References
    ----------
    Chao, Changpinyo, Gong and Sha (2016). An empirical study and analysis of generalized zero-shot learning for object
    recognition in the wild. ECCV.

    Examples
    --------
    >>> from skzsl.metrics import ausuc
    >>> ausuc(["dog", "rain"], [[3.0, 1.0], [2.0, 1.5]], ["dog", "rain"], seen=["dog"])
    1.0
    """
    curve = seen_unseen_curve(y_true, y_score, labels, seen)
    return float(np.trapezoid(curve.seen, curve.unseen))


def _is_seen(labels, seen):
    """Which labels are seen; both kinds must be there."""
    if isinstance(seen, str | bytes):
        raise ValueError(f"seen={seen!r} is one label; pass a list of labels, such as [{seen!r}].")
    seen = set(np.asarray(list(seen)).tolist())
    found = np.array([label in seen for label in labels.tolist()], dtype=bool)
    for kind, there in (("seen", found.any()), ("unseen", not found.all())):
        if not there:
            raise ValueError(
                f"None of the labels is {kind}; generalised figures need seen and unseen ones, in y_true and among the "
                "columns."
            )
    return found


def _support(y_true, kind):
    """Clips of each clip's label, times the labels of this kind: the inverse of what a right clip adds."""
    _, codes, counts = np.unique(y_true, return_inverse=True, return_counts=True)
    return counts[codes] * len(np.unique(y_true[kind]))
