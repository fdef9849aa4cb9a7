"""The measuring part of scale.sh: a PostgreSQL of its own, servers before it, and what that costs the database."""

import json
import os
import pathlib
import shutil
import statistics
import subprocess
import sys
import tempfile
import threading
import time

from processes import times
from support.databases import BIN, PGBOUNCER, PgBouncer, Postgres

SCALE, VIGIL = os.environ["SCALE"], os.environ["VIGIL"]
SECONDS = int(os.environ.get("SECONDS_EACH", "10"))
SERVERS = [int(number) for number in os.environ.get("SERVERS", "1 3 10 20 50").split()]
# Of aged: jobs that there are before, and the seconds that a transaction is held open at least.
AGED = int(os.environ.get("AGED", "1000000"))
HELD = int(os.environ.get("HELD", "600"))
PARTS = sys.argv[1:] or ["submit", "work", "store", "servers", "poll", "pooled"]

if BIN is None:
    sys.exit("scale.py: needs PostgreSQL's programs")


def processes(postgres):
    """The postmaster and all that it has begun, with the seconds of cores that each has had."""
    found, parents = times()
    root = postgres.process.pid
    own = {one: found[one][0] for one in found if one == root or parents.get(one) == root}
    # Of those that have ended.
    own["ended"] = found.get(root, (0, 0))[1]
    return own


class Meter:
    """What the database does between two moments."""

    def __init__(self, postgres, database):
        self.postgres, self.database = postgres, database

    def look(self):
        lsn = int(self.postgres.ask("SELECT (pg_current_wal_lsn() - '0/0')::int8", self.database))
        commits = int(self.postgres.ask(f"SELECT xact_commit FROM pg_stat_database WHERE datname = '{self.database}'"))
        sessions = int(self.postgres.ask(f"SELECT count(*) FROM pg_stat_activity WHERE datname = '{self.database}'"))
        return lsn, sum(processes(self.postgres).values()), commits, sessions, time.monotonic()

    def begin(self):
        self.first = self.look()

    def end(self):
        last = self.look()
        wal, cpu, commits, _, seconds = (after - before for after, before in zip(last, self.first))
        return {"wal": wal / seconds, "cores": cpu / seconds, "commits": commits / seconds, "sessions": self.first[3]}


def simulate(postgres, url, database, **numbers):
    """Runs Scale; its figures with those of the database."""
    meter = Meter(postgres, database)
    numbers = {"seconds": SECONDS} | numbers
    arguments = [SCALE, url, *(f"{name}={value}" for name, value in numbers.items())]
    with subprocess.Popen(arguments, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as child:
        found = {}
        for line in child.stdout:
            if line in ("begin\n", "end\n"):
                if line == "begin\n":
                    meter.begin()
                else:
                    found = meter.end()
                # The load goes on until it gets this.
                print(file=child.stdin, flush=True)
            elif line.startswith("{"):
                found |= json.loads(line)
    return found


def row(name, found, per):
    rate = found.get(per, 0)
    each = max(rate, 0.001)
    print(
        f"{name:46} {found.get('submits', 0):8.0f} {found.get('ends', 0):8.0f} {found['cores']:6.2f} {1000 * found['cores'] / each:8.2f}"
        f" {found['wal'] / each / 1024:8.1f} {found['commits'] / each:7.2f} {found['sessions']:5}",
        flush=True,
    )
    return found


def heading(text):
    print(f"\n{text}\n{'':46} submit/s   ends/s  cores  ms/job  KiB/job  commits  sessions", flush=True)


def fill(postgres, url, database, jobs, **numbers):
    """Has about so many jobs queued, in turns of two seconds."""
    while True:
        subprocess.run(
            [SCALE, url, "servers=2", "workers=0", "clients=16", "warmup=0", "seconds=2", f"depth={jobs + 100}",
             *(f"{name}={value}" for name, value in numbers.items())],
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, check=True,
        )
        if int(postgres.ask("SELECT count(*) FROM jobs WHERE status = 0", database)) >= jobs:
            return


def submit(postgres):
    heading("Submits alone: two servers, a job each, its features of 60 KiB and without")
    for size in (61_440, 256):
        for clients in (1, 8, 32):
            database = f"submit_{size}_{clients}"
            url = postgres.database(database)
            found = simulate(postgres, url, database, servers=2, workers=0, clients=clients, bytes=size, depth=10**6)
            row(f"{clients} clients, {size} bytes", found, "submits")
    database = "submit_batch"
    found = simulate(postgres, postgres.database(database), database, servers=2, workers=0, clients=8, batch=32, depth=10**6)
    row("8 clients, 61440 bytes, 32 a submission", found, "submits")


def store(postgres):
    heading("Claims of 32 jobs and their ends by the store alone, and the same statements by pgbench, in turns")
    # A claim, its inputs, and its ends in one transaction.
    script = pathlib.Path(tempfile.mkdtemp()) / "claims.sql"
    script.write_text(
        "SELECT array_agg((c.j).id)::text AS ids, array_agg((c.j).token)::text AS tokens"
        + " FROM vigil_claim_1(NULL, NULL, true, '{}'::bytea[], 32, 32, 1000000, 32,"
        + " (SELECT array_agg((random() * 1e15)::int8) FROM generate_series(1, 32)), 30000000000, false, 32) AS c \\gset\n"
        + "SELECT job, body FROM payloads WHERE job = ANY (:ids::bytea[]) AND piece = 0;\n\\startpipeline\n"
        + "".join(
            f"SELECT * FROM vigil_end_1(NULL, NULL, true, '{{}}'::bytea[], 30000000000, (:ids::bytea[])[{one}], (:tokens::int8[])[{one}],"
            f" 2, NULL, NULL, 2000, '\\x00'::bytea, NULL, NULL, NULL, decode(repeat('07', 2000), 'hex'));\n"
            for one in range(1, 33)
        )
        + "\\endpipeline\n"
    )
    found = {"the store": [], "pgbench": []}
    for turn in range(3):
        for name, rates in found.items():
            database = f"store_{turn}_{len(name)}"
            url = postgres.database(database)
            fill(postgres, url, database, 3_500 * (SECONDS + 3), bytes=256, batch=32)
            if name == "pgbench":
                meter = Meter(postgres, database)

                def ended():
                    return int(postgres.ask("SELECT count(*) FROM jobs WHERE status = 2", database))

                with subprocess.Popen(
                    [BIN / "pgbench", "-n", "-M", "prepared", "-c", "2", "-T", str(SECONDS + 2), "-f", script, url],
                    stdout=subprocess.DEVNULL,
                ) as child:
                    time.sleep(1)
                    first, begun = ended(), time.monotonic()
                    meter.begin()
                    time.sleep(SECONDS)
                    one = meter.end()
                    one["ends"] = (ended() - first) / (time.monotonic() - begun)
                    child.wait()
                if child.returncode:
                    sys.exit("pgbench failed")
            else:
                one = simulate(postgres, url, database, servers=1, claims=32, clients=2, warmup=1, bytes=256)
            left = int(postgres.ask("SELECT count(*) FROM jobs WHERE status = 0", database))
            if not left:
                sys.exit(f"{name} had nothing left to claim: more have to be queued before")
            rates.append(row(name, one, "ends")["ends"])
    ratios = [own / other for own, other in zip(found["the store"], found["pgbench"])]
    print(f"the store is {statistics.median(ratios):.2f} times as fast ({', '.join(f'{one:.2f}' for one in ratios)})")
    shutil.rmtree(script.parent)


def work(postgres):
    heading("Claims and ends alone: of a queue that is there, by workers that take no time")
    for size in (61_440, 256):
        for servers, workers in ((1, 8), (3, 8)):
            database = f"work_{size}_{servers}"
            url = postgres.database(database)
            fill(postgres, url, database, 1_000 * SECONDS, bytes=size)
            found = simulate(
                postgres, url, database, servers=servers, workers=workers, clients=0, milliseconds=0, warmup=1, bytes=size
            )
            row(f"{servers} servers of {workers} workers, {size} bytes", found, "ends")


def aged(postgres):
    meanwhile = "a transaction held open all the while" if HELD else "nothing held"
    heading(f"Three servers of 8 workers that take no time, 8 clients: new, and after {AGED:,} jobs with {meanwhile}")
    numbers = {"servers": 3, "workers": 8, "clients": 8, "milliseconds": 0, "bytes": 256, "warmup": 3, "depth": 500}
    database = "aged"
    url = postgres.database(database)
    begun = time.monotonic()

    def count():
        return int(postgres.ask("SELECT count(*) FROM jobs", database))

    held = subprocess.Popen(
        [*postgres.user, BIN / "psql", "-XAtq", "-h", postgres.folder, "-U", "vigil", "-d", database], stdin=subprocess.PIPE,
        stdout=subprocess.PIPE, text=True, cwd="/",
    )

    def say(sql):
        print(sql, file=held.stdin, flush=True)
        return held.stdout.readline().strip()

    # The first server makes the tables.
    simulate(postgres, url, database, **numbers | {"seconds": 1})
    if HELD:
        say("BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT count(*) FROM pg_class;")
    while count() < AGED:
        simulate(postgres, url, database, **numbers | {"batch": 32, "clients": 4, "depth": 4_000, "seconds": 60})
    while time.monotonic() - begun < HELD:
        time.sleep(1)
    found = {"new": [], "aged": []}
    for turn in range(3):
        for name, rates in found.items():
            where = database if name == "aged" else f"new_{turn}"
            place = url if name == "aged" else postgres.database(where)
            rates.append(row(name, simulate(postgres, place, where, **numbers), "ends")["ends"])
    dead = postgres.ask("SELECT sum(n_dead_tup)::int8 FROM pg_stat_user_tables", database)
    ratios = [old / new for old, new in zip(found["aged"], found["new"])]
    print(
        f"{count():,} jobs in {time.monotonic() - begun:.0f} s, {dead} dead rows, {meanwhile}:"
        f" {statistics.median(ratios):.2f} of new ({', '.join(f'{one:.2f}' for one in ratios)})", flush=True
    )
    say("ROLLBACK; SELECT 1;" if HELD else "SELECT 1;")
    held.stdin.close()
    held.wait()
    postgres.ask("VACUUM", database)
    after = [simulate(postgres, url, database, **numbers)["ends"] for _ in range(3)]
    print(f"once it has ended and VACUUM was there: {statistics.median(after) / statistics.median(found['new']):.2f} of new")


def servers(postgres):
    heading("All of it: servers of 4 workers that take 50 ms a job, clients enough (80 jobs a second and server)")
    for number in SERVERS:
        database = f"servers_{number}"
        found = simulate(
            postgres, postgres.database(database), database, servers=number, workers=4, clients=2 * number, milliseconds=50,
            connections=3, depth=20 * number + 100, warmup=3,
        )
        row(f"{number} servers", found, "ends")


def poll(postgres):
    heading("Nothing to do: what servers cost that only look")
    for number in SERVERS:
        database = f"poll_{number}"
        found = simulate(
            postgres, postgres.database(database), database, servers=number, workers=1, clients=0, connections=2, warmup=3
        )
        print(
            f"{f'{number} servers':46} {found['cores']:.3f} cores, {found['commits'] / number:.1f} transactions a second and server,"
            f" {found['wal'] / number / 1024:.1f} KiB of log a second and server",
            flush=True,
        )


def pooled(postgres):
    if PGBOUNCER is None:
        print("\nskipped: through PgBouncer, which is not there")
        return
    heading("The same through PgBouncer, 20 sessions")
    bouncer = PgBouncer(postgres, sessions=20)
    try:
        for number in SERVERS:
            database = f"pooled_{number}"
            postgres.database(database)
            found = simulate(
                postgres, bouncer.url(database), database, servers=number, workers=4, clients=2 * number, milliseconds=50,
                connections=3, depth=20 * number + 100, warmup=4,
            )
            row(f"{number} servers", found, "ends")
    finally:
        bouncer.stop()


def vigil(postgres):
    from support import features
    from support.jobs import Client
    from support.process import Server

    heading("Real servers with the demo model, jobs of T = 30 over HTTP, all on this machine")
    body = features.npy(features.video(30))
    for number in [one for one in SERVERS if one <= 10]:
        database = f"vigil_{number}"
        url = postgres.database(database)
        running = [Server("--workers", 1, state=url) for _ in range(number)]
        stop = threading.Event()
        counts = [0] * (4 * number)

        def load(index):
            client = Client(running[index % number])
            while not stop.is_set():
                try:
                    answer = client.post(body)
                except ConnectionError:
                    continue
                if answer.status == 202:
                    counts[index] += 1
                else:
                    time.sleep(0.05)

        threads = [threading.Thread(target=load, args=(index,)) for index in range(len(counts))]
        for thread in threads:
            thread.start()
        time.sleep(3)

        def ended():
            return int(postgres.ask("SELECT count(*) FROM jobs WHERE status = 2", database))

        meter = Meter(postgres, database)
        first, done = sum(counts), ended()
        meter.begin()
        begun = time.monotonic()
        time.sleep(SECONDS)
        found = meter.end()
        seconds = time.monotonic() - begun
        found |= {"submits": (sum(counts) - first) / seconds, "ends": (ended() - done) / seconds}
        row(f"{number} servers", found, "ends")
        stop.set()
        for thread in threads:
            thread.join()
        for server in running:
            server.stop()


with Postgres() as database_server:
    database_server.ask("ALTER SYSTEM SET shared_buffers = '512MB'")
    database_server.ask("ALTER SYSTEM SET max_wal_size = '8GB'")
    database_server.kill()
    database_server.start()
    for part in PARTS:
        {one.__name__: one for one in (submit, work, store, aged, servers, poll, pooled, vigil)}[part](database_server)
