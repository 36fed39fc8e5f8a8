"""What the models share that compare clips and labels by cosine."""

from __future__ import annotations

import numpy as np

from ._base import MultilabelZeroShotClassifier


class CosineClassifier(MultilabelZeroShotClassifier):
    """Base of the models whose score is the cosine between a clip's vector and a label's text vector.

    A subclass calls :meth:`_record_labels` in ``fit`` and implements :meth:`_clip_vectors`.
    """

    _compares_directions = True

    def _record_labels(self, y, n_clips):
        """Labels of y, or none of its own where there is no y."""
        if y is not None:
            return self._take_labels(y, n_clips)
        none = np.array([], dtype=str)
        self._keep_labels(none, none, None)
        return None

    def _candidates(self, labels):
        if labels is None and not len(self.classes_):
            raise ValueError("This model was fitted without y and has no labels of its own; pass labels=[...].")
        return super()._candidates(labels)

    def _scorer(self, vectors, n_clips):
        directions = _unit_rows(vectors).T
        return lambda segments: _unit_rows(self._clip_vectors(segments)) @ directions

    def _clip_vectors(self, segments) -> np.ndarray:
        """Vectors (n, k) of the clips in the space of the label vectors."""
        raise NotImplementedError


def _unit_rows(values):
    """Rows at unit length in float64; a row of zeros stays, so that its cosines are 0."""
    values = values.astype(np.float64)
    largest = np.abs(values).max(axis=1, keepdims=True)
    values /= np.where(largest > 0, largest, 1.0)  # no square over- or underflows
    lengths = np.linalg.norm(values, axis=1, keepdims=True)
    return values / np.where(lengths > 0, lengths, 1.0)
