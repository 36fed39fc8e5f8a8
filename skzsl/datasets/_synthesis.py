"""Sounds made from words: every label is "rate pitch timbre" and every word fixes one part of the signal."""

from __future__ import annotations

import itertools
from typing import NamedTuple

import numpy as np
from scipy.signal import butter, sosfilt

SAMPLE_RATE = 16000

# Cycles per second of whatever repeats: the beeps, the swells, the glides. The gaps keep the words apart.
RATES = {"slow": (1.4, 2.2), "medium": (4.0, 6.0), "fast": (10.0, 15.0)}
# Hertz of the fundamental, or of the centre of a band of noise.
PITCHES = {"low": (150.0, 240.0), "middle": (500.0, 800.0), "high": (1600.0, 2500.0)}

_HIGHEST_PARTIAL = 7600.0
_BELL_RATIOS = (1.0, 2.32, 3.54, 4.97, 6.6, 8.9, 11.3, 14.2)
_FADE_SECONDS = 0.002
_WANDER_SECONDS = 0.5
_WARM_UP = 800  # samples, for the narrowest filter to reach its full output


class Event(NamedTuple):
    """One sound inside a clip; onset and offset in seconds from the start of the clip."""

    label: str
    onset: float
    offset: float


def _beeping(pitch, cycle, rng):
    """A pure tone switched on and off once a cycle."""
    return _sine(_turns(pitch)) * _gate(cycle % 1.0, rng.uniform(0.4, 0.6))


def _buzzing(pitch, cycle, rng):
    """A dense stack of harmonics that swells and fades once a cycle."""
    n_harmonics = int(_HIGHEST_PARTIAL // pitch.max())
    turns, ratio = _turns(pitch), rng.uniform(0.85, 0.95)
    # The closed form of the sum of spin, spin^2, ..., spin^n_harmonics; ratio < 1 keeps it finite.
    spin = ratio * _spin(turns)
    stack = spin * (1.0 - ratio**n_harmonics * _spin(n_harmonics * turns)) / (1.0 - spin)
    return stack.imag * _swell(cycle, rng.uniform(0.8, 0.95))


def _humming(pitch, cycle, rng):
    """Three soft harmonics that swell and fade once a cycle."""
    turns = _turns(pitch)
    second, third = rng.uniform(0.3, 0.6), rng.uniform(0.1, 0.25)
    tone = _sine(turns) + second * _sine(2 * turns) + third * _sine(3 * turns)
    return tone * _swell(cycle, rng.uniform(0.8, 0.95))


def _whooshing(pitch, cycle, rng):
    """A band of noise, about an octave wide, that swells and fades once a cycle."""
    return _noise_band(pitch, rng.uniform(0.8, 1.2), rng) * _swell(cycle, rng.uniform(0.8, 0.95))


def _clicking(pitch, cycle, rng):
    """A burst of noise of a few milliseconds once a cycle."""
    seconds = _since_start(cycle)
    return _noise_band(pitch, rng.uniform(1.6, 2.2), rng) * np.exp(-seconds / rng.uniform(0.004, 0.008))


def _chirping(pitch, cycle, rng):
    """A tone that rises by about an octave within each cycle, then a rest."""
    position = (cycle % 1.0) / rng.uniform(0.5, 0.7)
    rise = rng.uniform(0.8, 1.2) * (np.minimum(position, 1.0) - 0.5)
    envelope = np.where(position < 1.0, np.sin(np.pi * np.minimum(position, 1.0)), 0.0)
    return _sine(_turns(pitch * 2.0**rise)) * envelope


def _ringing(pitch, cycle, rng):
    """Inharmonic partials, as of a bell, struck once a cycle and left to decay."""
    turns = _turns(pitch)
    ratios = np.array(_BELL_RATIOS) * rng.uniform(0.98, 1.02, len(_BELL_RATIOS))
    partials = [_sine(ratio * turns) * ratio**-0.25 for ratio in ratios if ratio * pitch.max() < _HIGHEST_PARTIAL]
    return sum(partials) * np.exp(-(cycle % 1.0) / rng.uniform(0.4, 0.6))


def _wailing(pitch, cycle, rng):
    """A siren: a tone that never stops and glides up and down once a cycle."""
    octaves = rng.uniform(0.3, 0.45) * _sine(cycle)
    turns = _turns(pitch * 2.0**octaves)
    return _sine(turns) + rng.uniform(0.2, 0.4) * _sine(2 * turns)


TIMBRES = {
    "beeping": _beeping,
    "buzzing": _buzzing,
    "chirping": _chirping,
    "clicking": _clicking,
    "humming": _humming,
    "ringing": _ringing,
    "wailing": _wailing,
    "whooshing": _whooshing,
}
VOCABULARY = tuple(sorted(" ".join(words) for words in itertools.product(RATES, PITCHES, TIMBRES)))


def render_event(label, n_samples, rng):
    """Waveform of one event at unit root mean square.

    Parameters
    ----------
    label : str
        Three words: a key of ``RATES``, of ``PITCHES`` and of ``TIMBRES``.
    n_samples : int
        Length at ``SAMPLE_RATE``.
    rng : numpy.random.Generator
        Source of the small variations between clips of one label.

    Returns
    -------
    waveform : ndarray of shape (n_samples,)
    """
    rate_word, pitch_word, timbre_word = label.split()
    time = np.arange(n_samples) / SAMPLE_RATE
    cycle = _wandering(_log_uniform(RATES[rate_word], rng), time, rng).cumsum() / SAMPLE_RATE
    pitch = _wandering(_log_uniform(PITCHES[pitch_word], rng), time, rng)
    waveform = TIMBRES[timbre_word](pitch, cycle, rng) * _fade(n_samples)
    return waveform / np.sqrt(np.mean(waveform**2))


def render_clip(events, duration, rng, *, levels=None, background=(-24.0, -6.0), peak=(0.1, 0.9)):
    """Waveform of a clip: its events, added up, over a background noise.

    Parameters
    ----------
    events : list of Event
        What sounds and when; events may overlap.
    duration : float
        Seconds of the clip.
    rng : numpy.random.Generator
        Source of every random choice.
    levels : list of float or None
        Level of each event in dB. None is 0 dB for all.
    background : (float, float)
        Range of the background level, in dB relative to an event of 0 dB.
    peak : (float, float)
        Range of the largest absolute sample.

    Returns
    -------
    waveform : ndarray of shape (n_samples,), float32
    """
    n_samples = round(duration * SAMPLE_RATE)
    waveform = _gain(rng.uniform(*background)) * _background(n_samples, rng)
    for event, level in zip(events, levels or [0.0] * len(events), strict=True):
        start, stop = round(event.onset * SAMPLE_RATE), round(event.offset * SAMPLE_RATE)
        waveform[start:stop] += _gain(level) * render_event(event.label, stop - start, rng)
    return (waveform * (_log_uniform(peak, rng) / np.abs(waveform).max())).astype(np.float32)


def _gain(decibels):
    return 10.0 ** (decibels / 20.0)


def _log_uniform(interval, rng):
    return np.exp(rng.uniform(*np.log(interval)))


def _wandering(value, time, rng):
    """``value`` over time, drifting by a few percent, as no real source holds still."""
    knots = np.arange(0.0, time[-1] + _WANDER_SECONDS, _WANDER_SECONDS)
    return np.interp(time, knots, value * (1.0 + rng.uniform(-0.03, 0.03, knots.size)))


def _turns(pitch):
    return np.cumsum(pitch) / SAMPLE_RATE


def _angle(turns):
    """Radians in [-pi, pi], small enough for the fast single-precision sine to be exact to the ear."""
    return (2 * np.pi * (turns - np.rint(turns))).astype(np.float32)


def _sine(turns):
    return np.sin(_angle(turns))


def _spin(turns):
    """``exp(2 i pi turns)`` in single precision."""
    angle = _angle(turns)
    return np.cos(angle) + np.complex64(1j) * np.sin(angle)


def _swell(cycle, depth):
    return 1.0 - depth * np.square(np.cos(_angle(cycle) / 2))


def _gate(position, duty):
    """One while ``position`` in [0, 1) lies below ``duty``, with soft edges."""
    edge = 0.06
    return np.clip(position / edge, 0.0, 1.0) * np.clip((duty - position) / edge, 0.0, 1.0)


def _since_start(cycle):
    """Seconds since the cycle of each sample began."""
    speed = np.gradient(cycle) * SAMPLE_RATE
    return (cycle % 1.0) / speed


def _noise_band(pitch, octaves, rng):
    centre = pitch.mean()
    edges = np.minimum(centre * 2.0 ** (np.array([-0.5, 0.5]) * octaves), _HIGHEST_PARTIAL)
    sections = butter(2, edges, btype="bandpass", fs=SAMPLE_RATE, output="sos")
    return sosfilt(sections, _white_noise(_WARM_UP + pitch.size, rng))[_WARM_UP:]


def _white_noise(n_samples, rng):
    return rng.standard_normal(n_samples, dtype=np.float32)


def _fade(n_samples):
    ramp = np.linspace(0.0, 1.0, round(_FADE_SECONDS * SAMPLE_RATE))
    fade = np.ones(n_samples)
    fade[: ramp.size] = ramp
    fade[-ramp.size :] = ramp[::-1]
    return fade


def _background(n_samples, rng):
    """White noise through a one-pole low-pass of random strength, at unit root mean square."""
    pole = rng.uniform(0.0, 0.9)
    noise = sosfilt([[1.0, 0.0, 0.0, 1.0, -pole, 0.0]], _white_noise(n_samples, rng))
    return noise / np.sqrt(np.mean(noise**2))
