"""Contrastive alignment of sounds with the text of their labels."""

from __future__ import annotations

from numbers import Integral, Real

import numpy as np

from .._compat import Interval, StrOptions
from .._scaling import ClipVectors
from .._sparse import column_counts
from .._stored import AsSegments
from .._training import EpochTraining
from ._base import MultilabelZeroShotClassifier, PooledClips, check_one_space, check_text_side


class ZeroShotContrastive(EpochTraining, PooledClips, MultilabelZeroShotClassifier):
    """Sounds and label texts in one space, aligned by symmetric cross entropy (SemanticAC).

    A head turns the segments of a clip into a vector of the size of the text vectors; the score of a label is their
    cosine times ``logit_scale``. In every batch the clip has to find the text of its label among the batch's texts, and
    each text its clips. Labels never seen in fit are scored through their text in the same way.

    Parameters
    ----------
    text_encoder : transformer, str, dict, DataFrame or None, default=None
        Label texts to vectors: a transformer on lists of strings (see :mod:`skzsl.text`), the name or path of a
        sentence-transformers model, or a table text -> vector. None reads label names with
        all-MiniLM-L6-v2 and, where ``skzsl[glove]`` is installed, GloVe (see the user guide's page on text). The
        paper's prompt is ``Prompts(templates="an audio clip of {label}")``.
    head : {"mlp", "linear", "cscm"}, default="mlp"
        What turns segments into a vector: two dense layers or one, on one vector of the clip; or attention to channels
        and places and two convolutions over the segments (the similarity calculation module of the paper, which takes
        some ten times as long and is no better on clips of a few segments).
    init : {"random", "identity"}, default="random"
        Weights to start from. "identity", for "linear" on features as they are, adapts what one model, such as CLAP,
        embeds in one space: before any training scores are those of :class:`ZeroShotNearest` times the scale, and a few
        epochs at a low rate keep it near.
    token_grid : tuple of (int, int) or None, default=None
        Height and width of the map that the segments form for "cscm", row by row, where they are the tokens of an audio
        transformer; their product is the number of segments. None takes one row.
    hidden_size : int, default=512
        Width inside the head.
    dropout : float, default=0.5
        Share of the hidden units that is dropped in training.
    logit_scale : {"learned"} or float, default="learned"
        Scale of the cosines: learned, from 1 / 0.07 on, or fixed. With 1.0, the paper's, the loss of a batch of 16
        labels cannot fall below 1.109.
    standardize : bool, default=True
        Scale features as :class:`skzsl.preprocessing.EmbeddingScaler` does, by the clips of the first call: for "cscm"
        those of segments, inside the net, for the others mean and maximum over the segments. With False "mlp" and
        "linear" take the mean as it is.
    threshold : float, array of shape (n_labels,) or dict, default=0.0
        For several labels a clip: a label is predicted where its score is above. One number, one for each label of fit,
        or a dict from label to number, whose key None stands for all labels it does not name. Acts after training; see
        :class:`skzsl.model_selection.ThresholdTuner`.
    lr : float, default=0.001
        Learning rate.
    one_cycle : bool, default=True
        Let the learning rate rise to ``lr`` and fall to 0 over a fit. ``partial_fit`` trains at ``lr``.
    max_epochs : int or "auto", default="auto"
        Passes over the clips. "auto" is as many as make 125 steps, 1 to 8.
    shuffle : bool, default=True
        Draw a new order of the clips before every epoch.
    optimizer : str or class, default="AdamW"
        Optimiser of ``torch.optim``.
    weight_decay : float, default=0.0
        Weight decay of the optimiser.
    batch_size : int or "auto", default="auto"
        Clips a step, each with the text of its label. "auto" is the power of 2 next to 1.6 times the root of the
        clips, 16 to 1024.
    device : str, default="auto"
        "auto", "cpu", "cuda" or "cuda:1".
    callbacks : list of skorch callbacks or None, default=None
        Schedules (with ``one_cycle=False``), clipping, checkpoints and whatever else acts on losses and weights.
    validation_fraction : float or None, default=None
        Share of the clips held out for early stopping: training ends when their loss, the cross entropy over all labels
        of fit, has not improved for ``patience`` epochs, and the best weights are kept. They share the labels of the
        other clips.
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
        training, is looked up instead of repeated.
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
    The paper trains the encoders too, with ``optimizer="SGD", weight_decay=5e-4, batch_size=16, lr=8e-5`` and a rate
    that falls by .96 an epoch, which is ``one_cycle=False, callbacks=[LRScheduler("ExponentialLR", gamma=0.96)]`` with
    skorch's callback; here the embeddings are given, and a head that starts at random needs a rate near .1 with SGD.

    Several labels a clip are our extension: a clip shares its weight among its labels in both cross entropies. With one
    label a clip the labels of a batch count as often as they occur, which equals the paper's diagonal of pairs.

    References
    ----------
    Xiao et al. (2023). SemanticAC: semantics-assisted framework for audio classification. ICASSP.

    Examples
    --------
    >>> import numpy as np
    >>> from skzsl import ZeroShotContrastive
    >>> from skzsl.text import HashingEncoder, Prompts
    >>> X = np.random.default_rng(0).normal(size=(4, 9, 32))
    >>> y = ["dog bark", "rain", "dog bark", "siren"]
    >>> prompts = Prompts(HashingEncoder(), "an audio clip of {label}")
    >>> model = ZeroShotContrastive(prompts, max_epochs=2, random_state=0).fit(X, y)
    >>> model.decision_function(X, labels=["dog bark", "cat", "heavy rain"]).shape
    (4, 3)
    """

    _compares_directions = True
    _auto_steps, _auto_epochs = 125, (1, 8)

    _parameter_constraints: dict = {
        **MultilabelZeroShotClassifier._parameter_constraints,
        **EpochTraining._parameter_constraints,
        "head": [StrOptions({"cscm", "mlp", "linear"})],
        "init": [StrOptions({"random", "identity"})],
        "token_grid": ["array-like", None],
        "hidden_size": [Interval(Integral, 1, None, closed="left")],
        "dropout": [Interval(Real, 0, 1, closed="left")],
        "logit_scale": [StrOptions({"learned"}), Interval(Real, 0, None, closed="neither")],
        "standardize": ["boolean"],
        "one_cycle": ["boolean"],
    }

    def __init__(
        self,
        text_encoder=None,
        *,
        head="mlp",
        init="random",
        token_grid=None,
        hidden_size=512,
        dropout=0.5,
        logit_scale="learned",
        standardize=True,
        threshold=0.0,
        lr=0.001,
        one_cycle=True,
        max_epochs="auto",
        shuffle=True,
        optimizer="AdamW",
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
        self.head = head
        self.init = init
        self.token_grid = token_grid
        self.hidden_size = hidden_size
        self.dropout = dropout
        self.logit_scale = logit_scale
        self.standardize = standardize
        self.threshold = threshold
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

    def _check_settings(self):
        if self.batch_size == 1:
            raise ValueError(f"batch_size={self.batch_size}; a clip alone has nothing to be told from: pass 2 or more.")
        if self.init == "identity" and (self.head != "linear" or self.standardize):
            raise ValueError(
                f"init='identity' leaves the clips where they are, which head={self.head!r} with standardize="
                f"{self.standardize} cannot; pass head='linear' and standardize=False, or init='random'."
            )
        if self.init == "identity":
            check_text_side(self.text_encoder)
        grid = self.token_grid
        if grid is None:
            return
        if self.head != "cscm":
            raise ValueError(f"token_grid={grid!r} has no effect on head={self.head!r}; pass None or head='cscm'.")
        if len(grid) != 2 or not all(isinstance(side, int | np.integer) and side > 0 for side in grid):
            raise ValueError(f"token_grid={grid!r}; pass the height and the width of the map, such as (8, 8).")

    def _train(self, segments, targets, course):
        from ..nets import ContrastiveModule, SymmetricCrossEntropy

        if course.partial:
            _refuse_one_label(targets)
        grid = None if self.token_grid is None else tuple(map(int, self.token_grid))
        first, reads_segments = not course.going_on, self.head == "cscm"
        inputs = _tokens(segments, grid) if reads_segments else self._clip_inputs(segments, first=first)
        n_features, vectors = inputs[0].shape[-1], self._label_vectors(targets.seen)
        if self.init == "identity":
            check_one_space(n_features, vectors.shape[1])
        scaling = self._module_scaling(segments, course) if reads_segments else {}
        self._train_net(
            ContrastiveModule,
            SymmetricCrossEntropy,
            inputs,
            targets.indicator(),
            course,
            build={
                "one_cycle": self.one_cycle,
                "module__n_features": n_features,
                "module__n_dims": vectors.shape[1],
                "module__head": self.head,
                "module__hidden_size": self.hidden_size,
                "module__dropout": self.dropout,
                "module__identity": self.init == "identity",
                "module__token_grid": grid,
                "module__logit_scale": None if self.logit_scale == "learned" else float(self.logit_scale),
                **{f"module__{name}": value for name, value in scaling.items()},
                "module__start": self.module_.state_dict() if course.going_on else None,
            },
            fixed_inputs=(vectors,),
        )

    def _scorer(self, vectors, n_clips):
        from ..nets import apply_in_batches
        from ..nets.cscm import CSCM

        module = self.module_
        head = module.head  # not what ``head`` may have been set to since
        directions = apply_in_batches(module.directions, (vectors,), shape=vectors.shape[1:])

        def score(segments):
            inputs = _tokens(segments, head.grid) if isinstance(head, CSCM) else self._clip_inputs(segments)
            return apply_in_batches(module.cosines, inputs, directions, shape=(len(directions),))

        return score

    def _as_clips(self, X):
        grid = getattr(self.module_.head, "grid", None)
        return X if grid is None else np.repeat(X, grid[0] * grid[1], axis=1)

    def _clip_inputs(self, segments, *, first=False):
        """Clips as one segment each, and their mask."""
        clips = self._clips(segments, first=first).held()
        one_each = AsSegments(clips) if isinstance(clips, ClipVectors) else clips[:, None]
        return one_each, np.ones((len(clips), 1), dtype=bool)


def _refuse_one_label(targets):
    """Refuse clips that all have the same label, which cannot be told from another."""
    codes = targets.codes
    counts = np.bincount(codes) if codes.ndim == 1 else column_counts(codes)
    present = np.flatnonzero(counts)
    if len(present) == 1 and counts[present[0]] == codes.shape[0]:
        raise ValueError(
            f"All clips of this call have the label {targets.seen[present[0]].item()!r}, and there is nothing to tell "
            "it from; mix in clips of other labels, old ones too."
        )


def _tokens(segments, grid):
    """Segments and their mask, checked against the grid."""
    values = segments.three_d()
    if grid is not None and values.shape[1] != grid[0] * grid[1]:
        raise ValueError(
            f"X has {values.shape[1]} segments a clip, which do not fill token_grid={grid}; pass {grid[0] * grid[1]} "
            "segments, or another grid."
        )
    return values, segments.mask()
