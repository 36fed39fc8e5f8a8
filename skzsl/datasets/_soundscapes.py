"""`make_soundscapes`: labelled clips of synthesised sound, as segment features and as waveforms."""

from __future__ import annotations

from numbers import Integral
from operator import attrgetter
from zlib import crc32

import numpy as np
from sklearn.utils import Bunch, check_random_state, check_scalar

from ._log_mel import feature_names, segment_features
from ._synthesis import PITCHES, RATES, SAMPLE_RATE, TIMBRES, VOCABULARY, Event, render_clip

SEGMENT_DURATION = 1.0

# Shares of a clip that an event fills: alone, and among others, where shorter events leave room for one another.
_SHARE_ALONE = (0.5, 1.0)
_SHARE_AMONG_OTHERS = (0.2, 0.6)
# In dB. The background is at most -6, so that the softest event still has twice the power of the loudest background.
_LEVELS = (-3.0, 3.0)

_DESCR = """\
Soundscapes
===========

Clips of sound made by signal processing, over a background noise: one event each, or up to ``max_events``. A label is
three words, "rate pitch timbre", and every word fixes one part of the signal, so a model that has heard each word
somewhere can name combinations that it has never heard.

rate     cycles per second of whatever repeats (beeps, swells, strikes, glides)
         slow 1.4-2.2, medium 4-6, fast 10-15
pitch    hertz of the fundamental, or of the centre of the band of noise
         low 150-240, middle 500-800, high 1600-2500
timbre   beeping    a pure tone switched on and off
         buzzing    a dense stack of harmonics that swells and fades
         chirping   a tone that rises by about an octave, then rests
         clicking   bursts of noise of a few milliseconds
         humming    three soft harmonics that swell and fade
         ringing    inharmonic partials, struck and left to decay
         wailing    a tone that never stops and glides up and down
         whooshing  a band of noise that swells and fades

What differs between clips of one label: rate and pitch within their ranges and a slow drift of both, the shape of the
timbre, onset and offset (an event fills at least half of its clip), the level and colour of the background
(6 to 24 dB below the event), and the gain of the clip.

With ``max_events`` above 1, a clip holds one to ``max_events`` events of different labels: its own and others drawn at
random. Each fills 20 to 60 % of the clip, starts anywhere, may sound at the same time as the others, and lies within
3 dB of the level that a lone event has.

Features of a segment, all in decibels: the mean of each mel band over the segment's frames, its deviation, and the
modulation spectrum, which is the energy with which the mel bands rise and fall at each rate.
"""


def make_soundscapes(
    n_clips_per_label=20, *, labels=None, n_segments=5, max_events=1, sounds=False, random_state=None
) -> Bunch:
    """Make labelled clips of synthesised sound.

    Every label is three words, such as "fast high beeping" or "slow low humming", and every word says something true
    about the sound, so that combinations never heard can be recognised from the words alone.

    Parameters
    ----------
    n_clips_per_label : int, default=20
        Clips made for each label. With ``max_events`` above 1 a label also occurs in clips made for others, so that
        it has this many positive clips or more.
    labels : list of str or None, default=None
        Labels to make. None makes every combination of a rate (slow, medium, fast), a pitch (low, middle, high) and a
        timbre (beeping, buzzing, chirping, clicking, humming, ringing, wailing, whooshing): 72 labels.
    n_segments : int, default=5
        Length of each clip in segments of one second.
    max_events : int, default=1
        Most events in a clip, at most the number of labels. 1 makes single-label data: one event a clip, which fills
        at least half of it. More make multi-label data: 1 to ``max_events`` events a clip, each number as likely, all
        of different labels; they fill 20 to 60 % of the clip each and may overlap.
    sounds : bool, default=False
        Also return the waveforms: 64 kB per second of sound.
    random_state : int, RandomState instance or None, default=None
        Source of every random choice. With the same integer and the same ``n_segments``, the first clips of a label
        are the same however many clips or other labels are asked for; only the order of the rows differs. With
        ``max_events`` above 1 they also depend on ``labels``, from which the other events are drawn.

    Returns
    -------
    soundscapes : Bunch
        X : ndarray of shape (n_clips, n_segments, n_features), float32
            Features of each segment: log-mel means, log-mel deviations and modulation spectrum, in decibels.
        y : ndarray of shape (n_clips,), str, or DataFrame of shape (n_clips, n_labels), uint8
            Label of each clip, in shuffled order. With ``max_events`` above 1: 1 where the label's event is in the
            clip, else 0; the columns are ``labels``.
        labels : list of str
            The labels, sorted.
        onset, offset : ndarray of shape (n_clips,), float64
            Seconds at which the event of each clip begins and ends; only with ``max_events=1``.
        events : list of n_clips lists of (label, onset, offset)
            Named tuples, onset and offset in seconds, in order of onset; only with ``max_events`` above 1.
        activity : ndarray of shape (n_clips, n_labels, n_segments), float32
            Share of each segment, 0 to 1, that the label's event fills; only with ``max_events`` above 1.
        segment_duration : float
            Seconds in a segment, 1.0.
        sample_rate : int
            Samples per second, 16000.
        feature_names : list of str
            Names of the ``n_features`` columns.
        sounds : ndarray of shape (n_clips, n_samples), float32
            Waveforms in [-1, 1]; only with ``sounds=True``.
        DESCR : str
            What the words mean and what varies.

    Raises
    ------
    TypeError
        If ``n_clips_per_label``, ``n_segments`` or ``max_events`` is not an integer.
    ValueError
        If one of them is below 1, if ``max_events`` exceeds the number of labels, or if ``labels`` is empty, a lone
        string, has duplicates or an unknown word.

    Examples
    --------
    >>> from skzsl.datasets import make_soundscapes
    >>> data = make_soundscapes(2, labels=["slow low humming", "fast high clicking"], n_segments=3, random_state=0)
    >>> data.X.shape
    (4, 3, 90)
    >>> data.labels
    ['fast high clicking', 'slow low humming']
    >>> bool(((data.offset - data.onset) >= 1.5).all())
    True

    Several events a clip, with the truth of every segment:

    >>> data = make_soundscapes(2, labels=data.labels, n_segments=3, max_events=2, random_state=0)
    >>> data.y.shape, data.activity.shape
    ((4, 2), (4, 2, 3))
    >>> data.events[0][0].label in data.labels
    True
    """
    check_scalar(n_clips_per_label, "n_clips_per_label", Integral, min_val=1)
    check_scalar(n_segments, "n_segments", Integral, min_val=1)
    labels = _check_labels(labels)
    _check_max_events(max_events, labels)
    rng = check_random_state(random_state)
    seed = rng.randint(2**31 - 1)
    plan = [(label, number) for label in labels for number in range(n_clips_per_label)]
    plan = [plan[row] for row in rng.permutation(len(plan))]
    clips = [_make_clip(clip, labels, max_events, seed, n_segments, sounds) for clip in plan]
    events, features, waveforms = zip(*clips, strict=True)
    truth = _single_label_truth(events) if max_events == 1 else _multi_label_truth(events, labels, n_segments)
    data = Bunch(
        X=np.stack(features),
        **truth,
        labels=labels,
        segment_duration=SEGMENT_DURATION,
        sample_rate=SAMPLE_RATE,
        feature_names=feature_names(),
        DESCR=_DESCR,
    )
    if sounds:
        data.sounds = np.stack(waveforms)
    return data


def _make_clip(clip, labels, max_events, seed, n_segments, keep_sound):
    label, number = clip
    rng = np.random.default_rng([seed, crc32(label.encode()), number])
    duration = n_segments * SEGMENT_DURATION
    if max_events == 1:
        events, levels = [_place(label, duration, _SHARE_ALONE, rng)], None
    else:
        events, levels = _place_several(label, labels, max_events, duration, rng)
    waveform = render_clip(events, duration, rng, levels=levels)
    features = segment_features(waveform, n_segments=n_segments, sample_rate=SAMPLE_RATE)
    return events, features, waveform if keep_sound else None


def _place_several(label, labels, max_events, duration, rng):
    """Events of ``label`` and of others drawn from ``labels``, in order of onset, and their levels in dB."""
    others = [other for other in labels if other != label]
    drawn = rng.choice(len(others), size=rng.integers(max_events), replace=False)
    chosen = [label, *(others[i] for i in drawn)]
    events = sorted((_place(name, duration, _SHARE_AMONG_OTHERS, rng) for name in chosen), key=attrgetter("onset"))
    return events, list(rng.uniform(*_LEVELS, len(events)))


def _place(label, duration, share, rng):
    """An event that fills a share of the clip, drawn between two bounds, and starts anywhere."""
    length = duration * rng.uniform(*share)
    onset = rng.uniform(0.0, duration - length)
    return Event(label, onset, onset + length)


def _single_label_truth(events):
    labels, onset, offset = zip(*(event for (event,) in events), strict=True)
    return {"y": np.array(labels), "onset": np.array(onset), "offset": np.array(offset)}


def _multi_label_truth(events, labels, n_segments):
    import pandas as pd

    column = {label: j for j, label in enumerate(labels)}
    starts = SEGMENT_DURATION * np.arange(n_segments)
    activity = np.zeros((len(events), len(labels), n_segments), dtype=np.float32)
    for row, clip in zip(activity, events, strict=True):
        for label, onset, offset in clip:
            sounding = np.minimum(offset, starts + SEGMENT_DURATION) - np.maximum(onset, starts)
            row[column[label]] = np.clip(sounding / SEGMENT_DURATION, 0.0, 1.0)
    y = pd.DataFrame(activity.any(axis=2).astype(np.uint8), columns=labels)
    return {"y": y, "events": list(events), "activity": activity}


def _check_max_events(max_events, labels):
    check_scalar(max_events, "max_events", Integral, min_val=1)
    if max_events > len(labels):
        raise ValueError(
            f"max_events={max_events} exceeds the {len(labels)} labels, and the events of a clip have different ones; "
            f"pass at most {len(labels)}, or more labels."
        )


def _check_labels(labels):
    if labels is None:
        return list(VOCABULARY)
    if isinstance(labels, str):
        raise ValueError(f"labels={labels!r} is one string; pass a list of labels, such as [{labels!r}].")
    labels = list(labels)
    if not labels:
        raise ValueError("labels=[] has no label to make; pass at least one, or None for the whole vocabulary.")
    for label in labels:
        _check_label(label)
    duplicates = sorted({label for label in labels if labels.count(label) > 1})
    if duplicates:
        raise ValueError(f"labels has {duplicates} more than once; pass each label once.")
    return sorted(str(label) for label in labels)


def _check_label(label):
    if not isinstance(label, str) or label.count(" ") != 2:
        raise ValueError(f"Label {label!r} is not three words; pass 'rate pitch timbre', such as 'fast high beeping'.")
    known = {"rate": list(RATES), "pitch": list(PITCHES), "timbre": list(TIMBRES)}
    for word, (role, choices) in zip(label.split(" "), known.items(), strict=True):
        if word not in choices:
            raise ValueError(f"Label {label!r} has an unknown {role}: {word!r}; pass one of {choices}.")
