"""Names of clips: what is left of a file's name, and what two names of one clip share."""

from __future__ import annotations

import unicodedata
from collections import Counter
from pathlib import PurePosixPath

# Columns and arrays that name clips, the most telling first.
CLIP_NAMES = (
    *("file", "filename", "file_name", "fname", "slice_file_name", "path", "filepath", "file_path", "clip", "clip_id"),
    *("track_id", "ytid", "video_id", "id", "key"),
)
_ENDINGS = {
    *(".wav", ".mp3", ".flac", ".ogg", ".opus", ".m4a", ".aac", ".aif", ".aiff", ".wma"),
    *(".npy", ".npz", ".txt", ".embeddings", ".birdnet"),
}


def plain_name(name) -> str:
    """Return a file's name with folders but without the endings of sounds and of embeddings.

    Letters with accents are one character each: some systems store them as two, which look the same.

    Examples
    --------
    >>> plain_name("fold1/dawn.2.wav"), plain_name("dawn.birdnet.embeddings.txt"), plain_name("a.wav.npy")
    ('fold1/dawn.2', 'dawn', 'a')
    """
    path = PurePosixPath(unicodedata.normalize("NFC", str(name)).replace("\\", "/"))
    while path.suffix.lower() in _ENDINGS:
        path = path.with_suffix("")
    return path.as_posix()


def places(wanted, named, name, source):
    """Place among ``named`` of each wanted clip, or None: by plain names, without folders where those are distinct.

    What two of ``named`` are called is the name of neither.

    Raises
    ------
    ValueError
        If two of the wanted are one of ``named``; the message calls them ``name`` and ``source``.
    """
    plain, keys = ([plain_name(clip) for clip in clips] for clips in (named, wanted))
    short = [PurePosixPath(clip).name for clip in plain]
    if len(set(short)) == len(set(plain)):
        plain, keys = short, [PurePosixPath(clip).name for clip in keys]
    times = Counter(plain)
    place = {clip: row for row, clip in enumerate(plain) if times[clip] == 1}
    twice = next((key for key, count in Counter(keys).items() if count > 1 and key in place), None)
    if twice is not None:
        same = [clip for clip, key in zip(wanted, keys, strict=True) if key == twice]
        raise ValueError(f"{name} has {same[:2]}, which {source} does not tell apart; name each clip once.")
    return [place.get(key) for key in keys]


def known_column(names, known):
    """Return the first of the ``known`` names that is among those given, in any case of its letters, or None."""
    given = {str(name).lower(): name for name in reversed(list(names))}
    return next((given[name] for name in known if name in given), None)
