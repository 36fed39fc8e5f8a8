"""What a model file may hold: types and functions that are looked up when it is loaded, and how each may be used."""

from __future__ import annotations

import importlib
import inspect
from collections.abc import Iterator

from ..exceptions import UntrustedModelError
from ._archive import damaged

_FILLED = "ObjectNode"  # made without a call, and given attributes
_NAMED = "TypeNode or FunctionNode"  # only looked up
_OURS = ("detection", "metrics", "model_selection", "nets", "preprocessing", "tagging", "text", "zero_shot")
_ROOMS = {*(f"skzsl.{room}" for room in _OURS), "sklearn.metrics", "sklearn.model_selection"}
# Classes of ours that no room exports, and of scikit-learn that skops asks about.
_PARTS = [
    "skzsl._scaling.Scaling",
    "skzsl._views.PipelineView",
    "skzsl.model_selection._event_scorers.EventScorer",
    "skzsl.model_selection._scorers._ZeroShotScorer",
    "skzsl.nets.callbacks.BestEpoch",
    "skzsl.nets.callbacks.Accelerate",
    "skzsl.nets.callbacks.FitCheckpoint",
    "skzsl.persistence._pairs.Pairs",
    "skzsl.nets.callbacks.Progress",
    "skzsl.nets.training.EmbeddingNet",
    "skzsl.solvers._ridge.ClipSums",
    "skzsl.text._label_vectors.LabelVectors",
    "skzsl.text._lookup.VectorTable",
    "sklearn.metrics._scorer._MultimetricScorer",
    "sklearn.metrics._scorer._PassthroughScorer",
    "sklearn.metrics._scorer._Scorer",
    "sklearn.model_selection._split._CVIterableWrapper",
    "sklearn.utils._metadata_requests.MetadataRequest",
    "sklearn.utils._metadata_requests.MethodMetadataRequest",
]


def trusted_types(names) -> dict[str, str]:
    """Those of some types and functions that need nobody's trust, and how each may be used: none is called."""
    uses = {"numpy.dtype": "DTypeNode"}
    for room in sorted({".".join(name.split(".")[:2]) for name in names}.intersection(_ROOMS)):
        module = importlib.import_module(room)
        named = room in ("skzsl.nets", "skzsl.metrics", "sklearn.metrics")
        for thing in (vars(module).get(name) for name in module.__all__):
            if inspect.isclass(thing) or (named and inspect.isfunction(thing)):
                uses[f"{thing.__module__}.{thing.__qualname__}"] = _NAMED if named else _FILLED
    return {name: use for name, use in (uses | dict.fromkeys(_PARTS, _FILLED)).items() if name in names}


def refuse_untrusted(path, schema, untrusted, trusted) -> list[str]:
    """Names to tell skops to trust: those of a schema that need nobody's trust, and those that the caller trusts.

    Raises
    ------
    ModelIntegrityError
        If one of ours is to be used in another way than models use it.
    UntrustedModelError
        If there are types that nobody trusts.
    """
    nodes, given = set(_nodes(schema)), {name if isinstance(name, str) else _name(name) for name in trusted}
    uses = trusted_types({name for name, _ in nodes})
    for name, loader in nodes:
        if name in uses and name not in given and loader not in uses[name]:
            raise damaged(path, f"{name} is used as {loader}, as no model does")
    unknown = sorted(set(untrusted) - uses.keys() - given)
    if unknown:
        raise UntrustedModelError(
            f"{str(path)!r} holds {unknown}, which are no part of skzsl, scikit-learn or numpy, or unsafe in files of "
            f"strangers; loading it would run their code. If you know its source, pass trusted={unknown}."
        )
    return [*uses, *given]


def _name(kind):
    return f"{kind.__module__}.{kind.__qualname__}"


def _nodes(schema) -> Iterator[tuple[str, str]]:
    """Yield the type and the loader of everything in a schema."""
    waiting = [schema]
    while waiting:
        node = waiting.pop()
        if isinstance(node, dict) and isinstance(node.get("__loader__"), str):
            yield f"{node.get('__module__')}.{node.get('__class__')}", node["__loader__"]
        waiting.extend(node.values() if isinstance(node, dict) else node if isinstance(node, list) else [])
