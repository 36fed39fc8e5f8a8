"""Labels checked once: y becomes codes, candidates become arrays, and every label gets its text."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from numbers import Number
from typing import Any, NoReturn
from unicodedata import normalize

import numpy as np
from scipy import sparse
from sklearn.utils import check_consistent_length, column_or_1d, gen_batches
from sklearn.utils.multiclass import check_classification_targets

from ._sparse import moved_columns
from .exceptions import LabelTextWarning, warn

_DENSE_CELLS = 1 << 26  # of the indicator of one label a clip
_BLOCK = 1 << 14  # labels hashed at once
_NUMBER = re.compile(r"[\s\d.,+-]*\d[\s\d.,+-]*")
_DELIMITED = re.compile("[;|]")
_ID = re.compile(r"/[a-z]/\w+")  # such as /m/09x0r of AudioSet


@dataclass(frozen=True)
class Targets:
    """The labels of y.

    Attributes
    ----------
    classes : ndarray
        All labels, in y's dtype: sorted, or in the order of the columns of y.
    seen : ndarray of shape (S,)
        Those with a positive clip, in the same order; only these train.
    codes : ndarray of shape (n,) or (n, S), or csr_array of shape (n, S)
        Position in ``seen`` of each clip's label or, where clips have several labels, the indicator of ``seen``.
    indicator_dtype : dtype or None
        In which type several labels a clip are predicted; None where clips have one.
    """

    classes: np.ndarray
    seen: np.ndarray
    codes: Any
    indicator_dtype: np.dtype | None = None

    def indicator(self) -> Any:
        """Which of ``seen`` each clip has, (n, S), sparse where it is large."""
        if self.codes.ndim == 2:
            return self.codes
        n_clips, n_labels = len(self.codes), len(self.seen)
        if n_clips * n_labels > _DENSE_CELLS:
            starts = np.arange(n_clips + 1)
            return sparse.csr_array((np.ones(n_clips, np.uint8), self.codes, starts), shape=(n_clips, n_labels))
        return (self.codes[:, None] == np.arange(len(self.seen))).astype(np.uint8)

    def indicator_of_classes(self) -> Any:
        """Which of ``classes`` each clip has, (n, C), whether they have a clip or not."""
        if len(self.seen) == len(self.classes):
            return self.indicator()
        indicator, places = self.indicator(), np.flatnonzero(np.isin(self.classes, self.seen))
        if sparse.issparse(indicator):
            return moved_columns(indicator, places, len(self.classes))
        every = np.zeros((len(indicator), len(self.classes)), dtype=np.uint8)
        every[:, places] = indicator
        return every


def encode_targets(y, n_clips: int, *, seen=None, classes=None) -> Targets:
    """Check single-label y against the number of clips and encode it, after labels met earlier or announced.

    Raises
    ------
    ValueError
        For a wrong length, missing or empty labels, continuous numbers, labels of mixed type and several labels a clip.
    """
    y = labels_of(range(n_clips), y)
    own, codes = _distinct(y)
    if y.dtype.kind not in "Uiu" and not isinstance(own[0], str):
        check_classification_targets(y)
    seen = _merge(own, seen)
    return Targets(_merge(seen, classes), seen, np.searchsorted(seen, own)[codes])


def _distinct(labels):
    """The labels that occur, sorted, and the place of each clip's label among them, as ``np.unique`` returns them.

    Millions of labels are hashed faster than they are sorted; in blocks, so that few are Python objects at once.
    """
    import pandas as pd

    if labels.dtype.kind not in "UOiu":
        return np.unique(labels, return_inverse=True)
    place_of: dict = {}
    codes = np.empty(len(labels), dtype=np.intp)
    for rows in gen_batches(len(labels), _BLOCK):
        places, found = pd.factorize(labels[rows].astype(object) if labels.dtype.kind == "U" else labels[rows])
        codes[rows] = np.array([place_of.setdefault(label, len(place_of)) for label in found.tolist()])[places]
    own = np.array(list(place_of), dtype=labels.dtype)
    order = np.argsort(own)
    return own[order], np.argsort(order)[codes]


def refuse_nothing_to_learn(targets: Targets, labels: np.ndarray | None = None) -> None:
    """Raise a ValueError where no clip has a label or, given the labels to tell apart, where these are not two."""
    if not len(targets.seen):
        raise ValueError("y has no positive clip of any label, so no class to learn; pass clips that have labels.")
    if labels is not None and len(labels) < 2:
        raise ValueError(
            f"y holds one class only, {labels.tolist()[0]!r}, in {targets.codes.shape[0]} sample(s): nothing to tell "
            "apart; pass clips of at least two labels."
        )


def check_candidates(labels, classes: np.ndarray) -> np.ndarray:
    """Check the labels to choose from, in the caller's order.

    Raises
    ------
    ValueError
        For a lone string, an unordered or unknown type, an empty list, duplicates, and missing or empty labels.
    """
    labels = label_array(labels, "labels")
    if len(labels) == 0:
        raise ValueError("labels=[] leaves no label to choose from; pass at least one.")
    unique, counts = np.unique(labels, return_counts=True)
    if len(unique) < len(labels):
        raise ValueError(f"labels has duplicates: {unique[counts > 1].tolist()}; pass each label once.")
    return labels.astype(object) if classes.dtype == object else labels


def label_array(labels, name: str) -> np.ndarray:
    """Labels as a 1-D array without missing or empty entries; ``name`` is the argument's, for the messages."""
    if labels is None:
        raise ValueError(f"This estimator requires {name} to be passed, but the target {name} is None; pass labels.")
    if isinstance(labels, str | bytes | bytearray):
        raise ValueError(f"{name}={labels!r} is one label; pass a list of labels, such as [{labels!r}].")
    if not hasattr(labels, "__array__"):
        if isinstance(labels, set | frozenset | Mapping) or not isinstance(labels, Collection):
            raise ValueError(f"{name}={labels!r} of type {type(labels).__name__} has no order; pass a list of labels.")
        labels = _list_to_array(list(labels), name)
    labels = np.asarray(labels)
    if labels.ndim == 0:
        raise ValueError(f"{name}={labels.item()!r} is one label; pass a list of labels, such as [{labels.item()!r}].")
    if isinstance(labels.dtype, np.dtypes.StringDType):
        labels = labels.astype(object)
    if labels.ndim == 2 and labels.shape[1] > 1:
        raise ValueError(
            f"{name} of shape {labels.shape} has several labels a row; this estimator takes one label a clip: pass "
            f"{name} of shape ({len(labels)},)."
        )
    labels = column_or_1d(labels, warn=True)
    _refuse_missing(labels, name)
    return labels


def labels_of(clips, y) -> np.ndarray:
    """The one label of each clip, of which there is at least one."""
    y = label_array(y, "y")
    check_consistent_length(clips, y)
    if not len(y):
        raise ValueError("There are no clips and no labels in y; pass clips and the label of each.")
    return y


def warn_of_texts(labels: np.ndarray, texts: Mapping | None) -> None:
    """Issue a LabelTextWarning for labels without an entry in ``texts`` that tell a text encoder nothing.

    That is numbers and ids, what may be several labels in one text, and names that differ in case or blanks only.
    """
    own = [label for label in labels.tolist() if texts is None or label not in texts]
    numbers = [label for label in own if not isinstance(label, str) or _NUMBER.fullmatch(label)]
    ids = [label for label in own if isinstance(label, str) and _ID.fullmatch(label)]
    for found, what in ((numbers, "numbers"), (ids, "machine ids")):
        if found:
            warn(
                f"Labels such as {found[0]!r} are {what}, and a text encoder reads no meaning in them; pass "
                f"label_texts={{{found[0]!r}: 'its text', ...}}.",
                LabelTextWarning,
            )
    marks = (_DELIMITED.search(label) for label in own if isinstance(label, str))
    if mark := next(filter(None, marks), None):
        warn(
            f"Label {mark.string!r} may be several labels; if it is, pass skzsl.indicator_frame(y, sep={mark[0]!r}).",
            LabelTextWarning,
        )
    spelling: dict[str, str] = {}
    for label in own:
        if isinstance(label, str):
            spelt = label if label.isascii() else normalize("NFC", label)
            first = spelling.setdefault(" ".join(spelt.split()).casefold(), label)
            if first != label:
                warn(
                    f"Labels {first!r} and {label!r} differ in case, blanks or how letters are stored only, and to "
                    "most text encoders they are one; pass one of them, or tell them apart in label_texts.",
                    LabelTextWarning,
                )
                return


def label_texts(labels: np.ndarray, texts: Mapping | None) -> list[str]:
    """The text of every label, all of which differ: its entry in ``texts``, else the label itself if it is text.

    Raises
    ------
    ValueError
        For a number that ``texts`` leaves out, a text that is not a non-empty string, and two labels with one text.
    """
    own = labels.tolist()
    if texts is None and labels.dtype.kind == "U" and all(map(str.strip, own)):
        return own  # a tenth of the time, of very many
    texts_of = {} if texts is None else texts
    found: dict[str, object] = {}
    for label in own:
        if texts is not None and label not in texts and not isinstance(label, str):
            raise ValueError(f"Label {label!r} has no text in label_texts; add {{{label!r}: 'its text'}}.")
        text = texts_of.get(label, str(label))
        if not isinstance(text, str) or not text.strip():
            raise ValueError(f"label_texts[{label!r}] = {text!r} is no text; give each label a non-empty string.")
        if text in found:
            raise ValueError(f"Labels {found[text]!r} and {label!r} share the text {text!r}; give each its own.")
        found[text] = label
    return list(found)


def _merge(labels, others):
    if others is None:
        return np.unique(labels)
    others = label_array(others, "classes")
    if len(others) == 0:
        return np.unique(labels)
    kinds = {{"O": "U", "u": "i"}.get(array.dtype.kind, array.dtype.kind) for array in (labels, others)}
    if len(kinds) > 1:
        first, second = labels.tolist()[0], others.tolist()[0]
        raise ValueError(
            f"Labels such as {first!r} ({labels.dtype}) and {second!r} ({others.dtype}) are of different types; make "
            "them one."
        )
    return np.union1d(labels, others)


def refuse_list(labels, name) -> NoReturn:
    """Raise a ValueError for a list of labels where one label should stand."""
    raise ValueError(
        f"{name} holds lists of labels, such as {labels!r}; pass the labels themselves or, to an estimator that takes "
        f"several labels a clip, skzsl.indicator_frame({name})."
    )


def _list_to_array(labels, name):
    nested = max(
        (label for label in labels if isinstance(label, list | tuple | set | frozenset)), key=len, default=None
    )
    if nested is not None:
        refuse_list(nested, name)
    texts = sum(isinstance(label, str) for label in labels)
    return np.array(labels, dtype=object if 0 < texts < len(labels) else None)


def _refuse_missing(labels, name):
    if labels.dtype.kind == "U":
        first = labels.astype("U1")
        suspects = np.flatnonzero((first <= " ") | (first > "~"))  # all the empty ones, and few others
        texts = labels[suspects]
        blank = suspects[np.strings.isspace(texts) | (np.strings.str_len(texts) == 0)]
        if len(blank):
            raise ValueError(f"{name}[{blank[0]}] = {labels[blank[0]].item()!r} is an empty label; give it a text.")
        return
    values = labels.tolist() if labels.dtype.kind in "OfSMmV" else []
    for position, label in enumerate(values):
        if isinstance(label, list | tuple | set | frozenset | np.ndarray):
            refuse_list(label, name)
        if label is None or type(label).__name__ in {"NAType", "NaTType"} or label != label:
            raise ValueError(f"Input {name} contains NaN or None: {name}[{position}] is {label!r}; drop it.")
        if not isinstance(label, str | Number):
            raise ValueError(f"{name}[{position}] = {label!r} is a {type(label).__name__}, no label; pass text.")
        if isinstance(label, str) and not label.strip():
            raise ValueError(f"{name}[{position}] = {label!r} is an empty label; give it a text.")
    others = [label for label in values if not isinstance(label, str)]
    if 0 < len(others) < len(values):
        raise ValueError(f"{name} mixes text and other labels, such as {others[0]!r}; make all of one type.")
