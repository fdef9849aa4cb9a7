"""Many clients at once: wrk, two thousand idle connections, two hundred submissions from fifty clients."""

import collections
import concurrent.futures
import resource
import shutil
import socket
import subprocess
import time

from support.harness import LONG, check, equal, finish, group, need, note, scratch, skip

need("load", "numpy", "requests")

import requests  # noqa: E402

from support import features, slow  # noqa: E402
from support.process import Server  # noqa: E402

SECONDS = 60 if LONG else 3
IDLE = 2_000
body = features.npy(features.video(100))


def wrk(server, path, script=None):
    """Requests a second, answers that were none, statuses beyond 2xx and 3xx."""
    more = ["-s", script] if script else []
    ran = subprocess.run(
        ["wrk", "-t2", "-c64", f"-d{SECONDS}s", "--timeout", "120s", "--latency", *more, server.url + path], capture_output=True, text=True
    )
    return ran.stdout


def line(text, start):
    return next((one.strip() for one in text.splitlines() if one.strip().startswith(start)), "")


# Dispatch keeps the threads of its pool for a while; what must not be is a thread for each of two thousand clients.
POOL = 8


def settles(measure, most, seconds=180):
    """The value once it is at most `most`, or the last one after a while."""
    end = time.monotonic() + seconds
    while (value := measure()) > most and time.monotonic() < end:
        time.sleep(0.1)
    return value


def wrks(server):
    text = wrk(server, "/livez")
    note(f"GET /livez, 64 connections: {line(text, 'Requests/sec')}, 99% {line(text, '99%')}")
    check(
        "wrk GET /livez: no error",
        "Requests/sec" in text and "Socket errors" not in text and "Non-2xx" not in text,
        text,
    )
    script = scratch() / "post.lua"
    (script.parent / "body.npy").write_bytes(features.npy(features.video(30)))
    script.write_text(f"""
        local file = io.open("{script.parent}/body.npy", "rb")
        wrk.method, wrk.body = "POST", file:read("*a")
        wrk.headers["Content-Type"], wrk.headers["Prefer"] = "application/x-npy", "wait=30"
        local counted = {{}}
        function setup(thread) table.insert(counted, thread) end
        function init() ok, full, other = 0, 0, 0 end
        function response(status, headers)
            if status == 200 then ok = ok + 1
            elseif status == 429 and headers["Retry-After"] then full = full + 1
            else other = other + 1 end
        end
        function done()
            for _, thread in ipairs(counted) do
                local ok, full, other = thread:get("ok"), thread:get("full"), thread:get("other")
                io.write(string.format("statuses %d %d %d\\n", ok, full, other))
            end
        end""")
    text = wrk(server, "/score", script)
    counts = [
        sum(column)
        for column in zip(*(map(int, one.split()[1:]) for one in text.splitlines() if one.startswith("statuses")))
    ]
    note(
        f"POST /score, waited for: {line(text, 'Requests/sec')}, 99% {line(text, '99%')}, "
        f"statuses 200, 429, other: {counts}"
    )
    check(
        "wrk POST /score: 200 or 429 with Retry-After, no error",
        counts and counts[0] and not counts[2] and "Socket errors" not in text,
        text,
    )


def warm(server):
    """Threads and buffers come with the first requests; what counts is that no more stay."""
    with concurrent.futures.ThreadPoolExecutor(20) as pool:
        list(
            pool.map(
                lambda _: requests.post(server.url + "/score", data=body, headers={"Prefer": "wait=60"}), range(100)
            )
        )


def idle(server):
    warm(server)
    # Those that warmed it up close when they get to it.
    settles(lambda: len(server.peers()), 0)
    before = server.rss(), server.threads(), server.descriptors()
    resource.setrlimit(resource.RLIMIT_NOFILE, (resource.getrlimit(resource.RLIMIT_NOFILE)[1],) * 2)
    clients = [socket.create_connection((server.host, server.port), 60) for _ in range(IDLE)]
    for client in clients[::2]:
        client.sendall(b"GET /livez HTTP/1.1\r\nHost: localhost\r\n\r\n")
    statuses = collections.Counter()
    for client in clients[::2]:
        client.settimeout(60)
        statuses[client.recv(65536)[:12]] += 1
    equal("half of them ask once", dict(statuses), {b"HTTP/1.1 200": IDLE // 2})
    for client in clients[1::4]:
        client.sendall(b"POST /score HTTP/1.1\r\nHost: localhost\r\nConte")
    during = server.rss(), server.threads(), server.descriptors()
    answer = requests.post(server.url + "/score", data=body, headers={"Prefer": "wait=60"}, timeout=90)
    equal("a job meanwhile", answer.status_code, 200)
    # These very ones: whoever asked meanwhile is no substitute for one that is lost.
    lost = {client.getsockname()[1] for client in clients} - server.peers()
    check("all are open", not lost, f"{len(lost)} of {IDLE} are not")
    # Half are closed properly, half reset.
    for client in clients[::2]:
        client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
    for client in clients:
        client.close()
    descriptors = settles(server.descriptors, before[2] + 2)
    # Dispatch's threads go some seconds after their last work, which beside other load is later.
    after = server.rss(), settles(server.threads, before[1] + POOL), descriptors
    for name, values in (("before", before), ("with 2,000 connections", during), ("after", after)):
        note(f"{name}: {values[0]:.1f} MiB, {values[1]} threads, {values[2]} descriptors")
    cost = (during[0] - before[0]) * 1024 / IDLE
    check("an idle connection costs under 8 KiB", cost < 8, f"{cost:.1f} KiB")
    check("descriptors are back", after[2] <= before[2] + 2, f"{before[2]}, then {after[2]}")
    check("threads are back", after[1] <= before[1] + POOL, f"{before[1]}, then {after[1]}")
    check("memory is back", after[0] < before[0] + 16, f"{before[0]:.0f} MiB, then {after[0]:.0f}")


def burst():
    """Fifty clients send four each at once to a small backlog; who is refused comes again."""
    with Server("--max-queued", "10", *slow.beside()) as server:
        warm(server)
        before = server.rss(), server.threads(), server.descriptors()
        large = features.npy(features.video(3_000))
        # At first the backlog is full for everyone; then as it comes.
        blockers = []
        while (answer := requests.post(f"{server.url}/score?model=slow", data=large, timeout=60)).status_code == 202:
            blockers.append(answer.json()["id"])

        def client(number, times=4):
            statuses, identifiers = collections.Counter(), []
            with requests.Session() as session:
                for _ in range(times):
                    headers = {"Prefer": "wait=20"} if number % 5 == 0 else {}
                    answer = session.post(server.url + "/score", data=large, headers=headers, timeout=60)
                    statuses[answer.status_code] += 1
                    if answer.status_code == 429 and not answer.headers.get("Retry-After", "").isdigit():
                        statuses["429 without Retry-After"] += 1
                    if answer.status_code in (200, 202):
                        identifiers.append(answer.json()["id"])
            return statuses, identifiers

        with concurrent.futures.ThreadPoolExecutor(50) as pool:
            done = list(pool.map(lambda number: client(number, 1), range(50)))
            for one in blockers:
                requests.delete(f"{server.url}/jobs/{one}", timeout=60)
            done += pool.map(client, range(50))
        statuses = sum((one for one, _ in done), collections.Counter())
        identifiers = [one for _, some in done for one in some]
        note(f"250 submissions: {dict(statuses)}")
        check("only 200, 202 and 429 with Retry-After", set(statuses) <= {200, 202, 429}, str(dict(statuses)))
        check("the backlog was full for some", answer.status_code == 429 and statuses[429] > 0)
        ends = collections.Counter(
            requests.get(f"{server.url}/jobs/{one}?wait=300", timeout=400).json()["status"] for one in identifiers
        )
        equal("no job is lost", dict(ends), {"succeeded": len(identifiers)})
        equal("no two are the same", len(set(identifiers)), len(identifiers))
        for one in identifiers:
            requests.delete(f"{server.url}/jobs/{one}")
        descriptors = settles(server.descriptors, before[2] + 2)
        rss = settles(server.rss, before[0] + 64)
        note(
            f"before: {before[0]:.1f} MiB, {before[1]} threads, {before[2]} descriptors; "
            f"after: {rss:.1f} MiB, {server.threads()} threads, {descriptors} descriptors"
        )
        # The store's connections keep some pages, and the allocator what the burst took.
        check("memory is back", rss < before[0] + 64, f"{before[0]:.0f} MiB, then {rss:.0f}")
        check("descriptors are back", descriptors <= before[2] + 2, f"{before[2]}, then {descriptors}")
        threads = settles(server.threads, before[1] + POOL)
        check("threads are back", threads <= before[1] + POOL, f"{before[1]}, then {threads}")


def held(name, query, head, framed):
    """Uploads that are sent and never end share the memory that waiting uploads may take."""
    with Server("--max-queued-memory", "64", "--max-body", "32") as server:
        clients, before, piece = [], server.rss(), framed(bytes(1 << 20))
        for _ in range(16):
            client = socket.create_connection((server.host, server.port), 60)
            clients.append(client)
            client.settimeout(2)
            try:
                client.sendall(f"POST /score{query} HTTP/1.1\r\nHost: localhost\r\n{head}\r\n\r\n".encode())
                for _ in range(30):
                    client.sendall(piece)
            except OSError:
                # Refused while it was sending, or not read any further: both bound the memory.
                pass
        during = server.rss()
        answer = requests.get(server.url + "/livez", timeout=60)
        note(f"{name}: {before:.0f} MiB, with 16 uploads of 30 MiB {during:.0f} MiB")
        check(f"{name}: bounded memory", during < before + 192 and answer.status_code == 200, f"{during:.0f} MiB")
        for client in clients:
            client.close()


with group("uploads that never end"):
    whole, chunked = f"Content-Length: {31 << 20}", "Transfer-Encoding: chunked"
    held("with Content-Length", "", whole, bytes)
    held("chunked", "", chunked, lambda piece: b"100000\r\n" + piece + b"\r\n")
    held("validate_only", "?validate_only=true", whole, bytes)
with Server() as server:
    with group("idle connections"):
        idle(server)
    with group("wrk"):
        if shutil.which("wrk"):
            wrks(server)
            check("the service lives", server.alive())
        else:
            skip("wrk", "needs wrk")
with group("a burst"):
    burst()
with group("connections beyond the limit"):
    with Server("--max-connections", "50") as server:
        clients = [socket.create_connection((server.host, server.port), 60) for _ in range(200)]
        time.sleep(0.2)
        check("the service lives", server.alive() and server.descriptors() < 120, str(server.descriptors()))
        last = requests.get(server.url + "/livez", timeout=60).status_code
        equal("all are idle, so that one of them makes room for another client", last, 200)
        for client in clients:
            client.close()
        begun = time.monotonic()

        def livez():
            try:
                return requests.get(server.url + "/livez", timeout=60).status_code
            except requests.ConnectionError:
                # There is no room yet.
                return 503

        status = settles(livez, 200)
        equal("then it serves", status, 200)
        note(f"{time.monotonic() - begun:.2f} s after they were closed")
finish()
