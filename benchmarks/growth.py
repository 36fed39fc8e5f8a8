"""Draw how cost grows, out of the figures of ``scale.py``: ``docs/images/growth.png``."""

import matplotlib.pyplot as plt
from common import HERE, Results
from scale import CLIPS, LABELS, MODELS, SCORERS

PICTURE = HERE.parent / "docs" / "images" / "growth.png"


def main():
    """Three panels: predictions by labels, training and its memory by clips."""
    figures = {key: figure["value"] for key, figure in Results("scale").figures.items()}
    figure, (labels, speed, peak) = plt.subplots(1, 3, figsize=(12, 3.6), layout="constrained")
    for name in SCORERS:
        seconds = [figures[f"{name}, {n} labels"]["predict"]["ours"] / clips * 1000 for n, clips in LABELS.items()]
        labels.loglog(list(LABELS), seconds, marker="o", label=name)
    for name in MODELS:
        found = [figures[f"{name}, {n} clips"] for n in CLIPS]
        speed.loglog(CLIPS, [each["train"] for each in found], marker="o", label=name)
        peak.semilogx(CLIPS, [each["train, peak"] / 1000 for each in found], marker="o")
    labels.set(title="Predict among many labels", xlabel="labels", ylabel="seconds for 1,000 clips")
    speed.set(title="Train on many clips, one thread", xlabel="clips", ylabel="clips a second")
    peak.set(title="Memory in all", xlabel="clips", ylabel="GB", ylim=(0, None))
    for axes in (speed, peak):
        axes.set_xticks(CLIPS, [f"{n:,}" for n in CLIPS])
    labels.legend()
    figure.legend(*speed.get_legend_handles_labels(), loc="outside lower center", ncols=4)
    figure.savefig(PICTURE, dpi=100)


if __name__ == "__main__":
    main()
