"""Segment features of a waveform: log-mel statistics and a modulation spectrum."""

from __future__ import annotations

from functools import lru_cache
from itertools import pairwise

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from scipy.fft import rfft
from scipy.signal.windows import hann
from scipy.sparse import csr_array

N_MELS = 40
MODULATION_EDGES = (1.0, 2.0, 3.0, 4.0, 6.0, 8.0, 11.0, 16.0, 23.0, 32.0, 50.0)

_WINDOW_SECONDS = 0.025
_HOP_SECONDS = 0.01
_LOWEST_HERTZ = 50.0
_FLOOR = 1e-8


def segment_features(waveform, *, n_segments, sample_rate):
    """Feature vector of each of ``n_segments`` equal parts of a waveform.

    Parameters
    ----------
    waveform : ndarray of shape (n_samples,)
    n_segments : int
    sample_rate : int
        Samples per second.

    Returns
    -------
    features : ndarray of shape (n_segments, n_features), float32
        One column for each name of `feature_names`.
    """
    frames = log_mel(waveform, sample_rate=sample_rate)
    segments = frames[: len(frames) // n_segments * n_segments].reshape(n_segments, -1, N_MELS)
    parts = segments.mean(axis=1), segments.std(axis=1), modulation_spectrum(segments)
    return np.concatenate(parts, axis=1, dtype=np.float32)


def feature_names():
    """Names of the columns of `segment_features`, in order."""
    bands = pairwise(MODULATION_EDGES)
    means = [f"mel_{band}_mean" for band in range(N_MELS)]
    deviations = [f"mel_{band}_deviation" for band in range(N_MELS)]
    return means + deviations + [f"modulation_{low:g}_{high:g}_hz" for low, high in bands]


def log_mel(waveform, *, sample_rate):
    """Decibels in each mel band of each frame, a hundred frames a second.

    Parameters
    ----------
    waveform : ndarray of shape (n_samples,)
    sample_rate : int

    Returns
    -------
    frames : ndarray of shape (n_frames, N_MELS)
        Frame i is centred on sample ``i * hop``; the waveform is continued by silence on both sides.
    """
    window, hop = round(_WINDOW_SECONDS * sample_rate), round(_HOP_SECONDS * sample_rate)
    n_fft = 1 << (window - 1).bit_length()
    padded = np.pad(np.asarray(waveform, dtype=np.float32), window // 2)
    frames = sliding_window_view(padded, window)[: len(waveform) : hop] * hann(window, sym=False).astype(np.float32)
    spectra = rfft(frames, n_fft) / window
    power = spectra.real**2 + spectra.imag**2
    return 10.0 * np.log10(power @ _sparse_filters(n_fft, sample_rate) + _FLOOR)


@lru_cache(maxsize=4)
def _sparse_filters(n_fft, sample_rate):
    """Nine weights in ten are zero, and a sparse product leaves the threads of BLAS alone."""
    return csr_array(mel_filters(n_fft, sample_rate).T)


def mel_filters(n_fft, sample_rate):
    """Triangles of unit height, evenly spaced on the mel scale, over the bins of a real Fourier transform.

    Returns
    -------
    filters : ndarray of shape (N_MELS, n_fft // 2 + 1)
    """
    lowest, highest = _to_mel(np.array([_LOWEST_HERTZ, sample_rate / 2]))
    corners = _to_hertz(np.linspace(lowest, highest, N_MELS + 2))
    bins = np.fft.rfftfreq(n_fft, 1 / sample_rate)
    left, centre, right = (corners[i : i + N_MELS, None] for i in range(3))
    return np.clip(np.minimum((bins - left) / (centre - left), (right - bins) / (right - centre)), 0.0, None).astype(
        np.float32
    )


def _to_mel(hertz):
    return 2595.0 * np.log10(1.0 + hertz / 700.0)


def _to_hertz(mel):
    return 700.0 * (10.0 ** (mel / 2595.0) - 1.0)


def modulation_spectrum(segments):
    """How strongly the mel bands of a segment rise and fall at each rate, in decibels.

    Parameters
    ----------
    segments : ndarray of shape (n_segments, n_frames, n_mels)
        Log-mel frames.

    Returns
    -------
    energies : ndarray of shape (n_segments, len(MODULATION_EDGES) - 1)
        Energy of the rates between neighbouring edges, averaged over the mel bands.
    """
    n_frames = segments.shape[1]
    taper = hann(n_frames, sym=False)[:, None]
    spectra = np.abs(np.fft.rfft((segments - segments.mean(axis=1, keepdims=True)) * taper, axis=1)) ** 2
    rates = np.fft.rfftfreq(n_frames, _HOP_SECONDS)
    bands = np.digitize(rates, MODULATION_EDGES) - 1
    profile = spectra.mean(axis=2) / n_frames
    sums = [profile[:, bands == band].sum(axis=1) for band in range(len(MODULATION_EDGES) - 1)]
    return 10.0 * np.log10(np.stack(sums, axis=1) + _FLOOR)
