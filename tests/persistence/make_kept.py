"""Save a small file of each kind of model, which every later release has to read: run once for each release.

    python tests/persistence/make_kept.py 0.1

writes ``kept/0.1-NAME.skzsl`` and what the models answered, ``kept/0.1.npz``. Files of earlier releases stay.
"""

import sys
import warnings
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).parent.parent))
from kept_models import answers, models

import skzsl

FOLDER = Path(__file__).parent / "kept"

if __name__ == "__main__":
    [release] = sys.argv[1:]
    answered = {}
    for name, model in models().items():
        path = FOLDER / f"{release}-{name}.skzsl"
        if path.exists():
            sys.exit(f"{path} is there: files of a release are written once.")
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            skzsl.save(model, path, note=f"Kept by the tests since {release}")
        answered[name] = answers(model)
    np.savez(FOLDER / f"{release}.npz", **answered)
