"""Every command that is written down somewhere is a target of the Makefile, and is run for every Python we name."""

import re
import tomllib
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).parents[1]


def commands(path):
    return set(re.findall(r"(?:^|`)make ([\w-]+)", (ROOT / path).read_text(), flags=re.MULTILINE))


@pytest.mark.parametrize("path", ["README.md", "CONTRIBUTING.md", ".ci/run"])
def test_commands_are_targets_of_the_makefile(path):
    targets = re.findall(r"^([\w-]+):", (ROOT / "Makefile").read_text(), flags=re.MULTILINE)
    assert {"test"} <= commands(path) <= set(targets)


def test_a_commit_is_checked_by_what_continuous_integration_checks():
    [local] = yaml.safe_load((ROOT / ".pre-commit-config.yaml").read_text())["repos"]
    assert [hook["entry"] for hook in local["hooks"]] == ["make lint"]
    assert "lint" in commands(".ci/run")


def test_continuous_integration_runs_on_every_python_that_the_package_names():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    named = [found[1] for text in project["classifiers"] if (found := re.fullmatch(r".* :: Python :: (3\.\d+)", text))]
    job = yaml.safe_load((ROOT / ".github" / "workflows" / "ci.yml").read_text())["jobs"]["ci"]
    assert project["requires-python"] == f">={named[0]}"
    assert job["strategy"]["matrix"]["python"] == named
    assert job["steps"][-1]["run"] == ".ci/run"
