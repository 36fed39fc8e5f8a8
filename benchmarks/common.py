"""What the benchmarks share: where the data is, how results are kept, and tables."""

import argparse
import hashlib
import inspect
import json
import os
import platform
import re
import sys
import time
from importlib.metadata import version
from pathlib import Path

import joblib
import numpy as np

HERE = Path(__file__).parent
PACKAGES = ("numpy", "scipy", "scikit-learn", "torch", "skorch", "numba", "sentence-transformers")


def parser(description):
    """Arguments of every benchmark."""
    arguments = argparse.ArgumentParser(description=description)
    default = os.environ.get("SKZSL_DATA", HERE.parent.parent / "shared" / "data")
    arguments.add_argument("--data", type=Path, default=default, help="folder with the embeddings (or SKZSL_DATA)")
    return arguments


class Results:
    """Figures of one benchmark in ``results/<name>.json``, saved after each, so that a run resumes where it stopped.

    Figures are kept with the settings they belong to; other settings start anew.
    """

    def __init__(self, name, settings):
        self.path = HERE / "results" / f"{name}.json"
        self.path.parent.mkdir(exist_ok=True)
        stored = json.loads(self.path.read_text()) if self.path.exists() else {}
        same = stored.get("settings") == json.loads(json.dumps(settings))
        self.figures = stored["figures"] if same else {}
        self.head = {
            "command": f"python benchmarks/{Path(sys.argv[0]).name}",
            "settings": settings,
            "versions": {"python": platform.python_version(), **{package: version(package) for package in PACKAGES}},
            "machine": {"processor": processor(), "cores": os.cpu_count()},
        }

    def get(self, key, compute, code=None):
        """Return the figure under ``key``, computing and saving it if there is none of this ``code`` yet."""
        name = key if code is None else f"{key} [{code}]"
        if name not in self.figures:
            self.figures = {other: figure for other, figure in self.figures.items() if not other.startswith(f"{key} [")}
            self.figures[name] = compute()
            self.path.write_text(json.dumps({**self.head, "figures": self.figures}, indent=1) + "\n")
        return self.figures[name]


def measure_all(results, calls):
    """Figures of ``key -> (code, function, *arguments)``; the missing are measured two at a time, one thread each."""
    missing = [key for key, (code, *_) in calls.items() if f"{key} [{code}]" not in results.figures]
    with joblib.parallel_config("loky", inner_max_num_threads=1):
        for key, figures in joblib.Parallel(n_jobs=2, return_as="generator_unordered")(
            joblib.delayed(_keyed)(key, *calls[key][1:]) for key in missing
        ):
            results.get(key, lambda figures=figures: figures, calls[key][0])
            print(f"{key}: {figures}"[:300], flush=True)
    return {key: results.figures[f"{key} [{code}]"] for key, (code, *_) in calls.items()}


def _keyed(key, function, *arguments):
    """Name a result, since results come in any order."""
    return key, function(*arguments)


def fingerprint(*objects):
    """Hash the source of modules, classes and functions that figures depend on."""
    return hashlib.sha256("".join(map(inspect.getsource, objects)).encode()).hexdigest()[:12]


def alternate(functions, repeats, wait=None):
    """Median seconds of each function, called in turns after a first call that does not count.

    ``wait`` is called before the clock stops, for devices that answer before they are done.
    """
    times = {name: [] for name in functions}
    for repeat in range(repeats + 1):
        for name, function in functions.items():
            start = time.perf_counter()
            function()
            if wait is not None:
                wait()
            if repeat:
                times[name].append(time.perf_counter() - start)
    return {name: float(np.median(seconds)) for name, seconds in times.items()}


def memory(field):
    """Memory of this process in MB: "RssAnon" without mapped files, "VmHWM" the peak with them.

    getrusage would count the parent's too.
    """
    return int(re.search(rf"{field}:\s+(\d+) kB", Path("/proc/self/status").read_text())[1]) * 1024 / 1e6


def processor():
    """Name of the processor."""
    lines = Path("/proc/cpuinfo").read_text().splitlines() if Path("/proc/cpuinfo").exists() else []
    return next((line.split(":")[1].strip() for line in lines if line.startswith("model name")), platform.processor())


def print_table(title, header, rows):
    """Print a table in Markdown."""
    print(f"\n{title}\n")
    print("| " + " | ".join(header) + " |")
    print("|" + "---|" * len(header))
    for row in rows:
        print("| " + " | ".join(cell if isinstance(cell, str) else f"{cell:.3f}" for cell in row) + " |", flush=True)
