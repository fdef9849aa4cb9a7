"""`vigil train`: a small training from lists to a served model, ended and gone on with, repeated, replayed, and refused."""

import io
import json
import os
import pickle
import shutil
import signal
import subprocess
import sys
import time
import zipfile
from pathlib import Path

from support.harness import SHARED, VIGIL, check, contains, equal, finish, group, need, scratch, shown

need("training", "numpy", shared=True)

import numpy as np  # noqa: E402

from support.jobs import Client  # noqa: E402
from support.process import Server, environment, run  # noqa: E402

sys.path.insert(0, str(SHARED / "golden"))
import make_checkpoint  # noqa: E402

PLACE = scratch()
CLIP = PLACE / "tiny.pth"
make_checkpoint.write_pth(CLIP, make_checkpoint.state("tiny", 1))
LABELS = ["normal", "fighting", "explosion"]
FOLDER = PLACE / "features"
FOLDER.mkdir()
random = np.random.default_rng(7)


def video(name, kind, crops=(None,)):
    """Features in which the class shows for a while; the rows of a list, and the interval in frames."""
    rows = int(random.integers(20, 70))
    start, length = int(random.integers(4, rows - 12)), 8
    base = random.normal(0, 0.3, 64)
    for crop in crops:
        values = base + random.normal(0, 0.1, (rows, 64))
        if kind:
            values[start : start + length, 8 * kind : 8 * kind + 8] += 1.5
        np.save(FOLDER / f"{name}{'' if crop is None else f'__{crop}'}.npy", values.astype(np.float32))
    return (name, start * 16, (start + length) * 16)


train, test, truth = ["path,label"], ["path,label"], ["video,label,start,end"]
for number in range(24):
    kind = number % 4 % 3
    video(f"train{number}", kind)
    train.append(f"/elsewhere/features/train{number}.npy,{LABELS[kind]}")
for number in range(8):
    kind = number % 4 % 3
    name, start, end = video(f"test{number}", kind)
    test.append(f"test{number}.npy,{LABELS[kind]}")
    if kind:
        truth.append(f"{name},{LABELS[kind]},{start},{end}")
(PLACE / "train.csv").write_text("\n".join(train) + "\n")
(PLACE / "test.csv").write_text("\n".join(test) + "\n")
(PLACE / "truth.csv").write_text("\n".join(truth) + "\n")
DATA = ["--list", PLACE / "train.csv", "--features", FOLDER, "--labels", ",".join(LABELS), "--clip", CLIP]
TEST = ["--validation-list", PLACE / "test.csv", "--annotations", PLACE / "truth.csv"]
SMALL = ["--length", 32, "--batch", 6, "--epochs", 3, "--milestones", 2, "--rate", 3e-3, "--json"]


def last(*words):
    """Options with what was said last of each: a command takes none twice."""
    groups = {}
    for word in words:
        if str(word).startswith("--"):
            groups.pop(option := word, None)
        groups.setdefault(option, []).append(word)
    return [word for group in groups.values() for word in group]


def train(*words):
    return run("train", *last(*words))


def trained(name, *options, code=0):
    """The lines of a training, and the folder that it wrote."""
    ran = train(*DATA, *TEST, *SMALL, "--output", PLACE / name, *options)
    if not equal(f"{name}: exit code", ran.code, code):
        print(ran.err)
    return [json.loads(line) for line in ran.out.splitlines()], PLACE / name


def events(lines, kind):
    return [line for line in lines if line["event"] == kind]


lines, whole = trained("whole")
model = (whole / "model.safetensors").read_bytes()

with group("what it tells"):
    data = events(lines, "data")[0]
    equal("the lists", (data["rows"], data["videos"], data["validation_videos"]), (24, 24, 8))
    equal("the classes", data["videos_by_class"], {"normal": 12, "fighting": 6, "explosion": 6})
    pace = events(lines, "pace")[0]
    check("the pace", 0 < pace["seconds_per_epoch_on_64_cores"] <= pace["seconds_per_epoch"], str(pace))
    steps = events(lines, "step")
    equal("each step", [(one["epoch"], one["step"]) for one in steps], [(e, s) for e in (1, 2, 3) for s in (1, 2, 3, 4)])
    check("the rate falls", np.allclose([one["rate"] for one in steps[::4]], [3e-3, 3e-3, 3e-4]), "")
    check("the loss falls", steps[-1]["loss"] < steps[0]["loss"], f"{steps[0]['loss']} {steps[-1]['loss']}")
    validations = events(lines, "validation")
    equal("a validation an epoch", [one["epoch"] for one in validations], [1, 2, 3])
    best = max(validations, key=lambda one: one["auc_coarse"])
    equal("the best is kept", events(lines, "end")[0]["figures"]["auc_coarse"], best["auc_coarse"])

with group("the model"):
    facts = json.loads(run("inspect", "--json", whole / "model.safetensors").out)
    equal("its labels", facts["labels"], LABELS)
    training = facts["training"]
    equal("its settings", (training["settings"]["learning_rate"], training["settings"]["seed"]), (0.003, "234"))
    equal("its history", len(training["history"]["epochs"]), 3)
    equal("its figures", training["figures"]["auc_coarse"], best["auc_coarse"])
    contains("as text", run("inspect", whole / "model.safetensors").out, "training settings.learning_rate", "0.003")
    scores = json.loads(run("score", "--logits", "--model", whole / "model.safetensors", FOLDER / "test1.npy").out)
    check("scores", len(scores["logits"]["coarse"]) > 0, "")
    evaluated = run(
        "eval", "--model", whole / "model.safetensors", "--features", FOLDER, "--list", PLACE / "test.csv",
        "--annotations", PLACE / "truth.csv", "--json",
    )  # fmt: skip
    figures = json.loads(evaluated.out)
    for name in ("auc_coarse", "ap_fine"):
        check(f"vigil eval measures the same {name}", abs(figures[name] - best[name]) < 1e-4, f"{figures[name]} {best[name]}")
    with Server(model=whole / "model.safetensors") as server:
        contains("is served", server.text(), "own")


class Plain(pickle.Unpickler):
    """Reads what torch.save writes, without torch."""

    def find_class(self, module, name):
        if (module, name) == ("torch._utils", "_rebuild_tensor_v2"):
            return lambda storage, offset, shape, strides, *rest: (storage, offset, shape, strides)
        if (module, name) == ("torch", "FloatStorage"):
            return "float32"
        return {("collections", "OrderedDict"): dict}[module, name]

    def persistent_load(self, saved):
        kind, element, key, device, count = saved
        assert (kind, element, device) == ("storage", "float32", "cpu")
        return key, count


with group("the weights with the published names"):
    with zipfile.ZipFile(whole / "weights.pth") as archive:
        equal("a sound archive", archive.testzip(), None)
        state = Plain(io.BytesIO(archive.read("archive/data.pkl"))).load()
        published = make_checkpoint.shapes(make_checkpoint.CONFIGS["tiny"])
        equal("names and shapes", {n: s[2] for n, s in state.items()}, {n: tuple(s[0]) for n, s in published.items()})
        original = make_checkpoint.state("tiny", 1)
        for name, ((key, count), offset, shape, strides) in state.items():
            values = np.frombuffer(archive.read(f"archive/data/{key}"), "<f4")
            if len(values) != count or offset or not np.isfinite(values).all():
                check(f"{name}: its storage", False)
            if name.startswith("clipmodel.") and not np.array_equal(values, original[name].ravel()):
                check(f"{name}: CLIP's own", False)
    again = PLACE / "again.safetensors"
    options = ["--labels", ",".join(LABELS), "--window", 8]
    equal("are imported", run("import", whole / "weights.pth", "--output", again, *options).code, 0)
    imported = json.loads(run("score", "--logits", "--model", again, FOLDER / "test1.npy").out)
    equal("score as the model", imported["logits"], scores["logits"])

def until_maps(process, does):
    """Waits until a process has mapped the model's file, or has no more of it."""
    end = time.monotonic() + 60
    while ("mapped.safetensors" in Path(f"/proc/{process}/maps").read_text()) != does and time.monotonic() < end:
        time.sleep(0.01)


with group("a mapped file that becomes shorter"):
    mapped = PLACE / "mapped.safetensors"
    features = (FOLDER / "test1.npy").read_bytes()
    for cut in (0, 4096):
        shutil.copy(whole / "model.safetensors", mapped)
        with Server(model=mapped) as server:
            # Its own copy comes a moment after it serves.
            until_maps(server.child.pid, False)
            os.truncate(mapped, cut)
            answer = Client(server).post(features, prefer="wait=60")
            equal(f"to {cut} bytes: a server has its own", answer.json()["result"]["coarse"], scores["coarse"])
        shutil.copy(whole / "model.safetensors", mapped)
        child = subprocess.Popen(
            [VIGIL, "score", "--model", mapped, "-"], env=environment(), stdin=subprocess.PIPE, stderr=subprocess.PIPE
        )
        until_maps(child.pid, True)
        os.truncate(mapped, cut)
        said = child.communicate(features, timeout=60)[1].decode()
        equal(f"to {cut} bytes: exit code", child.returncode, 66)
        contains(f"to {cut} bytes: the last line", said.splitlines()[-1], "became shorter while it was read")

with group("the same bits"):
    trained("one", "--threads", 1, "--weights", "none")
    equal("with one thread", (PLACE / "one/model.safetensors").read_bytes() == model, True)
    check("and no weights where none are asked for", not (PLACE / "one/weights.pth").exists())

    def ended(name, number, after):
        """A training that a signal ends after so many steps; its exit code."""
        arguments = last(*DATA, *TEST, *SMALL, "--output", PLACE / name, "--save-every", 2, "--weights", "safetensors")
        child = subprocess.Popen(
            [VIGIL, "train", *map(str, arguments)], env=environment(), stdout=subprocess.PIPE, stderr=subprocess.PIPE
        )
        for line in child.stdout:
            if json.loads(line)["event"] == "step":
                after -= 1
            if after == 0:
                child.send_signal(number)
                break
        child.stdout.read(), child.stderr.read()
        return child.wait(60)

    # A process can be through with a few small steps before the signal comes.
    check("SIGKILL", ended("killed", signal.SIGKILL, 3) in (-signal.SIGKILL, 0))
    trained("killed", "--resume", "--weights", "safetensors")
    equal("after kill -9 and --resume", (PLACE / "killed/model.safetensors").read_bytes() == model, True)
    check("SIGINT", ended("interrupted", signal.SIGINT, 2) in (130, 0))
    check("SIGTERM", ended("terminated", signal.SIGTERM, 2) in (143, 0))
    for name in ("interrupted", "terminated"):
        trained(name, "--resume")
        equal(f"{name}, and --resume", (PLACE / name / "model.safetensors").read_bytes() == model, True)
    ran = train(*DATA, *TEST, *SMALL, "--output", PLACE / "killed")
    equal("a state is not written over", ran.code, 64)
    ran = train(*DATA, *TEST, *SMALL, "--output", PLACE / "truth.csv")
    check("a file in the folder's place", ran.code == 78 and "--output" in ran.err, f"{ran.code} {shown(ran.err)}")
    ran = train(*DATA, *TEST, *SMALL, "--output", PLACE / "killed")
    contains("and it says what to do", ran.err, "--resume")
    ran = train(*DATA, *TEST, *SMALL, "--output", PLACE / "killed", "--resume", "--rate", 1e-3)
    equal("another training's state is refused", ran.code, 65)
    contains("by what differs", ran.err, "learning_rate")
    (PLACE / "other.csv").write_text((PLACE / "truth.csv").read_text() + "test1,fighting,0,16\n")
    ran = train(*DATA, *TEST, *SMALL, "--output", PLACE / "killed", "--resume", "--annotations", PLACE / "other.csv")
    equal("one validated by other annotations too", ran.code, 65)
    contains("by the annotations", ran.err, "annotations_sha256")
    other = PLACE / "other"
    shutil.copytree(FOLDER, other)
    np.save(other / "train1.npy", np.zeros((99, 64), np.float32))
    ran = train(*DATA, *TEST, *SMALL, "--output", PLACE / "killed", "--resume", "--features", other)
    equal("one with other features too", ran.code, 65)
    contains("by the files", ran.err, "feature_files_sha256")
    lines, _ = trained("killed", "--resume")
    equal("one that is done has nothing to do", [one["steps_done"] for one in events(lines, "run")], [12])
    saved = events(lines, "saved")[-1]
    equal("and is saved as it is", (saved["epoch"], saved["step"]), (3, 4))

with group("seeds"):
    lines, folder = trained("seeds", "--seeds", 2, "--epochs", 1, "--weights", "none")
    spread = events(lines, "seeds")[0]["auc_coarse"]
    found = [one["figures"]["auc_coarse"] for one in events(lines, "end")]
    check("the mean", abs(spread["mean"] - np.mean(found)) < 1e-9, f"{spread} {found}")
    check("the spread", abs(spread["standard_deviation"] - np.std(found, ddof=1)) < 1e-9, f"{spread} {found}")
    check("a model each", (folder / "seed-234/model.safetensors").exists() and (folder / "seed-235/model.safetensors").exists())

with group("parts left out"):
    for parts in ("local,global", "learnable-prompt", "visual-prompt", "prompt-attention", "a-branch"):
        lines, folder = trained(parts.replace(",", "-"), "--without", parts, "--epochs", 1)
        check(f"{parts}: figures", 0 <= events(lines, "end")[0]["figures"]["auc_coarse"] <= 1)
        check(f"{parts}: no model file", events(lines, "end")[0]["files"] == [] and not (folder / "model.safetensors").exists())

with group("replay"):
    golden = json.loads((SHARED / "golden/expected/train_tiny.json").read_text())
    steps = []
    for step in golden["steps"]:
        videos = []
        for rows, label, seed in zip(step["lengths"], step["classes"], step["feature_seeds"]):
            np.save(PLACE / f"replay{seed}.npy", make_checkpoint.features(rows, 64, seed))
            videos.append({"features": f"replay{seed}.npy", "label": label})
        steps.append(videos)
    plan = {"learning_rate": golden["lr"], "weight_decay": golden["weight_decay"], "contrast_weight": 0.1}
    (PLACE / "steps.json").write_text(json.dumps(plan | {"labels": golden["labels"], "steps": steps}))
    ran = run("train", "--replay", PLACE / "steps.json", "--init", CLIP, "--json")
    equal("exit code", ran.code, 0)
    found = json.loads(ran.out)
    for name in ("loss_coarse", "loss_mil_align", "loss_contrast", "loss"):
        off = max(abs(a[name] - b[name]) for a, b in zip(found["steps"], golden["steps"]))
        check(f"{name} of three steps", off < 1e-4, f"{off}")
    for name, norm in golden["steps"][0]["grad_norm"].items():
        if not abs(found["steps"][0]["grad_norm"][name] - norm) <= 1e-3 * norm + 1e-7:
            check(f"gradient of {name}", False, f"{found['steps'][0]['grad_norm'][name]} {norm}")
    for name, norm in golden["weight_norm_after"].items():
        # A key's bias changes no attention: its gradient is what rounding leaves, and AdamW makes steps of that.
        tolerance = 1e-3 if name.endswith("in_proj_bias") else 1e-4
        if not abs(found["weight_norm_after"][name] - norm) <= tolerance * norm:
            check(f"norm of {name}", False, f"{found['weight_norm_after'][name]} {norm}")

with group("what is wrong is said before the first step"):
    np.save(FOLDER / "wide.npy", np.zeros((9, 32), np.float32))
    np.save(FOLDER / "nan.npy", np.full((9, 64), np.nan, np.float32))
    video("crops", 1, range(10))
    crops = "".join(f"crops__{crop}.npy,fighting\n" for crop in range(10))
    cases = [
        ("a missing file", "gone.npy,normal", [], 66, "gone.npy"),
        ("a wrong width", "wide.npy,normal", [], 65, "wide.npy"),
        ("not finite", "nan.npy,normal", [], 65, "nan.npy"),
        ("an unknown label", "train1.npy,dancing", [], 65, "dancing"),
        ("a class without videos", "", ["--labels", "normal,fighting,explosion,arson"], 65, "arson"),
        ("too large a batch", "", ["--batch", 30, "--batching", "paired"], 65, "--batch"),
        ("a part that there is none of", "", ["--without", "locals"], 64, "did you mean 'local'"),
        ("both graphs, one by one", "", ["--without", "distance,similarity"], 64, "--without global leaves both graphs out"),
        ("a rate out of range", "", ["--rate", -1], 64, "--rate"),
        ("a prompt before nothing", "", ["--prefix", -1], 64, "--prefix"),
        ("a prompt that leaves no place", "", ["--postfix", 70], 64, "--postfix"),
        ("a name of two lines", "", ["--name", "a\nb"], 64, "--name"),
        ("a name that is too long", "", ["--name", "a" * 300], 64, "--name"),
        ("a name that no server takes", "", ["--name", "a/b"], 64, "--name"),
        ("a metric of a branch that is left out", "", ["--without", "a-branch", "--metric", "ap_fine"], 64, "--metric auc_coarse"),
    ]
    for name, row, options, code, words in cases:
        (PLACE / "bad.csv").write_text((PLACE / "train.csv").read_text() + (row + "\n" if row else ""))
        ran = train(*DATA, *TEST, *SMALL, "--output", PLACE / "bad", "--list", PLACE / "bad.csv", *options)
        equal(f"{name}: exit code", ran.code, code)
        contains(f"{name}: named", ran.err, words)
    (PLACE / "ten.csv").write_text((PLACE / "test.csv").read_text() + crops)
    ran = train(*DATA, *TEST, *SMALL, "--output", PLACE / "bad", "--validation-list", PLACE / "ten.csv")
    equal("ten crops of a test video: exit code", ran.code, 65)
    contains("ten crops of a test video: named", ran.err, "ten.csv", "10 crops")
    equal("scenes", run("scenes", "--output", PLACE / "scenes", "--train", 2, "--test", 2).code, 0)
    other = ["--clip", PLACE / "scenes/clip.safetensors", "--output", PLACE / "bad"]
    ran = train(*DATA[:-2], *TEST, *SMALL, *other)
    contains("labels of another vocabulary", ran.err, "does not belong to this text tower")
    for name, options, words in (
        ("a preset that is none", ["--preset", "ucf"], "ucf-crime or xd-violence"),
        ("data without a preset", ["--data", PLACE], "--preset"),
        ("a rate out of range", ["--rate", 0], "--rate"),
        ("a folder that is not there", ["--features", PLACE / "none"], "no such folder"),
    ):
        ran = train(*DATA[:-2], *TEST, *SMALL, "--clip", PLACE / "none.pth", "--output", PLACE / "bad", *options)
        contains(f"{name}: told before CLIP is read", ran.err, words)
    ran = train(*DATA[:-2], *SMALL, "--output", PLACE / "bad")
    equal("no CLIP: exit code", ran.code, 64)
    contains("no CLIP: named", ran.err, "--clip")
    ran = train(*DATA[:-1], PLACE / "gone.pth", *TEST, *SMALL, "--output", PLACE / "bad")
    equal("a CLIP that is not there: exit code", ran.code, 66)
    ran = train(*DATA, *TEST, *SMALL, "--output", PLACE / "bad/in/it", "--init", PLACE / "train.csv", "--seeds", 2)
    equal("an --init that is none: exit code", ran.code, 65)
    check("nothing was begun, and no folder made", not (PLACE / "bad").exists())
    (PLACE / "sparse.pth").touch()
    os.truncate(PLACE / "sparse.pth", 1 << 42)
    for option in ("--clip", "--init"):
        ran = train(*DATA, *TEST, *SMALL, "--output", PLACE / "bad", option, PLACE / "sparse.pth")
        equal(f"{option} is larger than the memory: exit code", ran.code, 64)
        contains(f"{option} is larger than the memory: named", ran.err, f"{option} {PLACE}/sparse.pth has 4398.05 GB")
    for name in ("model.safetensors", "weights.pth"):
        (PLACE / f"no-{name}" / name).mkdir(parents=True)
        ran = train(*DATA, *TEST, *SMALL, "--output", PLACE / f"no-{name}")
        equal(f"{name} is a folder: exit code", ran.code, 78)
        contains(f"{name} is a folder: named", ran.err, "--output", name)
        equal(f"{name} is a folder: before anything is told", ran.out, "")

with group("others at its files while it trains"):
    clip, folder = PLACE / "changing.pth", PLACE / "a/folder/deep"
    shutil.copy(CLIP, clip)
    (PLACE / "a/folder/deep").mkdir(parents=True)
    left = folder / ".state.safetensors.killed.tmp"
    left.write_bytes(b"half")
    arguments = last(*DATA[:-1], clip, *TEST, *SMALL, "--output", folder, "--resume")
    child = subprocess.Popen(
        [VIGIL, "train", *map(str, arguments)], env=environment(), stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    child.stdout.readline()
    child.send_signal(signal.SIGSTOP)
    with open(clip, "r+b") as file:
        file.write(b"\0" * 100_000)
        file.truncate(5_000)
    ran = train(*DATA, *TEST, *SMALL, "--output", folder, "--resume")
    equal("a second training in its folder is refused", ran.code, 78)
    contains("and is told why", ran.err, "another vigil train")
    child.send_signal(signal.SIGCONT)
    child.stdout.read()
    said = child.stderr.read().decode()
    equal("CLIP's file is written over and cut: the training ends well", (child.wait(60), said.count("Bus")), (0, 0))
    equal("with the bits of CLIP as it was", (folder / "model.safetensors").read_bytes() == model, True)
    check("what a killed training left half-written is gone", not left.exists())
    for cut in (PLACE / "cut", PLACE / "emptied"):
        shutil.copytree(FOLDER, cut)
        arguments = last(*DATA, *TEST, *SMALL, "--output", PLACE / f"trained-{cut.name}", "--features", cut)
        child = subprocess.Popen(
            [VIGIL, "train", *map(str, arguments)], env=environment(), stdout=subprocess.PIPE, stderr=subprocess.PIPE
        )
        child.stdout.readline()
        child.send_signal(signal.SIGSTOP)
        for number in range(24):
            os.truncate(cut / f"train{number}.npy", 3_000 if cut.name == "cut" else 0)
        child.send_signal(signal.SIGCONT)
        child.stdout.read()
        said = child.stderr.read().decode().splitlines()
        equal(f"feature files are {cut.name}: exit code", child.wait(60), 65)
        contains(f"feature files are {cut.name}: the last line", said[-1], str(cut), ".npy")
    trained("new/in/new", "--epochs", 1)
    check("all folders are made", (PLACE / "new/in/new/model.safetensors").exists())

with group("the ablation table"):
    data = PLACE / "xd"
    data.mkdir()
    codes = {"normal": "A", "fighting": "B1-0-0", "explosion": "G-0-0"}
    kinds = ["A", "B1", "B2", "B4", "B5", "B6", "G"]
    rows = [f"train{number}.npy,{kinds[number % 7]}{'' if number % 7 == 0 else '-0-0'}" for number in range(14)]
    (data / "xd_CLIP_rgb.csv").write_text("\n".join(["path,label", *rows]) + "\n")
    rows = [line.split(",") for line in test[1:]]
    (data / "xd_CLIP_rgbtest.csv").write_text("\n".join(["path,label"] + [f"{p},{codes[c]}" for p, c in rows]) + "\n")
    lines = [f"{v} {codes[c].split('-')[0]} {s} {e}" for v, c, s, e in (line.split(",") for line in truth[1:])]
    (data / "annotations_multiclasses.txt").write_text("\n".join(lines) + "\n")
    root = os.path.join(os.path.dirname(__file__), "../../..")
    ran = subprocess.run(
        [f"{root}/deploy/ablations.sh", "xd-violence", data, FOLDER, CLIP, PLACE / "table", "--epochs", "1", "--length", "32",
         "--window", "8"],
        env=environment({"VIGIL": VIGIL}), capture_output=True, text=True, timeout=60,
    )  # fmt: skip
    equal("exit code", ran.returncode, 0)
    table = [line for line in ran.stdout.splitlines() if line.startswith("| ")]
    equal("its rows", len(table), 11)
    check("figures in each", all("| - | - |" not in line[:-12] for line in table[2:]), ran.stdout + ran.stderr)

finish()
