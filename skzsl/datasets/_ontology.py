"""AudioSet's ontology, and the labels that it leaves when none may contain another."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

from sklearn.utils import Bunch

from ._json import read_records

_FIELDS = {"id": str, "name": str, "description": str, "child_ids": list, "restrictions": list}


def load_audioset_ontology(path) -> Bunch:
    """Load AudioSet's ontology: what each label means and which labels it is a kind of.

    Parameters
    ----------
    path : str or path-like
        The official ``ontology.json``. It is not part of skzsl.

    Returns
    -------
    ontology : Bunch
        names : dict
            Name of each identifier, such as ``"/m/09x0r": "Speech"``. All else goes by name.
        descriptions : dict
            A sentence or two about each name.
        parents, children : dict
            Names directly above and below each name, lists of str.
        restrictions : dict
            What each name is not used for, a list of str: "abstract" names only group others, "blacklist" names were
            too hard to label.

    Raises
    ------
    FileNotFoundError
        If the file is missing.
    ValueError
        If it is damaged or is not a list of nodes, or a node lacks a key or has one of another type, has the identifier
        or the name of another, or an unknown child.

    References
    ----------
    Gemmeke et al. (2017). Audio Set: an ontology and human-labeled dataset for audio events. ICASSP. CC BY-SA 4.0.

    Examples
    --------
    >>> from skzsl.datasets import load_audioset_ontology
    >>> ontology = load_audioset_ontology("ontology.json")  # doctest: +SKIP
    >>> ontology.parents["Bark"]  # doctest: +SKIP
    ['Dog']
    """
    path = Path(path)
    if not path.is_file():
        raise FileNotFoundError(f"{str(path)!r} is missing; pass the path of AudioSet's ontology.json.")
    nodes = _read_nodes(path)
    names = {node["id"]: node["name"] for node in nodes}
    children = {node["name"]: [names[child] for child in node["child_ids"]] for node in nodes}
    parents: dict[str, list[str]] = {name: [] for name in children}
    for parent, below in children.items():
        for child in below:
            parents[child].append(parent)
    return Bunch(
        names=names,
        descriptions={node["name"]: node["description"] for node in nodes},
        parents=parents,
        children=children,
        restrictions={node["name"]: list(node["restrictions"]) for node in nodes},
    )


def select_leaf_labels(ontology, labels, *, mids=None) -> list[str]:
    """Choose labels that do not contain each other: single-parent, unrestricted leaves.

    A label is chosen if the ontology has exactly one parent of it and no restriction on it, and if none of its children
    is among ``labels``. Of AudioSet's 527 labels this leaves 365. It is a plain rule in the spirit of Dogan et al.
    (2024), who went on by hand: they kept parents of one or two children, and animals rather than their sounds.

    Parameters
    ----------
    ontology : Bunch
        As from `load_audioset_ontology`.
    labels : list of str
        All labels of the data, such as the columns of ``y``; which of them are leaves depends on the others.
    mids : list of str or None, default=None
        Identifier of each label, for labels that are not named as in the ontology.

    Returns
    -------
    leaves : list of str
        The chosen labels, in the order of ``labels``.

    Raises
    ------
    ValueError
        If ``labels`` is a lone string, ``mids`` are not as many as ``labels``, or a label or identifier is not in the
        ontology.

    References
    ----------
    Dogan et al. (2024). Multi-label zero-shot audio classification with temporal attention. IWAENC.

    Examples
    --------
    >>> from sklearn.utils import Bunch
    >>> from skzsl.datasets import select_leaf_labels
    >>> ontology = Bunch(
    ...     parents={"Animal": [], "Dog": ["Animal"], "Bark": ["Dog"]},
    ...     children={"Animal": ["Dog"], "Dog": ["Bark"], "Bark": []},
    ...     restrictions={"Animal": [], "Dog": [], "Bark": []},
    ... )
    >>> select_leaf_labels(ontology, ["Animal", "Dog", "Bark"])
    ['Bark']
    >>> select_leaf_labels(ontology, ["Animal", "Dog"])
    ['Dog']
    """
    labels = labels if isinstance(labels, str) else list(labels)
    names = _ontology_names(ontology, labels, mids)
    present = set(names)
    return [
        str(label)
        for label, name in zip(labels, names, strict=True)
        if len(ontology.parents[name]) == 1
        and not ontology.restrictions[name]
        and present.isdisjoint(ontology.children[name])
    ]


def _ontology_names(ontology, labels, mids):
    if isinstance(labels, str):
        raise ValueError(f"labels={labels!r} is one string; pass a list of labels, such as [{labels!r}].")
    if mids is None:
        unknown = [label for label in labels if label not in ontology.parents]
        if unknown:
            raise ValueError(f"Label {unknown[0]!r} is not in the ontology; name it as there, or pass mids.")
        return list(labels)
    if len(mids) != len(labels):
        raise ValueError(f"mids has {len(mids)} identifiers for {len(labels)} labels; pass one for each label.")
    unknown = [mid for mid in mids if mid not in ontology.names]
    if unknown:
        raise ValueError(f"Identifier {unknown[0]!r} is not in the ontology; pass the mids that belong to it.")
    return [ontology.names[mid] for mid in mids]


def _read_nodes(path):
    nodes = read_records(path, _FIELDS, file="AudioSet's ontology.json")
    for key in ("id", "name"):
        value, count = Counter(node[key] for node in nodes).most_common(1)[0]
        if count > 1:
            raise ValueError(f"{str(path)!r} has {count} nodes of {key} {value!r}; give each node its own.")
    known = {node["id"] for node in nodes}
    unknown = next((child for node in nodes for child in node["child_ids"] if child not in known), None)
    if unknown is not None:
        raise ValueError(f"{str(path)!r} has no node for the child {unknown!r}; get ontology.json again.")
    return nodes
