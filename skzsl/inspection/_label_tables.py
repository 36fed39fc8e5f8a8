"""Tables of labels: what an unseen one leans on, and how well each is recognised."""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING

import numpy as np
from sklearn.metrics.pairwise import cosine_similarity
from sklearn.utils import check_consistent_length

from .._indicators import is_indicator, named_indicators
from .._labels import check_candidates, label_array
from .._views import final_estimator, label_scores
from ..exceptions import UndefinedLabelWarning
from ..metrics import mean_average_precision, mean_roc_auc

if TYPE_CHECKING:
    import pandas as pd


def nearest_labels(estimator, labels, *, n_nearest=5) -> pd.DataFrame:
    """List the labels of fit whose texts are nearest to those of other labels.

    An unseen label is recognised by what its text has in common with texts that were trained on; where no near one is
    left, there is little to lean on. A :class:`skzsl.ZeroShotConvex` that was fitted without y leans on its
    ``source_labels``, which are listed instead.

    Parameters
    ----------
    estimator : zero-shot estimator, Pipeline that ends in one, or search over either
        A fitted model; ScoreNormalizer and ThresholdTuner are looked into.
    labels : list of str
        Labels, unseen ones as a rule; a label is not its own neighbour.
    n_nearest : int, default=5
        Labels of fit listed for each.

    Returns
    -------
    table : DataFrame
        ``n_nearest`` rows for each label, the nearest first, with the columns "label", "seen label" and "similarity",
        the cosine of their text vectors as the model sees them.

    Raises
    ------
    ValueError
        For labels without a text vector, duplicates, ``n_nearest`` below 1, and a model without labels of fit.
    TypeError
        If the estimator scores no label texts.

    Examples
    --------
    >>> import numpy as np
    >>> from skzsl import ZeroShotBilinear
    >>> from skzsl.inspection import nearest_labels
    >>> from skzsl.text import HashingEncoder
    >>> model = ZeroShotBilinear(HashingEncoder()).fit(np.eye(3), ["low hum", "high beep", "wind"])
    >>> nearest_labels(model, ["low humming"], n_nearest=1)["seen label"].tolist()
    ['low hum']
    """
    if n_nearest < 1:
        raise ValueError(f"n_nearest={n_nearest}; pass at least 1.")
    model = with_texts(estimator)
    known = _known_labels(model)
    if not len(known):
        raise ValueError(
            f"{type(model).__name__} was fitted without y, so there are no labels of fit to compare with; pass y to "
            "fit."
        )
    labels = check_candidates(labels, model.classes_)
    return _nearest(model, labels, known, n_nearest)


def label_report(estimator, X, y) -> pd.DataFrame:
    """Tabulate for each label how often it occurs and how well it is recognised.

    Parameters
    ----------
    estimator : zero-shot estimator, Pipeline that ends in one, or search over either
        A fitted model; its candidates compete, so give it those of interest through :func:`skzsl.with_labels`.
    X : array of shape (n, d) or (n, T, d)
        Clip or segment embeddings.
    y : array of shape (n,), or DataFrame or array of shape (n, L)
        The label of each clip, or which labels it has; the columns of an array are the candidates.

    Returns
    -------
    table : DataFrame
        One row for each candidate with a clip in y, the worst recognised first, with the columns "label", "seen"
        (whether it was trained on), "support" (its clips), then "accuracy" (share of its clips that are recognised) and
        "taken for" (the label most often predicted instead, empty if there is none) for one label a clip, "average
        precision" and "AUC" for several, and last "nearest seen" and "similarity", see :func:`nearest_labels`; nan
        where there is none.

    Raises
    ------
    ValueError
        If a label of y is not among the candidates, or X and y differ in length.
    TypeError
        If the estimator scores no label texts.

    Examples
    --------
    >>> from skzsl import ZeroShotBilinear, with_labels
    >>> from skzsl.datasets import make_soundscapes
    >>> from skzsl.inspection import label_report
    >>> from skzsl.model_selection import ClassDisjointKFold
    >>> from skzsl.text import HashingEncoder
    >>> sounds = make_soundscapes(3, random_state=0)
    >>> X, y = sounds.X, sounds.y
    >>> train, test = next(ClassDisjointKFold(4, random_state=0).split(X, y))
    >>> model = ZeroShotBilinear(HashingEncoder(), random_state=0).fit(X[train], y[train])
    >>> label_report(with_labels(model, sorted(set(y[test]))), X[test], y[test]).columns.tolist()
    ['label', 'seen', 'support', 'accuracy', 'taken for', 'nearest seen', 'similarity']
    """
    import pandas as pd

    model, candidates = with_texts(estimator), final_estimator(estimator).classes_
    if is_indicator(y):
        y = named_indicators(y, candidates)
        refuse_other_labels(y.labels[y.positive()], candidates)
        truth = y.of(candidates).astype(bool)
    else:
        y = label_array(y, "y")
        refuse_other_labels(y, candidates)
        truth = y[:, None] == candidates
    check_consistent_length(X, truth)
    support = truth.sum(axis=0)
    table = {"label": candidates, "seen": np.isin(candidates, model.seen_classes_), "support": support}
    if isinstance(y, np.ndarray):
        predicted = estimator.predict(X)
        chosen = (predicted[:, None] == candidates).astype(float)
        confusion = truth.T.astype(float) @ chosen / np.maximum(support, 1)[:, None]
        table["accuracy"] = confusion.diagonal().copy()
        np.fill_diagonal(confusion, 0.0)
        most_often = candidates[confusion.argmax(axis=1)].astype(object)
        table["taken for"] = np.where(confusion.any(axis=1), most_often, "")
    else:
        scores = label_scores(estimator, X)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UndefinedLabelWarning)
            table["average precision"] = mean_average_precision(truth, scores, average=None)
            table["AUC"] = mean_roc_auc(truth, scores, average=None)
    nearest = _nearest(model, candidates, _known_labels(model), 1).set_index("label").reindex(candidates)
    table |= {"nearest seen": nearest["seen label"].to_numpy(), "similarity": nearest["similarity"].to_numpy()}
    figure = list(table)[3]
    report = pd.DataFrame(table)[support > 0]
    return report.sort_values([figure, "support"], ascending=[True, False], kind="stable", ignore_index=True)


def with_texts(estimator):
    """Find the model inside that has text vectors of labels.

    Raises
    ------
    TypeError
        If there is none.
    """
    model = final_estimator(estimator)
    while not hasattr(model, "label_vectors") and hasattr(model, "estimator_"):
        model = final_estimator(model.estimator_)
    if not hasattr(model, "label_vectors"):
        raise TypeError(f"{type(model).__name__} scores no label texts; pass a fitted zero-shot estimator.")
    return model


def refuse_other_labels(labels, candidates):
    """Raise a ValueError for labels of y that are not among the candidates."""
    missing = sorted(set(labels.tolist()).difference(candidates.tolist()), key=str)
    if missing:
        raise ValueError(f"Labels {missing[:5]} of y are not among the candidates; pass with_labels(model, labels).")


def text_similarity(model, labels, others):
    """Cosines (n_labels, n_others) of the text vectors of labels."""
    return _cosines(model.label_vectors(labels), model.label_vectors(others))


def _cosines(vectors, others):
    return cosine_similarity(vectors.astype(float), others.astype(float))


def _known_labels(model):
    """Labels of fit or, without any, those that the model mixes."""
    sources = getattr(model, "source_labels", None)
    return model.seen_classes_ if sources is None or len(model.seen_classes_) else np.asarray(sources)


def _nearest(model, labels, known, n_nearest):
    """Table of the ``known`` labels with the nearest texts, a label itself left out."""
    import pandas as pd

    rows, names = [], known.tolist()
    similarity = np.empty((len(labels), 0))
    if names:
        vectors = model.label_vectors(known) if len(model.seen_classes_) else model.source_vectors_
        similarity = _cosines(model.label_vectors(labels), vectors)
    for label, values in zip(labels.tolist(), similarity, strict=True):
        order = [column for column in np.argsort(-values, kind="stable") if names[column] != label][:n_nearest]
        rows += [(label, names[column], float(values[column])) for column in order]
    return pd.DataFrame(rows, columns=["label", "seen label", "similarity"]).astype({"similarity": float})
