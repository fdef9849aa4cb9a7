"""Many who want one result, most of them gone; and readers beside a DELETE. What the dead cost is told in the server's own
seconds of processor, as so many times what one answer costs it."""

import contextlib
import json
import os
import socket
import threading
import time

from support.harness import LONG, check, equal, finish, group, need, note, shown

need("crowd", "numpy", "requests")

import requests  # noqa: E402

from support import features, slow  # noqa: E402
from support.events import Stream  # noqa: E402
from support.process import Server  # noqa: E402

NPY = {"Content-Type": "application/x-npy"}
CROWD = 2_000 if LONG else 300
LARGE = features.npy(features.video(60_000))
MIDDLING = features.npy(features.video(12_000))  # Its result is a file of its own.


def ask(server, path):
    """A client that asks and does not read."""
    client = socket.create_connection((server.host, server.port), 60)
    client.sendall(f"GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
    return client


def crowd(server, identifier):
    """So many streams of events and so many waits."""
    paths = (f"/jobs/{identifier}/events", f"/jobs/{identifier}?wait=300")
    return [ask(server, path) for _ in range(CROWD) for path in paths]


def sockets(server):
    """How many sockets the server has open."""
    count = 0
    for one in os.listdir(folder := f"/proc/{server.child.pid}/fd"):
        with contextlib.suppress(OSError):
            count += os.readlink(f"{folder}/{one}").startswith("socket:")
    return count


def gone(server, most, seconds=120):
    """Whether the connections of the dead are closed in time; one or two of the living may be open still."""
    end = time.monotonic() + seconds
    while (left := sockets(server)) > most + 2 and time.monotonic() < end:
        time.sleep(0.02)
    return left <= most + 2, left


with Server("--workers", "1", "--max-connections", str(2 * CROWD + 100), *slow.beside()) as server:

    def post(body, query="", **fields):
        answer = requests.post(f"{server.url}/score{query}", data=body, headers=NPY | fields, timeout=120)
        return answer.json()["id"]

    def get(identifier, query=""):
        return requests.get(f"{server.url}/jobs/{identifier}{query}", timeout=120)

    with group("what one costs"):
        before = server.cpu()
        identifier = post(LARGE)
        equal("a result", get(identifier, "?wait=100").json()["status"], "succeeded")
        alone, before = server.cpu() - before, server.cpu()
        for _ in range(5):
            whole = get(identifier).content
        one = (server.cpu() - before) / 5
        note(f"{one:.3f} s for an answer of {len(whole) // 1000} kB, {alone:.2f} s with the scoring")
        idle = sockets(server)
    with group("a crowd that asks for a result and is gone"):
        before = server.cpu()
        for client in crowd(server, identifier):
            client.close()
        answer = get(identifier)
        check("one that is there gets it", answer.status_code == 200 and answer.content == whole, answer.status_code)
        freed, left = gone(server, idle)
        check("the connections of the others are free", freed, f"{left} sockets, {idle} before")
        cost = (server.cpu() - before) / one
        check(f"{2 * CROWD} dead cost less than {CROWD // 5} answers", cost < CROWD / 5, f"{cost:.1f} answers")
        note(f"{cost:.1f} times one answer")
    with group("a crowd that waits for a job and is gone before it ends"):
        # Before the job in the queue, so that the crowd is there first; the worker holds two at a time.
        blockers = [post(MIDDLING, "?model=slow") for _ in range(3)]
        identifier = post(LARGE, "?priority=low")
        clients = crowd(server, identifier)
        waiting = [client for index, client in enumerate(clients) if index % 2 == 0]
        for client in waiting:
            client.recv(1)
        for client in clients:
            client.close()
        # What the blockers cost meanwhile is theirs; what follows is the job's end, of which the dead are to be told.
        before = server.cpu()
        for blocker in blockers:
            requests.delete(f"{server.url}/jobs/{blocker}")
        answer = get(identifier, "?wait=100")
        equal("one that is there gets the result", (answer.status_code, answer.json()["status"]), (200, "succeeded"))
        freed, left = gone(server, idle)
        check("the connections of the others are free", freed, f"{left} sockets, {idle} before")
        cost = (server.cpu() - before - alone) / one
        check(f"{2 * CROWD} dead cost less than {CROWD // 2} answers", cost < CROWD / 2, f"{cost:.1f} answers")
        note(f"{cost:.1f} times one answer")
        requests.delete(f"{server.url}/jobs/{identifier}")

    def read(found, path, **headers):
        answer = requests.get(f"{server.url}{path}", headers=headers, timeout=60)
        found.append((path.split("/")[-1][26:] or "job", answer.status_code, answer.content))

    def opened(identifier):
        """A stream that has been answered and is still to be read."""
        return Stream(server, f"/jobs/{identifier}/events", parse=str)

    def follow(found, stream):
        # Only the last is looked into.
        events = list(stream) if stream.status == 200 else []
        last = [(name, json.loads(data)) for name, _, data in events[-1:]]
        found.append(("stream", stream.status, (stream.whole, last)))
        stream.close()

    def kinds(identifier, found):
        """Readers of each kind."""
        return [
            lambda: read(found, f"/jobs/{identifier}"),
            lambda: read(found, f"/jobs/{identifier}", Accept="application/x-npy"),
            lambda: read(found, f"/jobs/{identifier}?wait=5"),
            lambda: follow(found, opened(identifier)),
        ]

    with group("readers beside a DELETE"):
        early, racing, late, rounds = [], [], [], 100 if LONG else 40
        for number in range(rounds):
            identifier = post(MIDDLING, Prefer="wait=60")
            # One of a kind is answered before the DELETE begins, and a stream that is then read on beside it.
            kinds(identifier, early)[number % 3]()
            answered = opened(identifier)
            begun = [threading.Thread(target=one) for one in kinds(identifier, racing)]
            begun.append(threading.Thread(target=follow, args=(early, answered)))
            for thread in begun:
                thread.start()
            time.sleep(number % 8 * 0.002)
            deleted = requests.delete(f"{server.url}/jobs/{identifier}", timeout=60)
            if deleted.status_code != 204:
                check("a DELETE of one that has ended", False, f"{deleted.status_code} {shown(deleted.text)}")
            # These begin once it is answered, while those that raced with it may still read.
            for one in kinds(identifier, late):
                one()
            for thread in begun:
                thread.join()

        def told(found):
            return sorted({(kind, status) for kind, status, _ in found})

        names = ("job", "stream", "?wait=5")
        equal("who was answered before it has it", told(early), sorted((name, 200) for name in names))
        equal("who comes after it is too late", told(late), sorted((name, 404) for name in names))
        equal("each has an answer", (len(early), len(racing), len(late)), (2 * rounds, 4 * rounds, 4 * rounds))
        found = early + racing + late
        check("each is 200 or 404", {one[1] for one in racing} <= {200, 404}, shown(told(racing)))
        place = server.own
        said = [said if isinstance(said, bytes) else str(said).encode() for _, _, said in found]
        check("none says where the state is", not any(place.encode() in one for one in said))
        streams = [said for kind, status, said in found if kind == "stream" and status == 200]
        check("streams came too", len(streams) >= rounds, len(streams))
        torn = [said for said in streams if (said[0], [name for name, _ in said[1]]) != (True, ["end"])]
        check("streams end with 'end', whole", not torn, f"{len(torn)} of {len(streams)}: {shown(torn)}")
        ends = [job for _, last in streams for _, job in last]
        reasons = {(job["status"], (job["error"] or {}).get("type")) for job in ends}
        check(
            "as their job did, or as cancelled with the reason",
            reasons <= {("succeeded", None), ("cancelled", "/problems/unknown-job")},
            reasons,
        )
        lost = sum(status == 404 for _, status, _ in racing)
        note(f"{len(racing)} readers raced, {lost} of them too late; ends {sorted(map(str, reasons))}")
    with group("streams beside DELETEs of a job that runs"):
        streams = []
        for _ in range(10):
            identifier = post(MIDDLING, "?model=slow")
            follower = Stream(server, f"/jobs/{identifier}/events", parse=str)
            events = iter(follower)
            next(events)
            for _ in range(2):
                requests.delete(f"{server.url}/jobs/{identifier}", timeout=60)
            last = ([None] + list(events))[-1]
            streams.append((follower.whole, last and last[0], last and json.loads(last[2])["status"]))
            follower.close()
        torn = [one for one in streams if one[:2] != (True, "end") or one[2] != "cancelled"]
        check("they end with 'end', whole", not torn, shown(torn))
finish()
