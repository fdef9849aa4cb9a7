"""Jobs as a client handles them, and what became of many of them."""

import concurrent.futures
import dataclasses
import http.client
import json
import threading
import time

import numpy as np

from support import features
from support.harness import shown
from support.process import Server

NPY = "application/x-npy"
ENDED = ("succeeded", "failed", "cancelled")


@dataclasses.dataclass
class Answer:
    status: int
    headers: dict
    body: bytes

    def json(self):
        return json.loads(self.body)

    def text(self):
        return self.body.decode()

    def problem(self):
        """The problem's name, '' where the answer is none."""
        if self.headers.get("content-type") != "application/problem+json":
            return ""
        return self.json()["type"].removeprefix("/problems/")

    def __str__(self):
        return shown(f"{self.status} {self.body[:300]!r}")


class Client:
    """One connection to whatever listens on a server's port, opened again where it broke. For one thread."""

    def __init__(self, server, headers=None, timeout=300):
        self.server, self.headers, self.timeout = server, headers or {}, timeout
        self.connection = None

    def ask(self, method, path, body=None, headers=None):
        """The answer; an OSError where there is none, and then nobody knows what became of the request."""
        try:
            if self.connection is None:
                self.connection = http.client.HTTPConnection("127.0.0.1", self.server.port, timeout=self.timeout)
            self.connection.request(method, path, body, {**self.headers, **(headers or {})})
            answer = self.connection.getresponse()
            fields = {name.lower(): value for name, value in answer.getheaders()}
            found = Answer(answer.status, fields, answer.read())
        except (OSError, http.client.HTTPException) as error:
            self.close()
            raise ConnectionError(str(error)) from error
        if fields.get("connection", "").lower() == "close":
            self.close()
        return found

    def close(self):
        if self.connection is not None:
            self.connection.close()
        self.connection = None

    def post(self, body, query="", **headers):
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return self.ask("POST", f"/score{query}", body, {"Content-Type": NPY, **named})

    def get(self, path, **headers):
        return self.ask("GET", path, None, headers)

    def delete(self, path):
        return self.ask("DELETE", path)

    def job(self, identifier):
        return self.get(f"/jobs/{identifier}").json()

    def scores(self, identifier):
        """The scores' bytes, and the answer in place of them where there are none."""
        answer = self.get(f"/jobs/{identifier}", Accept=NPY)
        return answer.body if answer.status == 200 else answer

    def until(self, identifier, *statuses, seconds=300):
        """The job once it has one of the statuses, or as it is when time is up."""
        end = time.monotonic() + seconds
        # Whose end is waited for is asked for once.
        wait = "" if statuses else "?wait=10"
        while (job := self.get(f"/jobs/{identifier}{wait}").json())["status"] not in (statuses or ENDED):
            if time.monotonic() > end:
                break
            time.sleep(0.01)
        return job

    def all(self, query="", limit=1000):
        """Every job of the list, page after page."""
        jobs, cursor = [], ""
        while True:
            page = self.get(f"/jobs?limit={limit}{query}{cursor}").json()
            jobs += page["jobs"]
            if not page["next"]:
                return jobs
            cursor = f"&cursor={page['next']}"

    def settled(self, seconds=600):
        """All jobs by ID, once none is queued or running."""
        end = time.monotonic() + seconds
        while True:
            over = time.monotonic() > end
            waiting = [self.get(f"/jobs?limit=1&status={status}").json()["jobs"] for status in ("queued", "running")]
            if over or not any(waiting):
                # Between the two questions one may have gone back to the queue.
                jobs = {job["id"]: job for job in self.all()}
                if over or all(job["status"] in ENDED for job in jobs.values()):
                    return jobs
            time.sleep(0.05)


def every(work, items, threads=4):
    """What `work(item)` gives for each, some at a time."""
    with concurrent.futures.ThreadPoolExecutor(threads) as pool:
        return list(pool.map(work, items))


class Videos:
    """Uploads of given lengths, with the scores that a server without faults makes of each."""

    def __init__(self, *lengths, width=64):
        self.bodies = [features.npy(features.video(rows, width, seed)) for seed, rows in enumerate(lengths, 1)]
        self.scores = {}
        with Server(state="memory") as server:
            client = Client(server)
            for body in self.bodies:
                job = client.post(body, Prefer="wait=60").json()
                self.scores[job["features_sha256"]] = client.scores(job["id"])

    def faults(self, client, jobs):
        """What is wrong with succeeded jobs: scores others than those of the same features, told by ID."""
        found = {}
        lock = threading.local()

        def look(job):
            if not hasattr(lock, "client"):
                lock.client = Client(client.server, client.headers)
            scores = lock.client.scores(job["id"])
            if scores != self.scores[job["features_sha256"]]:
                found[job["id"]] = str(scores)[:200] if isinstance(scores, Answer) else "other scores"

        every(look, jobs, threads=3)
        return found


def alike(rows):
    """Rows that are all the same: as long to score as others, and short to store."""
    return features.npy(np.tile(features.video(1), (rows, 1)))


def form(bodies, boundary="vigilvigilvigil"):
    """Several files in one form."""
    out = b""
    for number, body in enumerate(bodies):
        head = f'form-data; name="features"; filename="video-{number}.npy"'
        out += f"--{boundary}\r\nContent-Disposition: {head}\r\nContent-Type: {NPY}\r\n\r\n".encode() + body + b"\r\n"
    return out + f"--{boundary}--\r\n".encode(), f"multipart/form-data; boundary={boundary}"


def ready(server, seconds=120):
    """When /readyz was 200, in seconds from when the server was started; None where it never was."""
    client = Client(server)
    end = time.monotonic() + seconds
    while time.monotonic() < end and server.alive():
        try:
            if client.get("/readyz").status == 200:
                return time.monotonic() - server.begun
        except ConnectionError:
            pass
        time.sleep(0.005)
    return None
