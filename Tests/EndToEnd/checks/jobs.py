"""A job's life: queued, polled, waited for, listed, cancelled, forgotten."""

import time

from support.harness import check, contains, equal, finish, group, need, shown

need("jobs", "numpy", "requests")

import requests  # noqa: E402

from support import features, slow  # noqa: E402
from support.jobs import alike  # noqa: E402
from support.process import Server  # noqa: E402

NPY = {"Content-Type": "application/x-npy"}
KEYS = [
    "id",
    "status",
    "priority",
    "created_at",
    "started_at",
    "finished_at",
    "attempt",
    "queue_position",
    "estimated_seconds",
    "progress",
    "model",
    "model_sha256",
    "phase",
    "snippets",
    "features_sha256",
    "warnings",
    "result",
    "error",
]
# For the slow model: it runs until it is cancelled.
LONG_ROWS = 60_000
LONG = alike(LONG_ROWS)
SHORT = features.npy(features.video(20))

with Server("--workers", "1", *slow.beside()) as server:

    def post(body, query="", **headers):
        return requests.post(f"{server.url}/score{query}", data=body, headers={**NPY, **headers}, timeout=60)

    def get(path, **headers):
        return requests.get(server.url + path, headers=headers, timeout=60)

    def until(identifier, *statuses, seconds=120):
        end = time.monotonic() + seconds
        while (job := get(f"/jobs/{identifier}").json())["status"] not in statuses and time.monotonic() < end:
            time.sleep(0.01)
        return job

    with group("a job that ends"):
        answer = post(SHORT)
        job = answer.json()
        equal("202", answer.status_code, 202)
        equal("Location", answer.headers["Location"], f"/jobs/{job['id']}")
        equal("the job's members, in order", list(job), KEYS)
        done = get(f"/jobs/{job['id']}?wait=20")
        equal("?wait ends with the job", (done.status_code, done.json()["status"]), (200, "succeeded"))
        contains("Server-Timing", done.headers.get("Server-Timing", ""), "queue", "score", "write")
        tag = done.headers["ETag"]
        again = get(f"/jobs/{job['id']}", **{"If-None-Match": tag})
        equal("304 for what is known", (again.status_code, again.content, again.headers.get("ETag")), (304, b"", tag))
        equal("304 for a list with it", get(f"/jobs/{job['id']}", **{"If-None-Match": f'"x", {tag}'}).status_code, 304)
        equal("304 for *", get(f"/jobs/{job['id']}", **{"If-None-Match": "*"}).status_code, 304)
        equal("200 for another tag", get(f"/jobs/{job['id']}", **{"If-None-Match": '"x"'}).status_code, 200)
        table = get(f"/jobs/{job['id']}", Accept="application/x-npy")
        check("the npy has another ETag", table.headers["ETag"] != tag, tag)
        head = requests.head(f"{server.url}/jobs/{job['id']}", timeout=60)
        equal("HEAD has no body", head.content, b"")
        # Server-Timing's "write" is measured anew, all else is the same.
        same = [head.headers.get(name) == done.headers.get(name) for name in ("Content-Type", "Content-Length", "ETag")]
        check("HEAD has GET's headers", all(same), f"{dict(head.headers)} {dict(done.headers)}")
        equal("no Retry-After once it has ended", done.headers.get("Retry-After"), None)
    with group("waiting"):
        answer = post(SHORT, Prefer="wait=20")
        equal("Prefer: wait", (answer.status_code, answer.json()["status"]), (200, "succeeded"))
        equal("Preference-Applied", answer.headers.get("Preference-Applied"), "wait=20")
        contains("Server-Timing", answer.headers.get("Server-Timing", ""), "queue", "score", "write")
        contains("Location", answer.headers.get("Location", ""), answer.json()["id"])
        for prefer in ("WAIT = 20", "respond-async, wait=20", 'wait="20"'):
            equal(f"Prefer: {prefer}", post(SHORT, Prefer=prefer).status_code, 200)
        for prefer in ("wait=x", "wait=-1", "return=minimal", "respond-async"):
            check(f"Prefer: {prefer} is passed over", post(SHORT, Prefer=prefer).status_code in (200, 202))
        for wait in ("x", "-1", "nan", "inf", "1e9"):
            equal(f"?wait={wait}: 422", get(f"/jobs/{answer.json()['id']}?wait={wait}").status_code, 422)
    with group("validate_only"):
        before = len(get("/jobs?limit=1000").json()["jobs"])
        answer = post(SHORT, "?validate_only=true")
        equal("a report", (answer.status_code, answer.json()["rows"]), (200, 20))
        equal("nothing queued", len(get("/jobs?limit=1000").json()["jobs"]), before)
    with group("queued and running"):
        running = post(LONG, "?model=slow").json()["id"]
        shown_running = until(running, "running")
        equal("it runs", shown_running["status"], "running")
        # Some jobs are taken up together and take turns; the next ones wait.
        begun, fillers = running, []
        while len(fillers) < 8 and (not fillers or get(f"/jobs/{fillers[-1]}").json()["status"] != "queued"):
            fillers.append(post(LONG, "?model=slow").json()["id"])
            time.sleep(0.02)
        first, second = post(SHORT, "?priority=low").json()["id"], post(SHORT).json()["id"]
        urgent = post(SHORT, "?priority=high").json()["id"]
        found = {name: get(f"/jobs/{one}") for name, one in (("low", first), ("normal", second), ("high", urgent))}
        equal("queued", {answer.json()["status"] for answer in found.values()}, {"queued"})
        positions = [found[name].json()["queue_position"] for name in ("high", "normal", "low")]
        check(
            "their places follow the priority",
            positions == sorted(positions) and len(set(positions)) == 3,
            str(positions),
        )
        check(
            "Retry-After while it waits",
            found["low"].headers.get("Retry-After", "").isdigit(),
            str(found["low"].headers),
        )
        check("an estimate", isinstance(found["low"].json()["estimated_seconds"], (int, float)), found["low"].text)
        tag = found["low"].headers["ETag"]
        quiet = get(f"/jobs/{first}", **{"If-None-Match": tag})
        equal("304 while nothing is new", quiet.status_code, 304)
        waited = time.monotonic()
        answer = get(f"/jobs/{first}?wait=0.3")
        waited = time.monotonic() - waited
        check(
            "?wait gives up in time",
            answer.json()["status"] == "queued" and 0.25 < waited < 60,
            f"{waited:.2f} s {answer.text[:80]}",
        )
        answer = post(SHORT, Prefer="wait=0")
        equal("Prefer: wait=0 is 202 at once", answer.status_code, 202)
        equal("npy of a queued job: 406", get(f"/jobs/{first}", Accept="application/x-npy").status_code, 406)
        progress = shown_running["progress"]
        check("progress", 0 <= progress["chunks_done"] < progress["chunks"] == LONG_ROWS // 32, str(progress))
        answer = requests.delete(f"{server.url}/jobs/{second}")
        equal("DELETE of a queued one", (answer.status_code, answer.json()["status"]), (200, "cancelled"))
        equal("it stays cancelled", get(f"/jobs/{second}").json()["status"], "cancelled")
        running = get("/jobs?status=running").json()["jobs"][0]["id"]
        answer = requests.delete(f"{server.url}/jobs/{running}")
        equal("DELETE of a running one", answer.status_code, 202)
        answer = requests.delete(f"{server.url}/jobs/{second}?forget=false")
        equal("DELETE of an ended one that forgets nothing", (answer.status_code, answer.json()["status"]), (200, "cancelled"))
        equal("it is still there", get(f"/jobs/{second}").json()["status"], "cancelled")
        equal("forget= has to be one of two", requests.delete(f"{server.url}/jobs/{second}?forget=maybe").status_code, 422)
        for one in {begun, *fillers} - {running}:
            requests.delete(f"{server.url}/jobs/{one}")
        job = get(f"/jobs/{running}?wait=60").json()
        equal("it ends cancelled, with no result", (job["status"], job["result"]), ("cancelled", None))
        done = get(f"/jobs/{first}?wait=60").json()
        equal("those behind it run", done["status"], "succeeded")
        order = sorted((until(urgent, "succeeded")["started_at"], done["started_at"]))
        equal("the urgent one first", order[0], until(urgent, "succeeded")["started_at"])
        for one in (first, running):
            equal("DELETE of an ended one: 204", requests.delete(f"{server.url}/jobs/{one}").status_code, 204)
            equal("then it is unknown", get(f"/jobs/{one}").status_code, 404)
    with group("the list"):
        for _ in range(25):
            post(SHORT)
        until(post(SHORT).json()["id"], "succeeded")
        # Jobs take turns: the last one need not be the last to end.
        while any(get(f"/jobs?limit=1&status={status}").json()["jobs"] for status in ("queued", "running")):
            time.sleep(0.01)
        everything = get("/jobs?limit=1000").json()
        identifiers = [job["id"] for job in everything["jobs"]]
        equal("newest first", identifiers, sorted(identifiers, reverse=True))
        equal("the end has no next", everything.get("next"), None)
        pages, cursor = [], ""
        while True:
            page = get(f"/jobs?limit=7{cursor}").json()
            pages += [job["id"] for job in page["jobs"]]
            if not page["next"]:
                break
            cursor = f"&cursor={page['next']}"
        equal("pages of 7 make the whole", pages, identifiers)
        for status in ("succeeded", "cancelled", "queued", "running", "failed"):
            found = [job["id"] for job in get(f"/jobs?status={status}&limit=1000").json()["jobs"]]
            wanted = [job["id"] for job in everything["jobs"] if job["status"] == status]
            equal(f"status={status}", found, wanted)
        check("no results in the list", all(job["result"] is None for job in everything["jobs"]))
    with group("features too large for the model"):
        job = post(features.npy(features.video(20) * 3e37), Prefer="wait=20").json()
        check(
            "scores that are not finite fail the job", job["status"] == "failed" and job["error"]["detail"], shown(job)
        )
    with group("health"):
        for path in ("/livez", "/readyz", "/healthz"):
            answer = get(path)
            equal(path, (answer.status_code, answer.json()["status"]), (200, "ok"))
        check("the description", get("/openapi.yaml").text.startswith("openapi"), get("/openapi.yaml").text[:60])

with Server("--result-ttl", "1") as server:
    with group("expiry"):
        # On a busy machine its second can be over before it is asked for: once more, then.
        for _ in range(50):
            job = requests.post(server.url + "/score", data=SHORT, headers={**NPY, "Prefer": "wait=60"}).json()
            if (found := requests.get(f"{server.url}/jobs/{job['id']}").status_code) == 200:
                break
        equal("kept at first", found, 200)
        end = time.monotonic() + 60
        while requests.get(f"{server.url}/jobs/{job['id']}").status_code == 200 and time.monotonic() < end:
            time.sleep(0.1)
        equal("404 once expired", requests.get(f"{server.url}/jobs/{job['id']}").status_code, 404)
finish()
