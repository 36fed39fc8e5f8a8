"""Names of clips: what is left of a file's name, and what two names of one clip share."""

from __future__ import annotations

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

    Examples
    --------
    >>> plain_name("fold1/dawn.2.wav"), plain_name("dawn.birdnet.embeddings.txt"), plain_name("a.wav.npy")
    ('fold1/dawn.2', 'dawn', 'a')
    """
    path = PurePosixPath(str(name).replace("\\", "/"))
    while path.suffix.lower() in _ENDINGS:
        path = path.with_suffix("")
    return path.as_posix()


def known_column(names, known):
    """Return the first of the ``known`` names that is among those given, in any case of its letters, or None."""
    given = {str(name).lower(): name for name in reversed(list(names))}
    return next((given[name] for name in known if name in given), None)
