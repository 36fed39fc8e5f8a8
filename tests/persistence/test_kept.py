"""Models that earlier releases saved are read, and answer what they did."""

import warnings
from pathlib import Path

import numpy as np
import pytest
from kept_models import answers
from models import data
from sklearn.exceptions import InconsistentVersionWarning

import skzsl

FOLDER = Path(__file__).parent / "kept"
FILES = sorted(FOLDER.glob("*.skzsl"))


def test_files_of_every_kind_are_kept():
    from kept_models import models

    assert {path.stem.split("-", 1)[1] for path in FILES} >= set(models())
    assert sum(path.stat().st_size for path in FOLDER.iterdir()) < 1_000_000


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_a_kept_model_answers_what_it_did(path):
    release, name = path.stem.split("-", 1)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", InconsistentVersionWarning)  # of scikit-learn
        model = skzsl.load(path)
    with np.load(FOLDER / f"{release}.npz") as answered:
        np.testing.assert_allclose(answers(model), answered[name], rtol=1e-4, atol=1e-6)
    assert skzsl.read_header(path)["format"] >= 1


@pytest.mark.parametrize("name", ["parts", "online"])
def test_a_kept_training_in_parts_goes_on(name):
    [path, *_] = [path for path in FILES if path.stem.split("-", 1)[1] == name]
    model = skzsl.load(path)
    n_before = model.n_iter_
    model.partial_fit(*data("several" if name == "parts" else "one"))
    assert model.n_iter_ == n_before + 1
