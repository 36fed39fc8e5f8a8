"""Make event_reference.json: random event tables and scores, and what sed_eval and sed_scores_eval say of them.

Run it in an environment of its own, as the two need an older pandas:

    python3.11 -m venv reference
    reference/bin/pip install sed_eval==0.2.1 sed_scores_eval==0.0.4 "pandas<3"
    reference/bin/python tests/metrics/make_event_reference.py

The file is from sed_eval 0.2.1, dcase_util 0.2.20, sed_scores_eval 0.0.4, pandas 2.3.3 and numpy 2.4.6.
"""

import json
import math
from pathlib import Path

import numpy as np
import pandas as pd

LABELS = ["bell", "dog", "rain", "siren", "wind"]


def draw_events(rng, clips, labels, decimals, most=5):
    """Events of each clip, some clips without any; times on a grid, so that many tie, touch or overlap."""
    rows = []
    for clip in clips:
        for _ in range(rng.integers(0, most)):
            onset, length = rng.uniform(0, 9), rng.choice([0.05, 0.3, 1.0, 2.5, 6.0]) * rng.uniform(0.8, 1.2)
            times = np.round([onset, onset + length], decimals).tolist()
            rows.append([clip, str(rng.choice(labels)), *times])
    return rows


def disturb(rng, events, labels, decimals):
    """Predictions near the true events: shifted, renamed, doubled, cut in two, left out or added."""
    rows = []
    for clip, label, onset, offset in events:
        for _ in range(rng.choice([0, 1, 2], p=[0.2, 0.6, 0.2])):
            shift = np.round(rng.uniform(-0.25, 0.25, 2), decimals)
            start = max(onset + shift[0], 0.0)
            named = label if rng.random() < 0.8 else str(rng.choice(labels))
            rows.append([clip, named, *np.round([start, max(offset + shift[1], start)], decimals).tolist()])
    return rows + draw_events(rng, sorted({row[0] for row in events}), labels, decimals, most=2)


def of_clip(rows, clip):
    keys = ("filename", "event_label", "event_onset", "event_offset")
    items = [dict(zip(keys, row, strict=True)) for row in rows if row[0] == clip]
    return [{**item, "onset": item["event_onset"], "offset": item["event_offset"]} for item in items]


def number(value):
    return None if math.isnan(value) else float(value)


def judge(metric, true, pred):
    """F1 of all labels together, of each label with a true event and of their mean, and the error rate."""
    for clip in sorted({row[0] for row in true + pred}):
        metric.evaluate(of_clip(true, clip), of_clip(pred, clip))
    overall, by_label = metric.results_overall_metrics(), metric.results_class_wise_metrics()
    f1 = {label: number(by_label[label]["f_measure"]["f_measure"]) for label in sorted({row[1] for row in true})}
    return {
        "micro": number(overall["f_measure"]["f_measure"]),
        "error_rate": number(overall["error_rate"]["error_rate"]),
        "labels": f1,
    }


def event_cases():
    from sed_eval.sound_event import EventBasedMetrics, SegmentBasedMetrics  # not where tests are collected

    rng = np.random.default_rng(0)
    cases = []
    for case in range(24):
        decimals = int(rng.choice([1, 2, 3]))
        labels = LABELS[: rng.integers(1, 6)]
        true = draw_events(rng, [f"c{i}" for i in range(6)], labels, decimals)
        pred = disturb(rng, true, LABELS[: len(labels) + 1], decimals)
        if case == 5:
            pred = []
        rng.shuffle(pred)
        both = sorted({row[1] for row in true + pred})
        figures = {"segment": [], "event": []}
        for resolution in (1.0, 0.1, 0.7):
            metric = SegmentBasedMetrics(both, time_resolution=resolution)
            figures["segment"].append({"resolution": resolution, **judge(metric, true, pred)})
        for collar, share in [(0.2, 0.5), (0.1, 0.2), (0.5, None), (0.2, 0.0), (2.0, 0.9)]:
            metric = EventBasedMetrics(
                both,
                t_collar=collar,
                percentage_of_length=share or 0.0,
                evaluate_offset=share is not None,
                event_matching_type="optimal",
                empty_system_output_handling="zero_score",
            )
            figures["event"].append({"collar": collar, "offset_share": share, **judge(metric, true, pred)})
        cases.append({"true": true, "pred": pred, **figures})
    return cases


def united(rows):
    """Events of one label that overlap or touch are one, which sed_scores_eval asks its callers for."""
    result = []
    for clip, label, onset, offset in sorted(rows):
        last = result[-1] if result else None
        if last and last[:2] == [clip, label] and onset <= last[3]:
            last[3] = max(last[3], offset)
        else:
            result.append([clip, label, onset, offset])
    return result


SETTINGS = [
    {"dtc": 0.7, "gtc": 0.7, "cttc": None, "alpha_ct": 0.0, "alpha_st": 0.0, "max_efpr": 100.0},
    {"dtc": 0.1, "gtc": 0.1, "cttc": 0.3, "alpha_ct": 0.5, "alpha_st": 1.0, "max_efpr": 3000.0},
    {"dtc": 0.5, "gtc": 0.5, "cttc": 0.5, "alpha_ct": 1.0, "alpha_st": 0.3, "max_efpr": 1000.0},
    {"dtc": 0.3, "gtc": 1.0, "cttc": None, "alpha_ct": 0.0, "alpha_st": 1.0, "max_efpr": 20000.0},
]


def psds_cases():
    from sed_scores_eval.base_modules.scores import create_score_dataframe
    from sed_scores_eval.intersection_based import psds

    rng = np.random.default_rng(1)
    cases = []
    for _ in range(16):
        n, n_segments = int(rng.integers(3, 9)), int(rng.integers(1, 14))
        widths = np.ones(n_segments) if rng.random() < 0.5 else rng.choice([0.5, 0.96, 1.5], n_segments)
        edges = np.round(np.concatenate([[0.0], np.cumsum(widths)]), 3)
        lengths = rng.integers(1, n_segments + 1, n)
        clips = [f"c{i}" for i in range(n)]
        true = draw_events(rng, clips, LABELS[: rng.integers(1, 6)], int(rng.choice([1, 3])))
        true = [row for row in true if row[2] < row[3]] or [["c0", "dog", 0.2, 1.0]]
        labels = sorted({row[1] for row in true})
        middle = (edges[:-1] + edges[1:]) / 2
        score = rng.normal(size=(n, n_segments, len(labels)))
        for clip, label, onset, offset in true:
            score[int(clip[1:]), (middle > onset) & (middle < offset), labels.index(label)] += 2.5
        score = np.round(score, int(rng.choice([0, 1, 4])))
        truth = {clip: [(row[2], row[3], row[1]) for row in united(true) if row[0] == clip] for clip in clips}
        frames = {
            clip: create_score_dataframe(score[i, : lengths[i]], edges[: lengths[i] + 1], labels)
            for i, clip in enumerate(clips)
        }
        durations = {clip: float(edges[lengths[i]]) for i, clip in enumerate(clips)}
        figures = []
        for setting in SETTINGS:
            if len(labels) == 1 and setting["alpha_ct"]:
                continue  # which has no other label to be taken for, and gives nan
            value, by_label, (tpr, fpr), _ = psds(
                frames,
                truth,
                durations,
                dtc_threshold=setting["dtc"],
                gtc_threshold=setting["gtc"],
                cttc_threshold=setting["cttc"],
                **{key: setting[key] for key in ("alpha_ct", "alpha_st", "max_efpr")},
            )
            figures.append({**setting, "psds": value, "labels": by_label, "fpr": fpr.tolist(), "tpr": tpr.tolist()})
        arrays = {"edges": edges.tolist(), "lengths": lengths.tolist(), "score": score.tolist()}
        cases.append({"true": true, "clips": clips, "labels": labels, **arrays, "figures": figures})
    return cases


if __name__ == "__main__":
    assert pd.__version__ < "3"
    reference = {"events": event_cases(), "psds": psds_cases()}
    path = Path(__file__).with_name("event_reference.json")
    path.write_text(json.dumps(reference, separators=(",", ":")) + "\n")
    print(path.stat().st_size, "bytes")
