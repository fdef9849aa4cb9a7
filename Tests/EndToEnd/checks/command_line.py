"""The command line: many files of which some are bad, labels, and messages that tell what to do."""

import gzip
import json
import os
import re
import shutil
import subprocess
import sys
import threading

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
    lines = [line for line in ran.err.splitlines() if "made-up scenes" not in line]
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
    for name in ("clips", "clips/"):
        equal(f"score {name}: what is in it", [json.loads(line)["file"] for line in called("score", name).out.splitlines()], ["clips/a.npy"])
    ends("inspect a folder", 66, "inspect", "clips", says=["clips/a.npy"])
    ends("an empty folder", 66, "score", "empty", says=["folder"])

with group("messages"):
    np.save(folder / "wide.npy", features.video(20, 512))
    ends("512 wide on the embedded model", 65, "score", "wide.npy", says=["512", "64", "--model"])
    np.save(folder / "narrow.npy", features.video(20, 768))
    ends("768 wide on the embedded model", 65, "score", "narrow.npy", says=["768", "ViT-L/14"])
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
    equal("yes and no", (facts["trained"], facts["text_tower"]), (True, False))
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

with group("standard input and pipes"):
    data = (folder / "one.npy").read_bytes()
    expected = json.loads(called("score", "one.npy").out)["coarse"]

    def piped(*arguments, data=data):
        """With a pipe as standard input, which another process writes."""
        with subprocess.Popen([sys.executable, "-c", "import sys; sys.stdout.buffer.write(sys.stdin.buffer.read())"],
                              stdin=subprocess.PIPE, stdout=subprocess.PIPE) as writer:
            threading.Thread(target=lambda: (writer.stdin.write(data), writer.stdin.close()), daemon=True).start()
            return called(*arguments, stdin=writer.stdout)

    for name in ("-", "/dev/stdin", "/dev/fd/0"):
        ran = piped("score", name)
        found = json.loads(ran.out or "{}")
        equal(f"score {name}", (ran.code, found.get("file"), found.get("coarse")), (0, name, expected))
        with open(folder / "one.npy", "rb") as file:
            equal(f"score {name}, a file", json.loads(called("score", name, stdin=file).out or "{}").get("coarse"), expected)
    packed = gzip.compress(features.rows_json(video))
    equal("packed JSON through a pipe", json.loads(piped("score", "-", data=packed).out or "{}").get("coarse"), expected)
    rows = video.astype("<f4").tobytes()
    equal("rows through a pipe", json.loads(piped("score", "--raw", "-", data=rows).out or "{}").get("coarse"), expected)
    os.mkfifo(folder / "fifo")
    writer = threading.Thread(target=(folder / "fifo").write_bytes, args=(data,), daemon=True)
    writer.start()
    equal("a named pipe", json.loads(called("score", "fifo").out or "{}").get("coarse"), expected)
    ran = piped("inspect", "--width", "64", "--json", "-")
    equal("inspect -", (ran.code, json.loads(ran.out or "{}").get("rows")), (0, 24))
    ran = called("score", "-")
    equal("nothing: exit", ran.code, 65)
    contains("nothing: said", ran.last, "-: it is empty")
    ends("twice", 64, "score", "-", "-", says=["-", "once"])
    ends("a device", 66, "score", "/dev/zero", says=["/dev/zero", "a device"])

with group("completions and the manual"):
    for shell, words in (("bash", "complete -o"), ("zsh", "#compdef vigil"), ("fish", "complete -c 'vigil'")):
        ran = called("--generate-completion-script", shell)
        equal(f"{shell}: exit", ran.code, 0)
        contains(f"{shell}: completes", ran.out.replace('complete -c "vigil"', "complete -c 'vigil'"), words, "per-frame")
        if program := shutil.which(shell):
            (folder / f"vigil.{shell}").write_text(ran.out)
            equal(f"{shell}: it is {shell}", subprocess.run([program, "-n", folder / f"vigil.{shell}"]).returncode, 0)
    dump = called("--experimental-dump-help").out
    manual = subprocess.run([sys.executable, ROOT / "deploy/manual.py", "1"], input=dump, capture_output=True, text=True)
    contains("the manual has the options", manual.stdout, ".TH VIGIL 1", "\\-\\-per\\-frame", "\\-\\-output")

with group("the sample of README"):
    sample = ROOT / "deploy/demo/sample.npy"
    ran = called("inspect", sample)
    equal("inspect: exit", ran.code, 0)
    contains("inspect: it fits the embedded model", ran.out, "64", "embedded demo model", "512")
    equal("inspect --width 64: nothing to say", json.loads(called("inspect", "--json", "--width", "64", sample).out)["warnings"], [])
    ends("inspect --width 512", 65, "inspect", "--width", "512", sample, says=["64", "embedded demo model", "--width 64"])
    np.save(folder / "wide.npy", features.video(9, 96))
    ends("96 wide", 65, "inspect", "wide.npy", says=["96", "--width 96"])

with group("labels for the embedded model"):
    ran = called("score", sample, "--labels", "normal,fire")
    equal("exit", ran.code, 65)
    contains("what to do", ran.last, "tiny-demo", "embedded", "--model", "--keep-text-tower")

with group("a state folder that is none"):
    for command in (["check"], ["recover", "--output", "new"]):
        ends(f"state {command[0]} --state memory", 64, "state", *command, "--state", "memory", says=["--state memory", "folder"])
finish()
