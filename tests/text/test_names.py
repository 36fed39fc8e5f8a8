import json
import pickle
import unicodedata
from itertools import product

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.pipeline import make_pipeline

from skzsl import ZeroShotRidge
from skzsl.text import HashingEncoder, NameReader

READ = {
    "dog_bark": "dog bark",
    "air_conditioner": "air conditioner",
    "Human_voice": "Human voice",
    "_background_noise_": "background noise",
    "Hands__clapping": "Hands clapping",
    "café_door": "café door",
    "Glass (shatter)": "Glass shatter",
    "Glass(shatter)": "Glass shatter",
    "(object) impact": "object impact",
    "Fill_(with_liquid)": "Fill with liquid",
    "Light engine [high frequency]": "Light engine high frequency",
    "ガラス（割れる）": "ガラス 割れる",
    "children-playing": "children playing",
    "Tick-tock": "Tick tock",
    "mid-air": "mid air",
    "speech/music": "speech music",
    "CarHorn": "Car Horn",
    "carHorn": "car Horn",
    "TVOn": "TV On",
    "TVsOn": "TVs On",
    "HTTPServer": "HTTP Server",
    "mp3Player": "mp3 Player",
    "WasherDryer_3": "Washer Dryer 3",
    "McDonald": "Mc Donald",  # a capital inside a name cannot be told from one that begins a word
    "TürÖffnen": "Tür Öffnen",
    "ΣκύλοςΓαβγίζει": "Σκύλος Γαβγίζει",
    "σκύλος_γάβγισμα": "σκύλος γάβγισμα",
    "कुत्ता_भौंकना": "कुत्ता भौंकना",
    "कुत्ता-भौंकना": "कुत्ता भौंकना",
    "犬_鳴き声": "犬 鳴き声",
    "  dog bark\t": "dog bark",
    " CarHorn ": "Car Horn",
    "(CarHorn)": "Car Horn",
    "dog  bark": "dog bark",
    "Fire_truck with a McDonald-siren": "Fire truck with a McDonald-siren",
}
KEPT = [
    "dog",
    "door2",
    "2 doors",
    "3D",
    "TV",
    "TVs",
    "TV on",
    "mp3",
    "MP3",
    "R2D2",
    "DKITCHEN",
    "t-shirt",
    "x-ray",
    "A/C",
    "24/7",
    "/m/09x0r",
    "C#",
    "rock'n'roll",
    "Vehicle horn, car horn, honking",
    "Crowing, cock-a-doodle-doo",
    "Fixed-wing aircraft, airplane",
    "A McDonald's sign falls from mid-air; a T-shirt and/or an iPhone follow.",
    "porte qui grince",
    "Aboiement d'un chien",
    "Türklingel",
    "Hund bellt",
    "σκύλος που γαβγίζει",
    "कुत्ता भौंक रहा है",
    "犬の鳴き声",
    "ドア・ノック",
    "___",
    "()",
    " - ",
    "?!",
    "🐕",
]


def read(*names):
    return NameReader().fit_transform(list(names))


@pytest.mark.parametrize(("name", "words"), READ.items(), ids=READ)
def test_names_are_read_as_words(name, words):
    assert read(name) == [words]


@pytest.mark.parametrize("name", KEPT)
def test_names_that_are_words_stay(name):
    assert read(name) == [name]


def test_decomposed_letters_are_read_as_composed_ones():
    for name, words in READ.items():
        assert read(unicodedata.normalize("NFD", name)) == [unicodedata.normalize("NFC", words)]


def test_what_is_read_stays():
    parts = ["dog", "TVs", "CarHorn", "McDonald", "x", "2", "s", "ΣκύλοςΓ", "भौं", "犬", "", " "]
    joints = ["_", "-", "/", "(", ")", " ", "] ", "", "--", "-_", "/("]
    names = [
        first + a + second + b + third for first, a, second, b, third in product(parts, joints, parts, joints, parts)
    ]
    names = [name for name in names if name.strip()] + [*READ, *KEPT]
    once = read(*names)
    assert read(*once) == once
    assert not any("_" in words or "(" in words for words in once if any(map(str.isalnum, words)))


def test_reading_moves_no_letters():
    for name in [*READ, *KEPT]:
        letters = [character for character in name if character.isalnum()]
        assert [character for character in read(name)[0] if character.isalnum()] == letters


def test_names_of_audioset_lose_their_brackets_only(data):
    names = [label["name"] for label in json.loads((data / "audioset_labels.json").read_text())]
    changed = {name: words for name, words in zip(names, read(*names), strict=True) if name != words}
    expected = {name: name.replace("(", "").replace(")", "") for name in names}
    hyphenated = {"Bow-wow", "Clip-clop", "Hi-hat", "Ding-dong", "Tick-tock", "Clickety-clack"}
    expected.update({name: name.replace("-", " ") for name in hyphenated})
    assert changed == {name: words for name, words in expected.items() if name != words}


def test_names_of_esc50_are_read_with_and_without_underscores(data):
    texts = [label["name"].replace("_", " ") for label in json.loads((data / "esc50_labels.json").read_text())]
    assert read(*texts) == texts
    assert read(*(text.replace(" ", "_") for text in texts)) == texts


def test_labels_keep_their_names(rng):
    X, y = rng.normal(size=(8, 4)), ["dog_bark", "CarHorn"] * 4
    model = ZeroShotRidge(make_pipeline(NameReader(), HashingEncoder(32))).fit(X, y)
    assert model.classes_.tolist() == ["CarHorn", "dog_bark"]
    assert set(model.predict(X)) <= set(y)
    assert set(model.predict(X, labels=["glass(shatter)", "dog_bark", "rain"])) <= {
        "glass(shatter)",
        "dog_bark",
        "rain",
    }
    np.testing.assert_array_equal(model.label_vectors(["dog_bark"]), model.label_vectors(["dog bark"]))


def test_readers_are_copied_stored_and_need_no_fit():
    names = ["dog_bark", "rain"]
    for reader in (NameReader(), clone(NameReader()), pickle.loads(pickle.dumps(NameReader().fit(names)))):
        for kind in (names, tuple(names), np.array(names), np.array(names, dtype=object)):
            assert reader.transform(kind) == ["dog bark", "rain"]


@pytest.mark.parametrize(
    ("names", "message"),
    [("dog", "not a list of texts"), ([], "empty"), (["dog", " "], "Text 1 is empty"), (["dog", 3], "Text 1 is 3")],
)
def test_bad_names_are_refused(names, message):
    for method in (NameReader().fit, NameReader().transform):
        with pytest.raises(ValueError, match=message):
            method(names)
