"""A disk that fills up: what does not fit is refused, what was accepted comes to its end, and room is used again."""

import collections
import threading
import time

from support.harness import check, contains, equal, finish, group, need, note, shown, skip

need("full_disk", "numpy")

from support.jobs import Client, Videos, ready  # noqa: E402
from support.machines import disk, fill, free, possible  # noqa: E402
from support.process import Server  # noqa: E402


class Tally:
    """Every answer's status."""

    def __init__(self):
        self.statuses = collections.Counter()
        self.worst = ""

    def took(self, answer):
        self.statuses[answer.status] += 1
        if answer.status in (500, 502) or answer.status > 507:
            self.worst = str(answer)
        return answer


def until_refused(client, tally, bodies, most=5_000):
    """Sends jobs until one is refused as the store is full; the IDs, and that answer."""
    accepted = []
    for number in range(most):
        answer = tally.took(client.post(bodies[number % len(bodies)]))
        if answer.status == 202:
            accepted.append(answer.json()["id"])
        elif answer.status == 507:
            return accepted, answer
        elif answer.status == 429:
            time.sleep(0.02)
    return accepted, None


def all_right(name, client, accepted, videos):
    jobs = client.settled()
    lost = [one for one in accepted if one not in jobs]
    check(f"{name}: nothing accepted is lost", accepted and not lost, f"{len(lost)} of {len(accepted)}")
    counts = collections.Counter(jobs[one]["status"] for one in accepted if one in jobs)
    errors = [job["error"] for job in jobs.values() if job["error"]]
    check(f"{name}: all of it succeeds", set(counts) == {"succeeded"}, f"{dict(counts)} {shown(errors[:2])}")
    wrong = videos.faults(client, [jobs[one] for one in accepted if one in jobs])
    check(f"{name}: with right results", not wrong, shown(wrong))


def readiness(client):
    return client.get("/readyz").status


def refilled(client, folder):
    """Readiness once the disk is filled for good: what the store tidies meanwhile gives room back, and that is filled too."""
    for _ in range(200):
        if (status := readiness(client)) == 503:
            break
        fill(folder)
        time.sleep(0.02)
    return status


def submissions(folder):
    with Server("--workers", "1", "--max-queued", "5000", state=folder / "state") as server:
        client, tally = Client(server), Tally()
        accepted, answer = until_refused(client, tally, videos.bodies)
        check("a full disk refuses", answer is not None, str(dict(tally.statuses)))
        equal("as a problem of its own", answer.problem(), "store-full")
        check("with a time", int(answer.headers.get("retry-after", "0")) >= 1, str(answer.headers))
        waiting = len(client.all("&status=queued"))
        note(f"{len(accepted)} accepted, {waiting} of them queued, {free(folder) >> 10} KiB free")
        all_right("submitted until full", client, accepted, videos)
        # What is on its way to its end, and the store's own tidying, give room back: full is what stays so.
        end = time.monotonic() + 600
        while True:
            for body in reversed(videos.bodies):
                for _ in range(200):
                    more, answer = until_refused(client, tally, [body])
                    accepted += more
                    client.settled()
                    if not more:
                        break
            if readiness(client) == 503 or time.monotonic() > end:
                break
        equal("results fill it too", (more, answer and answer.status), ([], 507))
        equal("not ready while it is full", readiness(client), 503)
        equal("but alive", client.get("/livez").status, 200)
        all_right("filled with results", client, accepted, videos)
        gone, accepted = accepted[::2], accepted[1::2]
        for one in gone:
            tally.took(client.delete(f"/jobs/{one}"))
        end = time.monotonic() + 60
        while (answer := client.post(videos.bodies[0])).status == 507 and time.monotonic() < end:
            time.sleep(0.1)
        equal("after deletes it takes jobs again", answer.status, 202)
        if answer.status == 202:
            accepted.append(answer.json()["id"])
        equal("and is ready", readiness(client), 200)
        all_right("after deletes", client, accepted, videos)
        note(f"statuses {dict(tally.statuses)}")
        check("no other answer", not tally.worst and set(tally.statuses) <= {202, 204, 429, 507}, tally.worst)
        check("the service lives", server.alive())


def another_file(folder):
    """The disk fills from elsewhere while jobs are queued and running."""
    with Server("--workers", "1", "--max-queued", "5000", state=folder / "state") as server:
        client, tally = Client(server), Tally()
        accepted = [tally.took(client.post(long_one)).json()["id"]]
        for number in range(60):
            answer = tally.took(client.post(videos.bodies[number % len(videos.bodies)]))
            if answer.status == 202:
                accepted.append(answer.json()["id"])
        queued = len(client.all("&status=queued"))
        # What ends meanwhile gives room back: then it is filled once more.
        for _ in range(50):
            path = fill(folder)
            if (answer := tally.took(client.post(videos.bodies[0]))).status == 507:
                break
            accepted += [answer.json()["id"]] if answer.status == 202 else []
        note(f"{len(accepted)} accepted, {queued} queued as the disk was filled, {free(folder) >> 10} KiB free")
        equal("refused while another file fills the disk", (answer.status, answer.problem()), (507, "store-full"))
        equal("not ready", refilled(client, folder), 503)
        stop = threading.Event()

        def look():
            reader = Client(server)
            while not stop.is_set():
                try:
                    tally.took(reader.get("/jobs?limit=5"))
                    tally.took(reader.get(f"/jobs/{accepted[-1]}"))
                    tally.took(reader.post(videos.bodies[0]))
                except ConnectionError as error:
                    tally.worst = str(error)
                    return
                time.sleep(0.05)

        reader = threading.Thread(target=look)
        reader.start()
        time.sleep(2)
        counts = collections.Counter(job["status"] for job in client.all())
        note(f"two seconds later: {dict(counts)}, {free(folder) >> 10} KiB free")
        check("none fails for it", counts["failed"] == 0, str(dict(counts)))
        fill(folder)
        for one in [job["id"] for job in client.all("&status=succeeded")][:3]:
            status = tally.took(client.delete(f"/jobs/{one}")).status
            if status == 204 and one in accepted:
                accepted.remove(one)
        path.unlink()
        stop.set()
        reader.join(120)
        end = time.monotonic() + 60
        while (status := readiness(client)) != 200 and time.monotonic() < end:
            time.sleep(0.1)
        equal("ready once there is room", status, 200)
        end = time.monotonic() + 120
        while "has room again" not in server.text() and time.monotonic() < end:
            time.sleep(0.1)
        said = server.text()
        contains("the log names the folder and the room that is lacking", said, str(folder / "state"), "has too little room", "MiB")
        contains("and says when it is over", said, "has room again")
        all_right("another file", client, accepted, videos)
        answer = tally.took(client.post(videos.bodies[0]))
        equal("takes jobs again", answer.status, 202)
        note(f"statuses {dict(tally.statuses)}")
        check("no 500", not tally.worst and 500 not in tally.statuses, tally.worst)
        check("the service lives", server.alive())


def killed(folder):
    """Killed while the disk is full; it starts then or says why not, and afterwards everything is there."""
    server = Server("--workers", "1", "--max-queued", "5000", state=folder / "state")
    client = Client(server)
    before = {job["id"] for job in client.all()}
    accepted = [client.post(long_one).json()["id"]]
    for number in range(20):
        answer = client.post(videos.bodies[number % len(videos.bodies)])
        if answer.status == 202:
            accepted.append(answer.json()["id"])
    path = fill(folder)
    server.kill()
    fill(folder)
    try:
        with Server(port=server.port, state=folder / "state") as full:
            note(f"starts on a full disk; readyz {readiness(Client(full))}")
            equal("on a full disk it is not ready", refilled(Client(full), folder), 503)
            full.kill()
    except RuntimeError as error:
        text = str(error)
        note(f"does not start on a full disk: {shown(text[-200:])}")
        check("and says why", "serve ended with 7" in text and "full" in text.lower(), shown(text))
    path.unlink()
    with Server(state=folder / "state") as server:
        client = Client(server)
        check("with room it starts", ready(server) is not None)
        jobs = client.settled()
        check("nothing was lost", set(accepted) | before <= jobs.keys(), f"{len(set(accepted) - jobs.keys())}")
        all_right("killed on a full disk", client, accepted, videos)


def begun(folder):
    """A start on a full disk: what there is can be read."""
    with Server(state=folder / "state") as server:
        client = Client(server)
        ended = client.post(videos.bodies[0], "", Prefer="wait=60").json()["id"]
        equal("stops", server.stop(), 0)
    path = fill(folder)
    with Server(state=folder / "state") as server:
        client = Client(server)
        equal("begins on a full disk", client.get(f"/jobs/{ended}").status, 200)
        equal("alive", client.get("/livez").status, 200)
        equal("not ready", refilled(client, folder), 503)
        equal("takes nothing new", client.post(videos.bodies[0]).status, 507)
    fill(folder)
    try:
        with Server(state=folder / "state") as server:
            note("begins once more")
    except RuntimeError as error:
        contains("or says what it needs", str(error), "its disk is full", "KiB are free", "make room")
    path.unlink()
    with Server(state=folder / "state") as server:
        equal("with room all is there", Client(server).get(f"/jobs/{ended}").status, 200)


if not possible():
    skip("full_disk", "needs root and mount")
    finish()
videos = Videos(3, 300, 1_000, 4_000, 20_000)
long_one = videos.bodies.pop()
with group("submissions"), disk(48) as folder:
    submissions(folder)
with group("another file"), disk(48) as folder:
    another_file(folder)
with group("killed"), disk(48) as folder:
    killed(folder)
with group("a start"), disk(48) as folder:
    begun(folder)
finish()
