import os

# Before scipy is imported: with it, scikit-learn's array API check runs instead of being skipped.
os.environ["SCIPY_ARRAY_API"] = "1"
os.environ["HF_HUB_OFFLINE"] = "1"
# Before numpy and torch are imported, which read them once; processes that tests start have them too. Threads that wait
# without sleep would keep each other from work wherever there are more of them than cores.
_THREADS = os.environ.get("SKZSL_TEST_THREADS", "1")
os.environ.update({f"{library}_NUM_THREADS": _THREADS for library in ("OMP", "MKL", "OPENBLAS")})
os.environ["OMP_WAIT_POLICY"] = "PASSIVE"

from collections import Counter
from pathlib import Path

import numpy as np
import pytest
import torch


def pytest_report_header():
    folder = data_folder()
    return [
        f"skzsl data: {folder if folder.is_dir() else 'absent; tests on ESC-50 and AudioSet skip'}",
        f"torch: {torch.backends.cpu.get_cpu_capability()} kernels, {torch.get_num_threads()} threads",
    ]


def pytest_terminal_summary(terminalreporter):
    """Print what became of bad input and of damaged files, whichever worker read them."""
    for what in ("bad input", "damaged files"):
        counts = Counter()
        for report in [report for reports in terminalreporter.stats.values() for report in reports]:
            if getattr(report, "when", None) == "call":
                counts.update(dict(report.user_properties).get(what, {}))
        if counts:
            terminalreporter.write_line(f"{what}: {counts.total()}")
            terminalreporter.write_line("\n".join(f"{count:7} {cell}" for cell, count in sorted(counts.items())))


def data_folder():
    default = Path(__file__).parents[2] / "shared" / "data"
    return Path(os.environ.get("SKZSL_DATA", default))


@pytest.fixture(scope="session")
def data():
    folder = data_folder()
    if not folder.is_dir():
        pytest.skip(f"no data at {folder}; set SKZSL_DATA to the folder with the ESC-50 and AudioSet embeddings")
    return folder


@pytest.fixture
def rng():
    return np.random.default_rng(0)


@pytest.fixture
def word_sounds(rng):
    """Clips whose features are the sum of one direction for each word of their label, plus noise; 3 x 4 words."""
    rates, sources = ["slow", "medium", "fast"], ["beep", "buzz", "hum", "ring"]
    direction = {word: rng.normal(size=24) for word in rates + sources}
    labels = np.repeat([f"{rate} {source}" for rate in rates for source in sources], 10)
    X = np.stack([sum(direction[word] for word in label.split()) for label in labels])
    return X + 0.3 * rng.normal(size=X.shape), labels
