#!/usr/bin/env python3
"""Makes golden_tiny.npz: features and the published implementation's outputs for the tiny model of seed 1.

    make_fixtures.py ../shared/golden

Run it where ../shared is; the result is committed, so that the golden test of the tiny model always runs. tiny.safetensors is
that model: `vigil import tiny.pth --untrained --name tiny-demo` of `make_checkpoint.py --config tiny --seed 1`.
"""
import os
import sys

import numpy as np

golden = sys.argv[1]
sys.path.insert(0, golden)
import make_checkpoint as mk  # noqa: E402

expected = np.load(os.path.join(golden, "expected/tiny.npz"))
arrays = {}
for key in expected.files:
    if key == "labels":
        continue
    arrays[key] = expected[key]
    if key.endswith("_logits_coarse"):
        rows = int(key[1:].split("_")[0])
        arrays[f"T{rows}_features"] = mk.features(rows, mk.CONFIGS["tiny"]["width"], 100 + rows)
here = os.path.dirname(os.path.abspath(__file__))
np.savez(os.path.join(here, "golden_tiny.npz"), **arrays)
