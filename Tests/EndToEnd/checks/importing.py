"""`vigil import`: prepared weights, smaller weights, what of a model file may be damaged, and families that don't fit."""

import json
import subprocess
import sys

from support.harness import SHARED, check, contains, equal, finish, group, need, scratch

need("importing", "numpy", shared=True)

import numpy as np  # noqa: E402

from support.process import run  # noqa: E402

checkpoint = scratch() / "tiny.pth"
subprocess.run(
    [sys.executable, SHARED / "golden/make_checkpoint.py", "--config", "tiny", "--seed", "1", "--out", checkpoint],
    check=True,
)
rows = scratch() / "rows.npy"
np.save(rows, (np.random.default_rng(1).standard_normal((70, 64)) * 0.4).astype(np.float32))


def imported(name, *options):
    path = scratch() / f"{name}.safetensors"
    ran = run("import", checkpoint, "--output", path, *options)
    equal(f"{name}: import", ran.code, 0)
    return path, ran.out


def score(path):
    ran = run("score", "--format", "json", "--logits", "--model", path, rows)
    equal(f"{path.stem}: score", ran.code, 0)
    result = json.loads(ran.out)
    return result.get("result", result)


def difference(one, other):
    return max(
        float(np.abs(np.array(one["logits"][branch]) - np.array(other["logits"][branch])).max())
        for branch in ("coarse", "fine")
    )


with group("over a file that is there"):
    target = scratch() / "model.safetensors"
    for name, told in (("a new file", False), ("one that is replaced", True)):
        ran = run("import", checkpoint, "--output", target, "--prepare", "none")
        equal(f"{name}: is that told", (ran.code, "was there, and is replaced" in ran.err), (0, told))

with group("prepared weights"):
    prepared, line = imported("prepared")
    contains("the summary names the kernels", line, "prepared for")
    plain, line = imported("plain", "--prepare", "none")
    check("no kernels where none are asked for", "prepared for" not in line, line)
    check("the prepared file is larger", prepared.stat().st_size > plain.stat().st_size)
    full = score(plain)
    equal("prepared weights give the same logits", score(prepared)["logits"], full["logits"])
    portable, _ = imported("portable", "--prepare", "portable")
    equal("weights prepared for other kernels are not used", score(portable)["logits"], full["logits"])
    facts = json.loads(run("inspect", "--json", prepared).out)
    equal("inspect counts the tensors once", facts["tensors"], json.loads(run("inspect", "--json", plain).out)["tensors"])

with group("smaller weights"):
    for kind, size, most in (("float16", 0.62, 0.05), ("bfloat16", 0.62, 0.4), ("int8", 0.45, 0.6)):
        path, line = imported(kind, "--weights", kind)
        contains(f"{kind}: the summary tells the difference", line, f"{kind} weights", "logits off by at most")
        share = path.stat().st_size / plain.stat().st_size
        check(f"{kind}: a smaller file", share < size, f"{share:.2f}")
        off = difference(score(path), full)
        check(f"{kind}: logits near", 0 < off < most, f"{off}")

with group("damage"):
    bytes_ = bytearray(prepared.read_bytes())
    length = int.from_bytes(bytes_[:8], "little")
    header = json.loads(bytes_[8 : 8 + length])

    def damaged(name, tensor):
        path = scratch() / f"{name}.safetensors"
        copy = bytearray(bytes_)
        begin, end = header[tensor]["data_offsets"]
        for at in range(8 + length + begin + 3, 8 + length + end, 4):
            copy[at] ^= 0x80
        path.write_bytes(copy)
        ran = run("score", "--model", path, rows)
        equal(f"{name}: refused", ran.code, 65)
        contains(f"{name}: why", ran.err, "self-test")

    damaged("a published tensor", "mlp2.c_fc.weight")
    damaged("a prepared tensor", "prepared/mlp2.c_fc.weight")

with group("families"):
    sibling = scratch() / "dsanet.pth"
    script = SHARED / "golden/make_dsanet_checkpoint.py"
    subprocess.run([sys.executable, script, "--config", "dsanet-tiny", "--seed", "7", "--out", sibling], check=True)
    output = scratch() / "dsanet.safetensors"

    def refused(name, code, words, *arguments):
        ran = run(*arguments)
        equal(f"{name}: status", ran.code, code)
        contains(f"{name}: words", ran.err, *words)
        equal(f"{name}: one line", ran.err.strip().count("\n"), 0)

    where = ("--output", output)
    refused("no published size", 65, ("2 layers and 1 text adapter", "--preset"), "import", sibling, *where)
    refused("VadCLIP's preset", 65, ("preset xd-violence is VadCLIP's", "of DSANet", "expected dsanet-ucf-crime"),
            "import", sibling, *where, "--preset", "xd-violence")  # fmt: skip
    refused("DSANet's preset", 65, ("preset dsanet-ucf-crime is DSANet's", "of VadCLIP", "expected ucf-crime"),
            "import", checkpoint, *where, "--preset", "dsanet-ucf-crime")  # fmt: skip
    refused("no preset", 64, ("dsanet-ucf-crime", "dsanet-xd-violence"), "import", sibling, *where, "--preset", "dsanet")
    check("nothing was written", not output.exists())
    step = [{"features": str(rows), "label": "normal"}]
    numbers = {"learning_rate": 1e-3, "weight_decay": 0.01, "contrast_weight": 0.1}
    steps = scratch() / "steps.json"
    steps.write_text(json.dumps(numbers | {"labels": ["normal", "riot"], "steps": [step]}))
    refused("a replay from it", 65, ("DSANet",), "train", "--replay", steps, "--init", sibling)
    ran = run("import", sibling, *where, "--preset", "dsanet-ucf-crime", "--weights", "int8")
    equal("int8: import", ran.code, 0)
    contains("the summary names the family", ran.out, "model dsanet-ucf-crime of DSANet", "int8 weights")
    facts = json.loads(run("inspect", "--json", output).out)
    equal("inspect: name and family", (facts["name"], facts["family"]), ("dsanet-ucf-crime", "dsanet"))
    result = score(output)
    equal("score: family", result["provenance"]["family"], "dsanet")
    fine, coarse = np.array(result["fine"]["scores"]), np.array(result["logits"]["coarse"])
    most = np.abs(1 - fine[:, 0] - 1 / (1 + np.exp(-coarse / 5))).max()
    check("the normal class's score is of the coarse logit over the temperature", most < 1e-6, str(most))

with group("wrong options"):
    for options, words in (
        # What is imported can be served.
        *((("--name", name), ("--name", "1 to 64 letters")) for name in ("a/b", "é", "a b", "a@b", "a" * 65)),
        (("--weights", "float8"), ("float8",)),
        (("--prepare", "sse"), ("--prepare 'sse'", "portable")),
    ):
        ran = run("import", checkpoint, "--output", scratch() / "x.safetensors", *options)
        equal(f"{options[0]}: status", ran.code, 64)
        contains(f"{options[0]}: words", ran.err, *words)

finish()
