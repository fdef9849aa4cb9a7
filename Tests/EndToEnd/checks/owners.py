"""Whose jobs keys see, what they may do and hand in, and the command that makes them."""

import json
import os
import re
import subprocess
import threading
import time

from support.harness import VIGIL, check, contains, equal, finish, group, need, scratch

need("owners", "numpy", "requests")

import requests  # noqa: E402

from support import features  # noqa: E402
from support.process import Server, run  # noqa: E402

folder = scratch()
keys = folder / "keys"
secrets = {}


def vigil(*arguments, key=None, code=0):
    """`vigil keys …` on the file, with a key on standard input where one is given."""
    given = folder / "given"
    given.write_text((key or "") + "\n")
    with open(given) as stdin:
        ran = run("keys", *arguments, "--api-keys", keys, stdin=stdin)
    equal(f"vigil keys {' '.join(map(str, arguments))}", (ran.code, ran.err if ran.code != code else ""), (code, ""))
    return ran


def add(name, *options):
    secrets[name] = vigil("add", name, *options).out.strip()


def line(name):
    return next(one for one in keys.read_text().splitlines() if one.startswith(name + ":"))


with group("the file"):
    add("alice")
    equal("only its owner may read it", oct(keys.stat().st_mode & 0o777), "0o600")
    keys.chmod(0o640)
    keys.write_text("# ours, by hand\r\n\n" + keys.read_text())
    add("bob", "--jobs-per-day", "3", "--expires", "2999-01-01")
    add("root", "--role", "admin")
    add("looker", "--role", "reader", "--owner", "alice")
    add("auditor", "--role", "reader", "--owner", "*")
    text = keys.read_text()
    check("what was there stays", keys.read_bytes().startswith(b"# ours, by hand\r\n\nalice:"), text)
    equal("and so does who may read it", oct(keys.stat().st_mode & 0o777), "0o640")
    check("there is no secret in it", not [one for one in secrets.values() if one in text], text)
    check("secrets are long, and differ", len(set(secrets.values())) == 5 and min(map(len, secrets.values())) > 40)
    ran = vigil("add", "alice", code=78)
    contains("a name twice", ran.last, "'alice' already", "rotate")
    contains("a role that is none", vigil("add", "x", "--role", "god", code=64).last, "expected admin")
    contains("a time that is none", vigil("add", "x", "--expires", "soon", code=64).last, "2027-01-31")
    equal("and nothing is changed", keys.read_text(), text)
    listed = {one["name"]: one for one in json.loads(vigil("list", "--json").out)}
    equal("listed", sorted(listed), ["alice", "auditor", "bob", "looker", "root"])
    equal("bob's quota", (listed["bob"]["jobs_per_day"], listed["bob"]["expires"]), (3, "2999-01-01T00:00:00.000Z"))
    contains("a table of them", vigil("list").out, "name", "auditor", "reader")
    equal("whose key it is", vigil("verify", key=secrets["bob"]).out, "bob\n")
    contains("a key that is none", vigil("verify", key="nothing", code=65).last, "none of")
    contains("nothing", vigil("verify", key="", code=66).last, "standard input is empty")
    old = secrets["alice"]
    secrets["alice"] = vigil("rotate", "alice").out.strip()
    vigil("verify", key=old, code=65)
    equal("another secret, the same name", vigil("verify", key=secrets["alice"]).out, "alice\n")
    add("gone")
    vigil("revoke", "gone")
    contains("it is marked", line("gone"), "revoked=20")
    contains("a key that was revoked", vigil("verify", key=secrets["gone"], code=65).last, "'gone'", "revoked")
    before = keys.read_bytes()
    for option, value in (("--role", "writer"), ("--bytes-per-day", "5GB"), ("--expires", "2020-01-01"), ("--expires", "soon")):
        ran = vigil("add", "wrong", option, value, code=64)
        contains(f"{option} {value}: the option is named", ran.last, f"{option}: ")
        check("and no line of the file", str(keys) not in ran.err, ran.err)
    equal("the file stays", keys.read_bytes(), before)
    contains("an owner that no key has", vigil("add", "wrong", "--owner", "nobody").err, "note: no key is called 'nobody'")
    vigil("revoke", "wrong", "--forget")
    contains("its name is not free", vigil("add", "gone", code=78).last, "revoked", "--forget")
    vigil("revoke", "gone", "--forget")
    check("until it is forgotten", "gone" not in keys.read_text())
    contains("a file that is not there", run("keys", "list", "--api-keys", folder / "absent").last, "absent")
    contains("none that is named", run("keys", "list").last, "--api-keys")
    link = folder / "link"
    link.symlink_to(keys)
    equal("by the environment and a link", run("keys", "revoke", "bob", env={"VIGIL_API_KEYS": str(link)}).code, 0)
    check("the link stays one", link.is_symlink() and "revoked=" in line("bob"))
    vigil("revoke", "bob", "--forget")
    add("bob", "--jobs-per-day", "3")

with group("a key that can't be shown is none"):
    before = keys.read_bytes()
    for name, output in (("closed", ">&-"), ("full", ">/dev/full")):
        for words in (f"rotate bob --api-keys {keys}", f"add new --api-keys {keys}", f"add first --api-keys {folder}/new"):
            ran = subprocess.run(["sh", "-c", f'exec "$0" keys {words} {output}', VIGIL], capture_output=True, text=True)
            contains(f"{name}: {words.split()[0]}", f"{ran.returncode} {ran.stderr}", "70 ", "can't be written")
    reading, writing = os.pipe()
    os.close(reading)
    ran = subprocess.run([VIGIL, "keys", "rotate", "bob", "--api-keys", keys], stdout=writing, stderr=subprocess.PIPE)
    os.close(writing)
    equal("nobody reads: exit code", ran.returncode, 70)
    equal("the file is as it was", keys.read_bytes(), before)
    equal("and nothing is beside it", sorted(os.listdir(folder)), ["given", "keys", "link"])

with group("many at a time"):
    names = [f"n{number}" for number in range(12)]
    threads = [threading.Thread(target=run, args=("keys", "add", name, "--api-keys", keys)) for name in names]
    [one.start() for one in threads], [one.join() for one in threads]
    found = [one["name"] for one in json.loads(vigil("list", "--json").out)]
    equal("none is lost", sorted(set(names) & set(found)), sorted(names))
    equal("nothing is left beside the file", sorted(os.listdir(folder)), ["given", "keys", "link"])

state = folder / "state"
body = features.npy(features.video(30))


def server():
    return Server("--api-keys", keys, "--workers", "1", state=state)


def ask(served, method, path, name, **more):
    fields = {"Authorization": f"Bearer {secrets[name]}", "X-Request-Id": "same", **more.pop("headers", {})}
    return requests.request(method, served.url + path, headers=fields, timeout=60, **more)


def score(served, name, **more):
    fields = {"Content-Type": "application/x-npy", "Prefer": "wait=60", **more}
    return ask(served, "POST", "/score", name, data=body, headers=fields)


def same(name, one, other):
    """Two answers that nobody can tell apart."""
    strip = lambda answer: re.sub(r"[0-9A-Z]{26}", "ID", answer.text)  # noqa: E731
    fields = lambda answer: {k: v for k, v in answer.headers.items() if k != "Date"}  # noqa: E731
    equal(name, (one.status_code, strip(one), fields(one)), (other.status_code, strip(other), fields(other)))


# Quotas are of a day: none of what follows is to be in two.
if (left := 86_400 - time.time() % 86_400) < 180:
    time.sleep(left + 1)

with group("owners"), server() as served:
    job = score(served, "alice").json()
    equal("a job tells its owner", (job["status"], job["owner"]), ("succeeded", "alice"))
    path, none = f"/jobs/{job['id']}", "/jobs/0000000000000000000000000A"
    for name, sees in (("alice", 200), ("looker", 200), ("auditor", 200), ("root", 200), ("bob", 404)):
        equal(f"{name} reads it", ask(served, "GET", path, name).status_code, sees)
        listed = ask(served, "GET", "/jobs", name).json()["jobs"]
        equal(f"{name} lists it", [one["id"] for one in listed], [job["id"]] if sees == 200 else [])
    for tail in ("", "?wait=120", "/events"):
        begun = time.monotonic()
        same(f"others' are unknown: {tail}", ask(served, "GET", path + tail, "bob"), ask(served, "GET", none + tail, "bob"))
        check("at once", time.monotonic() - begun < 60)
    same("and can't be deleted", ask(served, "DELETE", path, "bob"), ask(served, "DELETE", none, "bob"))
    answer = ask(served, "DELETE", path, "looker")
    equal("nor by a reader", (answer.status_code, answer.json()["type"]), (403, "/problems/role-forbids"))
    equal("a reader submits nothing", score(served, "looker").status_code, 403)
    check("the details of health are not everybody's", "detail" not in ask(served, "GET", "/readyz", "bob").text)
    check("but an admin's", "detail" in ask(served, "GET", "/readyz", "root").text)
    explained = ask(served, "GET", "/problems/role-forbids", "bob")
    equal("the type is explained", explained.status_code, 200)
    first = score(served, "alice", **{"Idempotency-Key": "one"})
    again = score(served, "alice", **{"Idempotency-Key": "one"})
    other = score(served, "bob", **{"Idempotency-Key": "one"})
    equal("a key of a request is its owner's", again.json()["id"], first.json()["id"])
    check("and nobody else's", other.json()["id"] != first.json()["id"] and other.json()["owner"] == "bob")
    equal("an admin deletes what it likes", ask(served, "DELETE", path, "root").status_code, 204)

with group("quotas outlast the process"), server() as served:
    equal("bob's second", score(served, "bob").status_code, 200)
    equal("bob's third", score(served, "bob").status_code, 200)
    answer = score(served, "bob")
    equal("bob's fourth", (answer.status_code, answer.json()["type"]), (429, "/problems/quota-exceeded"))
    left = 86_400 - time.time() % 86_400
    check("until midnight UTC", abs(int(answer.headers["Retry-After"]) - left) < 60, answer.headers["Retry-After"])
    contains("what was counted", answer.json()["detail"], "3 of the 3 jobs", "UTC")
    equal("others are free", score(served, "alice").status_code, 200)

with group("keys end while the server runs"), server() as served:
    equal("bob reads", ask(served, "GET", "/jobs", "bob").status_code, 200)
    kept = line("bob")
    keys.with_name("given").write_text(keys.read_text().replace(kept, kept + " expires=2020-01-01"))
    keys.with_name("given").rename(keys)
    end = time.monotonic() + 60
    while (answer := ask(served, "GET", "/jobs", "bob")).status_code == 200 and time.monotonic() < end:
        time.sleep(0.1)
    equal("an expired key", answer.status_code, 401)
    contains("is told of it", answer.json()["detail"], "expired at 2020-01-01")
    listed = {one["name"]: one["state"] for one in json.loads(vigil("list", "--json").out)}
    equal("and listed so", (listed["bob"], listed["alice"]), ("expired", "good"))
    jobs = ask(served, "GET", "/jobs?owner=bob", "root").json()["jobs"]
    equal("its jobs are there for an admin", len(jobs), 3)

finish()
