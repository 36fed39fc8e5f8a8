"""Multi-level attention for weakly labelled clips."""

from __future__ import annotations

import numpy as np
from sklearn.utils.validation import check_is_fitted

from .._clip_scores import refuse_overflow
from .._compat import StrOptions
from .._segments import check_segments
from ._base import TaggingNet


class MultiLevelAttentionClassifier(TaggingNet):
    """Tag weakly labelled clips: every label attends to the segments it sounds in, at several depths of a net.

    Dense layers are applied to every segment. At one or more depths an attention module gives each label a probability
    ``f`` and a weight ``v`` in every segment, and pools the clip's probability ``sum_t v_t f_t / sum_t v_t``. The
    probabilities of all levels go through one linear layer and a sigmoid; of one level they are the result. It is
    trained on which labels a clip has, not when they sound. Clips may have several labels, or one.

    Parameters
    ----------
    architecture : str, default="2-A-1-A"
        Numbers of layers and pooling modules in turn: "2-A-1-A" is two layers, an attention module, one more layer and
        an attention module. "mean" and "max" in place of "A" pool without attention: "3-mean".
    attention_activation : {"sigmoid", "softmax_label", "softmax_time"}, default="sigmoid"
        What makes the weights: a sigmoid, softmax over the labels of a segment, as published, or softmax over the
        segments.
    hidden_size : int, default=800
        Width of the layers.
    dropout : float, default=0.4
        Share of their outputs that is dropped in training.
    batch_norm : bool, default=True
        Standardise their outputs over the batch, before the ReLU.
    standardize : bool, default=True
        Scale features as :class:`skzsl.preprocessing.EmbeddingScaler` does, by the segments of the first call, inside
        the net, so that uint8 features can be given as they are.
    threshold : float, array of shape (n_labels,) or dict, default=0.5
        A label is predicted where its probability is above: one number, one for each label of fit, or a dict from label
        to number, whose key None stands for all labels it does not name. Acts after training; see
        :class:`skzsl.model_selection.ThresholdTuner`.
    balanced : bool, default=False
        Draw clips so that every label is met equally often, instead of each clip once an epoch.
    mixup : float, default=0.0
        Mix clips in pairs, with their labels, by shares from Beta(mixup, mixup); 0 turns it off.
    lr : float, default=0.001
        Learning rate, the highest one with ``one_cycle``.
    one_cycle : bool, default=True
        Raise the learning rate to ``lr`` in the first three tenths of ``fit``, then lower it to 0. ``partial_fit``
        keeps to ``lr``. Callbacks that set learning rates need False.
    max_epochs : int or "auto", default="auto"
        Passes over the clips. "auto" is as many as make 1,700 steps, 3 to 20.
    averaged_epochs : int, default=0
        Average the weights of this many last epochs of ``fit``, if no callback ends it before; 0 turns it off.
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
        Clipping, checkpoints and whatever else acts on losses and weights.
    validation_fraction : float or None, default=None
        Share of the clips held out for early stopping: training ends when their mean average precision has not improved
        for ``patience`` epochs, and the best weights are kept.
    patience : int, default=5
        Epochs without improvement before early stopping.
    warm_start : bool, default=False
        Let ``fit`` go on from the weights of the last call.
    memory : str, joblib.Memory or None, default=None
        Where to keep trainings: a fit on the same data with the same parameters, other than ``threshold``, is looked up
        instead of repeated. With ``random_state=None`` too, the first training is used again. Callbacks act on a copy
        of the model.
    random_state : int, RandomState instance or None, default=None
        Source of the initial weights, the orders, the dropped units and the held-out clips.
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
        Passes made over the clips.
    history_ : list of dict
        One entry for each pass: its losses, with early stopping "valid_map", and what callbacks recorded.

    Notes
    -----
    Output biases start at the log-odds of the labels' frequencies. The paper trains 2 million clips with
    ``optimizer="Adam", weight_decay=0.0, batch_size=500, one_cycle=False`` and balanced batches, and 600 units a layer.

    References
    ----------
    Yu, Barsim, Kong and Yang (2018). Multi-level attention model for weakly supervised audio classification. DCASE.

    Examples
    --------
    >>> import numpy as np
    >>> from skzsl import MultiLevelAttentionClassifier, indicator_frame
    >>> X = np.random.default_rng(0).normal(size=(4, 10, 128))
    >>> y = indicator_frame([["rain"], ["rain", "dog bark"], ["dog bark"], []])
    >>> model = MultiLevelAttentionClassifier(max_epochs=2, random_state=0).fit(X, y)
    >>> model.predict_proba(X).shape
    (4, 2)
    >>> model.attention(X, labels=["rain"], level=0).shape
    (4, 1, 10)
    """

    _parameter_constraints: dict = {
        **TaggingNet._parameter_constraints,
        "architecture": [str],
        "attention_activation": [StrOptions({"softmax_label", "softmax_time", "sigmoid"})],
        "batch_norm": ["boolean"],
    }

    def __init__(
        self,
        architecture="2-A-1-A",
        *,
        attention_activation="sigmoid",
        hidden_size=800,
        dropout=0.4,
        batch_norm=True,
        standardize=True,
        threshold=0.5,
        balanced=False,
        mixup=0.0,
        lr=0.001,
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
        self.architecture = architecture
        self.attention_activation = attention_activation
        self.hidden_size = hidden_size
        self.dropout = dropout
        self.batch_norm = batch_norm
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

    def attention(self, X, labels=None, level=-1) -> np.ndarray:
        """Weights that each label gives to the segments of each clip.

        Parameters
        ----------
        X : array of shape (n, d) or (n, T, d)
            Clip or segment embeddings.
        labels : list of str or None, default=None
            Some of the labels of fit; None takes ``classes_``.
        level : int, default=-1
            Which pooling module, from 0; -1 is the last. Those without attention weigh all segments the same ("mean")
            or the first highest only ("max").

        Returns
        -------
        weights : ndarray of shape (n, n_labels, T)
            Sum to 1 over the segments; 0 for absent segments.

        Raises
        ------
        ValueError
            For a level that the architecture does not have.
        """
        check_is_fitted(self)
        n_levels = len(self.module_.pools)
        if level not in range(-n_levels, n_levels):
            raise ValueError(f"level={level!r}; this model has {n_levels}, counted from 0, and -1 is the last.")
        level = int(level)
        columns, _ = self._columns(labels)
        segments = check_segments(self, X)
        shape = (len(self.labels_of_fit_), segments.three_d().shape[1])
        weights = self._apply(self.module_.attention, segments, shape=shape, level=level)
        refuse_overflow(weights)
        return weights[:, columns]

    def _check_settings(self):
        super()._check_settings()
        parse_architecture(self.architecture)

    def _build(self, n_features, **build):
        from ..nets import MultiLevelAttentionModule

        pools = {"A": self.attention_activation}
        levels = [(depth, pools.get(pool, pool)) for depth, pool in parse_architecture(self.architecture)]
        return MultiLevelAttentionModule, {
            "n_features": n_features,
            "levels": levels,
            "hidden_size": self.hidden_size,
            "dropout": self.dropout,
            "batch_norm": self.batch_norm,
            **build,
        }


def parse_architecture(architecture) -> list[tuple[int, str]]:
    """Number of layers and pooling module of each level: "2-A-1-A" is [(2, "A"), (1, "A")].

    Raises
    ------
    ValueError
        For anything else than numbers from 1 and modules "A", "mean" or "max" in turn.
    """
    parts = architecture.split("-")
    depths, pools = parts[::2], parts[1::2]
    good = len(depths) == len(pools) and all(depth.isdecimal() and int(depth) > 0 for depth in depths)
    if not good or not {"A", "mean", "max"}.issuperset(pools):
        raise ValueError(
            f"architecture={architecture!r}; pass numbers of layers from 1 and pooling modules 'A', 'mean' or 'max' in "
            "turn, such as '2-A-1-A', '1-A' or '3-mean'."
        )
    return [(int(depth), pool) for depth, pool in zip(depths, pools, strict=True)]
