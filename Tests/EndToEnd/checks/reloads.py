"""Models that are replaced while requests come: none fails, none has two models' scores; and what comes, changes and goes."""

import hashlib
import os
import signal
import threading
import time

from support.harness import LONG, check, contains, equal, finish, group, need, note, scratch

need("reloads", "numpy", shared=True)

from support import features  # noqa: E402
from support.jobs import Client, every  # noqa: E402
from support.models import Model  # noqa: E402
from support.process import Server  # noqa: E402

REQUESTS, RELOADS = (10_000, 50) if LONG else (300, 10)
SHORT = features.npy(features.video(40))
models = [Model(seed) for seed in (1, 2, 3)]
expected = {model.sha256: model.scores(SHORT) for model in models}
folder = scratch()
file = folder / "model.safetensors"


def load(client, name, body=None, verb="load"):
    return client.ask("POST", f"/v1/models/{name}/{verb}", body, {"Content-Type": "application/json"})


def standing(client, name="live"):
    return {model["state"]: model.get("sha256") for model in client.get("/v1/models").json()["models"] if model["name"] == name}


def until(what, holds, seconds=120):
    end = time.monotonic() + seconds
    while not holds() and time.monotonic() < end:
        time.sleep(0.1)
    check(what, holds())


with group("requests while the model is replaced again and again"):
    models[0].put(file)
    with Server("--model", f"live={file}") as server:
        done = threading.Event()
        reloads, faults = [], []

        def replace():
            client = Client(server)
            while not done.is_set() or len(reloads) < RELOADS:
                model = models[(len(reloads) + 1) % 3]
                model.put(file)
                if len(reloads) % 3 == 2:
                    os.kill(server.child.pid, signal.SIGHUP)
                    end = time.monotonic() + 120
                    while standing(client).get("ready") != model.sha256 and time.monotonic() < end:
                        time.sleep(0.01)
                    found = standing(client).get("ready")
                else:
                    answer = load(client, "live")
                    found = answer.json().get("sha256") if answer.status == 200 else str(answer)
                if found != model.sha256:
                    faults.append(found)
                reloads.append(found)

        def ask(number):
            client = Client(server)
            answer = client.post(SHORT, "?model=live" if number % 2 else "", Prefer="wait=60")
            if answer.status != 200:
                return str(answer)
            job = answer.json()
            sha256 = job["model_sha256"]
            if job["status"] != "succeeded" or job["result"]["provenance"]["model_sha256"] != sha256:
                return str(job)[:300]
            return sha256 if job["result"]["coarse"] == expected.get(sha256) else f"scores of another than {sha256}"

        changing = threading.Thread(target=replace)
        changing.start()
        found = every(ask, range(REQUESTS), threads=8)
        while len(reloads) < RELOADS and len(found) < 100 * REQUESTS:
            found += every(ask, range(8), threads=8)
        done.set()
        changing.join()
        note(f"{len(found)} requests while {len(reloads)} reloads")
        wrong = [answer for answer in found if answer not in expected]
        check("none fails, and none has other scores than those of the model that its job names", not wrong, str(wrong[:3]))
        equal("every reload is answered once the new one is served", faults, [])
        check("requests met several models", len(set(found)) > 1, str(set(found)))
        client = Client(server)
        until("what is neither served nor one step back is let go", lambda: "retiring" not in standing(client))
        if "retiring" in standing(client):
            note(str(client.get("/v1/models").json()["models"]))

with group("a file that is written over in its place"):
    models[0].put(file)
    with Server("--model", f"live={file}", "--workers", "2") as server:
        client = Client(server)
        client.post(SHORT, Prefer="wait=60")
        until("it is served by a copy soon", lambda: "(deleted)" in (
            open(f"/proc/{server.child.pid}/maps").read()))
        over = threading.Event()

        def write():
            number = 0
            while not over.is_set():
                number += 1
                with open(file, "r+b") as target:
                    target.truncate(0)
                    time.sleep(0.01)
                    target.write(models[number % 3].path.read_bytes())

        writing = threading.Thread(target=write)
        writing.start()
        found = []
        try:
            for number in range(100):
                job = client.post(SHORT, Prefer="wait=60").json()
                coarse = (job["result"] or {}).get("coarse")
                found.append((job["model_sha256"], job["status"], coarse == expected[models[0].sha256]))
            for number in range(200):
                # Whatever of it there is by then: it is read, or it is not, and the server goes on.
                client.ask("POST", "/v1/models/live/load")
        finally:
            over.set()
            writing.join()
        equal("changes nothing of what is served", set(found), {(models[0].sha256, "succeeded", True)})
        equal("nor does reading it meanwhile end the server", client.get("/livez").status, 200)
        models[1].put(file)
        equal("and what it is in the end can be loaded", load(client, "live").json()["sha256"], models[1].sha256)

with group("a model that can't be used"):
    models[0].put(file)
    with Server("--model", f"live={file}", "--model", f"other={models[1].path}") as server:
        client = Client(server)
        file.with_name("half").write_bytes(file.read_bytes()[:5_000])
        file.with_name("half").rename(file)
        answer = load(client, "live")
        equal("is told", (answer.status, answer.problem()), (422, "unusable-model"))
        equal("and what was served stays", standing(client), {"ready": models[0].sha256})
        job = client.post(SHORT, Prefer="wait=60").json()
        check("with its scores", job["result"]["coarse"] == expected[models[0].sha256])
        contains("and /v1/models says why", client.get("/v1/models").json()["models"][0]["reason"], "model.safetensors")
        models[2].put(file)
        equal("once it is whole it is served", load(client, "live").json()["sha256"], models[2].sha256)
        equal("the one before is kept", standing(client), {"ready": models[2].sha256, "kept": models[0].sha256})
        job = client.post(SHORT, f"?model=live@{models[0].sha256[:8]}", Prefer="wait=60").json()
        check("and to be had by its digest", job["result"]["coarse"] == expected[models[0].sha256])
        equal("one command rolls back", load(client, "live", verb="rollback").json()["sha256"], models[0].sha256)
        os.kill(server.child.pid, signal.SIGHUP)
        until("SIGHUP is taken", lambda: "SIGHUP" in server.text())
        equal("and does not undo it", standing(client)["ready"], models[0].sha256)
        wish = '{"version": "%s"}' % models[2].sha256[:10]
        equal("another goes to a version", load(client, "live", wish).json()["sha256"], models[2].sha256)
        for body, status in (('{"file": "/etc/passwd"}', 422), ('{"file": "x"}', 422), ("[]", 422), ('{"path": "x"}', 422)):
            equal(f"{body} is refused", load(client, "live", body).status, status)
        for text in ("none", "%C3%A9", "a" * 300):
            answer = load(client, text)
            equal(f"{text[:10]}: an unknown name is 404", (answer.status, answer.problem()), (404, "unknown-model"))
        equal("no path comes of one", load(client, "..%2fx").status, 400)
        answer = load(client, "live", verb="unload")
        equal("the default stays", (answer.status, answer.problem()), (409, "model-stays"))
        equal("another can go", load(client, "other", verb="unload").json()["state"], "unloaded")
        equal("and is not to be had then", client.post(SHORT, "?model=other").status, 404)
        equal("until it is loaded", load(client, "other").json()["sha256"], models[1].sha256)
        equal("and is to be had", client.post(SHORT, "?model=other").status, 202)

with group("a folder of models"):
    place = scratch() / "models"
    place.mkdir()
    models[0].put(place / "a.safetensors")
    (place / "b.safetensors").write_bytes(models[1].path.read_bytes()[:3_000])
    (place / "é.safetensors").write_bytes(models[1].path.read_bytes())
    with Server("--models", place) as server:
        client = Client(server)
        equal("each file is a model", standing(client, "a"), {"ready": models[0].sha256})
        equal("a half-written one is none", list(standing(client, "b")), ["failed"])
        models[1].put(place / "b.safetensors")
        models[2].put(place / "c.safetensors")
        until("once it is whole it is served", lambda: standing(client, "b") == {"ready": models[1].sha256})
        until("what comes is served", lambda: standing(client, "c") == {"ready": models[2].sha256})
        models[0].put(place / "c.safetensors")
        until("what changes too", lambda: standing(client, "c").get("ready") == models[0].sha256)
        (place / "c.safetensors").unlink()
        until("what goes is known no longer", lambda: standing(client, "c") == {})
        models[2].put(place / "d.safetensors")
        answer = load(client, "a", '{"file": "d.safetensors"}')
        equal("a name can be given another file of the folder", answer.json().get("sha256"), models[2].sha256)
        equal("which lasts until the server ends", answer.json().get("until_restart"), True)
        check("what has its own says nothing of that", "until_restart" not in load(client, "b").json())
        equal("and nothing outside it", load(client, "a", '{"file": "../x"}').status, 422)

with group("who may"):
    keys = scratch() / "keys"
    keys.write_text("".join(
        f"{name}:{hashlib.sha256(name.encode()).hexdigest()} role={role}\n"
        for name, role in (("boss", "admin"), ("sender", "submitter"), ("looker", "reader"))
    ))
    models[0].put(file)
    with Server("--model", f"live={file}", "--api-keys", keys) as server:
        for name, status in (("boss", 200), ("sender", 403), ("looker", 403)):
            client = Client(server, {"Authorization": f"Bearer {name}"})
            equal(f"{name} loads", load(client, "live").status, status)
        equal("nobody without a key", load(Client(server), "live").status, 401)
finish()
