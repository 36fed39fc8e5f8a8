"""What a folder of a text model must not hold, looked at before a library opens it."""

from __future__ import annotations

import json
from pathlib import Path

from ..exceptions import ModelIntegrityError

_PICKLES = ("pytorch_model", "adapter_model")
_OWN_CLASSES = "sentence_transformers."


def check_model_folder(folder: Path):
    """Check that a folder runs no code, reads nothing outside and asks for no more than it holds.

    Raises
    ------
    ModelIntegrityError
        For weights that are kept as a pickle alone, a module that is no class of sentence-transformers or lies outside
        the folder, a count in a configuration beyond the bytes of the weights, and a configuration that is no JSON.
    """
    for weights in folder.rglob("*.bin"):
        if weights.name.startswith(_PICKLES) and not any(weights.parent.glob("*.safetensors")):
            raise ModelIntegrityError(
                f"{str(weights)!r} is a pickle, which can run code; save the model as safetensors where you trust it."
            )
    for module in module_paths(folder):
        config = module / "config.json"
        n_bytes = sum(file.stat().st_size for file in module.glob("*.safetensors"))
        largest = max(_counts(_read(config)), default=0) if config.is_file() else 0
        if n_bytes and largest > n_bytes:
            raise ModelIntegrityError(
                f"{str(config)!r} is damaged: it says {largest}, but the weights have {n_bytes} bytes; get it again."
            )


def module_paths(folder: Path) -> list[Path]:
    """Folder of each module of a sentence-transformers model; the folder itself for another one.

    Raises
    ------
    ModelIntegrityError
        For a list of modules that is damaged, names another class or leads outside the folder.
    """
    path = folder / "modules.json"
    if not path.is_file():
        return [folder]
    modules = _read(path)
    if not isinstance(modules, list) or not modules or not all(isinstance(module, dict) for module in modules):
        raise ModelIntegrityError(f"{str(path)!r} is damaged: it is no list of modules; get it again.")
    paths = []
    for module in modules:
        kind, where = module.get("type"), module.get("path")
        if not isinstance(kind, str) or not kind.startswith(_OWN_CLASSES):
            raise ModelIntegrityError(
                f"{str(path)!r} names {kind!r}, code that is no part of sentence-transformers and was not run; pass a "
                "model of its own modules."
            )
        if not isinstance(where, str) or not (folder / where).resolve().is_relative_to(folder.resolve()):
            raise ModelIntegrityError(f"{str(path)!r} leads out of its folder, to {where!r}; get it again.")
        paths.append(folder / where)
    return paths


def _read(path):
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (ValueError, RecursionError) as error:
        raise ModelIntegrityError(f"{str(path)!r} is damaged or is no JSON ({error}); get it again.") from error


def _counts(value):
    """All whole numbers of a configuration."""
    if isinstance(value, dict | list):
        for entry in value.values() if isinstance(value, dict) else value:
            yield from _counts(entry)
    elif isinstance(value, int):
        yield value
