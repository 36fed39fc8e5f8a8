"""Segments to clip vectors."""

from typing import Self

import numpy as np
from sklearn.base import BaseEstimator, ClassNamePrefixFeaturesOutMixin, TransformerMixin
from sklearn.utils.validation import check_is_fitted

from .._compat import StrOptions, fit_context
from .._segments import check_segments


class SegmentPooling(ClassNamePrefixFeaturesOutMixin, TransformerMixin, BaseEstimator):
    """Pool the present segments of each clip, (n, T, d) to (n, d) or (n, 2 d).

    Parameters
    ----------
    pooling : {"mean", "max", "mean+max"}, default="mean"
        What to take over the segments; "mean+max" puts both side by side.

    Attributes
    ----------
    n_features_in_ : int
        Features d of a segment.

    Examples
    --------
    >>> import numpy as np
    >>> from skzsl.preprocessing import SegmentPooling
    >>> X = np.array([[[1.0, 4.0], [3.0, 0.0], [0.0, 0.0]]])
    >>> SegmentPooling("mean+max").fit_transform(X)
    array([[2., 2., 3., 4.]])
    """

    _parameter_constraints: dict = {"pooling": [StrOptions({"mean", "max", "mean+max"})]}

    def __init__(self, pooling="mean") -> None:
        self.pooling = pooling

    @fit_context(prefer_skip_nested_validation=True)
    def fit(self, X, y=None) -> Self:
        """Check X and remember its number of features.

        Parameters
        ----------
        X : array of shape (n, d) or (n, T, d)
            Segment embeddings; clip vectors count as one segment.
        y : None
            Ignored.

        Returns
        -------
        self : object
        """
        check_segments(self, X, reset=True)
        self._n_features_out = self.n_features_in_ * (2 if self.pooling == "mean+max" else 1)
        return self

    def transform(self, X) -> np.ndarray:
        """Pool every clip.

        Parameters
        ----------
        X : array of shape (n, d) or (n, T, d)
            Segment embeddings.

        Returns
        -------
        pooled : ndarray of shape (n, d) or (n, 2 d)
        """
        check_is_fitted(self)
        segments = check_segments(self, X)
        parts = []
        if "mean" in self.pooling:
            parts.append(segments.mean())
        if "max" in self.pooling:
            parts.append(segments.max())
        return np.concatenate(parts, axis=1) if len(parts) > 1 else parts[0]

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.three_d_array = True
        return tags
