"""A job is scored by the model that it was accepted for, or not at all: two models of one name, and a server that changes."""

import contextlib
import hashlib
import json
import shutil
import sqlite3
import subprocess
import sys
import time

from support.harness import SHARED, check, contains, equal, finish, group, need, note, scratch, shown

need("models", "numpy", shared=True)

from support import features  # noqa: E402
from support.events import Stream  # noqa: E402
from support.jobs import Client, alike, form  # noqa: E402
from support.process import Server, run  # noqa: E402

SHORT = features.npy(features.video(40))
SLOW = {"VIGIL_KERNELS": "portable"}


def long_bodies():
    """Four videos: workers take turns, and each takes them too long to be done when the first one's first scores are told."""
    with Server("--workers", "1", state="memory", env=SLOW) as server:
        job = Client(server).post(alike(4_000), Prefer="wait=60").json()
    rows = int(min(max(4_000 * 2_500 / job["result"]["timings"]["scored_ms"], 8_000), 30_000))
    note(f"the longest video has {rows} snippets")
    return [alike(rows), *(alike(rows // 2 + number) for number in range(3))]


LONG = long_bodies()


class Model:
    """A checkpoint of this seed, imported; all have the same name and shape."""

    def __init__(self, seed):
        checkpoint, self.path = scratch() / "tiny.pth", scratch() / "tiny.safetensors"
        maker = [sys.executable, SHARED / "golden/make_checkpoint.py", "--config", "tiny"]
        subprocess.run([*maker, "--seed", str(seed), "--out", checkpoint], check=True)
        equal(f"import of seed {seed}", run("import", checkpoint, "--output", self.path).code, 0)
        with Server(model=self.path, state="memory") as server:
            found = Client(server).get("/v1/models").json()["models"][0]
        self.name, self.sha256 = found["name"], found["sha256"]

    def serve(self, folder, *options):
        return Server("--workers", "1", *options, model=self.path, state=folder, env=SLOW)

    def scores(self, body):
        """What `vigil score` makes of a body."""
        file = scratch() / "body.npy"
        file.write_bytes(body)
        ran = run("score", "--format", "json", "--model", self.path, file, timeout=60, env=SLOW)
        result = json.loads(ran.out)
        return result.get("result", result)["coarse"]


first, second = Model(1), Model(2)
expected = {(model.sha256, body): model.scores(body) for model in (first, second) for body in [SHORT, *LONG]}
equal("both have the same name", first.name, second.name)
check("and other digests", first.sha256 != second.sha256)
check("they score otherwise", expected[first.sha256, SHORT] != expected[second.sha256, SHORT])


def finished(client, identifier, body, model, what):
    """The job has succeeded with the scores of `vigil score`."""
    job = client.until(identifier, seconds=60)
    result = job["result"] or {}
    equal(f"{what}: it has succeeded", job["status"], "succeeded")
    check(f"{what}: with that model's scores", result.get("coarse") == expected[model.sha256, body])
    equal(f"{what}: which the result names", result.get("provenance", {}).get("model_sha256"), model.sha256)
    equal(f"{what}: and the job", job.get("model_sha256"), model.sha256)


def begun(folder, *options):
    """A server of the first model, killed while it scored: the jobs' IDs, and the first one's scores so far."""
    # On a busy machine a job can end before the server does: once more, then.
    for _ in range(10):
        shutil.rmtree(folder, ignore_errors=True)
        server = first.serve(folder, *options)
        client = Client(server)
        # The others come at once, so that none waits for another's way to the disk.
        jobs = [client.post(LONG[0], Idempotency_Key='"0"').json()["id"]]
        stream, told, last = Stream(server, f"/jobs/{jobs[0]}/events"), [], None
        body, kind = form(LONG[1:])
        jobs += [job["id"] for job in client.ask("POST", "/score", body, {"Content-Type": kind}).json()["jobs"]]
        for name, last, data in stream:
            told += data["coarse"] if name == "scores" else []
            if len(told) >= 96 or name == "end":
                break
        server.kill()
        with contextlib.closing(sqlite3.connect(folder / "jobs.sqlite")) as database:
            left = database.execute("SELECT count(*) FROM jobs WHERE finished_at IS NULL").fetchone()[0]
        if len(told) >= 96 and name == "scores" and left == len(LONG):
            break
    check("the server ends while the first job is running", len(told) >= 96 and name == "scores", f"{len(told)} {name}")
    return jobs, told, last


def lost(folder):
    """What a server has kept of models is gone."""
    kept = [path.name for path in (folder / "models").iterdir()]
    equal("the state folder has kept the model of its jobs, once", kept, [f"{first.sha256}.safetensors"])
    shutil.rmtree(folder / "models")


def silent(stream, seconds):
    """What a stream tells within so many seconds."""
    found = []
    try:
        for name, _, _ in stream:
            found.append(name)
            # What it has to tell comes however long that takes; then there is silence.
            stream.socket.settimeout(seconds)
    except OSError:
        pass
    return found


with group("the model that its jobs were accepted for is kept beside them"):
    folder = scratch() / "kept"
    waiting, told, last = begun(folder)
    away = first.path.rename(first.path.with_suffix(".away"))
    server = second.serve(folder)
    client = Client(server)
    scores = list(told)
    for name, _, data in Stream(server, f"/jobs/{waiting[0]}/events", last=last):
        scores += data["coarse"] if name == "scores" else []
    check("a stream that goes on has its scores alone", scores == expected[first.sha256, LONG[0]], shown(len(scores)))
    for identifier, body in zip(waiting, LONG):
        finished(client, identifier, body, first, "a job of the model that is not served")
    finished(client, client.post(SHORT, Prefer="wait=60").json()["id"], SHORT, second, "a job of the one that is")
    contains("the log says so", server.text(), "kept beside them", first.sha256[:12])
    check("and nowhere that they wait", "jobs wait" not in server.text(), server.text())
    equal("it leaves in order", server.stop(), 0)
    check("and nothing is kept that no job needs", not (folder / "models").exists())
    away.rename(first.path)

with group("a kept model that is damaged"):
    folder = scratch() / "damaged"
    waiting, told, last = begun(folder)
    kept = folder / "models" / f"{first.sha256}.safetensors"
    whole = kept.read_bytes()
    kept.unlink()
    kept.write_bytes(whole[:-1] + bytes([whole[-1] ^ 1]))
    with second.serve(folder) as server:
        client = Client(server)
        finished(client, client.post(SHORT, Prefer="wait=60").json()["id"], SHORT, second, "a job of the model that is served")
        job = client.job(waiting[0])
        equal("its jobs wait", job["status"], "queued")
        contains("and say why", " ".join(job["warnings"]), "can't be used any more")
        contains("so does a list", " ".join(client.get("/jobs?status=queued&limit=1").json()["jobs"][0]["warnings"]), "can't be used any more")
        contains("/readyz too", client.get("/readyz").body.decode(), "can't be used any more")
        contains("and the log, with the file", server.text(), "can't be brought back", f"{first.sha256}.safetensors")
    with first.serve(folder) as server:
        Client(server).post(SHORT)
        equal("the next job of that model has it kept anew", hashlib.sha256(kept.read_bytes()).hexdigest(), first.sha256)

folder = scratch() / "state"
with group("another model of the same name"):
    waiting, told, last = begun(folder, "--reuse-results")
    lost(folder)
    server = second.serve(folder, "--reuse-results")
    client = Client(server)
    own = client.post(SHORT, Prefer="wait=60").json()
    finished(client, own["id"], SHORT, second, "a job of the model that is served")
    time.sleep(1)
    jobs = [client.job(identifier) for identifier in waiting]
    equal("jobs of the other wait", [job["status"] for job in jobs], ["queued"] * 4)
    equal("they name their model", [job.get("model_sha256") for job in jobs], [first.sha256] * 4)
    equal("they have no place and no estimate", {(j["queue_position"], j["estimated_seconds"]) for j in jobs}, {(None, None)})
    for job in jobs:
        contains("they say why", " ".join(job["warnings"]), first.sha256[:12], "not served")
    answer = client.get("/readyz")
    equal("that does not make the service unready", answer.status, 200)
    contains("/readyz tells how many wait for which model", answer.body.decode(), "4 jobs", first.name, first.sha256[:12])
    contains("the log too", server.text(), "wait", first.sha256[:12], second.sha256[:12])
    equal("a client that waits gets the job as it is", client.get(f"/jobs/{waiting[0]}?wait=1").json()["status"], "queued")
    found = silent(Stream(server, f"/jobs/{waiting[0]}/events", last=last), 2)
    equal("its stream has a status and no scores", found, ["status"])
    again = client.post(LONG[0], Idempotency_Key='"0"')
    equal("the same request is answered by the same job", (again.status, again.json()["id"]), (202, waiting[0]))
    equal("it can be cancelled", client.delete(f"/jobs/{waiting[3]}").json()["status"], "cancelled")
    late = client.post(LONG[1], Prefer="wait=60").json()
    finished(client, late["id"], LONG[1], second, "a later job of the model that is served")
    server.kill()

with group("the first model again"):
    server = first.serve(folder, "--reuse-results")
    client = Client(server)
    scores = list(told)
    for name, _, data in Stream(server, f"/jobs/{waiting[0]}/events", last=last):
        scores += data["coarse"] if name == "scores" else []
    check("a stream that goes on has its scores alone", scores == expected[first.sha256, LONG[0]], shown(len(scores)))
    for identifier, body in zip(waiting[:3], LONG):
        finished(client, identifier, body, first, "a job that had waited")
    finished(client, own["id"], SHORT, second, "what the other model had scored")
    reused = client.post(LONG[1]).json()
    equal("a result answers for the same model", (reused["id"], reused.get("reused")), (waiting[1], True))
    check("nothing waits any more", "wait for" not in client.get("/readyz").body.decode())
    equal("it leaves in order", server.stop(), 0)
    with second.serve(folder, "--reuse-results") as server:
        reused = Client(server).post(LONG[1]).json()
        equal("and never for another", (reused["id"], reused.get("reused")), (late["id"], True))

with group("--on-missing-model fail"):
    folder = scratch() / "failing"
    jobs, told, last = begun(folder)
    lost(folder)
    with second.serve(folder, "--on-missing-model", "fail") as server:
        client = Client(server)
        for identifier in jobs:
            job = client.until(identifier)
            error = job["error"] or {"type": None, "detail": ""}
            equal("a job of another model fails", (job["status"], error["type"]), ("failed", "/problems/other-model"))
            contains("its error names both", error["detail"], first.sha256, second.sha256)
        found = [name for name, _, _ in Stream(server, f"/jobs/{jobs[0]}/events", last=last)]
        equal("its stream ends without a score", found, ["status", "end"])
        contains("the log says how many", server.text(), "fail", first.sha256[:12])
        own = client.post(SHORT, Prefer="wait=60").json()
        finished(client, own["id"], SHORT, second, "a job of the model that is served")
    ran = run("serve", "--on-missing-model", "perhaps", env={"VIGIL_PORT": "0"})
    equal("another way to treat them is none", ran.code, 64)
    contains("which is said", ran.last, "--on-missing-model", "wait, fail or rescore")
    ran = run("serve", env={"VIGIL_PORT": "0", "VIGIL_ON_MISSING_MODEL": "never"})
    equal("nor in the environment", ran.code, 78)

with group("--on-missing-model rescore"):
    folder = scratch() / "rescoring"
    jobs, told, last = begun(folder)
    lost(folder)
    with second.serve(folder, "--on-missing-model", "rescore") as server:
        client = Client(server)
        for identifier, body in zip(jobs, LONG):
            job = client.until(identifier, seconds=60)
            result = job["result"] or {}
            equal("a job of another model is scored", job["status"], "succeeded")
            check("by the one that is served", result.get("coarse") == expected[second.sha256, body])
            found = (job["model_sha256"], result.get("provenance", {}).get("accepted_for_sha256"))
            equal("and says for which it was accepted", found, (first.sha256, first.sha256))
            equal("and by which it was scored", result.get("provenance", {}).get("model_sha256"), second.sha256)
            contains("its warnings too", " ".join(job["warnings"]), "accepted for", first.sha256[:8], second.sha256[:8])
        own = client.post(SHORT, Prefer="wait=60").json()
        check("others have no such mark", "accepted_for_sha256" not in own["result"]["provenance"])
        check("and no such warning", not any("accepted for" in text for text in own["warnings"]), str(own["warnings"]))
        contains("the log says how many", server.text(), "another model", first.sha256[:12])
finish()
