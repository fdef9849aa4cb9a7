"""Checkpoints of the wild: other tools' prefixes and containers, neighbours of the weights, and what can't be used."""

import argparse
import collections
import datetime
import json
import os
import pathlib

from support.harness import SHARED, check, contains, equal, finish, group, need, scratch, shown

need("checkpoints", "numpy", shared=True)

import numpy as np  # noqa: E402

from support import features, towers, wild  # noqa: E402
from support.process import run  # noqa: E402

folder = scratch()
make = towers.golden()
STATE = make.state("tiny", 1)
POSITIONS = "frame_position_embeddings.weight"
rows = folder / "rows.npy"
np.save(rows, features.video(40))
out = folder / "out.safetensors"


def bring(root, *options, raw=None):
    path = folder / "wild.pth"
    path.write_bytes(wild.checkpoint(root) if raw is None else raw)
    out.unlink(missing_ok=True)
    return run("import", path, "--output", out, "--prepare", "none", *options)


def score():
    ran = run("score", "--format", "json", "--logits", "--model", out, rows)
    if ran.code != 0:
        raise SystemExit(f"scoring failed with {ran.code}: {ran.err}")
    answer = json.loads(ran.out)
    return answer.get("result", answer)["logits"]


def same(name, root, *options, raw=None, words=()):
    """Is imported, and scores as the plain checkpoint does."""
    ran = bring(root, *options, raw=raw)
    check(f"{name}: imported", ran.code == 0, shown(ran.err))
    if ran.code == 0:
        equal(f"{name}: scores", score(), PLAIN)
        contains(f"{name}: words", ran.err, *words)


def refused(name, root, *words, options=(), raw=None):
    ran = bring(root, *options, raw=raw)
    equal(f"{name}: refused", ran.code, 65)
    contains(f"{name}: words", ran.err, *words)
    check(f"{name}: nothing is left", not out.exists() and not list(folder.glob(".*.tmp")))


def safetensors(state, prefix=""):
    return features.safetensors({prefix + n: ("F32", a.shape, a.tobytes()) for n, a in state.items()})


def changed(name, value):
    return {**STATE, name: value}


bring(wild.tensors(STATE))
PLAIN = score()
OTHER = {name: value * np.float32(1.01) for name, value in STATE.items()}

with group("prefixes"):
    for prefix in ("module.", "_orig_mod.", "module._orig_mod.", "_orig_mod.module.", "model.", "net.", "model.net._orig_mod."):
        same(prefix, wild.tensors(STATE, prefix))
        same(f"{prefix} in safetensors", None, raw=safetensors(STATE, prefix))
    same(
        "a compiled part",
        {n.replace("temporal.", "temporal._orig_mod."): t for n, t in wild.tensors(STATE).items()},
    )
    same("Lightning", {"state_dict": wild.tensors(STATE, "model.") | {"criterion.weight": wild.Tensor(np.ones(3, "f4"))}, "epoch": 3})
    same("AveragedModel", wild.tensors(STATE, "module.") | {"n_averaged": wild.Tensor(np.ones((), "f4"))})
    refused(
        "two names that become one",
        wild.tensors(STATE, "_orig_mod.") | {"module._orig_mod.gc1.weight": wild.Tensor(STATE["gc1.weight"])},
        "_orig_mod.gc1.weight",
        "module._orig_mod.gc1.weight",
    )

with group("containers"):
    for key in ("state_dict", "model_state_dict", "model", "net", "params", "weights", "anything"):
        same(key, {"epoch": 1, key: wild.tensors(STATE), "optimizer": {"state": {0: wild.Tensor(np.ones(2, "f4"))}}})
    same("nested twice", {"checkpoint": {"model": wild.tensors(STATE)}})

with group("averaged weights beside plain ones"):
    for key in ("ema", "model_ema", "ema_state_dict", "state_dict_ema"):
        both = {key: wild.tensors(OTHER), "model": wild.tensors(STATE)}
        same(key, both, words=(key, "--weights-from"))
        ran = bring(both, "--weights-from", key)
        check(f"{key}: the others", ran.code == 0 and score() != PLAIN, shown(ran.err))
    both = wild.tensors(OTHER, "model_ema.") | wild.tensors(STATE, "model.")
    same("by prefix", both, words=("model_ema", "--weights-from"))
    same("by prefix, safetensors", None, raw=safetensors({f"{p}.{n}": a for p, s in (("ema", OTHER), ("model", STATE)) for n, a in s.items()}), words=("ema",))
    refused("teacher and student", wild.tensors(OTHER, "teacher.") | wild.tensors(STATE, "student."), "teacher", "student", "--weights-from")
    same("student", wild.tensors(OTHER, "teacher.") | wild.tensors(STATE, "student."), "--weights-from", "student")
    refused("no such weights", both, "nosuch", "model_ema", options=("--weights-from", "nosuch"))

with group("neighbours"):
    neighbours = {
        "path": pathlib.PurePosixPath("/a/b"),
        "when": datetime.datetime(2026, 1, 2, 3, 4, 5),
        "day": datetime.timedelta(3),
        "array": np.arange(6.0).reshape(2, 3),
        "scalar": np.float64(0.5),
        "counts": collections.defaultdict(list, {"a": [1]}),
        "ordered": collections.OrderedDict(a=1),
        "options": argparse.Namespace(lr=1e-4, out=pathlib.PurePosixPath("x")),
        "set": {1, 2},
        "complex": 1 + 2j,
        "numpy state": np.random.RandomState(1).get_state(),
        "numpy generator": np.random.RandomState(1),
        "enum": wild.Foreign("project.modes", "Mode", 3),
        "object": wild.Foreign("project.config", "Config", state={"a": 1}),
        "generator": wild.Tensor(np.zeros(16, "i1")),
    }
    for name, value in neighbours.items():
        same(name, {"state_dict": wild.tensors(STATE), name: value})
    same("all in one", {**neighbours, "state_dict": wild.tensors(STATE)})
    same("a complex tensor that is not needed", wild.tensors(STATE) | {"freqs": wild.Tensor(np.ones(4, "c8"))})
    same("a quantised tensor that is not needed", wild.tensors(STATE) | {"q": wild.Foreign("torch._utils", "_rebuild_qtensor", 1)})
    same("float8 in safetensors that is not needed", None, raw=features.safetensors(
        {n: ("F32", a.shape, a.tobytes()) for n, a in STATE.items()} | {"f8": ("F8_E4M3", (4,), bytes(4)), "c": ("C64", (1,), bytes(8))}))
    canary = folder / "canary"
    refused("os.system beside the weights", {"state_dict": wild.tensors(STATE), "x": wild.Foreign("posix", "system", f"touch {canary}")}, "posix.system", "nothing was run")
    check("nothing was run", not canary.exists())

with group("weights that can't be taken"):
    for name in ("gc1.weight", POSITIONS, "clipmodel.text_projection", "temporal.resblocks.1.ln_1.weight"):
        refused(f"a placeholder for {name}", wild.tensors(STATE) | {name: wild.Foreign("torch._utils", "_rebuild_qtensor", 1)}, name, "_rebuild_qtensor")
        refused(f"complex {name}", wild.tensors(changed(name, STATE[name].astype("c8"))), name, "ComplexFloatStorage")
        integers = np.clip(STATE[name] * 100, -127, 127).astype("i1")
        refused(f"int8 {name}", wild.tensors(changed(name, integers)), name, "int8")
        scale = np.full(STATE[name].shape[:1], 0.01, "f4")
        for suffix in ("_scale", ".scale"):
            refused(f"int8 {name} with {suffix}", wild.tensors(changed(name, integers) | {name + suffix: scale}), name, "int8")
        for kind, size in (("I8", 1), ("F8_E4M3", 1)):
            stored = {n: ("F32", a.shape, a.tobytes()) for n, a in STATE.items()}
            stored[name] = (kind, STATE[name].shape, bytes(STATE[name].size * size))
            refused(f"{kind} {name} in safetensors", None, name, raw=features.safetensors(stored))
        for bad, word in ((np.nan, "nan"), (-np.inf, "-inf")):
            broken = STATE[name].copy()
            broken.flat[-1] = bad
            place = ", ".join(str(n - 1) for n in broken.shape)
            refused(f"{word} in {name}", wild.tensors(changed(name, broken)), name, word, f"[{place}]")
    refused("a whole module", wild.Foreign("model", "CLIPVAD", state={"a": 1}), "model.CLIPVAD", "state_dict")

with group("what was written is loaded"):
    kernels = [k for k in ("portable", "avx2", "avx512", "neon") if run("score", "--kernels", k, rows).code == 0]
    for factor in (1, 3, 100):
        scaled = {n: a * np.float32(factor) for n, a in STATE.items()}
        for weights in ("float32", "float16", "bfloat16", "int8"):
            for prepare in ("none", *kernels):
                path = folder / "wild.pth"
                path.write_bytes(wild.checkpoint(wild.tensors(scaled)))
                out.unlink(missing_ok=True)
                ran = run("import", path, "--output", out, "--weights", weights, "--prepare", prepare)
                name = f"{weights} for {prepare}, weights times {factor}"
                if ran.code != 0:
                    check(f"{name}: refused with the reason", factor > 1 and ran.code == 65 and not out.exists(), shown(ran.err))
                    continue
                for k in kernels:
                    loaded = run("score", "--kernels", k, "--model", out, rows)
                    equal(f"{name}: loaded by {k}", (loaded.code, loaded.err), (0, ""))
    bring(wild.tensors({n: a * np.float32(100) for n, a in STATE.items()}))
    check("weights times 100 are imported", out.exists())
    if out.exists():
        held, metadata = features.read_safetensors(out.read_bytes())
        kind, shape, data = held["linear.weight"]
        values = np.frombuffer(data, "<f4").copy()
        values[100] *= -1
        held["linear.weight"] = (kind, shape, values.tobytes())
        out.write_bytes(features.safetensors(held, metadata))
        ran = run("score", "--model", out, rows)
        equal("a turned sign is noticed", ran.code, 65)
        contains("a turned sign is noticed: words", ran.err, "self-test")

with group("messages"):
    same("another preset's layers", wild.tensors(STATE))
    ran = bring(wild.tensors(STATE), "--preset", "xd-violence")
    equal("a preset that contradicts the layers", ran.code, 0)
    contains("a preset that contradicts the layers: words", ran.err, "xd-violence", "1 layer", "2")
    bring(wild.tensors(STATE))
    again = folder / "again.safetensors"
    ran = run("import", out, "--output", again)
    equal("an imported model", ran.code, 65)
    contains("an imported model: words", ran.err, "is a model file already", "--model", "that it was imported from")
    ran = run("score", "--model", folder / "wild.pth", rows)
    equal("--model with a checkpoint", ran.code, 65)
    contains("--model with a checkpoint: words", ran.err, "vigil import", "wild.pth")
    ran = run("inspect", folder / "wild.pth")
    equal("inspect", ran.code, 0)

os.remove(rows)
finish()
