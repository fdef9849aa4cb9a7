"""vigil eval: both benchmarks' figures against the published ones, lists of one's own against a plain reckoning of the same
protocols, a model's features against its logits, reports, and what is refused."""

import json
import subprocess
import sys
import xml.etree.ElementTree as xml

from support.harness import SHARED, check, contains, equal, finish, group, need, scratch, shown, skip

need("evaluation", "numpy")

import numpy as np  # noqa: E402

from support import features  # noqa: E402
from support.process import run  # noqa: E402

KEYS = ["auc_coarse", "ap_coarse", "auc_fine", "ap_fine"]


def evaluated(name, *options):
    ran = run("eval", *options, "--json")
    if not check(f"{name}: exit 0", ran.code == 0, shown(ran.err)):
        return {}
    return json.loads(ran.out)


def near(name, found, expected, within):
    check(name, found is not None and abs(found - expected) <= within, f"{found}, expected {expected}")


def refused(name, code, words, *options, env=None):
    ran = run("eval", *options, env=env)
    last = ran.err.strip().split("\n")[-1]
    check(f"{name}: exit {code}", ran.code == code and not ran.out, f"{ran.code} {shown(ran.err)}")
    contains(name, last, words)


def sigmoid(x):
    return 1 / (1 + np.exp(-x.astype(np.float64)))


def softmax(x):
    e = np.exp(x.astype(np.float64) - x.max(1, keepdims=True))
    return e / e.sum(1, keepdims=True)


def auc_ap(scores, truths):
    """By sorting all frames; equal scores at once."""
    order = np.argsort(-scores, kind="stable")
    scores, truths = scores[order], truths[order]
    last = np.r_[np.flatnonzero(np.diff(scores)), len(scores) - 1]
    tp = np.cumsum(truths)[last]
    fp = last + 1 - tp
    tpr, fpr = np.r_[0, tp / tp[-1]], np.r_[0, fp / fp[-1]]
    auc = np.sum(np.diff(fpr) * (tpr[1:] + tpr[:-1]) / 2)
    return auc, np.sum(np.diff(tpr) * tp / (tp + fp))


def detection(videos, classes, threshold, normal_truth):
    """The published protocol, frame by frame. videos: (labels, logits, [(class, start, end)])."""
    result = []
    for c in range(classes):
        proposals, truths = [], []
        for i, (labels, x, events) in enumerate(videos):
            p = np.repeat(softmax(x[:, 1:])[:, c], 16)
            own = events if labels != [0] else [(0, 0, len(p))] if normal_truth else []
            truths += [(i, a, b) for k, a, b in own if k == c]
            context = np.sort(p)[::-1][: len(p) // 16].mean()
            above = np.r_[0, p > p.max() - (p.max() - p.min()) * np.float64(0.6), 0].astype(int)
            starts, ends = np.flatnonzero(np.diff(above) == 1), np.flatnonzero(np.diff(above) == -1)
            proposals += [(i, a, b, p[a:b].max() + 0.7 * context) for a, b in zip(starts, ends)]
        if not proposals:
            return 0.0
        hits, count = [], len(truths)
        for i, a, b, _ in sorted(proposals, key=lambda one: -one[3]):
            overlaps = [
                (len(set(range(a, b)) & set(range(s, e))) / len(set(range(a, b)) | set(range(s, e))), at)
                for at, (v, s, e) in enumerate(truths) if v == i
            ]  # fmt: skip
            best = max([one for one in overlaps if one[0] >= threshold], default=None, key=lambda one: one[0])
            hits.append(best is not None)
            if best:
                truths.pop(best[1])
        hits = np.array(hits, float)
        precision = np.cumsum(hits) / np.arange(1, len(hits) + 1)
        result.append((precision * hits).sum() / count if hits.any() else 0)
    return 100 * np.mean(result)


def own_case(folder, seed, levels=None):
    """Videos of one's own with logits; few levels make many scores equal."""
    random = np.random.default_rng(seed)
    names = ["normal", "fall", "left bag"]
    rows, intervals, videos = ["path,label"], ["video,label,start,end"], []
    (folder / "logits").mkdir(parents=True)
    for i in range(12):
        length = int(random.integers(1, 40))
        events = []
        for _ in range(0 if i % 3 == 0 else 2):
            a = int(random.integers(0, length * 16))
            events.append((int(random.integers(1, 3)), a, a + int(random.integers(2, 150))))
        labels = sorted({k for k, _, _ in events}) or [0]
        x = random.normal(size=(length, 4)).astype(np.float32)
        if levels:
            x = np.round(x * levels).astype(np.float32) / levels
        np.save(folder / f"logits/clip {i}.npy", x)
        rows.append(f'some/where/clip {i}__0.npy,{";".join(names[k] for k in labels)}')
        intervals += [f"clip {i}.mp4,{names[k]},{a},{b}" for k, a, b in events]
        videos.append((labels, x, events))
    (folder / "list.csv").write_text("\r\n".join(rows) + "\r\n")
    (folder / "truth.csv").write_text("\n".join(intervals) + "\n")
    return names, videos


with group("the published figures"):
    if not SHARED.is_dir():
        skip("the published figures", "needs ../shared")
    else:
        expected = json.loads((SHARED / "golden/expected/eval.json").read_text())
        refined = json.loads((SHARED / "golden/expected/dsanet_eval.json").read_text())
        headlines = {"ucf-crime": ("auc_coarse", "auc_coarse"), "xd-violence": ("ap_fine", "ap_coarse")}
        for dataset, short in (("ucf-crime", "ucf"), ("xd-violence", "xd")):
            place = scratch() / short
            make = [sys.executable, SHARED / "golden/make_eval_case.py", "--dataset", short, "--seed", "1"]
            subprocess.run([*make, "--data", SHARED / "data", "--out", place], check=True)
            options = ["--dataset", dataset, "--data", SHARED / "data", "--logits", place]
            found = evaluated(dataset, *options)
            wanted = expected[f"{short}_seed1"]
            for key in KEYS:
                near(f"{dataset} {key}", found.get(key), wanted[key], 1e-6)
            for key, value in wanted["map_at_iou"].items():
                near(f"{dataset} mAP at {key}", found.get("map_at_iou", {}).get(key), value, 1e-4)
            near(f"{dataset} average mAP", found.get("map_average"), wanted["map_average"], 1e-4)
            equal(f"{dataset} counts", [found.get(k) for k in ("videos", "snippets", "anomalous_frames")],
                  [wanted[k] for k in ("videos", "snippets", "anomalous_frames")])  # fmt: skip
            own = evaluated(f"dsanet {dataset}", *options, "--preset", f"dsanet-{dataset}")
            told = refined[f"{short}_seed1"]
            for key, name in zip(KEYS, ("auc_coarse", "ap_coarse", "auc_refined", "ap_refined")):
                near(f"dsanet {dataset} {name}", own.get(key), told[name], 1e-6)
            for key, value in told["map_at_iou"].items():
                near(f"dsanet {dataset} mAP at {key}", own.get("map_at_iou", {}).get(key), value, 1e-3)
            near(f"dsanet {dataset} average mAP", own.get("map_average"), told["map_average"], 1e-3)
            for one, family, figure in zip((found, own), ("vadclip", "dsanet"), headlines[dataset]):
                equal(f"{family} {dataset}: headline", (one.get("family"), one.get("headline")),
                      (family, {"figure": figure, "value": one.get(figure)}))  # fmt: skip
            table = run("eval", *options)
            contains(f"{dataset}: all protocols side by side", table.out, "published code", "excludeNormal", "paper's words",
                     "Ano-AUC", "highest F1", "false alarms an hour")  # fmt: skip

with group("lists of one's own"):
    for seed, levels in ((3, None), (4, 2), (5, 1)):
        place = scratch()
        names, videos = own_case(place, seed, levels)
        found = evaluated(
            f"seed {seed}", "--list", place / "list.csv", "--annotations", place / "truth.csv", "--logits",
            place / "logits", "--labels", ",".join(names), "--bootstrap", "50",
        )  # fmt: skip
        truth = []
        for labels, x, events in videos:
            own = np.zeros(16 * len(x), int)
            for _, a, b in events:
                own[a:b] = 1
            truth.append(own)
        truth = np.concatenate(truth)
        coarse = np.concatenate([np.repeat(sigmoid(x[:, 0]), 16) for _, x, _ in videos])
        fine = np.concatenate([np.repeat(1 - softmax(x[:, 1:])[:, 0], 16) for _, x, _ in videos])
        for branch, scores in (("coarse", coarse), ("fine", fine)):
            auc, ap = auc_ap(scores, truth)
            near(f"seed {seed} auc_{branch}", found.get(f"auc_{branch}"), auc, 1e-6)
            near(f"seed {seed} ap_{branch}", found.get(f"ap_{branch}"), ap, 1e-6)
        if levels is None:
            for threshold in (0.1, 0.3, 0.5):
                near(f"mAP at {threshold}", found["map_at_iou"][str(threshold)],
                     detection(videos, 3, threshold, True), 1e-4)  # fmt: skip
        low, high = found["confidence"]["auc_coarse"]
        check(f"seed {seed}: confidence surrounds the figure", low <= found["auc_coarse"] <= high, f"{low} {high}")

with group("a model and its features"):
    place = scratch()
    (place / "features").mkdir()
    (place / "logits").mkdir()
    (place / "one.npy").write_bytes(features.npy(features.video(20)))
    labels = json.loads(run("score", place / "one.npy").out)["fine"]["labels"]
    rows, intervals = ["path,label"], ["video,label,start,end"]
    for i in range(4):
        x = features.video(30 + 40 * i, seed=i)
        (place / f"features/v{i}.npy").write_bytes(features.npy(x))
        rows.append(f"v{i}.npy,{labels[1] if i % 2 else labels[0]}")
        scored = json.loads(run("score", place / f"features/v{i}.npy", "--logits").out)
        logits = np.c_[np.array(scored["logits"]["coarse"]), np.array(scored["logits"]["fine"])]
        np.save(place / f"logits/v{i}.npy", logits.astype(np.float32))
        if i % 2:
            intervals.append(f"v{i},{labels[1]},{2 + i}s,0:0{4 + i}")
    (place / "list.csv").write_text("\n".join(rows))
    (place / "truth.csv").write_text("\n".join(intervals))
    options = ["--list", place / "list.csv", "--annotations", place / "truth.csv", "--fps", "25"]
    scored = evaluated("features", *options, "--features", place / "features", "--workers", "2")
    read = evaluated("logits", *options, "--logits", place / "logits", "--labels", ",".join(labels))
    for key in [*KEYS, "map_average", "anomalous_frames"]:
        equal(f"features and their logits: {key}", scored.get(key), read.get(key))
    equal("seconds are frames", scored.get("anomalous_frames"), 50 * 2 // 2 + 50)
    one = evaluated("one thread", *options, "--features", place / "features", "--workers", "1")
    equal("the threads make no difference", one, scored)
    asked = [*options, "--features", place / "features", "--json"]
    for name, words, env in (
        ("VIGIL_COMPUTE", [], {"VIGIL_COMPUTE": "int8"}),
        ("--compute", ["--compute", "int8"], {"VIGIL_COMPUTE": "float32"}),
    ):
        ran = run("eval", *asked, *words, env=env)
        contains(f"{name} says what computes", ran.out, "computed in int8")
    ran = run("eval", *asked, env={"VIGIL_MODEL": str(place / "none.safetensors")})
    check("VIGIL_MODEL names the model", ran.code == 66 and "none.safetensors" in ran.err, shown(ran.err))
    refused("a wrong VIGIL_KERNELS", 78, "VIGIL_KERNELS: found 'mmx'", *asked, env={"VIGIL_KERNELS": "mmx"})
    ran = run("eval", *options, "--logits", place / "logits", "--labels", ",".join(labels), env={"VIGIL_MODEL": "none"})
    equal("logits that are there need no model", ran.code, 0)

with group("a benchmark with annotations of one's own"):
    data = scratch()
    (data / "logits").mkdir()
    (data / "ucf_CLIP_rgbtest.csv").write_text("path,label\nx/Abuse001_x264__5.npy,Abuse\nx/Normal_1__5.npy,Normal\n")
    for name in ("Abuse001_x264", "Normal_1"):
        np.save(data / f"logits/{name}.npy", np.random.default_rng(1).normal(size=(20, 15)).astype(np.float32))
    (data / "plain.csv").write_text("video,label,start,end\nAbuse001_x264,Abuse,2,6\n")
    (data / "times.csv").write_text("video,label,start,end\nAbuse001_x264,Abuse,2s,0:06\n")
    (data / "halves.csv").write_text("video,label,start,end\nAbuse001_x264,Abuse,2.5,6\n")
    ucf = ["--dataset", "ucf-crime", "--data", data]
    for name, frames, truth in (
        ("plain numbers are frames", 4, ["plain.csv"]),
        ("plain numbers are seconds where it is said", 40, ["plain.csv", "--seconds", "--fps", "10"]),
        ("times are reckoned at --fps", 40, ["times.csv", "--fps", "10"]),
        ("times are reckoned at the benchmark's rate", 120, ["times.csv"]),
    ):
        found = evaluated(name, *ucf, "--annotations", data / truth[0], *truth[1:], "--logits", data / "logits")
        equal(name, found.get("anomalous_frames"), frames)
    ran = run("eval", "--check", *ucf, "--annotations", data / "halves.csv", "--seconds", "--fps", "10")
    check("--check reads seconds too", ran.code == 0 and "1 annotated interval\n" in ran.out, shown(ran.err))

with group("reports"):
    page, plots = place / "report.html", place / "plots"
    ran = run("eval", *options, "--features", place / "features", "--report", page, "--plots", plots)
    equal("exit", ran.code, 0)
    text = page.read_text()
    check("the page is whole and needs nothing", text.endswith("</html>\n") and "http" not in text.replace("http://www.w3.org/2000/svg", ""))
    check("a timeline for each video", text.count("<figure>") == 4, str(text.count("<figure>")))
    for file in ("roc", "precision-recall", "false-alarms", "confusion-videos", "confusion-snippets"):
        xml.parse(plots / f"{file}.svg")
    refused("a report into no folder", 78, "--report", *options, "--features", place / "features", "--report", place / "none/x.html")
    (place / "taken/roc.svg").mkdir(parents=True)
    for name, folder, words in (
        ("plots into no folder", page / "in/x", "can't be written"),
        ("plots into a file", page, "no folder is there"),
        ("a plot where a folder is", place / "taken", "roc.svg' can't be written"),
    ):
        ran = run("eval", *options, "--features", place / "features", "--plots", folder)
        check(f"{name}: exit 78", ran.code == 78 and not ran.out, f"{ran.code} {shown(ran.err)}")
        check(f"{name}: before anything is scored", len(ran.err.strip().split("\n")) == 1, shown(ran.err))
        contains(name, ran.err, "--plots", words)
    (place / "hard.csv").hardlink_to(place / "list.csv")
    feature = next((place / "features").rglob("*.npy"))
    for read in (place / "list.csv", place / "hard.csv", feature):
        before = read.read_bytes()
        ran = run("eval", *options, "--features", place / "features", "--report", read)
        equal(f"a report in the place of {read.name}: exit code", ran.code, 64)
        contains(f"a report in the place of {read.name}", ran.err, "--report", "that are read")
        check(f"{read.name} is as it was", read.read_bytes() == before)
    ran = run("eval", *options, "--features", place / "features", "--report", "/proc/vigil.html")
    check("a file that can't be written in the end: the exit tells", ran.code not in (0, None), str(ran.code))
    contains("the figures are told all the same", ran.out, "published code", "highest F1")

with group("what is checked"):
    ran = run("eval", "--check", *options, "--features", place / "features")
    check("a sound list", ran.code == 0, shown(ran.err))
    contains("it says what it holds", ran.out, "4 videos in 4 rows", "2 annotated intervals",
             "4 feature files with 360 snippets")  # fmt: skip
    broken = features.video(30)
    broken[7, 3] = np.nan
    (place / "features/v0.npy").write_bytes(features.npy(broken))
    ran = run("eval", "--check", "--list", place / "list.csv", "--features", place / "features")
    equal("features that are not finite: exit", ran.code, 65)
    contains("they are named", ran.out, "v0.npy: column 3 of row 7 is NaN")

    rows = (place / "list.csv").read_text().split("\n")
    (place / "faulty.csv").write_text("\n".join([*rows, "x.npy,unheard of", "y.npy,nor this", f"z.npy,{labels[1]}"]))
    (place / "faults.csv").write_text(
        f"video,label,start,end\nv1,unheard of,1,2\nv1,{labels[1]},5,4\nv3,{labels[1]},99999,100000\n")
    faulty = ["--check", "--list", place / "faulty.csv", "--annotations", place / "faults.csv", "--labels", ",".join(labels)]
    ran = run("eval", *faulty, "--features", place / "features", "--json")
    equal("faults of all sorts: exit", ran.code, 65)
    told = json.loads(ran.out)
    equal("each fault is told", [one["count"] for one in told["faults"]], [2, 2, 3, 1])
    for line in ("faulty.csv, line 6", "faulty.csv, line 7", "faults.csv, line 2", "faults.csv, line 3", "'z.npy' is not in",
                 "v0.npy: column 3 of row 7"):  # fmt: skip
        check(line, any(line in case for one in told["faults"] for case in one["cases"]), shown(ran.out))
    equal("the rest is told too", [told["rows"], told["files"], told["snippets"]], [7, 4, 360])
    text = run("eval", *faulty, "--features", place / "features").out
    equal("a line for each of them", text.count("error: "), 8)
    (place / "late.csv").write_text(f"video,label,start,end\nv1,{labels[1]},16,32\nv3,{labels[1]},99999,100000\n")
    late = ["--list", place / "list.csv", "--annotations", place / "late.csv", "--labels", ",".join(labels)]
    ran = run("eval", "--check", *late, "--logits", place / "logits")
    equal("logits are looked at: exit", ran.code, 0)
    contains("their lengths, and intervals behind them", ran.out, "4 logits files with 360 snippets",
             "'v3' begins at frame 99999")  # fmt: skip
    np.save(place / "logits/v2.npy", np.full((3, 1 + len(labels)), np.nan, np.float32))
    ran = run("eval", "--check", *late, "--logits", place / "logits")
    equal("logits that are not finite: exit", ran.code, 65)
    contains("they are named", ran.out, "v2.npy: a logit of snippet 0 is not finite")
    (place / "ten.csv").write_text("path,label\n" + "".join(
        f"v{i}__{crop}.npy,{labels[i % 2]}\n" for i in range(4) for crop in range(10)))  # fmt: skip
    ran = run("eval", "--check", "--list", place / "ten.csv")
    equal("ten crops of each video: exit", ran.code, 65)
    ran = run("eval", "--check", "--list", place / "ten.csv", "--crop", "5")
    check("one of them is asked for", ran.code == 0 and "4 videos in 4 rows (crop 5)" in ran.out, shown(ran.err))
    ran = run("eval", "--check", "--list", place / "list.csv", "--plots", place / "unmade", "--seed", "3")
    contains("what has no effect is told", ran.err, "--plots has no effect with --check", "--seed has no effect")

with group("what is refused"):
    refused("a class twice", 64, "is label 2 and label 3", *options, "--labels", "normal,b,B", "--logits", place / "logits")
    ran = run("eval", *options, "--features", place / "features", "--plots", place / "unmade")
    check("an input that can't be used", ran.code == 65 and "v0.npy" in ran.err, shown(ran.err))
    check("no folder of plots is left", not (place / "unmade").exists())
    refused("nothing named", 64, "the embedded demo model")
    wide = scratch()
    for i in range(4):
        np.save(wide / f"v{i}.npy", np.zeros((9, 10, 512), np.float32))
    ran = run("eval", *options, "--features", wide)
    contains("ten crops in a file, for the demo model", ran.err, "without --model it is the embedded demo model 'tiny-demo'",
             "ten crops of each snippet", "512 is CLIP ViT-B/16")  # fmt: skip
    refused("an unknown dataset", 64, "ucf-crime or xd-violence", "--dataset", "ucf", "--data", place, "--logits", place)
    refused("no data", 64, "--data", "--dataset", "ucf-crime", "--logits", place)
    refused("an empty folder of data", 66, "ucf_CLIP_rgbtest.csv", "--dataset", "ucf-crime", "--data", place, "--logits", place)
    own = [*options, "--labels", ",".join(labels)]
    refused("a folder that is not there", 66, "no such folder", *own, "--logits", place / "none")
    refused("missing logits", 66, "no logits of 'v0'", *own, "--logits", place)
    refused("logits of other classes", 65, "expected [T, 3]", *options, "--labels", "normal," + labels[1], "--logits", place / "logits")
    (place / "crops.csv").write_text("path,label\n" + "".join(f"v1__{i}.npy,{labels[1]}\n" for i in range(10)))
    refused("ten crops of a video", 65, "names up to 10 crops", "--list", place / "crops.csv", "--annotations", place / "truth.csv",
            "--fps", "25", "--labels", ",".join(labels), "--logits", place / "logits")  # fmt: skip
    (place / "bad.csv").write_text("video,label,start,end\nv1,unheard of,1,2\n")
    refused("an unknown label", 65, "bad.csv, line 2: the label 'unheard of'", "--list", place / "list.csv", "--annotations",
            place / "bad.csv", "--labels", ",".join(labels), "--logits", place / "logits")  # fmt: skip
finish()
