"""The embedded model on videos that its training never saw: MP4s of test scenes and the sample, decoded and scored as anybody's.

SCENE_VIDEOS says how many test clips: 60 are those of README's figures, by default a few."""

import csv
import json
import os
import shutil

from support.harness import ROOT, check, contains, equal, finish, group, need, note, scratch, shown, skip

need("scene_videos", "numpy")

import numpy as np  # noqa: E402

from support.process import run  # noqa: E402

if not shutil.which("ffmpeg"):
    skip("scene_videos", "needs ffmpeg")
    finish()

count = int(os.environ.get("SCENE_VIDEOS", "8"))
folder = scratch()
# How segments are cut, as the demo does.
CUT = ["--format", "json", "--leave", "0.3", "--min-snippets", "2", "--merge-gap", "3"]


def scored(paths):
    ran = run("score", *CUT, *paths, timeout=3600)
    equal("vigil score: exit", ran.code, 0)
    return [json.loads(line) for line in ran.out.splitlines()]


def events(path):
    """(label, first frame, the frame after the last) of each event, by video."""
    found = {}
    with open(path) as file:
        for row in csv.DictReader(file):
            found.setdefault(row["video"], [])
            if row["start"]:
                found[row["video"]].append((row["label"], int(row["start"]), int(row["end"])))
    return found


def auc(scores, truth):
    """The area under the ROC curve, equal scores at once."""
    order = np.argsort(scores, kind="stable")
    _, first, counts = np.unique(scores[order], return_index=True, return_counts=True)
    ranks = np.empty(len(scores))
    ranks[order] = np.repeat(first + (counts + 1) / 2, counts)
    positive = truth.sum()
    return (ranks[truth].sum() - positive * (positive + 1) / 2) / (positive * (len(truth) - positive))


def overlap(one, other):
    both = max(min(one[1], other[1]) - max(one[0], other[0]), 0)
    return both / (one[1] - one[0] + other[1] - other[0] - both)


def measure(name, videos, least=0.6):
    """`videos`: (result, events). What README's figures are, of these."""
    scores, truth, overlaps, wanted, named = [], [], [], 0, 0
    for result, happened in videos:
        frames = np.repeat(np.array(result["coarse"]), 16)
        is_event = np.zeros(len(frames), bool)
        for label, start, end in happened:
            wanted += 1
            is_event[start:end] = True
            best = max(result["segments"], key=lambda one: overlap((start, end), (one["start"] * 16, one["end"] * 16)), default=None)
            share = best and overlap((start, end), (best["start"] * 16, best["end"] * 16))
            if share:
                overlaps.append(share)
                named += best["label"] == label
        scores.append(frames)
        truth.append(is_event)
    area = auc(np.concatenate(scores), np.concatenate(truth))
    mean = sum(overlaps) / max(len(overlaps), 1)
    note(f"{name}: {len(videos)} videos, AUC {area:.3f}, {len(overlaps)} of {wanted} events found, {named} named, mean IoU {mean:.2f}")
    check(f"{name}: AUC by frames is at least 0.95", area >= 0.95, f"{area:.4f}")
    check(f"{name}: mean IoU of found events is at least {least}", mean >= least, shown(overlaps))
    check(f"{name}: most events are found, by their names", len(overlaps) >= 0.8 * wanted and named >= 0.7 * wanted, f"{len(overlaps)}, {named} of {wanted}")


with group("the sample"):
    (result,) = scored([ROOT / "deploy/demo/sample.mp4"])
    contains("it is said what the model knows", result["caveat"], "made-up scenes")
    sample = (result, events(ROOT / "deploy/demo/sample.csv")["sample"])
    # Of three events the mean says little by itself.
    measure("the sample", [sample], least=0.5)

with group("test clips"):
    ran = run("scenes", "--output", folder / "scenes", "--train", "1", "--test", str(count), "--video", timeout=3600)
    equal("vigil scenes: exit", ran.code, 0)
    paths = sorted((folder / "scenes/videos").glob("*.mp4"))
    equal("a video each", len(paths), count)
    known = events(folder / "scenes/annotations.csv")
    equal("what happens in each is known", {path.stem for path in paths} <= set(known), True)
    results = scored(paths)
    check("none of them ends early", not any(result.get("truncated") for result in results))
    clips = [(result, known[path.stem]) for path, result in zip(paths, results)]
    measure("test clips", clips)
    measure("the sample and test clips", [sample, *clips])

finish()
