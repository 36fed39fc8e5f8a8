"""Bilinear compatibility of clip and label text in closed form (ESZSL)."""

from __future__ import annotations

from numbers import Real
from typing import Self

import numpy as np
from sklearn.utils.validation import validate_data

from .._compat import Interval, StrOptions, fit_context
from .._fitting import all_or_nothing, fit_remembered
from .._lazy import is_lazy
from .._segments import Segments, check_segments
from .._stored import StoredRows, opened
from ._base import BilinearScores, MultilabelZeroShotClassifier
from ._ridge_partitions import fit_partitions
from ._weights import check_weights, counted


class RidgeMap(BilinearScores, MultilabelZeroShotClassifier):
    """Base of the models whose map between clips and label vectors is the closed form of ESZSL."""

    _regularisers = ("alpha_audio", "alpha_text")  # parameters that set them

    _parameter_constraints: dict = {
        **MultilabelZeroShotClassifier._parameter_constraints,
        "standardize": ["boolean"],
    }

    coef_: np.ndarray
    n_samples_seen_: int

    def _check_clips(self, X, *, reset) -> Segments:
        """Check X but for NaN and infinity in plain arrays, which :meth:`_sum_up` meets without another pass."""
        plain = type(X) in {np.ndarray, np.memmap} and X.ndim == 2 and X.dtype.kind in "fiu"
        if plain and not self.standardize and not isinstance(opened(X), StoredRows):
            return Segments(validate_data(self, X, reset=reset, ensure_all_finite=False))
        return check_segments(self, X, reset=reset)

    def _sum_up(self, X, clips, targets, rows=None, **how):
        """Sums over clips that the map depends on, in float64 unless they serve one ``alpha_audio`` alone."""
        from ..solvers._ridge import clip_sums

        sums = clip_sums(clips, targets.codes, len(targets.seen), rows, **how)
        if not sums.finite:
            check_segments(self, X)  # names NaN and infinity
            raise ValueError("The squares of the clips overflow float64; scale X, for example with Normalizer.")
        return sums

    def _solve(self, sums, alpha_audio, alpha_text):
        from ..solvers._ridge import audio_regulariser, ridge_map, text_regulariser

        vectors = self._label_vectors(self.seen_classes_)
        alpha_audio, alpha_text = audio_regulariser(alpha_audio, sums), text_regulariser(alpha_text, vectors)
        try:
            coef = ridge_map(sums, vectors, alpha_audio, alpha_text)
        except np.linalg.LinAlgError:
            coef = None
        if coef is None or not np.isfinite(coef).all():
            audio, text = self._regularisers
            raise ValueError(
                f"{alpha_audio} ({audio}) or {alpha_text} ({text}) is lost in rounding next to the clips or label "
                f"vectors; pass larger numbers as {audio} and {text}."
            )
        self.coef_, self.n_samples_seen_ = coef, sums.n_clips


class ZeroShotRidge(RidgeMap):
    """Bilinear map between clips and label texts in closed form (ESZSL, "embarrassingly simple zero-shot learning").

    A clip with vector x and a label with text vector s are compatible to the degree
    ``x^T W s``. W brings that near 1 for the labels of a clip and near -1 for the other labels of fit:
    ``W = (X^T X + alpha_audio I)^-1 X^T Y S (S^T S + alpha_text I)^-1``. It has no random part and needs one pass
    over the clips, or a second one for accuracy (see Notes); any label that has a text can then be a candidate.

    Parameters
    ----------
    text_encoder : transformer, str, dict, DataFrame or None, default=None
        Label texts to vectors: a transformer on lists of strings (see :mod:`skzsl.text`), the name or path of a
        sentence-transformers model, or a table text -> vector. None reads label names with
        all-MiniLM-L6-v2 and, where ``skzsl[glove]`` is installed, GloVe (see the user guide's page on text).
    alpha_audio : float or "auto", default="auto"
        Regulariser of the side of the clips, above 0, next to the eigenvalues of ``X^T X``: these sum to the number of
        clips, where they have unit length. "auto" takes 2.5 times the root of the number of clips, times their mean
        square length.
    alpha_text : float or "auto", default="auto"
        Regulariser of the side of the texts, above 0, next to the eigenvalues of ``S^T S``, whose sum "auto" takes a
        hundredth of. :class:`ZeroShotRidgeCV` chooses both on held-out labels.
    standardize : bool, default=True
        Take mean and maximum over the segments, scaled as :class:`skzsl.preprocessing.EmbeddingScaler` does by the
        clips of ``fit``, or of the first ``partial_fit``. With False the mean is taken as it is; it should be near
        zero, since ``alpha_audio="auto"`` goes by the length of clips and is far too much for those with an offset.
    threshold : float, array of shape (n_labels,) or dict, default=0.0
        For several labels a clip: a label is predicted where its score is above. One number, one for each label of fit,
        or a dict from label to number, whose key None stands for all labels it does not name. Acts after training; see
        :class:`skzsl.model_selection.ThresholdTuner`.
    temperature : float, default=1.0
        Divides the scores in ``predict_proba``; acts after training.
    seen_penalty : float, default=0.0
        Subtracted from the scores of labels seen in fit, which generalised prediction favours (calibrated stacking);
        acts after training.
    label_texts : dict, list of str or None, default=None
        Text of each label, where the label is not its own text; or a list that names the columns of an indicator array.
    memory : str, joblib.Memory or None, default=None
        Where to keep trainings: a fit on the same data with the same parameters, other than those that act after
        training, is looked up instead of repeated.

    Attributes
    ----------
    coef_ : ndarray of shape (d, k)
        The map W, float64.
    classes_ : ndarray of shape (C,)
        Labels of y: sorted, or in the order of its columns.
    seen_classes_ : ndarray
        Labels with a positive clip in fit; only these train.
    text_encoder_ : transformer
        The fitted text encoder.
    n_features_in_ : int
        Features d of a segment.
    n_samples_seen_ : int or float
        Clips of ``fit`` and of all calls of ``partial_fit`` since, or the sum of their weights.

    Notes
    -----
    Clips are read in blocks. A fitted model keeps sums over them, (d, d) and (labels, d) numbers, or the clips
    themselves while they are fewer than d, so that ``partial_fit`` can go on.

    ``fit`` multiplies clips of up to 32-bit floats in float32, block by block, for speed. Where ``X^T X + alpha_audio
    I`` is so badly conditioned that this could change W by more than about a thousandth, as with a large common offset
    or features that depend on each other, it reads the clips again and multiplies them in float64. ``partial_fit``
    cannot read clips again and always takes float64, from where ``fit`` left off: before lowering ``alpha_audio``, fit
    again.

    References
    ----------
    Romera-Paredes and Torr (2015). An embarrassingly simple approach to zero-shot learning. ICML.

    Examples
    --------
    >>> import numpy as np
    >>> from skzsl import ZeroShotRidge
    >>> from skzsl.text import HashingEncoder
    >>> rate, pitch = np.array([[1, -1], [1, -1]]), np.array([[1, 1], [-1, -1]])
    >>> X = np.c_[rate.ravel(), pitch.ravel()]
    >>> y = ["fast high", "slow high", "fast low", "slow low"]
    >>> model = ZeroShotRidge(HashingEncoder()).fit(X[:3], y[:3])
    >>> model.predict(X[3:], labels=["fast high", "slow low"])
    array(['slow low'], dtype='<U9')

    More clips, and labels, can come later:

    >>> model.partial_fit(X[3:], y[3:]).seen_classes_.tolist()
    ['fast high', 'fast low', 'slow high', 'slow low']
    """

    _parameter_constraints: dict = {
        **RidgeMap._parameter_constraints,
        "alpha_audio": [Interval(Real, 0, None, closed="neither"), StrOptions({"auto"})],
        "alpha_text": [Interval(Real, 0, None, closed="neither"), StrOptions({"auto"})],
    }

    def __init__(
        self,
        text_encoder=None,
        *,
        alpha_audio="auto",
        alpha_text="auto",
        standardize=True,
        threshold=0.0,
        temperature=1.0,
        seen_penalty=0.0,
        label_texts=None,
        memory=None,
    ) -> None:
        self.text_encoder = text_encoder
        self.alpha_audio = alpha_audio
        self.alpha_text = alpha_text
        self.standardize = standardize
        self.threshold = threshold
        self.temperature = temperature
        self.seen_penalty = seen_penalty
        self.label_texts = label_texts
        self.memory = memory

    @fit_context(prefer_skip_nested_validation=False)
    def fit(self, X, y, sample_weight=None) -> Self:
        """Learn from clips and the labels they carry.

        Parameters
        ----------
        X : array of shape (n, d) or (n, T, d)
            Clip embeddings, or segment embeddings whose trailing all-zero segments are absent. Of an array of dask,
            each partition is summed up where it is, in float64.
        y : array of shape (n,) or indicator of shape (n, n_labels)
            The label of each clip, as text; or a DataFrame with a column for each label (:func:`skzsl.indicator_frame`
            builds it), or an array, whose columns ``label_texts`` names.
        sample_weight : array of shape (n,) or None, default=None
            How often each clip counts, 0 or more: weight 2 is that clip twice, 0 is that clip left out.

        Returns
        -------
        self : object

        Raises
        ------
        ValueError
            For bad X, y, weights or parameters, and regularisers so small that rounding swallows them. A fitted model
            stays as it was.
        """
        if self.memory is not None:
            return fit_remembered(self, X, y, **({} if sample_weight is None else {"sample_weight": sample_weight}))
        if is_lazy(X):
            return fit_partitions(self, X, y, sample_weight)
        with all_or_nothing(self):
            segments = self._check_clips(X, reset=True)
            weights, y = check_weights(sample_weight, segments, y)
            segments, weights = counted(segments, weights)
            targets = self._take_labels(y, len(segments))
            clips = self._clips(segments, first=True, weights=weights)
            self._sums = self._sum_up(X, clips, targets, alpha_audio=self.alpha_audio, weights=weights)
            self._goes_on = False
            self._solve(self._sums, self.alpha_audio, self.alpha_text)
        return self

    @fit_context(prefer_skip_nested_validation=False)
    def partial_fit(self, X, y, classes=None, sample_weight=None) -> Self:
        """Add clips to those learned from so far; the map is then that of all together.

        Labels met for the first time join in, and all earlier clips count as clips without them. The text encoder is
        fitted in the first call only, on the labels of that call and ``classes``.

        Parameters
        ----------
        X : array of shape (n, d) or (n, T, d)
            Clip or segment embeddings.
        y : array of shape (n,) or indicator of shape (n, n_labels)
            The labels of each clip, as in ``fit``.
        classes : array of labels or None, default=None
            Labels to expect, which the text encoder of the first call should know. Other labels can come later too.
        sample_weight : array of shape (n,) or None, default=None
            How often each clip counts, as in ``fit``.

        Returns
        -------
        self : object

        Raises
        ------
        ValueError
            As for ``fit``, and for a y of the other kind. The model stays as it was.
        """
        self._validate_params()  # scikit-learn skips it once the model is fitted
        going_on = hasattr(self, "coef_")
        if going_on and not hasattr(self, "_sums"):
            raise ValueError(
                "This model was fitted by fit and then stored, which leaves out the sums that clips are "
                "added to; call partial_fit before it is stored, or fit again on all clips."
            )
        with all_or_nothing(self):
            segments = self._check_clips(X, reset=not going_on)
            weights, y = check_weights(sample_weight, segments, y)
            segments, weights = counted(segments, weights)
            before = self.seen_classes_ if going_on else None
            targets = self._take_labels(y, len(segments), going_on=going_on, partial=True, classes=classes)
            clips = self._clips(segments, first=not going_on, weights=weights)
            sums = self._sum_up(X, clips, targets, weights=weights)
            if going_on:
                sums = self._sums.of_labels(positions(targets.seen, before)) + sums
            self._sums, self._goes_on = sums, True
            self._solve(sums, self.alpha_audio, self.alpha_text)
        return self

    def __getstate__(self):
        state = dict(super().__getstate__())  # which can be the attributes themselves
        if not state.get("_goes_on"):  # then nothing is added to the sums, which can be the clips themselves
            state.pop("_sums", None)
        return state


def positions(labels, known):
    """Where ``labels`` are in ``known``, -1 for those that are not."""
    position = {label: column for column, label in enumerate(known.tolist())}
    return np.array([position.get(label, -1) for label in labels.tolist()])
