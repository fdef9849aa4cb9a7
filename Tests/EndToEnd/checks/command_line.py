"""The command line: many files of which some are bad, labels, and messages that tell what to do."""

import json
import re
import subprocess
import sys

from support.harness import ROOT, SHARED, check, contains, equal, finish, group, need, note, scratch, shown

need("command line", "numpy", "requests")

import numpy as np  # noqa: E402
import requests  # noqa: E402

from support import archives, features, pickles  # noqa: E402
from support.process import Server, run  # noqa: E402

folder = scratch()
video = features.video(24)
for name in ("one", "two", "three"):
    np.save(folder / f"{name}.npy", video)
(folder / "bad.npy").write_bytes(b"hello")
bad = video.copy()
bad[3, 4] = np.nan
np.save(folder / "nan.npy", bad)
(folder / "clips").mkdir()
(folder / "empty").mkdir()
np.save(folder / "clips/a.npy", video)


def called(*arguments, **options):
    return run(*arguments, cwd=folder, **options)


def ends(name, code, *arguments, says=()):
    ran = called(*arguments)
    check(f"{name}: exit {code}", ran.code == code, f"exit {ran.code}: {shown(ran.err)}")
    check(f"{name}: one line", ran.err.count("\n") == 1, shown(ran.err))
    contains(f"{name}: says what to do", ran.err, *says)


with group("many files"):
    ran = called("score", "one.npy", "absent.npy", "bad.npy", "two.npy", "nan.npy", "three.npy")
    equal("some are bad: exit", ran.code, 65)
    equal("the others are scored", [json.loads(line)["file"] for line in ran.out.splitlines()], ["one.npy", "two.npy", "three.npy"])
    lines = [line for line in ran.err.splitlines() if "untrained" not in line]
    equal("a line each and one at the end", len(lines), 4)
    contains("the end says which", lines[-1], "3 of 6", "absent.npy", "bad.npy", "nan.npy")
    contains("each says why", " ".join(lines[:3]), "no such file", "npy", "column 4 of row 3")
    ran = called("score", "absent.npy", "one.npy", "gone.npy")
    equal("all that failed are missing: exit", (ran.code, len(ran.out.splitlines())), (66, 1))
    equal("none failed: exit", called("score", "one.npy", "two.npy").code, 0)
    ran = called("inspect", "--width", "64", "one.npy", "bad.npy", "absent.npy", "two.npy")
    equal("inspect: exit", ran.code, 65)
    equal("inspect: the others are shown", (ran.out.count("one.npy"), ran.out.count("two.npy")), (1, 1))
    contains("inspect: the end says which", ran.err.splitlines()[-1], "2 of 4", "bad.npy", "absent.npy")
    ran = called("inspect", "--json", "--width", "64", "one.npy", "two.npy")
    reports = [json.loads(line) for line in ran.out.splitlines()]
    equal("inspect --json: a line each", [(one["file"], one["rows"]) for one in reports], [("one.npy", 24), ("two.npy", 24)])
    ends("a folder", 66, "score", "clips", says=["folder", "clips/a.npy"])
    ends("a folder with a slash", 66, "score", "clips/", says=["clips/a.npy"])
    ends("inspect a folder", 66, "inspect", "clips", says=["clips/a.npy"])
    ends("an empty folder", 66, "score", "empty", says=["folder"])

with group("messages"):
    np.save(folder / "wide.npy", features.video(20, 512))
    ends("512 wide on the embedded model", 65, "score", "wide.npy", says=["512", "64", "--model"])
    np.save(folder / "narrow.npy", features.video(20, 768))
    ends("768 wide on the embedded model", 65, "score", "narrow.npy", says=["768", "ViT-L/14"])
    ends("64 wide by inspect", 65, "inspect", "one.npy", says=["64", "--width"])
    (folder / "model.pth").write_bytes(archives.checkpoint(pickles.state({"a": pickles.tensor()})))
    for command in (["score", "one.npy", "--model", "model.pth"], ["serve", "--port", "0", "--model", "model.pth"]):
        ends(f"{command[0]} with a .pth as the model", 65, *command, says=["vigil import model.pth --output"])
    ends("an .npy as the model", 65, "score", "one.npy", "--model", "two.npy", says=["numpy array", "vigil import"])
    ends("a text as the model", 65, "score", "one.npy", "--model", "bad.npy", says=["vigil import"])
    for arguments in (("help", "nosuch"), ("nosuch",), ("help", "bench", "nosuch"), ("bench", "nosuch")):
        ends(" ".join(arguments), 64, *arguments, says=["nosuch", "score"] if len(arguments) < 3 and "bench" not in arguments else ["nosuch", "engine"])
    ends("help scoer", 64, "help", "scoer", says=["did you mean 'score'"])
    ends("inspct", 64, "inspct", "x", says=["did you mean 'inspect'"])
    ends("import-model", 64, "imprt", "--help", says=["did you mean 'import'"])
    equal("help score", called("help", "score").code, 0)
    equal("help bench serve", called("help", "bench", "serve").code, 0)
    equal("help", called("help").code, 0)

with group("inspect --json"):
    model = folder / "model.safetensors"
    demo = next((ROOT / "Sources/CResources").rglob("*.safetensors"), None)
    check("there is the embedded model's file", demo is not None)
    model.write_bytes(demo.read_bytes())
    facts = json.loads(called("inspect", "--json", "model.safetensors").out)
    equal("numbers", [type(facts[key]) for key in ("tensors", "elements", "window", "length", "width", "layers")], [int] * 6)
    equal("width", facts["width"], 64)
    check("labels are a list", isinstance(facts["labels"], list) and facts["labels"][0] == "normal", shown(facts["labels"]))
    equal("yes and no", (facts["trained"], facts["text_tower"]), (False, False))
    facts = json.loads(called("inspect", "--json", "model.pth").out)
    equal("a checkpoint's numbers", (facts["tensors"], facts["elements"]), (1, 4))
    ends("a model in place of features", 65, "score", "model.safetensors", says=["--model"])
    ends("importing an imported model", 65, "import", "model.safetensors", "--output", "again.safetensors", says=["already", "--model"])
    check("nothing was written", not (folder / "again.safetensors").exists())

with group("tables"):
    np.save(folder / "long.npy", np.tile(video, (400, 1)))
    ran = called("score", "--format", "table", "--fps", "30", "--threshold", "0", "long.npy")
    contains("past an hour", ran.out, "1:25:20")
    check("no minutes beyond 59", not re.search(r"\b[6-9]\d:\d\d", ran.out), shown(ran.out))
    table = called("score", "--format", "table", "--fps", "30", "--threshold", "0", "one.npy").out
    document = json.loads(called("score", "--fps", "30", "--threshold", "0", "one.npy").out)
    (segment,) = document["segments"]
    contains("a segment's end is JSON's", table, f"{segment['start']} - {segment['end']} ", "end excluded")

with group("labels"):
    if SHARED.is_dir():
        checkpoint = folder / "tiny.pth"
        make = [sys.executable, SHARED / "golden/make_checkpoint.py", "--config", "tiny", "--seed", "1"]
        subprocess.run([*make, "--out", checkpoint], check=True)
        vocabulary = SHARED / "data/bpe_simple_vocab_16e6.txt.gz"
        options = ["--vocab", vocabulary, "--keep-text-tower"]
        ran = called("import", checkpoint, "--output", "tower.safetensors", *options)
        equal("import", ran.code, 0)
        with Server(model=folder / "tower.safetensors") as server:

            def post(labels):
                return requests.post(
                    server.url + "/score",
                    params={"labels": labels},
                    data=features.npy(video),
                    headers={"Prefer": "wait=20"},
                    timeout=60,
                )

            for labels in ("fighting,normal,riot", "fighting, Normal", "fire,normal traffic"):
                answer = post(labels)
                equal(f"labels={labels}", answer.status_code, 422)
                contains(f"labels={labels}: detail", answer.json().get("detail", ""), "labels", "normal", "first")
            job = post("fighting,riot").json()
            contains("labels without a normal one: the job's warning", " ".join(job["warnings"]), "fighting", "normal")
            equal("labels with it first: no warning", post("normal,riot").json()["warnings"], [])
            equal("normal traffic first: no warning", post("normal traffic,abnormal").json()["warnings"], [])
        ran = called("score", "one.npy", "--model", "tower.safetensors", "--labels", "fighting,riot")
        contains("score: said on stderr", ran.err, "fighting", "normal")
        labels = ",".join(f"label {number}" for number in range(13))
        ran = called("import", checkpoint, "--output", "x.safetensors", "--vocab", vocabulary, "--labels", "fight," + labels)
        equal("import of labels without a normal one", ran.code, 0)
        contains("import: said on stderr", ran.err, "fight", "normal")
        command = ["import", checkpoint, "--output", "y.safetensors", "--vocab", vocabulary]
        ends("import of labels out of order", 64, *command, "--labels", labels + ",normal", says=["normal", "first"])
    ends("score: normal is not the first", 64, "score", "one.npy", "--labels", "riot,normal", says=["normal", "first"])
note("the labels of an import need ../shared")
finish()
