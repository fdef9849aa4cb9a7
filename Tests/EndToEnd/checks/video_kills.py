"""Videos over HTTP whose decoder is ended by somebody else: alone, with the server, before it, and again and again."""

import contextlib
import json
import os
import pathlib
import shutil
import signal
import subprocess
import time

from support.harness import check, contains, equal, finish, group, need, scratch, shown, skip

need("video_kills", "numpy", shared=True)

from support.jobs import Client  # noqa: E402
from support.process import run  # noqa: E402
from support.videos import Studio, slowly, until  # noqa: E402

if not shutil.which("ffmpeg"):
    skip("video_kills", "needs ffmpeg")
    finish()

folder = scratch()
slow = slowly(folder)


def children(of):
    """The processes below one, the next ones first."""
    parents = {}
    for process in pathlib.Path("/proc").iterdir():
        with contextlib.suppress(OSError):
            if process.name.isdigit():
                parents.setdefault(int((process / "stat").read_text().rsplit(")", 1)[1].split()[1]), []).append(int(process.name))
    found = [of]
    for one in found:
        found += parents.get(one, [])
    return found[1:]


def send(which, *processes):
    for process in processes:
        with contextlib.suppress(ProcessLookupError):
            os.kill(process, which)


def post(client, query):
    return client.ask("POST", f"/score?threshold=0&{query}", video, {"Content-Type": "video/x-matroska"}).json()["id"]


def is_underway(client, job, rows=3):
    """Waits until rows were made, and then for some frames of the next one."""
    found = until(lambda: client.job(job)["progress"].get("rows_done", 0) >= rows)
    time.sleep(0.2)
    return found


with group("a model with its image tower"):
    studio = Studio(folder)
    model, serve = studio.model, studio.serve
    source = ["-f", "lavfi", "-i", "testsrc2=size=64x48:rate=30:duration=12"]
    made = subprocess.run(["ffmpeg", "-v", "error", "-nostdin", "-y", *source, "-c:v", "libx264", "-bf", "3", "long.mkv"], cwd=folder)
    if made.returncode != 0:
        made = subprocess.run(["ffmpeg", "-v", "error", "-nostdin", "-y", *source, "-c:v", "ffv1", "long.mkv"], cwd=folder)
    equal("a video can be made", made.returncode, 0)
    video = (folder / "long.mkv").read_bytes()

QUERIES = ("tail=drop", "tail=keep", "pool=middle&tail=keep", "cadence=time&tail=keep")


def scored(query):
    """What the command makes of it."""
    options = [text for pair in query.split("&") for text in (f"--{pair.split('=')[0]}", pair.split("=")[1])]
    return json.loads(run("score", folder / "long.mkv", "--model", model, "--threshold", 0, *options, cwd=folder, timeout=300).out)


expected = {query: scored(query) for query in QUERIES}


def same(name, job, query):
    equal(f"{name}: it has succeeded", (job["status"], job.get("error")), ("succeeded", None))
    result = job["result"] or {}
    for part in ("snippets", "frames", "truncated", "truncated_by", "coarse", "fine", "video", "segments"):
        if part in expected[query]:
            equal(f"{name}: {part} as vigil score has it", result.get(part), expected[query][part])
    equal(f"{name}: nothing of it is missing", result.get("truncated"), False)
    equal(f"{name}: the same features", job["features_sha256"], expected[query]["provenance"]["features_sha256"])


for query in QUERIES:
    with group(f"its decoder is killed: {query}"), serve("--ffmpeg", slow) as server:
        client = Client(server)
        job = post(client, query)
        check("rows are made", is_underway(client, job))
        send(signal.SIGKILL, *children(server.child.pid))
        found = client.until(job)
        same(query, found, query)
        equal("the attempt counts", found["attempt"], 2)

with group("its decoder is killed each time"), serve("--ffmpeg", slow, "--attempts", 2) as server:
    client = Client(server)
    job = post(client, "tail=keep")
    for attempt in (1, 2):
        check(f"attempt {attempt} is at work", until(lambda: (one := client.job(job))["status"] == "running" and one["attempt"] == attempt and one["phase"] == "embed"))
        send(signal.SIGKILL, *children(server.child.pid))
    found = client.until(job)
    equal("it has failed", (found["status"], found["error"]["type"]), ("failed", "/problems/out-of-attempts"))
    contains("and says why", found["error"]["detail"], "begun 2 times", "decoder was ended from outside")

for query in QUERIES:
    for order in ("the server first", "the decoder first"):
        with group(f"a stop of all processes of the service, {order}: {query}"):
            state = scratch()
            with serve("--ffmpeg", slow, "--grace", 1, state=state) as server:
                client = Client(server)
                job = post(client, query)
                check("rows are made", is_underway(client, job))
                own, others = [server.child.pid], children(server.child.pid)
                send(signal.SIGTERM, *(own + others if order == "the server first" else others + own))
                equal("exit", server.child.wait(60), 0)
            with serve(state=state) as server:
                found = Client(server).until(job)
                same(query, found, query)
                equal("the attempt did not count", found["attempt"], 1)

for query in QUERIES[1:]:
    for pause in (0, 0.004, 0.015, 0.05):
        with group(f"its decoder is killed, and the server {1000 * pause:g} ms later: {query}"):
            state = scratch()
            with serve("--ffmpeg", slow, state=state) as server:
                client = Client(server)
                job = post(client, query)
                check("rows are made", is_underway(client, job))
                send(signal.SIGKILL, *children(server.child.pid))
                time.sleep(pause)
                send(signal.SIGKILL, server.child.pid)
                server.child.wait()
            with serve(state=state) as server:
                found = Client(server).until(job)
                same(query, found, query)
                check("its rows are gone", until(lambda: not list(pathlib.Path(state, "videos").glob(".*.rows"))), shown(os.listdir(pathlib.Path(state, "videos"))))

finish()
