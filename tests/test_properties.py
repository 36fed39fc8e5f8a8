"""What holds for whatever comes: 2,000 drawn examples here, as many as ``SKZSL_TEST_EXAMPLES`` says by hand."""

import copy
import os
import pickle

import numpy as np
import pandas as pd
import pytest
from agreement import TOLERANCE, assert_agree
from drawn import (
    CONTAINERS,
    INDICATORS,
    LISTS,
    candidates,
    cases,
    clips,
    held,
    labels_of_any_script,
    lists_of_events,
    mapped,
    scored,
    seeds,
    several_labels,
)
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st
from models import BOTH_KINDS, CASES, data, fitted, new

from skzsl import ZeroShotRidge, metrics
from skzsl.datasets import read_audacity_labels, read_raven_table, write_audacity_labels, write_raven_table
from skzsl.exceptions import LabelTextWarning
from skzsl.model_selection import ClassDisjointKFold, FewShotKFold, GreedyLabelFolds
from skzsl.preprocessing import EmbeddingScaler, event_lists, event_table, indicator_frame, pad_segments

pytestmark = [
    pytest.mark.filterwarnings(f"ignore::{LabelTextWarning.__module__}.{LabelTextWarning.__name__}"),
    pytest.mark.filterwarnings("ignore:X has feature names"),
]
SHARE = {}  # of the examples that each test draws
IN_ALL = int(os.environ.get("SKZSL_TEST_EXAMPLES", 2000))
MODEL_OF = {case: fitted(*case) for case in CASES}


def examples(share):
    """Draw so many of 2,000 examples: the same ones in every run, unless more are asked for by hand."""

    def decorate(test):
        SHARE[test.__name__] = share
        return settings(
            max_examples=max(1, share * IN_ALL // 2000),
            derandomize="SKZSL_TEST_EXAMPLES" not in os.environ,
            database=None,
            deadline=None,
            suppress_health_check=list(HealthCheck),
        )(test)

    return decorate


def scale_of(*scores):
    return max(np.abs(values[np.isfinite(values)]).max(initial=0) for values in scores)


def test_these_are_two_thousand_examples():
    assert sum(SHARE.values()) == 2000


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("files")


@examples(450)
@given(cases, clips(), held(), st.booleans(), st.data())
def test_how_clips_are_held_does_not_matter(folder, case, X, how, in_a_file, drawn):
    model, labels, (dtype, container) = MODEL_OF[case], drawn.draw(candidates(case[0])), how
    other = mapped(X.astype(dtype), folder) if in_a_file else CONTAINERS[container](X.astype(dtype))
    scores = model.decision_function(X, labels=labels)
    assert_agree(model.decision_function(other, labels=labels), scores)
    assert_agree(model.predict_proba(other, labels=labels), model.predict_proba(X, labels=labels), 1e-4)


@pytest.mark.parametrize("case", CASES, ids=" ".join)
def test_one_clip_can_be_held_backwards(case):
    clip = data(case[1])[0][:1]  # for numpy contiguous in any direction, for torch not
    backwards = clip[:, ::-1, ::-1].copy()[::-1, ::-1, ::-1]
    assert_agree(MODEL_OF[case].decision_function(backwards), MODEL_OF[case].decision_function(clip))


@examples(250)
@given(cases, clips(most=8), st.data())
def test_clips_are_scored_apart(case, X, drawn):
    model, labels = MODEL_OF[case], drawn.draw(candidates(case[0]))
    scores = model.decision_function(X, labels=labels)
    rows = np.array(drawn.draw(st.lists(st.integers(0, len(X) - 1), min_size=1, max_size=8)))
    part = model.decision_function(X[rows], labels=labels)
    np.testing.assert_allclose(part, scores[rows], rtol=0, atol=TOLERANCE * scale_of(scores))
    start, stop = sorted(drawn.draw(st.tuples(st.integers(0, len(X)), st.integers(0, len(X)))))
    assume(start < stop)
    part = model.decision_function(X[start:stop], labels=labels)
    np.testing.assert_allclose(part, scores[start:stop], rtol=0, atol=TOLERANCE * scale_of(scores))


@examples(200)
@given(cases, clips(), st.data())
def test_candidates_are_columns_in_any_order_and_of_any_type(case, X, drawn):
    model, labels = MODEL_OF[case], drawn.draw(candidates(case[0]))
    scores, order = model.decision_function(X, labels=labels), drawn.draw(st.permutations(range(len(labels))))
    held = LISTS[drawn.draw(st.sampled_from(sorted(LISTS)))]([labels[column] for column in order])
    assert_agree(model.decision_function(X, labels=held), scores[:, order])


@examples(250)
@given(cases, clips(), st.data())
def test_predictions_probabilities_tags_and_views_are_of_one_mind(case, X, drawn):
    model, labels = MODEL_OF[case], sorted(drawn.draw(candidates(case[0])))
    scores, probabilities = model.decision_function(X, labels=labels), model.predict_proba(X, labels=labels)
    predicted, tags = model.predict(X, labels=labels), model.tag(X, labels=labels)
    assert probabilities.shape == scores.shape == (len(X), len(labels))
    assert ((probabilities >= 0) & (probabilities <= 1)).all()
    if case[1] == "one":
        np.testing.assert_allclose(probabilities.sum(axis=1), 1, rtol=1e-5)
        best, rejected = np.array(labels)[scores.argmax(axis=1)], predicted == "unknown"
        np.testing.assert_array_equal(predicted, np.where(rejected, "unknown", best))
        assert "rejecting" in case[0] or not rejected.any()
        listed_of = [[] if label == "unknown" else [label] for label in predicted.tolist()]
        assert listed_of == [[label for label, _ in listed] for listed in tags]
    else:
        assert set(np.unique(predicted)) <= {0, 1}
        marked = [{label for label, mark in zip(labels, row, strict=True) if mark} for row in predicted]
        assert marked == [{label for label, _ in listed} for listed in tags]
        for row, marks in zip(scores, predicted, strict=True):
            assert row[marks == 1].min(initial=np.inf) >= row[marks == 0].max(initial=-np.inf)
    view = model.with_labels(labels)
    np.testing.assert_array_equal(view.predict(X), predicted)
    np.testing.assert_array_equal(view.predict_proba(X), probabilities)


@examples(200)
@given(cases, clips(segments=(None, 1, 2, 4)), st.data())
def test_the_best_segment_has_the_score_of_its_clip(case, X, drawn):
    model, labels = MODEL_OF[case], drawn.draw(candidates(case[0]))
    scores, of_segments = model.decision_function(X, labels=labels), model.segment_scores(X, labels=labels)
    n_segments = 1 if X.ndim == 2 else X.shape[1]
    assert of_segments.shape == (len(X), n_segments, len(labels))
    np.testing.assert_allclose(np.nanmax(of_segments, axis=1), scores, rtol=0, atol=TOLERANCE * scale_of(scores))
    last = np.ones(len(X), int) if X.ndim == 2 else n_segments - np.argmax(X.any(axis=2)[:, ::-1], axis=1)
    last = np.where(X.reshape(len(X), -1).any(axis=1), last, 1)
    np.testing.assert_array_equal(np.isnan(of_segments).all(axis=2), np.arange(n_segments) >= last[:, None])


@examples(100)
@given(cases, clips(segments=(1, 2, 4)), st.integers(1, 3), st.sampled_from([0.0, np.nan]), st.data())
def test_absent_segments_do_not_matter(case, X, more, filling, drawn):
    model, labels = MODEL_OF[case], drawn.draw(candidates(case[0]))
    padded = np.pad(X, ((0, 0), (0, more), (0, 0)), constant_values=filling)
    assert_agree(model.decision_function(padded, labels=labels), model.decision_function(X, labels=labels))
    unequal = [clip[: max(1, np.flatnonzero(clip.any(axis=1)).max(initial=0) + 1)] for clip in X]
    assert_agree(
        model.decision_function(pad_segments(unequal), labels=labels), model.decision_function(X, labels=labels)
    )


@examples(50)
@given(cases, clips(), st.data())
def test_copies_answer_to_the_bit(case, X, drawn):
    model, labels = copy.deepcopy(MODEL_OF[case]), drawn.draw(candidates(case[0]))
    same = pickle.loads(pickle.dumps(model))
    expected = [getattr(model, method)(X, labels) for method in ("decision_function", "predict", "segment_scores")]
    found = [getattr(same, method)(X, labels) for method in ("decision_function", "predict", "segment_scores")]
    for one, other in zip(expected, found, strict=True):
        np.testing.assert_array_equal(one, other)


QUICK = ["ridge", "convex of class scores", "zero rule", "bilinear, online", "nearest"]


@examples(80)
@given(st.sampled_from(QUICK), several_labels, seeds, st.data())
def test_how_labels_are_held_does_not_matter(name, labels, seed, drawn):
    X = np.random.default_rng(seed).random((12, 3, 8))
    y = [labels[number % len(labels)] for number in range(12)]
    held = LISTS[drawn.draw(st.sampled_from(sorted(LISTS)))](y)
    model, other = new(name).fit(X, y), new(name).fit(X, held)
    assert other.classes_.tolist() == model.classes_.tolist() == sorted(labels)
    np.testing.assert_array_equal(other.predict_proba(X), model.predict_proba(X))
    np.testing.assert_array_equal(other.predict(X), model.predict(X))
    assert other.score(X, held) == model.score(X, y)


@examples(70)
@given(st.sampled_from([name for name in QUICK if name in BOTH_KINDS]), several_labels, seeds, st.data())
def test_how_an_indicator_is_held_does_not_matter(name, labels, seed, drawn):
    rng = np.random.default_rng(seed)
    X, values = rng.random((12, 3, 8)), rng.integers(0, 2, (12, len(labels)), dtype=np.uint8)
    values[0] = 1
    y = pd.DataFrame(values, columns=labels)
    held = INDICATORS[drawn.draw(st.sampled_from(sorted(INDICATORS)))](y)
    model, other = new(name).fit(X, y), new(name).fit(X, held)
    assert other.classes_.tolist() == model.classes_.tolist() == labels
    np.testing.assert_array_equal(other.predict_proba(X), model.predict_proba(X))
    assert other.score(X, held) == model.score(X, y)
    lists = [[label for label, mark in zip(labels, row, strict=True) if mark] for row in values]
    assert indicator_frame(lists, labels).equals(y.astype(indicator_frame(lists, labels).dtypes.iloc[0]))


@examples(40)
@given(several_labels, several_labels, seeds)
def test_names_do_not_matter_where_vectors_are_looked_up(labels, names, seed):
    size = min(len(labels), len(names))
    labels, names = labels[:size], names[:size]
    rng = np.random.default_rng(seed)
    X, vectors, codes = rng.random((12, 2, 8)), rng.random((size, 5)), np.arange(12) % size
    model, other = (
        ZeroShotRidge(dict(zip(called, vectors, strict=True))).fit(X, np.array(called)[codes])
        for called in (labels, names)
    )
    assert_agree(other.decision_function(X, labels=names), model.decision_function(X, labels=labels), 1e-4)


@examples(100)
@given(scored(), st.floats(0.01, 100), st.floats(-10, 10), seeds)
def test_ranking_metrics_see_only_the_order_and_no_order_of_clips(pair, factor, shift, seed):
    y_true, y_score = pair
    rising = np.arctan(factor * y_score + shift)
    assume(all(len(np.unique(rising[:, c])) == len(np.unique(y_score[:, c])) for c in range(y_score.shape[1])))
    shuffled = np.random.default_rng(seed).permutation(len(y_true))
    for metric in (metrics.mean_average_precision, metrics.mean_roc_auc, metrics.d_prime):
        value = metric(y_true, y_score)
        assert metric(y_true, rising) == pytest.approx(value)
        assert metric(y_true[shuffled], y_score[shuffled]) == pytest.approx(value)
        assert metric(y_true[:, ::-1], y_score[:, ::-1]) == pytest.approx(value)
    assert 0 < metrics.mean_average_precision(y_true, y_score) <= 1
    assert metrics.mean_roc_auc(y_true, -y_score) == pytest.approx(1 - metrics.mean_roc_auc(y_true, y_score))
    assert metrics.lwlrap(y_true[shuffled], y_score[shuffled]) == pytest.approx(metrics.lwlrap(y_true, y_score))


@examples(60)
@given(lists_of_events)
def test_events_are_the_same_as_lists_and_as_a_table(lists):
    table = event_table(lists)
    assert event_lists(table, len(lists)) == [sorted(events, key=lambda event: event[1:]) for events in lists]
    assert (
        event_table(event_lists(table, len(lists)))
        .sort_values(list(table), ignore_index=True)
        .equals(table.sort_values(list(table), ignore_index=True))
    )


@examples(50)
@given(lists_of_events)
def test_files_of_events_give_back_what_was_written(folder, lists):
    table = event_table([[event for events in lists for event in events]], ["clip"])
    path = folder / "clip.txt"
    for write, read in ((write_audacity_labels, read_audacity_labels), (write_raven_table, read_raven_table)):
        write(table, path)
        assert event_lists(read(path), ["clip"]) == event_lists(table, ["clip"])


@examples(50)
@given(st.lists(labels_of_any_script, min_size=4, max_size=12, unique=True), st.integers(1, 4), seeds, st.data())
def test_folds_hold_labels_out_and_repeat(labels, n_each, seed, drawn):
    y = np.random.default_rng(seed).permutation(np.repeat(labels, n_each))
    splitter = ClassDisjointKFold(drawn.draw(st.integers(2, len(labels) // 2)), random_state=seed)
    folds = list(splitter.split(y, y))
    assert sorted(np.concatenate([test for _, test in folds])) == list(range(len(y)))
    for (train, test), again in zip(folds, splitter.split(y, y.tolist()), strict=True):
        assert set(y[train]).isdisjoint(y[test])
        assert sorted([*train, *test]) == list(range(len(y)))
        np.testing.assert_array_equal(train, again[0])
        np.testing.assert_array_equal(test, again[1])
    for train, test in FewShotKFold(splitter, shots=1, random_state=seed).split(y, y) if n_each > 1 else ():
        assert set(train).isdisjoint(test)
        assert set(y[test]) <= set(y[train])


@examples(30)
@given(st.integers(2, 4), st.integers(8, 20), seeds)
def test_folds_of_several_labels_hold_labels_out(n_folds, n_labels, seed):
    rng = np.random.default_rng(seed)
    values = (rng.random((60, n_labels)) < 0.1).astype(np.uint8)
    values[:n_labels] |= np.eye(n_labels, dtype=np.uint8)
    y = pd.DataFrame(values, columns=[f"label {number}" for number in range(n_labels)])
    folds, again = (list(GreedyLabelFolds(n_folds).split(y, y)) for _ in range(2))
    for (train, test), (same_train, same_test) in zip(folds, again, strict=True):
        assert set(train).isdisjoint(test)
        assert not (values[train].any(axis=0) & values[test].any(axis=0)).any()
        np.testing.assert_array_equal(train, same_train)
        np.testing.assert_array_equal(test, same_test)


@examples(20)
@given(clips(most=8, segments=(None, 3)), st.sampled_from([None, "mean+max"]), st.floats(0.1, 1e4), st.floats(-50, 50))
def test_the_scaler_forgets_units(X, pooling, factor, shift):
    X = np.where(X == 0, 1, X).astype(np.float64)
    scaler = EmbeddingScaler(pooling).fit(X)
    assume(scaler.mean_.any())  # clips that are all alike have no units
    scaled = scaler.transform(X)
    other = EmbeddingScaler(pooling).fit_transform(factor * X + 100 * factor + shift)
    np.testing.assert_allclose(other, scaled, rtol=0, atol=1e-6 * scale_of(scaled))
