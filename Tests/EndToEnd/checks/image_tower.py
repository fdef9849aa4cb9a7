"""CLIP's image tower on its way in: kept with a model, taken from other files, alone; and who may not be given it."""

import json
import os
import subprocess
import sys

from support.harness import ROOT, SHARED, check, contains, equal, finish, group, need, scratch, shown

need("image_tower", "numpy", shared=True)

import numpy as np  # noqa: E402

from support import features  # noqa: E402
from support.process import Server, run  # noqa: E402

folder = scratch()
SHAPE = "32 pixels, 2 x 2 patches, width 64, 1 block, features 64 wide"


def made(script, config):
    path = folder / f"{config}.pth"
    environment = os.environ | {"PYTHONPATH": str(SHARED / "golden")}
    subprocess.run([sys.executable, script, "--config", config, "--seed", "1", "--out", path], check=True, env=environment)
    return path


def called(*arguments):
    return run(*arguments, cwd=folder)


def facts(name):
    return json.loads(called("inspect", "--json", name).out)


checkpoint = made(SHARED / "golden/make_checkpoint.py", "tiny")
clip = {kind: made(ROOT / "Tests/VadCLIPTests/Fixtures/clip_files.py", f"tiny-{kind}") for kind in ("script", "bin", "safetensors")}

with group("kept with a model"):
    equal("without it", called("import", checkpoint, "--output", "plain.safetensors").code, 0)
    ran = called("import", checkpoint, "--keep-image-tower", "--output", "kept.safetensors")
    equal("import", ran.code, 0)
    contains("the line", ran.out, "image tower " + SHAPE)
    plain, kept = facts("plain.safetensors"), facts("kept.safetensors")
    equal("inspect without it", (plain["image_tower"], plain["image_sha256"]), (None, None))
    contains("inspect", kept["image_tower"], SHAPE, "bytes")
    check("its tensors are listed", any(p["name"] == "clipmodel.visual.proj" for p in kept["parts"]))
    check("its prepared form is not", not any(p["name"].startswith("prepared") for p in kept["parts"]))
    contains("inspect of the checkpoint", facts("tiny.pth")["image_tower"], SHAPE)
    check("the tower's own digest", len(kept["image_sha256"]) == 64 and kept["image_sha256"] != kept["sha256"], shown(kept["image_sha256"]))
    checked = kept["checked_in"]
    equal("the arithmetics that it is checked in", [one["compute"] for one in checked], ["float32", "bfloat16", "int8"])
    equal("float32 differs from nothing", (checked[0]["coarse_difference"], checked[0]["fine_difference"]), (None, None))
    check("the others by what was recorded", all(0 < one["coarse_difference"] < 1 and 0 < one["fine_difference"] < 1 for one in checked[1:]), shown(checked))
    checked = kept["image_checked_in"]
    equal("those of its tower", [one["compute"] for one in checked], ["float32", "bfloat16", "int8"])
    equal("float32's is itself", (checked[0]["difference"], checked[0]["cosine"]), (None, None))
    check("the others' by what was recorded", all(0 < one["difference"] < 1 and one["cosine"] >= 0.9995 for one in checked[1:]), shown(checked))
    equal("without a tower there is none", plain["image_checked_in"], None)
    equal("what it is prepared in", kept["prepared_in"], ["float32"])
    contains("the same for a person", called("inspect", "kept.safetensors").out, "checked in", "bfloat16 (logits differ by", "int8 (features differ by", kept["image_sha256"])
    for given, expected in (("int8", ["int8"]), ("bfloat16,float32", ["float32", "bfloat16"])):
        ran = called("import", checkpoint, "--keep-image-tower", "--compute", given, "--output", "prepared.safetensors")
        equal(f"prepared in {given}", (ran.code, facts("prepared.safetensors")["prepared_in"]), (0, expected))
    equal("prepared in nothing", called("import", checkpoint, "--prepare", "none", "--output", "prepared.safetensors").code, 0)
    equal("prepared in nothing: null", (facts("prepared.safetensors")["prepared_for"], facts("prepared.safetensors")["prepared_in"]), (None, None))
    np.save(folder / "video.npy", features.video(40))
    scores = [json.loads(called("score", "video.npy", "--model", m).out)["coarse"] for m in ("plain.safetensors", "kept.safetensors")]
    check("the scores are the same", scores[0] == scores[1])
    with Server(model=folder / "kept.safetensors") as server:
        check("it is served", bool(server.url))

with group("from other files"):
    for kind, path in clip.items():
        name = f"{kind}.safetensors"
        ran = called("import", checkpoint, "--image-tower", path, "--output", name)
        equal(f"{kind}: import", ran.code, 0)
        contains(f"{kind}: inspect", facts(name)["image_tower"], SHAPE)
    sums = {kind: facts(f"{kind}.safetensors")["image_tower"] for kind in clip}
    equal("they are the same size", len(set(sums.values())), 1)
    contains("inspect of OpenAI's archive", facts("tiny-script.pth")["image_tower"], SHAPE)

with group("alone"):
    for kind, path in clip.items():
        ran = called("import", path, "--output", f"{kind}-asked.safetensors", "--weights", "float16", "--keep-image-tower")
        equal(f"{kind}: import as with a model", ran.code, 0)
        ran = called("import", path, "--output", "tower.safetensors", "--weights", "float16")
        equal(f"{kind}: import", ran.code, 0)
        contains(f"{kind}: the line", ran.out, "image tower " + SHAPE, "float16")
        contains(f"{kind}: the note", ran.err, "scores nothing")
        whole = [(folder / f"{name}.safetensors").read_bytes() for name in (f"{kind}-asked", "tower")]
        check(f"{kind}: the same file", whole[0] == whole[1])
    found = facts("tower.safetensors")
    check("the digest of a tower alone", len(found["image_sha256"]) == 64 and found["prepared_in"] is None, shown(found))
    equal("inspect", (found["kind"], found["width"], found["weights"]), ("Vigil image tower", 64, "float16"))
    equal("its arithmetics", [one["compute"] for one in found["image_checked_in"]], ["float32", "bfloat16", "int8"])
    ran = called("import", clip["bin"], "--output", "prepared-tower.safetensors", "--compute", "float32,int8")
    equal("prepared in two: import", ran.code, 0)
    contains("prepared in two: the line", ran.out, "in float32, int8")
    equal("prepared in two", facts("prepared-tower.safetensors")["prepared_in"], ["float32", "int8"])
    for command in (["score", "video.npy"], ["serve", "--port", "0"], ["bench", "engine"]):
        ran = called(*command, "--model", "tower.safetensors")
        equal(f"{command[0]}: refused", ran.code, 65)
        contains(f"{command[0]}: the word", ran.last, "tower.safetensors", "image tower alone", "scores nothing")
    ran = called("bench", "engine", "--image", "--model", "tower.safetensors", "--batch", "3", "--runs", "1", "--json")
    equal("bench", ran.code, 0)
    report = json.loads(ran.out)
    check("images a second", report["images"][0]["batch"] == 3 and report["images"][0]["images_per_second"] > 0, shown(ran.out))
    equal("in float32, which differs from nothing", (report["compute"], report["multiplier"], report["images"][0]["lowest_cosine"]), ("float32", None, None))
    for name in ("tower", "prepared-tower"):
        for compute, least in (("bfloat16", 0.9999), ("int8", 0.9995)):
            model = ["--image", "--model", f"{name}.safetensors", "--compute", compute]
            ran = called("bench", "engine", *model, "--batch", "2", "--runs", "1", "--json")
            equal(f"bench of {name} in {compute}", ran.code, 0)
            report = json.loads(ran.out)
            one = report["images"][0]
            check(f"{name} in {compute}: what multiplied", report["compute"] == compute and bool(report["multiplier"]), shown(ran.out))
            check(f"{name} in {compute}: near float32", least <= one["lowest_cosine"] < 1 and 0 < one["largest_difference"] < 1, shown(one))
    contains("for a person", called("bench", "engine", "--image", "--model", "tower.safetensors", "--compute", "int8", "--runs", "1").out, "int8 by", "cosine", "difference")

with group("refused"):
    for what, arguments, code, says in [
        ("CLIP as a preset's", ["import", clip["script"], "--preset", "ucf-crime"], 64, ["--preset: expected with a model's", "holds CLIP"]),
        ("CLIP by a name", ["import", clip["bin"], "--keep-image-tower", "--name", "a", "--labels", "a,b", "--compute", "int8"], 64,
         ["--labels, --name: expected with a model's", "image tower alone"]),
        ("CLIP in int8 that is not prepared", ["import", clip["bin"], "--prepare", "none", "--compute", "int8"], 64, ["--compute 'int8'", "--prepare"]),
        ("no tower in the other file", ["import", checkpoint, "--image-tower", "plain.safetensors"], 65, ["no CLIP image tower", "plain"]),
        ("the other file is not there", ["import", checkpoint, "--image-tower", "none.pt"], 66, ["none.pt"]),
        ("the other file is the output", ["import", checkpoint, "--image-tower", "x.safetensors"], 64, ["--image-tower"]),
        ("images in what there is not", ["bench", "engine", "--image", "--compute", "int4"], 64, ["int4", "bfloat16"]),
        ("images without --image", ["bench", "engine", "--batch", "4"], 64, ["--image"]),
        ("a checkpoint", ["bench", "engine", "--image", "--model", checkpoint], 65, ["PyTorch checkpoint: make", "--keep-image-tower"]),
        ("a model without a tower", ["bench", "engine", "--image", "--model", "plain.safetensors"], 65, ["--keep-image-tower"]),
    ]:
        if what.endswith("output"):
            (folder / "x.safetensors").write_bytes((folder / "kept.safetensors").read_bytes())
        ran = called(*arguments, *(["--output", "x.safetensors"] if arguments[0] == "import" else []))
        equal(what, ran.code, code)
        contains(what + ": says", ran.last, *says)

finish()
