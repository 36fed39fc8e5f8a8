"""Arguments of nets, devices, optimisers and seeds of torch, from what estimators are given."""

from __future__ import annotations

import inspect
from contextlib import contextmanager

import torch

from .._locks import only_one
from .callbacks import BestEpoch, Progress, check_callbacks, sets_rates


def net_parameters(estimator):
    """Arguments of :class:`EmbeddingNet` from an estimator's training parameters.

    Raises
    ------
    ValueError
        For callbacks that skorch cannot call, and for a device or an optimiser that is not there.
    """
    callbacks = check_callbacks(estimator.callbacks)
    if getattr(estimator, "one_cycle", False) and any(sets_rates(callback) for callback in callbacks):
        raise ValueError("callbacks hold an LRScheduler, and one_cycle=True sets the rates too; pass one_cycle=False.")
    if estimator.validation_fraction is not None:
        callbacks.append(BestEpoch(estimator._stops_on, estimator.patience))
    if estimator.verbose:
        callbacks.append(Progress())
    return {
        "shuffle": estimator.shuffle,
        "device": resolve_device(estimator.device),
        "callbacks": callbacks,
        "validation_fraction": estimator.validation_fraction,
        "random_state": estimator.random_state,
        "verbose": 0,
        **resolve_optimizer(estimator.optimizer, estimator.weight_decay),
    }


def resolve_device(device):
    """Turn "auto" into "cuda" where there is a GPU and "cpu" elsewhere; check any other name.

    Raises
    ------
    ValueError
        For a name torch does not know and for a GPU that is not there.
    """
    if device == "auto":
        return "cuda" if torch.cuda.is_available() else "cpu"
    try:
        kind = torch.device(device)
    except RuntimeError as error:
        raise ValueError(f"device={device!r} is no torch device; pass 'auto', 'cpu' or 'cuda'.") from error
    if kind.type not in {"cpu", "cuda"}:
        raise ValueError(f"device={device!r} is not supported; pass 'auto', 'cpu' or 'cuda'.")
    if kind.type == "cuda" and (kind.index or 0) >= torch.cuda.device_count():
        raise ValueError(
            f"device={device!r} is not there: torch sees {torch.cuda.device_count()} GPU(s); pass device='auto'."
        )
    return kind.type if kind.type == "cpu" else str(device)


def resolve_optimizer(optimizer, weight_decay):
    """Find the optimiser class by name and its skorch arguments.

    Raises
    ------
    ValueError
        For a name that ``torch.optim`` lacks, what is no optimiser, and weight decay that the optimiser does not have.
    """
    if isinstance(optimizer, str):
        found = getattr(torch.optim, optimizer, None)
        if not (isinstance(found, type) and issubclass(found, torch.optim.Optimizer)) or optimizer == "Optimizer":
            raise ValueError(f"optimizer={optimizer!r} is not in torch.optim; pass a name such as 'AdamW' or a class.")
        optimizer = found
    accepted, fixed = _parameters(optimizer), getattr(optimizer, "keywords", {})
    if "lr" not in accepted and not any(parameter.kind is parameter.VAR_KEYWORD for parameter in accepted.values()):
        raise ValueError(f"optimizer={optimizer!r} takes no lr; pass a class such as torch.optim.AdamW, or its name.")
    for name in {"lr", "weight_decay"}.intersection(fixed):
        raise ValueError(f"optimizer={optimizer!r} fixes {name}; pass {name}={fixed[name]} to the estimator instead.")
    arguments = {"optimizer": optimizer}
    if "fused" in accepted and fixed.keys().isdisjoint({"fused", "foreach", "differentiable"}):
        arguments["optimizer__fused"] = True
    if "weight_decay" in accepted:
        arguments["optimizer__weight_decay"] = weight_decay
    elif weight_decay:
        raise ValueError(f"optimizer={optimizer!r} has no weight decay; pass weight_decay=0.")
    return arguments


def _parameters(function):
    try:
        return inspect.signature(function).parameters
    except ValueError:  # some builtins have none
        return {}


@contextmanager
def fresh_autocast():
    """Let ``torch.autocast`` cast weights anew for every batch; within one context it would keep those of the first."""
    kept = torch.is_autocast_cache_enabled()
    torch.set_autocast_cache_enabled(False)
    try:
        yield
    finally:
        torch.set_autocast_cache_enabled(kept)


@contextmanager
def seeded(seed, device):
    """Seed torch's generators inside, and leave them as they were.

    Layers and dropout draw from these, which all threads share, so that one thread trains at a time.
    """
    devices = [device.index or 0] if device.type == "cuda" else []
    with only_one("training"), torch.random.fork_rng(devices=devices):
        torch.default_generator.manual_seed(seed)
        for index in devices:
            torch.cuda.default_generators[index].manual_seed(seed)
        yield
