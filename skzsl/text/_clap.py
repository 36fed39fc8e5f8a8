"""Texts to CLAP vectors, in the space of CLAP's audio embeddings, through transformers."""

from __future__ import annotations

import os
from contextlib import contextmanager
from numbers import Integral
from pathlib import Path
from typing import Any

import numpy as np

from .._compat import Interval
from ..exceptions import ModelNotFoundError
from ._base import TextEncoder
from ._cache import encode_once, load_once
from ._hub import in_brackets, no_progress_bar, on_device
from ._installed import hash_of
from ._model_folder import check_model_folder


class ClapTextEncoder(TextEncoder):
    """Encode texts with the text tower of a CLAP model and its projection, at unit length.

    The vectors lie in the space of the same model's audio embeddings, so that :class:`skzsl.ZeroShotNearest` can
    compare the two. The model is loaded at first use, once per process, and stays out of pickles and clones; each text
    is encoded once per process.

    Parameters
    ----------
    model : str or path-like
        The CLAP model that made the audio embeddings: a folder in the format of transformers, or a name on the hub,
        such as "laion/clap-htsat-unfused". Different models have different spaces, even of one width.
    batch_size : int, default=32
        Texts encoded at once.
    device : str, default="cpu"
        Device of the model, such as "cpu" or "cuda".

    Raises
    ------
    ModelNotFoundError
        If the model is neither at the path nor on the hub, or is no CLAP model.
    ModelIntegrityError
        If a folder has its weights as a pickle alone, or its configuration is damaged.
    ValueError
        If the device is not there.

    Notes
    -----
    Texts longer than the model can read are cut at their end.

    References
    ----------
    Wu et al. (2023). Large-scale contrastive language-audio pretraining with feature fusion and keyword-to-caption
    augmentation. ICASSP.

    Examples
    --------
    >>> from skzsl.text import ClapTextEncoder, Prompts
    >>> encoder = Prompts(ClapTextEncoder("laion/clap-htsat-unfused"), "the sound of {label}")
    >>> encoder.fit_transform(["dog bark", "rain"]).shape  # doctest: +SKIP
    (2, 512)
    """

    _parameter_constraints: dict = {
        "model": [str, os.PathLike],
        "batch_size": [Interval(Integral, 1, None, closed="left")],
        "device": [str],
    }

    def __init__(self, model, *, batch_size=32, device="cpu") -> None:
        self.model = model
        self.batch_size = batch_size
        self.device = device

    def _reference(self):
        model = str(self.model)
        return {**super()._reference(), "model": model, "sha256": hash_of(Path(model) / "model.safetensors")}

    def _encode(self, texts):
        key = ("clap", str(self.model), self.device)
        return encode_once(key, texts, lambda new: self._encode_new(key, new))

    def _encode_new(self, key, texts):
        tokenizer, model = load_once(key, lambda: _load(str(self.model), self.device))
        batches = [texts[start : start + self.batch_size] for start in range(0, len(texts), self.batch_size)]
        vectors = np.concatenate([_embed(tokenizer, model, batch) for batch in batches])
        return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


def _embed(tokenizer, model, texts):
    # Positions are numbered after that of padding.
    longest = model.config.max_position_embeddings - model.config.pad_token_id - 1
    tokens = tokenizer(texts, padding=True, truncation=True, max_length=longest, return_tensors="pt")
    inputs = {name: tokens[name].to(model.device) for name in ("input_ids", "attention_mask")}
    return model(**inputs).text_embeds.cpu().numpy()


def _load(name, device):
    is_path = Path(name).is_dir()
    if not is_path and (name.count("/") != 1 or name[0] in "./~"):
        raise ModelNotFoundError(
            f"There is no model folder at {name!r}; pass an existing folder or a name on the hub, such as "
            "'laion/clap-htsat-unfused'."
        )
    if is_path:
        check_model_folder(Path(name))
    try:
        tokenizer, model, missing = _read(name, local_files_only=is_path)
    except Exception as error:
        trouble = in_brackets(error)
        if is_path:
            raise ModelNotFoundError(
                f"Folder {name!r} cannot be read as a CLAP model with its tokenizer {trouble}; save both there with "
                "save_pretrained of transformers."
            ) from error
        raise ModelNotFoundError(
            f"Model {name!r} is not in the local cache of the hub and the hub did not give it {trouble}; check the "
            "name, connect to the network once, or pass the path of a model folder."
        ) from error
    if missing:
        raise ModelNotFoundError(
            f"Model {name!r} lacks weights of CLAP's text tower, such as {sorted(missing)[0]!r}; pass a CLAP model."
        )
    return tokenizer, on_device(model.requires_grad_(False).eval(), device)


def _read(name, **options):
    from transformers import AutoTokenizer, ClapTextModelWithProjection

    with _quiet():
        tokenizer = AutoTokenizer.from_pretrained(name, **options)
        loaded: Any = ClapTextModelWithProjection.from_pretrained(name, output_loading_info=True, **options)
    model, found = loaded
    return tokenizer, model, found["missing_keys"]


@contextmanager
def _quiet():
    """No progress bar, and no warning of the audio tower that is left out."""
    from transformers.utils import logging

    verbosity = logging.get_verbosity()
    logging.set_verbosity_error()
    try:
        with no_progress_bar():
            yield
    finally:
        logging.set_verbosity(verbosity)
