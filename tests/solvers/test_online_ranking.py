import numpy as np
import pytest

from skzsl.solvers import online_ranking
from skzsl.solvers._online_ranking import _label_space_is_cheaper, _sort_descending


def beta(rank):
    return sum(1 / j for j in range(1, rank + 1))


def literal_algorithm(clips, codes, vectors, lr, epochs, start=None):
    """Training algorithm 1 as printed: three loops and an update of the whole map for every label."""
    n_labels = len(vectors)
    W = np.zeros((clips.shape[1], vectors.shape[1])) if start is None else start.copy()
    for _ in range(epochs):
        for x, true in zip(clips, codes, strict=True):
            scores = [x @ W @ vector for vector in vectors]
            losses = [0.0 if c == true else 1 + scores[c] - scores[true] for c in range(n_labels)]
            for rank, c in enumerate(sorted(range(n_labels), key=lambda c: -losses[c]), start=1):
                if losses[c] > 0:
                    W -= lr * beta((n_labels - 1) // rank) * np.outer(x, vectors[c] - vectors[true])
    return W


@pytest.mark.parametrize(
    ("n_clips", "d", "k", "n_labels", "epochs"),
    [(60, 6, 5, 4, 3), (40, 5, 3, 12, 2), (1, 4, 3, 2, 3), (1, 3, 2, 1, 2), (30, 8, 50, 30, 1), (25, 2, 2, 70, 2)],
)
def test_map_equals_the_literal_loop(rng, n_clips, d, k, n_labels, epochs):
    clips, vectors = rng.normal(size=(n_clips, d)), rng.normal(size=(n_labels, k))
    codes = rng.integers(0, n_labels, n_clips)
    for start in (None, rng.normal(size=(d, k))):
        fast = online_ranking(clips, codes, vectors, lr=0.1, max_epochs=epochs, shuffle=False, coef=start)
        slow = literal_algorithm(clips, codes, vectors, 0.1, epochs, start)
        np.testing.assert_allclose(fast, slow, rtol=0, atol=1e-10)


def test_both_forms_of_the_map_occur_in_the_cases_above():
    assert _label_space_is_cheaper(30, 8, 30, 50)
    assert not _label_space_is_cheaper(50, 2, 70, 2)


def test_tied_losses_are_ranked_in_label_order():
    """Repeated label vectors tie in every round."""
    clips = np.array([[1.0, 0.0], [0.0, 2.0], [1.0, 1.0], [1.0, 0.0]])
    vectors = np.array([[1.0, 0.0], [0.0, 1.0], [1.0, 0.0], [0.0, 1.0], [1.0, 1.0]])
    codes = np.array([4, 0, 3, 1])
    fast = online_ranking(clips, codes, vectors, lr=0.5, max_epochs=4, shuffle=False)
    np.testing.assert_allclose(fast, literal_algorithm(clips, codes, vectors, 0.5, 4), rtol=0, atol=1e-10)


def test_first_clip_moves_by_the_rank_weights_of_tied_losses():
    """All losses start at 1, so ranks are 1, 2, 3 and weights beta(3), beta(1), beta(1)."""
    learned = online_ranking(np.eye(1), np.array([3]), np.eye(4), lr=1.0, max_epochs=1, shuffle=False)
    np.testing.assert_allclose(learned, [[-11 / 6, -1, -1, 11 / 6 + 2]])


@pytest.mark.parametrize("size", [1, 2, 7, 8, 9, 16, 17, 100, 257])
def test_sort_is_descending_and_stable(rng, size):
    values = rng.integers(0, 5, size).astype(float)
    index = np.arange(size)
    _sort_descending(values, index, np.empty_like(index), size)
    np.testing.assert_array_equal(index, np.argsort(-values, kind="stable"))


def test_many_chunks_equal_one(rng, monkeypatch):
    clips, codes, vectors = rng.normal(size=(50, 4)), rng.integers(0, 6, 50), rng.normal(size=(6, 9))
    whole = online_ranking(clips, codes, vectors, lr=0.1, max_epochs=2, random_state=3)
    monkeypatch.setattr("skzsl.solvers._online_ranking._CHUNK_BYTES", 7 * 8 * 4)
    chunked = online_ranking(clips, codes, vectors, lr=0.1, max_epochs=2, random_state=3)
    np.testing.assert_allclose(chunked, whole, rtol=0, atol=1e-10)


def test_narrow_dtypes_give_the_map_of_their_float64_values(rng):
    clips = rng.integers(0, 255, size=(40, 6)).astype(np.uint8)
    codes, vectors = rng.integers(0, 4, 40), rng.normal(size=(4, 5))
    narrow = online_ranking(clips, codes, vectors, lr=1e-4, max_epochs=2, random_state=0)
    np.testing.assert_array_equal(
        narrow, online_ranking(clips.astype(float), codes, vectors, lr=1e-4, max_epochs=2, random_state=0)
    )


def test_codes_without_a_label_vector_are_refused(rng):
    for codes in ([0, 3], [-1, 0]):
        with pytest.raises(ValueError, match="there are 3 label vectors"):
            online_ranking(np.eye(2), np.array(codes), np.eye(3), lr=1, max_epochs=1)


def test_scores_that_overflow_are_an_error():
    with pytest.raises(ValueError, match="Training diverged"):
        online_ranking(1e160 * np.eye(3), np.arange(3), np.eye(3), lr=1.0, max_epochs=5)


def test_shuffling_follows_the_seed(rng):
    clips, codes, vectors = rng.normal(size=(50, 4)), rng.integers(0, 6, 50), rng.normal(size=(6, 9))
    first, again, other = (online_ranking(clips, codes, vectors, lr=1, max_epochs=1, random_state=s) for s in (0, 0, 1))
    np.testing.assert_array_equal(first, again)
    assert not np.array_equal(first, other)
