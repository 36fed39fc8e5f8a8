"""What a split has on both sides: labels, clips, recordings, and labels that are nearly the same."""

from __future__ import annotations

import re
from collections.abc import Mapping
from hashlib import blake2b
from typing import TYPE_CHECKING

import numpy as np
from sklearn.metrics.pairwise import cosine_similarity

from .._indicators import check_indicators, is_indicator
from .._labels import label_array
from .._segments import clip_array
from ..exceptions import LeakWarning, warn
from ..text._base import split_words
from ..text._label_vectors import LabelVectors
from ._splitters import check_recordings

if TYPE_CHECKING:
    import pandas as pd

_SHOWN = 3


def leakage_report(X, y, folds, *, groups=None, parents=None, text_encoder=None, min_similarity=0.9) -> pd.DataFrame:
    """List what training and test clips of each fold share, and warn of it.

    Parameters
    ----------
    X : array of shape (n, d) or (n, T, d), or None
        Clip or segment embeddings, compared bit by bit; None leaves clips out.
    y : array of shape (n,), or DataFrame or array of shape (n, L)
        The label of each clip, or which labels it has.
    folds : splitter or iterable of (train, test)
        The folds, as row indices.
    groups : array of shape (n,) or None, default=None
        The recording, site or speaker of each clip.
    parents : mapping or None, default=None
        Names directly above each label, or the only one, such as ``load_audioset_ontology(path).parents``.
    text_encoder : transformer, str, dict, DataFrame or None, default=None
        Compares label texts by the cosine of their vectors too: what estimators take, such as ``SentenceEncoder()``; a
        clone is fitted on all labels of y. None compares words only.
    min_similarity : float, default=0.9
        Cosine from which two label texts count as nearly the same.

    Returns
    -------
    report : DataFrame
        One row for each fold and kind, with the columns "fold", "kind", "count" and "examples". The kinds are

        - "labels": labels with clips on both sides,
        - "clips": test clips that equal a training clip,
        - "sources": ``groups`` with clips on both sides,
        - "similar texts": test labels without a training clip whose words, but for order, case and a final s, are those
          of a training label, or whose vector is near that of one,
        - "relatives": test labels without a training clip that ``parents`` puts above or below a training label, at
          any distance.

    Warns
    -----
    LeakWarning
        If any count is not zero. Few-shot and generalised folds share labels on purpose.

    Raises
    ------
    ValueError
        If ``groups`` or X have another length than y, X is ragged, ``groups`` has missing values, ``parents`` is no
        mapping, or there are no folds.

    Examples
    --------
    >>> from skzsl.model_selection import ClassDisjointKFold, leakage_report
    >>> y = ["dog", "rain", "dogs", "bell"]
    >>> folds = [([0, 1], [2, 3])]
    >>> report = leakage_report(None, y, folds, parents={"bell": ["alarm"]})  # doctest: +SKIP
    LeakWarning: Fold 0: 1 similar texts ('dogs' ~ 'dog').
    """
    import pandas as pd

    if is_indicator(y):
        indicators = check_indicators(y)
        labels, present = indicators.labels, indicators.values.astype(bool)
    else:
        y = label_array(y, "y")
        labels = np.unique(y)
        present = y[:, None] == labels
    n_clips = len(present)
    X = None if X is None else clip_array(X)
    if X is not None and len(X) != n_clips:
        raise ValueError(f"X has {len(X)} rows and y {n_clips}; pass one for each clip.")
    recordings, recording_names = check_recordings(groups, n_clips)
    if hasattr(folds, "split"):
        folds = folds.split(np.zeros(n_clips) if X is None else X, y, groups)
    names = labels.tolist()
    clips = None if X is None else np.array([blake2b(clip.tobytes(), digest_size=16).digest() for clip in X])
    alike = _similar(names, text_encoder, min_similarity)
    above = None if parents is None else _ancestors_of(names, parents)

    rows = []
    for fold, (train, test) in enumerate(folds):
        trained, tested = (set(labels[present[side].any(axis=0)].tolist()) for side in (train, test))
        new = [name for name in names if name in tested - trained]
        found = {"labels": [repr(name) for name in names if name in trained & tested]}
        if clips is not None:
            again = np.flatnonzero(np.isin(clips[test], clips[train]))
            found["clips"] = [f"row {row}" for row in np.asarray(test)[again].tolist()]
        if groups is not None:
            shared = np.intersect1d(recordings[train], recordings[test])
            found["sources"] = [repr(recording_names[number]) for number in shared]
        found["similar texts"] = [
            f"{name!r} ~ {other!r}" for name in new for other in names if other in trained and (name, other) in alike
        ]
        if above is not None:
            found["relatives"] = [
                f"{child!r} is a {parent!r}"
                for child in names
                for parent in names
                if parent in above[child]
                and ((child in new and parent in trained) or (parent in new and child in trained))
            ]
        for kind, examples in found.items():
            shown = ", ".join(examples[:_SHOWN]) + (", ..." if len(examples) > _SHOWN else "")
            rows.append({"fold": fold, "kind": kind, "count": len(examples), "examples": shown})
    if not rows:
        raise ValueError("folds is empty; pass a splitter or pairs of row indices.")
    report = pd.DataFrame(rows)
    leaks = report[report["count"] > 0]
    if len(leaks):
        first = leaks[leaks["fold"] == leaks["fold"].iloc[0]]
        what = "; ".join(f"{row['count']} {row['kind']} ({row['examples']})" for _, row in first.iterrows())
        others = leaks["fold"].nunique() - 1
        more = f" {others} other folds share something too." if others else ""
        warn(f"Fold {first['fold'].iloc[0]}: {what}.{more}", LeakWarning)
    return report


def _similar(names, text_encoder, min_similarity):
    """Pairs of unlike labels whose texts are nearly the same, both ways."""
    words = [_words(name) for name in names]
    near = np.array([[bool(a) and a == b for b in words] for a in words])
    if text_encoder is not None:
        texts = [str(name) for name in names]
        near |= cosine_similarity(LabelVectors(text_encoder, texts).of(texts).astype(float)) >= min_similarity
    np.fill_diagonal(near, False)
    return {(names[row], names[column]) for row, column in np.argwhere(near)}


def _words(name):
    """Words of a label without a final s, in any order."""
    parts = [part for word in split_words(str(name).casefold()) for part in re.split("['’]", word)]
    return frozenset(re.sub(r"(?<=[^\Ws])s$", "", part) for part in parts)


def _ancestors_of(names, parents):
    """All names above each label."""
    if not isinstance(parents, Mapping):
        raise ValueError(
            f"parents is a {type(parents).__name__}; pass a dict from label to the names above it, such as "
            "{'dog bark': ['dog']}."
        )
    return {name: _ancestors(name, parents) for name in names}


def _ancestors(name, parents):
    found: set = set()
    waiting = [name]
    while waiting:
        above = parents.get(waiting.pop(), ())
        new = {above} - found if isinstance(above, str) else set(above) - found
        found |= new
        waiting += new
    return found
