"""The Python client against a real server, busy ones, connections that break, and servers that are none."""

import asyncio
import io
import itertools
import os
import shutil
import subprocess
import sys

from support.harness import ROOT, check, contains, equal, finish, group, need, scratch, skip

need("python_client", "numpy", "httpx")

import numpy as np  # noqa: E402

from support import features, slow  # noqa: E402
from support.between import Between, Raw  # noqa: E402
from support.process import Server, run  # noqa: E402

CLIENT = ROOT / "deploy/clients/python"
sys.path.insert(0, str(CLIENT / "src"))

import vigil_client as client  # noqa: E402

LENGTH = 32  # Snippets of a chunk of the embedded model.


def raises(name, kind, body, **expected):
    try:
        body()
    except kind as error:
        return equal(name, {one: getattr(error, one) for one in expected}, expected)
    except Exception as error:
        return check(name, False, f"{type(error).__name__}: {error}")
    return check(name, False, "nothing was raised")


def used(server):
    """What a program does with it."""
    array = features.video(45)
    path = scratch() / "cam.npy"
    path.write_bytes(features.npy(array))
    with client.Vigil(server.url) as vigil:
        result = vigil.score(array, fps=30, threshold=0.3, logits=True)
        equal("a score for each snippet", (len(result.coarse), len(result.fine), len(result.fine[0])), (45, 45, len(result.labels)))
        check("the options came", result.raw["fps"] == 30 and "logits" in result.raw)
        check("segments are values", all(one.end > one.start and one.start_seconds is not None for one in result.segments))
        check("an array, a path and bytes are the same", vigil.score(path, fps=30).coarse == result.coarse == vigil.score(path.read_bytes()).coarse)
        job = vigil.submit(path)
        equal("a job is called after its file", job.name, "cam.npy")
        equal("or as one says", vigil.submit(path, name="gate.npy").name, "gate.npy")
        ended = vigil.wait(job)
        equal("it ends", (ended.status, ended.ended), ("succeeded", True))
        scores = np.load(io.BytesIO(vigil.npy(job)))
        check("scores alone", np.array_equal(scores[:, 0], np.array(result.coarse, np.float32)))
        batch = vigil.submit_batch([array, features.video(20, seed=3)])
        equal("two are a batch", len(batch.jobs), 2)
        check("whose end can be waited for", vigil.batch(batch, wait=60).ended)
        equal("and whose jobs be listed", {one.id for one in vigil.list_jobs(batch=batch)}, {one.id for one in batch.jobs})
        equal("the newest", [one.id for one in vigil.list_jobs(limit=2)], [one.id for one in itertools.islice(vigil.list_jobs(), 2)])
        equal("one key, one job", len({vigil.submit(array, idempotency_key="mine").id for _ in range(2)}), 1)
        again = vigil.result(vigil.score_again(job, threshold=0.2, leave=0.1, name="again"))
        equal("again, by another cut", again.coarse, vigil.score(path).coarse)
        equal("again: one key, one job", len({vigil.score_again(job, idempotency_key="twice").id for _ in range(2)}), 1)
        stack = np.stack([array, array, features.video(45, seed=8)])
        equal("one of three crops", vigil.score(stack, crop=0, fps=30).coarse, result.coarse)
        equal("a report", vigil.report(array)["rows"], 45)
        check("models, and the server", vigil.models()[0]["name"] != "" and "version" in vigil.server())
        vigil.forget(job)
        raises("a job that is forgotten", client.Problem, lambda: vigil.job(job), status=404, type="/problems/unknown-job")
        broken = features.video(20)
        broken[3, 4] = np.nan
        raises("features that can't be", client.Problem, lambda: vigil.score(broken), status=422)
        raises("what is no id", client.UnexpectedAnswer, lambda: vigil.job("../models"))
        raises("what is no source", TypeError, lambda: vigil.submit(7))


def followed(server):
    rows = 20 * LENGTH + 5
    with client.Vigil(server.url) as vigil:
        job = vigil.wait(vigil.submit(features.video(rows)))
    with Between(server, cuts=[700, 4000, 50]) as between, client.Vigil(between.url) as vigil:
        events = list(vigil.events(job))
        scores = [score for one in events if one.name == "scores" for score in one.data["coarse"]]
        check("each score once, over streams that break", scores == job.result.coarse)
        equal("the last is the end", (events[-1].name, events[-1].job.status), ("end", "succeeded"))
        equal("four streams", len([one for one in between.requests if one["path"].endswith("/events")]), 4)


def lost(server):
    fates = [("answer", 429, {"Retry-After": "1"}), "cut", "lose", ("answer", 503, {})]
    with Between(server, lambda request: fates.pop(0) if fates and request["method"] == "POST" else None) as between:
        before = run_jobs(server)
        with client.Vigil(between.url) as vigil:
            job = vigil.submit(features.video(20, seed=5))
        equal("one job, however often it was sent", (run_jobs(server) - before, len(between.posts())), ({job.id}, 5))
        equal("under one key", len({one["headers"]["Idempotency-Key"] for one in between.posts()}), 1)
    full = ("answer", 429, {"Retry-After": "100"})
    with Between(server, lambda request: full) as between, client.Vigil(between.url, patience=5) as vigil:
        raises("one that is asked to wait too long", client.Problem, vigil.server, status=429)
        equal("asks once", len(between.requests), 1)


def run_jobs(server):
    with client.Vigil(server.url) as vigil:
        return {job.id for job in vigil.list_jobs()}


def cancelled():
    with Server("--workers", 1, **slow.only()) as server, client.Vigil(server.url) as vigil:
        # The worker holds two jobs at a time.
        first, *_, second = [vigil.submit(features.video(rows)) for rows in (30_000, 30_001, 30_002, 20)]
        raises("not in time", TimeoutError, lambda: vigil.wait(second, timeout=0.2))
        equal("one that waits", vigil.cancel(second).status, "cancelled")
        equal("again", vigil.cancel(second).status, "cancelled")
        raises("its result", client.JobFailed, lambda: vigil.result(second))
        with Between(server, lambda one: "lose" if one["method"] == "DELETE" else None) as between, client.Vigil(between.url) as other:
            other.cancel(first)
        equal("one that runs, though the answer was lost", vigil.wait(first).status, "cancelled")


def asynchronous(server):
    async def main():
        async with client.AsyncVigil(server.url) as vigil:
            results = await asyncio.gather(*(vigil.score(features.video(20 + index, seed=index)) for index in range(12)))
            equal("twelve at a time", [len(one.coarse) for one in results], list(range(20, 32)))
            job = await vigil.submit(features.video(40))
            names = [event.name async for event in vigil.events(job)]
            equal("events", (names[0], names[-1], names.count("scores")), ("status", "end", 2))
            equal("jobs", len([one async for one in vigil.list_jobs(limit=5)]), 5)

    asyncio.run(main())


def locked():
    keys = scratch() / "keys.txt"
    key = run("keys", "add", "ann", "--api-keys", keys).out.split()[-1]
    with Server("--api-keys", keys) as server:
        with client.Vigil(server.url) as vigil:
            raises("without a key", client.Problem, lambda: vigil.submit(features.video(20)), status=401)
        with client.Vigil(server.url, key) as vigil:
            equal("with one", len(vigil.score(features.video(20)).coarse), 20)


def hostile():
    def endless():
        yield b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
        while True:
            yield b"100000\r\n" + b"[" * 0x100000 + b"\r\n"

    def body(text):
        return f"HTTP/1.1 200 OK\r\nContent-Length: {len(text)}\r\n\r\n{text}".encode()

    identifier = "01M85BV3QAE4RGA8GVVP3465ME"
    cases = {
        "no JSON": body("<html>"), "a list": body("[]"), "a status that is none": body(f'{{"id":"{identifier}","status":"x"}}'),
        "an id that is a path": body('{"id":"../../../x","status":"queued"}'), "deep": body("[" * 100_000),
        "no end": endless,
    }  # fmt: skip
    for name, said in cases.items():
        with Raw(said) as raw, client.Vigil(raw.url, patience=0) as vigil:
            raises(name, client.UnexpectedAnswer, lambda vigil=vigil: vigil.job(identifier))
    for name, said in (("nothing", b""), ("no HTTP", b"SSH-2.0\r\n")):
        with Raw(said) as raw, client.Vigil(raw.url, patience=0) as vigil:
            raises(name, client.ConnectionFailed, lambda vigil=vigil: vigil.job(identifier))
    with client.Vigil("http://127.0.0.1:9", patience=0) as vigil:
        raises("nobody", client.ConnectionFailed, vigil.server)


def package(server):
    """The wheel as it is built, and its types."""
    place = scratch()
    built = subprocess.run([ROOT / "deploy/clients/build.sh", place], capture_output=True, text=True)
    equal("it is built, and _sync.py is up to date", (built.returncode, built.stderr), (0, ""))
    first = (place / "vigil_client-0.1.0-py3-none-any.whl").read_bytes()
    subprocess.run([ROOT / "deploy/clients/build.sh", place], capture_output=True, check=True)
    check("the same bytes each time", (place / "vigil_client-0.1.0-py3-none-any.whl").read_bytes() == first)
    said = "import vigil_client, pathlib; p = pathlib.Path(vigil_client.__file__); print(p, (p.parent / 'py.typed').exists())"
    told = subprocess.run([sys.executable, "-c", said], env=os.environ | {"PYTHONPATH": str(place / "vigil_client-0.1.0-py3-none-any.whl")}, capture_output=True, text=True)
    contains("what is in it is a package", told.stdout, "vigil_client-0.1.0-py3-none-any.whl")
    if not shutil.which("mypy"):
        return skip("types of the Python client", "needs mypy")
    typed = subprocess.run(["mypy", "--strict", "--cache-dir", place / "cache", CLIENT / "src/vigil_client"], capture_output=True, text=True)
    equal("mypy --strict", (typed.returncode, typed.stdout.splitlines()[-1]), (0, "Success: no issues found in 6 source files"))


with Server("--upload-ttl", 600) as server:
    for name, one in (("used", used), ("followed", followed), ("lost", lost), ("asynchronous", asynchronous), ("package", package)):
        with group(name):
            one(server)
with group("cancelled"):
    cancelled()
with group("locked"):
    locked()
with group("hostile"):
    hostile()
finish()
