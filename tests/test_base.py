import numpy as np
import pytest
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import ConfusionMatrixDisplay
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler

from skzsl import ZeroShotBilinear, with_labels
from skzsl._fitting import all_or_nothing
from skzsl.text import HashingEncoder


def test_pipelines_and_searches_get_labels_through_a_view(word_sounds):
    X, y = word_sounds
    pipeline = make_pipeline(StandardScaler(), ZeroShotBilinear(HashingEncoder())).fit(X, y)
    labels = ["fast hum", "slow beep", "wind"]
    view = with_labels(pipeline, labels)
    assert view.classes_.tolist() == labels
    np.testing.assert_array_equal(view.predict(X), pipeline.predict(X, labels=labels))
    np.testing.assert_allclose(view.predict_proba(X), pipeline.predict_proba(X, labels=labels))
    search = GridSearchCV(pipeline, {"zeroshotbilinear__lr": [0.01]}, cv=2).fit(X, y)
    np.testing.assert_array_equal(
        with_labels(search, labels).predict(X), search.best_estimator_.predict(X, labels=labels)
    )


def test_views_serve_displays_that_cannot_pass_labels(word_sounds):
    import matplotlib as mpl

    mpl.use("Agg")
    X, y = word_sounds
    seen = ~np.isin(y, ["fast hum", "slow beep"])
    model = ZeroShotBilinear(HashingEncoder()).fit(X[seen], y[seen])
    display = ConfusionMatrixDisplay.from_estimator(with_labels(model, ["slow beep", "fast hum"]), X[~seen], y[~seen])
    assert display.confusion_matrix.shape == (2, 2)


def test_searches_inside_pipelines_get_labels_too(word_sounds):
    X, y = word_sounds
    inner = GridSearchCV(ZeroShotBilinear(HashingEncoder()), {"lr": [0.01]}, cv=2)
    nested = make_pipeline(StandardScaler(), make_pipeline(StandardScaler(), inner)).fit(X, y)
    assert with_labels(nested, ["wind", "fast hum"]).predict(X[:1])[0] in {"wind", "fast hum"}
    assert nested.predict(X[:1])[0] in y
    with pytest.raises(NotFittedError):
        with_labels(clone(inner), ["wind"])
    with pytest.raises(TypeError, match="refit=True"):
        with_labels(clone(inner).set_params(refit=False).fit(X, y), ["wind"])


def test_estimators_without_text_are_refused():
    model = LogisticRegression().fit(np.eye(2), ["a", "b"])
    for estimator in (model, make_pipeline(StandardScaler(), model)):
        with pytest.raises(TypeError, match="LogisticRegression has no zero-shot estimator"):
            with_labels(estimator, ["c"])


@pytest.mark.parametrize(
    ("encode", "message"),
    [
        (lambda texts: np.zeros((1, 3)), r"turned 2 texts into shape \(1, 3\)"),
        (lambda texts: np.zeros(len(texts)), r"shape \(2,\)"),
        (lambda texts: np.zeros((len(texts), 0)), r"shape \(2, 0\)"),
        (lambda texts: np.array([[text] for text in texts]), "row of numbers"),
        (lambda texts: np.array([[1.0] if text == "rain" else [np.inf] for text in texts]), "infinity for 'dog'"),
    ],
)
def test_encoders_that_return_no_vectors_are_refused(encode, message):
    with pytest.raises(ValueError, match=message):
        ZeroShotBilinear(FunctionTransformer(encode)).fit(np.eye(2), ["rain", "dog"])


def test_encoders_whose_width_depends_on_the_texts_are_refused():
    model = ZeroShotBilinear(FunctionTransformer(lambda texts: np.eye(len(texts)))).fit(np.eye(2), ["rain", "dog"])
    with pytest.raises(ValueError, match=r"lengths \[1, 2\]"):
        model.predict(np.eye(2), labels=["wind", "rain"])


def test_sparse_text_vectors_are_taken():
    from sklearn.feature_extraction.text import TfidfVectorizer

    model = ZeroShotBilinear(TfidfVectorizer()).fit(np.eye(2), ["church bells", "dog bark"])
    assert model.predict(np.eye(2), labels=["bells", "dog"]).tolist() == ["bells", "dog"]


def test_each_label_is_encoded_once_per_model():
    encoded = []

    def encode(texts):
        encoded.extend(texts)
        return HashingEncoder().fit_transform(texts)

    model = ZeroShotBilinear(FunctionTransformer(encode)).fit(np.eye(2), ["rain", "dog"])
    model.predict(np.eye(2))
    model.predict(np.eye(2), labels=["wind", "rain"])
    model.with_labels(["wind", "dog"]).predict(np.eye(2))
    assert encoded == ["dog", "rain", "wind"]


def test_all_or_nothing_gives_attributes_back():
    class Holder:
        pass

    holder = Holder()
    holder.kept = 1

    def fail():
        with all_or_nothing(holder):
            holder.kept, holder.new = 2, 3
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fail()
    assert vars(holder) == {"kept": 1}
