"""Files of a state folder that were damaged while no server ran: refused by name or whole, never emptier without a word."""

import hashlib
import json
import os
import random
import re
import shutil

from support.harness import LONG, check, contains, equal, finish, group, need, note, scratch, shown

need("damage", "numpy")

from support.jobs import Client, Videos, alike  # noqa: E402
from support.process import Ended, Server, run  # noqa: E402

SEED = int(os.environ.get("SEED", "0")) or random.randrange(1 << 30)
TRIALS = 40 if LONG else 3
PASSED_OVER = ("lock", "ballast", "jobs.sqlite-shm")
videos = Videos(3, 300, 1_000)
blocker = alike(100_000)


def filled(folder, kill):
    """A folder as a server leaves it, and the jobs that it accepted, with the key of one."""
    with Server("--workers", "1", "--max-queued", "5000", state=folder) as server:
        client = Client(server)
        accepted = [client.post(videos.bodies[number % 3]).json()["id"] for number in range(12)]
        client.settled()
        accepted += [client.post(blocker).json()["id"] for _ in range(2)]
        accepted += [client.post(videos.bodies[number % 3]).json()["id"] for number in range(12)]
        accepted.append(client.post(videos.bodies[0], Idempotency_Key='"once"').json()["id"])
        if kill:
            server.kill()
        else:
            server.stop()
    return accepted


def digests(folder):
    names = [path for path in folder.rglob("*") if path.is_file() and path.name not in PASSED_OVER]
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in names
        if path.name != "jobs.sqlite-wal" or path.stat().st_size
    }


def files(folder):
    return sorted(path for path in folder.rglob("*") if path.is_file() and path.name not in PASSED_OVER)


def flip(path, chance):
    data = bytearray(path.read_bytes())
    data[chance.randrange(len(data))] ^= 1 << chance.randrange(8)
    path.write_bytes(data)


def cut(path, chance):
    os.truncate(path, chance.randrange(path.stat().st_size))


def gone(path, chance):
    path.unlink()


def zeroed(path, chance):
    """A page, in place, with the file's times as they were."""
    status = path.stat()
    with open(path, "r+b") as file:
        file.seek(chance.randrange(status.st_size // 8192 + 1) * 8192)
        file.write(bytes(min(8192, max(status.st_size - file.tell(), 0))))
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))


def verdict(folder, accepted):
    """None where the folder is refused and left as it was, or has all; otherwise what is wrong."""
    before = digests(folder)
    checked = run("state", "check", "--state", folder, "--json")
    if digests(folder) != before:
        return "the check changed it"
    try:
        server = Server("--workers", "1", state=folder)
    except Ended as ended:
        if digests(folder) != before:
            return "refused and changed"
        if checked.code != 65 or not json.loads(checked.out)["refused"]:
            return f"refused, and not to the check: {checked.out}"
        right = ended.code == 78 and "damaged" in ended.said and ended.said.count("\n") == 1
        return None if right else str(ended)
    with server:
        if json.loads(checked.out)["refused"]:
            return f"refused to the check alone: {checked.out}"
        client = Client(server)
        answers = {one: client.get(f"/jobs/{one}").status for one in accepted}
        lost = {one: status for one, status in answers.items() if status not in (200, 202, 500)}
        if lost:
            return f"without a word: {lost}"
        again = client.post(videos.bodies[0], Idempotency_Key='"once"').json()["id"]
        server.kill()
        return None if again == accepted[-1] else "a key was taken anew"


chance = random.Random(SEED)
note(f"SEED={SEED}")
for kill in (True, False):
    with group("after a kill" if kill else "after an orderly end"):
        folder = scratch() / "state"
        accepted = filled(folder, kill)
        ran = run("state", "check", "--state", folder)
        equal("untouched it is whole", (ran.code, ran.err), (0, ""))
        contains("and says so", ran.out, "whole", "queued")
        if kill:
            check("what was running will run again", re.search(r"[1-9]\d* running", ran.out) and "run again" in ran.out, shown(ran.out))
        for damage in (flip, cut, gone, zeroed):
            faults = []
            for name in [path.relative_to(folder) for path in files(folder) if path.stat().st_size]:
                if name.parts[0] == "files" and chance.random() < 0.9:
                    continue
                for _ in range(1 if damage is gone else TRIALS if name.parts[0].startswith("jobs") else 2):
                    copy = scratch() / "state"
                    shutil.copytree(folder, copy)
                    damage(copy / name, chance)
                    if wrong := verdict(copy, accepted):
                        faults.append(f"{name}: {wrong}")
                    shutil.rmtree(copy)
            equal(f"{damage.__name__}: nothing is lost in silence", faults, [])
with group("where nothing was lost"):
    folder = scratch() / "state"
    accepted = filled(folder, True)
    (folder / "witness").unlink()
    ran = run("state", "recover", "--state", folder, "--output", scratch() / "new")
    equal("it is not told as lost", (ran.code, "lost:" in ran.out, "nothing was lost" in ran.out), (0, False, True))
with group("what can be had of it"):
    folder = scratch() / "state"
    accepted = filled(folder, True)
    flip(folder / "jobs.sqlite-wal", chance)
    before, new = digests(folder), scratch() / "new"
    ran = run("state", "recover", "--state", folder, "--output", new)
    equal("something may be lost", ran.code, 65)
    contains("it says what", ran.out, "jobs were copied", "lost:")
    equal("the damaged one is as it was", digests(folder), before)
    with Server("--workers", "1", state=new) as server:
        jobs = {job["id"] for job in Client(server).all()}
        check("most jobs are in the new one", len(jobs & set(accepted)) >= len(accepted) - 2, shown(ran.out))
    ran = run("state", "check", "--state", scratch())
    equal("a folder without jobs is none", (ran.code, ran.err.count("\n")), (66, 1))
    for command in (["check"], ["recover", "--output", scratch() / "new"]):
        ran = run("state", *command, "--state", scratch() / "absent")
        equal(f"{command[0]} of a folder that is not there", (ran.code, ran.err.count("\n")), (66, 1))
    shutil.rmtree(new)
    (folder / "jobs.sqlite").unlink()
    ran = run("serve", "--port", "0", "--state", folder)
    contains("without its database it is refused", ran.err, "jobs.sqlite", "recover")
    ran = run("state", "recover", "--state", folder, "--output", new)
    equal("and what can be had is copied", ran.code, 65)
    contains("with what is lost", ran.out, "jobs were copied", "jobs.sqlite")
    ran = run("state", "recover", "--state", folder, "--output", new)
    equal("not over one that is there", (ran.code, ran.err.count("\n")), (78, 1))
finish()
