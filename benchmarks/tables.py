"""Print every table of README.md from results/, between ``<!-- table: TITLE -->`` and ``<!-- end of table -->``.

``--check`` changes nothing: it lists the tables that differ and the figures that were measured with earlier code, and
fails if a table differs.
"""

import argparse
import re
from importlib import import_module

from common import HERE, Results, printed

README = HERE / "README.md"
SCRIPTS = [path.stem for path in sorted((HERE / "results").glob("*.json")) if (HERE / f"{path.stem}.py").is_file()]
TABLE = re.compile(r"<!-- table: ([^\n]+) -->\n.*?<!-- end of table -->", re.DOTALL)


def all_tables():
    """Title -> Markdown of the tables of every script."""
    found = {}
    for script in SCRIPTS:
        found |= printed(Results(script), import_module(script).tables)
    return found


def renewed(text, tables):
    """Print the text with its tables, each by its title, and say which titles have no place in it."""
    places = TABLE.findall(text)
    if missing := [*(tables.keys() ^ set(places)), *{title for title in places if places.count(title) > 1}]:
        raise ValueError(f"Not once in README.md and among the tables printed: {missing}.")
    return TABLE.sub(lambda place: f"<!-- table: {place[1]} -->\n{tables[place[1]]}\n<!-- end of table -->", text)


def main():
    """Write README.md, or check it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true", help="say what differs, and change nothing")
    check, text, tables = parser.parse_args().check, README.read_text(), all_tables()
    new = renewed(text, tables)
    if not check:
        README.write_text(new)
        return
    for script in SCRIPTS:
        for key in Results(script).stale():
            print(f"measured with earlier code: {script}: {key}")
    pairs = zip(TABLE.finditer(text), TABLE.finditer(new), strict=True)
    differing = [old[1] for old, fresh in pairs if old[0] != fresh[0]]
    for title in differing:
        print(f"differs in README.md: {title}")
    raise SystemExit(bool(differing))


if __name__ == "__main__":
    main()
