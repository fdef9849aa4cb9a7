"""Whose job is next, how much one client may queue, keys, deadlines, lists: the queue as its clients see it."""

import datetime
import threading
import time

from support.harness import check, equal, finish, group, need, note, scratch, shown

need("queueing", "numpy")

from support import features, slow  # noqa: E402
from support.jobs import ENDED, Client, alike, every, form  # noqa: E402
from support.process import Server  # noqa: E402

TINY, SMALL = features.npy(features.video(3)), features.npy(features.video(256))


# What holds a worker is a job of a slow model, which the server has beside its own.
BLOCKER = alike(60_000)
ONE_WORKER = ["--workers", "1", "--max-queued", "10000", "--max-queued-memory", "4096"]
BY_ADDRESS = ["--trusted-proxies", "127.0.0.1/32"]


def at(address):
    return {"X-Forwarded-For": address}


def block(client):
    """Takes the worker, which holds two jobs at a time, until the jobs that it returns are cancelled."""
    blockers = [client.post(BLOCKER, "?priority=high&model=slow").json()["id"] for _ in range(3)]
    end = time.monotonic() + 120
    while len(client.all("&status=running")) < 2 and time.monotonic() < end:
        time.sleep(0.01)
    return blockers


def running(client):
    """The newest job that is running, as the list shows it."""
    return next(iter(client.all("&status=running")), None)


def cancel(client, jobs):
    for one in jobs:
        client.delete(f"/jobs/{one}")


def moment(text):
    return datetime.datetime.fromisoformat(text).timestamp()


def stamp(seconds):
    return (
        datetime.datetime.fromtimestamp(seconds, datetime.timezone.utc)
        .isoformat(timespec="milliseconds")
        .replace("+00:00", "Z")
    )


def parallel(count, work):
    """What `work(number)` gives, all begun at the same moment."""
    barrier, found = threading.Barrier(count), [None] * count

    def run(number):
        barrier.wait()
        try:
            found[number] = work(number)
        except Exception as error:
            found[number] = error

    threads = [threading.Thread(target=run, args=(number,)) for number in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(300)
    return found


with Server(*ONE_WORKER, *slow.beside()) as server:
    client = Client(server)
    with group("priorities"):
        blockers = block(client)
        sent = {
            name: [client.post(TINY, f"?priority={name}").json()["id"] for _ in range(10)]
            for name in ("low", "normal", "high")
        }
        check("they wait", client.job(sent["low"][0])["status"] == "queued")
        places = [client.job(sent[name][0])["queue_position"] for name in ("high", "normal", "low")]
        check("their places say so", places == sorted(places) and len(set(places)) == 3, str(places))
        cancel(client, blockers)
        jobs = client.settled()
        begun = {name: [jobs[one]["started_at"] for one in ids] for name, ids in sent.items()}
        check("high before normal", max(begun["high"]) <= min(begun["normal"]), shown(begun))
        check("normal before low", max(begun["normal"]) <= min(begun["low"]), shown(begun))
        check("within one the oldest first", all(some == sorted(some) for some in begun.values()), shown(begun))
    with group("deadlines"):
        blockers = block(client)
        late = client.post(TINY, "?deadline=0.2").json()
        # One that has passed as it arrives would be refused.
        for ahead in (0.3, 1, 3, 10, 30):
            later = client.post(TINY, f"?deadline={stamp(time.time() + ahead)}").json()
            if later.get("id"):
                break
        fine = client.post(TINY, "?deadline=3600").json()
        check("the document has it", late.get("deadline") and later.get("deadline"), shown(late))
        for name, one in (("in seconds", late), ("as a time", later)):
            job = client.until(one["id"])
            error = (job["error"] or {}).get("type")
            equal(f"a deadline {name}: fails", (job["status"], error), ("failed", "/problems/deadline-passed"))
        check("while others still hold the worker", (running(client) or {}).get("id") in blockers)
        cancel(client, blockers)
        equal("one in time runs", client.until(fine["id"])["status"], "succeeded")
        for value in ("-1", "x", "nan", "inf", "1e30", "2026-99-01T00:00:00Z"):
            answer = client.post(TINY, f"?deadline={value}")
            equal(f"deadline={value}: 422", (answer.status, answer.problem()), (422, "invalid-parameter"))
        past = client.post(TINY, "?deadline=2001-01-01T00:00:00Z")
        ok = past.status == 422 or client.until(past.json()["id"])["status"] == "failed"
        check("a deadline in the past is refused or fails", ok, str(past))
        equal("two deadlines: 422", client.post(TINY, "?deadline=1&deadline=2").status, 422)
    with group("cancelling and progress"):
        blockers = block(client)
        queued = client.post(SMALL).json()["id"]
        answer = client.delete(f"/jobs/{queued}")
        equal("a queued one at once", (answer.status, answer.json()["status"]), (200, "cancelled"))
        one, seen = running(client)["id"], []
        end = time.monotonic() + 60
        while (len(seen) < 40 or len(set(seen)) < 4) and time.monotonic() < end:
            seen += [job["progress"]["chunks_done"] for job in client.all("&status=running") if job["id"] == one]
            time.sleep(0.01)
        check("progress grows", seen == sorted(seen) and len(set(seen)) > 3, str(seen))
        job = running(client)
        answer = client.delete(f"/jobs/{job['id']}")
        equal("a running one is told", answer.status, 202)
        job = client.until(job["id"])
        progress = job["progress"]
        equal("and stops at the next chunk", job["status"], "cancelled")
        check("before its end", progress["chunks_done"] < progress["chunks"], str(progress))
        cancel(client, blockers)
        one = client.post(alike(20_000), "?model=slow").json()["id"]
        client.until(one, "running", *ENDED)
        equal("also one of 20,000 snippets", client.delete(f"/jobs/{one}").status, 202)
        equal("is stopped", client.until(one)["status"], "cancelled")
    with group("lists"):
        cancel(client, client.settled())
        equal("all are forgotten", client.all(), [])
        for number in range(30):
            client.post(TINY, f"?name=job-{number:02}")
        body, kind = form([TINY] * 12)
        batch = client.ask("POST", "/score", body, {"Content-Type": kind})
        equal("a batch", (batch.status, len(batch.json()["jobs"])), (202, 12))
        client.settled()
        jobs = client.all()
        time.sleep(0.01)
        boundary = jobs[20]["created_at"]
        stop = threading.Event()

        def submit():
            own = Client(server)
            while not stop.is_set():
                own.post(TINY, "?priority=low")
                time.sleep(0.002)

        thread = threading.Thread(target=submit)
        thread.start()
        for limit in (1, 5, 7):
            # What is new comes before the first page: the rest is as it was.
            before = [job["id"] for job in client.all()]
            found = [job["id"] for job in client.all(limit=limit)]
            equal(f"pages of {limit} while jobs come: none twice", len(found), len(set(found)))
            equal(
                f"pages of {limit} while jobs come: none left out", [one for one in found if one <= before[0]], before
            )
        stop.set()
        thread.join()
        client.settled()
        everything = client.all()
        inside = [job["id"] for job in everything if job.get("batch") == batch.json()["id"]]
        equal("batch=", [job["id"] for job in client.all(f"&batch={batch.json()['id']}", 5)], inside)
        equal("it has all of them", sorted(inside), sorted(job["id"] for job in batch.json()["jobs"]))
        after = [job["id"] for job in everything if job["created_at"] >= boundary]
        earlier = [job["id"] for job in everything if job["created_at"] < boundary]
        equal("created_after=", [job["id"] for job in client.all(f"&created_after={boundary}", 9)], after)
        equal("created_before=", [job["id"] for job in client.all(f"&created_before={boundary}", 9)], earlier)
        both = f"&created_after={boundary}&created_before={boundary}&status=succeeded"
        equal("both", client.all(both), [])
        for query in (
            "status=done",
            "batch=x",
            "limit=0",
            "limit=x",
            "cursor=x",
            "created_after=x",
            "created_before=1",
        ):
            answer = client.get(f"/jobs?{query}")
            equal(f"{query}: 422", (answer.status, answer.problem()), (422, "invalid-parameter"))
    with group("batches"):
        blockers = block(client)
        body, kind = form([TINY, SMALL, TINY])
        batch = client.ask("POST", "/score", body, {"Content-Type": kind})
        document = batch.json()
        path = f"/batches/{document['id']}"
        equal("202 with its place", (batch.status, batch.headers.get("location")), (202, path))
        equal("its names", [job["name"] for job in document["jobs"]], [f"video-{number}" for number in range(3)])
        check("its jobs know it", all(job["batch"] == document["id"] for job in document["jobs"]))
        equal(
            "it can be asked for",
            [job["id"] for job in client.get(path).json()["jobs"]],
            [job["id"] for job in document["jobs"]],
        )
        answer = client.delete(path)
        check("DELETE", answer.status in (200, 202, 204), str(answer))
        states = {client.job(job["id"])["status"] for job in document["jobs"]}
        equal("cancels all", states, {"cancelled"})
        cancel(client, blockers)
        equal("an unknown one", client.get("/batches/01ARZ3NDEKTSV4RRFFQ69G5FAV").status, 404)
        bad, kind = form([TINY, b"nothing of the kind", TINY])
        count = len(client.all())
        answer = client.ask("POST", "/score", bad, {"Content-Type": kind})
        check("one bad file refuses all", answer.status in (400, 415, 422), str(answer))
        equal("and nothing is queued", len(client.all()), count)
with group("fairness"):
    with Server(*ONE_WORKER, *BY_ADDRESS, *slow.beside()) as server:
        a, b, c = (Client(server, at(f"10.0.0.{one}")) for one in (1, 2, 3))
        blockers = block(c)
        body, kind = form([SMALL] * 100)

        def many(_):
            answer = Client(server, at("10.0.0.1")).ask("POST", "/score", body, {"Content-Type": kind})
            return [job["id"] for job in answer.json()["jobs"]]

        crowd = sum(every(many, range(20)), [])
        equal("A has 2,000 jobs", len(crowd), 2_000)
        one = b.post(SMALL).json()["id"]
        equal("and all of them wait as B's one comes", sum(job["id"] in set(crowd) for job in a.all("&status=queued")), 2_000)
        cancel(c, blockers)
        job = b.until(one)
        equal("which has its turn", job["status"], "succeeded")
        first = sum(other["started_at"] is not None and other["started_at"] < job["started_at"] for other in a.all())
        check("before nearly all of A's", first < 100, f"{first} of A's before it")
        server.kill()
with group("limits for each client"):
    with Server("--workers", "1", *BY_ADDRESS, "--max-queued", "100", "--max-queued-per-client", "5", *slow.beside()) as server:
        a, b, c = (Client(server, at(f"10.0.0.{one}")) for one in (1, 2, 3))
        blockers = block(c)
        answers = [a.post(TINY) for _ in range(8)]
        equal("five are taken, the others refused", [one.status for one in answers], [202] * 5 + [429] * 3)
        equal("for the client's share", answers[-1].problem(), "share-full")
        check("with a time", int(answers[-1].headers.get("retry-after", "0")) >= 1, str(answers[-1].headers))
        equal("another client is not concerned", b.post(TINY).status, 202)
        body, kind = form([TINY] * 6)
        answer = Client(server, at("10.0.0.9")).ask("POST", "/score", body, {"Content-Type": kind})
        check("nor does a batch go beyond it", answer.status in (413, 429), str(answer))
        a.delete(f"/jobs/{answers[0].json()['id']}")
        equal("room comes back", [a.post(TINY).status, a.post(TINY).status], [202, 429])
        cancel(c, blockers)
        c.settled()
        equal("and with the end of the jobs", a.post(TINY).status, 202)
    with Server("--workers", "1", *BY_ADDRESS, "--max-queued-memory-per-client", "50", *slow.beside()) as server:
        a, b, c = (Client(server, at(f"10.0.0.{one}")) for one in (1, 2, 3))
        blockers = block(c)
        large = alike(60_000)
        answers = [a.post(large) for _ in range(7)]
        statuses = [one.status for one in answers]
        equal("three of 15 MiB wait, not more", statuses, [202] * 3 + [429] * 4)
        equal("for the client's share", answers[-1].problem(), "share-full")
        check("with a time", int(answers[-1].headers.get("retry-after", "0")) >= 1, str(answers[-1].headers))
        equal("a small one has room", a.post(TINY).status, 202)
        equal("another client is not concerned", b.post(large).status, 202)
        cancel(c, blockers)


def told_and_true():
    """What a server tells of the time that its queue takes, each with what it took: Retry-After, and an estimate."""
    with Server("--workers", "1", "--max-queued-memory", "128") as server:
        client, some = Client(server), alike(8_000)
        for _ in range(5):
            client.post(some, Prefer="wait=60")
        for _ in range(2):
            client.post(alike(100_000))
        sent = [client.post(some).json()["id"] for _ in range(55)]
        # Most of what waits has to leave before this one fits.
        answer = client.post(alike(400_000))
        refused_at = time.time()
        equal("no room", (answer.status, answer.problem()), (429, "backlog-full"))
        promise = int(answer.headers["retry-after"])
        estimate = client.job(sent[-1])["estimated_seconds"]
        jobs = client.settled()
        last = max(moment(jobs[one]["finished_at"]) for one in sent) - refused_at
        note(f"Retry-After {promise} s, estimated_seconds of the last {estimate}; it took {last:.2f} s")
        return (promise, last * 0.75), (estimate, last)


def honest(told, took):
    return took / 3 <= told <= max(1, 3 * took)


with group("how long it takes"):
    # What is told is of the speed until then: of a machine that has become another meanwhile it is asked once more.
    for _ in range(5):
        promised, estimated = told_and_true()
        if honest(*promised) and honest(*estimated):
            break
    check("Retry-After is honest", honest(*promised), promised)
    check("estimated_seconds too", honest(*estimated), estimated)
with group("results expire"):
    with Server("--result-ttl", "1") as server:
        client = Client(server)
        # On a busy machine its second can be over before it is asked for: once more, then.
        for _ in range(50):
            job = client.post(TINY, Prefer="wait=60", Idempotency_Key='"short-lived"').json()
            if (found := client.get(f"/jobs/{job['id']}").status) == 200:
                break
        equal("kept at first", found, 200)
        end = time.monotonic() + 60
        while client.get(f"/jobs/{job['id']}").status == 200 and time.monotonic() < end:
            time.sleep(0.05)
        equal("404 once expired", client.get(f"/jobs/{job['id']}").status, 404)
        equal("and in no list", client.all(), [])
        answers = [client.post(TINY, Idempotency_Key='"short-lived"') for _ in range(3)]
        equal("its key is free again", {one.status for one in answers} <= {200, 202}, True)
        check("for one new job", len({one.json().get("id") for one in answers} - {job["id"]}) == 1, str(answers[0]))
with group("keys"):
    folder = scratch() / "state"
    server = Server(*ONE_WORKER, *BY_ADDRESS, state=folder)
    client = Client(server, at("10.0.0.1"))

    def keyed(key, body=SMALL, query="", address="10.0.0.1"):
        return Client(server, at(address)).post(body, query, Idempotency_Key=key)

    answers = parallel(100, lambda _: keyed('"race"'))
    bad = [one for one in answers if isinstance(one, Exception) or one.status not in (200, 202, 409)]
    check("100 equal requests at once are answered", not bad, shown([str(one) for one in bad[:3]]))
    ids = {one.json()["id"] for one in answers if not isinstance(one, Exception) and one.status in (200, 202)}
    equal("by one job", len(ids), 1)
    equal("and there is one", len(client.all()), 1)
    body, kind = form([TINY, SMALL, TINY])
    headers = {"Content-Type": kind, "Idempotency-Key": '"batch-race"'}
    answers = parallel(20, lambda _: Client(server, at("10.0.0.1")).ask("POST", "/score", body, headers))
    ids = {one.json()["id"] for one in answers if not isinstance(one, Exception) and one.status in (200, 202)}
    equal("20 equal batches at once are one", (len(ids), len(client.all())), (1, 4))
    first = keyed('"one"').json()["id"]
    equal(
        "another body: 409",
        (keyed('"one"', TINY).status, keyed('"one"', TINY).problem()),
        (409, "idempotency-key-reused"),
    )
    equal("other options: 409", keyed('"one"', SMALL, "?threshold=0.7").status, 409)
    equal("the same again", keyed('"one"').json()["id"], first)
    check("another client's key is another", keyed('"one"', address="10.0.0.2").json()["id"] != first)
    client.settled()
    again = keyed('"one"')
    equal("the same once it has ended", (again.status in (200, 202), again.json()["id"]), (True, first))
    for name, key in (
        ("empty", ""),
        ("an empty string", '""'),
        ("too long", '"' + "k" * 5_000 + '"'),
        ("no string", "\x01"),
    ):
        try:
            answer = keyed(key)
        except ValueError:
            continue
        check(f"a key that is {name}: refused", answer.status in (400, 422, 431), str(answer))
    count = len(client.all())
    for ending in ("stop", "kill"):
        getattr(server, ending)()
        server = Server(*ONE_WORKER, *BY_ADDRESS, state=folder)
        client = Client(server, at("10.0.0.1"))
        equal(f"after {ending}: the same job", keyed('"one"').json()["id"], first)
        equal(f"after {ending}: another body 409", keyed('"one"', TINY).status, 409)
        equal(
            f"after {ending}: the batch",
            Client(server, at("10.0.0.1")).ask("POST", "/score", body, headers).json()["id"],
            ids.copy().pop(),
        )
        equal(f"after {ending}: no job more", len(client.all()), count)
    with server:
        equal("once the job is deleted", client.delete(f"/jobs/{first}").status, 204)
        check("its key is free", keyed('"one"').json()["id"] != first)
        report = Client(server, at("10.0.0.1")).post(SMALL, "?validate_only=true", Idempotency_Key='"report"')
        equal("validate_only needs none", report.status, 200)
with group("results that answer again"):
    folder = scratch() / "state"
    for turn in ("first", "after a restart"):
        with Server("--reuse-results", state=folder) as server:
            client = Client(server)
            if turn == "first":
                first = client.post(SMALL, Prefer="wait=20").json()
                check("a new one is not marked", not first.get("reused"), shown(first))
            again = client.post(SMALL)
            found = again.json()
            equal(
                f"{turn}: 200 at once", (again.status, found.get("id"), found.get("reused")), (200, first["id"], True)
            )
            check(
                f"{turn}: with the result",
                found.get("result") and found["result"]["coarse"] == first["result"]["coarse"],
            )
            other = client.post(SMALL, "?threshold=0.9&logits=true")
            if turn == "first":
                equal("other options: 202", (other.status, other.json().get("reused")), (202, None))
            equal(
                f"{turn}: other features: 202",
                client.post(features.npy(features.video(40, seed=len(turn)))).status,
                202,
            )
            waited = client.post(SMALL, Prefer="wait=5")
            equal(f"{turn}: also when waited for", (waited.status, waited.json()["id"]), (200, first["id"]))
            client.settled()
    with Server(state=folder) as server:
        equal("without --reuse-results it is scored again", Client(server).post(SMALL).status, 202)
    with Server("--reuse-results", state=folder) as server:
        client = Client(server)
        for job in client.settled().values():
            client.delete(f"/jobs/{job['id']}")
        equal("a deleted result answers nothing", client.post(SMALL).status, 202)
finish()
