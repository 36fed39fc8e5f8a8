"""Cards that tell people what a saved model is."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from ._files import read_header

_NO_SCORES = {"estimator", "indices"}  # that cross_validate returns too, when asked


def model_card(path, *, trained_on, scores=None, folds=None, limits=(), licence=None) -> str:
    """Write the card of a saved model: what it is, what it was trained on, its labels, its scores and its limits.

    Parameters
    ----------
    path : str or path-like
        A file that :func:`skzsl.save` wrote.
    trained_on : str
        The clips of the training: data set, front end of the embeddings, licence.
    scores : dict of str to array, or None, default=None
        Scores by name, one for each fold; what ``cross_validate`` returns will do.
    folds : str, splitter or None, default=None
        How the folds were dealt, and which labels were unseen.
    limits : list of str, default=()
        What the model should not be used for, and where it fails.
    licence : str or None, default=None
        Licence of the model, such as "cc-by-4.0".

    Returns
    -------
    card : str
        Markdown, with the header that the Hugging Face hub reads: write it to ``README.md``.

    Raises
    ------
    ValueError
        If ``trained_on`` is empty, ``limits`` is no list, scores are no numbers, or come without their ``folds``.
    ModelIntegrityError
        If the file is damaged or is no model.

    Examples
    --------
    >>> import numpy as np, pathlib, tempfile
    >>> import skzsl
    >>> model = skzsl.ZeroShotRidge(skzsl.text.HashingEncoder()).fit(np.eye(3), ["dog bark", "rain", "dog howl"])
    >>> path = pathlib.Path(tempfile.mkdtemp()) / "dogs.skzsl"
    >>> skzsl.save(model, path)
    >>> scores = {"accuracy": [0.5, 0.7]}
    >>> card = skzsl.model_card(path, trained_on="Three made-up clips", scores=scores, folds="by label")
    >>> print(card[card.index("| accuracy") :].splitlines()[0])
    | accuracy | 0.600 | 0.100 | 0.500, 0.700 |
    """
    if not isinstance(trained_on, str) or not trained_on.strip():
        raise ValueError(f"trained_on={trained_on!r}; say in a few words which clips and which front end it was.")
    if isinstance(limits, str):
        raise ValueError(f"limits={limits!r}; pass a list of sentences.")
    if scores is not None and not isinstance(scores, Mapping):
        raise ValueError(
            f"scores={scores!r}; pass a dict of the scores of each fold by name, such as cross_validate's."
        )
    header = read_header(path)
    n_features = header.get("n_features")  # files of earlier versions do not say
    sections = {
        "Trained on": trained_on,
        "Clips": n_features and f"Embeddings of {n_features} features, of clips (n, d) or their segments (n, T, d).",
        "Labels": _labels(header),
        "Text": _encoders(header),
        "Scores": _scores(scores, folds),
        "Limits": "\n".join(f"- {limit}" for limit in (*limits, *_limits(header))),
        "Use": _use(Path(path).name, header),
        "Made with": ", ".join(f"{name} {version}" for name, version in header["versions"].items()),
        "Note": header["note"],
    }
    front = {"library_name": "skzsl", "pipeline_tag": "audio-classification", "tags": ["skzsl", "zero-shot", "audio"]}
    lines = ["---", *(f"{key}: {json.dumps(value)}" for key, value in front.items())]
    lines += [f"license: {json.dumps(licence)}"] if licence else []
    lines += ["---", "", f"# {header['model']}", "", f"```\n{header['parameters']}\n```", ""]
    return "\n".join([*lines, *(f"## {name}\n\n{text}\n" for name, text in sections.items() if text)])


def _limits(header):
    """What holds of all models of a kind: those with a text encoder score labels that they were not trained on."""
    if header["labels"] is not None:
        yield (
            "Scores of labels that it was not trained on go by their text, and are less sure than those of the labels "
            "above."
            if header["encoders"]
            else "It knows the labels above and no other."
        )
        yield (
            "Probabilities were calibrated for as many candidates as its folds had; choose thresholds on clips of your "
            "own."
            if "TemperatureTuner(" in header["parameters"]
            else "Probabilities are not calibrated: choose thresholds on clips of your own."
        )
    yield "Clips have to come from the same front end as those of the training, with as many features."


def _labels(header):
    if header["labels"] is None:
        return None
    texts = header["texts"] or {}
    read = [f"{json.dumps(label, ensure_ascii=False)}" for label in header["labels"]]
    as_text = "".join(f"\n- {label!r} is read as {text!r}" for label, text in texts.items())
    return f"{len(read)}: {', '.join(read)}{as_text}"


def _encoders(header):
    lines = []
    for encoder in header["encoders"]:
        name = encoder.get("model") or encoder.get("path")
        if name:
            lines.append(f"- {encoder['class']}: {name}, sha256 {encoder['sha256'] or 'unknown'}")
    return "\n".join(lines)


def _scores(scores, folds):
    if scores is None:
        return None
    if folds is None:
        raise ValueError("scores say little without their folds; pass folds=, in words or the splitter.")
    if not all(isinstance(name, str) for name in scores):
        raise ValueError(f"scores={scores!r}; pass a dict from the name of a score to its value in each fold.")
    shown = {
        name.removeprefix("test_"): given
        for name, given in scores.items()
        if not name.endswith("_time") and name not in _NO_SCORES
    }
    rows = ["| score | mean | spread | each fold |", "|---|---|---|---|"]
    for name, given in shown.items():
        try:
            values = np.atleast_1d(np.asarray(given, dtype=float))
        except (TypeError, ValueError):
            values = np.array([np.nan])
        if values.ndim > 1 or not values.size or not np.isfinite(values).all():
            raise ValueError(f"scores of {name!r} are {given!r}; pass one finite number for each fold.")
        each = ", ".join(f"{value:.3f}" for value in values)
        rows.append(f"| {name} | {values.mean():.3f} | {values.std():.3f} | {each} |")
    return "\n".join([f"Folds: {folds}", "", *rows])


def _use(name, header):
    lines = [
        "import skzsl",
        "",
        f"model = skzsl.load({json.dumps(name, ensure_ascii=False)})  # runs nothing that the file says",
    ]
    if header["labels"] is not None:
        lines += ["model.predict(X)  # X: embeddings of clips"]
        if header["encoders"]:
            lines += ['skzsl.with_labels(model, ["a label", "that is new"]).predict(X)']
    return "\n".join(["```python", *lines, "```"])
