"""What a net learned as arrays and plain values, for pickles and files, and the net that is rebuilt from them."""

from __future__ import annotations

import inspect
import json
from contextlib import contextmanager
from contextvars import ContextVar

import numpy as np
import torch
from skorch import NeuralNet
from skorch.exceptions import DeviceWarning

from .._copies import whole
from ..exceptions import warn

_device: ContextVar[str | None] = ContextVar("device", default=None)
_missing = object()
_UNUSED = {"fixed_inputs", "train_split"}  # of the last training, and by nets that split the clips themselves


@contextmanager
def placed_on(device):
    """Let nets that are rebuilt inside lie on a device; None takes that of their training."""
    token = _device.set(device)
    try:
        yield
    finally:
        _device.reset(token)


def state_of(net) -> dict:
    """Parameters, weights and history of a net; what its optimiser has gathered only if the training goes on."""
    state = {"parameters": _parameters(net)}
    if not net.initialized_:
        return state
    optimizer = net.optimizer_.state_dict() if net.goes_on_ else None
    return state | {
        "weights": {name: array_of(tensor) for name, tensor in net.module_.state_dict().items()},
        "optimizer": optimizer and mapped(optimizer, torch.Tensor, array_of),
        "history": json.dumps([plain(epoch) for epoch in net.history_]),
        "best": net._best,
        "split_seed": int(net._split_seed),
        "rng": net._rng,
    }


def restore(net, state: dict) -> None:
    """Make an empty net the one of a state, on its device or on the CPU where that is not there."""
    parameters = dict(state["parameters"])
    if isinstance(parameters["optimizer"], str):
        parameters["optimizer"] = getattr(torch.optim, parameters["optimizer"])
    net.__init__(**parameters)
    net.device = _present(_device.get() or net.device)
    if "weights" not in state:
        return
    net._start = {name: torch.from_numpy(array) for name, array in state["weights"].items()}
    net.initialize()
    if state["optimizer"]:
        net.goes_on_ = True
        net.optimizer_.load_state_dict(mapped(state["optimizer"], np.ndarray, torch.from_numpy))
    net.history_.extend({**epoch, "batches": []} for epoch in json.loads(state["history"]))
    net._best, net._split_seed, net._rng = state["best"], state["split_seed"], state["rng"]


def copied(net, memo):
    """Copy a net with all that it has, by the ``memo`` of copy.deepcopy."""
    if net.initialized_:
        # copy.deepcopy would leave attributes of an optimiser out. A schedule has put another step in its own's place.
        whole(net.optimizer_, memo, without="step")
    return whole(net, memo)


def _parameters(net):
    """Parameters that are not skorch's defaults, without the inputs of the last training."""
    defaults = {name: given.default for name, given in inspect.signature(NeuralNet.__init__).parameters.items()}
    parameters = {
        name: _without_start(name, value)
        for name, value in net.get_params(deep=False).items()
        if value is not defaults.get(name, _missing) and name not in _UNUSED and not name.startswith("_")
    }
    name = getattr(net.optimizer, "__name__", "")
    if getattr(torch.optim, name, None) is net.optimizer:
        parameters["optimizer"] = name
    return parameters


def _without_start(name, value):
    """Arguments of a module, or of modules in it, without the weights that it began with."""
    if name == "start" or name.endswith("__start"):
        return None
    if isinstance(value, dict):
        return {key: _without_start(key, given) for key, given in value.items()}
    return tuple(_without_start("", given) for given in value) if isinstance(value, tuple) else value


def _present(device):
    kind = torch.device(device)
    if kind.type != "cuda" or (kind.index or 0) < torch.cuda.device_count():
        return device
    warn(f"The net was on device {device!r}, which is not there; it is on 'cpu' now.", DeviceWarning)
    return "cpu"


def array_of(tensor):
    """Values of a tensor on any device."""
    return tensor.detach().cpu().numpy()


def mapped(value, kind, change):
    """Change everything of a kind inside dicts, lists and tuples."""
    if isinstance(value, kind):
        return change(value)
    if isinstance(value, dict):
        return {key: mapped(each, kind, change) for key, each in value.items()}
    return type(value)(mapped(each, kind, change) for each in value) if isinstance(value, list | tuple) else value


def plain(epoch):
    """What can be written of an epoch; callbacks may have recorded anything."""
    values = {name: value.item() if isinstance(value, np.generic) else value for name, value in epoch.items()}
    return {name: value for name, value in values.items() if isinstance(value, str | int | float | None)}
