"""Every zero-shot estimator on the same folds with the same inner search: ESC-50 and AudioSet.

Two tasks run at a time with one thread each, and it resumes where it stopped.
"""

import tempfile

import compare_audioset
import compare_esc50
from common import Results, measure_all, parser

PARTS = {"esc50": compare_esc50, "audioset": compare_audioset}


def main():
    """Measure what is missing and print the tables."""
    arguments = parser(__doc__.splitlines()[0])
    arguments.add_argument("--only", choices=PARTS, help="one of the two data sets")
    arguments = arguments.parse_args()
    results = Results("compare", {})
    with tempfile.TemporaryDirectory() as memory:
        for name, part in PARTS.items():
            if arguments.only in (None, name):
                part.tables(arguments.data, measure_all(results, part.calls(arguments.data, memory)))


if __name__ == "__main__":
    main()
