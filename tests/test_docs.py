"""The code shown in README.md and in docs/ runs as it is written, page by page."""

import ast
import re
from pathlib import Path
from typing import NamedTuple

import pytest

ROOT = Path(__file__).parents[1]
PAPERS = sorted((ROOT / "docs" / "papers").glob("*_20*.md"))
PAGES = [*sorted((ROOT / "docs").glob("*.md")), *PAPERS, ROOT / "docs" / "papers" / "index.md"]
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
no_warning = pytest.mark.filterwarnings("error::UserWarning", "ignore::skzsl.exceptions.LeakWarning")


@no_warning
@pytest.mark.parametrize(
    "page", [page for page in PAGES if blocks(page) and page not in PAPERS], ids=lambda page: page.name
)
def test_code_of_a_page_runs_as_written(page, run):
    run(page)


def test_code_of_the_readme_recognises_sounds_that_were_not_trained_on(run, capsys):
    names = run(ROOT / "README.md")
    said, shown = (
        capsys.readouterr().out,
        re.search(r"^```text\n(.*?)^```$", (ROOT / "README.md").read_text(), re.DOTALL | re.M),
    )
    assert not set(names["unseen"]) & set(names["model"].seen_classes_)
    right = [float(re.search(r"right: ([\d.]+)", text)[1]) for text in (said, shown[1])]
    assert right[0] == pytest.approx(right[1], abs=0.1)
    assert right[0] > 0.5


@no_warning
@pytest.mark.parametrize("page", PAPERS, ids=lambda page: page.stem)
def test_call_of_a_paper_has_the_parameters_that_its_table_names(page, run):
    given = run(page)["model"].get_params()
    rows = re.findall(r"^\|[^|]*\|([^|]*)\|[^|]*\|$", page.read_text(), flags=re.MULTILINE)
    named = [pair for row in rows for pair in re.findall(r"`(\w+)=([^`]+)`", row)]
    assert named
    for name in {name for name, _ in named}:
        assert given[name] in [ast.literal_eval(value) for other, value in named if other == name], name


@pytest.mark.parametrize("page", ["README.md", "docs/benchmarks.md"])
def test_figures_are_those_of_the_benchmarks(page):
    measured = (ROOT / "benchmarks" / "README.md").read_text()
    rows = [line for line in (ROOT / page).read_text().splitlines() if line.startswith("|")]
    figures = [figure for row in rows for figure in re.findall(r"(?<![\w.])0?\.\d+(?!\w)", row)]
    assert len(figures) > 10
    assert [figure for figure in figures if figure.removeprefix("0") not in measured] == []


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
