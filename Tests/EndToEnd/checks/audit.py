"""The audit log: who did what, in lines of which none can be changed, moved or left out unseen."""

import contextlib
import hashlib
import json
import os
import random
import shutil
import signal
import subprocess
import time

from support.harness import check, contains, equal, finish, group, need, scratch, skip

need("audit", "numpy", "requests")

import requests  # noqa: E402

from support import features  # noqa: E402
from support.process import Server, run  # noqa: E402

folder = scratch()
log = folder / "audit.log"
keys = folder / "keys"
SECRETS = {name: name * 20 for name in ("alice", "bruno", "chief")}
keys.write_text("".join(
    f"{name}:{hashlib.sha256(key.encode()).hexdigest()}{'  role=admin' if name == 'chief' else ''}\n"
    for name, key in SECRETS.items()
))
keys.chmod(0o600)
NPY = {"Content-Type": "application/x-npy"}
BODY = features.npy(features.video(40))


def ask(server, method, path, name, fields=None, **more):
    headers = {"Authorization": f"Bearer {SECRETS[name]}"} | (fields or {})
    return requests.request(method, server.url + path, headers=headers, timeout=60, **more)


def entries(path=log):
    return [json.loads(line) for line in path.read_text().splitlines()]


def verify(*arguments):
    return run("audit", "verify", *map(str, arguments))


def until(condition, seconds=60):
    end = time.monotonic() + seconds
    while not condition() and time.monotonic() < end:
        time.sleep(0.02)
    return condition()


with group("who did what"):
    with Server("--api-keys", keys, "--audit-log", log) as server:
        fields = NPY | {"X-Request-Id": "first", "Prefer": "wait=60"}
        job = ask(server, "POST", "/score?name=cam", "alice", fields, data=BODY).json()
        again = ask(server, "GET", f"/jobs/{job['id']}", "alice", {"X-Request-Id": "second"})
        ask(server, "HEAD", f"/jobs/{job['id']}", "alice")
        ask(server, "GET", f"/jobs/{job['id']}/events", "alice")
        other = ask(server, "GET", f"/jobs/{job['id']}", "bruno")
        refused = ask(server, "POST", "/score", "bruno", NPY, data=b"nonsense")
        requests.get(f"{server.url}/jobs/{job['id']}", timeout=60)
        gone = ask(server, "DELETE", f"/jobs/{job['id']}", "chief")
        equal("statuses", [again.status_code, other.status_code, refused.status_code, gone.status_code], [200, 404, 400, 204])
        equal("it ends as ever", server.stop(), 0)
    lines = entries()
    # It is written within a second, whatever comes meanwhile.
    unknown = [one for one in lines if one["action"] == "refuse"]
    equal("who had no key", [(one["key"], one["method"], one["route"], one["status"], one["outcome"], one["address"])
                             for one in unknown], [(None, "GET", "/jobs/{id}", 401, "unauthorized", "127.0.0.1")])
    chain = [one["prev"] for one in lines]
    lines = [one for one in lines if one["action"] != "refuse"]
    found = [(one["action"], one.get("key"), one.get("outcome"), one.get("status")) for one in lines]
    equal("a line for each", found, [
        ("start", None, None, None), ("submit", "alice", "accepted", 202), ("read", "alice", "scores", 200),
        ("read", "alice", "scores", 200), ("read", "alice", "events", 200), ("read", "bruno", "unknown-job", 404),
        ("submit", "bruno", "unreadable-body", 400), ("delete", "chief", "begun", None),
        ("delete", "chief", "forgotten", 204), ("stop", None, None, None),
    ])
    first = lines[1]
    equal("the job with its model and features", (first["job"], first["model_sha256"], first["features_sha256"]),
          (job["id"], job["model_sha256"], job["features_sha256"]))
    equal("requests by their ids", [one["request_id"] for one in lines[1:4]], ["first", "first", "second"])
    equal("the address", {one["address"] for one in lines if "address" in one}, {"127.0.0.1"})
    check("no key is in it", not any(key in log.read_text() for key in SECRETS.values()))
    raw = log.read_bytes().splitlines(keepends=True)
    sums = [hashlib.sha256(line).hexdigest() for line in raw]
    equal("each names the one before by sha256sum's digest", chain, ["0" * 64] + sums[:-1])
    ran = verify(log)
    equal("verify", ran.code, 0)
    contains("verify says how many and which is the last", ran.out, f"whole: {len(raw)} lines", sums[-1])
    equal("in JSON", json.loads(verify("--json", log).out)["sha256"], sums[-1])

with group("rotation, and a restart"):
    with Server("--api-keys", keys, "--audit-log", log, "--audit-sync", "second") as server:
        ask(server, "POST", "/score", "alice", NPY, data=BODY)
        log.rename(folder / "audit.log.1")
        server.signal(signal.SIGHUP)
        check("SIGHUP opens it again", until(log.exists))
        until(lambda: "new file" in server.text())
        batch = requests.post(
            server.url + "/score", files=[("features", (f"{name}.npy", BODY)) for name in "ab"],
            headers={"Authorization": f"Bearer {SECRETS['alice']}", "Prefer": "wait=60"}, timeout=60).json()
        deleted = ask(server, "DELETE", f"/batches/{batch['id']}", "alice")
        equal("a batch is deleted", deleted.status_code, 204)
        server.signal(signal.SIGKILL)
        server.child.wait()
    with Server("--api-keys", keys, "--audit-log", log) as server:
        second = run("serve", "--port", "0", "--state", "memory", "--audit-log", log)
        equal("it is one server's", second.code, 78)
        contains("it is one server's", second.last, "--audit-log", "another server")
        link = folder / "link.log"
        link.symlink_to(log)
        for name, why, path, *options in (
            ("the log in use by another name", "another server", link, "--port", "0", "--state", "memory"),
            ("the port in use", "in use", folder / "new.log", "--port", str(server.port), "--state", "memory"),
            ("the state folder in use", "another vigil", folder / "new.log", "--port", "0", "--state", server.own),
        ):
            second = run("serve", *options, "--audit-log", path)
            equal(f"{name}: exit", second.code, 78)
            contains(f"{name}: it is told", second.last, why)
            left = [one.name for one in folder.iterdir() if one.name.startswith(("link.log.", "new.log"))]
            equal(f"{name}: nothing is left", left, [])
        link.unlink()
        equal("it ends as ever", server.stop(), 0)
    told = [(one["action"], one.get("batch"), one.get("outcome")) for one in entries() if one["action"] in ("submit", "delete")]
    equal("a line for each job of a batch", told, [
        ("submit", batch["id"], "accepted"), ("submit", batch["id"], "accepted"), ("delete", batch["id"], "begun"), ("delete", batch["id"], "forgotten"),
        ("delete", batch["id"], "forgotten")])
    ran = verify(folder / "audit.log.1", log)
    equal("files in their order", ran.code, 0)
    for wrong in ((log, folder / "audit.log.1"), (log,)):
        equal("in another order, or without the first", verify(*wrong).code, 65)
    last = hashlib.sha256((folder / "audit.log.1").read_bytes().splitlines(keepends=True)[-1]).hexdigest()
    equal("--after", verify("--after", last, log).code, 0)

with group("what was changed is found"):
    whole = (folder / "audit.log.1").read_bytes()
    copy = folder / "copy.log"
    end = hashlib.sha256(whole.splitlines(keepends=True)[-1]).hexdigest()
    copy.write_bytes(whole)
    ran = verify(copy)
    equal("a copy", ran.code, 0)
    contains("nothing vouches for its last line", ran.out, "--expect-last")
    chance = random.Random(5)
    for _ in range(12):
        place, bit = chance.randrange(len(whole)), 1 << chance.randrange(8)
        copy.write_bytes(whole[:place] + bytes([whole[place] ^ bit]) + whole[place + 1 :])
        equal(f"bit {bit} of byte {place}", verify("--expect-last", end, copy).code, 65)
    lines = whole.splitlines(keepends=True)
    for name, changed, line in (
        ("removed", lines[:3] + lines[4:], 4), ("swapped", lines[:2] + [lines[3], lines[2]] + lines[4:], 3),
        ("twice", lines[:3] + lines[2:], 4), ("without the first", lines[1:], 1),
    ):
        copy.write_bytes(b"".join(changed))
        ran = verify(copy)
        equal(f"{name}: exit code", ran.code, 65)
        contains(f"{name}: the first that is wrong", ran.last, f"copy.log, line {line}:")
    copy.write_bytes(b"".join(lines[:-2]))
    equal("a cut that nobody knows of", verify(copy).code, 0)
    equal("one that somebody does", verify("--expect-last", end, copy).code, 65)
    shutil.copy(log, folder / "cut.log")
    shutil.copy(str(log) + ".head", folder / "cut.log.head")
    (folder / "cut.log").write_bytes(b"".join(log.read_bytes().splitlines(keepends=True)[:-1]))
    ran = verify("--after", last, folder / "cut.log")
    equal("one that the witness knows", ran.code, 65)
    contains("one that the witness knows", ran.last, "cut at its end", "cut.log.head")
    equal("no such file", verify(folder / "absent").code, 66)
    equal("no digest", verify("--after", "abc", copy).code, 64)


@contextlib.contextmanager
def disk(kibibytes):
    place = scratch()
    subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={kibibytes}k", "vigil-check", place], check=True)
    try:
        yield place
    finally:
        subprocess.run(["umount", "-l", place], check=True)


def possible():
    if os.geteuid() != 0 or not shutil.which("mount"):
        return False
    with contextlib.suppress(subprocess.CalledProcessError, OSError), disk(64):
        return True
    return False


if not possible():
    skip("a disk that is full", "needs root and mount")
else:
    for failure in ("refuse", "continue"):
        with group(f"a disk that is full: {failure}"), disk(256) as place:
            path = place / "audit.log"
            with Server("--audit-log", path, "--audit-failure", failure) as server:
                post = lambda: requests.post(f"{server.url}/score", data=BODY, headers=NPY, timeout=60)  # noqa: E731
                equal("at first", post().status_code, 202)
                filler = place / "filler"
                with open(filler, "wb", buffering=0) as file, contextlib.suppress(OSError):
                    while True:
                        file.write(bytes(4096))
                codes = [post().status_code for _ in range(40)]
                expected = {503} if failure == "refuse" else {202}
                equal("once it is full", set(codes[-6:]), expected)
                contains("the log says so", server.text(), "the audit log can't be written")
                answer = post()
                if failure == "refuse":
                    equal("why", answer.json()["type"], "/problems/audit-unavailable")
                    check("when to ask again", int(answer.headers["Retry-After"]) > 0)
                    equal("not ready", requests.get(f"{server.url}/readyz", timeout=60).status_code, 503)
                equal("alive", requests.get(f"{server.url}/livez", timeout=60).status_code, 200)
                filler.unlink()
                check("with room it goes on", until(lambda: "written again" in server.text()))
                equal("and takes jobs", post().status_code, 202)
                equal("it ends as ever", server.stop(), 0)
            equal("the chain is whole", verify(path).code, 0)
finish()
