"""Several models at once: which one a request gets, one upload for many, names, and a broken model among sound ones."""

import os
import signal
import time

from support.harness import check, contains, equal, finish, group, need, scratch

need("several_models", "numpy", shared=True)

from support import features, slow  # noqa: E402
from support.jobs import Client, alike  # noqa: E402
from support.models import Model  # noqa: E402
from support.process import Server, run  # noqa: E402

SHORT = features.npy(features.video(40))
LARGE = features.npy(features.video(2_000))
models = {name: Model(seed) for seed, name in enumerate(("one", "two", "three", "four", "five"), 1)}
expected = {name: model.scores(SHORT) for name, model in models.items()}
options = [word for name, model in models.items() for word in ("--model", f"{name}={model.path}")]
broken = scratch() / "broken.safetensors"
broken.write_bytes(models["one"].path.read_bytes()[:2_000])

with Server(*options, "--model", f"broken={broken}") as server:
    client = Client(server)
    with group("which model scores"):
        for query, name in (("", "one"), ("?model=two", "two"), (f"?model=three@{models['three'].sha256[:6]}", "three")):
            job = client.post(SHORT, query, Prefer="wait=60").json()
            found = (job["model"], job["model_sha256"], job["result"]["model"])
            equal(f"'{query}' is a job of its model", found, (name, models[name].sha256, name))
            check(f"'{query}' has its scores", job["result"]["coarse"] == expected[name])
            provenance = job["result"]["provenance"]["model_sha256"]
            equal(f"'{query}' says so in its provenance", provenance, models[name].sha256)
        body, kind = features.multipart(SHORT, fields=[("model", "four")])
        job = client.ask("POST", "/score", body, {"Content-Type": kind, "Prefer": "wait=60"}).json()
        equal("a field of a form says it too", (job["model"], job["result"]["coarse"]), ("four", expected["four"]))
        for text in ("six", "one@ffffffff", "../x", "%C3%A9", "a" * 300):
            answer = client.post(SHORT, f"?model={text}")
            equal(f"{text[:20]}: no such model is 404", (answer.status, answer.problem()), (404, "unknown-model"))
        contains("which names those that there are", client.post(SHORT, "?model=six").json()["detail"], *expected)
    with group("one upload, five models"):
        names = ",".join(models)
        batch = client.post(SHORT, f"?model={names}", Prefer="wait=60").json()
        equal("is a batch with a job of each", [job["model"] for job in batch["jobs"]], list(models))
        for job in batch["jobs"]:
            result = client.job(job["id"])["result"]
            check(f"{job['model']}: its own scores", result["coarse"] == expected[job["model"]])
        equal("which have the features in common", len({job["features_sha256"] for job in batch["jobs"]}), 1)
        again = client.post(SHORT, "?model=two&model=three", Prefer="wait=60").json()
        equal("several parameters are the same", [job["model"] for job in again["jobs"]], ["two", "three"])
        answer = client.post(SHORT, "?model=one,one")
        equal("each once", (answer.status, answer.problem()), (422, "invalid-parameter"))
        report = client.post(SHORT, f"?model={names}&validate_only=true")
        equal("what is only looked at has one report", (report.status, report.json()["rows"]), (200, 40))
    with group("the jobs of a model"):
        def listed(query):
            found, cursor = [], ""
            while cursor is not None:
                page = client.get(f"/jobs?limit=2&{query}&cursor={cursor}").json()
                found += page["jobs"]
                cursor = page["next"]
            return {(job["model"], job["model_sha256"]) for job in found}, len(found)

        for name, model in models.items():
            pair = {(name, model.sha256)}
            equal(f"{name}: by name", listed(f"model={name}")[0], pair)
            equal(f"{name}: by digits", listed(f"model={name}@{model.sha256[:5].upper()}"), listed(f"model={name}"))
            equal(f"{name}: with a status", listed(f"model={name}&status=succeeded"), listed(f"model={name}"))
        equal("none of another name or digest", (listed("model=six")[1], listed("model=one@000000")[1]), (0, 0))
        for text in ("one@", "one@x", "one@" + "0" * 65, "one,two", "@94", "one%20two", "one@9@1", "x" * 65):
            answer = client.get(f"/jobs?model={text}")
            equal(f"{text[:8]} is refused", (answer.status, answer.problem()), (422, "invalid-parameter"))
    with group("what there is"):
        found = client.get("/v1/models").json()["models"]
        states = {model["name"]: (model["state"], model["default"]) for model in found}
        usual = {name: ("ready", name == "one") for name in models}
        equal("/v1/models has all", states, usual | {"broken": ("failed", False)})
        contains("and why one is not served", found[-1]["reason"], "broken.safetensors")
        digests = {model["name"]: model.get("sha256") for model in found}
        equal("with their digests", digests, {name: model.sha256 for name, model in models.items()} | {"broken": None})
        ready = client.get("/readyz")
        equal("a broken one among them makes nothing unready", ready.status, 200)
        contains("which is told", ready.body.decode(), "'broken' is not served")
        contains("in the log too", server.text(), "model=broken")
        metrics = client.get("/metrics").body.decode()
        check("metrics tell of each", all(f'model="{name}"' in metrics for name in models))

with group("a canary"):
    words = ["--model", f"one={models['one'].path}", "--model", f"two={models['two'].path}"]
    place = scratch() / "canary.safetensors"
    models["two"].put(place)
    with Server(*words, "--canary", f"one={place}:100%") as server:
        client = Client(server)

        def standing():
            return client.get("/v1/models").json()["models"][0]["canary"]

        def until(what, holds, seconds=120):
            end = time.monotonic() + seconds
            while not holds() and time.monotonic() < end:
                time.sleep(0.1)
            check(what, holds(), str(standing()))

        until("is read once the server serves", lambda: standing()["state"] == "comparing")
        for query, name in (("", "one"), ("?model=two", "two"), ("", "one")):
            job = client.post(SHORT, query, Prefer="wait=60").json()
            check(f"changes no result of {name}", job["result"]["coarse"] == expected[name])
            equal("nor what it says of itself", job["result"]["provenance"]["model_sha256"], models[name].sha256)
        until("is told of by /v1/models, with the jobs of its model", lambda: standing()["jobs"] == 2)
        differ = [abs(one - two) for one, two in zip(expected["one"], expected["two"])]
        found = standing()
        equal("with its file", found["sha256"], models["two"].sha256)
        check("with how far they differ", abs(found["mean"] - sum(differ) / len(differ)) < 1e-6, str(found))
        lines = client.get("/metrics").body.decode().splitlines()
        counts = dict(line.rsplit(" ", 1) for line in lines if line.startswith("vigil_canary"))
        equal("metrics count each", counts.get('vigil_canary_jobs_total{outcome="compared"}'), "2")
        equal("with its snippets", counts.get("vigil_canary_snippets_total"), "80")
        for step, told in zip(("0.01", "0.1", "0.5"), found["changed"]):
            count = 2 * sum(difference >= float(step) for difference in differ)
            equal(f"that differ by {step}", counts.get(f'vigil_canary_changed_snippets_total{{by="{step}"}}'), str(count))
            equal(f"in /v1/models too ({step})", told["snippets"], count)
        contains("and told in the log", server.text(), "scored by the canary too", models["two"].sha256)
        read = server.text().count("the canary was read")
        os.kill(server.child.pid, signal.SIGHUP)
        until("SIGHUP is taken", lambda: "SIGHUP: " in server.text())
        line = next((line for line in server.text().splitlines() if "SIGHUP: " in line), "")
        check("which says that its file has not changed", "canary" in line.partition("unchanged=")[2], line)
        equal("an unchanged canary file is not read again on SIGHUP", server.text().count("the canary was read"), read)
        with open(place, "r+b") as file:
            file.truncate(100)
        job = client.post(SHORT, Prefer="wait=60").json()
        check("whose file is cut short costs no job", job["result"]["coarse"] == expected["one"])
        until("and is what it was", lambda: standing()["jobs"] == 3)
        os.kill(server.child.pid, signal.SIGHUP)
        until("until it is read again, which is told", lambda: standing()["state"] == "failed")
        contains("with the reason", standing()["reason"], "canary.safetensors")
        job = client.post(SHORT, Prefer="wait=60").json()
        check("and costs no job", job["result"]["coarse"] == expected["one"])
        models["one"].put(place)
        os.kill(server.child.pid, signal.SIGHUP)
        until("what is served already is not compared", lambda: standing()["state"] == "served")
    with Server(*words, "--canary", f"one={broken}:5%") as server:
        client = Client(server)
        until("a broken one keeps no server from serving", lambda: standing()["state"] == "failed")
        equal("nor a job", client.post(SHORT, Prefer="wait=60").json()["status"], "succeeded")
        contains("and the log says why", server.text(), "jobs are scored without it")
    for text in ("none=%s:5%%" % models["two"].path, "one=x", "one=x:0%", "one=x:101%", "x:5%"):
        equal(f"--canary {text[:12]}", run("serve", "--port", "0", *words, "--canary", text).code, 64)

with group("one copy of a large upload on disk"):
    state = scratch() / "state"
    with Server(*options, "--model", f"slow={slow.model()}", "--workers", "1", state=state) as server:
        client = Client(server)
        # The worker holds two jobs at a time.
        blockers = {client.post(alike(30_000), "?model=slow&priority=high").json()["id"] for _ in range(3)}
        bodies = [client.post(LARGE, "?model=one,two,three,four,five").json() for _ in range(5)]
        waiting = [path.stat() for path in (state / "files").glob("*.in") if path.stem not in blockers]
        equal("the jobs of one upload share its file", (len(waiting), len({one.st_ino for one in waiting})), (25, 5))
        for one in blockers:
            client.delete(f"/jobs/{one}")
        for body in bodies:
            jobs = [client.until(job["id"]) for job in body["jobs"]]
            equal("and all of them end well", {job["status"] for job in jobs}, {"succeeded"})
        end = time.monotonic() + 120
        while (left := list((state / "files").glob("*.in"))) and time.monotonic() < end:
            time.sleep(0.02)
        equal("and it goes with the last", left, [])

with group("what can't be served"):
    one = models["one"].path
    for text, code in (("../x", 64), ("é", 64), ("a" * 300, 64), ("", 64), (".hidden", 64)):
        ran = run("serve", "--port", "0", "--model", f"{text}={one}")
        equal(f"the name '{text[:20]}' is refused", ran.code, code)
        contains("with what is expected", ran.last, "--model", "letters, digits")
    ran = run("serve", "--port", "0", "--model", one, "--model", one)
    equal("two of one name are refused", ran.code, 64)
    contains("by that name", ran.last, "two models are called 'ucf-crime'")
    ran = run("serve", "--port", "0", "--model", f"broken={broken}", "--model", f"one={one}")
    equal("a broken default ends it", ran.code, 65)
    ran = run("serve", "--port", "0", "--model", "two=/nowhere/x.safetensors", "--model", f"one={one}")
    equal("one that is not there too", ran.code, 66)
    with Server("--model", f"one={one}", "--model", "two=/nowhere/x.safetensors", state="memory") as server:
        found = Client(server).get("/v1/models").json()["models"]
        equal("another that is not there is left out, as a broken one is", [model["state"] for model in found], ["ready", "failed"])
        contains("with the reason", found[1]["reason"], "/nowhere/x.safetensors", "no such file")
        contains("which is logged", server.text(), "model=two")
    ran = run("score", "--model", "/nowhere/x.safetensors", one)
    equal("for vigil score it is none", ran.code, 66)
    ran = run("serve", env={"VIGIL_PORT": "0", "VIGIL_MODEL": f"../x={one}"})
    equal("also in the environment", ran.code, 78)
    with Server(env={"VIGIL_MODEL": f"a={one},b={models['two'].path}"}, state="memory") as server:
        found = [model["name"] for model in Client(server).get("/v1/models").json()["models"]]
        equal("which can name several", found, ["a", "b"])
    file = scratch() / "vigil.json"
    file.write_text('{"model": ["a=%s", "b=%s"]}' % (one, models["two"].path))
    with Server("--config", file, state="memory") as server:
        found = [model["name"] for model in Client(server).get("/v1/models").json()["models"]]
        equal("and so can a config file", found, ["a", "b"])
finish()
