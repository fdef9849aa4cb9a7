"""Every answer to overload: one shape of problem, the right status, a time to come again that is true, a metric each."""

import contextlib
import os
import re
import shutil
import signal
import socket
import struct
import subprocess
import time

from support.harness import VIGIL, check, contains, equal, finish, group, need, scratch, skip

need("overload", "numpy")

from support import features, process, slow  # noqa: E402
from support.jobs import Client, alike  # noqa: E402
from support.process import Server  # noqa: E402

TINY = features.npy(features.video(3))
# What holds a worker does so by a slow model: until it is cancelled.
BLOCKER = alike(30_000)
BY_ADDRESS = ["--trusted-proxies", "127.0.0.1/32"]


def refusals(server, reason):
    """How often that was short, by the server's metrics; None where it has none."""
    answer = Client(server).get("/metrics")
    if answer.status != 200:
        return None
    found = re.search(rf'^vigil_refused_total\{{reason="{reason}"\}} (\S+)$', answer.body.decode(), re.M)
    return float(found[1]) if found else -1


def refused(name, server, answer, status, problem, reason, before, most=600, retries=True):
    """An answer that says no: its form, its time, its metric."""
    equal(f"{name}: status and problem", (answer.status, answer.problem()), (status, problem))
    if not answer.problem():
        return
    body = answer.json()
    equal(f"{name}: one shape", (sorted(body), body["status"]), (["detail", "instance", "status", "title", "type"], status))
    check(f"{name}: a sentence that says what is short", len(body["detail"]) > 20, str(body))
    after = answer.headers.get("retry-after", "")
    if retries:
        check(f"{name}: a time to come again", after.isdigit() and 1 <= int(after) <= most, repr(after))
    else:
        equal(f"{name}: no time, as none helps", after, "")
    if before is None:
        skip(f"{name}: its metric", "this server has no /metrics")
    else:
        equal(f"{name}: counted once, as {reason}", refusals(server, reason), before + 1)


def until(server, wanted, post, most=200):
    """The first answer of that status, with the count before it."""
    for _ in range(most):
        before = refusals(server, wanted[1])
        if (answer := post()).status == wanted[0]:
            break
    return answer, before


with group("the queue is full"):
    with Server("--workers", "1", "--max-queued", "2", "--max-queued-memory", "2048", **slow.only()) as server:
        client = Client(server)
        answer, before = until(server, (429, "queue-full"), lambda: client.post(BLOCKER))
        refused("queue", server, answer, 429, "backlog-full", "queue-full", before)
        queued = client.all("&status=queued")
        check("what was accepted stays", len(queued) > 0, str(queued))
        for job in queued:
            client.delete(f"/jobs/{job['id']}")
        equal("with room again it is taken", client.post(TINY).status, 202)
        server.kill()

with group("its bytes are full"):
    with Server("--workers", "1", "--max-queued-memory", "130", "--max-body", "130", **slow.only()) as server:
        client = Client(server)
        answer, before = until(server, (429, "bytes-full"), lambda: client.post(BLOCKER))
        refused("bytes", server, answer, 429, "backlog-full", "bytes-full", before)
        equal("what is small still fits", client.post(TINY).status, 202)
        server.kill()

with group("a client is over its share"):
    options = ["--workers", "1", "--max-queued-per-client", "1", "--max-queued-memory", "2048", *BY_ADDRESS]
    with Server(*options, **slow.only()) as server:
        client, other = Client(server, {"X-Forwarded-For": "192.0.2.1"}), Client(server, {"X-Forwarded-For": "192.0.2.2"})
        answer, before = until(server, (429, "client-share"), lambda: client.post(BLOCKER))
        refused("share", server, answer, 429, "share-full", "client-share", before)
        equal("another client is served", other.post(TINY).status, 202)
        server.kill()

with group("a client asks too often"):
    with Server("--rate-limit", "1", "--rate-burst", "30", *BY_ADDRESS) as server:
        client, other = Client(server, {"X-Forwarded-For": "192.0.2.1"}), Client(server, {"X-Forwarded-For": "192.0.2.2"})
        before = refusals(server, "rate")
        for _ in range(200):
            if (answer := client.get("/jobs")).status == 429:
                break
        refused("rate", server, answer, 429, "rate-limited", "rate", before, most=2)
        equal("another client is served", other.get("/jobs").status, 200)
        time.sleep(int(answer.headers.get("retry-after", "2")))
        equal("after the time it is served too", client.get("/jobs").status, 200)

with group("there are too many connections"):
    with Server("--max-connections", "6", "--workers", "1", **slow.only()) as server:
        client = Client(server)
        job = client.post(BLOCKER).json()["id"]
        before = refusals(server, "connections")
        client.close()
        waiting = [server.asked(f"/jobs/{job}?wait=300") for _ in range(6)]
        answer = Client(server).get("/livez")
        for one in waiting:
            # By a reset: an end of one side alone would leave it to wait for its answer.
            one.client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            one.client.close()
            one.close()
        end, tries = time.monotonic() + 120, 0
        while time.monotonic() < end:
            with contextlib.suppress(OSError):
                if Client(server).get("/livez").status == 200:
                    break
            tries += 1
            time.sleep(0.05)
        # Those that came before there was room again are counted too.
        before = None if before is None else before + tries
        refused("connections", server, answer, 503, "too-many-connections", "connections", before)
        server.kill()
    with Server("--max-connections-per-address", "2") as server:
        held = [socket.create_connection(("127.0.0.1", server.port)) for _ in range(2)]
        answer = Client(server).get("/livez")
        for one in held:
            one.close()
        end = time.monotonic() + 120
        while Client(server).get("/livez").status != 200 and time.monotonic() < end:
            time.sleep(0.05)
        equal("of one address: status and problem", (answer.status, answer.problem()), (429, "too-many-connections-of-client"))
        check("of one address: a time to come again", answer.headers.get("retry-after", "").isdigit())

with group("the memory has no room"):
    bounded = scratch() / "bounded"
    # Beside its own pages a process has stacks and arenas reserved, which count for this limit alone: with each processor some
    # more, so it is held to two of them.
    some = ",".join(map(str, sorted(os.sched_getaffinity(0))[:2]))
    bounded.write_text(f'#!/bin/sh\nulimit -v {1200 << 10} && exec taskset -c {some} "{VIGIL}" "$@"\n')
    bounded.chmod(0o755)
    process.VIGIL = str(bounded)
    try:
        with Server("--workers", "1", "--max-body", "2048", "--max-queued-memory", "4096") as server:
            client = Client(server)
            limit = client.get("/v1/server").json()["memory"]["limit_bytes"]
            before = refusals(server, "memory")
            with socket.create_connection(("127.0.0.1", server.port), 60) as begun:
                head = f"POST /score HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/x-npy\r\nContent-Length: {1 << 30}\r\n"
                begun.sendall(f"{head}Expect: 100-continue\r\n\r\n".encode())
                said = begun.recv(1 << 16).decode()
            contains("memory: refused before a byte of it is read", said, "HTTP/1.1 413", "/problems/content-too-large")
            contains("memory: names it", said, str(limit), "memory")
            check("memory: no time, as none helps", "retry-after" not in said.lower())
            if before is not None:
                equal("memory: counted once", refusals(server, "memory"), before + 1)
            equal("what fits is taken", client.post(TINY).status, 202)
    finally:
        process.VIGIL = VIGIL

with group("the disk has no room"):
    folder = scratch()
    mounted = os.geteuid() == 0 and shutil.which("mount") is not None
    mounted = mounted and subprocess.run(["mount", "-t", "tmpfs", "-o", "size=24m", "vigil-check", folder], capture_output=True).returncode == 0
    if not mounted:
        skip("disk", "needs to mount a small file system")
    else:
        try:
            with Server("--workers", "1", **slow.only(), state=folder / "state") as server:
                client = Client(server)
                answer, before = until(server, (507, "disk"), lambda: client.post(features.npy(features.video(1_500))))
                refused("disk", server, answer, 507, "store-full", "disk", before)
                equal("it lives", client.get("/livez").status, 200)
                server.kill()
        finally:
            subprocess.run(["umount", "-l", folder], check=True)

with group("the server is leaving"):
    with Server("--workers", "1", "--grace", "300", **slow.only(), state="memory") as server:
        client, other = Client(server), Client(server)
        job = client.post(BLOCKER).json()["id"]
        equal("before", other.get("/readyz").status, 200)
        before = refusals(server, "draining")
        server.signal(signal.SIGTERM)
        end = time.monotonic() + 120
        while other.get("/readyz").status == 200 and time.monotonic() < end:
            time.sleep(0.01)
        refused("draining", server, client.post(TINY), 503, "draining", "draining", before)
        said = Client(server).get("/metrics").body.decode()
        check("it says so to those who scrape", "\nvigil_ready 0\n" in said, said[-400:])
        client.delete(f"/jobs/{job}")
finish()
