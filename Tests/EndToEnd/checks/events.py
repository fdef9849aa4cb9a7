"""Following a job: events while it runs, resumption, many streams at once, clients that go, shutdown."""

import contextlib
import functools
import json
import signal
import socket
import sqlite3
import threading
import time

from support.harness import check, equal, finish, group, need, note, scratch, shown

need("events", "numpy", "requests")

import requests  # noqa: E402

from support import features, slow  # noqa: E402
from support.events import Stream  # noqa: E402
from support.process import Server  # noqa: E402

NPY = {"Content-Type": "application/x-npy"}
LENGTH = 32  # Snippets of a chunk of the embedded model.
ROWS = 20 * LENGTH + 5
SHORT = features.npy(features.video(ROWS))
MIDDLING = features.npy(features.video(200 * LENGTH))
LONG_ROWS = 100_000
LONG = features.npy(features.video(LONG_ROWS))
# For the slow model: it holds a worker until it is cancelled.
BLOCKER = features.npy(features.video(30_000))


def follow(server, identifier, last=None, **fields):
    stream = Stream(server, f"/jobs/{identifier}/events", last, **fields)
    events = list(stream) if stream.status == 200 else []
    stream.close()
    return stream, events


def scores(events):
    return [data for name, _, data in events if name == "scores"]


def joined(chunks):
    """The chunks' numbers, one after another, as the result has them."""
    whole = {"coarse": [], "fine": []}
    for chunk in chunks:
        whole["coarse"] += chunk["coarse"]
        whole["fine"] += chunk["fine"]["scores"]
    return whole


def expected(result):
    return {"coarse": result["coarse"], "fine": result["fine"]["scores"]}


def settles(count, at_most, seconds=60):
    """Whether a number falls to `at_most` in time, and what it was last."""
    end = time.monotonic() + seconds
    while (found := count()) > at_most and time.monotonic() < end:
        time.sleep(0.02)
    return found <= at_most, found


with Server("--workers", "1", *slow.beside()) as server:

    def post(body, query=""):
        return requests.post(f"{server.url}/score{query}", data=body, headers=NPY, timeout=60).json()["id"]

    def get(path):
        return requests.get(server.url + path, timeout=60)

    def block():
        """Takes the worker, which holds two jobs at a time; returns what is to be cancelled."""
        return [post(BLOCKER, "?model=slow&priority=high") for _ in range(3)]

    def cancel(jobs):
        for one in jobs:
            requests.delete(f"{server.url}/jobs/{one}", timeout=60)

    with group("a job that has ended"):
        identifier = post(SHORT, "?logits=true")
        result = get(f"/jobs/{identifier}?wait=30").json()["result"]
        stream, events = follow(server, identifier)
        equal("200", (stream.status, stream.headers["content-type"]), (200, "text/event-stream"))
        equal("not stored", stream.headers["cache-control"], "no-store")
        equal("not held back", stream.headers["x-accel-buffering"], "no")
        equal("whole", stream.whole, True)
        equal("retry", stream.retry, 2000)
        equal("the events", [name for name, _, _ in events], ["status"] + ["scores"] * 21 + ["end"])
        equal("the ids", [one for _, one, _ in events], ["0", *map(str, range(1, 22)), "21.end"])
        chunks = scores(events)
        equal("chunk by chunk", [chunk["chunk"] for chunk in chunks], list(range(21)))
        bounds = [(chunk["start"], chunk["end"]) for chunk in chunks]
        equal("their snippets", bounds, [(at, min(at + LENGTH, ROWS)) for at in range(0, ROWS, LENGTH)])
        check("scores by chunk are the result's", joined(chunks) == expected(result))
        logits = [row for chunk in chunks for row in chunk["logits"]["fine"]]
        equal("so are the logits", logits, result["logits"]["fine"])
        equal("labels", {tuple(chunk["fine"]["labels"]) for chunk in chunks}, {tuple(result["fine"]["labels"])})
        equal("no result in the end", (events[-1][2]["status"], events[-1][2]["result"]), ("succeeded", None))
    with group("coming back"):
        for index, (_, last, _) in enumerate(events[:-1]):
            _, rest = follow(server, identifier, last)
            if rest[0][0] != "status" or rest[1:] != events[index + 1 :]:
                check(f"after {last} comes what is missing", False, shown(rest))
                break
        else:
            check("after each event comes what is missing, and nothing twice", True)
        stream, _ = follow(server, identifier, "21.end")
        equal("204 after the end", (stream.status, stream.headers.get("cache-control")), (204, "no-store"))
        for last in ("", "x", "22", "-1", "1e3", "22.end", "9" * 100, "%00"):
            equal(f"garbage '{last[:9]}' is none", follow(server, identifier, last)[1], events)
    with group("refusals"):
        equal("an unknown job", follow(server, "01M85BV3QAE4RGA8GVVP3465ME")[0].status, 404)
        equal("no job", follow(server, "x")[0].status, 404)
        events_of = f"{server.url}/jobs/{identifier}/events"
        equal("another type", requests.get(events_of, headers={"Accept": "application/json"}).status_code, 406)
        equal("a parameter", requests.get(events_of + "?wait=1").status_code, 422)
        head = requests.head(events_of, timeout=60)
        equal("HEAD", (head.status_code, head.headers["Content-Type"], head.content), (200, "text/event-stream", b""))
        equal("POST", requests.post(events_of).status_code, 405)
    with group("compression"):
        stream, packed = follow(server, identifier, Accept_Encoding="gzip, deflate")
        equal("events are not compressed", (stream.headers.get("content-encoding"), packed), (None, events))
    with group("a job that runs"):
        # The stream is there before the job begins, and the job is a slow one, which does not end before it was looked at.
        blockers = block()
        identifier = post(MIDDLING, "?model=slow")
        stream = Stream(server, f"/jobs/{identifier}/events")
        events, early = [], None
        for event in stream:
            events.append(event)
            if len(events) == 1:
                cancel(blockers)
            if early is None and event[0] == "scores":
                early = get(f"/jobs/{identifier}").json()["status"]
        stream.close()
        names = [name for name, _, _ in events]
        equal("scores came while it ran", early, "running")
        equal("status first, end last", (names[0], names[-1], names.count("end")), ("status", "end", 1))
        statuses = [data["status"] for name, _, data in events if name == "status"]
        equal("its statuses", [one for one in statuses if one != "queued"], ["running", "succeeded"])
        done = [data["chunks_done"] for name, _, data in events if name == "progress"]
        check("progress grows", len(done) > 1 and done == sorted(set(done)), shown(done))
        result = get(f"/jobs/{identifier}").json()["result"]
        check("scores by chunk are the result's", joined(scores(events)) == expected(result))
        note(f"{names.count('progress')} of 200 chunks told as progress")
    with group("a connection that is lost now and then"):
        identifier = post(LONG)
        chunks, last, comings = [], None, 0
        while True:
            stream, comings = Stream(server, f"/jobs/{identifier}/events", last), comings + 1
            ended = False
            for number, (name, last, data) in enumerate(stream):
                if name == "scores":
                    chunks.append(data)
                ended = name == "end"
                if number == 400:
                    break
            stream.close()
            if ended:
                break
        equal("no chunk twice and none missing", [chunk["chunk"] for chunk in chunks], list(range(LONG_ROWS // LENGTH)))
        check("and all are the result's", joined(chunks) == expected(get(f"/jobs/{identifier}").json()["result"]))
        note(f"{comings} connections")
    with group("200 streams at once"):
        # They are there before the job begins.
        blockers = block()
        identifier = post(MIDDLING)
        threads, found, before = [], [], server.threads()
        most = 0
        # What all get is made out once: 200 times would hold the machine up for longer than the server does.
        parse = functools.cache(json.loads)
        there = threading.Semaphore(0)

        def one():
            stream = Stream(server, f"/jobs/{identifier}/events", parse=parse, timeout=300)
            there.release()
            found.append(list(stream))
            stream.close()

        for _ in range(200):
            threads.append(threading.Thread(target=one))
            threads[-1].start()
        for _ in threads:
            there.acquire(timeout=300)
        cancel(blockers)
        while any(thread.is_alive() for thread in threads):
            most = max(most, server.threads())
            time.sleep(0.05)
        whole = expected(get(f"/jobs/{identifier}").json()["result"])
        equal("all got all of it", sum(joined(scores(events)) == whole for events in found), 200)
        equal("all got the end", sum(events[-1][0] == "end" for events in found), 200)
        check("no thread a stream", most < before + 10, f"{before} threads, then {most}")
    with group("cancelling"):
        identifier = post(BLOCKER, "?model=slow")
        stream = Stream(server, f"/jobs/{identifier}/events")
        events = []
        for event in stream:
            if event[0] == "scores" and not any(name == "scores" for name, _, _ in events):
                requests.delete(f"{server.url}/jobs/{identifier}")
            events.append(event)
        stream.close()
        equal("the end says so", (events[-1][0], events[-1][2]["status"]), ("end", "cancelled"))
        check("its id too", events[-1][1].endswith(".end"), events[-1][1])
        equal("204 after it", follow(server, identifier, events[-1][1])[0].status, 204)
    with group("features too large for the model"):
        identifier = post(features.npy(features.video(200) * 3e37))
        _, events = follow(server, identifier)
        equal("no scores that are not numbers", scores(events), [])
        equal("the end has the reason", events[-1][2]["error"]["type"], "/problems/not-finite")
    with group("clients that go"):
        blockers = block()
        identifier = post(SHORT, "?priority=low")
        idle = server.descriptors()
        streams = [Stream(server, f"/jobs/{identifier}/events") for _ in range(100)]
        firsts = [next(iter(stream))[0] for stream in streams]
        equal("100 follow a queued job", set(firsts), {"status"})
        for index, stream in enumerate(streams):
            if index % 2:
                stream.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
            stream.close()
        begun = time.monotonic()
        freed, left = settles(server.descriptors, idle + 2)
        check("closed or reset, their connections are free at once", freed, f"{left} descriptors, {idle} before")
        note(f"after {time.monotonic() - begun:.2f} s")
        half = Stream(server, f"/jobs/{identifier}/events")
        half.socket.shutdown(socket.SHUT_WR)
        cancel(blockers)
        events = list(half)
        half.close()
        equal("one that only ended its side gets all", (len(scores(events)), events[-1][0]), (21, "end"))

with group("silence"):
    # A job of a model that is not served: nothing happens to it, however fast or slow the machine is.
    folder = scratch()
    with Server("--workers", "1", state=folder, **slow.only()) as server:
        for body in (BLOCKER, BLOCKER, SHORT):
            identifier = requests.post(server.url + "/score", data=body, headers=NPY, timeout=60).json()["id"]
        server.kill()
    with contextlib.closing(sqlite3.connect(folder / "jobs.sqlite")) as database, database:
        database.execute("UPDATE jobs SET model_sha256 = ?", ("0" * 64,))
    with Server("--workers", "1", state=folder) as server:
        # It is set aside once the workers say which models they serve.
        aside, _ = settles(lambda: "for a model that is not served" not in server.text(), 0)
        check("it is set aside", aside, server.text())
        begun = time.monotonic()
        stream = Stream(server, f"/jobs/{identifier}/events")
        names, ended = [], None
        for line in stream.lines():
            if line.startswith("event: "):
                names.append(line)
            if line == ": keep-alive":
                ended = time.monotonic() - begun
                break
        stream.close()
        equal("nothing happens to it", names, ["event: status"])
        # The second would come after 30.
        check("a comment after 15 seconds", ended is not None and 14.9 < ended < 29, str(ended))

with Server("--workers", "1", "--grace", "1", **slow.only()) as server:
    with group("shutdown"):
        for _ in range(3):
            requests.post(server.url + "/score", data=BLOCKER, headers=NPY, timeout=60)
        identifier = requests.post(server.url + "/score?priority=low", data=SHORT, headers=NPY, timeout=60).json()["id"]
        stream = Stream(server, f"/jobs/{identifier}/events")
        events = []
        reader = threading.Thread(target=lambda: events.extend(stream))
        reader.start()
        waiter = server.asked(f"/jobs/{identifier}?wait=300")
        begun = time.monotonic()
        server.signal(signal.SIGTERM)
        code = server.wait()
        took = time.monotonic() - begun
        reader.join(60)
        waiter.begin()
        check("a stream does not hold it up", took < 60, f"exit {code} after {took:.1f} s")
        equal("it ended whole, without an end", (stream.whole, events[-1][0]), (True, "status"))
        equal("who waited got the job as it was", json.load(waiter).get("status"), "queued")
    with group("an idle shutdown"):
        with Server("--grace", "300") as other:
            answer = requests.post(other.url + "/score", data=SHORT, headers={**NPY, "Prefer": "wait=60"})
            follow(other, answer.json()["id"])
            begun = time.monotonic()
            equal("exit", other.stop(), 0)
            check("at once", time.monotonic() - begun < 60, f"{time.monotonic() - begun:.1f} s")
finish()
