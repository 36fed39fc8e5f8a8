"""ConSE: class probabilities mix the text vectors of their classes."""

from __future__ import annotations

from numbers import Integral
from typing import Self

import numpy as np
from sklearn.base import clone
from sklearn.linear_model import LogisticRegression
from sklearn.multiclass import OneVsRestClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils import check_scalar

from .._best_columns import best_columns
from .._compat import HasMethods, Interval, fit_context
from .._fitting import all_or_nothing, fit_remembered
from .._labels import warn_of_texts
from .._segments import check_segments, dense
from ..text._base import check_texts
from ..text._label_vectors import LabelVectors
from ._cosine import CosineClassifier


class ZeroShotConvex(CosineClassifier):
    """Mix the text vectors of known classes by their probabilities (ConSE, convex combination of embeddings).

    A classifier of the labels of fit gives a clip its class probabilities. The ``n_top`` highest, brought to sum 1,
    weigh the text vectors of these labels; the cosine between that mixture and the text vector of any label is the
    label's score. With ``source_labels``, X holds the class scores already, such as the 521 of YAMNet, and nothing is
    trained.

    Parameters
    ----------
    text_encoder : transformer, str, dict, DataFrame or None, default=None
        Label texts to vectors: a transformer on lists of strings (see :mod:`skzsl.text`), the name or path of a
        sentence-transformers model, or a table text -> vector. None takes all-MiniLM-L6-v2, scaled to unit length and
        centred on the labels that are mixed: those of fit, or ``source_labels``.
    classifier : classifier or None, default=None
        Any scikit-learn classifier with ``predict_proba``; a clone is fitted on the means of the clips' segments. None
        takes logistic regression with ``C=0.1`` on standardised features, one a label where clips have several.
    source_labels : list of str or None, default=None
        The texts of the classes whose scores, 0 or more, are the columns of X; they need not differ from the labels of
        y or the candidates. With a fitted classifier of your own, pass the texts of its ``classes_`` here and its
        ``predict_proba(X)`` as X.
    n_top : int, default=10
        How many classes a clip mixes; all, where there are fewer. Acts after training.
    threshold : float, array of shape (n_labels,) or dict, default=0.5
        For several labels a clip: a label is predicted where its cosine is above. One number, one for each label of
        fit, or a dict from label to number, whose key None stands for all labels it does not name. Acts after
        training; see :class:`skzsl.model_selection.ThresholdTuner`.
    temperature : float, default=0.07
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
    classes_ : ndarray of shape (C,)
        Labels of y: sorted, or in the order of its columns. Empty without y.
    seen_classes_ : ndarray
        Labels with a clip in fit.
    classifier_ : classifier or None
        The fitted classifier; None with ``source_labels``.
    source_vectors_ : ndarray of shape (n_sources, k)
        Text vectors of the classes that are mixed: ``seen_classes_``, or ``source_labels``.
    text_encoder_ : transformer
        The text encoder, fitted on the texts of these classes.
    n_features_in_ : int
        Features d of a segment.

    Notes
    -----
    The vectors are mixed as ``text_encoder`` gives them; where their lengths differ, longer ones weigh more, so end the
    encoder in scikit-learn's ``Normalizer`` if they should not. Classifiers that are sure of themselves mix one class
    only: strong regularisation and calibration help.

    References
    ----------
    Norouzi et al. (2014). Zero-shot learning by convex combination of semantic embeddings. ICLR.

    Examples
    --------
    >>> from sklearn.linear_model import LogisticRegression
    >>> from skzsl import ZeroShotConvex
    >>> texts = {"dog": [1.0, 0.0], "cat": [0.8, 0.6], "engine": [0.0, 1.0]}
    >>> X, y = [[3.0, 0.0], [2.0, 0.1], [0.2, 3.0], [0.0, 2.0]], ["dog", "dog", "engine", "engine"]
    >>> model = ZeroShotConvex(texts, classifier=LogisticRegression()).fit(X, y)
    >>> model.predict([[2.0, 1.0], [0.0, 3.0]], labels=["cat", "engine"])
    array(['cat', 'engine'], dtype='<U6')

    Class scores of a tagger in place of embeddings:

    >>> scores = [[0.7, 0.3], [0.0, 0.9]]
    >>> model = ZeroShotConvex(texts, source_labels=["dog", "engine"]).fit(scores)
    >>> model.predict(scores, labels=["cat", "engine"])
    array(['cat', 'engine'], dtype='<U6')
    """

    _parameter_constraints: dict = {
        **CosineClassifier._parameter_constraints,
        "classifier": [HasMethods(["fit", "predict_proba"]), None],
        "source_labels": ["array-like", None],
        "n_top": [Interval(Integral, 1, None, closed="left")],
    }

    def __init__(
        self,
        text_encoder=None,
        *,
        classifier=None,
        source_labels=None,
        n_top=10,
        threshold=0.5,
        temperature=0.07,
        seen_penalty=0.0,
        label_texts=None,
        memory=None,
    ) -> None:
        self.text_encoder = text_encoder
        self.classifier = classifier
        self.source_labels = source_labels
        self.n_top = n_top
        self.threshold = threshold
        self.temperature = temperature
        self.seen_penalty = seen_penalty
        self.label_texts = label_texts
        self.memory = memory

    @property
    def _post_fit(self):
        return (*super()._post_fit, "n_top")

    @fit_context(prefer_skip_nested_validation=False)
    def fit(self, X, y=None) -> Self:
        """Fit the classifier or, with ``source_labels``, note the labels.

        Parameters
        ----------
        X : array of shape (n, d) or (n, T, d)
            Clip or segment embeddings; with ``source_labels`` the class scores of clips or segments.
        y : array of shape (n,), indicator of shape (n, n_labels) or None, default=None
            The labels of each clip. With ``source_labels`` it can be left out; predictions then need ``labels=``.

        Returns
        -------
        self : object

        Raises
        ------
        ValueError
            For bad X, y or parameters, class scores below 0, and a classifier with other classes than y.
        """
        if self.source_labels is not None and self.classifier is not None:
            raise ValueError(
                f"classifier={self.classifier!r} has no effect on class scores; leave out source_labels to train it on "
                "X, or pass classifier=None."
            )
        if self.memory is not None:
            return fit_remembered(self, X, y)
        with all_or_nothing(self):
            segments = check_segments(self, X, reset=True)
            if self.source_labels is None:
                self._fit_classifier(segments, y)
            else:
                self._fit_sources(segments, y)
        return self

    def _fit_classifier(self, segments, y):
        targets = self._take_labels(y, len(segments))
        self.source_vectors_ = self._label_vectors(targets.seen)
        classifier = _default_classifier(self._multilabel) if self.classifier is None else clone(self.classifier)
        clips = segments.mean()
        labels = dense(targets.codes) if self._multilabel else targets.seen[targets.codes]
        self.classifier_ = classifier.fit(clips, labels)
        if not self._multilabel and self.classifier_.classes_.tolist() != targets.seen.tolist():
            raise ValueError(
                f"classifier knows labels such as {self.classifier_.classes_.tolist()[:3]}, y has labels such as "
                f"{targets.seen.tolist()[:3]}; pass an unfitted classifier, or its predict_proba(X) as X and the texts "
                "of its classes as source_labels."
            )
        self._class_scores(clips[:1])

    def _fit_sources(self, segments, y):
        self.classifier_ = None
        texts = check_texts(self.source_labels)
        if len(texts) != self.n_features_in_:
            raise ValueError(
                f"X has {self.n_features_in_} columns for {len(texts)} source_labels; pass one class score for each, "
                "or leave out source_labels to train a classifier on X."
            )
        self._class_scores(segments.mean())
        self._vectors = LabelVectors(self.text_encoder, texts)
        self.text_encoder_, self.source_vectors_ = self._vectors.encoder, self._vectors.of(texts)
        targets = self._record_labels(y, len(segments))
        if targets is not None:
            self._label_vectors(targets.seen)

    def _start_text(self, labels):
        if self.source_labels is None:
            super()._start_text(labels)
        else:
            warn_of_texts(labels, self._text_of)

    def _clip_vectors(self, segments):
        check_scalar(self.n_top, "n_top", Integral, min_val=1)
        return _weights_of_top(self._class_scores(segments.mean()), self.n_top) @ self.source_vectors_

    def _class_scores(self, clips):
        """Scores of the classes to mix, (n, n_sources), 0 or more."""
        if self.classifier_ is None:
            _refuse_negative(clips, "X", "probabilities, such as the sigmoid or the softmax of logits")
            return clips
        scores = self.classifier_.predict_proba(clips)
        if isinstance(scores, list):  # how trees and neighbours answer for several labels a clip
            scores = np.column_stack([of_label[:, -1] for of_label in scores])
        if scores.shape != (len(clips), len(self.source_vectors_)):
            raise ValueError(
                f"classifier gave probabilities of shape {scores.shape} for {len(clips)} clips and "
                f"{len(self.source_vectors_)} labels; pass one that gives a column for each label of fit."
            )
        _refuse_negative(scores, "predict_proba of classifier", "one that gives probabilities")
        return scores

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.target_tags.required = self.source_labels is None
        tags.input_tags.positive_only = self.source_labels is not None
        return tags


def _default_classifier(multilabel):
    model = LogisticRegression(C=0.1, max_iter=1000)
    return make_pipeline(StandardScaler(), OneVsRestClassifier(model) if multilabel else model)


def _weights_of_top(scores, n_top):
    """Convex weights (n, n_sources): the highest scores of each row, on a tie the first, at sum 1 unless all are 0."""
    order = best_columns(scores.astype(np.float64), n_top)
    weights = np.zeros(scores.shape)
    np.put_along_axis(weights, order, np.take_along_axis(scores, order, axis=1), axis=1)
    totals = weights.sum(axis=1, keepdims=True)
    return weights / np.where(totals > 0, totals, 1.0)


def _refuse_negative(scores, where, instead):
    wrong = ~(scores >= 0)
    if wrong.any():
        clip, column = np.argwhere(wrong)[0]
        raise ValueError(f"{where} has {scores[clip, column]} for clip {clip}, class {column}; pass {instead}.")
