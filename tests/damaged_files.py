"""Every reader of files, with a small whole file for it and what may become of a damaged one."""

import io
import json
from dataclasses import dataclass, field
from hashlib import sha256
from types import SimpleNamespace

import numpy as np
import pandas as pd
from mutations import BYTES, TEXT
from mutations_of_forms import JSON, NPZ, other_npy_header
from tfrecords import clip_record, framed

from skzsl import datasets
from skzsl.exceptions import ModelIntegrityError, UnknownWordError
from skzsl.text import SentenceEncoder, WordVectorEncoder, _cache, _glove, _installed, _minilm

# What gives a file sound checksums for another content.
FORGED = {"entries_swapped", "entry_changed", "npy_header", "newer_npy", "other_array"}
ANY = {"any"}
LABELS = ["Speech", "Dog", "Rain, gentle", "Siren"]
WORDS = ["dog", "bark", "rain", "church", "bells"]
EVENTS = pd.DataFrame(
    {
        "clip": ["a.wav", "a.wav", "b.wav"],
        "label": ["Dog, barking", 'Say "ah"', "Vögel 鳥"],
        "onset": [0.0, 1.25, 3.1],
        "offset": [0.5, 1.25, 4.5],
        "score": [0.25, 1.0, 0.125],
    }
)
VECTORS = np.arange(1, 13, dtype=np.float32).reshape(3, 4)
TABLE = pd.DataFrame({"filename": ["a.wav", "b.wav", "c, d.wav"], **{f"emb_{i}": VECTORS[:, i] for i in range(4)}})


@dataclass
class Reader:
    """A reader, the files it needs, and the one that is damaged.

    ``undetected`` are the mutations after which the file may read as other values, as its format has no checksum or the
    mutation has made it anew; ANY for all.
    """

    files: dict
    damaged: str
    read: object
    mutations: list
    undetected: set = field(default_factory=set)
    errors: tuple = (ValueError,)


def _saved(save, *args, **options):
    file = io.BytesIO()
    save(file, *args, **options)
    return file.getvalue()


def _audioset_npz():
    return _saved(
        np.savez_compressed,
        X=np.random.default_rng(0).integers(1, 256, (2, 10, 128), dtype=np.uint8),
        Y_packed=np.packbits([[0, 1, 0, 1], [1, 0, 0, 0]], axis=1),
        ytid=np.array(["one", "two"]),
        start=np.float32([0, 30]),
        end=np.float32([10, 40]),
        class_name=np.array(LABELS),
        class_mid=np.array(["/m/0", "/m/1", "/m/2", "/t/3"]),
    )


def _esc50():
    rng = np.random.default_rng(0)
    arrays = {
        "X_q": rng.integers(-128, 127, (4, 3, 16), dtype=np.int8),
        "X_scale": np.float32(0.02),
        "X_zero": np.int32(-128),
        "y": np.array([0, 1, 1, 0]),
        "fold": np.array([1, 2, 3, 4]),
        "freesound_id": np.array([10, 20, 30, 40]),
    }
    labels = [
        {"text": text, "category": "Animals", "zsl_random_fold": fold, "added_words": ["word", text]}
        for fold, text in enumerate(["dog", "crow"], 1)
    ]
    return {"esc50_yamnet.npz": _saved(np.savez, **arrays), "esc50_labels.json": json.dumps(labels).encode()}


def _ontology():
    nodes = [
        {"id": f"/m/{i}", "name": name, "description": f"The sound of {name}.", "child_ids": below, "restrictions": []}
        for i, (name, below) in enumerate([("Animal", ["/m/1"]), ("Dog", ["/m/2", "/m/3"]), ("Bark", []), ("Howl", [])])
    ]
    return json.dumps(nodes, indent=1).encode()


def _shard():
    clips = [clip_record(0, [0, 2], n_frames=3), clip_record(1, [3], n_frames=2), clip_record(2, [], packed=False)]
    return b"".join(framed(clip.record) for clip in clips)


def _label_table():
    return "".join(["index,mid,display_name\n", *(f'{i},/m/{i},"{name}"\n' for i, name in enumerate(LABELS))]).encode()


def _written(folder, write, *args, **options):
    write(*args, folder / "made", **options)
    return (folder / "made").read_bytes()


def dataset_readers(folder):
    """Readers of `skzsl.datasets`, by name."""
    shard, esc50 = _shard(), _esc50()
    by_first = {"clip": "a.wav"}
    return {
        "TFRecord shard": Reader(
            {"bal.tfrecord": shard},
            "bal.tfrecord",
            lambda path: datasets.load_audioset_vggish(path / "bal.tfrecord", labels=LABELS),
            BYTES,
            {"cut", "behead"},  # between two records
        ),
        "label table": Reader(
            {"bal.tfrecord": shard, "indices.csv": _label_table()},
            "indices.csv",
            lambda path: datasets.load_audioset_vggish(path / "bal.tfrecord", labels=path / "indices.csv"),
            TEXT,
            ANY,
        ),
        "AudioSet npz": Reader(
            {"small.npz": _audioset_npz()},
            "small.npz",
            lambda path: datasets.load_audioset_vggish(path / "small.npz"),
            NPZ,
            FORGED,
        ),
        "ESC-50 npz": Reader(esc50, "esc50_yamnet.npz", datasets.load_esc50_embeddings, NPZ, FORGED),
        "ESC-50 json": Reader(esc50, "esc50_labels.json", datasets.load_esc50_embeddings, JSON, ANY),
        "ontology": Reader(
            {"ontology.json": _ontology()},
            "ontology.json",
            lambda path: datasets.load_audioset_ontology(path / "ontology.json"),
            JSON,
            ANY,
        ),
        "event csv": Reader(
            {"events.csv": EVENTS.to_csv(index=False).encode()},
            "events.csv",
            lambda path: datasets.read_events(path / "events.csv"),
            TEXT,
            ANY,
        ),
        "event tsv of numbered clips": Reader(
            {"events.tsv": EVENTS.assign(clip=[1, 1, 22]).to_csv(index=False, sep="\t").encode()},
            "events.tsv",
            lambda path: datasets.read_events(path / "events.tsv"),
            TEXT,
            ANY,
        ),
        "Raven": Reader(
            {"table.txt": _written(folder, datasets.write_raven_table, EVENTS, **by_first)},
            "table.txt",
            lambda path: datasets.read_raven_table(path / "table.txt"),
            TEXT,
            ANY,
        ),
        "embeddings, npy": Reader(
            {"all.npy": _saved(np.save, VECTORS)},
            "all.npy",
            lambda path: datasets.load_embeddings(path / "all.npy"),
            [*BYTES, other_npy_header],
            ANY,
        ),
        "embeddings, npz of OpenL3": Reader(
            {"a.npz": _saved(np.savez, embedding=VECTORS, timestamps=np.arange(3.0))},
            "a.npz",
            lambda path: datasets.load_embeddings([path / "a.npz"]),
            NPZ,
            {*FORGED, "entry_missing", "entry_outside"},  # times may be absent
        ),
        "embeddings, BirdNET": Reader(
            {"a.birdnet.embeddings.txt": b"0.0\t3.0\t0.5,1.5,2.5\n3.0\t6.0\t1,2,3\n"},
            "a.birdnet.embeddings.txt",
            lambda path: datasets.load_embeddings(path),
            TEXT,
            ANY,
        ),
        "embeddings, csv": Reader(
            {"t.csv": TABLE.to_csv(index=False).encode()},
            "t.csv",
            lambda path: datasets.load_embeddings(path / "t.csv"),
            TEXT,
            ANY,
        ),
        "embeddings, parquet": Reader(
            {"t.parquet": TABLE.to_parquet()},
            "t.parquet",
            lambda path: datasets.load_embeddings(path / "t.parquet"),
            BYTES,
            ANY,
        ),
        "labels of FSD50K": Reader(
            {"dev.csv": b'fname,labels,mids,split\n64760,"Guitar,Music","/m/02sgy,/m/04rlf",train\n7,Rain,/m/0,val\n'},
            "dev.csv",
            lambda path: datasets.load_labels(path / "dev.csv"),
            TEXT,
            ANY,
        ),
        "labels of MTG-Jamendo": Reader(
            {"tags.tsv": b"TRACK_ID\tPATH\tTAGS\nt_1\t1/1.mp3\tgenre---rock\nt_2\t2/2.mp3\tmood---dark\tgenre---pop\n"},
            "tags.tsv",
            lambda path: datasets.load_labels(path / "tags.tsv"),
            TEXT,
            ANY,
        ),
        "Audacity": Reader(
            {"track.txt": _written(folder, datasets.write_audacity_labels, EVENTS, **by_first)},
            "track.txt",
            lambda path: datasets.read_audacity_labels(path / "track.txt"),
            TEXT,
            ANY,
        ),
    }


def word_vector_readers(folder):
    """Readers of word vectors, by name."""
    from gensim.models import KeyedVectors

    table = KeyedVectors(4)
    table.add_vectors(WORDS, np.random.default_rng(0).normal(size=(len(WORDS), 4)).astype(np.float32))
    table.save(str(folder / "v.kv"))
    table.save(str(folder / "apart.kv"), sep_limit=1)
    for name, binary in [("v.bin", True), ("v.bin.gz", True), ("v.txt", False)]:
        table.save_word2vec_format(str(folder / name), binary=binary)
    contents = {path.name: path.read_bytes() for path in folder.iterdir() if path.is_file()}
    contents["glove.txt"] = contents["v.txt"].split(b"\n", 1)[1]

    def reader(damaged, mutations, undetected=ANY, files=(), path=None):
        return Reader(
            {name: contents[name] for name in (damaged, *files)},
            damaged,
            lambda folder: _encode(WordVectorEncoder(folder / (path or damaged)), WORDS),
            mutations,
            undetected,
            (ModelIntegrityError, UnknownWordError),
        )

    return {
        ".kv": reader("v.kv", BYTES),
        ".kv, vectors apart": reader("apart.kv", BYTES, files=["apart.kv.vectors.npy"]),
        ".npy of a .kv": reader(
            "apart.kv.vectors.npy", [*BYTES, other_npy_header], files=["apart.kv"], path="apart.kv"
        ),
        "word2vec .bin": reader("v.bin", TEXT),
        "word2vec .bin.gz": reader("v.bin.gz", BYTES, undetected=set()),
        "word2vec text": reader("v.txt", TEXT),
        "GloVe text": reader("glove.txt", TEXT),
    }


def hashed_readers(folder, monkeypatch):
    """Readers of what extras install into a folder, with small files in place of the real ones."""
    vectors = np.eye(len(WORDS), 50, dtype=np.float32)
    words = pd.DataFrame({"index": WORDS}).to_parquet()
    glove = {_glove._VECTORS: _saved(np.save, vectors), _glove._WORDS: words}
    minilm = {name: f"content of {name}".encode() * 9 for name in _minilm._SHA256}
    distribution = SimpleNamespace(locate_file=lambda name: folder)
    monkeypatch.setattr(_installed, "find_distribution", lambda name: distribution)
    for module, files in ((_glove, glove), (_minilm, minilm)):
        monkeypatch.setattr(module, "_SHA256", {name: sha256(content).hexdigest() for name, content in files.items()})

    def all_files(path):
        _minilm.installed_weights()
        return {name: (path / name).read_bytes() for name in minilm}

    def all_words(path):
        table = _glove.read_installed()
        return table.rows, np.array(table.vectors)

    return {
        f"installed {kind}": Reader(files, damaged, read, BYTES, errors=(ModelIntegrityError,))
        for kind, files, damaged, read in [
            ("GloVe vectors", glove, _glove._VECTORS, all_words),
            ("GloVe words", glove, _glove._WORDS, all_words),
            ("MiniLM weights", minilm, "model.safetensors", all_files),
            ("MiniLM configuration", minilm, "1_Pooling/config.json", all_files),
        ]
    }


def model_readers(folder):
    """Readers of the files of a small sentence-transformers model, by name."""
    import torch
    from sentence_transformers import SentenceTransformer
    from sentence_transformers.sentence_transformer.modules import Pooling, Transformer
    from transformers import BertConfig, BertModel, BertTokenizerFast

    (folder / "vocab.txt").write_text("\n".join(["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "dog", "bark", "rain"]))
    sizes = dict.fromkeys(["vocab_size", "hidden_size", "intermediate_size"], 8)
    with torch.random.fork_rng():
        net = BertModel(BertConfig(**sizes, num_hidden_layers=1, num_attention_heads=2, max_position_embeddings=16))
    net.save_pretrained(folder / "net")
    BertTokenizerFast(str(folder / "vocab.txt")).save_pretrained(folder / "net")
    modules = [Transformer(str(folder / "net")), Pooling(8, "mean")]
    folder = folder / "model"
    SentenceTransformer(modules=modules, device="cpu").save(str(folder))
    files = {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and path.suffix != ".md"
    }
    return {
        f"model folder: {name}": Reader(
            files,
            name,
            lambda path: _encode(SentenceEncoder(path, device="cpu"), ["dog bark", "rain"]),
            BYTES if name.endswith("safetensors") else JSON,
            ANY,
            (ModelIntegrityError,),
        )
        for name in files
    }


def _encode(encoder, texts):
    _cache.clear()
    return encoder.fit_transform(texts)


def plain(value):
    """A value that equals another one exactly if all that is in it does."""
    if isinstance(value, pd.DataFrame):
        return [list(value.columns), [str(kind) for kind in value.dtypes], value.to_numpy().tolist()]
    if isinstance(value, np.ndarray):
        return [value.dtype.str, value.shape, value.tolist()]
    if isinstance(value, dict):
        return {key: plain(entry) for key, entry in value.items()}
    return [plain(entry) for entry in value] if isinstance(value, list | tuple) else value
