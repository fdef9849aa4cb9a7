"""Processors and memory: what control groups, affinity and limits leave is what a server uses, and tells."""

import concurrent.futures
import contextlib
import os
import pathlib
import resource
import tempfile

from support.harness import VIGIL, check, contains, equal, finish, group, need, note, scratch, skip

need("machine", "numpy", "requests")

import requests  # noqa: E402

from support import features, groups, process  # noqa: E402
from support.process import Server  # noqa: E402

folder = scratch()
MEBI = 1 << 20


def told(server):
    return requests.get(server.url + "/v1/server", timeout=60).json()


def inside(controller, set_up, body):
    """Does `body` with servers in a group; says why not where the machine makes none."""
    with contextlib.ExitStack() as stack:
        try:
            made = stack.enter_context(groups.group(controller))
            set_up(made)
            process.VIGIL = made.program(folder, VIGIL)
        except OSError as error:
            skip(f"a control group of {controller}", f"this machine makes none: {error}")
            return
        # What requests raise is an OSError too: from here on it is a failure.
        stack.callback(setattr, process, "VIGIL", VIGIL)
        body(made)


def quota(processors, threads):
    def body(made):
        with Server() as server:
            found = told(server)["processors"]
            note(f"cgroup version {made.version}: {found}")
            equal(f"a quota of {processors}: told", found["quota"], processors)
            equal(f"a quota of {processors}: workers", found["workers"], threads)
            equal(f"a quota of {processors}: event loops", found["event_loops"], threads)
            contains(f"a quota of {processors}: the log", server.text().splitlines()[0], f"workers={threads}", "processors=")
            sent = requests.post(server.url + "/score", data=features.npy(features.video(300)), headers={"Prefer": "wait=60"}, timeout=90)
            equal(f"a quota of {processors}: it scores", sent.status_code, 200)
        with Server("--workers", "3") as server:
            equal("workers that are set stay", told(server)["processors"]["workers"], 3)

    inside("cpu", lambda made: made.quota(processors), body)


def flood(made):
    """Far more than fits: nobody is to be killed for it, and what is taken is scored."""
    body = features.npy(features.video(10_000))
    # On a disk: what is written to a folder in memory is counted as the group's.
    with (
        tempfile.TemporaryDirectory(dir="/var/tmp") as disk,
        Server("--workers", "1", "--max-queued-per-client", "100000", state=pathlib.Path(disk) / "state") as server,
    ):
        found = told(server)
        limit = found["memory"]["limit_bytes"]
        contains("a limit of memory: the log", server.text().splitlines()[0], f"memory=\"{limit} bytes", "uploads=")
        check("it is the group's", limit == 256 * MEBI, str(found["memory"]))
        contains("and says by which file", found["memory"].get("limited_by", ""), "cgroup", "memory")
        room = found["limits"]["queued_bytes"]
        check("uploads have a part of it", 8 * MEBI <= room <= limit // 2, str(found["limits"]))
        head = {"Content-Type": "application/octet-stream", "Content-Length": str(room + MEBI), "Expect": "100-continue"}
        refused = requests.post(server.url + "/score", headers=head, data=None, timeout=60)
        equal("an upload that could not fit: refused before it is read", refused.status_code, 413)
        problem = refused.json()
        equal("as a problem", refused.headers["Content-Type"], "application/problem+json")
        contains("which names the memory", problem["detail"], str(limit), "memory")
        with concurrent.futures.ThreadPoolExecutor(16) as pool:
            send = lambda _: requests.post(server.url + "/score", data=body, timeout=120)  # noqa: E731
            answers = list(pool.map(send, range(60)))
        statuses = sorted({answer.status_code for answer in answers})
        check("others are taken, or have to wait", set(statuses) <= {202, 429}, str(statuses))
        check("with a time after which to come again", all("Retry-After" in one.headers for one in answers if one.status_code == 429))
        equal("it lives", requests.get(server.url + "/livez", timeout=60).status_code, 200)
        taken = [answer for answer in answers if answer.status_code == 202]
        check("some were taken", len(taken) > 0)
        for answer in taken[:3]:
            job = requests.get(server.url + answer.headers["Location"], params={"wait": 100}, timeout=120).json()
            equal("a job that was taken is scored", job["status"], "succeeded")
        equal("nobody was killed", (server.alive(), made.kills()), (True, 0))
    with Server("--max-queued-memory", "2048", "--max-results", "1024", state="memory") as server:
        contains("what is set beyond it is warned of", server.text(), "warning", "max-queued-memory", "max-results")
        check("and counts as less", told(server)["limits"]["queued_bytes"] <= 128 * MEBI)


with group("a quota of processors"):
    quota(1.5, 2)
    quota(0.3, 1)

with group("a limit of memory"):
    inside("memory", lambda made: made.memory(256 * MEBI), flood)

with group("affinity"):
    first = min(os.sched_getaffinity(0))
    path = folder / "pinned"
    path.write_text(f'#!/bin/sh\nexec taskset -c {first} "{VIGIL}" "$@"\n')
    path.chmod(0o755)
    if os.system("command -v taskset >/dev/null") == 0:
        process.VIGIL = str(path)
        with Server() as server:
            found = told(server)["processors"]
            equal("one processor: a worker", (found["affinity"], found["workers"]), (1, 1))
            equal("the machine's are told too", found["online"], os.cpu_count())
        process.VIGIL = VIGIL
    else:
        skip("affinity", "needs taskset")

with group("a limit of address space"):
    path = folder / "bounded"
    path.write_text(f'#!/bin/sh\nulimit -v {3 << 20} && exec "{VIGIL}" "$@"\n')
    path.chmod(0o755)
    hard = resource.getrlimit(resource.RLIMIT_AS)[1]
    if hard == resource.RLIM_INFINITY or hard > 3 << 30:
        process.VIGIL = str(path)
        with Server() as server:
            equal("is a limit of memory", told(server)["memory"], {"limit_bytes": 3 << 30, "limited_by": "RLIMIT_AS"})
        process.VIGIL = VIGIL
    else:
        skip("RLIMIT_AS", "this process has a lower one")

with group("who may see what"):
    with Server() as server:
        open_here = told(server)
        check("who is on this machine sees where jobs are", "place" in open_here["store"], str(open_here["store"]))
        passed = requests.get(server.url + "/v1/server", headers={"X-Forwarded-For": "192.0.2.1"}, timeout=60).json()
        check("who comes through a proxy does not", "place" not in passed["store"] and "limited_by" not in passed["memory"])
        equal("nothing else is kept back", passed.keys(), open_here.keys())
finish()
