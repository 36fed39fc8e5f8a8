"""What the displays of one clip share: a row for each label over the seconds of the clip."""

from __future__ import annotations

import numpy as np

from .._views import unwrap


def model_with(method, estimator, clip, instead):
    """Find the model that has ``method`` inside an estimator, and the clip (1, T, d) as it sees it.

    Raises
    ------
    TypeError
        If there is none; the message says what to pass ``instead``.
    ValueError
        If the clip is not (T, d).
    """
    clip = np.asarray(clip)
    if clip.ndim != 2:
        raise ValueError(f"clip has shape {clip.shape}; pass the segments of one clip, (T, d), such as X[0].")
    model, clips = unwrap(estimator, clip[None])
    while not hasattr(model, method) and hasattr(model, "estimator_"):
        model, clips = unwrap(model.estimator_, clips)
    if not hasattr(model, method):
        raise TypeError(f"{type(model).__name__} has no {method}; pass {instead}.")
    return model, clips


def span_list(spans):
    """Spans of one clip as (label, onset, offset), from such a list, an event table or None.

    Raises
    ------
    ValueError
        If a table has several clips.
    """
    if not hasattr(spans, "columns"):
        return list(spans or [])
    if "clip" in spans and len(set(spans["clip"])) > 1:
        raise ValueError(
            f"The table has events of {len(set(spans['clip']))} clips; pass those of the one that is drawn."
        )
    return list(zip(spans["label"], spans["onset"], spans["offset"], strict=True))


def span_labels(spans):
    """Labels of spans in the order of their onsets."""
    return list(dict.fromkeys(label for label, *_ in sorted(spans, key=lambda span: span[1])))


def row_axes(ax, labels):
    """Axes with a row for each label, new ones where ``ax`` is None."""
    import matplotlib.pyplot as plt

    if ax is None:
        _, ax = plt.subplots(figsize=(7, 1.2 + 0.35 * len(labels)), layout="constrained")
    ax.set_yticks(range(len(labels)), labels=[str(label) for label in labels])
    ax.set_xlabel("seconds")
    return ax


def draw_spans(ax, labels, spans):
    """Frame in the row of each label when it truly sounds; labels without a row are not drawn."""
    from matplotlib.patches import Rectangle

    rows = {label: row for row, label in enumerate(labels)}
    for label, onset, offset in spans or []:
        if label in rows:
            frame = (onset, rows[label] - 0.4), offset - onset, 0.8
            ax.add_patch(Rectangle(*frame, fill=False, edgecolor="tab:red", linewidth=1.5))
