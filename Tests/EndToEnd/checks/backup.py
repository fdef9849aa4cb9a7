"""A state folder is copied while its server works on it, and a server begins with the copy."""

import fcntl
import json
import os
import random
import shutil
import threading
import time

from support.harness import check, contains, equal, finish, group, need, note, scratch, shown

need("backup", "numpy")

from support.jobs import ENDED, Client, Videos  # noqa: E402
from support.process import Server, run  # noqa: E402

# The last has its features in a file of their own.
videos = Videos(3, 30, 300, 1_000)


def backup(folder, target, *options):
    return run("state", "backup", target, "--state", folder, "--json", *options, timeout=120)


with group("a backup under load"):
    base = scratch()
    folder = base / "state"
    accepted, refused, stop, lock = {}, [], threading.Event(), threading.Lock()

    def load(server, seed):
        own, chance = Client(server), random.Random(seed)
        while not stop.is_set():
            answer = own.post(chance.choice(videos.bodies))
            if answer.status == 202:
                with lock:
                    accepted[answer.json()["id"]] = time.monotonic()
                if len(accepted) > 2_000:
                    # They go on to come, in a number that any machine scores in time.
                    time.sleep(0.1)
            elif answer.status != 429:
                refused.append(str(answer))

    with Server("--workers", "1", "--max-queued", "100000", state=folder) as server:
        client = Client(server)
        ended = [client.post(body, Prefer="wait=60").json()["id"] for body in videos.bodies]
        threads = [threading.Thread(target=load, args=(server, seed)) for seed in range(3)]
        for thread in threads:
            thread.start()
        end = time.monotonic() + 60
        while len(accepted) < 100 and time.monotonic() < end:
            time.sleep(0.01)
        copies = []
        for number in range(2):
            with lock:
                before = set(accepted)
            ran = backup(folder, base / f"copy-{number}")
            equal("exit code", ran.code, 0)
            if ran.code != 0:
                note(ran.err)
                continue
            found = json.loads(ran.out)
            equal("it was in use", (found["in_use"], found["whole"], found["damages"]), (True, True, []))
            check("it has what was accepted", found["jobs"] >= len(before), f"{found} of {len(before)}")
            copies.append((base / f"copy-{number}", before))
        ran = run("state", "list", base, "--json")
        listed = {one["folder"]: one for one in json.loads(ran.out)}
        equal("all are listed", len(listed), 1 + len(copies))
        equal("the server by its process", listed[str(folder)].get("pid"), server.child.pid)
        for path, _ in copies:
            equal("a copy by what it is of", listed[str(path)].get("backup", {}).get("of"), str(folder))
        stop.set()
        for thread in threads:
            thread.join()
        equal("nobody was refused", refused, [])
        equal("the server is ready", client.get("/readyz").status, 200)
        server.stop()
        equal("and ended in order", server.child.returncode, 0)
    for path, before in copies:
        equal("vigil state check says that it is whole", run("state", "check", "--state", path).code, 0)
        with Server("--max-queued", "100000", state=path) as server:
            client = Client(server)
            known = {job["id"]: job for job in client.all()}
            equal("every job that was accepted before is there", sorted((before | set(ended)) - set(known)), [])
            jobs = client.settled()
            equal("all of them end well", {job["status"] for job in jobs.values()}, {"succeeded"})
            equal("in one try", {job["attempt"] for job in jobs.values() if "attempt" in job} - {1}, set())
            some = random.Random(1).sample(sorted(jobs), min(60, len(jobs))) + ended
            equal("rightly", videos.faults(client, [jobs[one] for one in some]), {})
with group("a backup of a folder without a server"):
    base = scratch()
    folder = base / "state"
    with Server(state=folder) as server:
        client = Client(server)
        identifiers = [client.post(body, Prefer="wait=60").json()["id"] for body in videos.bodies]
        server.kill()
    ran = backup(folder, base / "copy")
    equal("exit code", (ran.code, json.loads(ran.out)["in_use"]), (0, False))
    equal("a second into the same is refused", backup(folder, base / "copy").code, 78)
    with Server(state=base / "copy") as server:
        client = Client(server)
        equal("all is there", videos.faults(client, [client.job(one) for one in identifiers]), {})
    with Server(state=folder) as server:
        equal("and in the folder", Client(server).job(identifiers[0])["status"], "succeeded")
    reader = os.open(folder, os.O_RDONLY)
    fcntl.flock(reader, fcntl.LOCK_SH)
    release = threading.Timer(1, os.close, [reader])
    release.start()
    with Server(state=folder) as server:
        release.join()
        equal("a start waits for who reads it", Client(server).job(identifiers[0])["status"], "succeeded")
    ran = backup(base / "none", base / "other")
    equal("without a folder", ran.code, 66)
    equal("in one line", ran.err.count("\n"), 1)
    check("nothing is made", not (base / "other").exists())
    equal("a list of nothing", run("state", "list", base / "none").code, 66)
    damaged = base / "damaged"
    shutil.copytree(folder, damaged)
    data = bytearray((damaged / "jobs.sqlite").read_bytes())
    data[9_000] ^= 1
    (damaged / "jobs.sqlite").write_bytes(data)
    ran = backup(damaged, base / "other")
    equal("of a damaged one", ran.code, 65)
    contains("by name", ran.err, "jobs.sqlite")
    check("nothing is made of it", not (base / "other").exists(), shown(ran.err))
finish()
