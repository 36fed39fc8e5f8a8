"""What is said of a release is the same wherever it is said."""

import re
import tomllib
from pathlib import Path

import yaml

import skzsl

ROOT = Path(__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
CITATION = yaml.safe_load((ROOT / "CITATION.cff").read_text())


def test_version_is_the_same_everywhere():
    newest, date = re.search(
        r"^## \[(\d.*)\] - (.*)$", (ROOT / "CHANGELOG.md").read_text(), flags=re.MULTILINE
    ).groups()
    assert {PROJECT["version"], CITATION["version"], newest} == {skzsl.__version__}
    assert str(CITATION["date-released"]) == date


def test_citation_names_the_package_its_licence_and_the_models_of_papers():
    assert CITATION["title"].startswith(PROJECT["name"])
    assert CITATION["license"] == PROJECT["license"]
    assert [author["name"] for author in CITATION["authors"]] == [author["name"] for author in PROJECT["authors"]]
    models = {paper["notes"] for paper in CITATION["references"]}
    assert models <= set(skzsl.__all__)
    assert models == set(re.findall(r"^\| `(\w+)` \|", (ROOT / "docs" / "citing.md").read_text(), re.MULTILINE))
