"""Files made to run code, to take all memory or to end the process, each by its own trick."""

import json
import pickle
import struct
import tracemalloc
import zipfile

import numpy as np
import pytest
from agreement import assert_agree
from damaged_files import WORDS, model_readers
from gensim.models import KeyedVectors
from gensim.models.fasttext import FastTextKeyedVectors
from mutations import Payload
from tfrecords import clip_record, framed

from skzsl import load
from skzsl.datasets import load_audioset_vggish, load_esc50_embeddings, read_events
from skzsl.exceptions import ModelIntegrityError
from skzsl.text import ClapTextEncoder, SentenceEncoder, WordVectorEncoder, _cache


@pytest.fixture(autouse=True)
def _forget():
    yield
    _cache.clear()


@pytest.fixture
def table():
    table = KeyedVectors(2)
    table.add_vectors(WORDS, np.ones((len(WORDS), 2), dtype=np.float32))
    return table


def refuse(path, match):
    """Word vectors are refused with little memory."""
    tracemalloc.start()
    with pytest.raises(ModelIntegrityError, match=match):
        WordVectorEncoder(path).fit(["dog"])
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 20e6


@pytest.mark.parametrize("protocol", range(6))
def test_keyed_vectors_that_would_run_something_are_refused(tmp_path, table, protocol):
    path = tmp_path / "v.kv"
    table.expandos["extra"] = Payload(tmp_path / "executed")
    for content in (Payload(tmp_path / "executed"), table):
        path.write_bytes(pickle.dumps(content, protocol=protocol))
        refuse(
            path, r"names (io|builtins|__builtin__|copy_reg|copyreg)\.\w+, which no word vectors need; nothing was run"
        )
    assert not (tmp_path / "executed").exists()


def test_pickles_beside_keyed_vectors_are_not_opened(tmp_path, table):
    vars(table).update({"__scipys": ["norms"], "__numpys": ["../norms"], "__recursive_saveloads": []})
    for path, content in {"v.kv": table, "v.kv.norms": Payload(tmp_path / "executed")}.items():
        (tmp_path / path).write_bytes(pickle.dumps(content, protocol=4))
    np.testing.assert_array_equal(WordVectorEncoder(tmp_path / "v.kv").fit_transform(["dog"]), [[1, 1]])
    assert not (tmp_path / "executed").exists()


@pytest.mark.parametrize(
    ("content", "match"),
    [
        (b"\x80\x02]r\xff\xff\xff\x7f.", "not KeyedVectors"),  # a list, remembered under a number of two billions
        (b"\x80\x04\x8e" + struct.pack("<Q", 2**40) + b"short", "cannot be read"),  # bytes that say to be a terabyte
        (
            b"\x80\x04}" + b")" + b"\x85" * 200_000 + b"K\x01s.",
            "keys that are no texts",
        ),  # a tuple in a tuple in a ...
        (b"\x80\x04(" + b")" + b"\x85" * 200_000 + b"\x91.", "keys that are no texts"),
    ],
)
def test_pickles_that_would_take_all_memory_or_end_the_process_are_refused(tmp_path, content, match):
    (tmp_path / "v.kv").write_bytes(content)
    refuse(tmp_path / "v.kv", match)


@pytest.mark.parametrize(
    ("change", "match"),
    [
        ({"index_to_key": WORDS[::-1]}, "not in the order of their rows"),
        ({"index_to_key": [*WORDS[1:], WORDS[1]]}, "no list of different texts"),
        ({"vectors": np.ones((4, 2), dtype=np.float32)}, r"5 words with vectors of shape \(4, 2\)"),
        ({"vectors": np.array([[None] * 2] * 5)}, "not of real numbers"),
        ({"vectors": np.full((5, 2), np.nan, dtype=np.float32)}, "is not finite"),
    ],
)
def test_keyed_vectors_at_odds_with_themselves_are_refused(tmp_path, table, change, match):
    vars(table).update(change)
    (tmp_path / "v.kv").write_bytes(pickle.dumps(table, protocol=4))
    refuse(tmp_path / "v.kv", match)


def test_a_header_that_says_to_be_long_is_not_allocated(tmp_path, table):
    table.save(str(tmp_path / "v.kv"), sep_limit=1)
    apart = tmp_path / "v.kv.vectors.npy"
    apart.write_bytes(b"\x93NUMPY\x02\x00" + struct.pack("<I", 2**31) + apart.read_bytes()[12:])
    refuse(tmp_path / "v.kv", "is of a form that numpy does not write for vectors")


def test_keyed_vectors_of_parts_of_words_are_refused_by_name(tmp_path):
    FastTextKeyedVectors(4, 2, 3, 10).save(str(tmp_path / "v.kv"))
    refuse(tmp_path / "v.kv", r"names gensim\.models\.fasttext\.FastTextKeyedVectors, which no word vectors need")


@pytest.mark.parametrize(
    ("name", "content", "match"),
    [
        ("v.bin", b"1000000000 300\ndog " + bytes(1200), "ends after 1 of 1000000000 words"),
        ("v.bin", b"2 1000000000\ndog " + bytes(1200), "no number of words and numbers a word"),
        ("v.bin", b"1 2\ndog " + bytes(8) + b"cat " + bytes(8), "goes on after its 1 words"),
        ("v.bin", b"0 2\n", "no number of words"),
        ("v.txt", b"1000000000 2\ndog 1 2\n", "has 1 words, not the 1000000000 of its first line"),
        ("v.txt", b"1 1\ndog 1\ncat 2\n", "has 2 words, not the 1 of"),
        ("v.txt", b"dog 1 2\ncat 1 2 3\n", "'cat', has 3 numbers, not 2"),
        ("v.txt", b"dog 1 1e999\n", "is not finite"),
        ("v.txt", b"dog 1 2\n 1 2\n", "word 2 is empty"),
        ("v.txt", b"dog 1 2\ncat 1 " + b"2" * (1 << 22), "line 2 does not end"),
    ],
)
def test_word_vectors_at_odds_with_their_header_are_refused(tmp_path, name, content, match):
    (tmp_path / name).write_bytes(content)
    refuse(tmp_path / name, match)


@pytest.fixture(scope="module")
def model_files(tmp_path_factory):
    return next(iter(model_readers(tmp_path_factory.mktemp("model")).values())).files


@pytest.fixture
def folder(tmp_path, model_files):
    for name, content in model_files.items():
        (tmp_path / "model" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "model" / name).write_bytes(content)
    return tmp_path / "model"


def change_json(path, change):
    content = json.loads(path.read_text())
    change(content)
    path.write_text(json.dumps(content))


def refuse_model(folder, match):
    with pytest.raises(ModelIntegrityError, match=match):
        SentenceEncoder(folder, device="cpu").fit(["dog bark"])
    assert not (folder.parent / "executed").exists()


def test_code_in_a_model_folder_is_not_run(folder):
    source = f"open({str(folder.parent / 'executed')!r}, 'w')\nclass Pooling: pass\n"
    (folder / "modeling.py").write_text(source)
    change_json(
        folder / "config.json", lambda config: config.update(model_type="own", auto_map={"AutoConfig": "modeling.C"})
    )
    refuse_model(folder, "cannot be read as a model")
    change_json(folder / "modules.json", lambda modules: modules[1].update(type="modeling.Pooling"))
    refuse_model(folder, r"names 'modeling.Pooling', code that is no part of sentence-transformers and was not run")


def test_a_module_outside_a_model_folder_is_not_read(folder):
    change_json(folder / "modules.json", lambda modules: modules[1].update(path="../elsewhere"))
    refuse_model(folder, r"leads out of its folder, to '../elsewhere'")


@pytest.mark.parametrize("encoder", [SentenceEncoder, ClapTextEncoder])
def test_weights_that_are_a_pickle_alone_are_refused(folder, encoder):
    (folder / "model.safetensors").unlink()
    (folder / "pytorch_model.bin").write_bytes(pickle.dumps(Payload(folder.parent / "executed")))
    with pytest.raises(ModelIntegrityError, match=r"pytorch_model.bin' is a pickle, .*save the model as safetensors"):
        encoder(folder).fit(["dog bark"])
    assert not (folder.parent / "executed").exists()


def test_weights_that_a_model_folder_lacks_are_not_drawn_at_random(folder):
    change_json(folder / "config.json", lambda config: config.update(num_hidden_layers=2))
    refuse_model(folder, r"lacks weights, such as 'encoder\.layer\.1\.")


def test_a_folder_of_transformers_alone_is_a_model_too(folder):
    expected = SentenceEncoder(folder, device="cpu").fit_transform(["dog bark"])
    (folder / "modules.json").unlink()
    _cache.clear()
    assert_agree(SentenceEncoder(folder, device="cpu").fit_transform(["dog bark"]), expected)


def test_a_configuration_beyond_its_weights_is_refused_before_it_is_built(folder):
    change_json(folder / "config.json", lambda config: config.update(num_hidden_layers=10**9))
    refuse_model(folder, r"config.json' is damaged: it says 1000000000, but the weights have \d+ bytes")


def npz_of_a_claim(path, shape):
    """An npz file whose array X says a shape and holds a hundred bytes."""
    header = f"{{'descr': '|u1', 'fortran_order': False, 'shape': {shape}, }}".ljust(117) + "\n"
    content = b"\x93NUMPY\x01\x00" + struct.pack("<H", len(header)) + header.encode() + bytes(100)
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("X.npy", content)
    return path


@pytest.mark.parametrize("shape", ["(1000000000000, 10, 128)", "(-1,)", "(2147483647, 2147483647, 128)"])
def test_arrays_that_say_more_than_they_hold_are_not_allocated(tmp_path, shape):
    tracemalloc.start()
    with pytest.raises(ValueError, match=r"claim.npz' is damaged .*X.npy declares the shape .* but holds 100 bytes"):
        load_audioset_vggish(npz_of_a_claim(tmp_path / "claim.npz", shape))
    assert tracemalloc.get_traced_memory()[1] < 5e6
    tracemalloc.stop()


def test_pickled_arrays_are_not_loaded(tmp_path):
    np.savez(tmp_path / "esc50_yamnet.npz", X_q=np.array([Payload(tmp_path / "executed")], dtype=object))
    labels = [{"text": "dog", "category": "Animals", "zsl_random_fold": 1, "added_words": []}]
    (tmp_path / "esc50_labels.json").write_text(json.dumps(labels))
    with pytest.raises(ValueError, match=r"X_q.npy holds Python objects, which are not loaded"):
        load_esc50_embeddings(tmp_path)
    assert not (tmp_path / "executed").exists()


def test_one_endless_clip_does_not_pad_all_others(tmp_path):
    short = framed(clip_record(n_frames=1).record)
    (tmp_path / "bad.tfrecord").write_bytes(short * 400 + framed(clip_record(1, n_frames=400).record))
    with pytest.raises(ValueError, match=r"Clip 'video000001' .* has 400 embeddings, .*; remove it"):
        load_audioset_vggish(tmp_path, labels=["Speech"])


def test_a_number_of_five_thousand_digits_names_a_clip(tmp_path):
    (tmp_path / "events.csv").write_text(f"clip,label,onset,offset\n{'7' * 5000},dog,0,1\n")
    assert read_events(tmp_path / "events.csv")["clip"].tolist() == ["7" * 5000]


def test_text_with_zero_bytes_is_refused_by_line(tmp_path):
    (tmp_path / "events.csv").write_bytes(b"clip,label,onset,offset\na.wav,do\0,0,1\n")
    with pytest.raises(ValueError, match=r"events.csv', line 2: a zero byte, which no text has; save it as UTF-8"):
        read_events(tmp_path / "events.csv")


def test_a_pickle_given_for_a_model_is_called_one(tmp_path):
    (tmp_path / "model.pkl").write_bytes(pickle.dumps(print))
    with pytest.raises(ModelIntegrityError, match="it is a pickle, which can run any code, and nothing of it was read"):
        load(tmp_path / "model.pkl")
