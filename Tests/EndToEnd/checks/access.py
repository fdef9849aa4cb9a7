"""API keys and rate limits as clients meet them, and keys that change while the server runs."""

import hashlib
import json
import os
import re
import signal
import socket
import struct
import subprocess
import time

from support.harness import check, contains, equal, finish, group, need, scratch

need("access", "numpy", "requests")

import requests  # noqa: E402

from support import features, unseen  # noqa: E402
from support.process import Server, run  # noqa: E402

folder = scratch()
keys = folder / "keys"


def write(*lines, mode=0o600):
    """Replaces the file in one step."""
    new = folder / "new"
    new.write_bytes(unseen.filled("".join(line + "\n" for line in lines)))
    new.chmod(mode)
    new.rename(keys)


def line(name, key):
    return f"{name}:{hashlib.sha256(key.encode()).hexdigest()}"


def until(holds, seconds=60):
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if holds():
            return True
        time.sleep(0.05)
    return False


def raw(server, text, wait=60):
    with socket.create_connection((server.host, server.port), wait) as client:
        client.sendall(text.encode())
        return client.recv(65536).decode()


write("# who may come in", "", line("alice", "one"), line("bob", "two"))
with Server("--api-keys", keys, "--log-level", "trace") as server:

    def get(path, key=None, value=None, headers=None, **more):
        headers = dict(headers or {})
        if key or value:
            headers["Authorization"] = value or f"Bearer {key}"
        return requests.get(server.url + path, headers=headers, timeout=60, **more)

    with group("keys"):
        for path in ("/livez", "/readyz", "/healthz", "/", "/docs"):
            equal(f"{path} is open", get(path).status_code, 200)
        for path in ("/jobs", "/v1/models", "/openapi.yaml", "/none", "/metrics"):
            answer = get(path)
            equal(f"{path} without a key", answer.status_code, 401)
            equal(f"{path}: challenge", answer.headers.get("WWW-Authenticate"), "Bearer")
            equal(f"{path}: type", answer.json()["type"], "/problems/unauthorized")
        equal("a good key", get("/jobs", "one").status_code, 200)
        equal("another", get("/jobs", value="bearer two").status_code, 200)
        for value in ("Bearer three", "Bearer one two", "Bearer " + line("alice", "one").split(":")[1]):
            answer = get("/jobs", value=value)
            equal("a wrong key", answer.status_code, 401)
            equal("its challenge", answer.headers["WWW-Authenticate"], 'Bearer error="invalid_token"')
        answer = get("/jobs", value="Basic b25lOm9uZQ==")
        equal("another scheme", answer.headers["WWW-Authenticate"], "Bearer")
        contains("another scheme: the detail", answer.json()["detail"], "Bearer KEY", "the scheme Basic")
        check("and nothing of what follows it", "b25l" not in answer.text, answer.text)
        answer = get("/jobs", value="one")
        check("a key without a scheme is not shown", answer.status_code == 401 and "one word" in answer.text, answer.text)
        answer = requests.get(server.url + "/jobs", headers={"X-API-Key": "one"}, timeout=60)
        contains("another field: the detail", answer.json()["detail"], "Bearer KEY", "the field X-API-Key")
        job = requests.post(
            server.url + "/score",
            data=features.npy(features.video(30)),
            headers={"Authorization": "Bearer one", "Content-Type": "application/x-npy", "Prefer": "wait=20"},
            timeout=60,
        )
        equal("scoring with a key", job.json()["status"], "succeeded")

    with group("before the body"):
        head = "POST /score HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/x-npy\r\nContent-Length: 100000000\r\n"
        check("401 while the body has not begun", raw(server, head + "\r\n").startswith("HTTP/1.1 401 "))
        answer = raw(server, head + "Expect: 100-continue\r\n\r\n")
        check("401 in place of 100", answer.startswith("HTTP/1.1 401 "), answer)
        answer = raw(server, head + "Authorization: Bearer one\r\nExpect: 100-continue\r\n\r\n")
        check("100 with a key", answer.startswith("HTTP/1.1 100 "), answer)
        curl = subprocess.run(
            ["curl", "-s", "--expect100-timeout", "60", "-o", "/dev/null", "-w", "%{http_code} %{size_upload}", "-H", "Expect: 100-continue"]
            + ["-F", f"features=@{__file__}", server.url + "/score"],
            capture_output=True,
            text=True,
            timeout=120,
        ).stdout
        equal("curl sends none of its body", curl, "401 0")

    with group("reload"):
        write(line("alice", "one"), line("carol", "three"))
        check("a changed file counts by itself", until(lambda: get("/jobs", "three").status_code == 200))
        equal("who is no longer in it is out", get("/jobs", "two").status_code, 401)
        write("carol three")
        check("a bad file is logged by file and line", until(lambda: f"{keys}:1: " in server.text()), server.text())
        equal("and changes nothing", get("/jobs", "three").status_code, 200)
        # Nobody who only looks at the file finds that it changed.
        unseen.rewrite(keys, line("dave", "four"))
        keys.chmod(0o644)
        server.signal(signal.SIGHUP)
        check("SIGHUP reads it", until(lambda: get("/jobs", "four").status_code == 200))
        contains("a file for all to read is warned of", server.text(), "chmod o-r")
        os.remove(keys)
        time.sleep(2.5)
        equal("a removed file changes nothing", get("/jobs", "four").status_code, 200)
        check("the server runs on", server.alive())
        found = [word for word in ("three", "four", "Bearer", hashlib.sha256(b"four").hexdigest()) if word in server.text()]
        # The one line that was no key at all is named by its number alone.
        equal("no key, and no hash, is in the log", found, [])
        equal("it ends as ever", server.stop(), 0)

with group("access log"):
    write(line("alice", "one"))
    log = folder / "access.log"

    def logged(count):
        found = lambda: [json.loads(one) for one in log.read_text().splitlines()]  # noqa: E731
        until(lambda: log.exists() and len(found()) >= count)
        return found()

    with Server("--api-keys", keys, "--access-log", log, "--log-format", "json") as server:
        get("/jobs?limit=5", "one", headers={"X-Request-Id": "mine"})
        get("/jobs", "wrong")
        get("/livez")
        raw(server, "GET /%22%5C HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer one\r\n\r\n")
        with socket.create_connection((server.host, server.port), 60) as client:
            head = "POST /score HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer one\r\nContent-Type: application/x-npy\r\n"
            client.sendall((head + "Content-Length: 1000\r\n\r\n").encode() + b"\x93NUMPY\x01\x00")
            server.has_read(client)
            client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        lines = logged(5)
        equal("a line for each", [one["status"] for one in lines[:4]], [200, 401, 200, 404])
        first = lines[0]
        equal("the key's name", [one["key"] for one in lines], ["alice", None, None, "alice", "alice"])
        equal("the path without its query", (first["method"], first["path"]), ("GET", "/jobs"))
        equal("the id", first["request_id"], "mine")
        equal("the address", first["address"], server.host)
        check("bytes and time", first["response_bytes"] > 10 and first["milliseconds"] > 0, first)
        equal("what a client writes stays in its line", lines[3]["path"], '/"\\')
        broken = [lines[4][name] for name in ("status", "complete", "request_bytes")]
        equal("an upload that broke off", broken, [None, False, 8])
        log.rename(folder / "access.1")
        server.signal(signal.SIGHUP)
        check("SIGHUP opens it again", until(log.exists))
        get("/livez")
        equal("new lines are in the new file", len(logged(1)), 1)
        check("no key is in it", "Bearer" not in (folder / "access.1").read_text())
        equal("it ends as ever", server.stop(), 0)
    ran = run("serve", "--port", "0", "--access-log", folder / "absent" / "log")
    equal("a file that can't be opened: exit code", ran.code, 78)
    contains("a file that can't be opened: message", ran.last, "--access-log", "absent/log")
    os.remove(keys)

with group("files that can't be used"):
    for name, lines, words in (
        ("no file", None, [str(keys), "no such file"]),
        ("no key", ["# none"], [str(keys), "no key"]),
        ("no hash", ["# x", "alice:one"], [f"{keys}:2: ", "64 hexadecimal"]),
        ("a name twice", [line("alice", "one"), line("alice", "two")], [f"{keys}:2: ", "'alice'", "line 1"]),
        ("two bad lines", ["alice", line("bob", "one"), "carol:x"], [f"{keys}:1: ", f"; {keys}:3: "]),
    ):
        if lines:
            write(*lines)
        ran = run("serve", "--port", "0", "--api-keys", keys)
        equal(f"{name}: exit code", ran.code, 78 if lines else 66)
        contains(f"{name}: message", ran.last, *words)

with group("rates"):
    write(line("alice", "one"))
    with Server("--api-keys", keys, "--rate-limit", "1", "--rate-burst", "5") as server:
        begun, answers = time.monotonic(), []
        while not answers or answers[-1].status_code == 200:
            answers.append(get("/jobs", "one"))
        took = time.monotonic() - begun
        statuses = [answer.status_code for answer in answers]
        # One more for each second that asking took.
        check("five at once, no more", 6 <= len(statuses) <= 6 + took, f"{statuses} in {took:.2f} s")
        fields = [answers[0].headers[name] for name in ("RateLimit-Policy", "RateLimit")]
        equal("the policy, and what is left", fields, ['"default";q=5;w=5', '"default";r=4;t=1'])
        refused = answers[-1]
        equal("Retry-After", refused.headers["Retry-After"], "1")
        check("nothing is left", re.match(r'"default";r=0;t=5$', refused.headers["RateLimit"]), refused.headers)
        equal("its type", refused.json()["type"], "/problems/rate-limited")
        upload = (
            "POST /score HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer one\r\nContent-Length: 90000000\r\n"
            "Expect: 100-continue\r\n\r\n"
        )
        check("429 in place of 100", until(lambda: raw(server, upload).startswith("HTTP/1.1 429 ")))
        begun, guesses = time.monotonic(), []
        while not guesses or guesses[-1] == 401:
            guesses.append(get("/jobs", f"guess{len(guesses)}").status_code)
        took = time.monotonic() - begun
        right = 6 <= len(guesses) <= 6 + took and guesses[-1] == 429
        check("guesses count for the address", right, f"{guesses} in {took:.2f} s")
        equal("health is never limited", {get("/livez").status_code for _ in range(20)}, {200})
        check("a second later there is one again", until(lambda: get("/jobs", "one").status_code == 200))
    with Server(env={"VIGIL_RATE_LIMIT": "2"}) as server:
        begun, statuses = time.monotonic(), []
        while not statuses or statuses[-1] == 200:
            statuses.append(get("/jobs").status_code)
        took = time.monotonic() - begun
        equal("by the environment, for addresses", statuses[:20], [200] * 20)
        right = 21 <= len(statuses) <= 21 + 2 * took and statuses[-1] == 429
        check("a burst of ten seconds", right, f"{len(statuses)} in {took:.2f} s")

finish()
