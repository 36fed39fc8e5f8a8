"""The wheel and the source distribution as a stranger installs them, in clean environments: ``make test-package``.

uv makes an environment in seconds, by links to files of its cache. Where pip looks for packages, it looks too.
"""

import os
import subprocess
import sys
import tarfile
import tomllib
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
UV = Path(sys.executable).with_name("uv")

# What works without any extra: a model from numbers to a file and back, and an error that names the extra.
BARE = """
import sys
import skzsl
assert not {"torch", "sklearn", "pandas"} & set(sys.modules), "import skzsl is not light"
import numpy as np
from skzsl.datasets import make_soundscapes
from skzsl.text import HashingEncoder
sounds = make_soundscapes(2, random_state=0)
for model in (skzsl.ZeroShotRidge(HashingEncoder()), skzsl.ZeroShotBilinear(HashingEncoder(), solver="minibatch")):
    skzsl.save(model.fit(sounds.X, sounds.y), "model.skzsl")
    again = skzsl.load("model.skzsl").predict(sounds.X, labels=["siren", "rain"])
    assert (again == model.predict(sounds.X, labels=["siren", "rain"])).all()
try:
    skzsl.ZeroShotRidge().fit(sounds.X, sounds.y)
except Exception as error:
    assert "skzsl[minilm]" in str(error), error
else:
    raise AssertionError("there is a sentence model without the extra")
"""
# What each extra is for.
SMOKE = {
    "minilm": """
from skzsl.text import SentenceEncoder
assert SentenceEncoder().fit_transform(["rain"]).shape == (1, 384)
""",
    "glove": """
from skzsl.text import WordVectorEncoder
assert WordVectorEncoder("glove-6b-50d").fit_transform(["rain"]).shape == (1, 50)
""",
    "tables": """
import numpy, pandas
from skzsl.datasets import load_embeddings
pandas.DataFrame({"file": ["a", "b"], "embedding": list(numpy.eye(2))}).to_parquet("clips.parquet")
assert load_embeddings("clips.parquet").X.shape[0] == 2
""",
    "dask": """
import dask.array, skzsl
from skzsl.datasets import make_soundscapes
from skzsl.text import HashingEncoder
sounds = make_soundscapes(2, random_state=0)
X = dask.array.from_array(sounds.X, chunks=(50, -1, -1))
assert len(skzsl.ZeroShotRidge(HashingEncoder()).fit(X, sounds.y).predict(X).compute()) == len(sounds.y)
""",
    "accelerate": """
import numpy, skzsl
from skzsl.datasets import make_soundscapes
from skzsl.nets import Accelerate
from skzsl.text import HashingEncoder
sounds = make_soundscapes(2, random_state=0)
net = skzsl.ZeroShotTemporalAttention(HashingEncoder(), max_epochs=1, callbacks=[Accelerate()])
assert numpy.isfinite(net.fit(sounds.X, sounds.y).decision_function(sounds.X)).all()
""",
    "plot": """
import matplotlib
matplotlib.use("Agg")
from skzsl.inspection import LabelMapDisplay
LabelMapDisplay.from_predictions([[1, 0], [0, 1]], [[0.9, 0.2], [0.1, 0.7]])
""",
    "test": "import hypothesis, mypy, pytest",
    "docs": "import furo, myst_parser, sphinx, sphinx_gallery",
    "bench": "import threadpoolctl, torchmetrics",
    "package": "import build, uv",
    "site": "import selenium, sphinx",
}


@pytest.fixture(scope="session")
def built(tmp_path_factory):
    """Build the source distribution, and the wheel from it."""
    folder = tmp_path_factory.mktemp("dist")
    subprocess.run(
        [sys.executable, "-m", "build", "--installer", "uv", "--outdir", folder, ROOT],
        check=True,
        env=settings(),
        capture_output=True,
    )
    [wheel], [source] = folder.glob("*.whl"), folder.glob("*.tar.gz")
    return wheel, source


@pytest.fixture
def environment(tmp_path, built):
    """Install the wheel with an extra in an environment of its own, and return a function that runs Python there."""

    def install(extra, *more):
        python = tmp_path / "venv" / "bin" / "python"
        run(UV, "venv", "-q", "--python", sys.executable, tmp_path / "venv")
        wheel = f"skzsl{f'[{extra}]' if extra else ''} @ {built[0].as_uri()}"
        run(UV, "pip", "install", "-q", "--python", python, "-c", ROOT / "constraints.txt", wheel, *more)
        run(UV, "pip", "check", "-q", "--python", python)
        return lambda *arguments: run(python, *arguments)

    def run(*command):
        done = subprocess.run([*map(str, command)], cwd=tmp_path, env=settings(), capture_output=True, text=True)
        assert done.returncode == 0, done.stdout + done.stderr

    return install


def settings():
    """Environment variables that make uv look where pip looks, and leave out the model hub and this checkout."""
    names = [name for name in os.environ if name not in ("PYTHONPATH", "VIRTUAL_ENV")]
    told = {name: os.environ[name] for name in names} | {"HF_HUB_OFFLINE": "1"}
    told["PATH"] = f"{UV.parent}:{told['PATH']}"
    for name in ("find-links", "index-url", "extra-index-url"):
        pip = [sys.executable, "-m", "pip", "config", "get", f"global.{name}"]
        variable = name.upper().replace("-", "_")
        said = os.environ.get(f"PIP_{variable}") or subprocess.run(pip, capture_output=True, text=True).stdout.strip()
        told |= {f"UV_{variable}": said} if said else {}
    return told


def test_wheel_has_the_package_its_types_and_nothing_else(built):
    names = set(zipfile.ZipFile(built[0]).namelist())
    code = {path.relative_to(ROOT).as_posix() for path in (ROOT / "skzsl").rglob("*.py")}
    assert code | {"skzsl/py.typed", "skzsl/__init__.pyi"} == {name for name in names if name.startswith("skzsl/")}
    assert all("dist-info/" in name for name in names - code if not name.startswith("skzsl/"))
    assert any(name.endswith("licenses/LICENSE") for name in names)


def test_source_distribution_builds_and_has_what_it_names(built):
    with tarfile.open(built[1]) as source:
        inside = {name.partition("/")[2] for name in source.getnames()}
    assert {"pyproject.toml", "README.md", "LICENSE", "skzsl/py.typed", "skzsl/__init__.pyi"} <= inside


def test_without_extras_a_model_is_trained_saved_and_loaded_and_types_are_there(environment):
    python = environment(None, "mypy")
    python("-c", BARE)
    python("-m", "mypy", "--strict", "--ignore-missing-imports", ROOT / "tests" / "typing" / "public.py")


@pytest.mark.parametrize("extra", PROJECT["optional-dependencies"])
def test_an_extra_brings_what_it_is_for(environment, extra):
    environment(extra)("-c", SMOKE[extra])
