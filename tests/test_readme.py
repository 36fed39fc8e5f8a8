import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]


def code_blocks(path):
    return re.findall(r"```python\n(.*?)```", path.read_text(), flags=re.DOTALL)


def test_code_of_the_readme_runs_as_written():
    names = {}
    blocks = code_blocks(ROOT / "README.md")
    assert len(blocks) == 2
    for block in blocks:
        exec(block, names)
    predicted = names["model"].predict(names["sounds"].X[:3], labels=["slow low humming", "rain"])
    assert set(predicted) <= {"slow low humming", "rain"}
    assert names["search"].best_score_ > 0.3


def test_readme_commands_are_targets_of_the_makefile():
    targets = re.findall(r"^(\w+):", (ROOT / "Makefile").read_text(), flags=re.MULTILINE)
    assert set(re.findall(r"^make (\w+)", (ROOT / "README.md").read_text(), flags=re.MULTILINE)) <= set(targets)
    assert "make test" in (ROOT / ".ci" / "run").read_text()


@pytest.mark.parametrize("path", sorted((ROOT / "docs").glob("*.md")), ids=lambda path: path.name)
def test_imports_shown_in_the_guide_work(path):
    for block in code_blocks(path):
        for line in block.splitlines():
            if line.startswith(("from ", "import ")):
                exec(line, {})
