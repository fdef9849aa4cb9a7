"""Made-up scenes: the same for a seed, trained on by what comes with them, and the embedded model's sample beside its truth."""

import csv
import json
import subprocess

from support.harness import ROOT, VIGIL, check, contains, equal, finish, group, scratch, shown
from support.process import environment, run

folder = scratch()
few = ["--train", "28", "--test", "12"]


def scenes(name, *options):
    ran = run("scenes", "--output", folder / name, *few, *options, timeout=60)
    equal(f"{name}: exit", ran.code, 0)
    return ran


def files(name):
    return {str(path.relative_to(folder / name)): path.read_bytes() for path in (folder / name).rglob("*") if path.is_file()}


with group("a folder of scenes"):
    ran = scenes("one")
    contains("what the lists hold is told", ran.out, "28 videos in 28 rows: normal 14, rise 3", "12 videos", "events")
    scenes("same"), scenes("other", "--seed", "2")
    one = files("one")
    equal("files", len(one), 28 + 12 + 5)
    check("the same seed gives the same bytes", files("same") == one)
    differing = [name for name, data in files("other").items() if data != one[name]]
    check("another seed gives others, but for the training list and the words", len(differing) >= 28 + 12 + 2, shown(differing))
    ran = run("scenes", "--output", folder / "one", *few)
    equal("not over others: exit", ran.code, 78)
    contains("not over others: said", ran.err, "holds scenes already")
    equal("in a folder that is not there: it is made", run("scenes", "--output", folder / "absent/scenes", *few).code, 0)
    equal("in a file: exit", run("scenes", "--output", folder / "one/train.csv/scenes", *few).code, 78)
    ran = run("scenes", "--output", folder / "none", "--train", "0")
    equal("no videos: exit", ran.code, 64)
    contains("no videos: said", ran.err, "--train 0")
    check("no videos: no folder", not (folder / "none").exists())

with group("training on them, as make demo-model does"):
    place = folder / "one"
    with open(place / "train.csv") as file:
        labels = ["normal"] + sorted({row["label"] for row in csv.DictReader(file)} - {"normal"})
    ran = run(
        "train", "--list", place / "train.csv", "--features", place, "--labels", ",".join(labels),
        "--clip", place / "clip.safetensors", "--vocab", place / "vocabulary.txt", "--length", "32", "--batching", "paired",
        "--batch", "7", "--epochs", "1", "--keep", "last", "--no-validation", "--prepare", "none", "--weights", "none",
        "--caveat", "for this check alone", "--output", folder / "trained", timeout=120,
    )  # fmt: skip
    equal("exit", ran.code, 0)
    model = folder / "trained/model.safetensors"
    contains("its caveat is shown", run("inspect", model).out, "for this check alone")
    sample = ROOT / "deploy/demo/sample.npy"
    result = json.loads(run("score", "--format", "json", "--model", model, sample).out)
    equal("and is in its results", result["caveat"], "for this check alone")
    ran = run(
        "eval", "--model", model, "--features", place, "--list", place / "test.csv",
        "--annotations", place / "annotations.csv", "--json",
    )  # fmt: skip
    check("it can be measured", ran.code == 0 and 0 <= json.loads(ran.out)["auc_coarse"] <= 1, shown(ran.err))

with group("the command that help shows can be pasted, and validates"):
    text = run("help", "scenes").out
    command = text[text.index("vigil train") : text.index("TRAINED") + len("TRAINED")]
    command = command.replace("vigil", str(VIGIL), 1).replace("FOLDER", str(place)).replace("TRAINED", str(folder / "pasted"))
    ran = subprocess.run(
        ["bash", "-c", f"{command} --epochs 1 --batch 7"], env=environment(), capture_output=True, text=True, timeout=120
    )
    equal("exit", ran.returncode, 0)
    contains("its figures", ran.stdout, '"event":"validation"', '"auc_coarse"')
    check("a model", (folder / "pasted/model.safetensors").exists(), shown(ran.stderr))

with group("the sample, beside what is in it"):
    result = json.loads(run("score", "--format", "json", "--leave", "0.3", "--merge-gap", "3", sample).out)
    contains("the model says what it is", result["caveat"], "demo", "made-up scenes")
    with open(ROOT / "deploy/demo/sample.csv") as file:
        events = [(row["label"], int(row["start"]) // 16, int(row["end"]) // 16) for row in csv.DictReader(file)]
    check("there are events in it", len(events) > 1, str(events))
    for label, start, end in events:

        def overlap(one):
            both = min(end, one["end"]) - max(start, one["start"])
            return max(both, 0) / (end - start + one["end"] - one["start"] - max(both, 0))

        best = max(result["segments"], key=overlap)
        check(f"{label} is found", overlap(best) >= 0.5 and best["label"] == label, shown(result["segments"]))
finish()
