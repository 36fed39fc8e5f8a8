"""Embeddings of any front end, made comparable without labels."""

from __future__ import annotations

from typing import Self

import numpy as np
from sklearn.base import BaseEstimator, ClassNamePrefixFeaturesOutMixin, TransformerMixin
from sklearn.utils.validation import check_is_fitted

from .._compat import StrOptions, fit_context
from .._scaling import ClipVectors, Scaling
from .._segments import check_segments


class EmbeddingScaler(ClassNamePrefixFeaturesOutMixin, TransformerMixin, BaseEstimator):
    """Make embeddings of any front end comparable, without labels; what ``standardize=True`` does in the estimators.

    A feature x becomes ``r (x - m) / sqrt(s)`` with its mean m and standard deviation s (Pareto scaling: half way from
    centring to standardising) and the share r of its variance over segments that lies between clips, which is what
    lasts through a clip and may tell of its labels. A constant feature becomes 0. Then multiplying X by a number
    above 0, or adding one, changes nothing.

    Parameters
    ----------
    pooling : {"mean+max"} or None, default=None
        "mean+max" makes a vector of each clip, the means and the maxima of its segments side by side, of unit length;
        m and s are then those of the means and the maxima. None keeps segments, whose features have a mean square of 1
        on average; clip vectors are scaled like segments.

    Attributes
    ----------
    mean_ : ndarray of shape (d,) or (2 d,)
        What is subtracted.
    weight_ : ndarray of shape (d,) or (2 d,)
        What features are multiplied by then.
    n_features_in_ : int
        Features d of a segment.

    Notes
    -----
    Once X is checked, ``fit`` reads it once, a block at a time; integers stay as they are.

    References
    ----------
    van den Berg et al. (2006). Centering, scaling, and transformations: improving the biological information content of
    metabolomics data. BMC Genomics 7.

    Examples
    --------
    >>> import numpy as np
    >>> from skzsl.preprocessing import EmbeddingScaler
    >>> X = np.random.default_rng(0).normal(size=(6, 10, 16))
    >>> scaler = EmbeddingScaler("mean+max").fit(X)
    >>> scaler.transform(X).shape
    (6, 32)
    >>> bool(np.allclose(scaler.transform(X), EmbeddingScaler("mean+max").fit_transform(1000 * X + 5)))
    True
    """

    _parameter_constraints: dict = {"pooling": [StrOptions({"mean+max"}), None]}

    def __init__(self, pooling=None) -> None:
        self.pooling = pooling

    @fit_context(prefer_skip_nested_validation=True)
    def fit(self, X, y=None) -> Self:
        """Measure the features.

        Parameters
        ----------
        X : array of shape (n, d) or (n, T, d)
            Clip or segment embeddings.
        y : None
            Ignored.

        Returns
        -------
        self : object

        Raises
        ------
        ValueError
            For bad X, and if sums or squares of its numbers overflow.
        """
        self._scaling = Scaling.of(check_segments(self, X, reset=True), pooled=self.pooling is not None)
        self.mean_, self.weight_ = self._scaling.mean, self._scaling.weight
        self._n_features_out = len(self.mean_)
        return self

    def transform(self, X) -> np.ndarray:
        """Scale clips.

        Parameters
        ----------
        X : array of shape (n, d) or (n, T, d)
            Clip or segment embeddings.

        Returns
        -------
        scaled : ndarray of shape (n, d) or (n, T, d), or (n, d') with ``pooling``
            float32, or float64 where X is of that width; absent segments are 0.
        """
        check_is_fitted(self)
        segments = check_segments(self, X)
        if self._scaling.pooled:
            return ClipVectors(segments, self._scaling).all()
        return np.asarray(self._scaling(segments))

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.three_d_array = True
        return tags
