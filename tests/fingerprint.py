"""All that an object holds, in a form to compare bit for bit."""

import types

import numpy as np
import pandas as pd
import torch

# Of no bearing on any result: what a net was last doing, vectors of texts and moments of labels met so far, and whether
# SGD has looked at the devices of its parameters.
PASSING = {"_first_epoch", "_cycle", "_fixed", "_known", "_moments", "_need_device_dtype_check_for_fused"}
PLAIN = {int, float, bool, str, bytes, type(None)}


def fingerprint(thing):
    """Everything inside an object, by the path to it: arrays and tensors to the bit, objects by their attributes."""
    found = {}
    _walk(thing, "", found, {})
    return found


def _walk(thing, path, found, met):
    if type(thing) in PLAIN:  # most are, and all below takes several times as long
        found[path] = repr(thing)
        return
    if isinstance(thing, torch.Tensor):
        thing = thing.detach().cpu().numpy()
    if isinstance(thing, np.random.RandomState):
        thing = thing.get_state(legacy=False)
    if isinstance(thing, pd.DataFrame | pd.Series):
        thing = thing.to_dict()
    if isinstance(thing, np.ndarray) and thing.dtype != object:
        found[path] = thing.dtype.str, thing.shape, thing.tobytes()
        return
    listed = isinstance(thing, np.ndarray | list | tuple | set | frozenset)
    attributes = {} if isinstance(thing, type | types.FunctionType) else getattr(thing, "__dict__", {})
    if not listed and not isinstance(thing, dict) and not attributes:
        found[path] = repr(thing)
        return
    first, _ = met.setdefault(id(thing), (path, thing))  # held, since the id of what is gone may come again
    found[path] = first, type(thing)
    if first != path:  # an object that holds itself
        return
    if isinstance(thing, set | frozenset):  # which a copy holds in another order
        thing = sorted(thing, key=repr)
    items = enumerate(thing) if listed else thing.items() if isinstance(thing, dict) else ()
    for number, (key, item) in enumerate([*items, *attributes.items()]):
        name = key if isinstance(key, str) else number  # an optimiser has tensors as keys
        mode = name == "training" and isinstance(thing, torch.nn.Module)
        if not mode and name not in PASSING:
            _walk(item, f"{path}.{name}", found, met)
