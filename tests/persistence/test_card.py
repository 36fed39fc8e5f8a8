import numpy as np
import pytest
from models import data, fitted, new
from sklearn.model_selection import KFold, cross_validate
from sklearn.preprocessing import StandardScaler

import skzsl
from skzsl.exceptions import ModelIntegrityError


@pytest.fixture
def path(tmp_path):
    skzsl.save(new("ridge", label_texts={"cat": "cat meow"}).fit(*data("one")), tmp_path / "m.skzsl", note="A note.")
    return tmp_path / "m.skzsl"


def test_a_card_says_what_the_model_is(path):
    scores = cross_validate(
        new("ridge"),
        *data("one"),
        cv=KFold(2),
        scoring=["accuracy", "f1_macro"],
        return_estimator=True,
        return_indices=True,
    )
    card = skzsl.model_card(
        path,
        trained_on="24 clips, made up",
        scores=scores,
        folds=KFold(2),
        limits=["Not for birds."],
        licence="cc0-1.0",
    )
    assert card.startswith('---\nlibrary_name: "skzsl"\n')
    assert 'license: "cc0-1.0"\n---\n' in card
    parts = card.split("\n## ")
    titles = [part.splitlines()[0] for part in parts[1:]]
    assert titles == ["Trained on", "Clips", "Labels", "Scores", "Limits", "Use", "Made with", "Note"]
    mean, spread = np.mean(scores["test_accuracy"]), np.std(scores["test_accuracy"])
    assert f"| accuracy | {mean:.3f} | {spread:.3f} | " in card
    assert "fit_time" not in card
    assert "Folds: KFold(n_splits=2" in card
    assert '4: "cat", "dog", "rain", "wind"' in card
    assert "'cat' is read as 'cat meow'" in card
    assert "- Not for birds." in card
    assert 'skzsl.load("m.skzsl")' in card
    assert "ZeroShotRidge(label_texts=" in card
    assert "are less sure than those of the labels above" in card
    assert 'skzsl.with_labels(model, ["a label", "that is new"]).predict(X)' in card


def test_a_card_says_what_holds_of_the_kind_of_model(tmp_path):
    for name, kind, new_labels, calibrated in (
        ("multi-level", "one", False, False),
        ("calibrated ridge", "one", True, True),
        ("ridge", "several", True, False),
    ):
        skzsl.save(fitted(name, kind), tmp_path / "m")
        card = skzsl.model_card(tmp_path / "m", trained_on="24 clips, made up")
        assert ("with_labels" in card) == ("less sure" in card) == new_labels
        assert ("It knows the labels above and no other." in card) != new_labels
        assert ("were calibrated" in card) == calibrated != ("are not calibrated" in card)


def test_text_models_are_named_with_their_hash(tmp_path):
    words = tmp_path / "words.txt"
    words.write_text("rain 1 0\ndog 0 1\nwind 1 1\ncat 2 1\n")
    model = skzsl.ZeroShotRidge(skzsl.text.WordVectorEncoder(words)).fit(*data("one"))
    skzsl.save(model, tmp_path / "m")
    sha = skzsl.read_header(tmp_path / "m")["encoders"][0]["sha256"]
    assert f"- WordVectorEncoder: words.txt, sha256 {sha}" in skzsl.model_card(tmp_path / "m", trained_on="x")


def test_what_has_no_labels_gets_a_card_without_them(tmp_path):
    skzsl.save(StandardScaler(), tmp_path / "m")
    card = skzsl.model_card(tmp_path / "m", trained_on="nothing")
    assert "## Labels" not in card
    assert "predict" not in card
    assert "Probabilities" not in card
    assert "## Scores" not in card


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"trained_on": " "}, "trained_on=' '"),
        ({"trained_on": None}, "trained_on=None"),
        ({"trained_on": "x", "limits": "only one"}, "limits='only one'"),
        ({"trained_on": "x", "scores": [0.4, 0.3]}, r"scores=\[0.4, 0.3\]"),
        ({"trained_on": "x", "scores": {"f1": [0.5]}}, "without their folds"),
        ({"trained_on": "x", "scores": {"f1": [np.nan]}, "folds": "2"}, "scores of 'f1'"),
        ({"trained_on": "x", "scores": {"f1": [[1.0]]}, "folds": "2"}, "scores of 'f1'"),
        ({"trained_on": "x", "scores": {"f1": []}, "folds": "2"}, "scores of 'f1'"),
        ({"trained_on": "x", "scores": {"f1": ["good"]}, "folds": "2"}, "scores of 'f1' are .*'good'"),
        ({"trained_on": "x", "scores": 3, "folds": "2"}, "scores=3; pass a dict"),
        ({"trained_on": "x", "scores": {1: [0.5]}, "folds": "2"}, "scores=.*pass a dict"),
    ],
)
def test_cards_that_say_nothing_are_refused(given, message, path):
    with pytest.raises(ValueError, match=message):
        skzsl.model_card(path, **given)


def test_a_damaged_file_gets_no_card(path):
    path.write_bytes(path.read_bytes()[:-10])
    with pytest.raises(ModelIntegrityError):
        skzsl.model_card(path, trained_on="x")


def test_a_tagger_has_a_card(tmp_path):
    skzsl.save(fitted("multi-level", "several"), tmp_path / "m")
    assert "MultiLevelAttentionClassifier" in skzsl.model_card(tmp_path / "m", trained_on="x")
