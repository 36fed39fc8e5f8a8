"""Temporal attention: every label looks for its own segments of a clip."""

from __future__ import annotations

from numbers import Real

import numpy as np
from sklearn.utils.validation import check_is_fitted

from .._clip_scores import refuse_overflow
from .._compat import Interval, StrOptions
from .._segments import check_segments
from .._training import EpochTraining
from ._base import MultilabelZeroShotClassifier, seen_penalty


class ZeroShotTemporalAttention(EpochTraining, MultilabelZeroShotClassifier):
    """Zero-shot tagging of weakly labelled clips: each label attends to the segments it fits.

    Every segment and every label text is projected into one space, where their dot product says how well they fit. The
    softmax of a label over the segments is its attention; the score of a clip is the attended mean of the fits, mixed
    with their plain mean. It is trained so that the labels of a clip outrank the others (WARP loss). Clips may have
    several labels, or one.

    Parameters
    ----------
    text_encoder : transformer, str, dict, DataFrame or None, default=None
        Label texts to vectors: a transformer on lists of strings (see :mod:`skzsl.text`), the name or path of a
        sentence-transformers model, or a table text -> vector. None reads label names with
        all-MiniLM-L6-v2 and, where ``skzsl[glove]`` is installed, GloVe (see the user guide's page on text).
    alpha : float, default=0.5
        Share of attention in the score, 0 to 1; 0 is uniform aggregation. Acts after training, unless
        ``train_on="fused"``.
    threshold : float, array of shape (n_labels,) or dict, default=1.51
        A label is predicted where its score is above: one number, one for each label of fit, or a dict from label to
        number, whose key None stands for all labels it does not name. Acts after training; see
        :class:`skzsl.model_selection.ThresholdTuner`.
    clip_score : {"project_then_mean", "mean_then_project"}, default="project_then_mean"
        The plain mean: over the fits of the segments, or the fit of the mean segment. Acts after training, unless
        ``train_on="fused"``.
    train_on : {"attention", "fused"}, default="attention"
        The score that is trained: the attended mean, or its mixture by ``alpha``.
    margin : float, default=1.0
        By how much a label of a clip should outscore every other.
    audio_sizes : tuple of int, default=(128,)
        Widths of the layers that project the segments, each followed by tanh.
    text_sizes : tuple of int, default=(128,)
        Widths of the layers that project the label vectors; the last one equals that of ``audio_sizes``.
    dropout : float, default=0.3
        Share of the features of the segments that is dropped in training, drawn anew for each segment.
    standardize : bool, default=True
        Scale features as :class:`skzsl.preprocessing.EmbeddingScaler` does, by the segments of the first call, inside
        the net, so that uint8 features can be given as they are.
    lr : float, default=0.1
        Learning rate.
    one_cycle : bool, default=True
        Let the learning rate rise to ``lr`` and fall to 0 over a fit. ``partial_fit`` trains at ``lr``.
    max_epochs : int or "auto", default="auto"
        Passes over the clips. "auto" is as many as make 500 steps, 1 to 8.
    shuffle : bool, default=True
        Draw a new order of the clips before every epoch.
    optimizer : str or class, default="SGD"
        Optimiser of ``torch.optim``.
    weight_decay : float, default=0.0
        Weight decay of the optimiser.
    batch_size : int or "auto", default="auto"
        Clips a step. "auto" is the power of 2 next to 1.6 times the root of the clips, 16 to 1024.
    device : str, default="auto"
        "auto", "cpu", "cuda" or "cuda:1".
    callbacks : list of skorch callbacks or None, default=None
        Schedules (with ``one_cycle=False``), clipping, checkpoints and whatever else acts on losses and weights.
    validation_fraction : float or None, default=None
        Share of the clips held out for early stopping: training ends when their loss has not improved for ``patience``
        epochs, and the best weights are kept. They share the labels of the other clips.
    patience : int, default=5
        Epochs without improvement before early stopping.
    warm_start : bool, default=False
        Let ``fit`` go on from the weights and the text encoder of the last call.
    temperature : float, default=1.0
        Divides the scores in ``predict_proba``; acts after training.
    seen_penalty : float, default=0.0
        Subtracted from the scores of labels seen in fit, which generalised prediction favours (calibrated stacking);
        acts after training.
    label_texts : dict, list of str or None, default=None
        Text of each label, where the label is not its own text; or a list that names the columns of an indicator array.
    memory : str, joblib.Memory or None, default=None
        Where to keep trainings: a fit on the same data with the same parameters, other than those that act after
        training, is looked up instead of repeated. Searches over these then train once a fold. With
        ``random_state=None`` too, the first training is used again. Callbacks act on a copy of the model.
    random_state : int, RandomState instance or None, default=None
        Source of the initial weights, the orders and the held-out clips.
    verbose : bool, default=False
        Show a progress bar.

    Attributes
    ----------
    classes_ : ndarray of shape (C,)
        Labels of y: sorted, or in the order of its columns.
    seen_classes_ : ndarray
        Labels with a positive clip in fit; only these train.
    module_ : torch.nn.Module
        The trained net.
    text_encoder_ : transformer
        The fitted text encoder.
    n_features_in_ : int
        Features d of a segment.
    n_iter_ : int
        Passes made over the clips.
    history_ : list of dict
        One entry for each pass: its losses and what callbacks recorded.

    Notes
    -----
    The paper trains with ``optimizer="SGD", lr=0.01, max_epochs=100, batch_size=32, text_sizes=(512, 128), dropout=0,
    standardize=False`` and ``text_encoder=WordAverage(...)`` of a BERT, all else as here; its uniform aggregation is
    ``alpha=0, train_on="fused"``. The defaults did best on validation labels of AudioSet among settings that also
    train on a thousand clips.

    References
    ----------
    Dogan, Xie, Heittola and Virtanen (2024). Multi-label zero-shot audio classification with temporal attention.
    IWAENC.

    Weston, Bengio and Usunier (2011). WSABIE: scaling up to large vocabulary image annotation. IJCAI.

    Examples
    --------
    >>> import numpy as np
    >>> from skzsl import ZeroShotTemporalAttention, indicator_frame
    >>> from skzsl.text import HashingEncoder
    >>> X = np.random.default_rng(0).normal(size=(4, 10, 128))
    >>> y = indicator_frame([["rain"], ["rain", "dog bark"], ["dog bark"], []])
    >>> model = ZeroShotTemporalAttention(HashingEncoder(), random_state=0).fit(X, y)
    >>> model.decision_function(X, labels=["dog bark", "cat", "heavy rain"]).shape
    (4, 3)
    >>> model.attention(X, labels=["cat"]).shape
    (4, 1, 10)
    """

    _parameter_constraints: dict = {
        **MultilabelZeroShotClassifier._parameter_constraints,
        **EpochTraining._parameter_constraints,
        "alpha": [Interval(Real, 0, 1, closed="both")],
        "clip_score": [StrOptions({"project_then_mean", "mean_then_project"})],
        "train_on": [StrOptions({"attention", "fused"})],
        "margin": [Interval(Real, 0, None, closed="left")],
        "audio_sizes": ["array-like"],
        "text_sizes": ["array-like"],
        "dropout": [Interval(Real, 0, 1, closed="left")],
        "standardize": ["boolean"],
        "one_cycle": ["boolean"],
    }

    _auto_steps, _auto_epochs = 500, (1, 8)

    def __init__(
        self,
        text_encoder=None,
        *,
        alpha=0.5,
        threshold=1.51,
        clip_score="project_then_mean",
        train_on="attention",
        margin=1.0,
        audio_sizes=(128,),
        text_sizes=(128,),
        dropout=0.3,
        standardize=True,
        lr=0.1,
        one_cycle=True,
        max_epochs="auto",
        shuffle=True,
        optimizer="SGD",
        weight_decay=0.0,
        batch_size="auto",
        device="auto",
        callbacks=None,
        validation_fraction=None,
        patience=5,
        warm_start=False,
        temperature=1.0,
        seen_penalty=0.0,
        label_texts=None,
        memory=None,
        random_state=None,
        verbose=False,
    ) -> None:
        self.text_encoder = text_encoder
        self.alpha = alpha
        self.threshold = threshold
        self.clip_score = clip_score
        self.train_on = train_on
        self.margin = margin
        self.audio_sizes = audio_sizes
        self.text_sizes = text_sizes
        self.dropout = dropout
        self.standardize = standardize
        self.lr = lr
        self.one_cycle = one_cycle
        self.max_epochs = max_epochs
        self.shuffle = shuffle
        self.optimizer = optimizer
        self.weight_decay = weight_decay
        self.batch_size = batch_size
        self.device = device
        self.callbacks = callbacks
        self.validation_fraction = validation_fraction
        self.patience = patience
        self.warm_start = warm_start
        self.temperature = temperature
        self.seen_penalty = seen_penalty
        self.label_texts = label_texts
        self.memory = memory
        self.random_state = random_state
        self.verbose = verbose

    def attention(self, X, labels=None) -> np.ndarray:
        """Weights that each label gives to the segments of each clip.

        Parameters
        ----------
        X : array of shape (n, d) or (n, T, d)
            Clip or segment embeddings.
        labels : list of str or None, default=None
            Labels, seen in fit or not; None takes ``classes_``.

        Returns
        -------
        weights : ndarray of shape (n, n_labels, T)
            Sum to 1 over the segments; 0 for absent segments.
        """
        check_is_fitted(self)
        segments = check_segments(self, X)
        vectors = self._label_vectors(self._candidates(labels))
        n_segments = segments.three_d().shape[1]
        weights = self._apply(self.module_.attention, segments, vectors, shape=(len(vectors), n_segments))
        refuse_overflow(weights)
        return weights

    @property
    def _post_fit(self):
        acting = ("alpha", "clip_score") if self.train_on == "attention" else ()
        return (*super()._post_fit, *acting)

    def _check_settings(self):
        for name in ("audio_sizes", "text_sizes"):
            sizes = getattr(self, name)
            listed = isinstance(sizes, list | tuple | np.ndarray) and len(sizes)
            if not listed or not all(isinstance(size, int | np.integer) and size > 0 for size in sizes):
                raise ValueError(f"{name}={sizes!r}; pass a list of at least one width above 0, such as (128,).")
        if self.audio_sizes[-1] != self.text_sizes[-1]:
            raise ValueError(
                f"audio_sizes={self.audio_sizes!r} and text_sizes={self.text_sizes!r} end in different widths; the "
                "projections need one space: make the last ones equal."
            )

    def _train(self, segments, targets, course):
        from ..nets import MultilabelRankingLoss, TemporalAttentionModule

        vectors = self._label_vectors(targets.seen)
        self._train_net(
            TemporalAttentionModule,
            MultilabelRankingLoss,
            (segments.three_d(), segments.mask()),
            targets.indicator(),
            course,
            build={
                "one_cycle": self.one_cycle,
                "criterion__margin": self.margin,
                "module__n_features": segments.values.shape[-1],
                "module__n_dims": vectors.shape[1],
                "module__audio_sizes": tuple(self.audio_sizes),
                "module__text_sizes": tuple(self.text_sizes),
                "module__dropout": self.dropout,
                "module__alpha": 1.0 if self.train_on == "attention" else self.alpha,
                "module__project_mean": self._project_mean,
                **{f"module__{name}": value for name, value in self._module_scaling(segments, course).items()},
                "module__start": self.module_.state_dict() if course.going_on else None,
            },
            fixed_inputs=(vectors,),
        )

    def _scorer(self, vectors, n_clips):
        from ..nets import apply_in_batches

        module, how = self.module_, {"shape": vectors.shape[:1], **self._settings()}
        labels = apply_in_batches(module.text.forward, (vectors,), shape=(module.width,))
        return lambda segments: self._apply(module.score, segments, labels, **how)

    def _clips_and_evidence(self, X, labels):
        """As of segments as clips, whose scores are their dot products, but in one pass."""
        check_is_fitted(self)
        candidates = self._candidates(labels)
        segments, vectors = check_segments(self, X), self._label_vectors(candidates)
        mask = segments.mask()
        how = {"shape": (1 + mask.shape[1], len(vectors)), **self._settings()}
        scores = self._apply(self.module_.with_segments, segments, vectors, **how)
        refuse_overflow(scores)
        clips, evidence = scores[:, 0], scores[:, 1:]
        seen_penalty(self, candidates)(clips)
        if not mask.all():
            evidence[~mask] = np.nan
        return clips, evidence, candidates

    def _settings(self):
        """What acts after training."""
        if not isinstance(self.alpha, Real) or not 0 <= float(self.alpha) <= 1:
            raise ValueError(f"alpha={self.alpha!r}; pass a share of attention from 0 to 1.")
        if self.clip_score not in ("project_then_mean", "mean_then_project"):
            raise ValueError(f"clip_score={self.clip_score!r}; pass 'project_then_mean' or 'mean_then_project'.")
        return {"alpha": self.alpha, "project_mean": self._project_mean}

    @property
    def _project_mean(self):
        return self.clip_score == "mean_then_project"

    def _apply(self, method, segments, vectors, **settings):
        from ..nets import apply_in_batches

        return apply_in_batches(method, (segments.three_d(), segments.mask()), vectors, **settings)
