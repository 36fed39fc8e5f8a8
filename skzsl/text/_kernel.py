"""A Gaussian kernel between label texts, as vectors."""

from __future__ import annotations

from numbers import Integral, Real
from typing import Self

import numpy as np
from scipy.linalg import eigh
from sklearn.base import BaseEstimator, ClassNamePrefixFeaturesOutMixin, TransformerMixin
from sklearn.metrics.pairwise import rbf_kernel
from sklearn.utils.validation import check_is_fitted, validate_data

from .._compat import Interval, fit_context


class TextKernel(ClassNamePrefixFeaturesOutMixin, TransformerMixin, BaseEstimator):
    """Map text vectors so that their products are ``(1 - linear) exp(-gamma |a - b|^2) + linear a^T b``.

    A bilinear or closed-form model on these vectors is one that is not linear in the text: labels count for those that
    are near. The Gaussian part is exact for the texts of fit (Nystroem's map with all of them as landmarks); the linear
    part tells texts apart that are far from all of these, as labels that a later ``partial_fit`` brings may be.

    Parameters
    ----------
    gamma : float, default=1.0
        Inverse width of the Gaussian, for vectors of unit length.
    linear : float, default=0.05
        Share of the plain product, 0 to 1.
    n_landmarks : int, default=1000
        Most texts of fit to serve as landmarks, evenly from their rows.

    Attributes
    ----------
    landmarks_ : ndarray of shape (m, k)
        Vectors that others are compared with.
    map_ : ndarray of shape (m, m)
        Kernel values to features.
    n_features_in_ : int
        Size k of the vectors.

    References
    ----------
    Williams and Seeger (2001). Using the Nystroem method to speed up kernel machines. NIPS 13.

    Examples
    --------
    >>> from skzsl.text import HashingEncoder, TextKernel
    >>> from sklearn.pipeline import make_pipeline
    >>> make_pipeline(HashingEncoder(8), TextKernel()).fit_transform(["dog bark", "rain", "cat"]).shape
    (3, 11)
    """

    _parameter_constraints: dict = {
        "gamma": [Interval(Real, 0, None, closed="neither")],
        "linear": [Interval(Real, 0, 1, closed="both")],
        "n_landmarks": [Interval(Integral, 1, None, closed="left")],
    }

    def __init__(self, gamma=1.0, *, linear=0.05, n_landmarks=1000) -> None:
        self.gamma = gamma
        self.linear = linear
        self.n_landmarks = n_landmarks

    @fit_context(prefer_skip_nested_validation=True)
    def fit(self, X, y=None) -> Self:
        """Keep landmarks.

        Parameters
        ----------
        X : array of shape (n_texts, k)
            Text vectors.
        y : None
            Ignored.

        Returns
        -------
        self : object
        """
        X = validate_data(self, X, dtype=np.float64)
        self.landmarks_ = X[:: -(-len(X) // self.n_landmarks)]
        values, vectors = eigh(rbf_kernel(self.landmarks_, gamma=self.gamma))
        # Texts that share a vector make the kernel singular; what rounding leaves of those directions is dropped.
        inverse = np.where(values > 1e-10 * values[-1], values, np.inf) ** -0.5
        self.map_ = (vectors * inverse) @ vectors.T
        self._n_features_out = len(self.map_) + X.shape[1]
        return self

    def transform(self, X) -> np.ndarray:
        """Map vectors.

        Parameters
        ----------
        X : array of shape (n_texts, k)
            Text vectors.

        Returns
        -------
        mapped : ndarray of shape (n_texts, m + k)
        """
        check_is_fitted(self)
        X = validate_data(self, X, dtype=np.float64, reset=False)
        gaussian = rbf_kernel(X, self.landmarks_, gamma=self.gamma) @ self.map_
        return np.hstack([np.sqrt(1 - self.linear) * gaussian, np.sqrt(self.linear) * X])
