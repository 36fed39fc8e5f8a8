"""Tables of sound events: what the metrics check, and the codes that two tables share."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from .._clip_names import plain_name
from ._validate import mean_over_labels, refuse_two_types

COLUMNS = ["clip", "label", "onset", "offset"]


class Events(NamedTuple):
    """One value an event; clips and labels are keys, or codes once :func:`check_event_pair` numbered them."""

    clip: np.ndarray
    label: np.ndarray
    onset: np.ndarray
    offset: np.ndarray


def check_events(frame, name: str) -> Events:
    """Columns of an event table, onset and offset as finite seconds.

    Raises
    ------
    ValueError
        For what is no DataFrame, missing columns and keys, and times that are no finite numbers, are negative, or end
        before they begin.
    """
    import pandas as pd

    if not isinstance(frame, pd.DataFrame):
        raise ValueError(f"{name} is a {type(frame).__name__}; pass a pandas DataFrame with the columns {COLUMNS}.")
    missing = [column for column in COLUMNS if column not in frame.columns]
    if missing:
        raise ValueError(f"{name} lacks the columns {missing} and has {list(frame.columns)}; rename or add them.")
    repeated = [column for column in COLUMNS if isinstance(frame[column], pd.DataFrame)]
    if repeated:
        raise ValueError(f"{name} has the columns {repeated} more than once; keep one of each.")
    for column in ("clip", "label"):
        absent = frame[column].isna().to_numpy()
        if absent.any():
            raise ValueError(f"{name} has no {column} in row {absent.argmax()}; name it or drop the row.")
    events = Events(
        frame["clip"].to_numpy(dtype=object),
        frame["label"].to_numpy(dtype=object),
        _seconds(frame["onset"], name),
        _seconds(frame["offset"], name),
    )
    backwards = events.offset < events.onset
    if backwards.any():
        row = backwards.argmax()
        raise ValueError(
            f"{name} has offset {events.offset[row]} before onset {events.onset[row]} in row {row}; swap them or drop "
            "the row."
        )
    return events


def _seconds(column, name: str) -> np.ndarray:
    from pandas.api.types import is_numeric_dtype

    if len(column) and not is_numeric_dtype(column):
        raise ValueError(f"{name}[{column.name!r}] has dtype {column.dtype}; pass seconds as numbers.")
    values = column.to_numpy(dtype=float, na_value=np.nan)
    wrong = ~np.isfinite(values) | (values < 0)
    if wrong.any():
        row = wrong.argmax()
        raise ValueError(
            f"{name}[{column.name!r}] is {values[row]} in row {row}; pass finite seconds from the clip's start."
        )
    return values


def check_event_pair(y_true, y_pred) -> tuple[Events, Events, np.ndarray]:
    """True and predicted events with clips and labels as shared codes, and the sorted labels.

    Raises
    ------
    ValueError
        As for :func:`check_events`, and where both name their clips, but in other ways.
    """
    import pandas as pd

    true, pred = check_events(y_true, "y_true"), check_events(y_pred, "y_pred")
    _refuse_other_names(true.clip, pred.clip)
    refuse_two_types(true.label, pred.label, "y_pred")
    clips, _ = pd.factorize(np.concatenate([true.clip, pred.clip]))
    labels, names = pd.factorize(np.concatenate([true.label, pred.label]), sort=True)
    n_true = len(true.clip)
    true = true._replace(clip=clips[:n_true], label=labels[:n_true])
    return true, pred._replace(clip=clips[n_true:], label=labels[n_true:]), names


def _refuse_other_names(true, pred):
    """Refuse clips of which no name is in both tables, where other names or types tell why."""
    true, pred = dict.fromkeys(true), dict.fromkeys(pred)
    if not true or not pred or not true.keys().isdisjoint(pred):
        return
    kinds = [{isinstance(clip, str) for clip in clips} for clips in (true, pred)]
    if kinds[0].isdisjoint(kinds[1]) or not {plain_name(clip) for clip in true}.isdisjoint(map(plain_name, pred)):
        raise ValueError(
            f"y_true names clips as {next(iter(true))!r} and y_pred as {next(iter(pred))!r}, and none is in both; name "
            "them alike: event_table(event_lists(events, files)) of skzsl.preprocessing numbers them by their files."
        )


def f1_of_counts(hits, n_true, n_pred, labels, average):
    """F1 of the labels' counts of true positives, positives and predictions, averaged as the metrics say."""
    import pandas as pd

    if average == "micro":
        refuse_nothing_true(n_true)
        return float(2 * hits.sum() / (n_true.sum() + n_pred.sum()))
    values = np.full(len(labels), np.nan)
    np.divide(2 * hits, n_true + n_pred, out=values, where=n_true > 0)
    mean = mean_over_labels(values, average, "true", unit="event")
    return pd.Series(mean, index=labels, name="f1") if average is None else mean


def check_average(average) -> None:
    """Refuse what is no average of an F1."""
    if average not in {"micro", "macro", None}:
        raise ValueError(f"average={average!r}; pass 'micro', 'macro' or None.")


def refuse_nothing_true(n_true) -> None:
    """Refuse tables without anything to find."""
    if not np.sum(n_true):
        raise ValueError("y_true has no event that lasts; there is nothing to find.")


def check_number(name: str, value, low: float, high: float = np.inf, open_low: bool = False) -> float:
    """Return a finite number in an interval that holds its upper end, and its lower one unless ``open_low``.

    Raises
    ------
    ValueError
        For anything else.
    """
    number = isinstance(value, int | float | np.integer | np.floating) and not isinstance(value, bool)
    if not number or not np.isfinite(value) or value > high or value < low or (open_low and value == low):
        least = f"above {low:g}" if open_low else f"of at least {low:g}"
        most = f" and at most {high:g}" if np.isfinite(high) else ""
        raise ValueError(f"{name}={value!r}; pass a finite number {least}{most}.")
    return float(value)
