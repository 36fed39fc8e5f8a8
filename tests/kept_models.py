"""A model of each kind, fitted on a few clips, as the tests of persistence keep it from release to release."""

import numpy as np
from models import MODELS, data, new
from sklearn.model_selection import GridSearchCV, KFold
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skzsl import ScoreNormalizer, ZeroShotBilinear
from skzsl.model_selection import zero_shot_scorer
from skzsl.preprocessing import EmbeddingScaler, SegmentPooling, Segmentwise
from skzsl.text import HashingEncoder, LookupEncoder, NameReader, Prompts, TextKernel


def models():
    """Fitted models by a name for their file."""
    kinds = {name: "one" if "one" in model.kinds else "several" for name, model in MODELS.items()}
    fitted = {name.replace(", ", "-").replace(" ", "-"): new(name).fit(*data(kind)) for name, kind in kinds.items()}
    X, y = data("one")
    texts = make_pipeline(NameReader(), Prompts(HashingEncoder(8)), TextKernel())
    table = LookupEncoder(dict(zip(np.unique(y), np.eye(4), strict=True)))
    grid = {"temperature": [1.0, 2.0], "text_encoder": [HashingEncoder(8), table]}
    several = data("several")
    return fitted | {
        "pipeline": make_pipeline(Segmentwise(StandardScaler()), new("ridge")).fit(X, y),
        "pooled": make_pipeline(SegmentPooling("mean+max"), new("ridge", text_encoder=texts)).fit(X, y),
        "search": GridSearchCV(new("ridge"), grid, cv=KFold(2), scoring=zero_shot_scorer(candidates="all")).fit(X, y),
        "several-labels": ScoreNormalizer(new("temporal attention")).fit(*several),
        "parts": new("temporal attention").partial_fit(*several).partial_fit(*several),
        "scaler": EmbeddingScaler().fit(X),
        "online": ZeroShotBilinear(HashingEncoder(8), random_state=0).partial_fit(X, y, classes=["siren"]),
    }


def answers(model):
    """What a model makes of the clips."""
    X = data("one")[0]
    return model.predict_proba(X) if hasattr(model, "predict_proba") else model.transform(X)
