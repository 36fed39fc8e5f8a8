"""Bilinear compatibility of clip and label text, trained to rank the true label first."""

from __future__ import annotations

from numbers import Integral, Real

import numpy as np

from .._compat import Interval, StrOptions, fit_context
from .._segments import check_segments, row_chunks
from ..base import ZeroShotClassifier, all_or_nothing

_NET_PARAMETERS = (
    "optimizer",
    "weight_decay",
    "shuffle",
    "device",
    "validation_fraction",
    "patience",
    "random_state",
    "verbose",
)


class ZeroShotBilinear(ZeroShotClassifier):
    """Bilinear map between clips and label texts, learned by ranking.

    A clip with vector x (the mean of its segments) and a label with text vector p are compatible to the degree
    ``x^T W p``. W is trained so that the true label of a clip outranks the others; any label that has a text can then
    be a candidate.

    Parameters
    ----------
    text_encoder : transformer, str, dict, DataFrame or None, default=None
        Label texts to vectors: a transformer on lists of strings (see :mod:`skzsl.text`), the name or path of a
        sentence-transformers model, or a table text -> vector. None takes all-MiniLM-L6-v2, centred on the labels of
        fit and scaled to unit length.
    solver : {"online", "minibatch"}, default="online"
        "online" is training algorithm 1 of the paper, one clip at a time, compiled. "minibatch" minimises equation 4
        with a torch optimiser. The two have different objectives: algorithm 1 weighs each violating label by its own
        rank, equation 4 weighs all of a clip's by the rank of the true label.
    lr : float, default=0.01
        Learning rate.
    max_epochs : int, default=10
        Passes over the clips.
    shuffle : bool, default=True
        Draw a new order of the clips before every epoch.
    optimizer : str or class, default="AdamW"
        Optimiser of ``torch.optim``, for "minibatch"; ``functools.partial(torch.optim.SGD, momentum=0.9)`` works too.
    weight_decay : float, default=0.0
        Weight decay of the optimiser, for "minibatch".
    batch_size : int, default=32
        Clips a step, for "minibatch".
    device : str, default="auto"
        "auto", "cpu", "cuda" or "cuda:1", for "minibatch".
    callbacks : list of skorch callbacks or None, default=None
        For "minibatch": schedules, clipping, checkpoints, stopping and whatever else acts on losses and weights.
        skorch's EpochScoring cannot be used, since the net alone does not know labels.
    validation_fraction : float or None, default=None
        Share of the clips held out for early stopping: training ends when their loss has not improved for ``patience``
        epochs, and the best weights are kept. For "minibatch". The clips held out share the labels of the others, so
        this guards against fitting the clips too closely, not the labels. The same clips are held out by every ``fit``
        of a warm start with as many clips.
    patience : int, default=5
        Epochs without improvement before early stopping.
    warm_start : bool, default=False
        Let ``fit`` go on from the map and the text encoder of the last call. The optimiser's state is kept too, unless
        its settings have changed.
    temperature : float, default=1.0
        Divides the scores before the softmax of ``predict_proba``; acts after training.
    label_texts : dict or None, default=None
        Text of each label, where the label is not its own text (numbers, codes, short names).
    random_state : int, RandomState instance or None, default=None
        Source of the orders and of the held-out clips.
    verbose : bool, default=False
        Show a progress bar, for "minibatch".

    Attributes
    ----------
    coef_ : ndarray of shape (d, k)
        The map W, float64 from "online" and float32 from "minibatch".
    classes_ : ndarray of shape (C,)
        Labels of y, sorted.
    seen_classes_ : ndarray
        Labels with a clip in fit.
    text_encoder_ : transformer
        The fitted text encoder.
    n_features_in_ : int
        Features d of a segment.
    n_iter_ : int
        Passes made over the clips.
    history_ : list of dict
        One entry for each pass; with "minibatch" its losses and what callbacks recorded.

    References
    ----------
    Xie and Virtanen (2019). Zero-shot audio classification based on class label embeddings. WASPAA.

    Examples
    --------
    >>> import numpy as np
    >>> from skzsl import ZeroShotBilinear
    >>> from skzsl.text import HashingEncoder
    >>> rate, pitch = np.array([[1, -1], [1, -1]]), np.array([[1, 1], [-1, -1]])
    >>> X = np.c_[rate.ravel(), pitch.ravel()]
    >>> y = ["fast high", "slow high", "fast low", "slow low"]
    >>> model = ZeroShotBilinear(HashingEncoder(), random_state=0).fit(X[:3], y[:3])
    >>> model.predict(X[3:], labels=["fast high", "slow low"])
    array(['slow low'], dtype='<U9')
    """

    _parameter_constraints: dict = {
        **ZeroShotClassifier._parameter_constraints,
        "solver": [StrOptions({"online", "minibatch"})],
        "lr": [Interval(Real, 0, None, closed="neither")],
        "max_epochs": [Interval(Integral, 1, None, closed="left")],
        "shuffle": ["boolean"],
        "optimizer": [str, callable],
        "weight_decay": [Interval(Real, 0, None, closed="left")],
        "batch_size": [Interval(Integral, 1, None, closed="left")],
        "device": [str],
        "callbacks": [list, None],
        "validation_fraction": [Interval(Real, 0, 1, closed="neither"), None],
        "patience": [Interval(Integral, 1, None, closed="left")],
        "warm_start": ["boolean"],
        "random_state": ["random_state"],
        "verbose": ["boolean"],
    }

    coef_: np.ndarray
    n_iter_: int
    history_: list[dict]
    _net_settings: list

    def __init__(
        self,
        text_encoder=None,
        *,
        solver="online",
        lr=0.01,
        max_epochs=10,
        shuffle=True,
        optimizer="AdamW",
        weight_decay=0.0,
        batch_size=32,
        device="auto",
        callbacks=None,
        validation_fraction=None,
        patience=5,
        warm_start=False,
        temperature=1.0,
        label_texts=None,
        random_state=None,
        verbose=False,
    ):
        self.text_encoder = text_encoder
        self.solver = solver
        self.lr = lr
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
        self.label_texts = label_texts
        self.random_state = random_state
        self.verbose = verbose

    @fit_context(prefer_skip_nested_validation=False)
    def fit(self, X, y):
        """Learn the map from clips and the labels they carry.

        Parameters
        ----------
        X : array of shape (n, d) or (n, T, d)
            Clip embeddings, or segment embeddings whose trailing all-zero segments are absent.
        y : array of shape (n,)
            The label of each clip, as text.

        Returns
        -------
        self : object

        Raises
        ------
        ValueError
            For bad X, y or parameters, before any training; and if training diverges. A fitted model stays as it was.
        """
        going_on = self.warm_start and hasattr(self, "coef_")
        self._refuse_idle_parameters()
        with all_or_nothing(self):
            segments = check_segments(self, X, reset=not going_on)
            fit_labels = self._extend_labels if going_on else self._fit_labels
            targets = fit_labels(y, len(segments))
            return self._train(segments, targets, epochs=self.max_epochs, going_on=going_on)

    @fit_context(prefer_skip_nested_validation=False)
    def partial_fit(self, X, y, classes=None):
        """Make one pass over some clips, going on from the present map.

        Labels met for the first time join in; the text encoder is fitted in the first call only.

        Parameters
        ----------
        X : array of shape (n, d) or (n, T, d)
            Clip or segment embeddings.
        y : array of shape (n,)
            The label of each clip.
        classes : array of labels or None, default=None
            Labels to expect, which the text encoder of the first call should know. They may be left out: any label can
            come later.

        Returns
        -------
        self : object
        """
        if self.validation_fraction is not None:
            raise ValueError("partial_fit makes one pass and cannot stop early; set validation_fraction=None.")
        self._refuse_idle_parameters()
        going_on = hasattr(self, "coef_")
        with all_or_nothing(self):
            segments = check_segments(self, X, reset=not going_on)
            targets = self._extend_labels(y, len(segments), classes)
            return self._train(segments, targets, epochs=1, going_on=going_on)

    def _refuse_idle_parameters(self):
        for name in ("callbacks", "validation_fraction", "weight_decay"):
            if self.solver == "online" and getattr(self, name):
                raise ValueError(f"{name}={getattr(self, name)!r} has no effect on solver='online'; use 'minibatch'.")

    def _train(self, segments, targets, *, epochs, going_on):
        train = self._train_online if self.solver == "online" else self._train_minibatch
        start = self.coef_ if going_on else None
        self.coef_ = train(segments.mean(), targets.codes, self._label_vectors(targets.seen), epochs, start)
        return self

    def _train_online(self, clips, codes, vectors, epochs, start):
        from ..solvers import online_ranking

        self._net = None
        self._record([{}] * epochs, start)
        return online_ranking(
            clips,
            codes,
            vectors,
            lr=self.lr,
            max_epochs=epochs,
            shuffle=self.shuffle,
            random_state=self.random_state,
            coef=start,
        )

    def _train_minibatch(self, clips, codes, vectors, epochs, start):
        from ..nets import BilinearModule, EmbeddingNet, WeightedRankingLoss, net_parameters

        settings = [getattr(self, name) for name in _NET_PARAMETERS] + [list(self.callbacks or [])]
        net = self._net
        if start is None or net is None or self._net_settings != settings:
            size = {"module__n_features": clips.shape[1], "module__n_dims": vectors.shape[1], "module__start": start}
            net = EmbeddingNet(BilinearModule, WeightedRankingLoss, **size, **net_parameters(self))
        n_before = len(net.epochs_since(0))
        net.change_lr(self.lr)
        net.set_params(batch_size=self.batch_size, fixed_inputs=(vectors,))
        net.train((clips,), codes, epochs=epochs)
        self._net, self._net_settings = net, settings
        self._record(net.epochs_since(n_before), start)
        return net.module_.weight.detach().cpu().numpy().copy()

    def _record(self, history, start):
        earlier = [] if start is None else self.history_
        numbers = range(len(earlier) + 1, len(earlier) + len(history) + 1)
        self.history_ = earlier + [{**epoch, "epoch": number} for epoch, number in zip(history, numbers, strict=True)]
        self.n_iter_ = len(self.history_)

    def _score_labels(self, segments, vectors):
        weights = self.coef_ @ vectors.T.astype(self.coef_.dtype, copy=False)
        clips = segments.mean()
        scores = np.empty((len(clips), len(vectors)), dtype=self.coef_.dtype)
        with np.errstate(over="ignore", invalid="ignore"):
            for rows in row_chunks(clips):
                scores[rows] = clips[rows].astype(self.coef_.dtype, copy=False) @ weights
        return scores
