"""The measuring part of durable.sh: servers with and without a store in turns; medians against the bars.

    python3 Tests/Load/durable.py VIGIL SHARED [ROUNDS]     ONLY=submissions|store|latency for one part

Fails where a bar is missed.
"""

import io
import os
import pathlib
import random
import re
import shutil
import signal
import socket
import sqlite3
import statistics
import subprocess
import sys
import tempfile
import time

import numpy as np
from connection import Connection

vigil, shared = sys.argv[1], pathlib.Path(sys.argv[2])
rounds = int(sys.argv[3]) if len(sys.argv) > 3 else 5
only = os.environ.get("ONLY", "")
SECONDS = 4
CLIENTS = 16
JOBS = 100_000
NPY = "application/x-npy"
work = pathlib.Path(tempfile.mkdtemp(prefix="vigil-durable-"))
missed = []


def judge(name, value, bar, aim, unit, least=False):
    """A line of the table."""
    good = value >= bar if least else value <= bar
    better = value >= aim if least else value <= aim
    word = "aim" if better else "bar" if good else "MISSED"
    if not good:
        missed.append(name)
    print(f"{name:66} {value:9.2f} {unit:5} bar {bar:g}, aim {aim:g}: {word}", flush=True)


class Server:
    """A vigil serve; `seconds` is the time from exec until /readyz was 200."""

    def __init__(self, state, *options):
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        environment = {name: value for name, value in os.environ.items() if not name.startswith("VIGIL")}
        self.log = open(work / "log", "ab")
        self.begun = time.perf_counter()
        self.child = subprocess.Popen(
            [vigil, "serve", "--port", str(self.port), "--state", str(state), "--log-level", "error", *options],
            stdin=subprocess.DEVNULL, stdout=self.log, stderr=self.log, env=environment,
        )  # fmt: skip
        while not self.ready():
            if self.child.poll() is not None or time.perf_counter() - self.begun > 60:
                sys.exit(f"the server is not ready: {(work / 'log').read_text()[-2000:]}")
            time.sleep(0.001)
        self.seconds = time.perf_counter() - self.begun

    def ready(self):
        try:
            with Connection(self.port) as client:
                return client.ask(b"GET /readyz HTTP/1.1\r\nHost: localhost\r\n\r\n")[0] == 200
        except OSError:
            return False

    def end(self, number=signal.SIGTERM):
        self.child.send_signal(number)
        code = self.child.wait(60)
        self.log.close()
        return code

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self.child.poll() is None:
            self.end(signal.SIGKILL)


def npy(array):
    out = io.BytesIO()
    np.save(out, array)
    return out.getvalue()


def video(rows, width):
    return np.random.default_rng(rows).standard_normal((rows, width), np.float32) * 0.3


def post(body, *fields):
    head = ["POST /score HTTP/1.1", "Host: localhost", f"Content-Type: {NPY}", f"Content-Length: {len(body)}", *fields, "", ""]
    return "\r\n".join(head).encode() + body


def wrk(port, script, path, seconds, connections):
    command = ["wrk", "-t1", f"-c{connections}", f"-d{seconds}", "--latency", "-s", str(script)]
    out = subprocess.run(
        [*command, f"http://127.0.0.1:{port}{path}"], check=True, capture_output=True, text=True
    ).stdout
    if "Non-2xx" in out or "Socket errors" in out:
        sys.exit(f"{command}: {out}")
    return out


def per_second(out):
    return float(re.search(r"Requests/sec:\s+([\d.]+)", out)[1])


def milliseconds(out, percent):
    value, unit = re.search(rf"^\s+{percent}%\s+([\d.]+)(us|ms|s)", out, re.MULTILINE).groups()
    return float(value) * {"us": 0.001, "ms": 1, "s": 1000}[unit]


def submissions():
    """Jobs a second that are answered by 202, for each way to keep them, with idle cores taken up by the workers."""
    (work / "small.npy").write_bytes(npy(video(30, 64)))
    script = work / "post.lua"
    script.write_text(f"""
        local file = io.open("{work}/small.npy", "rb")
        wrk.method, wrk.body = "POST", file:read("*a")
        wrk.headers["Content-Type"] = "{NPY}"
        """)
    options = ["--max-queued", "10000000", "--max-queued-memory", "8192", "--max-results", "8192"]
    ways = [("memory", []), ("full", []), ("normal", ["--durability", "normal"])]
    for workers in (1, 2):
        found = {name: [] for name, _ in ways}
        slowest = {name: [] for name, _ in ways}
        for _ in range(rounds):
            for name, more in ways:
                state = "memory" if name == "memory" else work / "submissions"
                with Server(state, *options, *more, "--workers", str(workers)) as server:
                    wrk(server.port, script, "/score", 1, CLIENTS)
                    out = wrk(server.port, script, "/score", SECONDS, CLIENTS)
                    found[name].append(per_second(out))
                    slowest[name].append(milliseconds(out, 99))
                shutil.rmtree(work / "submissions", ignore_errors=True)
        for name, rates in found.items():
            print(
                f"{name:8} {workers} workers: {statistics.median(rates):9.0f} submissions a second "
                f"({min(rates):.0f} to {max(rates):.0f}), p99 {statistics.median(slowest[name]):.2f} ms"
            )
        ratio = statistics.median(full / memory for full, memory in zip(found["full"], found["memory"]))
        judge(f"durable submissions a second, {workers} workers, of those in memory", ratio, 0.5, 0.8, "", least=True)


def filled(state):
    """A store of finished jobs, made of one of them; returns the IDs."""
    with Server(state) as server:
        with Connection(server.port) as client:
            client.ask(post(npy(video(30, 64)), "Prefer: wait=30"))
        server.end()
    database = sqlite3.connect(state / "jobs.sqlite")
    rows = {}
    for table, column in (("jobs", "id"), ("results", "job")):
        cursor = database.execute(f"SELECT * FROM {table}")
        names = [one[0] for one in cursor.description]
        rows[table] = (names, list(cursor.fetchone()), names.index(column))
    first = int.from_bytes(rows["jobs"][1][rows["jobs"][2]], "big")
    # A second for each job of an earlier time, as if they had come one after the other.
    ids = [first - (number << 80) * 500 - random.getrandbits(60) for number in range(1, JOBS)]
    for table, (names, row, place) in rows.items():
        sql = f"INSERT INTO {table} ({', '.join(names)}) VALUES ({', '.join('?' * len(names))})"
        database.executemany(sql, (row[:place] + [one.to_bytes(16, "big")] + row[place + 1 :] for one in reversed(ids)))
    database.commit()
    database.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    database.close()
    return [name(one) for one in ids]


def name(number):
    return "".join("0123456789ABCDEFGHJKMNPQRSTVWXYZ"[number >> 5 * place & 31] for place in range(25, -1, -1))


def store():
    """A start with so many finished jobs, and how long one of them takes to be read."""
    state = work / "store"
    ids = filled(state)
    with Server(state) as server:
        server.end()
    size = (state / "jobs.sqlite").stat().st_size >> 20
    closed, killed = [], []
    for _ in range(max(rounds, 5)):
        with Server(state) as server:
            closed.append(server.seconds)
            server.end(signal.SIGKILL)
        with Server(state) as server:
            killed.append(server.seconds)
            server.end()
    with tempfile.TemporaryDirectory(dir=work) as empty, Server(pathlib.Path(empty)) as server:
        print(f"{JOBS} finished jobs, {size} MiB; an empty store is ready after {server.seconds:.3f} s")
    judge(f"{JOBS} jobs: ready after an end in order", statistics.median(closed), 1, 0.3, "s")
    judge(f"{JOBS} jobs: ready after kill -9", statistics.median(killed), 1, 0.3, "s")
    script = work / "get.lua"
    script.write_text(
        f'local ids = {{}}; for line in io.lines("{work}/ids") do ids[#ids + 1] = line end\n'
        'function request() return wrk.format("GET", "/jobs/" .. ids[math.random(#ids)]) end'
    )
    (work / "ids").write_text("\n".join(ids))
    chance, ends, crowds, rates = random.Random(1), [], [], []
    with Server(state) as server:
        for _ in range(rounds):
            taken = []
            with Connection(server.port) as client:
                for _ in range(5_000):
                    request = f"GET /jobs/{chance.choice(ids)} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode()
                    begun = time.perf_counter()
                    status, body = client.ask(request)
                    taken.append((time.perf_counter() - begun) * 1000)
                    if status != 200 or b'"succeeded"' not in body:
                        sys.exit(f"{status} {body[:300]}")
            ends.append(np.percentile(taken, [50, 99, 100]))
            out = wrk(server.port, script, "/", SECONDS, CLIENTS)
            crowds.append(milliseconds(out, 99))
            rates.append(per_second(out))
        p50, p99, most = np.median(ends, axis=0)
        print(f"GET /jobs/ID, one client: p50 {p50:.2f}, p99 {p99:.2f}, slowest {most:.2f} ms")
        # These ask as fast as they can, so that their times are those of a queue: shown, not judged.
        crowd = f"{statistics.median(rates):.0f} a second, p99 {statistics.median(crowds):.2f} ms"
        print(f"GET /jobs/ID, {CLIENTS} clients at full speed: {crowd}")
        judge(f"{JOBS} jobs: p99 of GET /jobs/ID", p99, 5, 2, "ms")
        lists = []
        with Connection(server.port) as client:
            for _ in range(200):
                begun = time.perf_counter()
                request = f"GET /jobs?limit=50&cursor={chance.choice(ids)} HTTP/1.1\r\nHost: localhost\r\n\r\n"
                if client.ask(request.encode())[0] != 200:
                    sys.exit("a page was refused")
                lists.append((time.perf_counter() - begun) * 1000)
        print(f"GET /jobs, pages of 50: p50 {np.percentile(lists, 50):.2f}, p99 {np.percentile(lists, 99):.2f} ms")


def latency():
    """What a store adds to the time of one video of 256 snippets that is waited for."""
    if not shared.is_dir():
        return print("skipped: the latency of a model of full size needs ../shared")
    make = [sys.executable, shared / "golden/make_checkpoint.py", "--config", "ucf", "--seed", "1"]
    subprocess.run([*make, "--out", work / "ucf.pth"], check=True)
    model = work / "ucf.safetensors"
    subprocess.run([vigil, "import", work / "ucf.pth", "--output", model], check=True, capture_output=True)
    sys.path.insert(0, str(shared / "golden"))
    import make_checkpoint

    body = npy(make_checkpoint.features(256, 512, 356))
    request = post(body, "Prefer: wait=60")
    taken = {"memory": [], "full": []}
    with Server("memory", "--model", str(model)) as memory, Server(work / "latency", "--model", str(model)) as full:
        with Connection(memory.port) as one, Connection(full.port) as other:
            clients = {"memory": one, "full": other}
            for number in range(10 + 40 * rounds):
                for name in sorted(clients, reverse=number % 2 == 0):
                    begun = time.perf_counter()
                    status, answer = clients[name].ask(request)
                    if status != 200 or b'"succeeded"' not in answer:
                        sys.exit(f"{status} {answer[:300]}")
                    if number >= 10:
                        taken[name].append((time.perf_counter() - begun) * 1000)
    for name, times in taken.items():
        p10, p50, p90 = np.percentile(times, [10, 50, 90])
        print(f"T=256, {name}: {len(times)} videos, p10 {p10:.2f}, p50 {p50:.2f}, p90 {p90:.2f} ms")
    added = statistics.median(taken["full"]) - statistics.median(taken["memory"])
    judge("latency that durability adds to a T = 256 request, median", added, 10, 3, "ms")


try:
    for part in (submissions, store, latency):
        if only in ("", part.__name__):
            part()
finally:
    shutil.rmtree(work, ignore_errors=True)
print(f"FAIL: {', '.join(missed)}" if missed else "all bars are reached")
sys.exit(bool(missed))
