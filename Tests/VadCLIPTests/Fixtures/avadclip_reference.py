#!/usr/bin/env python3
"""AVadCLIP's visual student for XD-Violence: seeded checkpoints, and a PyTorch model to read and to compare with.

Written from the published code (WanshunSu/AVadCLIP, commit b5a87f0, src/model_s.py and src/UEM.py, Apache-2.0): VadCLIP with
three residual convolutions of width 3 behind the join, over all rows of a chunk. `fe_net.theta` and `alpha` are for training.

    avadclip_reference.py --config tiny|xd --seed N --out model.pth [--state-key KEY]    needs numpy
    avadclip_reference.py --goldens                                                      needs torch; writes the .npz here

Run it where ../shared/golden is in PYTHONPATH. CLIP, prompts and trunk are make_checkpoint.py's of the same seed, so that text
features are those of ../shared/golden/expected.
"""
import argparse
import os

import numpy as np

import make_checkpoint as mk

HERE = os.path.dirname(os.path.abspath(__file__))
ROWS = {"tiny": (1, 5, 7, 8, 9, 16, 29, 30, 31, 32, 33, 64, 100), "xd": (1, 31, 63, 64, 65, 100, 206, 255, 256, 257, 300)}


def state(config, seed):
    """make_checkpoint's tensors, and the student's own behind them."""
    c, out = mk.CONFIGS[config], mk.state(config, seed)
    rng = np.random.Generator(np.random.PCG64(1000 + seed))
    w = c["width"]

    def conv(name, n_out, n_in, taps):
        for part, shape, half in (("weight", (n_out, n_in, taps), (3 / (taps * n_in)) ** 0.5), ("bias", (n_out,), 0.05)):
            x = rng.random(shape, dtype=np.float32)
            out[f"{name}.{part}"] = ((x * 2 - 1) * np.float32(half)).astype(np.float32)

    for i in range(3):
        conv(f"fe_net.conv.{i}.conv.0", w, w, 3)
    conv("fe_net.theta.theta.0", w, w, 1)
    conv("fe_net.theta.theta.2", w, w, 3)
    conv("fe_net.theta.theta.3", w, w, 1)
    out["alpha"] = np.full(c["classes"], 0.25, np.float32)
    return out


def model(config, seed, text):
    import torch
    from torch.nn import functional as F
    import vadclip_reference as vadclip

    class Student(vadclip.VadCLIP):
        def refined(self, v):
            x = v.transpose(1, 2)
            for i in range(3):
                name = f"fe_net.conv.{i}.conv.0"
                x = x + torch.relu(F.conv1d(x, self.w(name + ".weight"), self.w(name + ".bias"), padding=1))
            return x.transpose(1, 2)

        def linear(self, x, name):
            y = super().linear(x, name)
            return self.refined(y) if name == "linear" else y

    return Student(config, state(config, seed), text).eval()


def goldens():
    import vadclip_reference as vadclip

    for config, rows in ROWS.items():
        expected = np.load(os.path.join(os.path.dirname(mk.__file__), f"expected/{config}.npz"))
        arrays = {"text_features": expected["text_features"]}
        student = model(config, 1, expected["text_features"])
        for t in rows:
            coarse, fine = vadclip.score(student, mk.features(t, mk.CONFIGS[config]["width"], 100 + t))
            arrays[f"T{t}_logits_coarse"], arrays[f"T{t}_logits_fine"] = coarse, fine
        np.savez(os.path.join(HERE, f"golden_avadclip_{config}.npz"), **arrays)
        print(config, {t: float(np.abs(arrays[f"T{t}_logits_coarse"]).max()) for t in rows})


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--goldens", action="store_true")
    p.add_argument("--config", choices=ROWS)
    p.add_argument("--seed", type=int, default=1)
    p.add_argument("--state-key", help="nest the weights under this key, as a training checkpoint does")
    p.add_argument("--out")
    a = p.parse_args()
    if a.goldens:
        goldens()
    else:
        mk.write_pth(a.out, state(a.config, a.seed), a.state_key)


if __name__ == "__main__":
    main()
