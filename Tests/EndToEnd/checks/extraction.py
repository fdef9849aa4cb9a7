"""Frames to features: the golden ones, from every input, by every recipe; hostile inputs; and features that can be scored."""

import gzip
import hashlib
import json
import os
import shutil
import subprocess
import sys

from support.harness import SHARED, VIGIL, check, contains, equal, finish, group, need, note, scratch, shown

need("extraction", "numpy", "requests", shared=True)

import numpy as np  # noqa: E402
import requests  # noqa: E402

from support.process import Server, run  # noqa: E402

sys.path.insert(0, str(SHARED / "golden"))
import make_frames  # noqa: E402

folder = scratch()
golden = np.load(SHARED / "golden/expected/image_tiny.npz")
names = sorted(key.removesuffix("_features") for key in golden.files if key.endswith("_features"))
model = folder / "tiny.safetensors"


def frame(name):
    size, seed = name.split("_s")
    return make_frames.frame(*map(int, size.split("x")), int(seed))


def ppm(*frames):
    return b"".join(b"P6\n%d %d\n255\n" % (f.shape[1], f.shape[0]) + f.tobytes() for f in frames)


def extract(*arguments, model=model, **options):
    return run("extract", *arguments, "--model", model, cwd=folder, **options)


def made(name, out="out"):
    return np.load(folder / out / f"{name}.npy")


def told(name, out="out"):
    return json.loads((folder / out / f"{name}.json").read_text())


def ends(name, code, *arguments, says=(), **options):
    ran = extract(*arguments, **options)
    check(f"{name}: exit {code}", ran.code == code, f"exit {ran.code}: {shown(ran.err)}")
    contains(f"{name}: says why", ran.err, *says)
    return ran


with group("a model with its image tower"):
    checkpoint = folder / "tiny.pth"
    maker = [sys.executable, SHARED / "golden/make_checkpoint.py", "--config", "tiny", "--seed", "1", "--out", checkpoint]
    subprocess.run(maker, check=True)
    ran = run("import", checkpoint, "--output", model, "--keep-image-tower", timeout=120)
    equal("import: exit", ran.code, 0)
    run("import", checkpoint, "--output", folder / "blind.safetensors", timeout=120)

with group("golden frames, a row each"):
    worst = 0.0
    for name in names:
        (folder / f"{name}.ppm").write_bytes(ppm(frame(name)))
    ran = extract(*[f"{name}.ppm" for name in names], "--recipe", "clip", "--frames-per-row", 1, "--output", "golden")
    equal("exit", ran.code, 0)
    for name in names:
        features = made(name, "golden")
        check(f"{name}: one row of float32", features.dtype == np.float32 and features.shape == (1, 64), str(features.shape))
        worst = max(worst, float(np.abs(features[0] - golden[f"{name}_features"].reshape(-1)).max()))
    check("the published features, to 1e-4", worst <= 1e-4, f"off by {worst}")
    note(f"{len(names)} golden frames, features off by {worst:.1e} at most")

rng = np.random.default_rng(7)
video = np.stack([make_frames.frame(64, 48, 10 + i) for i in range(53)])
np.save(folder / "video.npy", video)

with group("one video from every input"):
    (folder / "video.ppm").write_bytes(ppm(*video))
    (folder / "frames").mkdir()
    for index, one in enumerate(video):
        (folder / f"frames/{index + 1}.ppm").write_bytes(ppm(one))
    (folder / "raw.rgb").write_bytes(video.tobytes())
    (folder / "video.json").write_text("{}")
    ran = extract("video.npy", "--output", "out")
    equal("exit", ran.code, 0)
    line = json.loads(ran.out)
    equal("a JSON line tells", (line["file"], line["rows"], line["frames"], line["tail_frames"]), ("video.npy", 3, 53, 5))
    check("and the rate", line["frames_per_second"] > 0, shown(line))
    features = made("video")
    equal("rows of 16 frames, the tail in none", features.shape, (3, 64))
    for arguments, name in (
        (["video.ppm"], "video"),
        (["frames/"], "frames"),
        (["raw.rgb", "--size", "64x48"], "raw"),
    ):
        equal(f"{arguments[0]}: exit", extract(*arguments, "--output", "other").code, 0)
        check(f"{arguments[0]}: the same bits", np.array_equal(made(name, "other"), features))
    with open(folder / "raw.rgb", "rb") as raw:
        equal("standard input: exit", extract("-", "--size", "64x48", "--output", "other", stdin=raw).code, 0)
    check("standard input: the same bits", np.array_equal(made("stdin", "other"), features))
    with open(folder / "video.ppm", "rb") as raw:
        equal("PPM on standard input: exit", extract("-", "--output", "piped", stdin=raw).code, 0)
    check("PPM on standard input: the same bits", np.array_equal(made("stdin", "piped"), features))
    equal("one thread: exit", extract("video.npy", "--workers", 1, "--output", "alone").code, 0)
    check("one thread: the same bits", np.array_equal(made("video", "alone"), features))
    named = {"VIGIL_MODEL": str(model), "VIGIL_KERNELS": "portable"}
    equal("by variables: exit", run("extract", "video.npy", "--output", "named", cwd=folder, env=named).code, 0)
    equal("VIGIL_KERNELS says what computes", told("video", "named")["tower"]["kernels"], "portable")
    ran = run("extract", "video.npy", "--output", "embedded", cwd=folder)
    check("no model is named: the embedded one's", ran.code == 0 and "embedded demo" in ran.err, shown(ran.err))
    equal("its width", np.load(folder / "embedded/video.npy").shape[1], 64)
    grey = video[:, :, :, 0]
    np.save(folder / "grey.npy", grey)
    np.save(folder / "repeated.npy", np.repeat(grey[..., None], 3, 3))
    equal("grey: exit", extract("grey.npy", "repeated.npy", "--output", "out").code, 0)
    check("grey is R = G = B", np.array_equal(made("grey"), made("repeated")))
    wide = b"".join(b"P6 64 48 65535\n" + (f.astype(">u2") * 257).tobytes() for f in video)
    (folder / "wide.ppm").write_bytes(wide)
    equal("16 bits: exit", extract("wide.ppm", "--output", "out").code, 0)
    check("16 bits: the same", np.array_equal(made("wide"), features))
    equal("nothing but what was asked for", sorted(p.name for p in (folder / "alone").iterdir()), ["video.json", "video.npy"])

with group("the recipe beside the features"):
    document = told("video")
    text = document["recipe"]["text"]
    equal("its hash", document["recipe_sha256"], hashlib.sha256(text.encode()).hexdigest())
    equal("its features'", document["features_sha256"], hashlib.sha256(features.tobytes()).hexdigest())
    contains("its steps", text, "340x256", "opencv-bilinear", "pool mean of 16", "tail drop")
    recipe = document["recipe"]
    equal("its name", (recipe["name"], recipe["crop"], recipe["pool"], recipe["frames_per_row"]), ("vadclip", 0, "mean", 16))
    equal("frames, rows, tail", (document["frames"], document["rows"], document["tail_frames"]), (53, 3, 5))
    check("the tower's digest", len(document["tower"]["sha256"]) == 64, shown(document["tower"]))

with group("what is replaced and what is not"):
    (folder / "mine").mkdir()
    np.save(folder / "mine/video.npy", features)
    np.save(folder / "mine/video__3.npy", features)
    np.save(folder / "mine/frames.npy", video)
    (folder / "mine/grey.json").write_text('{"mine": 1}')
    before = {p.name: p.read_bytes() for p in (folder / "mine").iterdir()}
    for arguments, named in (
        (["video.npy"], "mine/video.npy"), (["frames/"], "mine/frames.npy"), (["video.npy", "--crop", "all"], "mine/video__3.npy"),
        (["grey.npy"], "mine/grey.json"), (["repeated.npy", "video.ppm"], "mine/video.npy"),
    ):  # fmt: skip
        ends(f"{arguments}: refused", 64, *arguments, "--output", "mine", says=["--output", named, "another folder"])
    (folder / "mine/video.json").write_text("{}")
    ends("beside another JSON", 64, "video.npy", "--output", "mine", says=["mine/video.npy"])
    (folder / "mine/video.json").unlink()
    equal("all is as it was", {p.name: p.read_bytes() for p in (folder / "mine").iterdir()}, before)
    shutil.copy(folder / "out/video.json", folder / "mine/video.json")
    equal("with its recipe it is replaced", extract("video.npy", "--pool", "first", "--output", "mine").code, 0)
    equal("by what is asked for", told("video", "mine")["recipe"]["pool"], "first")

with group("in fewer bits"):
    exact = told("video")
    equal("float32 is what nobody asks for", (exact["recipe"]["compute"], "compute" in exact["recipe"]["text"]), ("float32", False))
    digests = {exact["recipe_sha256"]}
    for compute, least in (("bfloat16", 0.9999), ("int8", 0.9995)):
        options = ["--recipe", "clip", "--frames-per-row", 1, "--compute", compute, "--output", f"golden-{compute}"]
        equal(f"{compute}: golden frames: exit", extract(*[f"{name}.ppm" for name in names], *options).code, 0)
        cosines, worst = [], 0.0
        for name in names:
            found, want = made(name, f"golden-{compute}")[0].astype(np.float64), golden[f"{name}_features"].reshape(-1).astype(np.float64)
            cosines.append(found @ want / np.linalg.norm(found) / np.linalg.norm(want))
            worst = max(worst, float(np.abs(found - want).max()))
        check(f"{compute}: near the published features", least <= min(cosines) < 1, f"cosine {min(cosines)}")
        note(f"{compute}: golden frames' lowest cosine {min(cosines):.6f}, off by {worst:.4f} at most")
        ran = extract("video.npy", "--compute", compute, "--output", compute)
        equal(f"{compute}: exit, and what is told", (ran.code, json.loads(ran.out)["compute"]), (0, compute))
        found = told("video", compute)
        equal(f"{compute}: the recipe says it", found["recipe"]["compute"], compute)
        contains(f"{compute}: and its text", found["recipe"]["text"], f"compute {compute}")
        digests.add(found["recipe_sha256"])
        same_tower = {key: value for key, value in found["tower"].items() if key != "kernels"}
        equal(f"{compute}: of the same tower", same_tower, {key: value for key, value in exact["tower"].items() if key != "kernels"})
        check(f"{compute}: features are others", not np.array_equal(made("video", compute), features))
        equal(f"{compute}: one worker: exit", extract("video.npy", "--compute", compute, "--workers", 1, "--output", "one").code, 0)
        check(f"{compute}: the same bits by one worker", np.array_equal(made("video", "one"), made("video", compute)))
        equal(f"{compute}: the portable kernels: exit", extract("video.npy", "--compute", compute, "--kernels", "portable", "--output", "any").code, 0)
        check(f"{compute}: near by the portable kernels", np.abs(made("video", "any") - features).max() < 0.1)
        ran = run("inspect", "--json", "--width", 64, folder / compute / "video.npy")
        contains(f"{compute}: inspect of the features says it", " ".join(json.loads(ran.out)["warnings"]), f"vigil extract in {compute}", "video.json")
        shutil.rmtree(folder / "moved", ignore_errors=True)
        shutil.copytree(folder / compute, folder / "moved")
        np.save(folder / "moved/video.npy", made("video", compute) + 1)
        check(f"{compute}: not of other features", "vigil extract" not in run("inspect", "--json", "--width", 64, folder / "moved/video.npy").out)
    equal("recipes have hashes of their own", len(digests), 3)
    check("inspect of float32's has nothing to say", "vigil extract" not in run("inspect", "--json", "--width", 64, folder / "out/video.npy").out)
    shutil.copytree(folder / "out", folder / "again")
    equal("over float32's: exit", extract("video.npy", "--compute", "int8", "--output", "again").code, 0)
    check("features and recipe are replaced together", np.array_equal(made("video", "again"), made("video", "int8")))
    equal("and the recipe says so", told("video", "again")["recipe_sha256"], told("video", "int8")["recipe_sha256"])
    ran = extract("video.npy", "--compare", "int8/video.npy", "--compute", "int8", timeout=300)
    report = json.loads(ran.out)
    check("compared in its own arithmetic", report["compute"] == "int8" and report["nearest"][0]["cosine"] > 0.999999, shown(report))
    ran = extract("video.npy", "--compare", "out/video.npy", "--compute", "int8", timeout=300)
    contains("float32's compared in int8: the same recipe", json.loads(ran.out)["verdict"], "this is how they were made")
    data = model.read_bytes()
    length = int.from_bytes(data[:8], "little")
    head = json.loads(data[8 : 8 + length])
    head["__metadata__"] = {key: value for key, value in head["__metadata__"].items() if not key.startswith("image_compute.")}
    older = json.dumps(head, separators=(",", ":"), ensure_ascii=False).encode().ljust(length)
    (folder / "older.safetensors").write_bytes(data[:8] + older + data[8 + length :])
    for compute in ("bfloat16", "int8"):
        ends(f"a tower of an older import in {compute}", 65, "video.npy", "--compute", compute, "--output", "older", model="older.safetensors",
             says=["older.safetensors", "image tower", compute, "import it again", "--compute float32"])  # fmt: skip
    check("nothing was made", not (folder / "older").exists())
    equal("in float32: exit", extract("video.npy", "--output", "older", model="older.safetensors").code, 0)
    check("in float32: the same bits", np.array_equal(made("video", "older"), features))
    ends("an arithmetic that there is not", 64, "video.npy", "--compute", "int4", "--output", "older", says=["int4"])

with group("pools, tails and crops"):
    equal("a row a frame: exit", extract("video.npy", "--frames-per-row", 1, "--output", "each").code, 0)
    each = made("video", "each")
    equal("a row a frame", each.shape, (53, 64))
    mean = each[:48].reshape(3, 16, 64).astype(np.float64).mean(1)
    check("mean", np.abs(features - mean).max() < 1e-6, str(np.abs(features - mean).max()))
    for pool, place in (("first", 0), ("middle", 8)):
        equal(f"{pool}: exit", extract("video.npy", "--pool", pool, "--output", pool).code, 0)
        check(f"{pool}: that frame's feature", np.array_equal(made("video", pool), each[place:48:16]))
    equal("tail: exit", extract("video.npy", "--tail", "keep", "--output", "kept").code, 0)
    kept = made("video", "kept")
    check("a tail that is kept is a row more", kept.shape == (4, 64) and np.array_equal(kept[:3], features))
    check("of the frames that there are", np.abs(kept[3] - each[48:].astype(np.float64).mean(0)).max() < 1e-6)
    equal("all crops: exit", extract("video.npy", "--crop", "all", "--output", "all").code, 0)
    files = sorted(p.name for p in (folder / "all").iterdir())
    equal("all crops: a file each", files, sorted(f"video__{c}.{e}" for c in range(10) for e in ("npy", "json")))
    check("crop 0 is what comes without", np.array_equal(made("video__0", "all"), features))
    equal("crop 5: exit", extract("video.npy", "--crop", 5, "--output", "five").code, 0)
    check("crop 5 alone is what it is among all", np.array_equal(made("video", "five"), made("video__5", "all")))
    hashes = {told(f"video__{c}", "all")["recipe_sha256"] for c in range(10)}
    equal("recipes have hashes of their own", len(hashes), 10)
    for count, rows in ((1, 1), (15, 1), (16, 1), (17, 2)):
        np.save(folder / "some.npy", video[:count])
        equal(f"{count} frames: exit", extract("some.npy", "--tail", "keep", "--output", "some").code, 0)
        equal(f"{count} frames: rows", made("some", "some").shape[0], rows)

with group("what comes nearest to features that are there"):
    for arguments, expected in (
        ([], ("vadclip", 0, "mean", 0)),
        (["--recipe", "clip", "--pool", "middle"], ("clip", None, "middle", 0)),
        (["--crop", "6", "--pool", "first"], ("vadclip", 6, "first", 0)),
    ):
        shutil.rmtree(folder / "near", ignore_errors=True)
        extract("video.npy", *arguments, "--output", "near")
        ran = extract("video.npy", "--compare", "near/video.npy", timeout=300)
        equal(f"{expected}: exit", ran.code, 0)
        report = json.loads(ran.out)
        best = report["nearest"][0]
        equal(f"{expected}: found", (best["recipe"], best["crop"], best["pool"], best["offset"]), expected)
        check(f"{expected}: how near", best["cosine"] > 0.99999 and best["largest_difference"] < 1e-4, shown(best))
    np.save(folder / "normalised.npy", features / np.linalg.norm(features, axis=1, keepdims=True))
    report = json.loads(extract("video.npy", "--compare", "normalised.npy", timeout=300).out)
    contains("normalised features are told", report["verdict"], "normalised")
    np.save(folder / "more.npy", np.repeat(features, 2, 0))
    ran = ends("of more rows than there are", 0, "video.npy", "--compare", "more.npy", timeout=300)
    contains("of more rows: told", " ".join(json.loads(ran.out)["warnings"]), "53 frames make 3 rows", "6")
    np.save(folder / "long.npy", np.repeat(features, 9, 0))
    ends("of a longer video", 65, "video.npy", "--compare", "long.npy", says=["53 frames", "27 rows"])
    np.save(folder / "narrow.npy", features[:, :32])
    ends("of another width", 65, "video.npy", "--compare", "narrow.npy", says=["32", "64"])
    ends("absent", 66, "video.npy", "--compare", "absent.npy", says=["no such file"])
    before = (folder / "near/video.npy").read_bytes()
    ends("over what is compared with", 64, "video.ppm", "--compare", "near/video.npy", "--output", "near", says=["are read"])
    equal("what is compared with is as it was", (folder / "near/video.npy").read_bytes(), before)
    with open(folder / "video.npy", "rb") as raw:
        pipe = subprocess.Popen(["cat"], stdin=raw, stdout=subprocess.PIPE).stdout
        ends("of a pipe", 64, "/dev/stdin", "--compare", "near/video.npy", says=["twice"], stdin=pipe)
    ends("of standard input", 64, "-", "--compare", "narrow.npy", says=["twice"])

with group("features that can be scored"):
    ran = run("score", "--format", "json", "--model", model, folder / "out/video.npy")
    equal("vigil score: exit", ran.code, 0)
    equal("vigil score: a score a row", len(json.loads(ran.out)["coarse"]), 3)
    with Server("--model", model) as server:
        answer = requests.post(
            f"{server.url}/score", data=(folder / "out/video.npy").read_bytes(),
            headers={"Prefer": "wait=30", "Content-Type": "application/x-npy"}, timeout=60,
        )  # fmt: skip
        job = answer.json()
        equal("POST /score", (answer.status_code, job["status"], job["snippets"]), (200, "succeeded", 3))
        equal("the job names the features", job["features_sha256"], told("video")["features_sha256"])
    equal("vigil inspect", run("inspect", "--width", "64", folder / "out/video.npy").code, 0)
    for command in (["score", "--model", model], ["inspect", "--width", 64]):
        ran = run(*command, "out/video.json", "out/video.npy", cwd=folder)
        equal(f"vigil {command[0]} of all files: exit", ran.code, 65)
        contains(f"vigil {command[0]} says what the recipe is", ran.err, "out/video.json tells how out/video.npy beside it was made", "1 of 2")
        check(f"vigil {command[0]}: the features are read", "coarse" in ran.out or "norm" in ran.out, shown(ran.out))

with group("vigil inspect knows frames"):
    for name, kind in (("video.ppm", "PPM"), ("video.npy", ".npy")):
        ran = run("inspect", "--json", folder / name)
        facts = json.loads(ran.out)
        equal(f"{name}: facts", (ran.code, facts["frames"], facts["sizes"]), (0, 53, ["64x48"]))
        contains(f"{name}: kind", facts["kind"], "frames", kind)
    contains("and says what to do", run("inspect", folder / "video.ppm").out, "vigil extract")
    for name, data in (("video.ppm", None), ("video.npy", None), ("large.ppm", ppm(*np.tile(video, (40, 1, 1, 1))))):
        if data:
            (folder / name).write_bytes(data)
        source = subprocess.Popen(["cat", folder / name], stdout=subprocess.PIPE)
        ran = run("inspect", "--json", "-", stdin=source.stdout)
        facts = json.loads(ran.out or "{}")
        found = (ran.code, facts.get("frames"), facts.get("bytes"), facts.get("sizes"))
        equal(f"{name} through a pipe, to its end", found, (0, 2120 if data else 53, (folder / name).stat().st_size, ["64x48"]))
    named = subprocess.run(
        ["bash", "-c", f"{VIGIL} inspect --json <(cat video.ppm) <(head -c 99999 video.ppm) <(head -c 99999 video.npy)"],
        cwd=folder, capture_output=True, text=True,
    )  # fmt: skip
    equal("named pipes: the whole one", [json.loads(line)["frames"] for line in named.stdout.splitlines()], [53])
    contains("named pipes: those that end early", named.stderr, "frame 10: ", "frame 10 of 53", "2 of 3")
    check("named pipes: exit", named.returncode == 65, str(named.returncode))
    for command in ("inspect", "score"):
        ran = run(command, "frames", cwd=folder)
        equal(f"vigil {command} of a folder of frames: exit", ran.code, 66)
        contains(f"vigil {command} of a folder of frames", ran.err, "frames is a folder of frames: vigil extract frames makes features")
    ran = run("score", folder / "video.npy")
    check("vigil score says what frames are", ran.code == 65 and "vigil extract" in ran.err, shown(ran.err))

with group("hostile inputs"):
    bad = {
        "large.ppm": (b"P6\n99999 1\n255\n", "16384"),
        "bomb.ppm": (b"P6\n16384 16384\n255\nabc", "805306368"),
        "short.ppm": (ppm(video[0], video[1])[:-1], "frame 1"),
        "behind.ppm": (ppm(video[0]) + b"\n", "behind the last image"),
        "text.ppm": (b"P3\n1 1\n255\n1 2 3\n", "P6"),
        "empty.ppm": (b"", "no frames"),
        "picture.png": (b"\x89PNG\r\n\x1a\n" + bytes(100), "PNG"),
        "video.npy.gz": (gzip.compress(video.tobytes(), 1), "zcat video.npy.gz | vigil extract"),
        "page.html": (b"<html>" + bytes(100), "a web page: expected .ppm, .pgm, .npy or a video in"),
        "noise.bin": (rng.bytes(1000), "--size"),
    }
    for name, (data, says) in bad.items():
        (folder / name).write_bytes(data)
        ends(name, 65, name, "--output", "bad", says=[name, says])
    np.savez(folder / "video.npz", frames=video)
    ran = ends("an archive", 65, "video.npz", "--output", "bad", says=["zip archive", "unzip -p video.npz NAME.npy | vigil extract"])
    check("an archive: ffmpeg has nothing to do with it", "ffmpeg" not in ran.err, shown(ran.err))
    np.save(folder / "float.npy", video[:16].astype(np.float32))
    ends("floats", 65, "float.npy", "--output", "bad", says=["uint8"])
    np.save(folder / "first.npy", video[:16].transpose(0, 3, 1, 2))
    ends("channels first", 65, "first.npy", "--output", "bad", says=["transpose"])
    np.save(folder / "four.npy", np.concatenate([video, video[..., :1]], 3))
    ends("four channels", 65, "four.npy", "--output", "bad", says=["frames[..., :3]"])
    np.save(folder / "fortran.npy", np.asfortranarray(video[:16]))
    ends("Fortran order", 65, "fortran.npy", "--output", "bad", says=["Fortran"])
    for name in ("first.npy", "four.npy", "fortran.npy"):
        ran, said = run("inspect", name, cwd=folder), extract(name, "--output", "bad")
        equal(f"{name}: vigil inspect says the same", (ran.code, ran.last), (65, said.last))
    data = (folder / "video.npy").read_bytes()
    (folder / "cut.npy").write_bytes(data[:-1])
    ends("an array that is cut", 65, "cut.npy", "--output", "bad", says=["expected"])
    np.save(folder / "few.npy", video[:15])
    ends("fewer frames than a row", 65, "few.npy", "--output", "bad", says=["15 frames", "--tail keep"])
    ends("raw frames that are none", 65, "raw.rgb", "--size", "65x48", "--output", "bad", says=["whole number"])
    ends("an array with --size", 65, "video.npy", "--size", "64x48", "--output", "bad", says=["--size 64x48 means raw", ".npy"])
    with open(folder / "video.npy", "rb") as raw:
        pipe = subprocess.Popen(["cat"], stdin=raw, stdout=subprocess.PIPE).stdout
        ends("the same through a pipe", 65, "-", "--size", "64x48", "--output", "bad", says=["leave --size out"], stdin=pipe)
    with open(folder / "raw.rgb", "rb") as raw:
        raw.seek(100)
        ends("a pipe that ends early", 65, "-", "--size", "64x48", "--output", "bad", says=["frame 52"],
             stdin=subprocess.Popen(["cat"], stdin=raw, stdout=subprocess.PIPE).stdout)  # fmt: skip
    ends("an empty folder", 65, "out", "--output", "bad", says=["no .ppm"])
    ends("absent", 66, "absent.ppm", "--output", "bad", says=["no such file"])
    equal("nothing is written", list((folder / "bad").iterdir()), [])
    ran = ends("several", 65, "short.ppm", "video.ppm", "absent.ppm", "--output", "several", says=["2 of 3", "short.ppm"])
    check("several: the others are done", np.array_equal(made("video", "several"), features))

with group("wrong usage"):
    np.save(folder / "frames/video.npy", video[:16])
    for name, says, arguments in (
        ("no output", "--output", ["video.npy"]),
        ("no input", "no input", ["--output", "x"]),
        ("twice the same name", "both be written", ["video.npy", "video.ppm", "--output", "x"]),
        ("over the input", "are read", ["video.npy", "--output", "."]),
        ("crop 10", "--crop", ["video.npy", "--crop", "10", "--output", "x"]),
        ("a size", "--size", ["raw.rgb", "--size", "64", "--output", "x"]),
        ("frames a row", "--frames-per-row", ["video.npy", "--frames-per-row", "0", "--output", "x"]),
        ("a pool", "mean", ["video.npy", "--pool", "most", "--output", "x"]),
    ):
        ends(name, 64, *arguments, says=[says])
    (folder / "dangling").symlink_to("nowhere")
    long = "n" * 251 + ".npy"
    (folder / long).write_bytes((folder / "video.npy").read_bytes())
    for name, says, arguments in (
        ("a link that leads nowhere", "leads nowhere", ["video.npy", "--output", "dangling"]),
        ("a folder below it", "leads nowhere", ["video.npy", "--output", "dangling/in"]),
        ("a name that is too long", "256 bytes, expected 255", [long, "--output", "x"]),
        ("a path that is too long", "expected", ["video.npy", "--output", "x/" * 2000 + "x"]),
    ):
        ran = ends(name, 78, *arguments, model="none.safetensors", says=["--output", says])
        check(f"{name}: told before anything else", "none.safetensors" not in ran.err, shown(ran.err))
    check("nothing is made", not (folder / "x").exists())
    (folder / "f\ufffd.ppm").write_bytes(ppm(video[0]))
    raw = os.fsdecode(b"f\xe9.ppm")
    (folder / raw).write_bytes(ppm(video[1]))
    ends("a name that is no UTF-8", 64, raw, "--output", "x", says=["f\ufffd.ppm", "not UTF-8"])
    (folder / "latin").mkdir()
    (folder / "latin" / raw).write_bytes(ppm(video[1]))
    ends("a file of a folder that is called so", 65, "latin", "--output", "latin.out", says=["latin", "f\ufffd.ppm", "not UTF-8"])
    ends("a model without a tower", 65, "video.npy", "--output", "x", model="blind.safetensors", says=["--keep-image-tower"])
    ends("a checkpoint", 65, "video.npy", "--output", "x", model="tiny.pth",
         says=["tiny.pth is a PyTorch checkpoint: make a model file of it with vigil import tiny.pth", "--keep-image-tower"])  # fmt: skip
    ends("frames for a model", 65, "video.npy", "--output", "x", model="video.ppm", says=["an image", "--keep-image-tower"])
    ends("no model", 66, "video.npy", "--output", "x", model="absent.safetensors", says=["no such file"])
    (folder / "file").write_text("")
    ends("an output that is a file", 78, "video.npy", "--output", "file", says=["--output"])
    check("nothing was made", not (folder / "x").exists())

with group("a stream of any length"):
    writer = "import sys\nfor i in range(400): sys.stdout.buffer.write(bytes([i % 251]) * (640 * 360 * 3))"
    source = subprocess.Popen([sys.executable, "-c", writer], stdout=subprocess.PIPE)
    ran = extract("-", "--size", "640x360", "--pool", "first", "--output", "long", stdin=source.stdout, timeout=120)
    equal("exit", (ran.code, made("stdin", "long").shape), (0, (25, 64)))
    check("276 MB are not held", ran.own < 100, f"{ran.own:.0f} MiB")
    note(f"{ran.own:.0f} MiB of its own at most for 276 MB of frames, {ran.seconds:.1f} s")
finish()
