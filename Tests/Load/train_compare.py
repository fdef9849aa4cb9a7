"""What train.sh runs: Vigil's training beside PyTorch's."""

import gc
import json
import os
import statistics
import subprocess
import sys
import time

import numpy as np
import torch
import train_torch

sys.path.insert(0, train_torch.SHARED + "/golden")
import make_checkpoint  # noqa: E402

what, vigil, work, rounds = sys.argv[1], os.path.abspath(sys.argv[2]), sys.argv[3], int(sys.argv[4])
UCF = [
    *("normal", "abuse", "arrest", "arson", "assault", "burglary", "explosion", "fighting", "roadAccidents"),
    *("robbery", "shooting", "shoplifting", "stealing", "vandalism"),
]
XD = ["normal", "fighting", "shooting", "riot", "abuse", "car accident", "explosion"]
THREADS = 2
# The key's bias has a gradient of 0, which rounding makes 1e-9 and AdamW a step: PyTorch differs from itself by this.
LOOSE = {"attn.in_proj_bias": 2e-3}


def state(config, seed):
    """A checkpoint's weights without the image tower, which nobody needs here."""
    return {name: x for name, x in make_checkpoint.state(config, seed).items() if "clipmodel.visual." not in name}


# Time.


class TorchStep:
    """Steps of PyTorch over videos of random features, as vigil bench train makes them."""

    def __init__(self, fused):
        self.model = train_torch.VadCLIP(state("ucf", 1), UCF)
        self.model.fused = fused
        self.method = train_torch.optimizer(self.model, 1e-5, 0.01)
        random = np.random.default_rng(1)
        self.x = torch.tensor(random.uniform(-0.75, 0.75, (16, 256, 512)).astype(np.float32))
        self.n = torch.full((16,), 256)
        self.labels = torch.zeros(16, len(UCF))
        for index in range(16):
            self.labels[index, 0 if index % 2 == 0 else 1 + index % 13] = 1

    def __call__(self):
        begin = time.perf_counter()
        losses = self.model.losses(self.x, self.n, self.labels, 0.1)
        self.method.zero_grad()
        sum(losses).backward()
        self.method.step()
        return (time.perf_counter() - begin) * 1e3


def own():
    command = [vigil, "bench", "train", "--videos", "16", "--snippets", "256", "--threads", str(THREADS)]
    out = subprocess.run([*command, "--runs", "3", "--json"], check=True, capture_output=True).stdout
    return json.loads(out)


def speed():
    torch.set_num_threads(THREADS)
    ways = {}
    for fused in (False, True):
        step = TorchStep(fused)
        step()
        ways[fused] = min(step() for _ in range(2))
        del step
        gc.collect()
    step = TorchStep(min(ways, key=ways.get))
    step()
    found, reports = [], []
    for _ in range(rounds):
        reports.append(own())
        found.append(statistics.median(step() for _ in range(3)))
        print(f"  Vigil {reports[-1]['ms']:7.0f} ms   PyTorch {found[-1]:7.0f} ms", flush=True)
    ours, theirs = statistics.median(report["ms"] for report in reports), statistics.median(found)
    rate = statistics.median(report["gflops"] for report in reports)
    share = statistics.median(report["share_of_peak"] for report in reports)
    print(f"a step of 16 videos of 256 snippets, UCF-Crime, {THREADS} threads, medians of {rounds} rounds:")
    print(f"  Vigil {ours:.0f} ms ({rate:.0f} GFLOP/s, {100 * share:.0f}% of the peak), PyTorch {theirs:.0f} ms", end="")
    print(f" (attention {'fused' if step.model.fused else 'by products'}): {theirs / ours:.2f} times as fast")


# Numbers.


def write(path, value):
    with open(path, "w") as file:
        json.dump(value, file)


def video(name, rows, width, seed, label):
    np.save(f"{work}/{name}.npy", make_checkpoint.features(rows, width, seed))
    return {"features": name + ".npy", "label": label}


def plan(labels, steps, rate, contrast):
    return {
        "learning_rate": rate,
        "weight_decay": 0.01,
        "contrast_weight": contrast,
        "labels": labels,
        "steps": steps,
    }


def replay(name, config, seed):
    """Both replays of work/name.json from seeded weights: reports, weights before and after."""
    checkpoint = f"{work}/{config}-{seed}.pth"
    if not os.path.exists(checkpoint):
        make_checkpoint.write_pth(checkpoint, state(config, seed))
    steps = f"{work}/{name}.json"
    command = [vigil, "train", "--replay", steps, "--init", checkpoint, "--json", "--threads", str(THREADS)]
    command += ["--replay-weights", f"{work}/{name}-own.pth"]
    ours = json.loads(subprocess.run(command, check=True, capture_output=True).stdout)
    command = [sys.executable, train_torch.__file__, "steps", steps, checkpoint, "--weights", f"{work}/{name}.npz"]
    theirs = json.loads(subprocess.run(command, check=True, capture_output=True).stdout)
    mine = train_torch.checkpoint(f"{work}/{name}-own.pth")
    return ours, theirs, mine, {**state(config, seed), **np.load(f"{work}/{name}.npz")}


def loose(name, usual):
    return next((bound for end, bound in LOOSE.items() if name.endswith(end)), usual)


def check():
    """Losses, gradients' norms and weights' norms of three steps, several videos and labels each."""
    failures = 0
    cases = [
        ("tiny", 7, UCF, 1e-3, 0.1),
        ("tiny", 8, UCF, 1e-3, 1e-4),
        ("ucf", 2, UCF, 2e-5, 0.1),
        ("xd", 3, XD, 1e-5, 1e-4),
    ]
    for config, seed, labels, rate, contrast in cases:
        c = make_checkpoint.CONFIGS[config]
        random = np.random.default_rng(seed)
        lengths = [1, 15, 16, c["length"] - 1, c["length"], c["length"] + 1, 3 * c["length"] + 5, 9 * c["length"]]
        steps = []
        for step in range(3):
            videos = []
            for index, rows in enumerate(random.permutation(lengths)[:5]):
                names = random.choice(labels[1:], size=1 + index % 2, replace=False)
                label = "normal" if index % 3 == 0 else ";".join(names)
                name = f"{config}-{seed}-{step}-{index}"
                videos.append(video(name, int(rows), c["width"], 1000 * seed + 10 * step + index, label))
            steps.append(videos)
        name = f"check-{config}-{seed}"
        write(f"{work}/{name}.json", plan(labels, steps, rate, contrast))
        ours, theirs, _, _ = replay(name, config, seed)
        keys = ["loss_coarse", "loss_mil_align", "loss_contrast", "loss"]
        loss = max(abs(a[k] - b[k]) for a, b in zip(ours["steps"], theirs["steps"]) for k in keys)
        a, b = ours["steps"][0]["grad_norm"], theirs["steps"][0]["grad_norm"]
        slope = max(abs(a[k] - b[k]) / b[k] for k in b)
        a, b = ours["weight_norm_after"], theirs["weight_norm_after"]
        weight = max(abs(a[k] - b[k]) / b[k] / loose(k, 1e-4) for k in b)
        good = loss < 1e-4 and slope < 1e-3 and weight < 1
        failures += not good
        print(f"{config:5} seed {seed}: losses within {loss:.1e}, gradients' norms {slope:.1e}, weights' norms "
              f"{weight:.2f} of what is allowed: {'good' if good else 'BAD'}", flush=True)
    return failures


# Curves.


# How far what is labelled lies from the background, in each direction.
STRENGTH = 1


def scene(rows, width, label, random):
    """Features of a video, and which of its snippets are what it is labelled."""
    x = make_checkpoint.features(rows, width, int(random.integers(1 << 30)))
    truth = np.zeros(rows, bool)
    if label != "normal":
        begin = int(random.integers(0, rows // 2))
        truth[begin : begin + max(4, rows // 3)] = True
        direction = lambda seed: np.random.default_rng(seed).uniform(-1, 1, width).astype(np.float32)
        x[truth] += STRENGTH * (direction(0) + direction(UCF.index(label)))
    return x, truth


def auc(scores, truth):
    order = np.argsort(scores, kind="stable")
    values, ranks = scores[order], np.arange(1, len(scores) + 1, dtype=float)
    for value in np.unique(values[1:][values[1:] == values[:-1]]):
        ranks[values == value] = ranks[values == value].mean()
    positive = truth[order]
    count = positive.sum()
    return 100 * (ranks[positive].sum() - count * (count + 1) / 2) / (count * (len(truth) - count))


def metrics(weights, videos):
    """Frame-level AUC of both branches, percent."""
    model = train_torch.VadCLIP(weights, UCF)
    coarse, fine, truth = [], [], []
    with torch.no_grad():
        text = model.text()
        for x, valid in videos:
            padded, n = train_torch.pooled(x, model.length)
            c, f = model.forward(torch.tensor(padded)[None], torch.tensor([n]), text)
            coarse.append(torch.sigmoid(c[0, :n]).numpy())
            fine.append(1 - torch.softmax(f[0, :n], -1)[:, 0].numpy())
            truth.append(valid)
    truth = np.concatenate(truth)
    return auc(np.concatenate(coarse), truth), auc(np.concatenate(fine), truth)


def curves():
    """200 steps from one start with the same batches: losses side by side, and what both have learned."""
    c, random = make_checkpoint.CONFIGS["tiny"], np.random.default_rng(5)
    count, videos = c["length"], []
    for index in range(240):
        label = "normal" if index % 2 == 0 else UCF[1 + index // 2 % 13]
        x, _ = scene(count, c["width"], label, random)
        np.save(f"{work}/scene{index}.npy", x)
        videos.append({"features": f"scene{index}.npy", "label": label})
    steps = [[videos[i] for i in random.choice(len(videos), 16, replace=False)] for _ in range(200)]
    write(f"{work}/curves.json", plan(UCF, steps, 1e-4, 0.1))
    ours, theirs, mine, other = replay("curves", "tiny", 1)
    losses = [[step["loss"] for step in run["steps"]] for run in (ours, theirs)]
    for step in (1, 10, 25, 50, 100, 150, 200):
        a, b = losses[0][step - 1], losses[1][step - 1]
        print(f"step {step:3}: loss {a:.5f} and {b:.5f}, {abs(a - b):.1e} apart")
    test = [scene(count, c["width"], "normal" if i % 2 else UCF[1 + i // 2 % 13], random) for i in range(80)]
    start = metrics(state("tiny", 1), test)
    a, b = metrics(mine, test), metrics(other, test)
    print(f"AUC on 80 other videos, coarse and fine: {a[0]:.2f} {a[1]:.2f} and {b[0]:.2f} {b[1]:.2f} "
          f"(before: {start[0]:.2f} {start[1]:.2f})")
    apart = max(abs(x - y) for x, y in zip(losses[0][:50], losses[1][:50]))
    good = apart < 1e-3 and max(abs(x - y) for x, y in zip(a, b)) < 0.5
    print(f"losses of the first 50 steps within {apart:.1e}: {'good' if good else 'BAD'}")
    return not good


runs = {"speed": speed, "check": check, "curves": curves}
failures = sum(runs[name]() or 0 for name in (runs if what == "all" else [what]))
sys.exit(1 if failures else 0)
