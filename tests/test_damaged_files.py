"""Damaged and malicious files: a clear error or the same values, nothing run, written or allocated beyond the file."""

import os
import re
import signal
import tracemalloc
import warnings
from collections import Counter
from contextlib import contextmanager
from zlib import crc32

import pytest
from damaged_files import dataset_readers, hashed_readers, model_readers, plain, word_vector_readers
from mutations import mutated

N_MUTATIONS = int(os.environ.get("SKZSL_MUTATIONS", 100))
SEED = int(os.environ.get("SKZSL_MUTATIONS_SEED", 0))


class Hangs(BaseException):
    """Not an Exception, so that no reader takes it for a fault of the file."""


@contextmanager
def at_most(seconds):
    def stop(*_):
        raise Hangs

    before = signal.signal(signal.SIGALRM, stop)
    signal.alarm(seconds)
    try:
        yield
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)


def read_within(reader, folder, size):
    """What is read, or the error, within time and memory."""
    tracemalloc.start()
    try:
        with warnings.catch_warnings(), at_most(60):
            warnings.simplefilter("error")
            return plain(reader.read(folder))
    except reader.errors as error:
        return error
    finally:
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert peak < 50e6 + 10 * size


def is_clear(error, name, folder):
    """Whether an error names the file or the folder, and goes on to say what to do."""
    text = str(error)
    return (name in text or str(folder) in text) and re.search(r"[;.] ", text)


def check(name, reader, tmp_path, monkeypatch, record_property, n=N_MUTATIONS):
    """Hold a reader to one of three outcomes for each of many damaged files."""
    folder = tmp_path / "a" / "b"
    for file, content in reader.files.items():
        (folder / file).parent.mkdir(parents=True, exist_ok=True)
        (folder / file).write_bytes(content)
    monkeypatch.chdir(folder)
    whole, before = plain(reader.read(folder)), sorted(tmp_path.rglob("*"))
    path, outcomes = folder / reader.damaged, Counter()
    for mutations, content in mutated(path.read_bytes(), reader.mutations, n, [SEED, crc32(name.encode())]):
        path.write_bytes(content)
        read = read_within(reader, folder, len(content))
        if isinstance(read, Exception):
            assert is_clear(read, path.name, folder), f"{mutations}: {type(read)} {read}"
            outcomes["a clear error"] += 1
        elif read == whole:
            outcomes["the same values"] += 1
        else:
            assert "any" in reader.undetected or not reader.undetected.isdisjoint(mutations), mutations
            outcomes["other values"] += 1
    assert sorted(tmp_path.rglob("*")) == before, "a file was made"
    assert outcomes["a clear error"] > outcomes.total() / 10
    record_property("damaged files", {f"{name}: {what}": count for what, count in outcomes.items()})


DATASETS = [
    "TFRecord shard",
    "label table",
    "AudioSet npz",
    "ESC-50 npz",
    "ESC-50 json",
    "ontology",
    "event csv",
    "event tsv of numbered clips",
    "Raven",
    "embeddings, npy",
    "embeddings, npz of OpenL3",
    "embeddings, BirdNET",
    "embeddings, csv",
    "embeddings, parquet",
    "labels of FSD50K",
    "labels of MTG-Jamendo",
    "Audacity",
]
WORD_VECTORS = [
    ".kv",
    ".kv, vectors apart",
    ".npy of a .kv",
    "word2vec .bin",
    "word2vec .bin.gz",
    "word2vec text",
    "GloVe text",
]
HASHED = ["GloVe vectors", "GloVe words", "MiniLM weights", "MiniLM configuration"]


@pytest.mark.parametrize("name", DATASETS)
def test_damaged_data_is_one_clear_error_or_reads_the_same(
    name, tmp_path, tmp_path_factory, monkeypatch, record_property
):
    readers = dataset_readers(tmp_path_factory.mktemp("made"))
    assert list(readers) == DATASETS
    check(name, readers[name], tmp_path, monkeypatch, record_property)


@pytest.mark.parametrize("name", WORD_VECTORS)
def test_damaged_word_vectors_are_one_clear_error_or_read_the_same(
    name, tmp_path, tmp_path_factory, monkeypatch, record_property
):
    readers = word_vector_readers(tmp_path_factory.mktemp("made"))
    assert list(readers) == WORD_VECTORS
    check(name, readers[name], tmp_path, monkeypatch, record_property)


@pytest.mark.parametrize("name", HASHED)
def test_no_damage_of_what_an_extra_installs_gets_past_its_hash(name, tmp_path, monkeypatch, record_property):
    readers = hashed_readers(tmp_path / "a" / "b", monkeypatch)
    check(f"installed {name}", readers[f"installed {name}"], tmp_path, monkeypatch, record_property)


MODEL = ["modules.json", "config.json", "model.safetensors", "tokenizer.json", "1_Pooling/config.json"]
MODEL += ["config_sentence_transformers.json", "sentence_bert_config.json", "tokenizer_config.json"]


@pytest.fixture(scope="module")
def models(tmp_path_factory):
    return model_readers(tmp_path_factory.mktemp("made"))


@pytest.mark.parametrize("file", MODEL)
def test_damaged_model_folders_are_one_clear_error_or_read_the_same(
    file, models, tmp_path, monkeypatch, record_property
):
    assert sorted(models) == sorted(f"model folder: {name}" for name in MODEL)
    name = f"model folder: {file}"
    check(name, models[name], tmp_path, monkeypatch, record_property, n=N_MUTATIONS // 8)
