"""The folder that downloads are kept in."""

from __future__ import annotations

import os
from pathlib import Path

import pooch

VARIABLE = "SKZSL_DATA_HOME"


def get_data_home(data_home=None) -> Path:
    """Tell the folder that the functions ``fetch_*`` keep their files in.

    The folder is made when something is first downloaded, not here. Remove it to free the space.

    Parameters
    ----------
    data_home : str, path-like or None, default=None
        The folder itself. None takes the environment variable ``SKZSL_DATA_HOME``, or where that is not set the
        system's folder for caches, such as ``~/.cache/skzsl``.

    Returns
    -------
    folder : Path
        The folder, with ``~`` written out.

    Examples
    --------
    >>> from skzsl.datasets import get_data_home
    >>> get_data_home("sounds").name
    'sounds'
    """
    return Path(data_home or os.environ.get(VARIABLE) or pooch.os_cache("skzsl")).expanduser()
