"""Clips of unequal length to one array."""

import numpy as np


def pad_segments(clips) -> np.ndarray:
    """Stack clips of unequal length, padded at the end with zero segments, which every skzsl estimator takes as absent.

    Parameters
    ----------
    clips : list of arrays of shape (T_i, d)
        Segment embeddings of each clip, at least one segment each.

    Returns
    -------
    X : ndarray of shape (n, max T_i, d)
        In the clips' common dtype.

    Raises
    ------
    ValueError
        For an empty list, a clip that is not 2-D or has no segment, and clips with different numbers of features.

    Examples
    --------
    >>> import numpy as np
    >>> from skzsl.preprocessing import pad_segments
    >>> pad_segments([np.ones((3, 2)), np.ones((1, 2))])[1]
    array([[1., 1.],
           [0., 0.],
           [0., 0.]])
    """
    clips = [np.asarray(clip) for clip in clips]
    if not clips:
        raise ValueError("The list of clips is empty; pass at least one array of shape (T, d).")
    for position, clip in enumerate(clips):
        if clip.ndim != 2 or len(clip) == 0:
            raise ValueError(f"Clip {position} has shape {clip.shape}; pass (T, d) with at least one segment.")
        if clip.shape[1] != clips[0].shape[1]:
            raise ValueError(
                f"Clip {position} has {clip.shape[1]} features, clip 0 has {clips[0].shape[1]}; use one embedding."
            )
    X = np.zeros((len(clips), max(map(len, clips)), clips[0].shape[1]), np.result_type(*clips))
    for row, clip in zip(X, clips, strict=True):
        row[: len(clip)] = clip
    return X
