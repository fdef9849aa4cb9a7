"""Two servers behind HAProxy, restarted one after the other while clients submit, wait and poll: nobody sees a failure."""

import http.client
import json
import os
import shutil
import signal
import socket
import subprocess
import threading
import time

from support.harness import LONG, ROOT, check, equal, finish, group, note, scratch, skip
from support.process import environment, free_port

HAPROXY = shutil.which("haproxy") or ("/usr/sbin/haproxy" if os.path.exists("/usr/sbin/haproxy") else None)
if not HAPROXY:
    skip("rolling", "needs haproxy")
    finish()
try:
    from support import features
except ImportError:
    skip("rolling", "needs numpy")
    finish()

WIDTH = 64
ROUNDS = 8 if LONG else 1
# The backends of HAProxy that look whether a server is well.
LOOKING = ("submissions", "reads", "jobs_unknown")
BODY = features.npy(features.video(30)[:, :WIDTH].copy())
folder = scratch()


class Backend:
    """A server of a fixed port with its own state folder, which ends and begins again."""

    def __init__(self, name):
        self.name, self.port, self.starts = name, free_port(), 0
        self.log = open(folder / f"{name}.log", "ab")

    def start(self):
        self.starts += 1
        self.child = subprocess.Popen(
            [os.environ.get("VIGIL", "vigil"), "serve", "--port", str(self.port), "--trusted-proxies", "127.0.0.1"],
            stdin=subprocess.DEVNULL,
            stdout=self.log,
            stderr=self.log,
            env=environment({"VIGIL_STATE": str(folder / self.name)}),
        )

    def stop(self):
        self.child.send_signal(signal.SIGTERM)
        return self.child.wait(120)

    def restart(self):
        """Ends when HAProxy has looked at the new process for each of its backends: what it knew may have been of the old one."""
        code = self.stop()
        self.start()
        until(self.is_ready, f"{self.name} to begin")
        for backend in LOOKING:
            admin(f"set server {backend}/{self.name} health down")
        until(lambda: all(is_well(backend, self.name) for backend in LOOKING), f"HAProxy to look at {self.name}")
        return code

    def is_ready(self):
        client = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        try:
            client.request("GET", "/readyz")
            return client.getresponse().status == 200
        except OSError:
            return False
        finally:
            client.close()


class Clients:
    """Threads that ask as clients do; each answer that is none of those that were to come is kept."""

    def __init__(self, port):
        self.port, self.going, self.failures, self.answers = port, True, [], []
        self.phase = "steady"
        self.threads = [threading.Thread(target=self.submit, args=(waits,)) for waits in (True, True, False, False)]
        self.threads.append(threading.Thread(target=self.look))
        for thread in self.threads:
            thread.start()

    def ask(self, client, method, path, body=None, fields=None, expected=(200,)):
        begun = time.monotonic()
        try:
            client.request(method, path, body=body, headers=fields or {})
            answer = client.getresponse()
            text = answer.read()
        except (OSError, http.client.HTTPException) as error:
            client.close()
            self.failures.append(f"{method} {path}: {type(error).__name__} {error}")
            return None
        self.answers.append((self.phase, time.monotonic() - begun))
        if answer.status not in expected:
            self.failures.append(f"{method} {path}: {answer.status} {text[:200]!r}")
            return None
        return json.loads(text) if text else {}

    def submit(self, waits):
        """A job is submitted, and followed to its end; then the next."""
        client = http.client.HTTPConnection("127.0.0.1", self.port, timeout=90)
        fields = {"Content-Type": "application/x-npy"} | ({"Prefer": "wait=20"} if waits else {})
        while self.going:
            job = self.ask(client, "POST", "/score", BODY, fields, (200, 202))
            while job and job["status"] in ("queued", "running"):
                job = self.ask(client, "GET", f"/jobs/{job['id']}?wait=5")
            if job and job["status"] != "succeeded":
                self.failures.append(f"{job['id']}: {job['status']} {job['error']}")
            elif job:
                self.ask(client, "GET", f"/jobs/{job['id']}")

    def look(self):
        client = http.client.HTTPConnection("127.0.0.1", self.port, timeout=90)
        while self.going:
            self.ask(client, "GET", "/v1/models")
            time.sleep(0.02)

    def end(self):
        self.going = False
        for thread in self.threads:
            thread.join()

    def p99(self, phase):
        times = sorted(seconds for name, seconds in self.answers if name == phase)
        return times[int(len(times) * 0.99)] * 1_000 if times else 0, len(times)


def admin(text):
    with socket.socket(socket.AF_UNIX) as client:
        client.connect(str(folder / "admin"))
        client.sendall(text.encode() + b"\n")
        answer = b""
        while piece := client.recv(65536):
            answer += piece
        return answer.decode()


def column(server, index, backend="submissions"):
    rows = [line.split(",") for line in admin("show stat").splitlines()]
    return next(row[index] for row in rows if row[:2] == [backend, server])


def until(holds, what):
    end = time.monotonic() + 180
    while not holds():
        if time.monotonic() > end:
            raise RuntimeError(f"waited in vain for {what}")
        time.sleep(0.02)


def is_up(server):
    return all(column(server, 17, backend).startswith("UP") for backend in LOOKING)


def is_well(backend, server):
    return "L7OK" in column(server, 36, backend) and not column(server, 17, backend).startswith("DOWN")


def roll_in_order(server):
    """As deploy/haproxy/roll.sh does."""
    admin(f"set server submissions/{server.name} state drain")
    until(lambda: column(server.name, 4) == "0", f"the end of uploads to {server.name}")
    equal(f"{server.name}, told before: it ends with", server.restart(), 0)
    admin(f"set server submissions/{server.name} state ready")
    until(lambda: is_up(server.name), f"{server.name} to be up")


def roll_at_once(server):
    """A signal alone, as an orchestrator or an administrator sends it."""
    equal(f"{server.name}, by a signal alone: it ends with", server.restart(), 0)
    until(lambda: is_up(server.name), f"{server.name} to be up")


with group("rolling"):
    servers = [Backend("a"), Backend("b")]
    front = free_port()
    places = {f"VIGIL_{one.name.upper()}": f"127.0.0.1:{one.port}" for one in servers}
    for one in servers:
        one.start()
    proxy = subprocess.Popen(
        [HAPROXY, "-db", "-f", str(ROOT / "deploy/haproxy/haproxy.cfg")],
        env=os.environ | places | {"VIGIL_FRONT": f"127.0.0.1:{front}", "VIGIL_ADMIN": str(folder / "admin")},
        stdin=subprocess.DEVNULL,
        stdout=open(folder / "haproxy.log", "wb"),
        stderr=subprocess.STDOUT,
    )
    try:
        until(lambda: (folder / "admin").exists(), "HAProxy")
        for one in servers:
            until(lambda: is_up(one.name), f"{one.name} to be up")
        clients = Clients(front)
        try:
            time.sleep(20 if LONG else 0.5)
            until(lambda: all(int(column(one.name, 7)) > 10 for one in servers), "uploads to both")
            for roll in (roll_in_order, roll_at_once) * ROUNDS:
                for one in servers:
                    clients.phase = roll.__name__
                    roll(one)
                    clients.phase = "between"
                    time.sleep(2 if LONG else 0.3)
        finally:
            clients.end()
        equal("every request was answered as it is without restarts", clients.failures[:5], [])
        equal("each server began anew each time", [one.starts for one in servers], [1 + 2 * ROUNDS] * 2)
        for one in servers:
            check(f"{one.name} took uploads", int(column(one.name, 7)) > 10, column(one.name, 7))
        for phase in ("steady", "roll_in_order", "roll_at_once"):
            p99, count = clients.p99(phase)
            note(f"{phase}: {count} answers, p99 {p99:.1f} ms")
    finally:
        proxy.kill()
        proxy.wait()
        for one in servers:
            one.stop()
finish()
