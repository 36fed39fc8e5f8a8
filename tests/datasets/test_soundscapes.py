import itertools

import numpy as np
import pytest
from scipy.signal import butter, hilbert, sosfiltfilt
from sklearn.linear_model import Ridge
from sklearn.preprocessing import StandardScaler

from skzsl.datasets import make_soundscapes
from skzsl.datasets._log_mel import MODULATION_EDGES, N_MELS, feature_names, log_mel, mel_filters, modulation_spectrum
from skzsl.datasets._synthesis import (
    PITCHES,
    RATES,
    SAMPLE_RATE,
    TIMBRES,
    VOCABULARY,
    Event,
    render_clip,
    render_event,
)

FEW = ["fast high beeping", "slow low humming", "medium middle ringing"]


def few(**options):
    return make_soundscapes(2, **{"labels": FEW, "n_segments": 2, "random_state": 0, **options})


def test_bunch_has_the_documented_shapes_and_types():
    data = make_soundscapes(2, labels=FEW, n_segments=3, sounds=True, random_state=0)
    assert data.X.shape == (6, 3, len(data.feature_names))
    assert data.X.dtype == data.sounds.dtype == np.float32
    assert data.sounds.shape == (6, 3 * data.sample_rate)
    assert np.isfinite(data.X).all()
    assert np.abs(data.sounds).max() <= 1.0
    assert data.y.shape == data.onset.shape == data.offset.shape == (6,)
    assert data.y.dtype.kind == "U"
    assert data.labels == sorted(FEW)
    assert (data.segment_duration, data.sample_rate) == (1.0, 16000)
    assert "beeping" in data.DESCR
    assert "sounds" not in few()


def test_default_labels_are_every_combination_of_words():
    data = make_soundscapes(1, n_segments=1, random_state=0)
    assert data.labels == sorted(" ".join(words) for words in itertools.product(RATES, PITCHES, TIMBRES))
    assert sorted(data.y) == data.labels
    assert np.isfinite(data.X).all()


def test_description_names_every_word_with_its_range():
    description = few().DESCR
    assert all(f"{word} {low:g}-{high:g}" in description for word, (low, high) in (RATES | PITCHES).items())
    assert all(f" {timbre} " in description for timbre in TIMBRES)


def test_same_seed_gives_the_same_soundscapes():
    first, second = few(sounds=True), few(sounds=True)
    for name in ("X", "y", "onset", "offset", "sounds"):
        np.testing.assert_array_equal(first[name], second[name])


def test_random_state_instance_moves_on_between_calls():
    rng = np.random.RandomState(0)
    first, second = few(random_state=rng), few(random_state=rng)
    assert not np.array_equal(first.onset, second.onset)


def test_different_seeds_give_different_soundscapes():
    assert not np.intersect1d(few(random_state=0).onset, few(random_state=1).onset).size


def test_clips_of_one_label_differ():
    data = make_soundscapes(5, labels=FEW[:1], n_segments=1, random_state=0)
    assert len(np.unique(data.X, axis=0)) == 5


def test_clips_do_not_depend_on_what_else_is_asked_for():
    alone = make_soundscapes(1, labels=FEW[:1], n_segments=2, random_state=3)
    among = make_soundscapes(4, labels=FEW, n_segments=2, random_state=3)
    row = np.flatnonzero(among.onset == alone.onset[0])
    np.testing.assert_array_equal(among.X[row], alone.X)


def test_rows_are_shuffled():
    y = make_soundscapes(5, labels=FEW, n_segments=1, random_state=0).y
    assert list(y) != sorted(y)


def test_global_generator_is_left_alone():
    np.random.seed(0)  # noqa: NPY002
    before = np.random.get_state()[1].copy()  # noqa: NPY002
    few()
    np.testing.assert_array_equal(before, np.random.get_state()[1])  # noqa: NPY002


def test_events_fill_at_least_half_of_their_clip():
    data = make_soundscapes(20, labels=FEW, n_segments=2, random_state=0)
    assert (data.offset - data.onset >= 1.0).all()
    assert data.onset.min() >= 0.0
    assert data.offset.max() <= 2.0


@pytest.mark.parametrize("timbre", TIMBRES)
def test_energy_lies_between_onset_and_offset(timbre):
    event = Event(f"medium middle {timbre}", 0.7, 2.2)
    waveform = render_clip([event], 3.0, np.random.default_rng(0), background=(-80.0, -80.0))
    time = np.arange(waveform.size) / SAMPLE_RATE
    inside = (time >= event.onset) & (time < event.offset)
    energy = waveform.astype(float) ** 2
    assert energy[inside].sum() > 0.9999 * energy.sum()
    # A sound begins and ends within a cycle of the truth.
    loud = time[energy > 1e-3 * energy.max()]
    assert loud[0] - event.onset < 0.25
    assert event.offset - loud[-1] < 0.25


def test_overlapping_events_add_up():
    events = [Event("slow low humming", 0.0, 1.0), Event("fast high beeping", 0.5, 1.5)]
    waveform = render_clip(events, 2.0, np.random.default_rng(0), background=(-80.0, -80.0)).astype(float)
    first, both, second, none = (waveform[i * 8000 : (i + 1) * 8000].std() for i in range(4))
    assert both > max(first, second)
    assert none < 1e-2 * second


def _centre_hertz(waveform):
    power = np.abs(np.fft.rfft(waveform)) ** 2
    return np.fft.rfftfreq(waveform.size, 1 / SAMPLE_RATE)[power.argmax()]


@pytest.mark.parametrize("timbre", TIMBRES)
def test_low_is_below_middle_is_below_high(timbre):
    hertz = {
        pitch: [_centre_hertz(_event(f"medium {pitch} {timbre}", seed)) for seed in range(3)]
        for pitch in ("low", "middle", "high")
    }
    assert max(hertz["low"]) < min(hertz["middle"])
    assert max(hertz["middle"]) < min(hertz["high"])


@pytest.mark.parametrize("pitch", PITCHES)
@pytest.mark.parametrize("timbre", TIMBRES)
def test_measured_rate_lies_in_the_range_of_its_word(timbre, pitch):
    for rate, (low, high) in RATES.items():
        measured = _cycles_per_second(_event(f"{rate} {pitch} {timbre}", seed=1), glides=timbre == "wailing")
        assert 0.95 * low < measured < 1.05 * high


def _event(label, seed):
    return render_event(label, 4 * SAMPLE_RATE, np.random.default_rng(seed))


def _cycles_per_second(waveform, *, glides):
    """Strongest rate of the amplitude, or of the frequency where it is that which moves."""
    analytic = hilbert(waveform)
    curve = np.diff(np.unwrap(np.angle(analytic))) if glides else np.abs(analytic)
    curve = sosfiltfilt(butter(4, 40.0, fs=SAMPLE_RATE, output="sos"), curve)[800:-800]
    curve = (curve - curve.mean()) * np.hanning(curve.size)
    spectrum = np.abs(np.fft.rfft(curve, 16 * curve.size))
    rates = np.fft.rfftfreq(16 * curve.size, 1 / SAMPLE_RATE)
    # Strikes have overtones of nearly equal strength: take the lowest strong peak.
    peaks = np.flatnonzero((spectrum[1:-1] > spectrum[:-2]) & (spectrum[1:-1] > spectrum[2:])) + 1
    return rates[peaks[spectrum[peaks] > 0.6 * spectrum.max()][0]]


def test_log_mel_equals_the_slow_loop():
    waveform = np.random.default_rng(0).standard_normal(3200)
    frames = log_mel(waveform, sample_rate=SAMPLE_RATE)
    assert frames.shape == (20, N_MELS)
    corners = _mel_corners()
    for i, j in itertools.product((0, 7, 19), (0, 3, 20, 39)):
        power = _slow_power(waveform, centre=160 * i)
        total = sum(_triangle(31.25 * k, *corners[j : j + 3]) * power[k] for k in range(257))
        assert frames[i, j] == pytest.approx(10 * np.log10(total + 1e-8), abs=1e-3)


def _slow_power(waveform, centre):
    padded = np.concatenate([np.zeros(200), waveform, np.zeros(200)])[centre : centre + 400]
    n = np.arange(400)
    windowed = padded * (0.5 - 0.5 * np.cos(2 * np.pi * n / 400)) / 400
    return [abs(np.sum(windowed * np.exp(-2j * np.pi * k * n / 512))) ** 2 for k in range(257)]


def _mel_corners():
    mels = np.linspace(2595 * np.log10(1 + 50 / 700), 2595 * np.log10(1 + 8000 / 700), N_MELS + 2)
    return [700 * (10 ** (mel / 2595) - 1) for mel in mels]


def _triangle(hertz, left, centre, right):
    if hertz <= centre:
        return max(0.0, (hertz - left) / (centre - left))
    return max(0.0, (right - hertz) / (right - centre))


def test_every_mel_filter_covers_some_bin():
    assert (mel_filters(512, SAMPLE_RATE).sum(axis=1) > 0).all()


@pytest.mark.parametrize("rate", [1.5, 5.0, 12.0, 27.0])
def test_modulation_spectrum_peaks_at_the_rate_of_the_mel_bands(rate):
    frames = np.sin(2 * np.pi * rate * np.arange(100) / 100)[None, :, None] * np.ones(N_MELS)
    band = modulation_spectrum(frames)[0].argmax()
    assert MODULATION_EDGES[band] <= rate <= MODULATION_EDGES[band + 1]


def test_features_are_named_one_by_one():
    names = feature_names()
    assert len(names) == len(set(names)) == few().X.shape[2]


def test_features_follow_the_sounds():
    data = make_soundscapes(1, labels=FEW, n_segments=2, sounds=True, random_state=0)
    frames = log_mel(data.sounds[0], sample_rate=data.sample_rate)
    np.testing.assert_allclose(data.X[0, 1, :N_MELS], frames[100:].mean(axis=0), rtol=1e-4)


def test_unseen_combinations_are_recognised_from_their_words():
    unseen = [
        "fast high beeping",
        "fast low buzzing",
        "medium high chirping",
        "medium middle clicking",
        "slow low humming",
        "slow high whooshing",
    ]
    seen = [label for label in VOCABULARY if label not in unseen]
    train = make_soundscapes(6, labels=seen, n_segments=2, random_state=0)
    test = make_soundscapes(6, labels=unseen, n_segments=2, random_state=1)
    scaler = StandardScaler().fit(train.X.mean(axis=1))
    model = Ridge(alpha=10.0).fit(scaler.transform(train.X.mean(axis=1)), _words(train.y))
    scores = model.predict(scaler.transform(test.X.mean(axis=1))) @ _words(test.labels).T
    assert np.mean(np.array(test.labels)[scores.argmax(axis=1)] == test.y) > 0.65


def _words(labels):
    vocabulary = [*RATES, *PITCHES, *TIMBRES]
    return np.array([[float(word in label.split()) for word in vocabulary] for label in labels])


@pytest.mark.parametrize(
    ("labels", "message"),
    [
        ("slow low humming", "is one string; pass a list"),
        ([], "pass at least one"),
        (["slow low humming", "slow low humming"], "'slow low humming'.* more than once"),
        (["slow low mooing"], "unknown timbre: 'mooing'; pass one of .*'humming'"),
        (["sluggish low humming"], "unknown rate: 'sluggish'; pass one of .*'slow'"),
        (["low slow humming"], "unknown rate: 'low'"),
        (["slow deep humming"], "unknown pitch: 'deep'"),
        (["humming"], "not three words"),
        (["slow  low humming"], "not three words"),
        ([3], "not three words"),
    ],
)
def test_bad_labels_are_refused_with_the_next_step(labels, message):
    with pytest.raises(ValueError, match=message):
        few(labels=labels)


@pytest.mark.parametrize("name", ["n_clips_per_label", "n_segments"])
@pytest.mark.parametrize(("value", "error"), [(0, ValueError), (-1, ValueError), (2.5, TypeError), ("3", TypeError)])
def test_bad_counts_are_refused_by_name(name, value, error):
    with pytest.raises(error, match=name):
        make_soundscapes(**{"n_clips_per_label": 1, "labels": FEW, name: value})
