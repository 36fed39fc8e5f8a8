"""Bilinear compatibility of clip and label text, trained to rank the true label first."""

from __future__ import annotations

import numpy as np

from .._compat import StrOptions
from .._training import EpochTraining
from ._base import BilinearScores, ZeroShotClassifier, check_one_space, check_text_side


class ZeroShotBilinear(EpochTraining, BilinearScores, ZeroShotClassifier):
    """Bilinear map between clips and label texts, learned by ranking.

    A clip with vector x and a label with text vector p are compatible to the degree
    ``x^T W p``. W is trained so that the true label of a clip outranks the others; any label that has a text can then
    be a candidate.

    Parameters
    ----------
    text_encoder : transformer, str, dict, DataFrame or None, default=None
        Label texts to vectors: a transformer on lists of strings (see :mod:`skzsl.text`), the name or path of a
        sentence-transformers model, or a table text -> vector. None reads label names with
        all-MiniLM-L6-v2 and, where ``skzsl[glove]`` is installed, GloVe (see the user guide's page on text).
    solver : {"online", "minibatch"}, default="online"
        "online" is training algorithm 1 of the paper, one clip at a time, compiled. "minibatch" minimises equation 4
        with a torch optimiser. The two have different objectives: algorithm 1 weighs each violating label by its own
        rank, equation 4 weighs all of a clip's by the rank of the true label.
    init : {"zeros", "identity"}, default="zeros"
        Map to start from. "identity" adapts what one model, such as CLAP, embeds in one space: before any training
        scores are the products of clips and texts, as those of :class:`ZeroShotNearest` for clips of unit length, and
        a few epochs at a low rate keep it near. It needs ``standardize=False``, which leaves the clips in their space.
    standardize : bool, default=True
        Take mean and maximum over the segments, scaled as :class:`skzsl.preprocessing.EmbeddingScaler` does by the
        clips of the first call. With False the mean is taken as it is.
    lr : float or "auto", default="auto"
        Learning rate. "auto" is 2 / (C sqrt(t)) for "online", with C labels and t steps (clips times epochs; in
        ``partial_fit`` the clips so far), since a step grows with the labels and its best length falls with the root of
        the steps (Zinkevich, 2003); and 1 for "minibatch".
    max_epochs : int or "auto", default="auto"
        Passes over the clips. "auto" is as many as make 5,000 steps, 1 to 10; for "minibatch" 100 steps, 2 to 10.
    shuffle : bool, default=True
        Draw a new order of the clips before every epoch.
    optimizer : str or class, default="SGD"
        Optimiser of ``torch.optim``, for "minibatch"; ``functools.partial(torch.optim.SGD, momentum=0.9)`` works too.
    weight_decay : float, default=0.0
        Weight decay of the optimiser, for "minibatch".
    batch_size : int or "auto", default="auto"
        Clips a step, for "minibatch". "auto" is the power of 2 next to 1.6 times the root of the clips, 16 to 1024.
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
    seen_penalty : float, default=0.0
        Subtracted from the scores of labels seen in fit, which generalised prediction favours (calibrated stacking);
        acts after training.
    label_texts : dict or None, default=None
        Text of each label, where the label is not its own text (numbers, codes, short names).
    memory : str, joblib.Memory or None, default=None
        Where to keep trainings: a fit on the same data with the same parameters, other than ``temperature`` and
        ``seen_penalty``, is looked up instead of repeated. Searches over these two then train once a fold. With
        ``random_state=None`` too, the first training is used again. Callbacks act on a copy of the model.
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

    Zinkevich (2003). Online convex programming and generalized infinitesimal gradient ascent. ICML.

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
        **EpochTraining._parameter_constraints,
        "solver": [StrOptions({"online", "minibatch"})],
        "init": [StrOptions({"zeros", "identity"})],
        "lr": [*EpochTraining._parameter_constraints["lr"], StrOptions({"auto"})],
        "standardize": ["boolean"],
    }

    coef_: np.ndarray
    _n_steps: int  # of "online"
    _auto_steps, _auto_epochs = 100, (2, 10)  # of "minibatch"

    def __init__(
        self,
        text_encoder=None,
        *,
        solver="online",
        init="zeros",
        standardize=True,
        lr="auto",
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
        self.solver = solver
        self.init = init
        self.standardize = standardize
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
        self.seen_penalty = seen_penalty
        self.label_texts = label_texts
        self.memory = memory
        self.random_state = random_state
        self.verbose = verbose

    def _check_settings(self):
        if self.init == "identity":
            check_text_side(self.text_encoder)
            if self.standardize:
                raise ValueError(
                    "init='identity' leaves the clips where they are, which standardize=True cannot; pass "
                    "standardize=False, or init='zeros'."
                )
        for name in ("callbacks", "validation_fraction", "weight_decay"):
            if self.solver == "online" and getattr(self, name):
                raise ValueError(f"{name}={getattr(self, name)!r} has no effect on solver='online'; use 'minibatch'.")

    def _epochs(self, wanted, n_clips):
        if self.solver == "online" and wanted == "auto":
            return min(max(-(-5000 // n_clips), 1), 10)
        return super()._epochs(wanted, n_clips)

    def _rate(self, vectors):
        if self.lr != "auto":
            return self.lr
        return 1.0 if self.solver == "minibatch" else 2.0 / (len(vectors) * np.sqrt(self._n_steps))

    def _train(self, segments, targets, course):
        clips, vectors = self._clips(segments, first=not course.going_on), self._label_vectors(targets.seen)
        self._n_steps = len(clips) * course.epochs + (self._n_steps if course.going_on else 0)
        start = self.coef_ if course.going_on else None
        if self.init == "identity" and not course.going_on:
            check_one_space(clips.shape[1], vectors.shape[1])
            start = np.eye(clips.shape[1])
        if self.solver == "minibatch":
            self._train_minibatch(clips, targets.codes, vectors, start, course)
            self.coef_ = self._weight()
            return
        from ..solvers import online_ranking

        self._net = None
        self._record([{}] * course.epochs, course.going_on)
        self.coef_ = online_ranking(
            clips.held(passes=course.epochs),
            targets.codes,
            vectors,
            lr=self._rate(vectors),
            max_epochs=course.epochs,
            shuffle=self.shuffle,
            random_state=self.random_state,
            coef=start,
        )

    def _train_minibatch(self, clips, codes, vectors, start, course):
        from ..nets import BilinearModule, WeightedRankingLoss

        self._train_net(
            BilinearModule,
            WeightedRankingLoss,
            (clips.held(),),
            codes,
            course,
            build={
                "module__n_features": clips.shape[1],
                "module__n_dims": vectors.shape[1],
                "module__start": start,
            },
            fixed_inputs=(vectors,),
        )

    def _weight(self):
        return self.module_.weight.detach().cpu().numpy().copy()

    def __getstate__(self):
        state = dict(super().__getstate__())
        if self._net is not None:  # which has the map as its weight
            state.pop("coef_", None)
        return state

    def __setstate__(self, state):
        super().__setstate__(state)
        if self._net is not None:
            self.coef_ = self._weight()
