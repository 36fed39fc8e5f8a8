"""Which labels a classifier knows, those of y in fit and those that join them later, and which it chooses among."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from numbers import Real
from typing import Self

import numpy as np
from sklearn.utils.validation import check_is_fitted

from ._copies import whole
from ._indicators import encode_indicators, is_indicator
from ._labels import Targets, check_candidates, encode_targets, label_array
from ._thresholds import label_thresholds


class KnownLabels:
    """Mixin of the classifiers: the one way to take labels, in fit and as candidates.

    Attributes
    ----------
    classes_ : ndarray of shape (C,)
        Labels of y, or the candidates of a view.
    labels_of_fit_ : ndarray
        Labels of y, of a view too.
    seen_classes_ : ndarray
        Labels with a positive clip in fit.
    """

    _takes_multilabel = False  # whether y may be an indicator
    _is_view = False  # whether classes_ are the candidates of with_labels
    _indicator_dtype: np.dtype | None = None  # of the y of fit, if that was an indicator
    classes_: np.ndarray
    labels_of_fit_: np.ndarray
    seen_classes_: np.ndarray
    threshold: float

    @property
    def _multilabel(self) -> bool:
        """Whether the clips of fit had several labels each."""
        return self._indicator_dtype is not None

    def with_labels(self, labels) -> Self:
        """View this fitted model with other candidates, for tools that cannot pass ``labels=``.

        Parameters
        ----------
        labels : list of str
            Candidates.

        Returns
        -------
        view : object of the same class
            Shares what was learned; its ``classes_`` are the candidates, and so are its columns: sorted, as
            scikit-learn's scorers expect, or for multi-label models in the order given, to match the columns of y. It
            is for prediction: training it leaves this model as it is and forgets the candidates.
        """
        check_is_fitted(self)
        candidates = self._candidates(labels)
        view = copy.copy(self)
        view.classes_ = candidates if self._multilabel else np.sort(candidates)
        view._is_view = True
        view._become_view()
        return view

    def __copy__(self):  # copies have all; what is stored leaves out what only further training needs
        copied = type(self).__new__(type(self))
        copied.__dict__.update(vars(self))
        return copied

    def __deepcopy__(self, memo):
        return whole(self, memo)

    def _become_view(self):
        """Prepare a copy of a fitted model to be a view of it."""

    def _candidates(self, labels) -> np.ndarray:
        return self.classes_ if labels is None else check_candidates(labels, self.classes_)

    def _take_labels(self, y, n_clips: int, *, going_on=False, partial=False, classes=None) -> Targets:
        """Start anew with the labels of y or, ``going_on``, let them join those of earlier calls.

        A ``partial`` call is one of several; ``classes`` are further labels to expect in the others.
        """
        targets = self._encode(y, n_clips, going_on, classes)
        self._meet_labels(targets, going_on=going_on, partial=partial)
        self._keep_labels(targets.classes, targets.seen, targets.indicator_dtype)
        self._check_thresholds()
        return targets

    def _encode(self, y, n_clips, going_on, classes) -> Targets:
        several = is_indicator(y)
        if several and not self._takes_multilabel:
            raise ValueError(
                f"y of shape {np.shape(y)} has several labels a clip; {type(self).__name__} takes one label a clip: "
                f"pass y of shape ({n_clips},) or use another model, such as ZeroShotTemporalAttention."
            )
        known = {"classes": classes}
        if going_on:
            if several != self._multilabel:
                kinds = {True: "an indicator of several labels a clip", False: "one label a clip"}
                raise ValueError(
                    f"y is {kinds[several]}, but training began with {kinds[not several]}; keep to one kind."
                )
            announced = [] if classes is None else label_array(classes, "classes").tolist()
            known = {"classes": [*self.labels_of_fit_.tolist(), *announced], "seen": self.seen_classes_}
        if several:
            return encode_indicators(y, n_clips, labels=self._names_of_columns(y, going_on), **known)
        return encode_targets(y, n_clips, **known)

    def _names_of_columns(self, y, going_on):
        """Names for the columns of an indicator; None where they have their own, or are numbered."""

    def _meet_labels(self, targets: Targets, *, going_on: bool, partial: bool):
        """Refuse labels that this model cannot learn, and prepare for the others."""

    def _keep_labels(self, classes, seen, indicator_dtype):
        """Take the labels of fit, for a model that is no view."""
        self.classes_ = self.labels_of_fit_ = classes
        self.seen_classes_, self._indicator_dtype, self._is_view = seen, indicator_dtype, False

    def _check_thresholds(self):
        """Refuse thresholds that are not numbers or not as many as the labels, before training."""
        threshold = getattr(self, "threshold", 0.0)
        if isinstance(threshold, Real) or self._multilabel:
            wanted = self.labels_of_fit_[:0] if isinstance(threshold, Mapping) else self.labels_of_fit_
            label_thresholds(threshold, wanted, self.labels_of_fit_)
            return
        raise ValueError(f"threshold={threshold!r} is for several labels a clip, and y has one; pass a number.")

    def _thresholds(self, candidates):
        return label_thresholds(self.threshold, candidates, self.labels_of_fit_)
