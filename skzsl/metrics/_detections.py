"""Counts of detected events at all thresholds at once, by the intersection criteria of the PSDS."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from ._events import Events
from ._segment_truth import Coverage, coverage, reaches

_VALUES_AT_ONCE = 1 << 20


class Criteria(NamedTuple):
    """Shares of length that must overlap: of a detection, of a true event, of a detection with another label."""

    dtc: float
    gtc: float
    cttc: float
    cross_triggers: bool


class Truth(NamedTuple):
    """True events, united and in the order of clips and labels, and what the counts look up in them."""

    events: Events
    pairs: Coverage
    n_events: np.ndarray
    seconds: np.ndarray
    first_pair: np.ndarray

    @classmethod
    def of(cls, events: Events, edges, n_clips: int, n_labels: int) -> Truth:
        """Truth of united events."""
        pairs = coverage(events, edges)
        seconds = np.bincount(events.label, weights=events.offset - events.onset, minlength=n_labels)
        first_pair = np.searchsorted(pairs.clip, np.arange(n_clips + 1))
        return cls(events, pairs, np.bincount(events.label, minlength=n_labels), seconds, first_pair)


class Detections(NamedTuple):
    """Runs of segments that thresholds detect: from ``first`` to before ``end``, at thresholds in [death, birth).

    A threshold detects what is strictly above it. Below ``death`` the run is part of a longer one.
    """

    clip: np.ndarray
    first: np.ndarray
    end: np.ndarray
    birth: np.ndarray
    death: np.ndarray


class Counts(NamedTuple):
    """True positives, false positives and weighted cross-triggers at thresholds below each score, from the highest."""

    true: np.ndarray
    false: np.ndarray
    cross: np.ndarray


def detections(score: np.ndarray) -> Detections:
    """All detections of a label in clips (n, T), whose absent segments are -inf.

    There are T a clip at most: each is the longest run around the lowest of its segments.
    """
    n_segments = score.shape[1]
    first = np.arange(n_segments) - _reach_back(score, np.greater)
    end = np.arange(n_segments) + 1 + _reach_back(score[:, ::-1], np.greater_equal)[:, ::-1]
    padded = np.pad(score, ((0, 0), (1, 1)), constant_values=-np.inf)
    before, after = np.take_along_axis(padded, first, axis=1), np.take_along_axis(padded, end + 1, axis=1)
    clip, lowest = np.nonzero(before < score)  # the first of equals; never an absent segment
    at = clip, lowest
    return Detections(clip, first[at], end[at], score[at], np.maximum(before, after)[at])


def _reach_back(score, above):
    """Number of segments right before each one that are all ``above`` it."""
    own = np.where(np.isneginf(score), np.inf, score)
    lowest = [np.pad(score, ((0, 0), (1, 0)), constant_values=-np.inf)[:, :-1]]  # of the 1, 2, 4 ... segments before
    for power in range(score.shape[1].bit_length() - 1):
        earlier = np.pad(lowest[-1], ((0, 0), (2**power, 0)), constant_values=-np.inf)[:, : -(2**power)]
        lowest.append(np.minimum(lowest[-1], earlier))
    start = np.tile(np.arange(score.shape[1]), (len(score), 1))
    for power in reversed(range(len(lowest))):
        start -= above(np.take_along_axis(lowest[power], start, axis=1), own) * 2**power
    return np.arange(score.shape[1]) - start


def count_label(y_score, mask, label: int, edges, truth: Truth, criteria: Criteria) -> Counts:
    """Counts of a label in all clips, by falling threshold; the first is for a threshold that detects nothing."""
    step = max(1, _VALUES_AT_ONCE // y_score.shape[1])
    changes = [np.empty((4, 0))]
    for start in range(0, len(y_score), step):
        block = slice(start, start + step)
        found = detections(np.where(mask[block], y_score[block, :, label].astype(float), -np.inf))
        changes.extend(_changes(found._replace(clip=found.clip + start), label, edges, truth, criteria))
    score, *counts = np.concatenate(changes, axis=1)
    order = np.argsort(-score)  # among equals any order will do, as only their sum is read
    last = np.diff(score[order], append=-np.inf) != 0
    return Counts(*(np.append(0.0, np.cumsum(count[order])[last]) for count in counts))


def _changes(found: Detections, label, edges, truth: Truth, criteria: Criteria):
    """Scores below which a count changes, and by how much: arrays (4, m) for :class:`Counts`."""
    own = _pair_of(truth, found.clip, label)
    length = edges[found.end] - edges[found.first]
    seconds = _overlap(truth, own, found, slice(None)) * (own >= 0)
    relevant = reaches(seconds, criteria.dtc * length)
    cross = np.zeros(len(relevant))
    if criteria.cross_triggers:
        cross[~relevant] = _cross_triggers(_take(found, ~relevant), label, length[~relevant], truth, criteria.cttc)
    for score, sign in ((found.birth, 1), (found.death, -1)):
        kept = np.isfinite(score) & ~relevant
        yield np.stack([score[kept], np.zeros(kept.sum()), np.full(kept.sum(), sign), sign * cross[kept]])
    score, change = _true_positives(_take(found, relevant), own[relevant], edges, truth, criteria.gtc)
    yield np.stack([score, change, np.zeros(len(score)), np.zeros(len(score))])


def _take(found: Detections, kept) -> Detections:
    return Detections(*(column[kept] for column in found))


def _pair_of(truth: Truth, clip, label):
    """Pair of each clip with the label, -1 where the clip has no event of it."""
    pair = np.full(len(truth.first_pair) - 1, -1)
    rows = np.flatnonzero(truth.pairs.label == label)
    pair[truth.pairs.clip[rows]] = rows
    return pair[clip]


def _overlap(truth: Truth, pair, found: Detections, rows):
    """Seconds for which detections and the events of a pair overlap."""
    return truth.pairs.seconds[pair, found.end[rows]] - truth.pairs.seconds[pair, found.first[rows]]


def _spread(start, stop):
    """Every number from each start to before each stop, and the row that it belongs to."""
    count = stop - start
    row = np.repeat(np.arange(len(count)), count)
    return row, np.arange(count.sum()) - np.repeat(np.cumsum(count) - count - start, count)


def _cross_triggers(found: Detections, label, length, truth: Truth, cttc):
    """Sum over the other labels that a false detection is of too, each weighted by one over its true seconds."""
    row, pair = _spread(truth.first_pair[found.clip], truth.first_pair[found.clip + 1])
    other = truth.pairs.label[pair] != label
    row, pair = row[other], pair[other]
    hit = reaches(_overlap(truth, pair, found, row), cttc * length[row])
    return np.bincount(row, weights=hit / truth.seconds[truth.pairs.label[pair]], minlength=len(length))


def _true_positives(found: Detections, pair, edges, truth: Truth, gtc):
    """Scores below which true events become found, or no longer are, with +1 and -1."""
    row, event = _spread(truth.pairs.start[pair], truth.pairs.start[pair + 1])
    onset, offset = truth.events.onset, truth.events.offset
    overlap = np.minimum(edges[found.end[row]], offset[event]) - np.maximum(edges[found.first[row]], onset[event])
    row, event, overlap = (column[overlap > 0] for column in (row, event, overlap))
    event, score = np.tile(event, 2), np.concatenate([found.birth[row], found.death[row]])
    change = np.concatenate([overlap, -overlap])
    order = np.lexsort((-score, event))
    order = order[np.isfinite(score[order])]  # a death at -inf never comes
    event, score, change = event[order], score[order], change[order]
    new = np.diff(event, prepend=-1) != 0
    total = np.cumsum(change)
    total -= np.repeat((total - change)[new], np.diff(np.append(np.flatnonzero(new), len(new))))
    settled = (np.diff(score, append=np.inf) != 0) | np.append(new[1:], True)[: len(new)]
    event, score, total = event[settled], score[settled], total[settled]
    is_found = reaches(total, gtc * (offset - onset)[event]).astype(int)
    turn = np.diff(is_found, prepend=0)
    starts = np.diff(event, prepend=-1) != 0
    turn[starts] = is_found[starts]
    return score[turn != 0], turn[turn != 0]
