"""A 202 is a promise: the process is killed again and again, and each accepted job still ends in one correct result."""

import collections
import contextlib
import datetime
import json
import os
import random
import signal
import sqlite3
import threading
import time
import uuid

from support.harness import LONG, check, contains, equal, finish, group, need, note, scratch, shown

need("durability", "numpy")

from support import slow  # noqa: E402
from support.jobs import ENDED, Client, Videos, alike, every, form, ready  # noqa: E402
from support.process import Server  # noqa: E402

SEED = int(os.environ.get("SEED", "0")) or random.randrange(1 << 30)
ROUNDS = 100 if LONG else 12
# The rows of a thousand snippets, and more, have their place in files.
LENGTHS = (3, 30, 57, 100, 170, 256, 300, 700, 1_000, 4_000)
# More than a job can be begun in here: on a busy machine one may be at it whenever its server is killed.
ATTEMPTS = 2 * ROUNDS


class Promises:
    """What clients were told, and what they asked for without being told."""

    def __init__(self):
        self.lock = threading.Lock()
        self.accepted, self.cancelled, self.deleted = set(), set(), set()
        self.keys = collections.defaultdict(set)
        self.batches = {}
        self.faults = collections.Counter()
        self.broken = 0

    def took(self, answer, what):
        """The documents of the jobs that an answer promises."""
        if answer.status not in (200, 202):
            # Full is an answer, and so is that the server goes.
            if answer.status not in (429, 503):
                self.faults[f"{what}: {answer}"] += 1
            return []
        document = answer.json()
        jobs = document.get("jobs", [document])
        with self.lock:
            self.accepted.update(job["id"] for job in jobs)
        return jobs


class Submitter(threading.Thread):
    """Sends jobs until it is told to stop, whatever happens to the server."""

    def __init__(self, server, videos, promises, stop, seed):
        super().__init__(daemon=True)
        self.client, self.videos, self.promises, self.stop = Client(server), videos, promises, stop
        self.random = random.Random(seed)

    def run(self):
        ways = [self.plain, self.plain, self.keyed, self.keyed, self.batch, self.cancelled]
        while not self.stop.is_set():
            # In bursts, so that there is a queue and also times without one.
            for _ in range(self.random.randrange(1, 12)):
                try:
                    self.random.choice(ways)()
                except ConnectionError:
                    self.promises.broken += 1
                    time.sleep(0.01)
                except Exception as error:
                    self.promises.faults[f"{type(error).__name__}: {error}"] += 1
            self.stop.wait(self.random.uniform(0, 0.25))

    def body(self):
        return self.random.choice(self.videos.bodies)

    def plain(self):
        self.promises.took(self.client.post(self.body()), "a job")

    def keyed(self):
        """The same until it is answered, as a careful client does."""
        key, body = str(uuid.uuid4()), self.body()
        while not self.stop.is_set():
            try:
                answer = self.client.post(body, f"?name={key}", Idempotency_Key=f'"{key}"')
            except ConnectionError:
                self.promises.broken += 1
                time.sleep(0.02)
                continue
            if jobs := self.promises.took(answer, "with a key"):
                self.promises.keys[key, body].update(job["id"] for job in jobs)
                if self.random.random() < 0.7:
                    return
            elif answer.status not in (429, 503):
                return

    def batch(self):
        body, kind = form([self.body() for _ in range(self.random.randrange(2, 6))])
        answer = self.client.ask("POST", "/score", body, {"Content-Type": kind})
        if jobs := self.promises.took(answer, "a batch"):
            self.promises.batches[answer.json()["id"]] = [job["id"] for job in jobs]

    def cancelled(self):
        for job in self.promises.took(self.client.post(self.body(), "?priority=low"), "to be cancelled"):
            with self.promises.lock:
                self.promises.cancelled.add(job["id"])
            answer = self.client.delete(f"/jobs/{job['id']}")
            if answer.status not in (200, 202, 204, 503):
                self.promises.faults[f"DELETE: {answer}"] += 1


def killed_at_random(server_options, folder, videos):
    """Kills, starts again, and returns what was promised and how many seconds of a core it took to be ready."""
    chance, promises, stop, times = random.Random(SEED), Promises(), threading.Event(), []
    server = Server(*server_options, state=folder)
    current = Current(server)
    threads = [Submitter(current, videos, promises, stop, SEED + one) for one in range(6)]
    for thread in threads:
        thread.start()
    for turn in range(ROUNDS):
        time.sleep(chance.uniform(0.05, 0.6 if LONG else 1.2))
        server.kill()
        if turn % 4 == 3:
            # Also while it has hardly begun.
            early = Early(*server_options, port=server.port, state=folder)
            time.sleep(chance.uniform(0, 0.03))
            early.kill()
        server = Server(*server_options, port=server.port, state=folder)
        current.server = server
        times.append(ready(server) and server.cpu())
    end = time.monotonic() + 120
    while not (promises.keys and promises.batches and promises.cancelled) and time.monotonic() < end:
        time.sleep(0.01)
    time.sleep(0.3)
    stop.set()
    for thread in threads:
        thread.join(300)
    return server, promises, times


class Current:
    """The server of the moment, for clients that outlive it."""

    def __init__(self, server):
        self.server = server

    @property
    def port(self):
        return self.server.port


class Early(Server):
    """A server that nobody waits for."""

    def _wait(self):
        return 0


def kept(client, server, promises, videos, jobs):
    """Looks whether what was promised is there, once each and right."""
    counts = collections.Counter(job["status"] for job in jobs.values())
    note(f"{len(promises.accepted)} accepted, {promises.broken} times no answer; at the end {dict(counts)}")
    check("clients were given no other answer", not promises.faults, shown(promises.faults.most_common(5)))
    lost = promises.accepted - jobs.keys() - promises.cancelled
    check("no accepted job is lost", not lost, f"{len(lost)}: {sorted(lost)[:5]}")
    open_ones = [job["id"] for job in jobs.values() if job["status"] not in ENDED]
    check("all have ended", not open_ones, str(open_ones[:5]))
    failed = [job for job in jobs.values() if job["status"] == "failed"]
    check("none has failed", not failed, shown([(job["id"], job["error"]) for job in failed[:3]]))
    stray = [job["id"] for job in jobs.values() if job["status"] == "cancelled" and job["id"] not in promises.cancelled]
    check("none is cancelled that nobody cancelled", not stray, str(stray[:5]))
    attempts = collections.Counter(job.get("attempt") for job in jobs.values() if job["status"] == "succeeded")
    note(f"attempts: {dict(attempts)}")
    check("attempts", set(attempts) <= set(range(1, ATTEMPTS + 1)), str(dict(attempts)))
    done = [job for job in jobs.values() if job["status"] == "succeeded"]
    wrong = videos.faults(client, done)
    check("every result is that of a run without faults", done and not wrong, f"{len(wrong)}: {shown(wrong)}")
    finals = [job for job in done if job["finished_at"] < job["started_at"] or job["started_at"] < job["created_at"]]
    check("times go forward", not finals, shown(finals[:1]))


def once_for_a_key(client, promises, jobs):
    several = {key: ids for (key, _), ids in promises.keys.items() if len(ids) != 1}
    check("a key was answered by one job, however often it came", promises.keys and not several, shown(several))
    named = collections.Counter(job["name"] for job in jobs.values() if job.get("name") and not job.get("batch"))
    doubled = {name: count for name, count in named.items() if count > 1}
    check("and there is no second one", not doubled, shown(doubled))

    def again(item):
        (key, body), ids = item
        answer = Client(client.server).post(body, f"?name={key}", Idempotency_Key=f'"{key}"')
        return answer.status in (200, 202) and answer.json()["id"] in ids

    some = list(promises.keys.items())[:100]
    equal("the keys are still known", sum(every(again, some)), len(some))
    for identifier, ids in list(promises.batches.items())[:50]:
        found = [job["id"] for job in client.get(f"/batches/{identifier}").json()["jobs"]]
        if found != ids:
            check("a batch has the jobs that were promised", False, f"{found}, promised {ids}")
            return
    check("batches have the jobs that were promised", bool(promises.batches))


def files(folder):
    return sorted(path.name for path in (folder / "files").iterdir())


def attempts(folder):
    """The most attempts of a job that the disk knows of."""
    with contextlib.closing(sqlite3.connect(f"file:{folder}/jobs.sqlite?mode=ro", uri=True, timeout=60)) as database:
        return database.execute("SELECT max(attempt) FROM jobs").fetchone()[0]


def nothing_left(client, server, folder, jobs):
    """Files belong to jobs; without jobs there are none."""
    known = {identifier for identifier, job in jobs.items()}
    strays = [name for name in files(folder) if name.split(".")[0] not in known]
    check("every file belongs to a job", not strays, shown(strays))
    inputs = [name for name in files(folder) if name.endswith(".in")]
    check("no upload outlives its job", not inputs, shown(inputs))
    every(lambda one: Client(server).delete(f"/jobs/{one}"), list(jobs))
    equal("all can be deleted", client.get("/jobs?limit=5").json()["jobs"], [])
    end = time.monotonic() + 120
    while files(folder) and time.monotonic() < end:
        time.sleep(0.05)
    equal("then there is no file", files(folder), [])


with group("killed at random moments"):
    folder = scratch() / "state"
    note(f"SEED={SEED}, {ROUNDS} rounds")
    videos = Videos(*LENGTHS)
    options = ["--attempts", ATTEMPTS, "--workers", "2"]
    server, promises, times = killed_at_random(options, folder, videos)
    with server:
        client = Client(server)
        late = [seconds for seconds in times if seconds is None or seconds > 1 + 20 * min(filter(None, times), default=0)]
        note(f"ready again after {min(times):.2f} to {max(times):.2f} s of a core" if None not in times else str(times))
        check("ready within a second of a core each time", not late, shown(late))
        jobs = client.settled()
        kept(client, server, promises, videos, jobs)
        once_for_a_key(client, promises, jobs)
        jobs = client.settled()
        nothing_left(client, server, folder, jobs)

with group("SIGTERM with a long queue"):
    folder = scratch() / "state"
    videos = Videos(3, 300, 8_000)
    models = slow.beside()
    with Server("--workers", "1", "--max-queued", "5000", "--grace", "300", *models, state=folder) as server:
        client = Client(server)
        # The worker holds two jobs at a time: nothing else begins before the signal.
        blockers = [client.post(alike(30_000), "?model=slow&priority=high").json()["id"] for _ in range(3)]
        accepted = [client.post(videos.bodies[2]).json()["id"] for _ in range(60)]
        accepted += [client.post(videos.bodies[number % 2]).json()["id"] for number in range(200)]
        waiter = server.asked(f"/jobs/{accepted[-1]}?wait=300")
        server.signal(signal.SIGTERM)
        begun = time.monotonic()
        while client.get("/readyz").status == 200 and time.monotonic() < begun + 120:
            time.sleep(0.01)
        # The one that only waits first: once nothing runs any more the server is gone.
        for one in reversed(blockers):
            client.delete(f"/jobs/{one}")
        code = server.wait()
        took = time.monotonic() - begun
        equal("exit code", code, 0)
        check("it does not wait for the queue", took < 120, f"{took:.2f} s")
        waiter.begin()
        waited = json.load(waiter)
        check("who waits for a job is told that it is still queued", waited.get("status") == "queued", shown(waited))
        check("nothing is called lost", "lost" not in server.text(), shown(server.text()[-300:]))
    stopped = datetime.datetime.now(datetime.timezone.utc).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    check("large uploads of the queue are there", any(one.endswith(".in") for one in files(folder)))
    with Server("--workers", "2", *models, state=folder) as server:
        client = Client(server)
        jobs = {one: job for one, job in client.settled().items() if one not in blockers}
        # What had been begun before the signal would have been brought to its end.
        check("the queue was still there", min(job["started_at"] for job in jobs.values()) > stopped, stopped)
        equal("the next one finishes it", {jobs[one]["status"] for one in accepted if one in jobs}, {"succeeded"})
        check("all of it, and nothing else", set(jobs) == set(accepted), f"{len(jobs)} of {len(accepted)}")
        equal("rightly", videos.faults(client, jobs.values()), {})
        spent = {job["attempt"] for job in jobs.values()}
        check("an end in order costs no attempt", spent == {1}, str(spent))

with group("a job that takes the process with it"):
    folder = scratch() / "state"
    videos = Videos(3, 300)
    body = alike(60_000)
    options = ["--workers", "1", "--attempts", "2", *slow.beside()]
    server = Server(*options, state=folder)
    first = Client(server).post(body, "?priority=high&model=slow").json()["id"]
    small = [Client(server).post(videos.bodies[number % 2]).json()["id"] for number in range(20)]
    states = []
    for attempt in (1, 2):
        states.append(Client(server).until(first, "running", *ENDED)["status"])
        # Shown as running it is before its claim is on the disk, and before a worker has begun with it: until then the
        # worker may be at another job, whose attempt it would be.
        end = time.monotonic() + 300
        while time.monotonic() < end:
            # Jobs take turns: once the others have ended it is the only one that the worker can be at.
            others = Client(server).all("&status=queued") + Client(server).all("&status=running")
            done = Client(server).job(first)["progress"]["chunks_done"]
            if done > 0 and attempts(folder) >= attempt and {job["id"] for job in others} <= {first}:
                break
            time.sleep(0.005)
        server.kill()
        server = Server(*options, port=server.port, state=folder)
    with server:
        client = Client(server)
        equal("it was running each time", states, ["running", "running"])
        job = client.until(first)
        equal("it fails", (job["status"], (job["error"] or {}).get("type")), ("failed", "/problems/out-of-attempts"))
        equal("with its attempts", job.get("attempt"), 2)
        contains("and says so", (job["error"] or {}).get("detail", ""), "2 times")
        jobs = client.settled()
        equal("the others come through", {jobs[one]["status"] for one in small}, {"succeeded"})
        equal("rightly", videos.faults(client, [jobs[one] for one in small]), {})
        check("and their attempts are their own", {jobs[one]["attempt"] for one in small} <= {1, 2})
        again = client.post(body, "?model=slow").json()["id"]
        equal("sent anew it may try again", client.until(again, "running", *ENDED)["status"], "running")
        server.kill()
finish()
