"""Any scikit-learn transformer, segment by segment."""

from typing import Self

import numpy as np
from sklearn.base import BaseEstimator, TransformerMixin, clone
from sklearn.utils.validation import check_is_fitted

from .._compat import HasMethods, fit_context
from .._segments import check_segments, dense


class Segmentwise(TransformerMixin, BaseEstimator):
    """Fit a transformer on the present segments of all clips and apply it to each; absent segments stay zero.

    Parameters
    ----------
    transformer : transformer
        Any scikit-learn transformer of 2-D arrays, such as StandardScaler or PCA.

    Attributes
    ----------
    transformer_ : transformer
        The fitted transformer.
    n_features_in_ : int
        Features d of a segment.

    Notes
    -----
    A present segment that the transformer maps to all zeros at the end of a clip is absent afterwards.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn.preprocessing import StandardScaler
    >>> from skzsl.preprocessing import Segmentwise
    >>> X = np.array([[[1.0], [3.0]], [[5.0], [0.0]]])
    >>> Segmentwise(StandardScaler(with_std=False)).fit_transform(X)[:, :, 0]
    array([[-2.,  0.],
           [ 2.,  0.]])
    """

    _parameter_constraints: dict = {"transformer": [HasMethods(["fit", "transform"])]}

    def __init__(self, transformer) -> None:
        self.transformer = transformer

    @fit_context(prefer_skip_nested_validation=False)
    def fit(self, X, y=None) -> Self:
        """Fit the transformer on all present segments.

        Parameters
        ----------
        X : array of shape (n, d) or (n, T, d)
            Segment embeddings.
        y : None
            Ignored: a clip's label says nothing about one segment.

        Returns
        -------
        self : object
        """
        segments = check_segments(self, X, reset=True)
        self.transformer_ = clone(self.transformer).fit(_present(segments))
        return self

    def transform(self, X) -> np.ndarray:
        """Transform every present segment.

        Parameters
        ----------
        X : array of shape (n, d) or (n, T, d)
            Segment embeddings.

        Returns
        -------
        X : ndarray of shape (n, d') or (n, T, d')
        """
        check_is_fitted(self)
        segments = check_segments(self, X)
        rows = dense(self.transformer_.transform(_present(segments)))
        if segments.lengths is None:
            return rows
        out = np.zeros((*segments.values.shape[:2], rows.shape[1]), rows.dtype)
        out[segments.mask()] = rows
        return out

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.three_d_array = True
        return tags


def _present(segments):
    return segments.values[:] if segments.lengths is None else segments.values[:][segments.mask()]
