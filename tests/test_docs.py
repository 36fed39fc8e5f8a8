"""The code shown in README.md and in docs/ runs as it is written, page by page."""

import ast
import re
from pathlib import Path
from typing import NamedTuple

import pytest

ROOT = Path(__file__).parents[1]
PAGES = sorted((ROOT / "docs").glob("*.md"))
BLOCK = re.compile(r"(?:<!-- not run: ([^\n]*) -->\n)?^```python\n(.*?)^```$", re.DOTALL | re.MULTILINE)


class Block(NamedTuple):
    code: str  # after as many empty lines as stand above it, so that tracebacks name the line of the page
    reason: str | None  # why only its imports are run


def blocks(page):
    text = page.read_text()
    return [Block("\n" * text.count("\n", 0, found.start(2)) + found[2], found[1]) for found in BLOCK.finditer(text)]


@pytest.fixture
def run(tmp_path, monkeypatch):
    def run_page(page):
        """Run a page from top to bottom, as a reader would, and return the names it made."""
        monkeypatch.chdir(tmp_path)
        names = {}
        for block in blocks(page):
            tree = ast.parse(block.code)
            if block.reason is not None:
                tree.body = [line for line in tree.body if isinstance(line, ast.Import | ast.ImportFrom)]
            exec(compile(tree, page, "exec"), names)
        return names

    return run_page


# LeakWarning is what two pages show; no other code of ours should warn where it is recommended.
@pytest.mark.filterwarnings("error::UserWarning", "ignore::skzsl.exceptions.LeakWarning")
@pytest.mark.parametrize("page", [page for page in PAGES if blocks(page)], ids=lambda page: page.name)
def test_code_of_a_page_runs_as_written(page, run):
    run(page)


def test_code_of_the_readme_recognises_sounds_that_were_not_trained_on(run):
    names = run(ROOT / "README.md")
    predicted = names["model"].predict(names["sounds"].X[:3], labels=["slow low humming", "rain"])
    assert set(predicted) <= {"slow low humming", "rain"}
    assert names["search"].best_score_ > 0.3


def test_only_code_that_needs_what_is_not_here_is_not_run():
    skipped = [(page.name, block.reason) for page in PAGES for block in blocks(page) if block.reason is not None]
    assert skipped == [
        ("fetching.md", "needs the internet"),
        ("keeping.md", "needs the internet"),
        ("nearest_and_convex.md", "needs the weights of CLAP"),
        ("nearest_and_convex.md", "needs the weights of CLAP"),
        ("text.md", "needs a file of word vectors"),
    ]


@pytest.mark.parametrize("page", [ROOT / "README.md", *PAGES], ids=lambda page: page.name)
def test_every_block_of_python_is_found(page):
    assert page.read_text().count("```python") == len(blocks(page))


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_pages_can_be_read_in_one_sitting(page):
    assert len(page.read_text().splitlines()) <= 120
