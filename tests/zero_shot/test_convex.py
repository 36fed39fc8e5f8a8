import pickle

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.calibration import CalibratedClassifierCV
from sklearn.ensemble import RandomForestClassifier
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import Normalizer, StandardScaler
from sklearn.svm import LinearSVC

from skzsl import ScoreNormalizer, ZeroShotConvex, indicator_frame, with_labels
from skzsl.model_selection import ClassDisjointKFold, GreedyLabelFolds, ThresholdTuner, get_scorer, zero_shot_scorer
from skzsl.text import HashingEncoder, LookupEncoder
from skzsl.zero_shot import _convex

ENCODER = HashingEncoder(32)
SOURCES = ["rain", "dog bark", "siren", "church bells", "rain drops"]
LABELS = ["heavy rain", "dog", "bells", "siren"]


@pytest.fixture
def tagged(rng):
    y = indicator_frame(
        [[["rain"], ["rain", "dog"], ["hail", "siren"], ["wind"], ["hail"], ["dog"]][clip % 6] for clip in range(60)]
    )
    y["thunder"] = 0
    return rng.normal(size=(60, 4, 8)) + (y.to_numpy() @ rng.normal(size=(6, 8)))[:, None], y


def written_out(probabilities, sources, labels, n_top, encoder=ENCODER):
    """ConSE, one clip and one label at a time."""
    vector = dict(zip([*sources, *labels], encoder.transform([*sources, *labels]).astype(float), strict=True))
    scores = np.zeros((len(probabilities), len(labels)))
    for i, row in enumerate(probabilities):
        best = sorted(range(len(sources)), key=lambda source: (-row[source], source))[:n_top]
        total = sum(row[source] for source in best)
        if total == 0:
            continue
        mixture = sum(row[source] / total * vector[sources[source]] for source in best)
        for j, label in enumerate(labels):
            length = np.sqrt(sum(mixture**2)) * np.sqrt(sum(vector[label] ** 2))
            scores[i, j] = sum(mixture * vector[label]) / length
    return scores


@pytest.mark.parametrize("n_top", [1, 2, 10])
@pytest.mark.parametrize(
    "classifier", [None, LogisticRegression(), KNeighborsClassifier()], ids=["default", "linear", "neighbours"]
)
def test_scores_are_those_of_conse_as_written_out(word_sounds, classifier, n_top):
    X, y = word_sounds
    segments = np.stack([X + 1, X - 1, X * 0], axis=1)  # the last is absent
    model = ZeroShotConvex(ENCODER, classifier=classifier, n_top=n_top).fit(segments, y)
    if classifier is None:
        classifier = make_pipeline(StandardScaler(), LogisticRegression(C=0.1, max_iter=1000))
    probabilities = clone(classifier).fit(X, y).predict_proba(X)
    labels = ["slow wind", "fast dog"]
    expected = written_out(probabilities, sorted(set(y)), labels, n_top, ENCODER.fit(labels))
    np.testing.assert_allclose(model.decision_function(segments, labels=labels), expected, atol=1e-8)


@pytest.mark.parametrize("n_top", [1, 3, 5, 9])
def test_class_scores_are_mixed_as_written_out(rng, n_top):
    scores = rng.integers(0, 4, size=(40, 3, 5)) / 4  # with ties
    scores[3] = 0
    scores[5, 1:] = 0
    means = np.array([clip[: max(1, clip.any(axis=1).nonzero()[0].max(initial=0) + 1)].mean(axis=0) for clip in scores])
    model = ZeroShotConvex(ENCODER, source_labels=SOURCES, n_top=n_top).fit(scores)
    expected = written_out(means, SOURCES, LABELS[:3], n_top, ENCODER.fit(LABELS))
    np.testing.assert_allclose(model.decision_function(scores, labels=LABELS[:3]), expected, atol=1e-8)
    np.testing.assert_array_equal(expected[3], 0)
    assert model.classifier_ is None


def test_class_scores_need_no_labels_and_learn_nothing_from_them(rng):
    scores, y = rng.random((20, 5)), np.array(LABELS * 5)
    plain = ZeroShotConvex(ENCODER, source_labels=np.array(SOURCES)).fit(scores)
    labelled = clone(plain).fit(scores, y)
    np.testing.assert_array_equal(labelled.decision_function(scores, LABELS), plain.decision_function(scores, LABELS))
    assert labelled.classes_.tolist() == labelled.seen_classes_.tolist() == sorted(LABELS)
    assert labelled.score(scores, y) == with_labels(plain, LABELS).score(scores, y)
    with pytest.raises(ValueError, match=r"without y .* pass labels="):
        plain.predict(scores)
    several = indicator_frame([[label] for label in y])
    tags = clone(plain).set_params(threshold=0.4).fit(scores, several).predict(scores)
    np.testing.assert_array_equal(tags, plain.decision_function(scores, list(several)) > 0.4)


def test_the_encoder_is_centred_on_the_labels_that_are_mixed(rng):
    table = dict(zip([*SOURCES, *LABELS[:3]], 3 + rng.normal(size=(8, 6)), strict=True))
    centred = make_pipeline(LookupEncoder(table), StandardScaler(with_std=False), Normalizer())
    scores = rng.random((7, 5))
    model = ZeroShotConvex(centred, source_labels=SOURCES).fit(scores, ["heavy rain", "dog", "bells"] * 2 + ["dog"])
    expected = written_out(scores, SOURCES, LABELS[:3], 10, clone(centred).fit(SOURCES))
    np.testing.assert_allclose(model.decision_function(scores, labels=LABELS[:3]), expected, atol=1e-8)
    np.testing.assert_allclose(model.source_vectors_, clone(centred).fit_transform(SOURCES))


def test_unseen_labels_are_found_by_the_words_they_share(word_sounds):
    X, y = word_sounds
    model = ZeroShotConvex(HashingEncoder())
    folds = ClassDisjointKFold(4, random_state=0)
    assert cross_val_score(model, X, y, cv=folds, scoring=zero_shot_scorer("accuracy")).mean() > 0.7
    assert model.fit(X, y).score(X, y) > 0.95


@pytest.mark.parametrize(
    "classifier",
    [None, KNeighborsClassifier(), RandomForestClassifier(5, random_state=0)],
    ids=["default", "neighbours", "forest"],
)
def test_several_labels_a_clip_are_taken(tagged, classifier):
    X, y = tagged
    model = ZeroShotConvex(HashingEncoder(), classifier=classifier, n_top=2).fit(X, y)
    assert model.seen_classes_.tolist() == list(y)[:-1]
    answer = model.classifier_.predict_proba(X.mean(axis=1))
    probabilities = np.stack([p[:, 1] for p in answer], axis=1) if isinstance(answer, list) else answer
    expected = written_out(probabilities, list(y)[:-1], ["thunder"], 2, HashingEncoder().fit(["thunder"]))
    np.testing.assert_allclose(model.decision_function(X)[:, [-1]], expected, atol=1e-8)
    np.testing.assert_array_equal(model.predict(X), model.decision_function(X) > 0.5)
    assert get_scorer("f1_micro")(model, X, y) > 0.5
    tuner = ThresholdTuner(model, cv=GreedyLabelFolds(2)).fit(X, y)
    assert np.isfinite(tuner.threshold_)


def test_parameters_that_act_after_training_train_once(word_sounds, tmp_path, monkeypatch):
    X, y = word_sounds
    model = ZeroShotConvex(ENCODER, n_top=1).fit(X, y)
    plain = clone(model).set_params(n_top=5).fit(X, y).decision_function(X)
    np.testing.assert_array_equal(model.set_params(n_top=5).decision_function(X), plain)
    penalised = model.set_params(seen_penalty=0.25).decision_function(X, labels=["fast hum", "wind"])
    raw = model.set_params(seen_penalty=0).decision_function(X, labels=["fast hum", "wind"])
    np.testing.assert_allclose(raw - penalised, [[0.25, 0.0]] * len(X))
    with pytest.raises(ValueError, match="n_top == 0"):
        model.set_params(n_top=0).predict(X)

    trained, build = [], _convex._default_classifier
    monkeypatch.setattr(_convex, "_default_classifier", lambda several: trained.append(1) or build(several))
    remembered = ZeroShotConvex(ENCODER, memory=str(tmp_path))
    grid = {"n_top": [1, 3], "temperature": [0.1, 1.0], "seen_penalty": [0.0, 1.0]}
    search = GridSearchCV(remembered, grid, cv=2, refit=False, error_score="raise").fit(X, y)
    assert len(trained) == 2
    assert np.ptp(search.cv_results_["mean_test_score"][search.cv_results_["param_n_top"] == 1]) == 0


def test_it_survives_scikit_learn(word_sounds):
    X, y = word_sounds
    model = ZeroShotConvex(ENCODER).fit(X, y)
    for same in (pickle.loads(pickle.dumps(model)), clone(model).fit(X, y)):
        np.testing.assert_array_equal(same.decision_function(X), model.decision_function(X))
    pipeline = make_pipeline(StandardScaler(), ZeroShotConvex(ENCODER, classifier=LogisticRegression()))
    grid = {"zeroshotconvex__classifier__C": [1e-6, 1.0], "zeroshotconvex__n_top": [3]}
    search = GridSearchCV(pipeline, grid, cv=ClassDisjointKFold(2, random_state=0), n_jobs=2, error_score="raise")
    search.set_params(scoring=get_scorer("zsl_accuracy")).fit(X, y)
    assert with_labels(search, ["fast hum", "slow hum"]).predict(X[:1])[0] in {"fast hum", "slow hum"}
    assert pipeline.fit(X, y).score(X, y, labels=sorted(set(y))) > 0.95
    assert ScoreNormalizer(model).fit(X, y).score(X, y) > 0.9


def test_bad_class_scores_are_named(rng):
    scores, model = rng.random((4, 5)), ZeroShotConvex(ENCODER, source_labels=SOURCES)
    logits = scores.copy()
    logits[2, 3] = -0.5
    for ask in (lambda: clone(model).fit(logits), lambda: model.fit(scores).predict(logits, labels=LABELS)):
        with pytest.raises(ValueError, match=r"X has -0\.5 for clip 2, class 3; pass probabilities"):
            ask()
    with pytest.raises(ValueError, match="X has 4 columns for 5 source_labels"):
        clone(model).fit(scores[:, :4])
    with pytest.raises(ValueError, match="Text 1 is 3, not a string"):
        ZeroShotConvex(ENCODER, source_labels=["rain", 3]).fit(scores[:, :2])
    with pytest.raises(ValueError, match=r"classifier=LogisticRegression\(\) has no effect on class scores"):
        clone(model).set_params(classifier=LogisticRegression()).fit(scores)


def test_classifiers_that_do_not_fit_are_refused(word_sounds, tagged):
    X, y = word_sounds
    with pytest.raises(ValueError, match=r"'classifier' parameter .* Got LinearSVC\(\)"):
        ZeroShotConvex(ENCODER, classifier=LinearSVC()).fit(X, y)
    assert ZeroShotConvex(ENCODER, classifier=CalibratedClassifierCV(LinearSVC(), cv=2)).fit(X, y).score(X, y) > 0.9
    with pytest.raises(ValueError, match="the target y is None"):
        ZeroShotConvex(ENCODER).fit(X)
    other = FrozenEstimator(LogisticRegression().fit(X, np.char.add("very ", y)))
    with pytest.raises(ValueError, match=r"such as \['very fast beep'.* y has labels such as \['fast beep'"):
        ZeroShotConvex(ENCODER, classifier=other).fit(X, y)
    X, y = tagged
    narrow = FrozenEstimator(KNeighborsClassifier().fit(X.mean(axis=1), y.to_numpy()[:, :3]))
    with pytest.raises(ValueError, match=r"shape \(1, 3\) for 1 clips and 5 labels"):
        ZeroShotConvex(ENCODER, classifier=narrow).fit(X, y)
    with pytest.raises(ValueError, match="one class"):
        ZeroShotConvex(ENCODER).fit(X, ["rain"] * 60)


@pytest.mark.parametrize(("texts", "published"), [("esc50_minilm", 0.57), ("esc50_minilm_synonyms", 0.63)])
def test_yamnet_names_the_labels_of_esc50_without_training(data, texts, published):
    clips, vectors = np.load(data / "esc50_yamnet.npz"), np.load(data / "label_embeddings.npz")
    sources, labels = clips["score_class_name"].tolist(), [f"ESC-50: {text}" for text in clips["class_text"]]
    table = dict(zip([*sources, *labels], [*vectors["yamnet521_minilm"], *vectors[texts]], strict=True))
    encoder = make_pipeline(LookupEncoder(table), StandardScaler(with_std=False), Normalizer())
    X, y = clips["scores"], np.array(labels)[clips["y"]]
    assert ZeroShotConvex(encoder, source_labels=sources).fit(X).score(X, y, labels=labels) >= published


def test_a_fit_to_class_scores_forgets_the_classifier(rng, tmp_path):
    X, y = rng.random((20, 5)), np.array(LABELS * 5)
    scored = ZeroShotConvex(ENCODER, source_labels=SOURCES, memory=str(tmp_path)).fit(X, y)
    model = ZeroShotConvex(ENCODER, memory=str(tmp_path)).fit(X, y).set_params(source_labels=SOURCES).fit(X, y)
    np.testing.assert_array_equal(model.decision_function(X), scored.decision_function(X))


def test_labels_without_a_direction_are_refused():
    table = {**dict(zip(SOURCES, np.eye(5), strict=True)), "silence": np.zeros(5)}
    model = ZeroShotConvex(table, source_labels=SOURCES).fit(np.eye(5))
    with pytest.raises(ValueError, match="text vector of 'silence' is zero"):
        model.predict(np.eye(5), labels=["rain", "silence"])
