"""Made-up scenes: the same for a seed, trained on by what comes with them, and the embedded model's sample beside its truth."""

import csv
import json
import shutil
import subprocess

from support.harness import ROOT, VIGIL, check, contains, equal, finish, group, scratch, shown
from support.process import environment, run

folder = scratch()
few = ["--train", "10", "--test", "2"]


def scenes(name, *options):
    ran = run("scenes", "--output", folder / name, *few, *options, timeout=240)
    equal(f"{name}: exit", ran.code, 0)
    return ran


def files(name):
    return {str(path.relative_to(folder / name)): path.read_bytes() for path in (folder / name).rglob("*") if path.is_file()}


with group("a folder of scenes"):
    ran = scenes("one")
    contains("what the lists hold is told", ran.out, "10 videos in 10 rows: normal 5, fight 1", "2 videos", "events")
    scenes("same"), scenes("other", "--seed", "2")
    one = files("one")
    equal("files", len(one), 10 + 2 + 5)
    check("the same seed gives the same bytes", files("same") == one)
    differing = [name for name, data in files("other").items() if data != one[name]]
    check("another seed gives others, but for the training list and the words", len(differing) >= 10 + 2 + 2, shown(differing))
    ran = run("scenes", "--output", folder / "one", *few)
    equal("not over others: exit", ran.code, 78)
    contains("not over others: said", ran.err, "holds scenes already")
    equal("in a folder that is not there: it is made", run("scenes", "--output", folder / "absent/scenes", *few).code, 0)
    equal("in a file: exit", run("scenes", "--output", folder / "one/train.csv/scenes", *few).code, 78)
    ran = run("scenes", "--output", folder / "none", "--train", "0")
    equal("no videos: exit", ran.code, 64)
    contains("no videos: said", ran.err, "--train 0")
    check("no videos: no folder", not (folder / "none").exists())
    ran = run("scenes", "--output", folder / "none", "--new-tower", "--image-tower", "t.safetensors")
    equal("two towers: exit", ran.code, 64)
    contains("two towers: said", ran.err, "--image-tower", "--new-tower", "one of both")

with group("an image tower that is trained anew, and kept in the model that is trained on its features"):
    ran = run("scenes", "--output", folder / "new", "--train", "10", "--test", "1", "--new-tower", "--tower-steps", "3", timeout=240)
    equal("scenes: exit", ran.code, 0)
    tower = folder / "new/tower.safetensors"
    ran = run("import", tower, "--output", folder / "tower.safetensors")
    contains("the tower is one that CLIP's readers know", ran.out + ran.err, "64 pixels", "features 64 wide")
    again = run("scenes", "--output", folder / "again", "--train", "10", "--test", "1", "--image-tower", tower, timeout=240)
    equal("the same tower named: exit", again.code, 0)
    name = "features/train-00001.npy"
    check("the same features", (folder / "again" / name).read_bytes() == (folder / "new" / name).read_bytes())
    check("others than the embedded model's", files("one")[name] != files("new")[name])
    ran = run(
        "train", "--list", folder / "new/train.csv", "--features", folder / "new", "--clip", folder / "new/clip.safetensors",
        "--vocab", folder / "new/vocabulary.txt", "--length", "32", "--batch", "5", "--epochs", "1", "--no-validation",
        "--prepare", "none", "--weights", "none", "--image-tower", tower, "--output", folder / "kept", timeout=240,
    )  # fmt: skip
    equal("train: exit", ran.code, 0)
    contains("it is in the model", run("inspect", folder / "kept/model.safetensors").out, "image tower", "64 pixels")

with group("training on them, as make demo-model does"):
    place = folder / "one"
    with open(place / "train.csv") as file:
        labels = ["normal"] + sorted({row["label"] for row in csv.DictReader(file)} - {"normal"})
    ran = run(
        "train", "--list", place / "train.csv", "--features", place, "--labels", ",".join(labels),
        "--clip", place / "clip.safetensors", "--vocab", place / "vocabulary.txt", "--length", "32", "--batching", "paired",
        "--batch", "5", "--epochs", "1", "--keep", "last", "--no-validation", "--prepare", "none", "--weights", "none",
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
        ["bash", "-c", f"{command} --epochs 1 --batch 5"], env=environment(), capture_output=True, text=True, timeout=120
    )
    equal("exit", ran.returncode, 0)
    contains("its figures", ran.stdout, '"event":"validation"', '"auc_coarse"')
    check("a model", (folder / "pasted/model.safetensors").exists(), shown(ran.stderr))


def fit(said, result):
    """Whether each event of the sample has a segment of its name that overlaps it well."""
    with open(ROOT / "deploy/demo/sample.csv") as file:
        events = [(row["label"], int(row["start"]) / 16, int(row["end"]) / 16) for row in csv.DictReader(file)]
    check(f"{said}: there are three kinds of events in it", len({label for label, _, _ in events}) == 3, str(events))
    overlaps = []
    for label, start, end in events:

        def overlap(one):
            both = min(end, one["end"]) - max(start, one["start"])
            return max(both, 0) / (end - start + one["end"] - one["start"] - max(both, 0))

        best = max(result["segments"], key=overlap)
        check(f"{said}: {label} is found", overlap(best) > 0 and best["label"] == label, shown(result["segments"]))
        overlaps.append(overlap(best))
    check(f"{said}: they overlap well", sum(overlaps) / 3 >= 0.5, str(overlaps))


CUT = ["--format", "json", "--leave", "0.3", "--min-snippets", "2", "--merge-gap", "3"]
with group("the sample, beside what is in it"):
    result = json.loads(run("score", *CUT, sample).out)
    contains("the model says what it is", result["caveat"], "demo", "made-up scenes")
    fit("its features", result)

with group("the sample as a video, by the embedded model"):
    video = ROOT / "deploy/demo/sample.mp4"
    check("it is small", video.stat().st_size < 800_000, str(video.stat().st_size))
    if shutil.which("ffmpeg") is None:
        print("skipped: there is no ffmpeg")
    else:
        ran = run("score", *CUT, video, timeout=120)
        equal("exit", ran.code, 0)
        result = json.loads(ran.out)
        check("it has over a minute", result["segments"][0].get("start_seconds") is not None and result["snippets"] > 112)
        fit("decoded", result)
        ran = run("scenes", "--output", folder / "filmed", "--train", "1", "--test", "2", "--video", timeout=240)
        equal("clips are encoded: exit", ran.code, 0)
        ran = run("score", *CUT, folder / "filmed/videos/test-00001.mp4", timeout=120)
        with open(folder / "filmed/annotations.csv") as file:
            events = [row for row in csv.DictReader(file) if row["start"]]
        found = json.loads(ran.out)["segments"]
        check("and something is found in one with events", len(events) > 0 and len(found) > 0, shown(ran.out))
finish()
