"""The measuring part of shared.sh: three servers on one PostgreSQL beside one with a folder, in turns."""

import os
import statistics
import sys
import threading
import time

from connection import Connection
from processes import times
from support import features
from support.databases import BIN, PGBOUNCER, PgBouncer, Postgres
from support.process import Server

POOLED = bool(os.environ.get("POOLED")) and PGBOUNCER is not None
ROUNDS = int(os.environ.get("ROUNDS", "3"))
JOBS = int(os.environ.get("JOBS", "3000"))
MANY = int(os.environ.get("MANY", "10000"))
CLIENTS = int(os.environ.get("CLIENTS", "12"))
PARTS = sys.argv[1:] or ["through", "waited", "latency", "fair"]
OPTIONS = ["--workers", 1, "--max-queued", 1_000_000, "--max-queued-memory", 8192]


if BIN is None:
    sys.exit("shared.py: needs PostgreSQL's programs")


def cpu(roots):
    """The seconds of cores that processes and what they have begun have had."""
    sums, parents = times()
    return sum(own + (ended if one in roots else 0) for one, (own, ended) in sums.items() if one in roots or parents[one] in roots)


def connected(server, source="127.0.0.1"):
    return Connection(server.port, source, 300)


def post(body, path="/score", *fields):
    head = [f"POST {path} HTTP/1.1", "Host: localhost", "Content-Type: application/x-npy", f"Content-Length: {len(body)}", *fields, "", ""]
    return "\r\n".join(head).encode() + body


class Place:
    """Servers of one kind, and what they have."""

    def __init__(self, name, servers, postgres=None, database=None):
        self.name, self.servers, self.postgres, self.database = name, servers, postgres, database

    def cpu(self):
        """The seconds of cores that servers have had, and their database."""
        return cpu({one.child.pid for one in self.servers}), cpu({self.postgres.process.pid}) if self.postgres else 0

    def load(self, request, jobs, good):
        """Sends so many, of all clients together; the seconds of each."""
        left = iter(range(jobs))
        lock = threading.Lock()
        times, bad = [], []

        def client(index):
            connection = connected(self.servers[index % len(self.servers)])
            while True:
                with lock:
                    if next(left, None) is None:
                        return
                begun = time.perf_counter()
                status, body = connection.ask(request)
                times.append(time.perf_counter() - begun)
                if status != good:
                    bad.append((status, body[:200]))

        threads = [threading.Thread(target=client, args=(index,)) for index in range(CLIENTS)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert not bad, bad[:3]
        return times

    def settle(self):
        """Returns once nothing is queued or running."""
        connection = connected(self.servers[0])
        while True:
            found = sum(
                b'"id"' in connection.ask(f"GET /jobs?status={status}&limit=1 HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())[1]
                for status in ("queued", "running")
            )
            if not found:
                return
            time.sleep(0.1)


def places(postgres):
    url = postgres.database("three")
    if POOLED:
        bouncer = PgBouncer(postgres, sessions=12)
        url = bouncer.url("three")
    yield Place("one server with a folder", [Server(*OPTIONS)])
    if "fair" in PARTS:
        yield Place("one server on PostgreSQL", [Server(*OPTIONS, state=postgres.database("one"))], postgres, "one")
    yield Place("three servers on PostgreSQL", [Server(*OPTIONS, state=url) for _ in range(3)], postgres, "three")


def compare(title, unit, measure, all_places, jobs):
    """A measurement of each in turns, the medians, and what the last is of the first."""
    found = {place.name: [] for place in all_places}
    had = {place.name: [0, 0] for place in all_places}
    for _ in range(ROUNDS):
        for place in all_places:
            before = place.cpu()
            found[place.name].append(measure(place))
            for index, (after, first) in enumerate(zip(place.cpu(), before)):
                had[place.name][index] += after - first
    print(f"\n{title}")
    medians = {}
    for name, values in found.items():
        medians[name] = statistics.median(values)
        print(f"  {name:34} {medians[name]:9.2f} {unit}   ({', '.join(f'{value:.2f}' for value in values)})"
              f"   {1000 * had[name][0] / ROUNDS / jobs:.2f} ms of servers and {1000 * had[name][1] / ROUNDS / jobs:.2f} of the database a job")
    first, *others = medians.values()
    for other in others:
        print(f"  {'':34} {other / first:9.2f} of it, {other - first:+.2f} {unit}", flush=True)


def through(all_places):
    body = post(features.npy(features.video(30)))

    def measure(place):
        begun = time.perf_counter()
        place.load(body, JOBS, 202)
        place.settle()
        return JOBS / (time.perf_counter() - begun)

    compare(f"{JOBS} jobs of 30 snippets by {CLIENTS} clients, from the first request to the last end", "jobs/s", measure, all_places, JOBS)


def waited(all_places):
    body = post(features.npy(features.video(30)), "/score", "Prefer: wait=60")

    def measure(place):
        begun = time.perf_counter()
        place.load(body, JOBS // 2, 200)
        return JOBS // 2 / (time.perf_counter() - begun)

    compare(f"{JOBS // 2} of them that are waited for (?wait), {CLIENTS} clients", "jobs/s", measure, all_places, JOBS // 2)


def latency(all_places):
    body = post(features.npy(features.video(256)), "/score", "Prefer: wait=60")

    def measure(place):
        connection = connected(place.servers[0])
        times = []
        for _ in range(200):
            begun = time.perf_counter()
            status, _ = connection.ask(body)
            assert status == 200
            times.append(1000 * (time.perf_counter() - begun))
            time.sleep(0.005)
        return statistics.median(times)

    compare("A request of 256 snippets that is waited for, median of 200, one after another", "ms", measure, all_places, 200)


def fair(all_places):
    """How long ten jobs of a client take while another has many queued: on one server of a database, and on three."""
    matrix = features.npy(features.video(30))
    pieces = [
        f'--b\r\nContent-Disposition: form-data; name="files"; filename="{number}.npy"\r\n\r\n'.encode() + matrix + b"\r\n"
        for number in range(100)
    ]
    many = b"".join(pieces) + b"--b--\r\n"
    batch = post(many, "/score").replace(b"application/x-npy", b"multipart/form-data; boundary=b", 1)
    few = post(matrix, "/score", "Prefer: wait=300")

    def measure(place):
        crowd = [connected(server, "127.0.0.2") for server in place.servers]
        for number in range(max(MANY // 100, 1)):
            status, answer = crowd[number % len(crowd)].ask(batch)
            assert status == 202, answer[:300]
        times = []

        def one(index):
            connection = connected(place.servers[index % len(place.servers)], "127.0.0.3")
            begun = time.perf_counter()
            status, _ = connection.ask(few)
            assert status == 200
            times.append(1000 * (time.perf_counter() - begun))

        threads = [threading.Thread(target=one, args=(index,)) for index in range(10)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        place.settle()
        return max(times)

    compare(f"Ten jobs of a client while another has {MANY} queued: until the last of the ten has ended", "ms", measure, all_places[1:], MANY)


with Postgres() as database_server:
    database_server.ask("ALTER SYSTEM SET shared_buffers = '512MB'")
    database_server.ask("ALTER SYSTEM SET max_wal_size = '8GB'")
    database_server.kill()
    database_server.start()
    running = list(places(database_server))
    try:
        for part in PARTS:
            {"through": through, "waited": waited, "latency": latency, "fair": fair}[part](running)
    finally:
        for place in running:
            for server in place.servers:
                server.stop()
