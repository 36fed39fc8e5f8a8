"""What the benchmarks share: how figures are measured, kept and printed."""

import argparse
import hashlib
import inspect
import json
import os
import platform
import re
import subprocess
import sys
import tempfile
import time
from datetime import date
from functools import partial
from importlib.metadata import version
from pathlib import Path

import joblib
import numpy as np
from closure import HERE, UNUSED, House

HOUSE = House()
PACKAGES = ("numpy", "scipy", "scikit-learn", "torch", "skorch", "numba", "sentence-transformers")


def run(name, calls, tables, load=None, n_jobs=1, alone=(), **options):
    """Measure what ``calls`` names and has no figure yet, then print the tables.

    ``calls(arguments)`` are the calls behind the figures: key -> (function, *arguments). Their ``data`` is the folder
    of the embeddings, ``loaded`` what ``load`` makes of it, and ``scratch`` a folder for files. Two jobs at a time have
    one thread each; what is to be alone on the machine comes first. A figure is measured anew when the code it ran or
    what it was given is no longer the same.
    """
    parser = argparse.ArgumentParser(description=sys.modules["__main__"].__doc__)
    default = os.environ.get("SKZSL_DATA", HERE.parent.parent / "shared" / "data")
    parser.add_argument("--data", type=Path, default=default, help="folder with the embeddings (or SKZSL_DATA)")
    for option, what in options.items():
        parser.add_argument(f"--{option}", **what)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as arguments.scratch:
        arguments.scratch = Path(arguments.scratch)
        results = Results(name if arguments.__dict__.get("device", "cpu") == "cpu" else f"{name}_{arguments.device}")
        arguments.loaded = load and load(arguments.data)
        every = calls(arguments)
        results.measure({key: every.pop(key) for key in alone}, load, 1)
        results.measure(every, load, n_jobs)
    for title, table in printed(results, tables).items():
        print(f"\n{title}\n\n{table}")


class Results:
    """Figures of one benchmark in ``results/<name>.json``, saved after each, so that a run resumes where it stopped.

    Each has the day, machine and versions it was measured with, the code it ran, and a hash of what it was given.
    """

    def __init__(self, name):
        self.name, self.path = name, HERE / "results" / f"{name}.json"
        stored = json.loads(self.path.read_text()) if self.path.exists() else {"figures": {}}
        self.figures = {
            key: {**figure, "setup": stored["setups"][figure["setup"]], "code": stored["codes"][figure["code"]]}
            for key, figure in stored["figures"].items()
        }

    def measure(self, calls, load, n_jobs):
        """Measure the figures that are missing or that other code gave."""
        missing = {}
        for key, call in calls.items():
            code, given = identity(load, *call)
            figure = self.figures.get(key)
            if figure is None or (figure["code"], figure["given"]) != (code, given):
                missing[key] = {"code": code, "given": given}
        threads = {"inner_max_num_threads": 1} if n_jobs > 1 else {}
        with joblib.parallel_config("loky", **threads):
            for key, value in joblib.Parallel(n_jobs=n_jobs, return_as="generator_unordered")(
                joblib.delayed(_keyed)(key, *calls[key]) for key in missing
            ):
                print(f"{key}: {value}"[:300], flush=True)
                self.figures[key] = {"value": value, "setup": setup(), **missing[key]}
                self.save(calls)

    def save(self, order=()):
        """Write the file, figures in the order of the calls."""
        self.figures = {key: self.figures[key] for key in dict.fromkeys([*order, *self.figures]) if key in self.figures}
        shared = {"setup": [], "code": []}
        for figure in self.figures.values():
            for part, kept in shared.items():
                if figure[part] not in kept:
                    kept.append(figure[part])
        places = {
            key: {**figure, **{part: kept.index(figure[part]) for part, kept in shared.items()}}
            for key, figure in self.figures.items()
        }
        stored = {"setups": shared["setup"], "codes": shared["code"], "figures": places}
        self.path.write_text(json.dumps(stored, indent=1) + "\n")

    def stale(self):
        """Keys of the figures that other code gave than that of today."""
        codes = {key: figure["code"] for key, figure in self.figures.items()}
        return [key for key, code in codes.items() if HOUSE.hash(*code["ran"]) != code["hash"]]


def _keyed(key, function, *arguments):
    """Name a result, since results come in any order."""
    return key, function(*arguments)


def setup():
    """Day, machine and versions."""
    machine = {"processor": processor(), "cores": os.cpu_count()}
    versions = {"python": platform.python_version(), **{package: version(package) for package in PACKAGES}}
    return {"date": date.today().isoformat(), **machine, "versions": versions}


def identity(*call):
    """The code that a call runs, that of what it is given included, and a hash of what it is given."""
    told = list(parts(call))
    ran = sorted({name for kind, name in told if kind == "code"})
    return {"ran": ran, "hash": HOUSE.hash(*ran)}, hashlib.sha256(repr(told).encode()).hexdigest()[:12]


def parts(value):
    """What makes a call what it is: functions and classes, numbers and texts, and the parameters of estimators.

    Parameters at their defaults are code; of arrays and other objects the class counts; paths and ``memory`` do not.
    """
    if isinstance(value, partial):
        value = [value.func, value.args, value.keywords]
    if isinstance(value, dict):
        value = [list(item) for item in value.items()]
    if isinstance(value, (list, tuple)):
        yield "size", len(value)
        for item in value:
            yield from parts(item)
    elif isinstance(value, (bool, int, float, str)) or value is None:
        yield "value", repr(value)
    elif inspect.isfunction(value) or inspect.isclass(value):
        yield named(value)
    elif not isinstance(value, Path):
        kind, name = named(type(value))
        room = UNUSED.get(getattr(value, "solver", None))
        yield kind, f"{name} without {room}" if kind == "code" and room else name
        if hasattr(value, "get_params"):
            defaults = inspect.signature(type(value)).parameters
            for name, setting in value.get_params(deep=False).items():
                default = getattr(defaults.get(name), "default", None)
                if name != "memory" and (type(setting) is not type(default) or repr(setting) != repr(default)):
                    yield "value", name
                    yield from parts(setting)


def named(thing):
    """Dotted name of a function or class, and whether it is code of this house; names of skzsl are the public ones."""
    module = Path(sys.argv[0]).stem if thing.__module__ == "__main__" else thing.__module__
    if module.startswith("skzsl"):
        module = ".".join(part for part in module.split(".")[:2] if not part.startswith("_"))
    own = module.startswith("skzsl") or (HERE / f"{module}.py").is_file()
    return "code" if own else "value", f"{module}.{thing.__qualname__}"


def printed(results, tables):
    """Name -> Markdown of each table, with a line on where its figures come from."""
    stale, found = set(results.stale()), {}
    figures = Figures({key: figure["value"] for key, figure in results.figures.items()})
    for name, header, rows in tables(figures):
        lines = [[cell if isinstance(cell, str) else f"{cell:.3f}" for cell in line] for line in [header, *rows]]
        lines = [f"| {' | '.join(line)} |" for line in lines]
        used = figures.take_used()
        setups = (results.figures[key]["setup"] for key in used)
        earlier = len(stale.intersection(used))
        notes = [f"`python benchmarks/{results.name}.py`", *sorted({day_and_machine(setup) for setup in setups})]
        if earlier:
            notes.append(
                f"{'' if earlier == len(used) else f'{earlier} of {len(used)} figures '}measured with earlier code"
            )
        found[name] = "\n".join([lines[0], "|" + "---|" * len(header), *lines[1:], "", f"{', '.join(notes)}."])
    return found


def day_and_machine(setup):
    """Day, cores and processor in words."""
    return f"{setup['date']} on {setup['cores']} cores of {setup['processor']}"


class Figures(dict):
    """Figures by key, which remembers the keys that were asked for."""

    used = ()

    def __getitem__(self, key):
        self.used = (*self.used, key)
        return super().__getitem__(key)

    def take_used(self):
        """The keys asked for since the last call, once each."""
        used, self.used = list(dict.fromkeys(self.used)), ()
        return used


ONE_THREAD = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")


def in_process(function, *arguments, **environment):
    """Call a function of a script in a process of its own, with figures as result."""
    module, name = named(function)[1].split(".")
    code = f"import json, sys; sys.path.insert(0, {str(HERE)!r}); import {module}; "
    code += f"print(json.dumps({module}.{name}(*{arguments!r})))"
    process = subprocess.run(
        [sys.executable, "-c", code], env={**os.environ, **environment}, capture_output=True, text=True, check=True
    )
    return json.loads(process.stdout)


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


def spread(values, digits=3):
    """Mean and deviation in a cell."""
    return f"{np.mean(values):.{digits}f} ± {np.std(values, ddof=1):.{digits}f}"


def memory(field):
    """Memory of this process in MB: "RssAnon" without mapped files, "VmHWM" the peak with them.

    getrusage would count the parent's too.
    """
    return int(re.search(rf"{field}:\s+(\d+) kB", Path("/proc/self/status").read_text())[1]) * 1024 / 1e6


def forget_peak():
    """Start the peak of this process's memory anew, and give what it holds now, in MB."""
    Path("/proc/self/clear_refs").write_text("5")
    return memory("VmRSS")


def processor():
    """Name of the processor."""
    lines = Path("/proc/cpuinfo").read_text().splitlines() if Path("/proc/cpuinfo").exists() else []
    return next((line.split(":")[1].strip() for line in lines if line.startswith("model name")), platform.processor())
