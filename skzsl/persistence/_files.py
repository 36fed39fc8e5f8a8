"""Models saved to one file, and loaded from it."""

from __future__ import annotations

import io
import json
import platform
from collections.abc import Mapping
from contextlib import nullcontext, suppress
from importlib.metadata import version
from typing import Any
from zipfile import ZipFile

from sklearn.base import BaseEstimator
from sklearn.exceptions import NotFittedError

from .._atomic import replacing
from .._views import final_estimator
from ..exceptions import ModelIntegrityError, UntrustedModelError, UntrustedTypeWarning, warn
from ._archive import SCHEMA, damaged, open_archive, write_archive
from ._portable import portable
from ._schema import check_schema
from ._trust import refuse_untrusted, trusted_types

_PACKAGES = ("skzsl", "scikit-learn", "numpy", "torch", "skorch", "skops")


def save(model, path, *, note=None) -> None:
    """Save an estimator, encoder, transformer, Pipeline or fitted search to one file, without pickle.

    What was learned is stored as arrays and plain values, in the format of skops, with a hash of every part. Text
    models and word vectors are not: the file names them, and holds the vectors of the texts met so far. The file takes
    the place of an older one once it is written whole and has been read again.

    Parameters
    ----------
    model : estimator
        What to save, fitted or not.
    path : str or path-like
        The file, by custom ``name.skzsl``.
    note : str or None, default=None
        Anything to keep with it, such as what it was trained on.

    Raises
    ------
    TypeError
        If ``model`` is no estimator, or holds what no file can: a lambda, an open file.
    FileNotFoundError
        If the folder is missing.
    OSError
        If the disk is full; the old file stays.

    Warns
    -----
    UntrustedTypeWarning
        If the model holds types of other packages, which whoever loads it has to trust.

    Notes
    -----
    What only further training needs is left out: the state of an optimiser and the sums of clips, unless the model was
    trained in parts (``partial_fit`` or ``warm_start``) and may go on. Tables of vectors (``text_encoder``) come back
    as :class:`skzsl.text.VectorTable`, ``memory`` as its folder.

    Examples
    --------
    >>> import numpy as np, pathlib, tempfile
    >>> import skzsl
    >>> from skzsl.text import HashingEncoder
    >>> model = skzsl.ZeroShotRidge(HashingEncoder()).fit(np.eye(3), ["dog bark", "rain", "dog howl"])
    >>> path = pathlib.Path(tempfile.mkdtemp()) / "dogs.skzsl"
    >>> skzsl.save(model, path, note="Three clips")
    >>> skzsl.load(path).predict(np.eye(3))
    array(['dog bark', 'rain', 'dog howl'], dtype='<U8')
    >>> skzsl.read_header(path)["labels"]
    ['dog bark', 'dog howl', 'rain']
    """
    if not isinstance(model, BaseEstimator):
        raise TypeError(f"{model!r} is no estimator; pass a model, a transformer, a Pipeline or a search.")
    if not isinstance(note, str | None):
        raise TypeError(f"note={note!r}; pass a string.")
    kept, encoders = portable(model)
    entries, types = _dumped(kept)
    foreign = sorted(set(types) - trusted_types(types).keys())
    with replacing(path) as part:
        write_archive(part, {**_described(model, encoders), "foreign": foreign, "note": note}, entries)
        try:
            _read(part, foreign)
        except ModelIntegrityError as error:
            raise TypeError(
                f"{type(model).__name__} holds what no file keeps ({error.__cause__}); leave it out."
            ) from error
    if foreign:
        warn(
            f"The model holds {foreign}, which are no part of skzsl, scikit-learn or numpy, or unsafe in files of "
            f"strangers; whoever loads it has to pass trusted={foreign}.",
            UntrustedTypeWarning,
        )


def load(path, *, device=None, trusted=()) -> Any:
    """Load what :func:`save` has saved, without running anything that the file says.

    Parameters
    ----------
    path : str or path-like
        The file.
    device : str or None, default=None
        Where nets go, such as "cuda"; None takes the device that they were on, or the CPU where it is not there.
    trusted : list of str or type, default=()
        Types of other packages that may be made, as the error of a file that holds some names them.

    Returns
    -------
    model : estimator
        Predicts what the saved model does: to the bit on one machine, and to rounding elsewhere.

    Raises
    ------
    FileNotFoundError
        If there is no file.
    OSError
        If ``path`` is a folder or a device.
    ModelIntegrityError
        If the file is damaged, is no model, or was written in a newer format.
    UntrustedModelError
        If it holds types of other packages that are not ``trusted``.
    TypeError
        If ``trusted`` is no list of names or types.
    ValueError
        If the device is not there.

    Warns
    -----
    DeviceWarning
        If a net was on a device that is not there, and is on the CPU now.

    Notes
    -----
    Neither sentence models nor word vectors are needed for the labels that the model has met. A new label is encoded by
    those of this machine, which have to give a known label the vector that the file has (else ModelIntegrityError).

    Examples
    --------
    See :func:`save`.
    """
    named = isinstance(trusted, list | tuple | set) and all(
        isinstance(each, str) or hasattr(each, "__qualname__") for each in trusted
    )
    if not named:
        raise TypeError(f"trusted={trusted!r}; pass a list of types, or of their names in full.")
    if device is not None:
        from ..nets.settings import resolve_device

        device = resolve_device(device)
    return _read(path, trusted, device)


def read_header(path) -> dict[str, Any]:
    """Read what a file says of its model, without loading it.

    Parameters
    ----------
    path : str or path-like
        The file.

    Returns
    -------
    header : dict
        ``format`` number, ``model`` (its class) and its ``parameters`` as scikit-learn prints them, ``labels`` of fit
        and their ``texts`` where these differ, ``n_features`` of X, ``encoders`` (class, name and sha256 of each text
        model), ``versions`` of Python and packages, ``foreign`` types that loading has to trust, and ``note``.

    Raises
    ------
    FileNotFoundError
        If there is no file.
    OSError
        If ``path`` is a folder or a device.
    ModelIntegrityError
        If the file is damaged, is no model, or was written in a newer format.

    Examples
    --------
    See :func:`save`.
    """
    with open_archive(path) as (header, _):
        return {name: value for name, value in header.items() if name != "entries"}


def _dumped(model):
    """Entries that skops makes of a model, and the types that it asks about.

    Raises
    ------
    TypeError
        If the model holds something that no file keeps.
    """
    import skops.io

    try:
        content = skops.io.dumps(model)
        types = skops.io.get_untrusted_types(data=content)
    except Exception as error:  # skops asks anything for its state
        raise TypeError(f"{type(model).__name__} holds what no file keeps ({error}); leave it out.") from error
    with ZipFile(io.BytesIO(content)) as archive:
        entries = {name: archive.read(name) for name in archive.namelist()}
    if any(name.endswith(".npz") for name in entries):
        raise TypeError(f"{type(model).__name__} holds a sparse matrix, which no file keeps; make it dense.")
    schema = json.loads(entries[SCHEMA])
    return {**entries, SCHEMA: json.dumps(schema, separators=(",", ":")).encode()}, types


def _described(model, encoders):
    described: dict = {"model": type(model).__name__, "parameters": str(model), "labels": None, "texts": None}
    described["n_features"] = getattr(model, "n_features_in_", None)
    with suppress(TypeError, NotFittedError, IndexError):  # the last of a Pipeline without steps
        innermost = final_estimator(model)
        labels = getattr(innermost, "labels_of_fit_", innermost.classes_).tolist()
        texts = getattr(innermost, "label_texts", None)
        texts = {str(label): text for label, text in texts.items()} if isinstance(texts, Mapping) else None
        described |= {"labels": labels, "texts": texts}
    packages = {name: version(name) for name in _PACKAGES}
    return described | {
        "encoders": list({str(each): each for each in (encoder._reference() for encoder in encoders)}.values()),
        "versions": {"python": platform.python_version(), **packages},
    }


def _read(path, trusted, device=None):
    import skops.io

    with open_archive(path) as (_, file):
        try:
            with ZipFile(file) as archive:
                schema = json.loads(archive.read(SCHEMA))
            check_schema(schema)
            types = refuse_untrusted(path, schema, skops.io.get_untrusted_types(file=file), trusted)
            with _placed_on(device):
                model = skops.io.load(file, trusted=types)
            if not isinstance(model, BaseEstimator):
                raise TypeError(f"they make {type(model).__name__}, no estimator")
            return model
        except (ModelIntegrityError, UntrustedModelError):
            raise
        except Exception as error:  # what comes of a forged file depends on what was forged
            raise damaged(path, f"its parts make no model here ({type(error).__name__}: {error})") from error


def _placed_on(device):
    if device is None:
        return nullcontext()
    from ..nets.state import placed_on

    return placed_on(device)
