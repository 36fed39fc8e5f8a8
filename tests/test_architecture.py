"""The import rules of the house, read from the source, and what importing costs."""

import ast
import re
import subprocess
import sys
from pathlib import Path

import pytest

import skzsl

PACKAGE = Path(skzsl.__file__).parent
ROOT = PACKAGE.parent
FILES = sorted(PACKAGE.rglob("*.py"))

# Rooms from the ground up: a file imports from its own floor's room and from floors below, never from above.
FLOORS = [
    {
        "exceptions",
        "_atomic",
        "_best_columns",
        "_clip_names",
        "_clip_scores",
        "_copies",
        "_locks",
        "_compat",
        "_labels",
        "_lazy",
        "_indicators",
        "_segments",
        "_stored",
        "_sparse",
        "_scaling",
        "_thresholds",
        "metrics",
    },
    {"text", "preprocessing", "datasets"},
    {"base", "_known_labels", "_views", "_meta", "_fitting", "_segment_scores"},
    {"model_selection"},
    {"solvers", "nets"},
    {"_training"},
    {"zero_shot", "tagging", "detection"},
    {"inspection", "persistence"},
]
FLOOR_OF = {room: floor for floor, rooms in enumerate(FLOORS) for room in rooms}
ONLY_IN = {
    "torch": {"nets"},
    "skorch": {"nets/training.py", "nets/callbacks.py", "nets/state.py"},
    "skops": {"persistence/_files.py"},
    "gensim": set(),  # its files are read without it
    "sentence_transformers": {"text/_sentence.py"},
    "transformers": {"text/_clap.py", "text/_hub.py"},
    "numba": {"solvers"},
    "accelerate": {"nets/callbacks.py"},
}


def imports(path):
    """Every imported module as a dotted name, with whether the import runs on import of the file."""
    package = ["skzsl", *path.relative_to(PACKAGE).with_suffix("").parts]
    tree = ast.parse(path.read_text())
    inside = {
        id(node) for function in ast.walk(tree) if isinstance(function, ast.FunctionDef) for node in ast.walk(function)
    }
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            parents = package[: len(package) - node.level] if node.level else []
            module = ".".join([*parents, *([node.module] if node.module else [])])
            names = [module] if node.module else [f"{module}.{alias.name}" for alias in node.names]
        else:
            continue
        for name in names:
            yield name, id(node) not in inside


def room(path):
    return path.relative_to(PACKAGE).with_suffix("").parts[0]


@pytest.mark.parametrize("path", [f for f in FILES if f.name != "__init__.py" or f.parent != PACKAGE], ids=str)
def test_rooms_import_only_downwards(path):
    for name, _ in imports(path):
        if name.startswith("skzsl."):
            target = name.split(".")[1]
            assert target == room(path) or FLOOR_OF[target] <= FLOOR_OF[room(path)], f"{path} imports {name}"


@pytest.mark.parametrize("path", FILES, ids=str)
def test_heavy_packages_stay_in_their_rooms(path):
    where = path.relative_to(PACKAGE).as_posix()
    for name, _ in imports(path):
        allowed = ONLY_IN.get(name.split(".")[0])
        assert allowed is None or any(where == home or where.startswith(f"{home}/") for home in allowed), (where, name)


@pytest.mark.parametrize("path", FILES, ids=str)
def test_slow_imports_wait_for_their_use(path):
    slow = {"gensim", "sentence_transformers", "transformers", "matplotlib"}
    lazy = {"skzsl.nets", "skzsl.solvers"} if room(path) not in {"nets", "solvers"} else set()
    for name, at_import in imports(path):
        heavy = name.split(".")[0] in slow or any(name == home or name.startswith(f"{home}.") for home in lazy)
        assert not (at_import and heavy), f"{path} imports {name} before it is used"


@pytest.mark.parametrize("path", [f for f in FILES if f.name != "_compat.py"], ids=str)
def test_private_scikit_learn_names_come_through_compat(path):
    tree = ast.parse(path.read_text())
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("sklearn"):
            names = [*node.module.split("."), *(alias.name for alias in node.names)]
            assert not any(name.startswith("_") for name in names), f"{path} imports {names}"


@pytest.mark.parametrize(
    "path", [f for folder in ("examples", "benchmarks", "docs") for f in sorted((ROOT / folder).rglob("*.py"))], ids=str
)
def test_users_need_no_private_names(path):
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("skzsl"):
            names = [*node.module.split("."), *(alias.name for alias in node.names)]
            assert not any(name.startswith("_") for name in names), f"{path} imports {names}"


@pytest.mark.parametrize("path", sorted((PACKAGE / "inspection").glob("*.py")), ids=str)
def test_displays_use_what_models_show_to_everyone(path):
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Attribute) and re.match("_(?!_)", node.attr):
            assert isinstance(node.value, ast.Name), f"{path}:{node.lineno}"
            assert node.value.id in {"self", "cls"}, f"{path}:{node.lineno} reads {node.value.id}.{node.attr}"


@pytest.mark.parametrize("path", FILES, ids=str)
def test_files_can_be_read_in_one_sitting(path):
    assert len(path.read_text().splitlines()) <= 320, f"{path} is two rooms"


def modules_after(statement):
    code = f"{statement}; import sys; print(' '.join(sys.modules))"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return set(run.stdout.split())


def test_importing_skzsl_loads_no_heavy_package():
    loaded = modules_after("import skzsl")
    assert loaded.isdisjoint({"torch", "skorch", "gensim", "sentence_transformers", "numba", "sklearn"})


def test_importing_an_estimator_loads_no_backend():
    loaded = modules_after("from skzsl import ZeroShotBilinear; from skzsl.text import SentenceEncoder")
    assert loaded.isdisjoint({"torch", "skorch", "gensim", "sentence_transformers", "numba"})


def test_public_names_resolve_and_unknown_ones_do_not():
    for name in skzsl.__all__:
        assert getattr(skzsl, name).__doc__
    assert skzsl.text.HashingEncoder
    with pytest.raises(AttributeError, match="No skzsl attribute nothing"):
        skzsl.nothing  # noqa: B018
