"""`vigil score` on folders, patterns and many files at once; its results in each form, read back by a reader of that form's own."""

import csv
import html.parser
import io
import json
import os
import pty
import re
import shutil
import xml.etree.ElementTree
import zlib

from support.harness import ROOT, check, contains, equal, finish, group, need, scratch, shown

need("writing", "numpy")

import numpy as np  # noqa: E402

from support import features  # noqa: E402
from support.process import VIGIL, environment, run  # noqa: E402

folder = scratch()
rows = [40, 300, 20, 7, 64, 130]
names = ["clips/a.npy", "clips/b.npy", "clips/deep/c.npy", "clips/deep/er/d.npy", "more/e.npy", "more/f.npy"]
for seed, (name, count) in enumerate(zip(names, rows)):
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    np.save(path, features.video(count, seed=seed))
(folder / "clips/notes.txt").write_text("no features")
(folder / "clips/.hidden.npy").write_bytes(b"x")
(folder / "clips/a.json").write_text("{}")
os.symlink("..", folder / "clips/deep/up")


def called(*arguments, **options):
    return run(*arguments, cwd=folder, **options)


def scored(*arguments):
    ran = called("score", *arguments)
    return [json.loads(line) for line in ran.out.splitlines()] if ran.code == 0 else ran


def ends(name, code, *arguments, says=()):
    ran = called(*arguments)
    check(f"{name}: exit {code}", ran.code == code, f"exit {ran.code}: {shown(ran.err)}")
    contains(f"{name}: says what to do", ran.err, *says)


def same(name, one, other):
    """The same results, but for the time that they took."""
    timeless = [[{key: value for key, value in result.items() if key != "timings"} for result in list_] for list_ in (one, other)]
    check(name, timeless[0] == timeless[1], f"{shown(one)} and {shown(other)}")


alone = [scored(name, "--fps", "30")[0] for name in names]

with group("folders and patterns"):
    same("folders, and those in them, in the order of names", scored("clips", "more/", "--fps", "30"), alone)
    same("the order is that of the command line", scored("more", "clips", "--fps", "30"), alone[4:] + alone[:4])
    same("a pattern", scored("*/[ab].npy", "--fps", "30"), alone[:2])
    same("a pattern of a folder", scored("m?re", "--fps", "30"), alone[4:])
    np.save(folder / "odd[1].npy", features.video(12))
    equal("a file that is called like a pattern", [one["file"] for one in scored("odd[1].npy")], ["odd[1].npy"])
    ends("a pattern that fits nothing", 66, "score", "nothing/*.npy", says=["nothing/*.npy", "no file is called so"])
    ran = called("score", "nothing/*.npy", "more", "absent.npy")
    equal("the others are scored", (ran.code, len(ran.out.splitlines())), (66, 2))
    with open(folder / "more/e.npy", "rb") as file:
        ran = called("score", "more/f.npy", "-", "--fps", "30", stdin=file)
    equal("standard input among files", [json.loads(line)["coarse"] for line in ran.out.splitlines()], [alone[5]["coarse"], alone[4]["coarse"]])

    # The second time the results are there.
    for turn in ("first", "second"):
        equal(f"results within the folder that is scored, the {turn} time", called("score", "clips", "--output", "clips/scores/").code, 0)
    shutil.rmtree(folder / "clips/scores")

with group("many at once"):
    many = [names[index % len(names)] for index in range(60)]
    for workers in ("1", "2", "5"):
        same(f"{workers} workers: each in its place", scored(*many, "--fps", "30", "--workers", workers), [alone[index % len(names)] for index in range(60)])
    (folder / "bad.npy").write_bytes(b"hello")
    ran = called("score", *names[:3], "bad.npy", *names[3:], "--fps", "30")
    equal("one is bad: exit", ran.code, 65)
    same("the others are there, in order", [json.loads(line) for line in ran.out.splitlines()], alone)

with group("one file for all"):
    ran = called("score", "clips", "more", "--fps", "30", "--output", "all.json")
    equal("exit", ran.code, 0)
    same("json is a list", json.loads((folder / "all.json").read_text()), alone)
    equal("a line a file is told", len(ran.out.splitlines()), len(names))
    contains("with what came of it", ran.out.splitlines()[1], "clips/b.npy", "abnormal", "300 snippets", "segment")
    called("score", "clips/a.npy", "--fps", "30", "--output", "one.json")
    same("json of one is an object", [json.loads((folder / "one.json").read_text())], alone[:1])
    called("score", "clips", "more", "--fps", "30", "--output", "all.jsonl")
    same("jsonl is lines", [json.loads(line) for line in (folder / "all.jsonl").read_text().splitlines()], alone)
    ends("a file that is read", 64, "score", "clips", "--format", "json", "--output", "clips/a.npy", says=["clips/a.npy", "read"])
    ends("no folder there", 78, "score", "clips", "--output", "nowhere/x.json", says=["nowhere"])
    before = (folder / "all.json").read_bytes()
    equal("all are bad: exit", called("score", "bad.npy", "bad.npy", "--output", "all.json").code, 65)
    equal("what was there stays", (folder / "all.json").read_bytes(), before)
    check("nothing is left beside it", not list(folder.glob(".*.tmp")), shown(list(folder.glob(".*"))))

with group("a file each"):
    ran = called("score", "clips", "more", "--fps", "30", "--output", "out/")
    equal("exit", ran.code, 0)
    equal("files", sorted(path.name for path in (folder / "out").iterdir()), [f"{letter}.json" for letter in "abcdef"])
    same("what is in them", [json.loads((folder / f"out/{letter}.json").read_text()) for letter in "abcdef"], alone)
    contains("where it went is told", ran.out.splitlines()[0], "to out/a.json")
    np.savez(folder / "two.npz", **{"x/y": features.video(9), "z": features.video(10)})
    called("score", "two.npz", "--output", "out2/", "--format", "csv")
    equal("matrices of one file", sorted(path.name for path in (folder / "out2").iterdir()), ["two-x_y.csv", "two-z.csv"])
    (folder / "other").mkdir()
    np.save(folder / "other/a.npy", features.video(9))
    ends("two of one name", 64, "score", "clips/a.npy", "other/a.npy", "--output", "out/", says=["clips/a.npy", "other/a.npy", "out/a.json"])
    (folder / "features").mkdir()
    (folder / "features/x.json").write_bytes(features.rows_json(features.video(9)))
    ends("in the place of what is read", 64, "score", "features", "--output", "features/", says=["features/x.json"])

with group("csv and npy"):
    table = list(csv.DictReader(io.StringIO(called("score", "clips", "--fps", "30", "--format", "csv").out)))
    equal("a row a snippet", len(table), sum(rows[:4]))
    equal("coarse", [np.float32(row["coarse"]) for row in table], [np.float32(value) for one in alone[:4] for value in one["coarse"]])
    labels = alone[0]["fine"]["labels"]
    equal("fine", [[np.float32(row[label]) for label in labels] for row in table[:40]], [[np.float32(v) for v in row] for row in alone[0]["fine"]["scores"]])
    table = list(csv.DictReader(io.StringIO(called("score", "clips/a.npy", "--fps", "30", "--format", "csv", "--per-frame").out)))
    equal("a row a frame", [np.float32(row["coarse"]) for row in table], [np.float32(value) for value in alone[0]["coarse"] for _ in range(16)])
    called("score", "clips/a.npy", "--output", "a-scores.npy", "--per-frame")
    array = np.load(folder / "a-scores.npy")
    equal("npy", (array.shape, array.dtype.str), ((640, 1 + len(labels)), "<f4"))
    check("npy is the same", bool((array[::16, 0] == np.array(alone[0]["coarse"], np.float32)).all()))
    (one,) = scored("clips/a.npy", "--per-frame", "--sweep")
    equal("per_frame in JSON", (one["per_frame"]["frames"], one["per_frame"]["coarse"][::16]), (640, one["coarse"]))
    equal("a sweep has nineteen thresholds", [round(step["threshold"], 2) for step in one["sweep"]], [round(0.05 * n, 2) for n in range(1, 20)])
    check("fewer snippets stand out as it rises", all(a["snippets"] >= b["snippets"] for a, b in zip(one["sweep"], one["sweep"][1:])))
    at_half = next(step for step in one["sweep"] if step["threshold"] == 0.5)
    equal("and at the threshold the result's own", at_half["segments"], len(one["segments"]))
    table = list(csv.DictReader(io.StringIO(called("score", "clips", "--format", "csv", "--sweep").out)))
    equal("a sweep in csv", (len(table), table[0]["threshold"]), (4 * 19, "0.05"))
    ran = called("score", "clips/a.npy", "--format", "npy")
    equal("npy through a pipe: exit", ran.code, 0)

# Each snippet a segment of its own or one of all: there is something to show.
cut = ["--fps", "30", "--threshold", "0.2"]
videos = {name: scored(name, *cut)[0] for name in names[:2]}


def seconds(text):
    clock, rest = re.fullmatch(r"(\d+:\d\d:\d\d)[,.](\d{3})", text).groups()
    hours, minutes, whole = clock.split(":")
    return int(hours) * 3600 + int(minutes) * 60 + int(whole) + int(rest) / 1000


with group("subtitles"):
    check("there are segments to tell", any(one["segments"] for one in videos.values()), shown(videos["clips/b.npy"]["segments"]))
    for name, one in videos.items():
        for form, arrow in (("srt", r"[\d:,]+"), ("vtt", r"[\d:.]+")):
            text = called("score", name, *cut, "--format", form).out
            times = [tuple(map(seconds, found)) for found in re.findall(rf"^({arrow}) --> ({arrow})$", text, re.M)]
            expected = [(segment["start_seconds"], segment["end_seconds"]) for segment in one["segments"]]
            check(f"{form} of {name}", len(times) == len(expected) and np.allclose(times, expected, atol=0.001), shown(text))
            check(f"{form} begins as such", text.startswith("WEBVTT\n") if form == "vtt" else not text or text.startswith("1\n"))
    ends("without a rate", 64, "score", "clips/a.npy", "--format", "srt", says=["--fps"])
    ends("two in one", 64, "score", "clips", "--format", "srt", "--fps", "30", says=["--output", "folder"])
    equal("a folder of them", called("score", "clips", *cut, "--format", "vtt", "--output", "subs/").code, 0)
    equal("their names", sorted(path.name for path in (folder / "subs").iterdir()), ["a.vtt", "b.vtt", "c.vtt", "d.vtt"])


class Page(html.parser.HTMLParser):
    def __init__(self, text):
        super().__init__()
        self.tags, self.policy, self.attributes = [], "", []
        self.feed(text)

    def handle_starttag(self, tag, attributes):
        self.tags.append(tag)
        own = dict(attributes)
        self.attributes += [(tag, name) for name in own]
        if own.get("http-equiv", "").lower() == "content-security-policy":
            self.policy = own["content"]


with group("pictures"):
    text = called("score", "clips/b.npy", *cut, "--format", "svg").out
    root = xml.etree.ElementTree.fromstring(text)
    equal("svg is a drawing", root.tag, "{http://www.w3.org/2000/svg}svg")
    marks = [one for one in root.iter() if one.get("class") == "event"]
    equal("a mark a segment", len(marks), len(videos["clips/b.npy"]["segments"]))
    np.save(folder / "<img src=x onerror=alert(1)>.npy", features.video(30))
    ran = called("score", "clips", "<img src=x onerror=alert(1)>.npy", *cut, "--sweep", "--output", "report.html")
    equal("html: exit", ran.code, 0)
    page = Page((folder / "report.html").read_text())
    equal("a drawing a video", page.tags.count("svg"), 5)
    check("nothing runs and nothing is loaded", not {"script", "img", "link", "iframe", "object"} & set(page.tags), shown(page.tags))
    check("its policy lets nothing in", "default-src 'none'" in page.policy and "unsafe" not in page.policy, page.policy)
    check("no handler and no source", not [one for one in page.attributes if one[1].startswith("on") or one[1] in ("src", "style")])

with group("annotators' forms"):
    text = called("score", *names[:2], *cut, "--format", "coco", "--frame-size", "320x240").out
    coco = json.loads(text)
    images = {one["id"]: one for one in coco["images"]}
    categories = {one["id"]: one["name"] for one in coco["categories"]}
    segments = [(name, segment) for name, one in videos.items() for segment in one["segments"]]
    equal("coco: an annotation a segment", len(coco["annotations"]), len(segments))
    for annotation, (name, segment) in zip(coco["annotations"], segments):
        image = images[annotation["image_id"]]
        equal("coco: class and box", (categories[annotation["category_id"]], annotation["bbox"], image["width"]), (segment["label"], [0, 0, 320, 240], 320))
        check("coco: frames", segment["start"] * 16 == annotation["start_frame"] <= image["frame_index"] < annotation["end_frame"] == segment["end"] * 16)
    one = videos["clips/b.npy"]
    dive = json.loads(called("score", "clips/b.npy", *cut, "--format", "dive-json").out)
    equal("dive-json: version", dive["version"], 2)
    equal("dive-json: tracks", [(track["begin"], track["end"], track["confidencePairs"][0][0]) for track in dive["tracks"].values()],
          [(segment["start"] * 16, segment["end"] * 16 - 1, segment["label"]) for segment in one["segments"]])
    table = list(csv.reader(io.StringIO(called("score", "clips/b.npy", *cut, "--format", "dive-csv").out)))
    data = [row for row in table if not row[0].startswith("#")]
    equal("dive-csv: a row a frame", len(data), sum(16 * (segment["end"] - segment["start"]) for segment in one["segments"]))
    check("dive-csv: cells", all(len(row) == 11 and row[10] == row[7] and row[9] for row in data))
    net = json.loads(called("score", *names[:2], *cut, "--format", "activitynet").out)
    equal("activitynet: annotations", [entry["label"] for entry in net["database"]["b"]["annotations"]], [segment["label"] for segment in one["segments"]])
    check("activitynet: results", np.allclose([entry["segment"] for entry in net["results"]["b"]] or [[0, 0]],
          [[segment["start_seconds"], segment["end_seconds"]] for segment in one["segments"]] or [[0, 0]], atol=0.001))
    via = json.loads(called("score", *names[:2], *cut, "--format", "via").out)
    equal("via: files", [entry["fname"] for entry in via["file"].values()], ["a.npy", "b.npy"])
    options = via["attribute"]["1"]["options"]
    equal("via: stretches", [(entry["vid"], options[entry["av"]["1"]]) for entry in via["metadata"].values()],
          [(str(names.index(name) + 1), segment["label"]) for name, segment in segments])

with group("other containers"):
    array = np.load(folder / "clips/a.npy")
    np.savetxt(folder / "a.csv", array, delimiter=",", fmt="%.9g")
    np.savetxt(folder / "a.tsv", array, delimiter="\t", fmt="%.9g", header="by numpy")
    np.savetxt(folder / "a.txt", array, fmt="%.9g")

    def element(kind, body):
        return np.array([kind, len(body)], "<u4").tobytes() + body + bytes(-len(body) % 8)

    body = element(6, np.array([7, 0], "<u4").tobytes()) + element(5, np.array(array.shape, "<i4").tobytes())
    body += element(1, b"features") + element(7, array.tobytes(order="F"))
    head = b"MATLAB 5.0 MAT-file".ljust(124) + b"\0\1IM"
    (folder / "a.mat").write_bytes(head + element(14, body))
    packed = zlib.compress(element(14, body))
    (folder / "packed.mat").write_bytes(head + np.array([15, len(packed)], "<u4").tobytes() + packed)
    for name in ("a.csv", "a.tsv", "a.txt", "a.mat", "packed.mat"):
        equal(f"{name}: the same scores", [one["coarse"] for one in scored(name)], [alone[0]["coarse"]])
    facts = json.loads(called("inspect", "--json", "--width", "64", "a.mat").out)
    equal("inspect", (facts["rows"], facts["width"]), (40, 64))
    (folder / "bad.csv").write_text("1,2\n3,x\n")
    ends("a table that is none", 65, "score", "bad.csv", says=["bad.csv", "line 2"])
    (folder / "a.h5").write_bytes(b"\x89HDF\r\n\x1a\n" + bytes(200))
    ends("HDF5", 65, "score", "a.h5", says=["HDF5", "h5py"])

with group("ten crops"):
    crops = np.stack([features.video(20, seed=seed) for seed in range(10)])
    np.save(folder / "crops-first.npy", crops)
    np.save(folder / "crops-second.npy", crops.transpose(1, 0, 2))
    np.save(folder / "crop-3.npy", crops[3])
    np.save(folder / "crop-mean.npy", crops.astype("f8").mean(axis=0).astype("f4"))
    for name in ("crops-first.npy", "crops-second.npy"):
        equal(f"{name}: one", scored(name, "--crop", "3")[0]["coarse"], scored("crop-3.npy")[0]["coarse"])
        check(f"{name}: mean", np.allclose(scored(name, "--crop", "mean")[0]["coarse"], scored("crop-mean.npy")[0]["coarse"], atol=1e-5))
        ends(f"{name}: not said", 65, "score", name, says=["ten crops", "--crop"])
        ends(f"{name}: none of them", 65, "score", name, "--crop", "12", says=["--crop 12", "0 to 9"])
    ends("no crop", 64, "score", "crops-first.npy", "--crop", "middle", says=["--crop", "mean"])

with group("what does not go together"):
    ends("frames in a table", 64, "score", "clips", "--format", "table", "--per-frame", says=["--per-frame", "csv"])
    ends("a sweep in subtitles", 64, "score", "clips/a.npy", "--format", "srt", "--sweep", says=["--sweep", "json"])
    ends("a size without boxes", 64, "score", "clips", "--frame-size", "2x2", says=["--frame-size", "coco"])
    ends("no size", 64, "score", "clips", "--format", "coco", "--frame-size", "2", says=["--frame-size", "1280x720"])
    demo = ROOT / "Sources/CResources/demo.safetensors"
    ends("a comparison in csv", 64, "score", "clips", "--format", "csv", "--compare", demo, says=["--compare", "json"])
    ends("an unknown form", 64, "score", "clips", "--format", "xml", says=["--format", "jsonl"])
    ran = called("score", "clips", "--compare", demo, "--output", "compared.json")
    equal("a comparison in one file", (ran.code, len(json.loads((folder / "compared.json").read_text()))), (0, 4))

with group("a terminal"):
    pid, terminal = pty.fork()
    if pid == 0:
        os.chdir(folder)
        os.execve(VIGIL, [VIGIL, "score", "clips", "more", "--output", "on-terminal/"], environment(None))
    said = b""
    while True:
        try:
            piece = os.read(terminal, 65536)
        except OSError:
            break
        if not piece:
            break
        said += piece
    equal("exit", os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]), 0)
    text = said.decode()
    contains("a bar of files", text, "/6 files")
    equal("a line a file stays", len(re.findall(r"to on-terminal/\w\.json", text)), 6)

with group("a line a file"):
    lines = called("score", "clips", "--format", "summary").out.splitlines()
    equal("as many as files", [line.split(":")[0] for line in lines], names[:4])

finish()
