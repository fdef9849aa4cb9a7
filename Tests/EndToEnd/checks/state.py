"""The state folder: whose it is, what is refused and left as it was, and that time may jump."""

import contextlib
import hashlib
import json
import os
import pathlib
import shutil
import signal
import sqlite3
import stat
import threading
import time

from support.harness import check, contains, equal, finish, group, need, note, scratch, shown, skip

need("state", "numpy")

from support import slow  # noqa: E402
from support.jobs import Client, Videos, alike, every  # noqa: E402
from support.machines import clock_library  # noqa: E402
from support.process import Server, run  # noqa: E402

videos = Videos(3, 300, 1_000, 6_000)
# One worker is busy with it for a while.
blocker = alike(100_000)


def digests(folder):
    """What is in the files that hold jobs."""
    names = [path for path in folder.rglob("*") if path.is_file() and path.name not in ("lock", "jobs.sqlite-shm")]
    # A log without anything in it is as good as none.
    names = [path for path in names if path.name != "jobs.sqlite-wal" or path.stat().st_size]
    return {str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest() for path in sorted(names)}


def filled(folder, ending):
    """Puts jobs that have ended and some that are queued into a folder, as a server leaves it."""
    with Server("--workers", "1", "--max-queued", "5000", state=folder) as server:
        client = Client(server)
        for number in range(120):
            client.post(videos.bodies[number % 2])
        client.settled()
        client.post(blocker)
        client.post(blocker)
        for number in range(20):
            client.post(videos.bodies[number % 4])
        server.signal(ending)
        server.wait()


def overwrite(path, at, data):
    with open(path, "r+b") as file:
        file.seek(at)
        file.write(data)


def refused(name, folder, parts, codes=(65, 78)):
    """The server must not start, say why in one line, and leave everything as it was."""
    before = digests(folder)
    ran = run("serve", "--port", "0", "--state", folder)
    check(f"{name}: exit code", ran.code in codes, f"{ran.code}: {shown(ran.err)}")
    equal(f"{name}: one line", ran.err.count("\n"), 1)
    contains(f"{name}: says what", ran.err, *parts)
    after = digests(folder)
    changed = sorted(one for one in before.keys() | after.keys() if before.get(one) != after.get(one))
    equal(f"{name}: nothing was changed", changed, [])


def copy(folder):
    target = scratch() / "state"
    shutil.copytree(folder, target)
    return target


with group("a damaged database"):
    ended = scratch() / "state"
    filled(ended, signal.SIGTERM)
    killed = copy(ended)
    filled(killed, signal.SIGKILL)
    check("a killed server leaves its log", (killed / "jobs.sqlite-wal").stat().st_size > 0)
    size = (ended / "jobs.sqlite").stat().st_size
    note(f"the database has {size >> 10} KiB")

    def first(path):
        overwrite(path, 0, b"SQLite formal 3\0")

    def settings(path):
        overwrite(path, 16, b"\xff" * 40)

    def middle(path):
        # Some pages from there on, as one that is free may be anything; those that the log has do not count.
        log = path.with_name("jobs.sqlite-wal")
        frames = log.read_bytes() if log.exists() else b""
        newer = {int.from_bytes(frames[at : at + 4], "big") for at in range(32, len(frames), 24 + 8192)}
        pages = path.stat().st_size // 8192
        places = [page for page in [*range(pages // 2, pages), *range(2, pages // 2)] if page + 1 not in newer]
        check("there are pages that the log does not have", len(places) >= 16, f"{len(places)} of {pages}")
        for page in places[:16]:
            overwrite(path, page * 8192, b"\xa5" * 8192)

    def second(path):
        overwrite(path, 8192, b"\0" * 8192)

    def half(path):
        os.truncate(path, path.stat().st_size // 2)

    def short(path):
        os.truncate(path, 50)

    def text(path):
        path.write_bytes(b"these are my notes, not a database\n" * 400)

    for name, damage in (
        ("the first bytes", first),
        ("the head's numbers", settings),
        ("pages in the middle", middle),
        ("the second page", second),
        ("half a file", half),
        ("a head cut short", short),
        ("a text", text),
    ):
        folder = copy(ended)
        damage(folder / "jobs.sqlite")
        refused(name, folder, ["jobs.sqlite", "damaged"])
    for name, damage in (("the first bytes, with a log", first), ("pages in the middle, with a log", middle)):
        folder = copy(killed)
        damage(folder / "jobs.sqlite")
        refused(name, folder, ["jobs.sqlite", "damaged"])
with group("another SQLite beside a server"):
    for mode in ("PASSIVE", "TRUNCATE"):
        folder = scratch() / "state"
        server = Server("--workers", "1", state=folder)
        accepted = {Client(server).post(videos.bodies[number % 3]).json()["id"] for number in range(6)}
        with contextlib.closing(sqlite3.connect(folder / "jobs.sqlite")) as database:
            database.execute(f"PRAGMA wal_checkpoint({mode})").fetchall()
        server.kill()
        with Server("--workers", "1", state=folder) as server:
            jobs = Client(server).settled()
            equal(f"{mode}: nothing is lost with a kill", accepted - jobs.keys(), set())
            equal(f"{mode}: all of it is done", {job["status"] for job in jobs.values()}, {"succeeded"})

with group("a folder that a config file names"):
    config = scratch() / "vigil.json"
    config.write_text(json.dumps({"state": str(ended), "model": "/nowhere", "port": 0}))
    ran = run("state", "check", "--config", config, env={"VIGIL_STATE": ""})
    contains("it is checked", ran.out, f"{ended} is whole")
    ran = run("state", "check", env={"VIGIL_STATE": "", "VIGIL_CONFIG": str(config)})
    contains("by the environment too", ran.out, f"{ended} is whole")
    ran = run("state", "recover", "--config", config, "--output", scratch() / "new", env={"VIGIL_STATE": ""})
    contains("and copied", ran.out, f"copied from {ended}", "nothing was lost")
    ran = run("state", "check", "--config", scratch() / "absent.json", env={"VIGIL_STATE": ""})
    equal("no such config file", (ran.code, ran.err.count("\n")), (66, 1))

with group("a log that ends early, and one that ends torn"):
    folder = copy(killed)
    log = folder / "jobs.sqlite-wal"
    # To three frames: what was answered with a 202 stood behind them.
    os.truncate(log, 32 + 3 * 8_216)
    refused("a log cut short", folder, ["jobs.sqlite-wal", "damaged"])
    folder = copy(killed)
    log = folder / "jobs.sqlite-wal"
    # The beginning of a transaction that was never committed.
    log.write_bytes(log.read_bytes() + log.read_bytes()[-8_216:-3_000])
    with Server(state=folder) as server:
        client = Client(server)
        for job in client.all("&status=queued") + client.all("&status=running"):
            if job["snippets"] == 100_000:
                client.delete(f"/jobs/{job['id']}")
        jobs = client.settled()
        check("a torn end is as a kill in the midst of a commit", len(jobs) >= 142, str(len(jobs)))
        equal(
            "what is there is right",
            videos.faults(
                Client(server),
                [
                    job
                    for job in jobs.values()
                    if job["status"] == "succeeded" and job["features_sha256"] in videos.scores
                ],
            ),
            {},
        )
with group("a database of a newer version"):
    folder = copy(ended)
    with sqlite3.connect(folder / "jobs.sqlite") as database:
        database.execute("INSERT INTO grdb_migrations VALUES ('jobs by telepathy')")
    database.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    database.close()
    refused("a newer version", folder, ["jobs.sqlite", "newer"])
with group("two servers on one folder"):
    folder = scratch() / "state"
    with Server(state=folder) as server:
        identifier = Client(server).post(videos.bodies[0]).json()["id"]
        ran = run("serve", "--port", "0", "--state", folder)
        equal("the second is refused", ran.code, 78)
        equal("in one line", ran.err.count("\n"), 1)
        contains("with the holder's number", ran.err, str(server.child.pid), str(folder))
        equal("the first goes on", Client(server).until(identifier)["status"], "succeeded")
        mode = stat.S_IMODE(folder.stat().st_mode)
        equal("others can't look into it", mode & 0o077, 0)
        server.kill()
    with Server(state=folder) as server:
        equal("a dead one's lock is none", Client(server).job(identifier)["status"], "succeeded")
with group("a folder that is removed under a server"):
    folder = scratch() / "state"
    with Server(state=folder) as server:
        Client(server).post(videos.bodies[0], Prefer="wait=60")
        shutil.rmtree(folder)
        end = time.monotonic() + 120
        while "was removed while the service ran" not in server.text() and time.monotonic() < end:
            time.sleep(0.05)
        contains("the log says so at once, and what to do", server.text(), str(folder), "was removed", "remedy=")
        server.signal(signal.SIGTERM)
        check("and the exit code is not that of an end in order", server.wait() not in (0, None), server.text())
with group("a log that is damaged under load"):
    def cut(path):
        os.truncate(path, 0)

    def shortened(path):
        os.truncate(path, path.stat().st_size // 2)

    def overwritten(path):
        size = path.stat().st_size
        overwrite(path, 32, os.urandom(max(size - 32, 8_192)))

    def harmed(damage):
        """The status of /readyz and the exit code of a server whose log was damaged."""
        folder = scratch() / "state"
        with Server(state=folder) as server:
            client = Client(server)
            client.post(videos.bodies[0], Prefer="wait=60")
            stop = threading.Event()

            def load():
                own = Client(server)
                while not stop.is_set():
                    try:
                        own.post(videos.bodies[0])
                    except OSError:
                        return

            threads = [threading.Thread(target=load) for _ in range(4)]
            for thread in threads:
                thread.start()
            end = time.monotonic() + 120
            while (folder / "jobs.sqlite-wal").stat().st_size < 100_000 and time.monotonic() < end:
                time.sleep(0.01)
            damage(folder / "jobs.sqlite-wal")
            # What is brought in by checkpoints is looked at then.
            end = time.monotonic() + 120
            while client.get("/readyz").status == 200 and time.monotonic() < end:
                time.sleep(0.1)
            status = client.get("/readyz").status
            # They would ask on and on for the seconds in which the server tries to write what it has.
            stop.set()
            server.signal(signal.SIGTERM)
            code = server.wait()
            for thread in threads:
                thread.join()
            return status, code

    damages = (cut, shortened, overwritten)
    for damage, (status, code) in zip(damages, every(harmed, damages)):
        equal(f"{damage.__name__}: it is not ready", status, 503)
        equal(f"{damage.__name__}: the exit code says so", code, 70)
with group("a row that can't be read"):
    folder = scratch() / "state"
    with Server(state=folder) as server:
        client = Client(server)
        job, other = (client.post(videos.bodies[0], Prefer="wait=60").json()["id"] for _ in range(2))
        with sqlite3.connect(folder / "jobs.sqlite") as database:
            changed = database.execute(
                "UPDATE jobs SET kind = x'ff' WHERE id = (SELECT min(id) FROM jobs)"
            ).rowcount
        database.close()
        equal("one row", changed, 1)
        for path in ("", "/events"):
            answer = client.get(f"/jobs/{job}{path}")
            equal(f"it is told by its name{path}", (answer.status, answer.problem()), (500, "damaged-job"))
        equal("nothing more is taken beside it", client.post(videos.bodies[0]).problem(), "store-unavailable")
        equal("it can be deleted", client.delete(f"/jobs/{job}").status, 204)
        equal("and is gone", client.get(f"/jobs/{job}").status, 404)
        equal("a second time there is none", client.delete(f"/jobs/{job}").status, 404)
        equal("the other is there", client.get(f"/jobs/{other}").status, 200)
        equal("what comes now is taken", client.post(videos.bodies[0], Prefer="wait=60").json()["status"], "succeeded")
        equal("the server is ready", client.get("/readyz").status, 200)
        server.signal(signal.SIGTERM)
        equal("and the exit code says nothing of it", server.wait(), 0)
with group("a folder by default"):
    base = scratch()
    variables = {"XDG_STATE_HOME": str(base / "xdg"), "HOME": str(base / "home"), "STATE_DIRECTORY": ""}

    def stores(place):
        return [path.parent for path in (base / place).rglob("jobs.sqlite")]

    with Server(state=None, env=variables) as server:
        own = stores("xdg/vigil")
        equal("under XDG_STATE_HOME", len(own), 1)
        with Server(state=None, env=variables) as second:
            equal("a second server takes another beside it", len(stores("xdg/vigil")), 2)
            contains("and says so", second.text(), str(own[0]), str(server.child.pid))
            for one in (server, second):
                job = Client(one).post(videos.bodies[0], Prefer="wait=60")
                equal("both work", job.status, 200)
            mine = job.json()["id"]
    with Server(state=None, env=variables) as server:
        equal("the next one takes the first", Client(server).get(f"/jobs/{mine}").status, 404)
    with Server(state=None, env=variables | {"XDG_STATE_HOME": ""}):
        equal("else under HOME", len(stores("home/.local/state/vigil")), 1)
    ran = run("serve", "--port", "0", env={"XDG_STATE_HOME": "", "HOME": "", "STATE_DIRECTORY": "", "VIGIL_STATE": ""})
    check("with no home it says what to do", ran.code in (64, 78) and "--state" in ran.err, f"{ran.code} {ran.err}")
with group("in memory"):
    base = scratch()
    variables = {"XDG_STATE_HOME": str(base), "HOME": str(base), "TMPDIR": str(base)}
    with Server("--state", "memory", state=None, env=variables) as server:
        client = Client(server)
        job = client.post(videos.bodies[3], Prefer="wait=60").json()
        equal("it works", (job["status"], videos.faults(client, [job])), ("succeeded", {}))
        client.post(blocker)
        equal("nothing is on disk", list(base.rglob("*")), [])
        check("nor in the working directory", not pathlib.Path("memory").exists())
        open_files = [
            os.readlink(f"/proc/{server.child.pid}/fd/{one}") for one in os.listdir(f"/proc/{server.child.pid}/fd")
        ]
        check("no database is open", not any("sqlite" in one for one in open_files), shown(open_files))
with group("no place for a folder"):
    folder = scratch()
    (folder / "file").write_text("x")
    for name, path in (
        ("a file in its place", folder / "file"),
        ("a file on its way", folder / "file/below"),
        ("where nobody may write", "/proc/1/vigil"),
        ("a name too long", folder / ("x" * 300)),
    ):
        ran = run("serve", "--port", "0", "--state", path)
        check(f"{name}: exit code", ran.code in (73, 77, 78), f"{ran.code}: {ran.err}")
        equal(f"{name}: one line", ran.err.count("\n"), 1)
        contains(f"{name}: says which", ran.err, str(path)[:100])
    (folder / "taken/files").mkdir(parents=True)
    (folder / "taken/jobs.sqlite").mkdir()
    ran = run("serve", "--port", "0", "--state", folder / "taken")
    check(
        "a folder in the database's place",
        ran.code in (65, 73, 78) and ran.err.count("\n") == 1,
        f"{ran.code} {ran.err}",
    )
with group("a damaged upload"):
    folder = scratch() / "state"
    models = slow.beside()
    with Server("--workers", "1", *models, state=folder) as server:
        client = Client(server)
        # The worker holds two jobs at a time.
        blockers = [client.post(alike(30_000), "?model=slow").json()["id"] for _ in range(3)]
        queued = [client.post(videos.bodies[number % 4]).json()["id"] for number in range(32)]
        server.kill()
    spared = {name.split(".")[0] for name in os.listdir(folder / "files")} - set(blockers)
    # Of those behind, so that they were certainly not begun: flipped, cut short, gone, and a row of the database.
    third, second, first, *_ = [one for one in reversed(queued) if one in spared]
    row = queued[-8]
    data = bytearray((folder / f"files/{first}.in").read_bytes())
    data[len(data) // 2] ^= 1
    (folder / f"files/{first}.in").write_bytes(data)
    os.truncate(folder / f"files/{second}.in", 1_000)
    (folder / f"files/{third}.in").unlink()
    with sqlite3.connect(folder / "jobs.sqlite") as database:
        rows = database.execute("SELECT rowid, job, body FROM payloads WHERE body IS NOT NULL ORDER BY job").fetchall()
        identifier, job, body = rows[-2]
        flipped = bytearray(body)
        flipped[len(flipped) // 2] ^= 0x10
        database.execute("UPDATE payloads SET body = ? WHERE rowid = ?", (bytes(flipped), identifier))
    database.close()
    number = int.from_bytes(job, "big")
    row = "".join("0123456789ABCDEFGHJKMNPQRSTVWXYZ"[number >> 5 * place & 31] for place in range(25, -1, -1))
    with Server("--workers", "2", *models, state=folder) as server:
        client = Client(server)
        every(lambda one: client.delete(f"/jobs/{one}"), blockers, 1)
        jobs = client.settled()
        for name, one in (
            ("a flipped byte", first),
            ("cut short", second),
            ("gone", third),
            ("a flipped byte in a row", row),
        ):
            error = jobs[one]["error"] or {}
            equal(
                f"{name}: the job fails", (jobs[one]["status"], error.get("type")), ("failed", "/problems/damaged-job")
            )
            contains(f"{name}: by name", error.get("detail", ""), one)
        good = [jobs[one] for one in queued if one not in (first, second, third, row)]
        equal("the others succeed", {job["status"] for job in good}, {"succeeded"})
        equal("rightly", videos.faults(client, good), {})
        check("the service lives", server.alive() and client.get("/readyz").status == 200)
with group("a damaged result"):
    folder = scratch() / "state"
    with Server(state=folder) as server:
        client = Client(server)
        job = client.post(videos.bodies[3], Prefer="wait=60").json()
        kept = client.post(videos.bodies[2], Prefer="wait=60").json()
        path = next((folder / "files").glob(f"{job['id']}.*out"))
        data = bytearray(path.read_bytes())
        data[len(data) // 2] ^= 1
        path.write_bytes(data)
        for form in ("application/json", "application/x-npy"):
            answer = client.get(f"/jobs/{job['id']}", Accept=form)
            equal(f"no wrong scores as {form}", (answer.status, answer.problem()), (500, "damaged-job"))
            contains("by name", answer.body.decode(), job["id"])
        equal("the others are there", videos.faults(client, [kept]), {})
        equal("it can be deleted", client.delete(f"/jobs/{job['id']}").status, 204)
with group("clock jumps"):
    library, clock = clock_library(), scratch() / "clock"
    if library is None:
        skip("clock jumps", "needs cc")
    else:
        folder = scratch() / "state"

        def at(days):
            """A server for which it is another time."""
            clock.write_text(str(days * 86_400))
            settings = {"LD_PRELOAD": str(library), "OTHER_CLOCK": str(clock)}
            return Server("--workers", "1", "--result-ttl", "31536000", state=folder, env=settings)

        # What runs at the signal is brought to its end: longer than ten jobs take to be sent it need not be.
        short = alike(50_000)
        before, queued, blockers, months = [], [], [], set()
        for days in (0, -300, 0, 300, 0):
            with at(days) as server:
                client = Client(server)
                every(lambda one: client.delete(f"/jobs/{one}"), blockers, 1)
                jobs = client.settled()
                ends = [jobs[one]["status"] if one in jobs else "lost" for one in queued]
                equal(f"{days} days: what was queued has run", ends, ["succeeded"] * len(queued))
                blockers = [client.post(short).json()["id"] for _ in range(2)]
                queued = [client.post(videos.bodies[number % 3]).json() for number in range(10)]
                months.add(queued[0]["created_at"][:7])
                queued = [job["id"] for job in queued]
                new = queued == sorted(queued) and (not before or before[-1] < queued[0])
                check(f"{days} days: IDs sort", new, str(queued[:2]))
                before += queued
                server.signal(signal.SIGTERM)
                equal(f"{days} days: exit code", server.wait(), 0)
        equal("the times that are shown are the clock's", len(months), 3)
        with at(0) as server:
            client = Client(server)
            client.settled()
            for days in (-365, 365, 0, -20_000, 20_000, 0):
                clock.write_text(str(days * 86_400))
                job = client.post(videos.bodies[1], "?deadline=60", Prefer="wait=60")
                equal(
                    f"{days} days while it runs: a job succeeds", (job.status, job.json()["status"]), (200, "succeeded")
                )
                check(f"{days} days while it runs: IDs sort", before[-1] < job.json()["id"], job.json()["id"])
                before.append(job.json()["id"])
                equal(f"{days} days while it runs: ready", client.get("/readyz").status, 200)
            known = {job["id"] for job in client.all()}
            check("none of them has expired", set(before[-6:]) <= known, str(len(known)))
            clock.write_text(str(20_000 * 86_400))
            client.post(blocker), client.post(blocker)
            late = client.post(videos.bodies[0]).json()["id"]
            server.kill()
        with at(0) as server:
            client = Client(server)
            equal("killed in a wrong time, it goes on in the right one", client.until(late)["status"], "succeeded")
            check("and IDs still sort", client.post(videos.bodies[0]).json()["id"] > late)
finish()
