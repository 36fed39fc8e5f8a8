"""What each part of the defaults is worth, and what better text adds: the closed form with one part changed at a time.

``ZeroShotRidge``, whose fit takes seconds and has no random part; partitions, rotations and figures are those of
``defaults.py``.
"""

from common import run, spread
from defaults import SEEDS, WAYS, Data, centred, rotation, unseen
from esc50 import deal, with_synonyms
from sklearn.pipeline import FeatureUnion, make_pipeline
from sklearn.preprocessing import Normalizer

from skzsl import ScoreNormalizer, ZeroShotRidge
from skzsl.text import NameReader, Prompts, SentenceEncoder, TextKernel, WordVectorEncoder


def variants(better):
    """Name -> the closed form with one part changed; ``better`` are richer texts of the labels."""
    sentences, words = centred(SentenceEncoder()), centred(WordVectorEncoder("glove-6b-50d", oov="zero"))
    weights = {"sentences": 0.75**0.5, "words": 0.25**0.5}
    joined = FeatureUnion([("sentences", sentences), ("words", words)], transformer_weights=weights)
    kernel = centred(TextKernel())
    prompted = make_pipeline(NameReader(), centred(Prompts(templates="the sound of {label}")), kernel)
    return {
        "as it comes": ZeroShotRidge(),
        "standardize=False: means of segments as they are": ZeroShotRidge(standardize=False),
        "without the kernel": ZeroShotRidge(make_pipeline(NameReader(), joined, Normalizer())),
        "without word vectors": ZeroShotRidge(make_pipeline(NameReader(), sentences, kernel)),
        "without sentences": ZeroShotRidge(make_pipeline(NameReader(), words, kernel)),
        "text_encoder='all-MiniLM-L6-v2', as it is": ZeroShotRidge("all-MiniLM-L6-v2"),
        "prompt 'the sound of {label}', without word vectors": ZeroShotRidge(prompted),
        "label_texts: synonyms, on AudioSet descriptions": ZeroShotRidge(label_texts=better),
        "in ScoreNormalizer": ScoreNormalizer(ZeroShotRidge()),
    }


def calls(arguments):
    """Every variant on every partition and rotation."""
    data, found = arguments.loaded, {}
    esc50 = data.esc50
    partitions = {f"seed {seed}": deal(esc50.categories, seed) for seed in SEEDS} | {"setting 3": esc50.categories}
    for name, model in variants(with_synonyms(esc50.synonyms)).items():
        for key, groups in partitions.items():
            found[f"{name}, {key}"] = (unseen, model, esc50.X, esc50.y, groups, WAYS[0])
    for name, model in variants(data.descriptions).items():
        for r, parts in enumerate(data.audioset.parts):
            found[f"{name}, rotation {r}"] = (rotation, model, parts, WAYS[0])
    return found


def tables(figures):
    """A row for each variant."""
    rows = []
    for name in variants({}):
        dealt = [score for seed in SEEDS for score in figures[f"{name}, seed {seed}"]["scores"]]
        audioset = [figures[f"{name}, rotation {r}"] for r in range(3)]
        cells = [dealt, figures[f"{name}, setting 3"]["scores"], *list(zip(*audioset, strict=True))[:2]]
        rows.append([name, *map(spread, cells)])
    header = ["ZeroShotRidge", "ESC-50, seeds 7 and 8", "ESC-50, setting 3", "AudioSet, mAP", "AudioSet, AUC"]
    yield "What each part is worth: labels never seen, mean ± sd over folds or rotations", header, rows


if __name__ == "__main__":
    run("parts", calls, tables, Data)
