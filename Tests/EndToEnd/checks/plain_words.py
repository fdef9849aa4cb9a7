"""What is told to who does something usual and gets it a little wrong: by every way in, what is wrong, where, and what to do."""

import hashlib
import json
import shutil

from support.harness import SHARED, check, contains, equal, finish, group, need, scratch, shown, skip

need("plain_words", "numpy", "requests")

import numpy as np  # noqa: E402
import requests  # noqa: E402

from support import features  # noqa: E402
from support.process import Server, run  # noqa: E402
from support.videos import Studio  # noqa: E402

folder = scratch()
np.save(folder / "a.npy", features.video(40))
np.save(folder / "b.npy", features.video(40, seed=1))
(folder / "fake.mp4").write_text("this is no video, though it is called one\n" * 30)


def called(*arguments, **options):
    return run(*arguments, cwd=folder, **options)


def ends(name, code, *arguments, says=(), env=None):
    ran = called(*arguments, env=env)
    check(f"{name}: exit {code}", ran.code == code, f"exit {ran.code}: {shown(ran.err)}")
    contains(f"{name}: says what to do", ran.err, *says)
    return ran


with group("folders with nothing to score"):
    (folder / "empty").mkdir()
    (folder / "logs").mkdir()
    (folder / "logs/x.log").write_text("nothing")
    for place in ("empty", "logs", "empty/"):
        ran = ends(f"score {place}", 66, "score", place, says=[place, "there is no file to score in it"])
        check(f"score {place}: takes folders, and says nothing else", "name the files" not in ran.err, shown(ran.err))
    ran = called("score", "empty", "a.npy", "--format", "summary")
    equal("the others are scored", (ran.code, len(ran.out.splitlines())), (66, 1))
    ran = called("score", "[el]*", "--format", "summary")
    equal("of a pattern each is told", (ran.code, ran.err.count("no file to score")), (66, 2))
    ends("inspect of one that is empty", 66, "inspect", "empty", says=["a folder with no file in it"])

with group("where results go"):
    (folder / "deep.d").mkdir()
    for name in ("x.mp3", "x.JSN", "deep.d/x.log"):
        ran = ends(f"--output {name}", 64, "score", "a.npy", "--output", name, says=[name, ".jsonl", ".csv", "--format"])
        check(f"--output {name}: nothing is written", not (folder / name).exists())
    for name, options in (("results", ()), ("x.NPY", ()), ("./plain", ()), ("y.mp3", ("--format", "json"))):
        equal(f"--output {name} {' '.join(options)}", called("score", "a.npy", "--output", name, *options).code, 0)
        check(f"--output {name}: is there", (folder / name).is_file())

with group("a line a file"):
    line = called("score", "a.npy", "--format", "summary", "--threshold", "1").out
    check("with no segment no class is told", ": " in line and ", 0 segments, 40 snippets" in line and "(" not in line, shown(line))
    result = json.loads(called("score", "a.npy", "--format", "json", "--threshold", "0.000001").out)
    line = called("score", "a.npy", "--format", "summary", "--threshold", "0.000001").out
    contains("else those of the segments", line, *[one["label"] for one in result["segments"]][:4])

with group("given beside the features and by an option"):
    rows = features.video(20).tolist()
    (folder / "c.json").write_text(json.dumps({"features": rows, "fps": 25}))
    (folder / "d.json").write_text(json.dumps({"features": rows}))
    ends("an option", 65, "score", "c.json", "--fps", "30", says=["c.json", "fps", "beside the features", "--fps"])
    ends("a variable", 65, "score", "c.json", says=["c.json", "beside the features", "VIGIL_FPS"], env={"VIGIL_FPS": "30"})
    lines = [json.loads(line) for line in called("score", "c.json", "d.json", "--format", "json").out.splitlines()]
    equal("each file is an upload by itself", [line["fps"] for line in lines], [25, None])

with group("a text that is called a video"):
    for command in ("score", "inspect", "extract"):
        ran = called(command, "fake.mp4", *(["--output", "out"] if command == "extract" else []))
        equal(f"{command}: exit", ran.code, 65)
        contains(f"{command}: says so", ran.err, "fake.mp4", "it is a text: expected", "a video in MP4")
    shutil.copy(folder / "a.npy", folder / "rows.mp4")
    equal("features that are called so are features", called("score", "rows.mp4", "--format", "summary").code, 0)

keys = folder / "keys"
keys.write_text(f"alice:{hashlib.sha256(b'secret').hexdigest()} jobs-per-day=1\n")
(folder / "key").write_text("secret\n")
with Server("--api-keys", keys) as server:
    with group("no key, and none left for today"):
        for command in (("status",), ("submit", "a.npy"), ("download",), ("watch",), ("cancel", "01M85BV3QAE4RGA8GVVP3465ME")):
            ends(f"{command[0]} without a key", 77, *command, "--url", server.url, says=["API key", "--api-key-file", "VIGIL_API_KEY_FILE", "--profile"])
        key = ["--url", server.url, "--api-key-file", folder / "key"]
        ran = called("submit", "a.npy", "--wait", "--json", *key)
        ended = [json.loads(line) for line in ran.out.splitlines() if '"ended"' in line]
        check("--wait tells what came of it", ended and 0 <= ended[0]["coarse"] <= 1 and ended[0]["segments"] >= 0, shown(ran.out))
        ends("a quota that is used up", 69, "submit", "b.npy", "--patience", "0", *key, says=["(429)"])

with Server() as server:
    with group("a camera that nobody is told of"):
        def warnings(query):
            body = (folder / "a.npy").read_bytes()
            headers = {"Content-Type": "application/x-npy", "Prefer": "wait=60"}
            return " ".join(requests.post(f"{server.url}/score{query}", data=body, headers=headers, timeout=60).json()["warnings"])

        contains("is a warning of its job", warnings("?camera=hall"), "camera", "alerts are off here", "--alerts-webhook")
        check("without one there is none", "camera" not in warnings(""))
        ran = called("submit", "a.npy", "--camera", "hall", "--wait", "--json", "--url", server.url)
        contains("vigil submit tells it", ran.out, "alerts are off here")

    with group("a job that has failed, as .npy"):
        body = (folder / "a.npy").read_bytes()
        job = requests.post(f"{server.url}/score?deadline=0", data=body, headers={"Content-Type": "application/x-npy", "Prefer": "wait=60"}, timeout=60).json()
        equal("has failed", job["status"], "failed")
        answer = requests.get(f"{server.url}/jobs/{job['id']}", headers={"Accept": "application/x-npy"}, timeout=60)
        equal("is none", answer.status_code, 406)
        contains("and it says why", answer.json()["detail"], "application/json", job["error"]["detail"])
        ends("vigil download", 65, "download", job["id"], "--format", "npy", "--output", "got", "--url", server.url, says=[job["error"]["detail"]])

    with group("words of a server for who has no command line"):
        np.save(folder / "wide.npy", features.video(9, 512))
        headers = {"Content-Type": "application/x-npy"}
        detail = requests.post(f"{server.url}/score", data=(folder / "wide.npy").read_bytes(), headers=headers, timeout=60).json()["detail"]
        contains("a wrong width", detail, "512", "64", "operator", "vigil serve")
        check("names no command", "vigil score" not in detail, detail)
        contains("by the command", called("score", "wide.npy").err, "vigil score", "--model")
        detail = requests.post(f"{server.url}/score?labels=normal,dog", data=body, headers=headers, timeout=60).json()["detail"]
        contains("labels of one's own", detail, "as the embedded demo model does: others are for a model that was imported with")

    with group("verdicts as annotations"):
        job = requests.post(f"{server.url}/score?name=clip_7.npy", data=body, headers={**headers, "Prefer": "wait=60"}, timeout=60).json()
        path = f"{server.url}/jobs/{job['id']}/verdicts"
        said = [{"start": 4, "end": 9, "verdict": "true_alarm", "label": "fight"}, {"start": 20, "end": 24, "verdict": "false_alarm", "label": "fall"}]
        requests.put(path, json={"verdicts": said}, headers={"If-Match": '"0"'}, timeout=60).raise_for_status()
        table = requests.get(path, headers={"Accept": "text/csv"}, timeout=60)
        equal("the type", table.headers["Content-Type"].split(";")[0], "text/csv")
        equal("the rows", table.text.splitlines(), ["video,label,start,end", "clip_7,fight,64,144"])
        again = requests.get(path, headers={"Accept": "text/csv", "If-None-Match": table.headers["ETag"]}, timeout=60)
        equal("who has them is told so", again.status_code, 304)
        (folder / "features").mkdir()
        shutil.copy(folder / "a.npy", folder / "features/clip_7.npy")
        shutil.copy(folder / "b.npy", folder / "features/calm.npy")
        (folder / "truth.csv").write_bytes(table.content + b"calm,normal,,\r\n")
        (folder / "test.csv").write_text("path,label\nclip_7.npy,fight\ncalm.npy,normal\n")
        ran = called("eval", "--list", "test.csv", "--annotations", "truth.csv", "--features", "features")
        equal("vigil eval takes them", ran.code, 0)
        check("and names no paper's headlines", "Headlines of the paper" not in ran.out, shown(ran.out))

with group("Home Assistant without a broker"):
    ran = called("serve", "--port", "0", "--alerts-homeassistant", "homeassistant", timeout=60)
    equal("exit", ran.code, 64)
    contains("says what is missing", ran.err, "--alerts-homeassistant needs --alerts-mqtt")

if not shutil.which("ffmpeg"):
    skip("videos", "needs ffmpeg")
elif not SHARED.is_dir():
    skip("videos", "needs ../shared")
else:
    with group("videos"):
        studio = Studio(folder)
        studio.clip("short.mp4", "-c:v", "mpeg4", seconds=0.4)
        short = called("inspect", "short.mp4").out
        contains("inspect of one that is too short", short, "fewer frames than the 16 of a row", "--tail keep")
        check("promises nothing", "vigil score scores it" not in short, shown(short))
        equal("and so it is scored", called("score", "short.mp4", "--tail", "keep", "--model", studio.model).code, 0)
        with studio.serve() as server:
            stream = requests.post(f"{server.url}/score", files={"video": ("short.mp4", (folder / "short.mp4").read_bytes())}, headers={"Prefer": "wait=60"}, timeout=60)
            job = stream.json()
            contains("a job's words are for both", job["error"]["detail"], "tail=keep", "--tail keep")
            equal("its chunks are none yet", job["progress"]["chunks"], None)
            events = requests.get(f"{server.url}/jobs/{job['id']}/events", timeout=60).text
            check("nor in its events", '"chunks":0' not in events.replace(" ", ""), shown(events))
            ran = called("submit", "fake.mp4", "--url", server.url)
            equal("submit of a text that is called a video: exit", ran.code, 65)
            contains("says so", ran.err + ran.out, "it is a text: expected a video in MP4")
            ran = called("submit", "short.mp4", "--camera", "hall", "--tail", "keep", "--wait", "--json", "--url", server.url)
            contains("a video's camera that nobody is told of", ran.out, "alerts are off here")

finish()
