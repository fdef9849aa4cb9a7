"""The clients in the program: vigil submit, status, watch, cancel and download, against servers that are busy, networks that
break, a client that is killed, and servers that are none."""

import gzip
import io
import json
import os
import pathlib
import shutil
import signal
import socket
import subprocess
import threading
import time

from support.harness import VIGIL, check, contains, equal, finish, group, need, scratch, shown, skip

need("submitting", "numpy", "requests")

import numpy as np  # noqa: E402
import requests  # noqa: E402

from support import features, slow  # noqa: E402
from support.between import Between, Raw, lines  # noqa: E402
from support.certificates import Certificates  # noqa: E402
from support.process import Server, environment, run  # noqa: E402

FILES = 8


def home():
    """A user's folder that nothing is in yet."""
    place = scratch()
    return {"HOME": str(place), "XDG_STATE_HOME": "", "XDG_CONFIG_HOME": ""}


def folder(count=FILES, rows=20):
    place = scratch() / "features"
    (place / "more").mkdir(parents=True)
    for index in range(count):
        inner = place / "more" if index % 2 else place
        (inner / f"{index}.npy").write_bytes(features.npy(features.video(rows, seed=index + 1)))
    return place


def vigil(command, *arguments, url=None, env=None, **more):
    return run(command, *arguments, *(["--url", url] if url else []), env=env or home(), **more)


def jobs(server):
    return requests.get(f"{server.url}/jobs?limit=1000", timeout=60).json()["jobs"]


def of(events, name):
    return [event for event in events if event["event"] == name]


def results(server):
    """Of a folder, a pattern and a file; the results are those that the server gives."""
    place = folder()
    (place / "notes.txt").write_text("no features")
    (place / "0.json").write_text("{}")
    output = scratch()
    ran = vigil("submit", place, "--output", output, "--fps", 30, "--logits", "--threshold", 0.4, "--priority", "high", url=server.url)
    equal("exit 0", (ran.code, ran.err), (0, ""))
    events = lines(ran.out)
    equal("each file once", sorted(one["file"] for one in of(events, "submitted")), sorted(map(str, place.rglob("*.npy"))))
    ended = of(events, "ended")
    equal("all ended well", [one["status"] for one in ended], ["succeeded"] * FILES)
    for one in ended:
        path = pathlib.Path(one["output"])
        job = requests.get(f"{server.url}/jobs/{one['job']}", timeout=60).json()
        inside = pathlib.Path(one["file"]).relative_to(place)
        equal(f"{inside}: its place", path, output / inside.with_suffix(".scores.json"))
        check(f"{inside}: what is in it", json.loads(path.read_text()) == job["result"])
        equal(f"{inside}: its name and parameters", (job["name"], job["priority"], job["result"]["fps"]), (inside.name, "high", 30))
        check(f"{inside}: with logits", "logits" in job["result"])
    equal("nothing half is left", [one for one in output.rglob("*") if ".tmp" in one.name], [])
    again = vigil("submit", place / "0.npy", "--wait", "--output", output, "--format", "npy", "--fps", 30, "--logits", "--threshold", 0.4, "--priority", "high", url=server.url)
    equal("the same is the same job", [one["source"] for one in of(lines(again.out), "submitted")], ["replayed"])
    whole = requests.get(f"{server.url}/jobs/{of(lines(again.out), 'ended')[0]['job']}", headers={"Accept": "application/x-npy"}, timeout=60)
    check("scores alone", (output / "0.scores.npy").read_bytes() == whole.content)
    equal("the name of the array's form", np.load(io.BytesIO(whole.content)).shape[0], 20)
    count = len(jobs(server))
    other = vigil("submit", place / "0.npy", "--again", url=server.url)
    equal("--again makes another", (other.code, len(jobs(server))), (0, count + 1))
    made = vigil("submit", f"{place}/*.npy", "--validate-only", url=server.url)
    reports = of(lines(made.out), "report")
    equal("reports of what a pattern stands for", (len(reports), reports[0]["report"]["rows"]), (FILES // 2, 20))
    equal("nothing was queued for them", len(jobs(server)), count + 1)


def forms(server):
    """Packed files, archives, plain rows and videos, each as the server takes it."""
    place = scratch()
    array = features.video(30, seed=9)
    (place / "a.npy.gz").write_bytes(gzip.compress(features.npy(array)))
    (place / "b.f32").write_bytes(array.tobytes())
    (place / "c.json").write_bytes(features.rows_json(array))
    np.savez(place / "d.npz", one=array, two=features.video(31, seed=10))
    output = scratch()
    ran = vigil("submit", place, "--output", output, url=server.url)
    equal("exit 0", (ran.code, ran.err), (0, ""))
    equal("files of results", sorted(one.name for one in output.iterdir()),
          ["a.scores.json", "b.scores.json", "c.scores.json", "d.1.scores.json", "d.2.scores.json"])  # fmt: skip
    read = {one.name: json.loads(one.read_text()) for one in output.iterdir()}
    check("the same rows have the same scores", read["a.scores.json"]["coarse"] == read["b.scores.json"]["coarse"] == read["c.scores.json"]["coarse"])
    equal("names of jobs", {one["name"] for one in jobs(server)} >= {"a.npy", "b.f32", "c.json"}, True)
    with Between(server) as between:
        video = place / "clip.mp4"
        with open(video, "wb") as file:
            file.write(b"\x00\x00\x00\x18ftypisom\x00\x00\x02\x00isomiso2" + bytes(1000))
            file.truncate(200 << 20)
        sent = vigil("submit", video, url=between.url)
        post = between.posts()[0]
        check("a video is the form's field video", b'name="video"; filename="clip.mp4"' in post["body"][:400])
        equal("all of it came", len(post["body"]) > 200 << 20, True)
        equal("a server that does not take it: exit 65", sent.code, 65)
        check("it was not held in memory", sent.own < 100, f"{sent.own:.0f} MiB")


def busy(server):
    """A server that has no room, one behind a proxy that has lost it, and connections that break before and after."""
    place, step = folder(), {}

    def plan(request):
        if request["method"] != "POST":
            return None
        key = request["headers"]["Idempotency-Key"]
        step[key] = step.get(key, 0) + 1
        index = list(step).index(key)
        fates = [
            [("answer", 429, {"Retry-After": "1"})], ["cut", "cut"], ["lose"], [("answer", 503, {"Retry-After": "1"}), "lose"],
            [("answer", 502, {})], ["lose", "cut", "lose"], [], [("answer", 408, {})],
        ]  # fmt: skip
        mine = fates[index % len(fates)]
        return mine[step[key] - 1] if step[key] <= len(mine) else None

    before = {one["id"] for one in jobs(server)}
    with Between(server, plan) as between:
        begun = time.monotonic()
        ran = vigil("submit", place, "--wait", "--jobs", 3, url=between.url)
        equal("exit 0", ran.code, 0)
        events = lines(ran.out)
        equal("all scored", sorted(one["status"] for one in of(events, "ended")), ["succeeded"] * FILES)
        new = {one["id"] for one in jobs(server)} - before
        equal("no file became two jobs", len(new), FILES)
        equal("its jobs are those", {one["job"] for one in of(events, "submitted")}, new)
        check("what was asked for was waited for", time.monotonic() - begun >= 1)
        keys = {}
        for post in between.posts():
            keys.setdefault(post["headers"]["Idempotency-Key"], set()).add(post["path"])
        equal("a file has one key however often it is sent", (len(keys), {len(paths) for paths in keys.values()}), (FILES, {1}))
        replayed = [one for one in of(events, "submitted") if one["source"] == "replayed"]
        equal("those whose answer was lost were there", len(replayed), 3)
        contains("the first trouble is told", ran.err, "trying again")


def killed(server):
    """A client that is killed while it waits for an answer, and begun again."""
    place, settings = folder(rows=24), home()
    go, reached = threading.Event(), threading.Event()
    count = [0]

    def plan(request):
        if request["method"] == "POST":
            count[0] += 1
            if count[0] == 5:
                return ("hold", go, reached)
        return None

    before = {one["id"] for one in jobs(server)}
    with Between(server, plan) as between:
        arguments = [VIGIL, "submit", place, "--wait", "--jobs", "1", "--url", between.url]
        client = subprocess.Popen(arguments, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, env=environment(settings))
        check("the fifth file is at the server", reached.wait(120))
        client.kill()
        client.wait()
        first = of(lines(client.stdout.read().decode()), "submitted")
        equal("four had been told", len(first), 4)
        go.set()
        posts = len(between.posts())
        states = list((pathlib.Path(settings["HOME"]) / ".local/state/vigil").glob("submit-*.jsonl"))
        equal("it has left a file to go on by", len(states), 1)
        equal("which nobody else may read", [oct(one.stat().st_mode & 0o777) for one in states], ["0o600"])
        with open(states[0], "a") as file:
            file.write('{"key":"vigil-half a li')
        ran = vigil("submit", place, "--wait", "--jobs", 1, url=between.url, env=settings)
        events = lines(ran.out)
        equal("exit 0", ran.code, 0)
        sources = [one["source"] for one in of(events, "submitted")]
        equal("what was told is not sent again", sources, ["resumed"] * 4 + ["replayed"] + ["sent"] * (FILES - 5))
        equal("as the server saw it", len(between.posts()) - posts, FILES - 4)
        looks = [one for one in between.requests if one["headers"].get("If-None-Match") == "*"]
        equal("of what was known nothing had to come", [one["status"] for one in looks], [304] * 4)
        new = {one["id"] for one in jobs(server)} - before
        equal("no file was scored twice", len(new), FILES)
        equal("all of them ended well", {one["job"] for one in of(events, "ended") if one["status"] == "succeeded"}, new)
        check("the file has gone with the run", not states[0].exists())
        precious = scratch() / "passwords"
        precious.write_text("root:x:0:0:root:/root:/bin/bash\n")
        ran = vigil("submit", place, "--resume", precious, url=between.url, env=settings)
        equal("another file is none to go on by: exit 64", ran.code, 64)
        contains("which one", ran.err, str(precious), "--resume")
        equal("and stays what it was", precious.read_text(), "root:x:0:0:root:/root:/bin/bash\n")
        precious.write_text('{"key":"db.password","value":"precious"}\n')
        equal("nor one whose lines begin as its own do", vigil("submit", place, "--resume", precious, url=between.url, env=settings).code, 64)
        check("which stays too", "precious" in precious.read_text())
        requests.delete(f"{server.url}/jobs/{first[0]['job']}", timeout=60)
        named = scratch() / "run.jsonl"
        key = json.dumps({"key": between.posts()[0]["headers"]["Idempotency-Key"].strip('"'), "id": first[0]["job"], "batch": False})
        named.write_text(key + "\n")
        ran = vigil("submit", place, "--jobs", 1, "--resume", named, url=between.url, env=settings)
        equal("a job that the server has no more is made again", of(lines(ran.out), "submitted")[0]["source"], "sent")


def watched(server):
    """A stream that breaks again and again."""
    rows = 20 * 32 + 5
    made = requests.post(f"{server.url}/score", features.npy(features.video(rows)), headers={"Content-Type": "application/x-npy", "Prefer": "wait=60"}, timeout=90).json()
    with Between(server, cuts=[700, 4000, 9000, 50]) as between:
        ran = vigil("watch", made["id"], url=between.url)
        equal("exit 0", ran.code, 0)
        events = lines(ran.out)
        chunks = [one["data"] for one in events if one["event"] == "scores"]
        equal("each chunk once, in order", [one["chunk"] for one in chunks], list(range(21)))
        equal("the scores", [score for one in chunks for score in one["coarse"]], made["result"]["coarse"])
        equal("the last is the end", (events[-1]["event"], events[-1]["data"]["status"]), ("end", "succeeded"))
        streams = [one for one in between.requests if one["path"].endswith("/events")]
        equal("it came back five times", len(streams), 5)
        check("with where it was", any("Last-Event-Id" in one["headers"] for one in streams))
    newest = vigil("watch", url=server.url)
    equal("without an id the newest", lines(newest.out)[0]["job"], jobs(server)[0]["id"])


def looked(server):
    """status and download, of what has ended well and badly."""
    place = scratch()
    broken = features.video(20)
    broken[3, 4] = np.nan
    (place / "a.npy").write_bytes(features.npy(features.video(20, seed=77)))
    (place / "b.npy").write_bytes(features.npy(broken))
    ran = vigil("submit", place, "--wait", url=server.url)
    events = lines(ran.out)
    equal("exit 65 where a file was refused", ran.code, 65)
    equal("the other was scored", [one["status"] for one in of(events, "ended")], ["succeeded"])
    refused = of(events, "failed")[0]
    contains("which, and why", json.dumps(refused), "b.npy", "NaN")
    equal("with its status", refused["status"], 422)
    good = of(events, "ended")[0]["job"]
    table = vigil("status", good, url=server.url)
    contains("a table", table.out, "STATUS", good, "succeeded", "a.npy")
    newest = lines(vigil("status", "--json", "--limit", 3, url=server.url).out)
    equal("the newest", [one["id"] for one in newest], [one["id"] for one in jobs(server)[:3]])
    whole = requests.get(f"{server.url}/jobs/{good}", timeout=60).json()["result"]
    check("a result", json.loads(vigil("download", good, url=server.url).out) == whole)
    output = scratch()
    ran = vigil("download", good, "--format", "npy", "--output", output, url=server.url)
    equal("a file of it", (ran.code, np.load(output / f"{good}.scores.npy").shape[0]), (0, 20))
    written(server, good, output)
    unknown = "01M85BV3QAE4RGA8GVVP3465ME"
    for command in ("status", "watch", "download", "cancel"):
        equal(f"{command} of a job that is unknown: exit 66", vigil(command, unknown, url=server.url).code, 66)
        equal(f"{command} of what is no id: exit 64", vigil(command, "../jobs", url=server.url).code, 64)
    equal("forgotten", vigil("cancel", "--forget", good, url=server.url).out, f"{good} forgotten\n")
    equal("and so it is", requests.get(f"{server.url}/jobs/{good}", timeout=60).status_code, 404)


def written(server, good, output):
    """The forms of vigil score, of a job's result."""
    result = requests.get(f"{server.url}/jobs/{good}", timeout=60).json()["result"]
    table = vigil("download", good, "--format", "csv", url=server.url).out.splitlines()
    equal("csv: a row a snippet", (len(table), table[0].split(",")[:2]), (21, ["file", "snippet"]))
    equal("csv: the scores", [np.float32(line.split(",")[4]) for line in table[1:]], [np.float32(one) for one in result["coarse"]])
    page = vigil("download", good, "--format", "html", url=server.url).out
    contains("html", page, "<!doctype html>", "a.npy", result["provenance"]["features_sha256"])
    timeless = vigil("download", good, "--format", "srt", url=server.url)
    equal("srt without times: exit 65", (timeless.code, timeless.out), (65, ""))
    contains("srt without times: what to do", timeless.err, "--fps")
    middle = sorted(result["coarse"])[10]
    cut = requests.get(f"{server.url}/jobs/{good}?threshold={middle}&leave={middle}&fps=25", timeout=60).json()["result"]
    check("there are segments at its median", cut["segments"], shown(cut["coarse"]))
    titles = vigil("download", good, "--format", "srt", "--fps", 25, "--threshold", middle, "--leave", middle, url=server.url)
    equal("srt: cut anew", (titles.code, titles.out.count(" --> ")), (0, len(cut["segments"])))
    whole = json.loads(vigil("download", good, "--fps", 25, "--threshold", middle, "--leave", middle, url=server.url).out)
    equal("json: cut anew", whole, cut)
    ran = vigil("download", good, "--output", output / "one.html", url=server.url)
    equal("a file: its form is what it is called", ((output / "one.html").read_text().startswith("<!doctype html>"), ran.out), (True, f"{output}/one.html\n"))
    equal("a file for two: exit 64", vigil("download", good, good, "--output", output / "two.json", url=server.url).code, 64)
    gone = vigil("again", good, "--threshold", 0.2, url=server.url)
    equal("again of what is not kept: exit 65", (gone.code, gone.out), (65, ""))
    contains("again: why", gone.err, "--upload-ttl")
    with Server("--upload-ttl", 600) as keeping:
        made = requests.post(f"{keeping.url}/score?name=gate", features.npy(features.video(20)), headers={"Content-Type": "application/x-npy", "Prefer": "wait=60"}, timeout=90).json()
        ran = vigil("again", made["id"], "--threshold", 0.2, "--fps", 25, url=keeping.url)
        equal("again: exit", (ran.code, ran.err), (0, ""))
        second = requests.get(f"{keeping.url}/jobs/{ran.out.strip()}?wait=60", timeout=90).json()
        equal("again: the same scores", (second["result"]["coarse"], second["result"]["fps"], second["name"]), (made["result"]["coarse"], 25, "gate"))
        equal("again of nothing: exit 64", vigil("again", url=keeping.url).code, 64)
        equal("again of what there is not: exit 66", vigil("again", "01M85BV3QAE4RGA8GVVP3465ME", url=keeping.url).code, 66)
    equal("a cut that is none: exit 65", vigil("download", good, "--threshold", 2, url=server.url).code, 65)
    ran = vigil("download", good, "--format", "coco", "--output", output, url=server.url)
    coco = json.loads((output / f"{good}.scores.coco.json").read_text())
    equal("coco: a file of its own", (ran.code, {"images", "annotations", "categories"} <= set(coco) or "videos" in coco), (0, True))
    twice = vigil("download", good, good, "--format", "csv", url=server.url)
    equal("csv of two: one table", (twice.code, len([line for line in twice.out.splitlines() if line.startswith("file,")])), (0, 1))
    equal("svg of two: exit 64", vigil("download", good, good, "--format", "svg", url=server.url).code, 64)
    equal("a form that is none: exit 64", vigil("download", good, "--format", "pdf", url=server.url).code, 64)
    place = scratch()
    (place / "a.npy").write_bytes(features.npy(features.video(20, seed=77)))
    equal("submit in a form: exit", vigil("submit", place, "--again", "--format", "vtt", "--fps", 25, "--output", place, url=server.url).code, 0)
    contains("submit in a form", (place / "a.scores.vtt").read_text(), "WEBVTT")
    again = vigil("submit", place, "--again", "--format", "html", "--output", place, url=server.url)
    equal("results are not submitted", len(of(lines(again.out), "submitted")), 1)


def cancelled():
    with Server("--workers", 1, **slow.only()) as server:
        place = scratch()
        # The worker holds two jobs at a time.
        for name, rows in (("a", 30_000), ("b", 30_001), ("c", 30_002), ("d", 40)):
            (place / f"{name}.npy").write_bytes(features.npy(features.video(rows)))
        ran = vigil("submit", "--jobs", 1, *(place / f"{name}.npy" for name in "abcd"), url=server.url)
        first, *_, second = (one["job"] for one in of(lines(ran.out), "submitted"))
        equal("one that waits", vigil("cancel", second, url=server.url).out, f"{second} cancelled\n")
        equal("again", vigil("cancel", second, url=server.url).out, f"{second} cancelled: it had ended\n")
        equal("watched: exit 65", vigil("watch", second, url=server.url).code, 65)
        equal("downloaded: exit 65", vigil("download", second, url=server.url).code, 65)
        end = time.monotonic() + 120
        while requests.get(f"{server.url}/jobs/{first}", timeout=60).json()["status"] == "queued" and time.monotonic() < end:
            time.sleep(0.05)
        lost = iter(("cut", "cut", "cut", "lose"))
        with Between(server, lambda request: next(lost, None) if request["method"] == "DELETE" else None) as between:
            said = vigil("cancel", first, url=between.url)
            check("one that runs, though three requests and then an answer are lost", said.code == 0 and "cancelled" in said.out, f"{said.code} {said.out} {said.err}")
        racing(server, place / "a.npy")
        interrupted(server, place / "b.npy")
        equal("it is", vigil("download", "--wait", first, url=server.url).code, 65)
        equal("and still there", requests.get(f"{server.url}/jobs/{first}", timeout=60).json()["status"], "cancelled")


def racing(server, path):
    """A job that ends between the look at it and its DELETE."""
    job = lines(vigil("submit", path, "--again", url=server.url).out)[0]["job"]

    def ended(request):
        if request["method"] == "DELETE":
            equal("others leave it", requests.delete(f"{server.url}/jobs/{job}?forget=false", timeout=60).status_code in (200, 202), True)
            while requests.get(f"{server.url}/jobs/{job}?wait=60", timeout=120).json()["status"] in ("queued", "running"):
                pass

    with Between(server, ended) as between:
        said = vigil("cancel", job, url=between.url)
    equal("one that ends in that moment", (said.code, said.out), (0, f"{job} cancelled\n"))
    equal("is not forgotten", requests.get(f"{server.url}/jobs/{job}", timeout=60).json()["status"], "cancelled")


def silent():
    """Ctrl-C while a server says nothing: nobody waits for it."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        url = f"http://127.0.0.1:{listener.getsockname()[1]}"
        for command in ("watch", "status", "download", "cancel"):
            client = subprocess.Popen([VIGIL, command, "01M85BV3QAE4RGA8GVVP3465ME", "--url", url], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env=environment(home()))
            line, _ = listener.accept()
            with line:
                line.recv(4096)
                client.send_signal(signal.SIGINT)
                try:
                    code = client.wait(60)
                except subprocess.TimeoutExpired:
                    client.kill()
                    code = client.wait()
                equal(f"{command}: exit 130", code, 130)


def interrupted(server, path):
    """Ctrl-C while a job is waited for."""
    settings = home()
    client = subprocess.Popen([VIGIL, "submit", path, "--wait", "--url", server.url], stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=environment(settings))
    client.stdout.readline()
    client.send_signal(signal.SIGINT)
    said = client.communicate()[1].decode()
    equal("Ctrl-C: exit 130", client.returncode, 130)
    contains("Ctrl-C: what to do", said, "the same command goes on")
    again = vigil("submit", path, url=server.url, env=settings)
    equal("without --wait it is the same run", [one["source"] for one in lines(again.out)], ["resumed"])


def videos():
    """A video that a server takes."""
    if not shutil.which("ffmpeg"):
        return skip("submitting: videos", "needs ffmpeg")
    place = scratch()
    scene = ["-f", "lavfi", "-i", "testsrc2=size=64x48:rate=30:duration=4", "-c:v", "mpeg4", place / "street.mp4"]
    subprocess.run(["ffmpeg", "-v", "error", "-nostdin", *scene], check=True)
    with Server("--allow-unsandboxed-video") as server:
        ran = vigil("submit", place, "--output", place, "--pool", "first", url=server.url)
        equal("exit 0", (ran.code, ran.err), (0, ""))
        result = json.loads((place / "street.scores.json").read_text())
        check("its scores", result["snippets"] >= 7 and result["fps"] is not None, shown(result))
        ended = of(lines(vigil("submit", place / "street.mp4", "--pool", "first", "--threshold", 0, "--thumbnails", 3, "--format", "html", "--output", place, url=server.url).out), "ended")[0]
        page = (place / "street.scores.html").read_text()
        count = len([one for one in requests.get(f"{server.url}/jobs/{ended['job']}", timeout=60).json()["result"]["segments"] if "thumbnail" in one])
        check("a page with pictures", count >= 1 and page.count("data:image/jpeg;base64,") == count, count)
        watched = vigil("watch", of(lines(ran.out), "ended")[0]["job"], url=server.url)
        equal("watched afterwards", (watched.code, lines(watched.out)[-1]["event"]), (0, "end"))


def places(server):
    """Where the server, the key and the patience are said, and what is wrong there."""
    one = scratch() / "x.npy"
    one.write_bytes(features.npy(features.video(20)))
    settings = home()
    equal("a server that is not there: exit 69", vigil("status", url="http://127.0.0.1:9", env=settings | {"VIGIL_PATIENCE": "0"}).code, 69)
    equal("by the environment", vigil("status", env=settings | {"VIGIL_URL": server.url}).code, 0)
    wrong = vigil("status", env=settings | {"VIGIL_ULR": server.url})
    equal("a variable that is none: exit 78", wrong.code, 78)
    contains("with the nearest", wrong.err, "VIGIL_URL")
    equal("a URL that is none: exit 64", vigil("status", url="ftp://x").code, 64)
    keys = scratch() / "keys.txt"
    made = run("keys", "add", "ann", "--api-keys", keys)
    key = made.out.split()[-1]
    with Server("--api-keys", keys) as locked:
        refused = vigil("submit", one, url=locked.url, env=settings)
        equal("without a key: exit 77", refused.code, 77)
        file = scratch() / "key.txt"
        file.write_text(key + "\n")
        file.chmod(0o600)
        equal("by a file", vigil("submit", one, "--api-key-file", file, url=locked.url, env=settings).code, 0)
        equal("by the environment", vigil("status", url=locked.url, env=settings | {"VIGIL_API_KEY_FILE": str(file)}).code, 0)
        config = pathlib.Path(settings["HOME"]) / ".config/vigil"
        config.mkdir(parents=True)
        profiles = config / "profiles.yaml"
        (config / "lab.key").write_text(key)
        profiles.write_text(f"lab:\n  url: {locked.url}\n  api-key-file: lab.key\nopen:\n  url: {server.url}\n")
        equal("by a profile", vigil("status", "--profile", "lab", env=settings).code, 0)
        equal("by a profile of the environment", vigil("status", env=settings | {"VIGIL_PROFILE": "lab"}).code, 0)
        with Between(server) as between:
            profiles.write_text(f"open:\n  url: {between.url}\n")
            vigil("status", "--profile", "open", env=settings | {"VIGIL_API_KEY_FILE": str(file)})
            check("a key of the environment is not shown to a profile's server", "Authorization" not in between.requests[0]["headers"])
        equal("a profile that is none", vigil("status", "--profile", "nowhere", env=settings).code, 78)
        profiles.write_text(f"default:\n  url: {locked.url}\n  api-key: {key}\n")
        profiles.chmod(0o644)
        seen = vigil("status", env=settings)
        equal("one with a key that others may read: exit 78", seen.code, 78)
        check("which is not shown", key not in seen.err + seen.out)
        profiles.chmod(0o600)
        equal("the default", vigil("status", env=settings).code, 0)
        profiles.chmod(0o620)
        equal("one that others may write: exit 78", vigil("status", env=settings).code, 78)
        profiles.unlink()
        (config / "profiles.json").write_text(json.dumps({"lab": {"url": locked.url, "api-key-file": str(file)}}))
        equal("in JSON", vigil("status", "--profile", "lab", env=settings).code, 0)
    place = scratch()
    certificates = Certificates(place)
    certificates.make("server")
    with Server("--tls-cert", place / "server.pem", "--tls-key", place / "server.key") as secure:
        url = f"https://127.0.0.1:{secure.port}"
        sent = vigil("submit", one, "--wait", "--ca", place / "ca.pem", url=url)
        equal("over TLS", (sent.code, sent.err), (0, ""))
        equal("to one that nobody vouches for: exit 69", vigil("status", url=url).code, 69)


def hostile():
    """Servers that answer what no server should."""
    job = '{"id":"01M85BV3QAE4RGA8GVVP3465ME","status":"succeeded","result":{"coarse":[1]}}'

    def ok(body, fields=""):
        return f"HTTP/1.1 200 OK\r\n{fields}Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n{body}".encode()

    def endless():
        yield b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
        while True:
            yield b"100000\r\n" + b"[" * 0x100000 + b"\r\n"

    def events():
        yield b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n"
        while True:
            yield b"data: " + b"x" * 0x100000

    settings = home() | {"VIGIL_PATIENCE": "0"}
    one = scratch() / "x.npy"
    one.write_bytes(features.npy(features.video(20)))
    cases = {
        "no HTTP": b"SSH-2.0-x\r\n", "more than can be": b"HTTP/1.1 200 OK\r\nContent-Length: 999999999999\r\n\r\n",
        "no JSON": ok("<html>"), "an id that is a path": ok('{"id":"../../../../etc/passwd0000","status":"queued"}'),
        "a status that is none": ok('{"id":"01M85BV3QAE4RGA8GVVP3465ME","status":"done"}'),
        "another page": b"HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:1/\r\nContent-Length: 0\r\n\r\n",
        "half an answer": b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{", "nothing": b"", "no end": endless,
        "deep": ok('{"id":' + "[" * 100_000),
    }  # fmt: skip
    for name, said in cases.items():
        with Raw(said) as raw:
            ran = vigil("submit", one, url=raw.url, env=settings)
            check(f"{name}: exit 69 and one line", ran.code == 69 and ran.err.count("\n") <= 1, f"{ran.code} {shown(ran.err)}")
            check(f"{name}: memory", ran.own < 200, f"{ran.own:.0f} MiB")
    with Raw(ok(job, "Connection: close\r\n"), events) as raw:
        ran = vigil("watch", "01M85BV3QAE4RGA8GVVP3465ME", url=raw.url, env=settings)
        check("an event without an end: exit 69", ran.code == 69, f"{ran.code} {shown(ran.err)}")
    escape = json.dumps({"type": "/x", "title": "\x1b[31mred\x07", "detail": "\x1b]0;title\x07 a\nb"})
    with Raw(f"HTTP/1.1 403 No\r\nContent-Length: {len(escape)}\r\n\r\n{escape}".encode()) as raw:
        ran = vigil("status", url=raw.url, env=settings)
        check("what a terminal would obey is not shown", ran.code == 77 and "\x1b" not in ran.err and ran.err.count("\n") == 1, shown(ran.err))
    stream = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\nevent: x\ndata: {\"a\":\ndata: {\"event\":\"end\"}\ndata: }\n\nevent: end\ndata: " + job.encode() + b"\n\n"
    with Raw(ok(job, "Connection: close\r\n"), stream) as raw:
        ran = vigil("watch", "01M85BV3QAE4RGA8GVVP3465ME", url=raw.url, env=settings)
        equal("data of several lines is one line of JSON", [one["event"] for one in lines(ran.out)], ["x", "end"])
    with Raw(ok(job, "Connection: close\r\n"), stream.replace(b"01M85BV3QAE4RGA8GVVP3465ME", b"01M85BV3QAE4RGA8GVVP3465MF")) as raw:
        ran = vigil("watch", "01M85BV3QAE4RGA8GVVP3465ME", url=raw.url, env=settings)
        check("the end of another job is none: exit 69", ran.code == 69, f"{ran.code} {shown(ran.err)}")
    with Raw(ok(job)) as raw:
        equal("a result", vigil("download", "01M85BV3QAE4RGA8GVVP3465ME", url=raw.url, env=settings).out, '{"coarse":[1]}\n')


def terminal(server):
    """A bar for people."""
    import pty

    place = folder()
    leader, follower = pty.openpty()
    settings = home()
    client = subprocess.Popen([VIGIL, "submit", place, "--wait", "--url", server.url], stdout=follower, stderr=subprocess.DEVNULL, env=environment(settings))
    os.close(follower)
    said = b""
    while True:
        try:
            data = os.read(leader, 65536)
        except OSError:
            break
        if not data:
            break
        said += data
    equal("exit 0", client.wait(), 0)
    contains("a bar, then how it went", said.decode(), "[", f"/{FILES} submitted", f"{FILES} files: {FILES} submitted")


with Server() as server:
    for name, one in (
        ("results", results), ("forms", forms), ("busy", busy), ("killed", killed), ("watched", watched), ("looked", looked),
        ("places", places), ("terminal", terminal),
    ):  # fmt: skip
        with group(name):
            one(server)
with group("cancelled"):
    cancelled()
with group("silent"):
    silent()
with group("videos"):
    videos()
with group("hostile"):
    hostile()
finish()
