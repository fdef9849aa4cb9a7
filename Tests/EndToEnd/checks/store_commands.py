"""vigil store: a database's tables and roles, what is told of it, and a folder's jobs that are moved there; its backups."""

import json
import os
import pathlib
import re
import shutil
import signal
import subprocess
import tempfile
import time
import urllib.parse

from support.harness import ROOT, VIGIL, check, contains, equal, finish, group, need, scratch, skip

need("store_commands", "numpy")

from support import features  # noqa: E402
from support.databases import BIN, PGBOUNCER, Postgres  # noqa: E402
from support.jobs import Client, Videos, alike  # noqa: E402
from support.process import Server, environment, run  # noqa: E402

if BIN is None:
    skip("store_commands", "needs PostgreSQL's programs")
    finish()

SQL = ROOT / "deploy/postgres"
VERDICTS = b'{"verdicts": [{"start": 0, "end": 9, "verdict": "false_alarm", "note": "a dog"}]}'


def store(*arguments, **more):
    """`vigil store ARGUMENTS --json`, and what it wrote."""
    ran = run("store", *arguments, "--json", **more)
    return ran, json.loads(ran.out) if ran.out else {}


def psql(postgres, text, user, database, **variables):
    """Runs a file's statements; what went wrong, '' where nothing did."""
    ran = subprocess.run(
        [*postgres.user, "psql", "-Xq", "-v", "ON_ERROR_STOP=1", "-h", str(postgres.folder), "-U", user, "-d", database, "-f", "-"],
        input=text, cwd="/", capture_output=True, text=True, env=os.environ | variables,
    )
    return ran.stderr.strip()


class Bouncer:
    """PgBouncer with deploy's settings, on a socket."""

    def __init__(self, postgres, password):
        self.folder = postgres.folder / "deployed"
        self.folder.mkdir()
        if postgres.user:
            shutil.chown(self.folder, postgres.user[1].split("=")[1])
        users = self.folder / "userlist.txt"
        users.write_text(f'"vigil_server" "{password}"\n')
        text = (SQL / "pgbouncer.ini").read_text()
        for name, value in (
            ("vigil", f"host={postgres.folder} dbname=vigil"), ("listen_addr", ""), ("unix_socket_dir", self.folder),
            ("auth_file", users),
        ):
            text, found = re.subn(rf"(?m)^{name} =.*$", f"{name} = {value}", text)
            equal(f"pgbouncer.ini has {name}", found, 1)
        settings = self.folder / "pgbouncer.ini"
        settings.write_text(text)
        self.process = subprocess.Popen(
            [*postgres.user, PGBOUNCER, str(settings)], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL, cwd="/",
        )
        end = time.monotonic() + 60
        while not (self.folder / ".s.PGSQL.6432").exists() and self.process.poll() is None and time.monotonic() < end:
            time.sleep(0.02)

    def url(self, user):
        return f"postgres:///vigil?host={urllib.parse.quote(str(self.folder), safe='')}&port=6432&user={user}"

    def stop(self):
        self.process.terminate()
        self.process.wait(60)


def by(user, url):
    return url.replace("user=vigil", f"user={user}")


def settled(name, server, accepted, videos):
    """All that was accepted has succeeded, with its own scores."""
    client = Client(server)
    jobs = client.settled()
    equal(f"{name}: none is lost and none is new", set(jobs) ^ set(accepted), set())
    ended = [job for job in jobs.values() if job["status"] == "succeeded"]
    equal(f"{name}: with their own scores", videos.faults(client, ended), {})
    return jobs


with Postgres() as postgres:
    videos = Videos(30, 300)

    with group("roles"):
        equal("roles.sql", psql(postgres, (SQL / "roles.sql").read_text(), "vigil", "postgres"), "")
        url = postgres.url("vigil")
        owner, own, scaler = (by(f"vigil_{role}", url) for role in ("owner", "server", "scaler"))
        ran, found = store("check", "--state", own)
        equal("without tables", ran.code, 65)
        contains("it says what makes them", " ".join(found.get("faults", [])), "vigil store migrate")
        refused = run("serve", "--port", 0, "--state", own)
        equal("a server that may not make them does not begin", refused.code, 78)
        contains("and says who may", refused.last, "vigil store migrate")
        ran, found = store("migrate", "--state", owner)
        check("the owner makes them", ran.code == 0 and found.get("done", 0) > 0, ran.err)
        equal("all that there are", found.get("steps"), found.get("known"))
        ran, found = store("migrate", env={"VIGIL_STATE": owner})
        equal("a second time nothing is left to be done", (ran.code, found.get("done")), (0, 0))
        ran, found = store("check", "--state", own)
        equal("without grants", ran.code, 65)
        contains("it says what is lacking", " ".join(found.get("faults", [])), "grants.sql")
        grants = (SQL / "grants.sql").read_text()
        equal("grants.sql", [psql(postgres, grants, "vigil_owner", "vigil") for _ in range(2)], ["", ""])
        ran, found = store("check", "--state", own)
        equal("with them the server's role is fine", (ran.code, found.get("faults")), (0, []))
        with Server("--workers", 1, state=own) as server:
            client = Client(server)
            accepted = [client.post(videos.bodies[number % 2], Prefer="wait=60").json()["id"] for number in range(4)]
            settled("the server's role", server, accepted, videos)
            # It says so once a second.
            end = time.monotonic() + 120
            while client.get("/v1/server").json()["servers"][0]["workers"] != 1 and time.monotonic() < end:
                time.sleep(0.1)
            ran, found = store("stats", "--state", own)
            equal("jobs by status", found.get("jobs"), {"succeeded": 4})
            known = found.get("servers", [])
            equal("one server", len(known), 1)
            told = [(one["version"] != "", one["workers"], one["draining"], "port" in one["name"]) for one in known]
            equal("with what it is at", told, [(True, 1, False, True)])
            equal("what others do in the database is seen with the owner's rights", found.get("others_seen"), True)
            own_list = client.get("/v1/server").json()["servers"]
            equal("/v1/server has it too", [one["name"] for one in own_list], [one["name"] for one in known])
            metrics = client.get("/metrics").text()
            contains("and metrics", metrics, 'vigil_servers{state="serving"} 1')
            contains("those of the database too", metrics, "vigil_database_synchronous_standbys 0")
            check("in partitions", found.get("partitions", 0) >= 4, found)
        for user, statement, may in (
            ("vigil_server", "CREATE TABLE mine ()", False),
            ("vigil_server", "DROP TABLE jobs", False),
            ("vigil_server", "DELETE FROM vigil_schema", False),
            ("vigil_server", "UPDATE results SET body = ''", False),
            ("vigil_scaler", "SELECT queued FROM vigil_backlog", True),
            ("vigil_scaler", "SELECT id FROM jobs", False),
            ("vigil_scaler", "SELECT * FROM vigil_pressure()", False),
            ("vigil_scaler", "SELECT vigil_drop_hour('results', 1, '', '')", False),
        ):
            said = psql(postgres, statement, user, "vigil")
            check(f"{user}: {statement}", (said == "") == may, said)

    with group("KEDA's question, and PgBouncer's settings"):
        query = re.search(r"query: (.*)", (SQL / "kubernetes/keda.yaml").read_text())[1]
        equal("the scaler may ask it", psql(postgres, query, "vigil_scaler", "vigil"), "")
        passwords = {"VIGIL_OWNER_PASSWORD": "0123", "VIGIL_SERVER_PASSWORD": "4567", "VIGIL_SCALER_PASSWORD": "ab"}
        said = psql(postgres, (SQL / "passwords.sql").read_text(), "vigil", "postgres", **passwords)
        equal("passwords.sql", said, "")
        if PGBOUNCER is None:
            skip("through PgBouncer", "needs pgbouncer")
        else:
            bouncer = Bouncer(postgres, "4567")
            own_way = bouncer.url("vigil_server")
            wrong = run("store", "stats", "--state", own_way, env={"PGPASSWORD": "89"})
            equal("with another password nobody is let in", wrong.code, 78)
            with Server("--workers", 1, state=own_way, env={"PGPASSWORD": "4567"}) as server:
                client = Client(server)
                accepted += [client.post(videos.bodies[number % 2], Prefer="wait=60").json()["id"] for number in range(4)]
                settled("through PgBouncer", server, accepted, videos)
                # What is committed is accepted, whether or not anybody can tell where in the queue it is.
                postgres.ask("REVOKE SELECT ON jobs FROM vigil_server", "vigil")
                answers = [client.post(videos.bodies[number % 2]) for number in range(3)]
                postgres.ask("GRANT SELECT ON jobs TO vigil_server", "vigil")
                equal("without a look at the queue", [one.status for one in answers], [202] * 3)
                accepted += [one.json()["id"] for one in answers]
                settled("and they end", server, accepted, videos)
            bouncer.stop()

    with group("what is damaged is told by job"):
        postgres.ask(f"UPDATE results SET body = set_byte(body, 20, get_byte(body, 20) # 1) WHERE job = (SELECT min(job::text)::bytea FROM results)", "vigil")
        postgres.ask("DELETE FROM results WHERE job = (SELECT max(job::text)::bytea FROM results)", "vigil")
        postgres.ask("UPDATE jobs SET parts_done = parts + 1 WHERE id = (SELECT id FROM jobs ORDER BY id OFFSET 1 LIMIT 1)", "vigil")
        ran, found = store("check", "--state", own)
        equal("exit code", ran.code, 65)
        told = {one["job"]: one["reason"] for one in found.get("damages", [])}
        equal("these, and no other", set(told), {accepted[0], accepted[1], accepted[-1]})
        contains("one that was changed", told.get(accepted[0], ""), "SHA-256")
        contains("one that is not there", told.get(accepted[-1], ""), "not there")
        contains("one whose row breaks a rule", told.get(accepted[1], ""), "more of it is done")

    with group("what is refused by name"):
        for arguments, code, said in (
            (("check",), 64, "expected postgres"),
            (("check", "--state", "/var/lib/vigil"), 64, "expected postgres"),
            (("stats", "--state", "postgres://u:hunter2@127.0.0.1:1/x"), 64, "PGPASSWORD"),
            (("migrate", "--state", "postgres://u@127.0.0.1:1/x"), 78, "127.0.0.1"),
            (("copy", "--from", "/nowhere", "--to", url), 66, "/nowhere"),
            (("copy", "--from", "x", "--to", "y"), 64, "--to"),
        ):
            ran = run("store", *arguments)
            check(f"{arguments[0]} says {said}", ran.code == code and said in ran.last, f"{ran.code}: {ran.last}")
            check("without the password", "hunter2" not in ran.last)

    # What a server with a folder leaves: ended, cancelled, queued, running when it was killed, keys, a batch, verdicts.
    base = scratch()
    folder = base / "state"
    with group("a folder"):
        # In a file of its own there, and in several pieces in a database.
        large = features.npy(features.video(20_000, 64, 9))
        with Server("--workers", 1, "--max-queued", 10_000, state=folder) as server:
            client = Client(server)
            ended = [client.post(body).json()["id"] for body in [*videos.bodies, large] * 3]
            equal("they end", {client.until(job)["status"] for job in ended}, {"succeeded"})
            scores = {job: client.scores(job) for job in ended}
            keyed = client.post(videos.bodies[0], Idempotency_Key="once").json()["id"]
            client.until(keyed)
            said = client.ask("PUT", f"/jobs/{ended[1]}/verdicts", VERDICTS, {"Content-Type": "application/json", "If-Match": '"0"'})
            equal("verdicts are kept", said.status, 200)
            held = client.post(alike(200_000)).json()["id"]
            client.until(held, "running")
            gone = client.post(videos.bodies[1]).json()["id"]
            client.delete(f"/jobs/{gone}")
            queued = [client.post(videos.bodies[number % 2], f"?priority={('low', 'normal', 'high')[number % 3]}").json()["id"] for number in range(450)]
            queued.append(client.post(large, Idempotency_Key="later").json()["id"])
            before = {job["id"]: job for job in client.all()}
            used = run("store", "copy", "--from", folder, "--to", postgres.url("vigil"))
            equal("one with a server is not moved", used.code, 78)
            server.kill()
        damaged = base / "damaged"
        shutil.copytree(folder, damaged)
        body = next((damaged / "files").glob("*.in"))
        with open(body, "r+b") as file:
            file.seek(5_000)
            byte = file.read(1)
            file.seek(5_000)
            file.write(bytes([byte[0] ^ 1]))
        ran = run("store", "copy", "--from", damaged, "--to", postgres.database("unused"))
        equal("a damaged one is not moved", (ran.code, body.name in ran.last), (65, True))

    with group("a move that is stopped goes on"):
        target = postgres.database("moved")
        equal("migrate", store("migrate", "--state", target)[0].code, 0)
        # The second batch fails as long as this is there.
        postgres.ask(
            "CREATE FUNCTION stop() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE 'stopped'; END $$;"
            "CREATE TRIGGER stop BEFORE UPDATE ON copies FOR EACH ROW WHEN (old.jobs > 0) EXECUTE FUNCTION stop()",
            "moved",
        )
        ran, _ = store("copy", "--from", folder, "--to", target)
        equal("it fails", (ran.code, "stopped" in ran.last), (78, True))
        first = int(postgres.ask("SELECT count(*) FROM jobs", "moved"))
        check("what was moved is there", 0 < first < len(before), first)
        refused = run("serve", "--port", 0, "--state", folder)
        equal("no server begins with the folder", (refused.code, "vigil store copy" in refused.last), (78, True))
        ran, _ = store("copy", "--from", folder, "--to", postgres.url("unused"))
        equal("nor is it moved elsewhere", ran.code, 78)
        postgres.ask("DROP TRIGGER stop ON copies", "moved")
        for pause in (0.05, 0.1, 0.2, 0.4):
            child = subprocess.Popen(
                [VIGIL, "store", "copy", "--from", str(folder), "--to", target], env=environment(),
                stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
            )
            time.sleep(pause)
            child.send_signal(signal.SIGKILL)
            child.wait()
        ran, found = store("copy", "--from", folder, "--to", target)
        equal("it goes on to its end", ran.code, 0)
        check("from where it was", found.get("copied_before", 0) >= first, found)
        equal("all of them", found.get("copied", 0) + found.get("copied_before", 0), len(before))
        equal("each once", postgres.ask("SELECT count(*) FROM jobs", "moved"), str(len(before)))
        ran, found = store("copy", "--from", folder, "--to", target)
        equal("once more takes nothing", (ran.code, found.get("copied")), (0, 0))
        equal("what was moved is whole", store("check", "--state", target)[0].code, 0)

    with group("servers go on with what was moved"):
        with Server("--workers", 1, state=target) as one, Server("--workers", 1, state=target) as two:
            client = Client(two)
            listed = {job["id"]: job for job in client.all()}
            equal("the same jobs", set(listed), set(before))
            equal("results are what they were", [job for job in ended if client.scores(job) != scores[job]], [])
            unlike = [
                (job, name) for job in [*ended, keyed, gone] for name in before[job]
                if name not in ("links", "warnings") and listed[job].get(name) != before[job][name]
            ]
            equal("what had ended is told as it was", unlike, [])
            equal("verdicts", client.get(f"/jobs/{ended[1]}/verdicts").json()["verdicts"], said.json()["verdicts"])
            client.delete(f"/jobs/{held}")
            equal("a key is the same job", client.post(videos.bodies[0], Idempotency_Key="once").json()["id"], keyed)
            equal("also of one that waits", client.post(large, Idempotency_Key="later").json()["id"], queued[-1])
            jobs = client.settled()
            equal("none is lost and none is new", set(jobs) ^ set(before), set())
            equal("what waited has succeeded", {jobs[job]["status"] for job in queued}, {"succeeded"})
            short = [jobs[job] for job in queued[:-1]]
            equal("with its own scores", videos.faults(client, short), {})
            check("the long one ran again", jobs[held]["status"] in ("cancelled", "succeeded"), jobs[held])
        doubled = postgres.ask(
            "SELECT count(*) FROM (SELECT job FROM results GROUP BY job HAVING count(DISTINCT token) > 1) AS d", "moved"
        )
        equal("none has two results", doubled, "0")

    with group("backups, as docs/cluster.md has them"):
        moved = {job["id"] for job in before.values()}
        with Server("--workers", 1, state=target) as server:
            dump = postgres.folder / "vigil.dump"
            accepted = [Client(server).post(videos.bodies[0]).json()["id"] for _ in range(20)]
            postgres._run("pg_dump", "-h", postgres.folder, "-U", "vigil", "--format=custom", "--file", dump, "moved")
            place = pathlib.Path(tempfile.mkdtemp(prefix="vigil-pg-", dir="/tmp"))
            if postgres.user:
                shutil.chown(place, postgres.user[1].split("=")[1])
            postgres._run("pg_basebackup", "-h", postgres.folder, "-U", "vigil", "-D", place / "data", "--wal-method=stream", "--checkpoint=fast")
        restored = postgres.database("restored")
        postgres._run("pg_restore", "-h", postgres.folder, "-U", "vigil", "--dbname", "restored", "--exit-on-error", dump)
        equal("a dump is whole", store("check", "--state", restored)[0].code, 0)
        with Server("--workers", 1, "--lease", 3, state=restored) as server:
            jobs = Client(server).settled()
            equal("all that was accepted before it is there", {*moved, *accepted} - set(jobs), set())
            equal("and is done", {jobs[job]["status"] for job in accepted}, {"succeeded"})
        copy = Postgres.__new__(Postgres)
        copy.folder, copy.user, copy.durable, copy.process = place, postgres.user, True, None
        copy.start()
        with copy:
            with Server("--workers", 1, "--lease", 3, state=copy.url("moved")) as server:
                jobs = Client(server).settled()
                equal("so is a base backup", {*moved, *accepted} - set(jobs), set())
                equal("which a server goes on with", {jobs[job]["status"] for job in accepted}, {"succeeded"})

finish()
