"""The nearest label: cosine between clip and text in one space."""

from __future__ import annotations

from typing import Self

from .._compat import fit_context
from .._fitting import all_or_nothing
from .._segments import check_segments
from ..text._label_vectors import LabelVectors
from ._base import check_one_space, check_text_side
from ._cosine import CosineClassifier


class ZeroShotNearest(CosineClassifier):
    """Compare clips with label texts where one model, such as CLAP, embeds both in one space.

    The score is the cosine between the clip's vector (the mean of its segments) and the label's text vector. Nothing is
    trained: ``fit`` notes the labels and checks that both kinds of vectors are of one length.

    Parameters
    ----------
    text_encoder : transformer, str, dict or DataFrame
        The text side of the model that made X, such as :class:`skzsl.text.ClapTextEncoder`: a transformer on lists of
        strings, the name or path of a sentence-transformers model, or a table text -> vector. It is used as it is, and
        there is no default: no other encoder's vectors lie in the space of X, even if their length is the same. Leave
        its vectors uncentred, as those of the clips are.
    threshold : float, array of shape (n_labels,) or dict, default=0.3
        For several labels a clip: a label is predicted where its cosine is above. One number, one for each label of
        fit, or a dict from label to number, whose key None stands for all labels it does not name. Which cosine is high
        depends on the model: see :class:`skzsl.model_selection.ThresholdTuner`.
    temperature : float, default=0.07
        Divides the scores in ``predict_proba``; that of CLAP at the start of its training.
    seen_penalty : float, default=0.0
        Subtracted from the scores of labels with a clip in fit, as for the models that train on them.
    label_texts : dict, list of str or None, default=None
        Text of each label, where the label is not its own text; or a list that names the columns of an indicator array.

    Attributes
    ----------
    classes_ : ndarray of shape (C,)
        Labels of y: sorted, or in the order of its columns. Empty without y.
    seen_classes_ : ndarray
        Labels with a clip in fit.
    text_encoder_ : transformer
        The fitted text encoder; only with y.
    n_features_in_ : int
        Features d of a segment.

    References
    ----------
    Wu et al. (2023). Large-scale contrastive language-audio pretraining with feature fusion and keyword-to-caption
    augmentation. ICASSP.

    Examples
    --------
    >>> from skzsl import ZeroShotNearest
    >>> texts = {"rain": [1.0, 0.0], "wind": [0.0, 1.0], "storm": [0.7, 0.7]}
    >>> X = [[0.9, 0.1], [0.6, 0.5]]
    >>> ZeroShotNearest(texts).fit(X, ["rain", "wind"]).predict(X)
    array(['rain', 'rain'], dtype='<U4')
    >>> ZeroShotNearest(texts).fit(X).predict(X, labels=["rain", "wind", "storm"])
    array(['rain', 'storm'], dtype='<U5')
    """

    def __init__(self, text_encoder, *, threshold=0.3, temperature=0.07, seen_penalty=0.0, label_texts=None) -> None:
        self.text_encoder = text_encoder
        self.threshold = threshold
        self.temperature = temperature
        self.seen_penalty = seen_penalty
        self.label_texts = label_texts

    @fit_context(prefer_skip_nested_validation=False)
    def fit(self, X, y=None) -> Self:
        """Note the labels; nothing is trained.

        Parameters
        ----------
        X : array of shape (n, d) or (n, T, d)
            Clip or segment embeddings, in the space of the text vectors.
        y : array of shape (n,), indicator of shape (n, n_labels) or None, default=None
            The labels of each clip. Without them, the text encoder is fitted on the candidates, at each prediction, and
            predictions need ``labels=``.

        Returns
        -------
        self : object

        Raises
        ------
        ValueError
            Without a text encoder, for bad X or y, and for text vectors that are zero or do not have as many numbers as
            X has features.
        """
        check_text_side(self.text_encoder)
        with all_or_nothing(self):
            segments = check_segments(self, X, reset=True)
            if hasattr(self, "text_encoder_"):
                del self.text_encoder_, self._vectors  # of an earlier fit
            targets = self._record_labels(y, len(segments))
            if targets is not None:
                self._label_vectors(targets.seen)
        return self

    def _text_vectors(self, texts):
        known = self._vectors if hasattr(self, "text_encoder_") else LabelVectors(self.text_encoder, texts)
        vectors = known.of(texts)
        check_one_space(self.n_features_in_, vectors.shape[1])
        return vectors

    def _clip_vectors(self, segments):
        return segments.mean()

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.target_tags.required = False
        tags.classifier_tags.poor_score = True  # where X and texts are not in one space, as in scikit-learn's checks
        return tags
