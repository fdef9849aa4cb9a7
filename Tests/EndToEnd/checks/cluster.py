"""Servers that share one PostgreSQL: any takes a job, any does it, any answers; whoever is killed, nothing is lost or doubled."""

import concurrent.futures
import contextlib
import datetime
import os
import pathlib
import random
import shutil
import signal
import subprocess
import tempfile
import threading
import time
import uuid

from support.harness import LONG, ROOT, check, contains, equal, finish, group, need, scratch, skip

need("cluster", "numpy", "requests")

import requests  # noqa: E402

from support import features  # noqa: E402
from support.databases import BIN, PGBOUNCER, PgBouncer, Postgres, Wire  # noqa: E402
from support.jobs import Client, Videos, alike, every  # noqa: E402
from support.machines import clock_library, disk, fill, possible  # noqa: E402
from support.process import Server, free_port, run  # noqa: E402

if BIN is None:
    skip("cluster", "needs PostgreSQL's programs")
    finish()

SHORT = features.npy(features.video(30))
# Holds a worker for as long as a check needs it.
LONG_JOB = alike(200_000)
ROUNDS = 100 if LONG else 5
VIDEOS = Videos(30, 300)
HAPROXY = shutil.which("haproxy") or ("/usr/sbin/haproxy" if os.path.exists("/usr/sbin/haproxy") else None)
# Another build, from before.
OTHER = os.environ.get("OTHER_VIGIL")


def serve(url, *options, **more):
    return Server("--lease", 3, "--workers", 1, *options, state=url, **more)


class Patient(Client):
    """Asks again where the database could not be had in time (503), as clients should; what is handed in so is one job."""

    def ask(self, method, path, body=None, headers=None):
        headers = {"Idempotency-Key": str(uuid.uuid4()), **(headers or {})} if method == "POST" else headers
        end = time.monotonic() + 300
        while (answer := super().ask(method, path, body, headers)).status == 503 and time.monotonic() < end:
            time.sleep(0.1)
        return answer


@contextlib.contextmanager
def open_folder():
    """A folder that all users can go through."""
    with tempfile.TemporaryDirectory(prefix="vigil-pg-", dir="/tmp") as name:
        os.chmod(name, 0o711)
        yield pathlib.Path(name)


@contextlib.contextmanager
def standing_still(standby):
    """A standby that takes in nothing, and breaks no connection."""
    receiver = int(standby.ask("SELECT pid FROM pg_stat_wal_receiver"))
    os.kill(receiver, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(receiver, signal.SIGCONT)


def until(holds, what, seconds=120):
    end = time.monotonic() + seconds
    while not (found := holds()):
        if time.monotonic() > end:
            check(f"in time: {what}", False)
            return None
        time.sleep(0.05)
    return found


def whole(name, postgres, database, client, accepted, videos):
    """What was accepted has ended once, with the scores that it has everywhere."""
    jobs = client.settled()
    lost = [job for job in accepted if job not in jobs]
    equal(f"{name}: nothing accepted is lost", lost, [])
    ended = [job for job in jobs.values() if job["status"] == "succeeded"]
    equal(f"{name}: all have succeeded", {jobs[job]["status"] for job in accepted if job in jobs}, {"succeeded"})
    equal(f"{name}: with their own scores", videos.faults(client, ended), {})
    doubled = postgres.ask(
        "SELECT count(*) FROM (SELECT job FROM results GROUP BY job HAVING count(DISTINCT token) > 1) AS d", database
    )
    equal(f"{name}: none has two results", doubled, "0")
    equal(f"{name}: no claim is left", postgres.ask("SELECT count(*) FROM jobs WHERE status <= 1", database), "0")


class Way:
    """How servers reach a PostgreSQL: straight, or through a PgBouncer that gives each transaction whichever session is free."""

    def __init__(self, postgres, pooled=False):
        self.postgres = postgres
        self.name = " through PgBouncer" if pooled else ""
        self.prefix = "pooled-" if pooled else ""
        self.bouncer = PgBouncer(postgres) if pooled else None

    def database(self, name):
        """A new database: what it is called, and its address."""
        name = self.prefix + name
        url = self.postgres.database(name)
        return name, self.bouncer.url(name) if self.bouncer else url

    def stop(self):
        if self.bouncer:
            self.bouncer.stop()


def killed_servers(way, rounds):
    with group("servers that are killed" + way.name):
        database, url = way.database("killed")
        accepted = []
        servers = [serve(url), serve(url)]
        dice = random.Random(7)
        for turn in range(rounds):
            place = dice.randrange(2)
            client = Patient(servers[1 - place])
            accepted += [client.post(VIDEOS.bodies[number % 2]).json()["id"] for number in range(6)]
            servers[place].kill()
            servers[place].stop()
            servers[place] = serve(url)
        whole(f"{rounds} servers killed", way.postgres, database, Patient(servers[0]), accepted, VIDEOS)
        for server in servers:
            server.stop()


def standing_server(way):
    with group("a server that stands still past its lease" + way.name):
        database, url = way.database("still")
        with serve(url) as one:
            first = Patient(one)
            accepted = [first.post(VIDEOS.bodies[number % 2]).json()["id"] for number in range(20)]
            one.signal(signal.SIGSTOP)
            with serve(url) as two:
                whole("it stands", way.postgres, database, Patient(two), accepted, VIDEOS)
                one.signal(signal.SIGCONT)
                equal("and goes on afterwards", first.post(SHORT, Prefer="wait=60").json()["status"], "succeeded")


def killed_database(way, rounds):
    with group("a database that is killed" + way.name):
        database, url = way.database("power")
        with serve(url) as one, serve(url) as two:
            accepted = []
            clients = [Client(one), Client(two)]
            for turn in range(rounds):
                for number in range(8):
                    answer = clients[number % 2].post(VIDEOS.bodies[number % 2])
                    if answer.status == 202:
                        accepted.append(answer.json()["id"])
                    else:
                        equal("refused until later", answer.status, 503)
                    if number == 4:
                        way.postgres.kill()
                equal("not ready without it", clients[0].get("/readyz").status, 503)
                way.postgres.start()
                until(lambda: all(client.get("/readyz").status == 200 for client in clients), "ready again")
            whole("a database killed", way.postgres, database, Patient(one), accepted, VIDEOS)


def failing_over(pooled=False):
    with group("a database that fails over to its standby" + (" through PgBouncer" if pooled else "")), Postgres() as first:
        first.database("over")
        with first.standby() as second:
            bouncer = PgBouncer(first) if pooled else None
            url = bouncer.url("over") if pooled else first.url("over", second)
            with serve(url) as one, serve(url) as two:
                clients = [Patient(one), Patient(two)]
                accepted = [clients[number % 2].post(VIDEOS.bodies[number % 2]).json()["id"] for number in range(20)]
                with concurrent.futures.ThreadPoolExecutor(2) as pool:
                    # Some before, some while there is no database, some after.
                    late = [
                        pool.submit(lambda server=server: [Patient(server).post(VIDEOS.bodies[number % 2]).json()["id"] for number in range(20)])
                        for server in (one, two)
                    ]
                    first.kill()
                    second.promote()
                    if bouncer:
                        bouncer.lead_to(second)
                    accepted += [job for one_of in late for job in one_of.result()]
                until(lambda: all(Client(server).get("/readyz").status == 200 for server in (one, two)), "ready again")
                accepted += [clients[number % 2].post(VIDEOS.bodies[number % 2]).json()["id"] for number in range(20)]
                whole("failed over", second, "over", clients[0], accepted, VIDEOS)
            if bouncer:
                bouncer.stop()


def differing_clocks(way, library):
    with group("clocks that differ by an hour" + way.name):
        database, url = way.database("clocks")

        def at(hours):
            clock = scratch() / "clock"
            clock.write_text(str(hours * 3_600))
            return serve(url, env={"LD_PRELOAD": str(library), "OTHER_CLOCK": str(clock)})

        with at(-1) as one, at(1) as two:
            clients = [Patient(one), Patient(two)]
            accepted = [clients[number % 2].post(VIDEOS.bodies[number % 2], "?deadline=600").json()["id"] for number in range(20)]
            whole("an hour apart", way.postgres, database, clients[0], accepted, VIDEOS)
            now = datetime.datetime.now(datetime.timezone.utc)
            jobs = [clients[1].get(f"/jobs/{job}").json() for job in accepted]
            times = [[job[f"{name}_at"] for name in ("created", "started", "finished")] for job in jobs]
            check("each began after it came, and ended after it began", all(sorted(one) == one for one in times), times)
            ages = [abs((now - datetime.datetime.fromisoformat(one.replace("Z", "+00:00"))).total_seconds()) for three in times for one in three]
            check("all by the database's clock", max(ages) < 1_800, max(ages))
            # Its claims run out by the database's clock, too.
            accepted += [clients[0].post(VIDEOS.bodies[0]).json()["id"] for _ in range(10)]
            one.kill()
            whole("one is killed", way.postgres, database, clients[1], accepted, VIDEOS)


def signed_in(way):
    with group("who signs in at the page, behind HAProxy" + way.name):
        folder = scratch()
        key = run("keys", "add", "ann", "--api-keys", folder / "keys.txt").out.split()[-1]
        database, url = way.database("sessions")
        with serve(url, "--api-keys", folder / "keys.txt") as one, serve(url, "--api-keys", folder / "keys.txt") as two:
            front = free_port()
            places = {f"VIGIL_{name}": f"127.0.0.1:{port}" for name, port in (("A", one.port), ("B", two.port), ("C", 1))}
            child = subprocess.Popen(
                [HAPROXY, "-db", "-f", str(ROOT / "deploy/haproxy/shared.cfg")], stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                env=os.environ | places | {"VIGIL_FRONT": f"127.0.0.1:{front}", "VIGIL_ADMIN": str(folder / "admin")},
            )
            base = f"http://127.0.0.1:{front}"
            with_key = {"Authorization": f"Bearer {key}"}

            def both_answer():
                with contextlib.suppress(requests.ConnectionError):
                    return [requests.get(f"{base}/jobs", headers=with_key, timeout=60).status_code for _ in range(4)] == [200] * 4

            until(both_answer, "HAProxy takes requests")
            for turn in range(3):
                page = requests.Session()
                page.headers.update({"Origin": base, "Sec-Fetch-Site": "same-origin"})
                equal("signed in", page.post(f"{base}/session", headers=with_key, timeout=60).status_code, 200)
                equal("what reads", {page.get(f"{base}/jobs", timeout=60).status_code for _ in range(6)}, {200})
                unknown = f"{base}/jobs/01M85BV3QAE4RGA8GVVP3465ME"
                equal("what changes", {page.delete(unknown, timeout=60).status_code for _ in range(6)}, {404})
                page.delete(f"{base}/session", timeout=60)
            child.terminate()
            child.wait()


def another_vigil(way):
    """Servers of another build beside this one's, which began first or second: an upgrade while others go on."""
    for first_is_other in (True, False):
        with group(f"a Vigil of before {'first' if first_is_other else 'second'}" + way.name):
            database, url = way.database(f"before-{first_is_other}")
            kinds = (OTHER, None) if first_is_other else (None, OTHER)
            with serve(url, program=kinds[0]) as one:
                accepted = [Patient(one).post(VIDEOS.bodies[number % 2]).json()["id"] for number in range(10)]
                with serve(url, program=kinds[1]) as two:
                    clients = [Patient(one), Patient(two)]
                    accepted += [clients[number % 2].post(VIDEOS.bodies[number % 2]).json()["id"] for number in range(40)]
                    whole("beside each other", way.postgres, database, clients[0], accepted, VIDEOS)
                    accepted += [clients[1].post(VIDEOS.bodies[number % 2]).json()["id"] for number in range(20)]
                    one.kill()
                    whole("the first is killed", way.postgres, database, clients[1], accepted, VIDEOS)
                    with serve(url, program=kinds[0]) as three:
                        last = Patient(three)
                        accepted += [last.post(VIDEOS.bodies[number % 2]).json()["id"] for number in range(10)]
                        two.kill()
                        whole("the second too", way.postgres, database, last, accepted, VIDEOS)


with Postgres() as postgres:
    with group("two servers on one database"):
        url = postgres.database("two")
        with serve(url) as one, serve(url) as two:
            first, second = Patient(one), Patient(two)
            job = first.post(SHORT, Prefer="wait=60").json()
            equal("a job that one took has ended", job["status"], "succeeded")
            equal("the other answers for it", second.get(f"/jobs/{job['id']}").json()["status"], "succeeded")
            equal("with the same scores", second.scores(job["id"]), first.scores(job["id"]))
            listed = [[job["id"] for job in client.all()] for client in (first, second)]
            equal("both list the same", listed[0], listed[1])
            key = {"Idempotency-Key": "once"}
            again = [client.post(SHORT, **key).json()["id"] for client in (first, second)]
            equal("a key is one job, wherever it comes", again[0], again[1])

            # One worker each: two long jobs hold both, and each was taken by whoever had room.
            held = [first.post(LONG_JOB).json()["id"] for _ in range(2)]
            until(lambda: all(second.get(f"/jobs/{job}").json()["status"] == "running" for job in held), "both run")
            for job in held:
                second.delete(f"/jobs/{job}")
            gone = until(
                lambda: all(first.get(f"/jobs/{job}").json()["status"] == "cancelled" for job in held), "both stop")
            check("jobs that run on either are cancelled by one", bool(gone))
            bodies = [VIDEOS.bodies[number % 2] for number in range(40)]
            ids = every(lambda item: (first, second)[item[0] % 2].post(item[1]).json()["id"], list(enumerate(bodies)), 1)
            waited = second.get(f"/jobs/{ids[0]}?wait=60").json()["status"]
            equal("who waits on one for a job of the other is answered", waited, "succeeded")
            whole("two servers", postgres, "two", second, ids, VIDEOS)
            found = until(
                lambda: (seen := [client.get("/v1/server").json()["servers"] for client in (first, second)])
                and all([(one["workers"], one["running"]) for one in servers] == [(1, 0)] * 2 for servers in seen) and seen,
                "both servers are told of, with nothing in hand",
            )
            for servers in found or []:
                equal("one of them answers", sorted(one["self"] for one in servers), [False, True])
                check("each is there", not any(one["gone"] or one["draining"] for one in servers), servers)
            contains("as metrics", first.get("/metrics").text(), 'vigil_servers{state="serving"} 2')
            equal("the view for whoever scales servers", postgres.ask("SELECT queued, running FROM vigil_backlog", "two"), "0|0")
            page = one.text() + two.text()
            check("no log has the address's options", "host=" not in page)

    with group("a table that grows"):
        url, count = postgres.database("grown"), 1_000
        with serve(url) as one:
            answers = every(lambda body: Patient(one).post(body).status, [SHORT] * count, 8)
            equal("all are taken", set(answers), {202})
            open_jobs = "SELECT count(*) FROM jobs WHERE status <= 1"
            until(lambda: postgres.ask(open_jobs, "grown") == "0", "all have ended")
        # Sessions tell what they have read when they end, at the latest.
        read = int(postgres.ask("SELECT idx_tup_read FROM pg_stat_user_indexes WHERE indexrelname = 'jobs_pkey'", "grown"))
        check("no job costs more to claim and end for those before it", count < read < 20 * count, read)

    with group("what is refused by name"):
        secret = run("serve", "--state", "postgres://u:hunter2@127.0.0.1:1/x", "--port", 0)
        check("a password among options", secret.code != 0 and "hunter2" not in secret.last, secret.last)
        away = run("serve", "--port", 0, env={"VIGIL_STATE": "postgres://u:hunter2@127.0.0.1:1/x"})
        check("a database that is not there", away.code == 78 and "hunter2" not in away.last, away.last)

    way = Way(postgres)
    killed_servers(way, ROUNDS)
    standing_server(way)
    killed_database(way, 30 if LONG else 3)
    failing_over()
    if HAPROXY is None:
        skip("who signs in behind HAProxy", "needs haproxy")
    else:
        signed_in(way)

    with group("a network that is cut"):
        url = postgres.database("cut")
        wire = Wire(postgres)
        with serve(wire.url("cut")) as one, serve(url) as two:
            clients = [Patient(one), Patient(two)]
            bodies = [VIDEOS.bodies[number % 2] for number in range(30)]
            accepted = every(lambda item: Patient((one, two)[item[0] % 2]).post(item[1]).json()["id"], list(enumerate(bodies)))
            wire.cut()
            with concurrent.futures.ThreadPoolExecutor(4) as pool:
                # Nobody knows what becomes of these before the network is back: the key of each makes one job of it.
                late = [pool.submit(lambda body=body: Patient(one).post(body).json()["id"]) for body in bodies[:4]]
                whole("cut off", postgres, "cut", clients[1], accepted, VIDEOS)
                until(lambda: clients[0].get("/livez").status == 200 and Client(one).get("/readyz").status == 503, "it is not ready")
                wire.mend()
                accepted += [job.result() for job in late]
            until(lambda: Client(one).get("/readyz").status == 200, "ready again")
            accepted.append(clients[0].post(SHORT).json()["id"])
            whole("joined again", postgres, "cut", clients[0], accepted, VIDEOS)
            equal("and no job is there twice", postgres.ask("SELECT count(*) FROM jobs", "cut"), str(len(accepted)))
        wire.stop()

    library = clock_library()
    if library is None:
        skip("clocks that differ", "needs cc")
    else:
        differing_clocks(way, library)

    with group("an upgrade: the tables of a newer Vigil"):
        url = postgres.database("newer")
        with serve(url) as one:
            accepted = [Patient(one).post(VIDEOS.bodies[number % 2]).json()["id"] for number in range(6)]
            postgres.ask(
                "ALTER TABLE jobs ADD future int8 NOT NULL DEFAULT 7, ADD later text; ALTER TABLE servers ADD future text;"
                "CREATE TABLE futures (job bytea PRIMARY KEY); CREATE INDEX jobs_future ON jobs (future);"
                "INSERT INTO vigil_schema (step, name, vigil) SELECT max(step) + 1, 'future', '99' FROM vigil_schema",
                "newer",
            )
            with serve(url) as two:
                contains("the log says so", two.text(), "tables of a newer Vigil")
                clients = [Patient(one), Patient(two)]
                accepted += [clients[number % 2].post(VIDEOS.bodies[number % 2]).json()["id"] for number in range(20)]
                whole("beside it", postgres, "newer", clients[0], accepted, VIDEOS)

    if OTHER is None:
        skip("a Vigil of before", "needs another build, by OTHER_VIGIL")
    else:
        another_vigil(way)

    if not possible():
        skip("a full disk under PostgreSQL", "needs root, to mount a small file system")
    else:
        with group("a full disk under PostgreSQL"), open_folder() as place, disk(110, place) as folder, Postgres(place=folder) as small:
            small.database("full")
            with serve(small.url("full")) as one:
                client = Client(one)
                accepted = [client.post(VIDEOS.bodies[number % 2]).json()["id"] for number in range(10)]
                ballast = fill(folder)
                statuses = []

                def refused():
                    answer = client.post(SHORT)
                    statuses.append(answer.status)
                    if answer.status == 202:
                        accepted.append(answer.json()["id"])
                    return answer.status != 202

                until(refused, "jobs are refused")
                check("as the store's trouble", statuses[-1] in (503, 507), statuses[-1])
                ballast.unlink()
                if not small.answers():
                    # It may have ended for want of room for its log.
                    small.halt()
                    small.start()
                until(lambda: client.get("/readyz").status == 200, "ready when there is room")
                accepted += [Patient(one).post(VIDEOS.bodies[number % 2]).json()["id"] for number in range(10)]
                whole("a full disk", small, "full", Patient(one), accepted, VIDEOS)

    with group("a standby that has to have what is accepted"):
        with Postgres() as first:
            first.database("sync")
            with serve(first.url("sync"), "--require-synchronous") as one:
                client = Client(one)

                def refused(name):
                    answer = until(lambda: (found := client.post(SHORT, Idempotency_Key=name)).status == 503 and found, f"{name}: nothing is taken")
                    if answer:
                        equal(f"{name}: as the store's", answer.problem(), "store-unavailable")
                        check(f"{name}: with Retry-After", "retry-after" in answer.headers, answer.headers)
                        check(f"{name}: /readyz says it", "synchronous" in client.get("/readyz").text(), client.get("/readyz"))

                refused("without one")
                equal("and nothing is there", first.ask("SELECT count(*) FROM jobs", "sync"), "0")
                with first.standby() as second:
                    until(lambda: client.get("/readyz").status == 200, "ready with one")
                    accepted = [Patient(one).post(VIDEOS.bodies[number % 2]).json()["id"] for number in range(6)]
                    # Written there it is at once, and seen a moment later.
                    until(lambda: second.ask("SELECT count(*) FROM jobs", "sync") == "6", "what is accepted is on it")
                    second.halt()
                    refused("while it is away")
                    second.start()
                    until(lambda: client.get("/readyz").status == 200, "ready again")
                    accepted.append(Patient(one).post(SHORT, Idempotency_Key="while it is away").json()["id"])
                    # Seen by nobody but the submission itself, which comes before the next look.
                    names = first.ask("SHOW synchronous_standby_names")
                    first.set("synchronous_standby_names", "")
                    refused("where commits wait for none")
                    first.set("synchronous_standby_names", names)
                    until(lambda: client.get("/readyz").status == 200, "ready with it again")
                    accepted.append(Patient(one).post(SHORT, Idempotency_Key="where commits wait for none").json()["id"])

                    # It stands still: a commit is made here and waits for it, until somebody ends the wait.
                    waiting = "FROM pg_stat_activity WHERE wait_event = 'SyncRep'"

                    def cancelled(late):
                        while late.is_alive():
                            first.ask(f"SELECT pg_cancel_backend(pid) {waiting}")
                            late.join(0.1)

                    def emptied(late):
                        first.set("synchronous_standby_names", "")
                        late.join()

                    for key, end_wait in (("cancelled", cancelled), ("emptied", emptied)):
                        with standing_still(second):
                            found = []
                            late = threading.Thread(target=lambda: found.append(client.post(SHORT, Idempotency_Key=key)))
                            late.start()
                            until(lambda: first.ask(f"SELECT count(*) {waiting} AND query !~ 'servers'") != "0" or found, f"{key}: it waits")
                            end_wait(late)
                        equal(f"{key}: the end of a wait is no promise", [(one.status, one.problem()) for one in found], [(503, "store-unavailable")])
                        first.set("synchronous_standby_names", names)
                        accepted.append(Patient(one).post(SHORT, Idempotency_Key=key).json()["id"])
                    whole("required", first, "sync", Patient(one), accepted, Videos(30, 300))
                    equal("one job of each key", first.ask("SELECT count(*) FROM jobs", "sync"), str(len(accepted)))

                    # Without keys they share a transaction.
                    with standing_still(second):
                        found = []
                        crowd = [threading.Thread(target=lambda: found.append(Client(one).post(SHORT))) for _ in range(6)]
                        for late in crowd:
                            late.start()
                        until(lambda: first.ask(f"SELECT count(*) {waiting} AND query !~ 'servers'") != "0" or found, "they wait")
                        for late in crowd:
                            cancelled(late)
                    equal("several at once: nor is it to any of them", [(one.status, one.problem()) for one in found], [(503, "store-unavailable")] * 6)
                    first.kill()
                    second.promote()
                    with serve(second.url("sync")) as two:
                        whole("after a failover", second, "sync", Patient(two), accepted, Videos(30, 300))

    if PGBOUNCER is None:
        skip("through PgBouncer", "needs pgbouncer")
    else:
        pooled = Way(postgres, pooled=True)
        killed_servers(pooled, ROUNDS if LONG else 2)
        if LONG:
            standing_server(pooled)
            killed_database(pooled, 30)
            failing_over(pooled=True)
            if library is not None:
                differing_clocks(pooled, library)
            if OTHER is not None:
                another_vigil(pooled)
        pooled.stop()

finish()
