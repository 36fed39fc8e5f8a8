"""ESC-50 as YAMNet embeddings, from a folder that holds them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from sklearn.utils import Bunch

from ._json import read_records
from ._npz import check_lengths, read_npz

_ARRAYS = {
    "X_q": ("i", 3),
    "X_scale": ("f", 0),
    "X_zero": ("i", 0),
    **dict.fromkeys(("y", "fold", "freesound_id"), ("i", 1)),
}
_FIELDS = {"text": str, "category": str, "zsl_random_fold": int, "added_words": list}
_FILES = ("esc50_yamnet.npz", "esc50_labels.json")


def load_esc50_embeddings(folder) -> Bunch:
    """Load the YAMNet embeddings of ESC-50: 2000 clips of 50 labels in 5 categories.

    Parameters
    ----------
    folder : str or path-like
        Folder with ``esc50_yamnet.npz`` and ``esc50_labels.json``. They are not part of skzsl.

    Returns
    -------
    esc50 : Bunch
        X : ndarray of shape (2000, 9, 1024), float32
            One embedding for each 0.96 s of a clip, every 0.48 s; not negative.
        y : ndarray of shape (2000,), str
            Label of each clip, in words.
        labels : list of str
            The labels, sorted.
        fold : ndarray of shape (2000,), int
            Official fold, 1 to 5.
        recordings : ndarray of shape (2000,), int
            Freesound's number of the recording that each clip was cut from.
        categories : dict
            Category of each label.
        random_folds : dict
            Fold, 1 to 5, of each label in a fixed random partition.
        synonyms : dict
            Further words for each label, a list of str.

    Raises
    ------
    FileNotFoundError
        If a file is missing.
    ValueError
        If a file is damaged (every checksum is compared) or is another one.

    Notes
    -----
    The files are made from ESC-50 with YAMNet and are not published. The npz file holds ``X_q``, int8 (2000, 9, 1024),
    which is ``X / X_scale + X_zero``, and ``y``, ``fold`` and ``freesound_id`` of each clip; the json file lists
    ``text``, ``category``, ``zsl_random_fold`` and ``added_words`` of each label, in the order of y.

    References
    ----------
    Piczak (2015). ESC: dataset for environmental sound classification. ACM Multimedia. CC BY-NC.

    Examples
    --------
    >>> from skzsl.datasets import load_esc50_embeddings
    >>> load_esc50_embeddings("data").X.shape  # doctest: +SKIP
    (2000, 9, 1024)
    """
    folder = Path(folder)
    for name in _FILES:
        if not (folder / name).is_file():
            raise FileNotFoundError(
                f"{str(folder / name)!r} is missing; pass the folder that holds {' and '.join(_FILES)}."
            )
    labels = read_records(folder / _FILES[1], _FIELDS, file=_FILES[1])
    stored = read_npz(folder / _FILES[0], _ARRAYS)
    check_lengths(folder / _FILES[0], stored, ("X_q", "y", "fold", "freesound_id"))
    codes = stored["y"]
    unknown = codes[(codes < 0) | (codes >= len(labels))]
    if unknown.size:
        raise ValueError(
            f"{str(folder / _FILES[0])!r} has label {unknown[0]}, but {_FILES[1]} lists {len(labels)}; get both again."
        )
    X = (stored["X_q"].astype(np.float32) - np.float32(stored["X_zero"])) * stored["X_scale"]
    return Bunch(
        X=X,
        y=np.array([label["text"] for label in labels])[codes],
        labels=sorted(label["text"] for label in labels),
        fold=stored["fold"],
        recordings=stored["freesound_id"],
        categories={label["text"]: label["category"] for label in labels},
        random_folds={label["text"]: label["zsl_random_fold"] for label in labels},
        synonyms={label["text"]: label["added_words"] for label in labels},
    )
