"""Checkpoints of a training: what it needs to go on where it was, to the bit, in a file without pickle."""

from __future__ import annotations

import hashlib
import json
import time
from pathlib import Path
from typing import Any

import joblib
import numpy as np
import torch
from scipy import sparse

from .._atomic import replacing
from .._stored import content
from .callbacks import BestEpoch, FitCheckpoint
from .state import array_of, mapped, plain

_OF_BEST = ("misses_", "dynamic_threshold_", "best_epoch_", "best_model_weights_")
_OF_TRAINING = (
    "batch_size",
    "max_epochs",
    "lr",
    "device",
    "fixed_inputs",
    "validation_fraction",
    "shuffle",
    "balanced",
    "mixup",
    "one_cycle",
    "averaged_epochs",
    "random_state",
)


class Checkpoint:
    """The file of a fit, which may train one net after another, and the training that writes to it.

    Parameters
    ----------
    settings : FitCheckpoint
        The file, and how often to write to it.
    net : EmbeddingNet
        Net to train, initialised.
    inputs, targets
        What it is trained on.

    Attributes
    ----------
    found : dict or None
        State to go on from.
    finished : bool
        Whether that is the end of the training.

    Raises
    ------
    ValueError
        If the file is of another fit, or cannot be read.
    """

    def __init__(self, settings, net, inputs, targets):
        self.path, self.every, self._last = Path(settings.path), settings.every, time.monotonic()
        self._digest = _digest(net, inputs, targets)
        kept = _read(self.path) if self.path.exists() else {"done": {}, "of": None, "state": None}
        self._done = kept["done"]
        self.finished = self._digest in self._done
        self.found = (
            self._done[self._digest] if self.finished else kept["state"] if kept["of"] == self._digest else None
        )
        if self.found is None and kept["of"] is not None:
            raise ValueError(
                f"The checkpoint {str(self.path)!r} is of a fit with other clips, labels or parameters; fit with "
                "those, remove the file, or pass another path."
            )

    @classmethod
    def of(cls, net, inputs, targets):
        """The checkpoint of a net whose callbacks ask for one, or None."""
        wanted = [callback for _, callback in net.callbacks_ if isinstance(callback, FitCheckpoint)]
        return cls(wanted[0], net, inputs, targets) if wanted else None

    def restore(self, net):
        """Make the net what it was."""
        state: Any = self.found
        net.module_.load_state_dict(mapped(state["weights"], np.ndarray, torch.from_numpy))
        net.optimizer_.load_state_dict(mapped(state["optimizer"], np.ndarray, torch.from_numpy))
        del net.history_[net._first_epoch :]
        net.history_.extend({**epoch, "batches": []} for epoch in state["history"])
        net._best, net._split_seed = state["best"], state["split_seed"]
        net._rng.set_state(state["rng"])
        if self.finished:
            return
        net._skip, net._resumed = state["position"], state["torch"]
        on_cpu = torch.device(net.device).type == "cpu"
        net._losses = [loss if on_cpu else torch.tensor(loss, device=net.device) for loss in state["losses"]]
        net._sizes = state["sizes"]
        if net._average is not None:
            net._average.average.load_state_dict(mapped(state["average"], np.ndarray, torch.from_numpy))
        for callback in _best_epochs(net):
            vars(callback).update(mapped(state["best_epoch"], np.ndarray, torch.from_numpy))

    def due(self):
        """Whether it is time for another one."""
        return time.monotonic() - self._last >= self.every

    def save(self, net, position, rng):
        """Write where a net is: after ``position`` batches of an epoch that began with ``rng``."""
        self._write(self._digest, self._state(net, position, rng))

    def finish(self, net):
        """Write that the training has ended, for what may train after it in the same fit."""
        self._done = {**self._done, self._digest: self._state(net, 0, net._rng.get_state(legacy=False))}
        self._write(None, None)

    def _write(self, digest, state):
        with replacing(self.path) as part:
            _save(part, {"done": self._done, "of": digest, "state": state})
        self._last = time.monotonic()

    def _state(self, net, position, rng):
        best = [{name: getattr(callback, name) for name in _OF_BEST} for callback in _best_epochs(net)]
        state = {
            "weights": dict(net.module_.state_dict()),
            "optimizer": net.optimizer_.state_dict(),
            "history": [plain(epoch) for epoch in net.history_[net._first_epoch :] if "train_loss" in epoch],
            "best": net._best,
            "split_seed": int(net._split_seed),
            "rng": rng,
            "position": position,
            "torch": _torch_states(net),
            "losses": [float(loss) for loss in net._losses],
            "sizes": list(net._sizes),
            "average": None if net._average is None else dict(net._average.average.state_dict()),
            "best_epoch": best[0] if best else None,
        }
        return mapped(state, torch.Tensor, array_of)


class WatchedBatches:
    """Batches of a training epoch, of which progress is told and after which checkpoints are written."""

    def __init__(self, batches, net, checkpoint, progress):
        self.batches, self.net, self.checkpoint, self.progress = batches, net, checkpoint, progress
        self.n_rows = batches.n_rows

    def __len__(self):
        return len(self.batches)

    def __iter__(self):
        net, checkpoint = self.net, self.checkpoint
        position, resumed, net._skip, net._resumed = net._skip, net._resumed, 0, None
        rng = None if checkpoint is None else net._rng.get_state(legacy=False)
        if resumed is not None:
            _set_torch_states(net, resumed)
        elif checkpoint is not None:
            checkpoint.save(net, position, rng)
        for inputs, targets in self.batches:
            yield inputs, targets
            position += 1
            for bar in self.progress:
                bar.advance(len(targets))
            if checkpoint is not None and checkpoint.due():
                checkpoint.save(net, position, rng)


def _best_epochs(net):
    return [callback for _, callback in net.callbacks_ if isinstance(callback, BestEpoch)]


def _torch_states(net):
    """States of torch's generators, from which dropout is drawn."""
    device = torch.device(net.device)
    return {
        "cpu": torch.get_rng_state(),
        "cuda": torch.cuda.get_rng_state(device) if device.type == "cuda" else None,
    }


def _set_torch_states(net, states):
    torch.set_rng_state(torch.from_numpy(states["cpu"]))
    if states["cuda"] is not None:
        torch.cuda.set_rng_state(torch.from_numpy(states["cuda"]), torch.device(net.device))


def _digest(net, inputs, targets):
    """Hash of all that a training depends on."""
    parts = ("callbacks", "optimizer", "_")  # optimisers say what they were given themselves
    given = {name: value for name, value in vars(net).items() if "__" in name and not name.startswith(parts)}
    settings = {name: getattr(net, name) for name in _OF_TRAINING}
    start = (dict(net.module_.state_dict()), net.optimizer_.state_dict()) if len(net.history_) else None
    kinds = [f"{kind.__module__}.{kind.__qualname__}" for kind in (net.module, net.criterion, type(net.optimizer_))]
    kinds.append(repr(sorted(net.optimizer_.defaults.items())))
    patience = [callback.patience for callback in _best_epochs(net)]
    known = mapped([kinds, given, settings, start, patience], torch.Tensor, array_of)
    found = hashlib.blake2b(joblib.hash(known, hash_name="sha1").encode(), digest_size=16)
    arrays = [targets.data, targets.indices, targets.indptr] if sparse.issparse(targets) else [targets]
    for array in (*inputs, *arrays):
        for block in content(array):
            found.update(block)
    return found.hexdigest()


def _save(path, state):
    """Write dicts, lists and tuples of arrays and plain values as JSON, and the arrays beside it."""
    arrays: list = []
    text = json.dumps(_described(state, arrays))
    with open(path, "wb") as file:
        np.savez(file, text=np.frombuffer(text.encode(), np.uint8), **{str(i): a for i, a in enumerate(arrays)})


def _read(path):
    try:
        with np.load(path, allow_pickle=False) as stored:
            return _made(json.loads(stored["text"].tobytes()), stored)
    except Exception as error:  # what comes of a damaged file depends on where it is
        raise ValueError(
            f"{str(path)!r} is damaged or no checkpoint ({type(error).__name__}: {error}); remove it, or "
            "pass another path."
        ) from error


def _described(value, arrays):
    if isinstance(value, np.ndarray):
        arrays.append(value)
        return {"array": len(arrays) - 1}
    if isinstance(value, dict):
        return {"dict": [[key, _described(each, arrays)] for key, each in value.items()]}
    if isinstance(value, list | tuple):
        return {type(value).__name__: [_described(each, arrays) for each in value]}
    return value.item() if isinstance(value, np.generic) else value


def _made(value, stored):
    if not isinstance(value, dict):
        return value
    ((kind, held),) = value.items()
    if kind == "array":
        return stored[str(held)]
    if kind == "dict":
        return {key: _made(each, stored) for key, each in held}
    made = [_made(each, stored) for each in held]
    return tuple(made) if kind == "tuple" else made
