"""Which labels are taken for each other, against how alike their texts are."""

from __future__ import annotations

from typing import Self

import numpy as np

from .._labels import labels_of
from .._views import final_estimator
from ._label_tables import refuse_other_labels, text_similarity, with_texts

_NAMED = 5


class ConfusionSimilarityDisplay:
    """How often each label is taken for each other one, against the cosine of their texts.

    Where confusions lie to the right, a model mixes up labels that the text encoder hardly tells apart, and other
    texts may help; where they lie to the left, the sounds are alike or the map is wrong.

    Parameters
    ----------
    similarity : array of shape (m,)
        Cosine of the text vectors of each ordered pair of unlike labels.
    confusion : array of shape (m,)
        Share of the clips of the first label that the second is predicted for.
    pairs : list of (str, str)
        True and predicted label.

    Attributes
    ----------
    mean_ : float
        Similarity of the pairs weighted by confusion, nan without any.
    ax_ : matplotlib Axes
    figure_ : matplotlib Figure
    points_ : matplotlib PathCollection
    names_ : list of matplotlib Annotation
        The most frequent confusions, five at most.

    Examples
    --------
    >>> from skzsl import ZeroShotBilinear
    >>> from skzsl.datasets import make_soundscapes
    >>> from skzsl.inspection import ConfusionSimilarityDisplay
    >>> from skzsl.text import HashingEncoder
    >>> sounds = make_soundscapes(3, random_state=0)
    >>> X, y = sounds.X, sounds.y
    >>> model = ZeroShotBilinear(HashingEncoder(), random_state=0).fit(X, y)
    >>> display = ConfusionSimilarityDisplay.from_estimator(model, X, y)
    >>> display.confusion.shape == (len(set(y)) * (len(set(y)) - 1),)
    True
    """

    def __init__(self, similarity, confusion, pairs) -> None:
        self.similarity = similarity
        self.confusion = confusion
        self.pairs = pairs

    @classmethod
    def from_estimator(cls, estimator, X, y, *, ax=None, **kwargs) -> Self:
        """Predict with a fitted single-label model among its candidates, and draw.

        Parameters
        ----------
        estimator : zero-shot estimator, Pipeline that ends in one, or search over either
            A fitted model; give it other candidates through :func:`skzsl.with_labels`.
        X : array of shape (n, d) or (n, T, d)
            Clip or segment embeddings.
        y : array of shape (n,)
            Their labels.
        ax : matplotlib Axes or None, default=None
            Where to draw; None makes a new figure.
        **kwargs
            Passed to ``scatter``.

        Returns
        -------
        display : ConfusionSimilarityDisplay

        Raises
        ------
        TypeError
            If the estimator scores no label texts.
        ValueError
            If a label of y is not among the candidates, these are not at least two, or X and y differ in length.
        """
        model, candidates = with_texts(estimator), final_estimator(estimator).classes_
        y = labels_of(X, y)
        refuse_other_labels(y, candidates)
        if len(candidates) < 2:
            raise ValueError(f"{candidates.tolist()[0]!r} is the only candidate; pass with_labels(model, labels).")
        predicted, true = estimator.predict(X), np.unique(y)
        truth = (y[:, None] == true).astype(float)
        confusion = truth.T @ (predicted[:, None] == candidates) / truth.sum(axis=0)[:, None]
        unlike = true[:, None] != candidates
        pairs = [(label, other) for label in true.tolist() for other in candidates.tolist() if label != other]
        return cls(text_similarity(model, true, candidates)[unlike], confusion[unlike], pairs).plot(ax=ax, **kwargs)

    def plot(self, ax=None, **kwargs) -> Self:
        """Draw a dot for each pair, and name the most frequent confusions.

        Parameters
        ----------
        ax : matplotlib Axes or None, default=None
            Where to draw; None makes a new figure.
        **kwargs
            Passed to ``scatter``.

        Returns
        -------
        display : ConfusionSimilarityDisplay
        """
        import matplotlib.pyplot as plt

        similarity, confusion = np.asarray(self.similarity), np.asarray(self.confusion)
        if ax is None:
            _, ax = plt.subplots(layout="constrained")
        self.mean_ = float(np.average(similarity, weights=confusion)) if confusion.any() else float("nan")
        self.points_ = ax.scatter(similarity, confusion, **{"s": 12, "alpha": 0.6, **kwargs})
        ax.axvline(similarity.mean(), color="black", linestyle=":", label=f"mean of all pairs {similarity.mean():.2f}")
        if confusion.any():
            ax.axvline(self.mean_, color="tab:red", linestyle="--", label=f"mean of confusions {self.mean_:.2f}")
        order = np.argsort(-confusion, kind="stable")[:_NAMED]
        self.names_ = [
            ax.annotate(" as ".join(map(str, self.pairs[pair])), (similarity[pair], confusion[pair]), fontsize=8)
            for pair in order
            if confusion[pair] > 0
        ]
        ax.set(xlabel="similarity of the label texts (cosine)", ylabel="share of clips taken for the other")
        ax.legend()
        self.ax_, self.figure_ = ax, ax.figure
        return self
