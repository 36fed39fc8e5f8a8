"""The encoder that ``text_encoder=None`` stands for."""

from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import Normalizer, StandardScaler

from ._sentence import SentenceEncoder


def default_encoder() -> Pipeline:
    """Build MiniLM sentence vectors, centred on the labels of fit and scaled to unit length.

    Label names share a large common component ("all are sounds"); without it their differences stand out.
    """
    return make_pipeline(SentenceEncoder(), StandardScaler(with_std=False), Normalizer())
