"""What a result must be, computed anew from logits and scores, in float64."""

import numpy as np


def softmax(rows):
    rows = np.asarray(rows, float)
    powers = np.exp(rows - rows.max(-1, keepdims=True))
    return powers / powers.sum(-1, keepdims=True)


def refined(coarse_logits, fine_logits, temperature):
    """DSANet's fine scores: the coarse branch says how abnormal, the fine one which class."""
    abnormal = 1 / (1 + np.exp(-np.asarray(coarse_logits, float) / temperature))[:, None]
    share = softmax(np.asarray(fine_logits, float)[:, 1:] / temperature)
    return np.concatenate([1 - abnormal, abnormal * share], 1)


def segments(coarse, fine, labels, fps=None, threshold=0.5, leave=None, min_snippets=1, merge_gap=0):
    leave = threshold if leave is None else leave
    high, low = np.float32(threshold), np.float32(leave)
    runs, at = [], 0
    while at < len(coarse):
        if coarse[at] < high:
            at += 1
            continue
        end = at
        while end < len(coarse) and coarse[end] >= low:
            end += 1
        if runs and at - runs[-1][1] < merge_gap:
            runs[-1][1] = end
        else:
            runs.append([at, end])
        at = end
    out = []
    for start, end in runs:
        if end - start < min_snippets:
            continue
        means = fine[start:end, 1:].mean(0)
        one = {
            "start": start,
            "end": end,
            "label": labels[1 + int(means.argmax())],
            "score": float(coarse[start:end].max()),
        }
        if fps:
            one |= {"start_seconds": start * 16 / fps, "end_seconds": end * 16 / fps}
        out.append(one)
    return out


def video(coarse_logits, fine_logits, labels):
    """The mean of the T/16+1 highest snippets, of the coarse score and of every class's logit."""
    k = min(len(coarse_logits), len(coarse_logits) // 16 + 1)
    coarse = 1 / (1 + np.exp(-np.asarray(coarse_logits, float)))
    means = np.sort(np.asarray(fine_logits, float), 0)[::-1][:k].mean(0)
    scores = softmax(means)
    return float(np.sort(coarse)[::-1][:k].mean()), labels[int(scores.argmax())], scores


def faults(job, rows, temperature=None):
    """What is inconsistent in a finished job whose result has its logits; `temperature` is a DSANet model's."""
    result = job["result"]
    labels = result["fine"]["labels"]
    coarse, fine = np.array(result["coarse"]), np.array(result["fine"]["scores"])
    logits, fine_logits = np.array(result["logits"]["coarse"]), np.array(result["logits"]["fine"])
    for name, array, shape in (
        ("coarse", coarse, (rows,)),
        ("fine", fine, (rows, len(labels))),
        ("coarse logits", logits, (rows,)),
        ("fine logits", fine_logits, (rows, len(labels))),
    ):
        if array.shape != shape:
            yield f"{name} has shape {array.shape}, expected {shape}"
        # The shortest decimals of a float32 read as float64 and rounded to float32 give themselves again.
        elif not all(float(np.format_float_positional(np.float32(x), unique=True)) == x for x in array.flat[:400]):
            yield f"{name} does not read back to the same float32"
    if np.abs(coarse - 1 / (1 + np.exp(-logits))).max() > 1e-6:
        yield "coarse is not the sigmoid of its logits"
    wanted = refined(logits, fine_logits, temperature) if temperature else softmax(fine_logits)
    if np.abs(fine - wanted).max() > 1e-5:
        yield f"fine is not the {'refined scores' if temperature else 'softmax'} of its logits"
    score, label, scores = video(logits, fine_logits, labels)
    summary = result["video"]
    if abs(summary["coarse"] - score) > 1e-5 or summary["label"] != label:
        yield f"the video is {summary['coarse']} {summary['label']}, expected {score} {label}"
    if list(summary["scores"]) != labels or np.abs(np.array(list(summary["scores"].values())) - scores).max() > 1e-4:
        yield "the video's scores are others than expected"
    if result["snippets"] != rows or job["snippets"] != rows or job["status"] != "succeeded":
        yield "snippets or status"
    if result["frames_per_snippet"] != 16 or result["provenance"]["features_sha256"] != job["features_sha256"]:
        yield "frames or digest"
    if job["progress"]["chunks_done"] != job["progress"]["chunks"]:
        yield f"progress {job['progress']}"
