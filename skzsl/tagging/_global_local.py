"""Global-local attention for weakly labelled clips."""

from __future__ import annotations

from numbers import Integral

import numpy as np
from scipy.special import expit
from sklearn.base import clone
from sklearn.frozen import FrozenEstimator
from sklearn.utils.validation import check_is_fitted

from .._clip_scores import refuse_overflow
from .._compat import Interval, StrOptions
from .._segments import check_segments
from .._sparse import named_frame
from ._base import TaggingNet
from ._multi_level import MultiLevelAttentionClassifier


class GlobalLocalAttentionClassifier(TaggingNet):
    """Tag weakly labelled clips by listening twice: to the whole clip, then to windows around its likely labels.

    The global stream scores every label in the clip and in each frame (segment). The ``n_windows`` labels that are most
    probable each take the frame where they peak, and a window around it. The local stream scores the windows as if they
    were clips and pools them by half the sum of maximum and mean; the same pooling joins the two streams, so that the
    probability is .75 of the larger and .25 of the smaller. Both are trained on which labels a clip has, not on when.

    Parameters
    ----------
    global_net : "multi-level", MultiLevelAttentionClassifier, FrozenEstimator of one, or None, default="multi-level"
        The global stream: "multi-level" is that classifier as it comes. None builds the stream like the local one:
        convolutions over time, the sum of maximum and mean over the frames, and two dense layers. Frames of others are
        scored as clips of one segment; "joint" takes their layers alone, not their training or ``standardize``.
    n_windows : int, default=5
        How many labels choose a window.
    window : int, default=3
        Segments of a window; windows at the edge of a clip are shifted into it.
    suppress : bool, default=True
        Take the frames up to ``window // 4`` from a peak away from the labels that follow, so that windows spread.
    training : {"joint", "frozen_global"}, default="joint"
        Train both streams at once; or the global one first (a given net by its own parameters) and then the local one,
        each for ``max_epochs``.
    stream : {"fused", "global", "local"}, default="fused"
        Which probabilities to give: of both streams, or of one alone. Acts after training.
    n_conv_layers : int, default=1
        Convolutions over three segments, each followed by batch norm and ReLU; with 0 the segments are used as they
        are.
    hidden_size : int, default=1600
        Width of all layers, but for those of a given global net.
    dropout : float, default=0.5
        Share of the pooled features and of the hidden units that is dropped in training.
    standardize : bool, default=True
        Scale features as :class:`skzsl.preprocessing.EmbeddingScaler` does, by the segments of the first call, inside
        the net, so that uint8 features can be given as they are.
    threshold : float, array of shape (n_labels,) or dict, default=0.5
        A label is predicted where its probability is above; acts after training.
    balanced : bool, default=False
        Draw clips so that every label is met equally often, instead of each clip once an epoch.
    mixup : float, default=0.0
        Mix clips in pairs, with their labels, by shares from Beta(mixup, mixup); 0 turns it off.
    lr : float, default=0.003
        Learning rate, the highest one with ``one_cycle``.
    one_cycle : bool, default=True
        Raise the learning rate to ``lr`` and lower it to 0 again, in ``fit``. Callbacks that set rates need False.
    max_epochs : int or "auto", default="auto"
        Passes over the clips. "auto" is as many as make 1,200 steps, 3 to 20.
    averaged_epochs : int, default=0
        Average the weights of this many last epochs of ``fit``; 0 turns it off.
    shuffle : bool, default=True
        Draw a new order of the clips before every epoch.
    optimizer : str or class, default="AdamW"
        Optimiser of ``torch.optim``.
    weight_decay : float, default=1.0
        Weight decay of the optimiser, which AdamW multiplies by the learning rate.
    batch_size : int or "auto", default="auto"
        Clips a step. "auto" is the power of 2 next to 1.6 times the root of the clips, 16 to 1024.
    device : str, default="auto"
        "auto", "cpu", "cuda" or "cuda:1".
    callbacks : list of skorch callbacks or None, default=None
        What acts on losses and weights.
    validation_fraction : float or None, default=None
        Share of the clips held out for early stopping on their mean average precision; the best weights are kept.
    patience : int, default=5
        Epochs without improvement before early stopping.
    warm_start : bool, default=False
        Let ``fit`` go on from the weights of the last call; with "frozen_global" from those of the local stream.
    memory, random_state
        As in :class:`MultiLevelAttentionClassifier`.
    verbose : bool, default=False
        Show a progress bar.

    Attributes
    ----------
    classes_ : ndarray of shape (C,)
        Labels of y: sorted, or in the order of its columns.
    seen_classes_ : ndarray
        Labels with a positive clip in fit; the others were trained as absent.
    module_ : torch.nn.Module
        The trained net.
    n_features_in_ : int
        Features d of a segment.
    n_iter_ : int
        Passes made over the clips, for either stream.
    history_ : list of dict
        One entry for each pass: its losses, with early stopping "valid_map", and what callbacks recorded.

    Notes
    -----
    Output biases start at the log-odds of the labels' frequencies. The paper has Adam on spectrograms,
    ``global_net=None``, ``suppress=False`` and no weight decay.

    References
    ----------
    Wang, Zou and Chong (2021). A global-local attention framework for weakly labelled audio tagging. ICASSP.

    Examples
    --------
    >>> import numpy as np
    >>> from skzsl import GlobalLocalAttentionClassifier, indicator_frame
    >>> X = np.random.default_rng(0).normal(size=(4, 10, 128))
    >>> y = indicator_frame([["rain"], ["rain", "dog bark"], ["dog bark"], []])
    >>> model = GlobalLocalAttentionClassifier(max_epochs=2, random_state=0).fit(X, y)
    >>> model.predict_proba(X).shape
    (4, 2)
    >>> labels, spans = model.windows(X)
    >>> labels.shape, spans.shape
    ((4, 2), (4, 2, 2))
    """

    _parameter_constraints: dict = {
        **TaggingNet._parameter_constraints,
        "global_net": "no_validation",
        "n_windows": [Interval(Integral, 1, None, closed="left")],
        "window": [Interval(Integral, 1, None, closed="left")],
        "suppress": ["boolean"],
        "training": [StrOptions({"joint", "frozen_global"})],
        "stream": [StrOptions({"fused", "global", "local"})],
        "n_conv_layers": [Interval(Integral, 0, None, closed="left")],
    }

    _auto_steps = 1200

    def __init__(
        self,
        global_net="multi-level",
        *,
        n_windows=5,
        window=3,
        suppress=True,
        training="joint",
        stream="fused",
        n_conv_layers=1,
        hidden_size=1600,
        dropout=0.5,
        standardize=True,
        threshold=0.5,
        balanced=False,
        mixup=0.0,
        lr=0.003,
        one_cycle=True,
        max_epochs="auto",
        averaged_epochs=0,
        shuffle=True,
        optimizer="AdamW",
        weight_decay=1.0,
        batch_size="auto",
        device="auto",
        callbacks=None,
        validation_fraction=None,
        patience=5,
        warm_start=False,
        memory=None,
        random_state=None,
        verbose=False,
    ) -> None:
        self.global_net = global_net
        self.n_windows = n_windows
        self.window = window
        self.suppress = suppress
        self.training = training
        self.stream = stream
        self.n_conv_layers = n_conv_layers
        self.hidden_size = hidden_size
        self.dropout = dropout
        self.standardize = standardize
        self.threshold = threshold
        self.balanced = balanced
        self.mixup = mixup
        self.lr = lr
        self.one_cycle = one_cycle
        self.max_epochs = max_epochs
        self.averaged_epochs = averaged_epochs
        self.shuffle = shuffle
        self.optimizer = optimizer
        self.weight_decay = weight_decay
        self.batch_size = batch_size
        self.device = device
        self.callbacks = callbacks
        self.validation_fraction = validation_fraction
        self.patience = patience
        self.warm_start = warm_start
        self.memory = memory
        self.random_state = random_state
        self.verbose = verbose

    def windows(self, X) -> tuple[np.ndarray, np.ndarray]:
        """Which labels chose which segments for the local stream.

        Parameters
        ----------
        X : array of shape (n, d) or (n, T, d)
            Clip or segment embeddings.

        Returns
        -------
        labels : ndarray of shape (n, n_windows), or as many columns as there are labels if these are fewer
            The labels of fit that chose, the most probable first.
        spans : ndarray of shape (n, n_windows, 2), int
            First segment of each one's window, and the first after it.
        """
        check_is_fitted(self)
        segments, module = check_segments(self, X), self.module_
        n_labels = len(self.labels_of_fit_)
        n_windows = min(module.n_windows, n_labels)
        refuse_overflow(self._apply(module.global_stream.forward, segments, shape=(n_labels,)))
        columns, starts = self._apply(module.windows, segments, shape=(2, n_windows)).astype(int).swapaxes(0, 1)
        ends = np.minimum(starts + module.window, segments.mask().sum(axis=1, keepdims=True))
        return self.labels_of_fit_[columns], np.stack([starts, ends], axis=2)

    @property
    def _post_fit(self):
        return (*super()._post_fit, "stream")

    @property
    def _given_net(self):
        if isinstance(self.global_net, str) and self.global_net == "multi-level":
            return MultiLevelAttentionClassifier(device=self.device, random_state=self.random_state)
        return self.global_net

    def _check_settings(self):
        super()._check_settings()
        given = self._given_net
        if isinstance(given, FrozenEstimator):
            if self.training == "joint":
                raise ValueError(
                    'training="joint" trains the global net, which is frozen; pass training="frozen_global" or the '
                    "estimator itself."
                )
            check_is_fitted(given)
            given = given.estimator
        if given is None:
            return
        if not isinstance(given, TaggingNet) or isinstance(given, type(self)):
            raise ValueError(
                f"global_net={self.global_net!r}; pass a MultiLevelAttentionClassifier, a FrozenEstimator of a fitted "
                "one, 'multi-level' or None."
            )
        given._validate_params()
        given._check_settings()

    def _train_module(self, segments, codes, build, course):
        start_global = self.training == "frozen_global" and not course.going_on
        if start_global and course.partial:
            raise ValueError('training="frozen_global" needs fit to train the global stream; pass training="joint".')
        if isinstance(self.global_net, FrozenEstimator):
            served = self.module_.global_stream if course.going_on else None
            self.global_net.estimator._check_serves(self.classes_, segments.values.shape[-1], served)
        earlier: list[dict] = []
        if start_global:
            earlier, build["global_start"] = self._train_global(segments, codes, build, course)
        super()._train_module(segments, codes, build, course)
        if start_global:
            own, self.history_ = self.history_, earlier
            self._record(own, going_on=True)

    def _train_global(self, segments, codes, build, course):
        """Train the global stream alone; its history and its state."""
        from ..nets import net_parameters

        net_parameters(self)  # what the local stream cannot be trained with is refused now
        if self.global_net is None:
            self._train_stream(self._conv_stream(segments.values.shape[-1], **build), segments, codes, course)
            return self.history_, self.module_.state_dict()
        if isinstance(self.global_net, FrozenEstimator):
            return [], self.global_net.estimator.module_.state_dict()
        net = clone(self._given_net).fit(segments.values, named_frame(codes, self.classes_))
        return net.history_, net.module_.state_dict()

    def _build(self, n_features, *, start=None, global_start=None, **build):
        from ..nets import GlobalLocalModule

        local = self._conv_stream(n_features, **build)
        given = self.global_net.estimator if isinstance(self.global_net, FrozenEstimator) else self._given_net
        stream, arguments = local if given is None else given._build(n_features, **build)
        return GlobalLocalModule, {
            "global_stream": (stream, {**arguments, "start": global_start}),
            "local_stream": local,
            "n_windows": self.n_windows,
            "window": self.window,
            "suppress": self.suppress,
            "frozen": self.training == "frozen_global",
            "start": start,
        }

    def _conv_stream(self, n_features, **build):
        from ..nets import ConvStream

        own = {"n_conv_layers": self.n_conv_layers, "hidden_size": self.hidden_size, "dropout": self.dropout}
        return ConvStream, {"n_features": n_features, **own, **build}

    def _probabilities_of(self, segments):
        if self.stream not in ("fused", "global", "local"):
            raise ValueError(f"stream={self.stream!r}; pass 'fused', 'global' or 'local'.")
        module, n_labels = self.module_, len(self.labels_of_fit_)
        if self.stream == "fused":
            return self._apply(module.fused, segments, shape=(n_labels,))
        if self.stream == "global":
            return expit(self._apply(module.global_stream.forward, segments, shape=(n_labels,)))
        return expit(self._apply(module.forward, segments, shape=(2, n_labels))[:, 1])
