"""`make_soundscapes`: labelled clips of synthesised sound, as segment features and as waveforms."""

from __future__ import annotations

from numbers import Integral
from zlib import crc32

import numpy as np
from sklearn.utils import Bunch, check_random_state, check_scalar

from ._log_mel import feature_names, segment_features
from ._synthesis import PITCHES, RATES, SAMPLE_RATE, TIMBRES, VOCABULARY, Event, render_clip

SEGMENT_DURATION = 1.0

_DESCR = """\
Soundscapes
===========

Clips of sound made by signal processing, one event each, over a background noise. A label is three words,
"rate pitch timbre", and every word fixes one part of the signal, so a model that has heard each word somewhere can
name combinations that it has never heard.

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

Features of a segment, all in decibels: the mean of each mel band over the segment's frames, its deviation, and the
modulation spectrum, which is the energy with which the mel bands rise and fall at each rate.
"""


def make_soundscapes(n_clips_per_label=20, *, labels=None, n_segments=5, sounds=False, random_state=None):
    """Make labelled clips of synthesised sound.

    Every label is three words, such as "fast high beeping" or "slow low humming", and every word says something true
    about the sound, so that combinations never heard can be recognised from the words alone.

    Parameters
    ----------
    n_clips_per_label : int, default=20
        Clips of each label.
    labels : list of str or None, default=None
        Labels to make. None makes every combination of a rate (slow, medium, fast), a pitch (low, middle, high) and a
        timbre (beeping, buzzing, chirping, clicking, humming, ringing, wailing, whooshing): 72 labels.
    n_segments : int, default=5
        Length of each clip in segments of one second.
    sounds : bool, default=False
        Also return the waveforms: 64 kB per second of sound.
    random_state : int, RandomState instance or None, default=None
        Source of every random choice. With the same integer and the same ``n_segments``, the first clips of a label
        are the same however many clips or other labels are asked for; only the order of the rows differs.

    Returns
    -------
    soundscapes : Bunch
        X : ndarray of shape (n_clips, n_segments, n_features), float32
            Features of each segment: log-mel means, log-mel deviations and modulation spectrum, in decibels.
        y : ndarray of shape (n_clips,), str
            Label of each clip, in shuffled order.
        labels : list of str
            The labels, sorted.
        onset, offset : ndarray of shape (n_clips,), float64
            Seconds at which the event of each clip begins and ends.
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
        If ``n_clips_per_label`` or ``n_segments`` is not an integer.
    ValueError
        If one of them is below 1, or if ``labels`` is empty, a lone string, has duplicates or an unknown word.

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
    """
    check_scalar(n_clips_per_label, "n_clips_per_label", Integral, min_val=1)
    check_scalar(n_segments, "n_segments", Integral, min_val=1)
    labels = _check_labels(labels)
    rng = check_random_state(random_state)
    seed = rng.randint(2**31 - 1)
    plan = [(label, number) for label in labels for number in range(n_clips_per_label)]
    plan = [plan[row] for row in rng.permutation(len(plan))]
    clips = [_make_clip(label, number, seed, n_segments, sounds) for label, number in plan]
    events, features, waveforms = zip(*clips, strict=True)
    data = Bunch(
        X=np.stack(features),
        y=np.array([event.label for event in events]),
        labels=labels,
        onset=np.array([event.onset for event in events]),
        offset=np.array([event.offset for event in events]),
        segment_duration=SEGMENT_DURATION,
        sample_rate=SAMPLE_RATE,
        feature_names=feature_names(),
        DESCR=_DESCR,
    )
    if sounds:
        data.sounds = np.stack(waveforms)
    return data


def _make_clip(label, number, seed, n_segments, keep_sound):
    rng = np.random.default_rng([seed, crc32(label.encode()), number])
    duration = n_segments * SEGMENT_DURATION
    event = _place(label, duration, rng)
    waveform = render_clip([event], duration, rng)
    features = segment_features(waveform, n_segments=n_segments, sample_rate=SAMPLE_RATE)
    return event, features, waveform if keep_sound else None


def _place(label, duration, rng):
    """An event that fills at least half of the clip."""
    length = duration * rng.uniform(0.5, 1.0)
    onset = rng.uniform(0.0, duration - length)
    return Event(label, onset, onset + length)


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
