"""Figures of the benchmarks know the code they ran, and the page of the benchmarks shows the figures there are."""

import re
import shutil
import subprocess
import sys
from importlib import import_module
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
MIXED = {"few_clips", "scale", "shuffling", "unknown"}  # their functions may run any model, and go by all of them


@pytest.fixture
def benchmarks(monkeypatch):
    monkeypatch.syspath_prepend(ROOT / "benchmarks")
    return import_module("tables")


@pytest.fixture
def made_stale(benchmarks, tmp_path):
    """What changes of files of skzsl make stale: the figures whose code is no longer the same."""
    from common import HOUSE, House

    shutil.copytree(ROOT / "skzsl", tmp_path / "skzsl", ignore=shutil.ignore_patterns("__pycache__"))
    roots = {
        (script, key): figure["code"]["ran"]
        for script in benchmarks.SCRIPTS
        for key, figure in benchmarks.Results(script).figures.items()
    }

    def change(*edits):
        for file, pattern, replacement in edits:
            path = tmp_path / "skzsl" / file
            text, n = re.subn(pattern, replacement, path.read_text(), count=1, flags=re.MULTILINE)
            assert n == 1
            path.write_text(text)
        after = House(tmp_path)
        known = {place: ran for place, ran in roots.items() if place[0] not in MIXED}
        return {place for place, ran in known.items() if HOUSE.hash(*ran) != after.hash(*ran)}, set(known)

    return change


def of(figures, *scripts):
    """Figures of some scripts."""
    return {place for place in figures if place[0] in scripts}


def test_a_constant_of_the_online_solver_makes_the_figures_that_ran_it_stale(made_stale):
    stale, every = made_stale(("solvers/_online_ranking.py", r"(?<=[^\w.])1\.0(?=\D)", "1.5"))
    online = {place for place in of(every, "esc50", "speed_bilinear") if "minibatch" not in place[1]}
    online |= {place for place in of(every, "compare_esc50") if ", ZeroShotBilinear, fold" in place[1]}
    named = {place for place in of(every, "defaults", "sizes") if place[1].startswith("ZeroShotBilinear, ")}
    online |= {place for place in named if "minibatch" not in place[1]}
    assert stale == online | {("persistence", "ZeroShotBilinear()")}


def test_a_constant_of_the_closed_form_makes_the_figures_of_ridge_stale(made_stale):
    stale, every = made_stale(("solvers/_ridge.py", r"(?<=[^\w.])1(?=[^\w.])", "3"))
    compared = of(every, "compare_esc50", "compare_audioset")
    ridge = {place for place in compared if "ZeroShotRidge" in place[1]}
    assert len(ridge) == 30
    ridge |= {place for place in of(every, "defaults", "sizes") if place[1].startswith("ZeroShotRidge")}
    ridge |= {place for place in of(every, "audioset_zero_shot") if place[1].startswith("closed form")}
    ridge |= {("events", "AudioSet, ridge"), ("persistence", "ZeroShotRidge()")}
    assert stale == ridge | of(every, "cluster", "parts", "speed_ridge", "recording")


def test_a_constant_of_the_training_makes_the_figures_of_nets_stale(made_stale):
    stale, every = made_stale(("nets/training.py", r"(?<=[^\w.])1(?=[^\w.])", "3"))
    nets = of(every, "audioset_tagging", "memory", "search", "soundscapes", "speed_contrastive", "speed_nets")
    nets |= of(every, "events", "recording", "tagging_ensemble")
    nets |= of(every, "persistence") - {("persistence", f"ZeroShot{name}()") for name in ("Ridge", "Bilinear")}
    nets -= {("audioset_tagging", "chance"), ("events", "AudioSet, ridge")}
    nets |= {place for place in of(every, "esc50", "speed_bilinear") if "minibatch" in place[1]}
    named = ("minibatch", "Contrastive", "TemporalAttention", "tagger of clips", "supervised")
    nets |= {place for place in of(every, "compare_audioset") if any(name in place[1] for name in named)}
    nets |= {place for place in of(every, "compare_esc50") if any(name in place[1] for name in named[:3])}
    known = (*named[:3], "ScoreNormalizer", "official folds")
    nets |= {place for place in of(every, "defaults", "sizes") if any(name in place[1] for name in known)}
    plain = ("closed form", "zero rule", "folds")
    nets |= {place for place in of(every, "audioset_zero_shot") if not place[1].startswith(plain)}
    nets |= {place for place in of(every, "semanticac") if not place[1].startswith("logistic regression")}
    assert stale == nets


@pytest.mark.parametrize("solver", ["online", "minibatch"])
def test_a_solver_loads_nothing_of_the_room_that_its_figures_leave_out(benchmarks, solver):
    from common import UNUSED

    code = f"""
import sys
import numpy as np
from skzsl import ZeroShotBilinear
table = {{"rain": [1.0, 0.0], "wind": [0.0, 1.0]}}
model = ZeroShotBilinear(table, solver={solver!r}, max_epochs=1).fit(np.eye(2), ["rain", "wind"])
model.predict(np.eye(2))
print({UNUSED[solver]!r} in sys.modules)
"""
    run = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert run.stdout.strip() == "False"


def test_docstrings_and_comments_leave_figures_as_they_are(made_stale):
    files = ("solvers/_online_ranking.py", "zero_shot/_ridge.py", "nets/training.py", "base.py")
    docstrings = [(file, r'"""', '"""Otherwise said: ') for file in files]
    stale, _ = made_stale(*docstrings, *((file, r"\Z", "# A comment.\n") for file in files))
    assert not stale


def test_the_page_shows_the_tables_that_the_results_print(benchmarks):
    text = benchmarks.README.read_text()
    assert benchmarks.renewed(text, benchmarks.all_tables()) == text, "run python benchmarks/tables.py"


def test_a_table_without_a_place_on_the_page_is_named(benchmarks):
    with pytest.raises(ValueError, match="a table of nowhere"):
        benchmarks.renewed(benchmarks.README.read_text(), {**benchmarks.all_tables(), "a table of nowhere": ""})
