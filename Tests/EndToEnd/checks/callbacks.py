"""Callbacks: signed, tried again, across restarts, to nobody who was not meant."""

import base64
import contextlib
import signal
import time

from support.harness import check, contains, equal, finish, group, need, need_no_way_out, note, scratch, shown, skip

need("callbacks", "numpy", "requests")
need_no_way_out("callbacks")

import requests  # noqa: E402

from support import features, slow, unseen  # noqa: E402
from support.certificates import Certificates  # noqa: E402
from support.jobs import alike  # noqa: E402
from support.process import Server, run  # noqa: E402
from support.receivers import Receiver, secret  # noqa: E402

NPY = {"Content-Type": "application/x-npy"}
SHORT = features.npy(features.video(20))
# For the slow model: it holds a worker until it is cancelled.
LONG = alike(30_000)
HANGING = 12
folder = scratch()
first, second, third = secret(), secret(24), secret(64)
secret_file = folder / "secrets.txt"
logs = []


def secrets(*keys):
    return "# The newest first.\n\n" + "\n".join(keys) + "\n"


def write(*keys, path=secret_file):
    fresh = folder / "fresh"
    fresh.write_bytes(unseen.filled(secrets(*keys)))
    fresh.chmod(0o600)
    fresh.replace(path)
    return path


write(first)


@contextlib.contextmanager
def serving(name, *options, hosts="127.0.0.1,127.0.0.2,localhost", private=True):
    """A server that tells all that it does."""
    options = [*options, "--state", folder / name, "--log-level", "trace", "--callback-secrets", secret_file]
    options += ["--callback-hosts", hosts] + (["--callback-private"] if private else [])
    server = Server(*options)
    try:
        yield server
    finally:
        server.stop()
        logs.append(server.text())


def post(server, url, body=SHORT, query="", headers=NPY):
    parameters = {"callback": url} | dict(part.split("=") for part in query.split("&") if part)
    return requests.post(f"{server.url}/score", params=parameters, data=body, headers=headers, timeout=60)


def says(server, *parts, seconds=60):
    """A line of the log that has all of the parts, once there is one."""
    end = time.monotonic() + seconds
    while True:
        for line in server.text().splitlines():
            if all(part in line for part in parts):
                return line
        if time.monotonic() > end:
            return ""
        time.sleep(0.05)


retries = {
    "/later": [500, 200],
    "/gone": [500, 410],
    "/moved": [(307, {"Location": "/target"}), 204],
    "/slow": [(503, {"Retry-After": "8"}), 204],
    "/later-still": [(503, {"Retry-After": "10"}), 204],
    "/hang": ["hang"],
} | {f"/forgotten-{number}": [(503, {"Retry-After": "10"}), 204] for number in range(20)}
with (
    Receiver(retries) as receiver,
    Receiver({"/hang": ["hang"]}, "127.0.0.2") as hanging,
    serving("main", *slow.beside()) as server,
):
    with group("those that have to be tried again begin"):
        # One is forgotten before its next try, which is due 10 s after the first: where that came sooner, another one.
        for number in range(20):
            forgotten = f"/forgotten-{number}"
            identifier = post(server, receiver.url + forgotten).json()["id"]
            receiver.wait(forgotten)
            status = requests.delete(f"{server.url}/jobs/{identifier}", timeout=60).status_code
            if len(receiver.at(forgotten)) == 1:
                break
        equal("one is forgotten meanwhile", status, 204)
        # Its next try is due later than one of the other would have been.
        post(server, receiver.url + "/later-still")
        early = ("/later", "/gone", "/moved", "/slow")
        jobs = {path: post(server, receiver.url + path).json()["id"] for path in early}
        for _ in range(HANGING):
            post(server, f"{hanging.url}/hang")
        hanging.wait("/hang", 1)
    with group("a callback"):
        job = post(server, f"{receiver.url}/first?a=b%20c", query="name=cam 1&fps=30").json()
        call = receiver.wait("/first?a=b%20c")[0]
        # Of those before it, which are sent two at a time and hang for 15 s each, most have yet to be sent.
        before = [other for other in hanging.at("/hang") if other.at < call.at]
        check("one that hangs holds up no other receiver", 0 < len(before) < HANGING, f"behind {len(before)}")
        equal("it is told once", len(receiver.at("/first?a=b%20c")), 1)
        equal("POST of JSON", (call.method, call.headers["content-type"]), ("POST", "application/json"))
        equal("its id is the job's", call.headers["webhook-id"], job["id"])
        sent = int(call.headers["webhook-timestamp"])
        check("its time is now", abs(sent - call.clock) < 60, f"{sent} at {call.clock}")
        check("its signature is that of the secret", call.signed_by(first), str(call.headers))
        equal("its body", list(call.json), ["type", "timestamp", "data"])
        told, known = call.json, requests.get(f"{server.url}/jobs/{job['id']}").json()
        check("the job had a result", known["result"] is not None)
        equal("it is told without", told["data"], known | {"result": None})
        equal("of what, and when", (told["type"], told["timestamp"]), ("job.succeeded", known["finished_at"]))
        host = call.headers.get("host")
        equal("Host", host, f"127.0.0.1:{receiver.port}")
    with group("how jobs end"):
        bad = post(server, f"{receiver.url}/failed", features.npy(features.video(20) * 3e37)).json()["id"]
        call = receiver.wait("/failed")[0]
        equal("failed", (call.json["type"], call.headers["webhook-id"]), ("job.failed", bad))
        equal("why", call.json["data"]["error"]["type"], "/problems/not-finite")
        running = post(server, f"{receiver.url}/running", LONG, query="model=slow").json()["id"]
        while requests.get(f"{server.url}/jobs/{running}").json()["status"] == "queued":
            time.sleep(0.01)
        equal("one that runs is cancelled", requests.delete(f"{server.url}/jobs/{running}").status_code, 202)
        calls = receiver.wait("/running")
        equal("cancelled while running", [call.json["type"] for call in calls], ["job.cancelled"])
    with group("a batch"):
        files = [("features", (f"{name}.npy", SHORT)) for name in "abc"]
        answer = requests.post(f"{server.url}/score", params={"callback": f"{receiver.url}/batch"}, files=files)
        wanted = {job["id"]: answer.json()["id"] for job in answer.json()["jobs"]}
        calls = receiver.wait("/batch", 3)
        found = {call.headers["webhook-id"]: call.json["data"]["batch"] for call in calls}
        equal("one for each job, which names it", (len(calls), found), (3, wanted))
        body, kind = features.multipart(SHORT, fields=[("callback", f"{receiver.url}/field")])
        requests.post(f"{server.url}/score", data=body, headers={"Content-Type": kind}, timeout=60)
        equal("a field of the form asks for one too", len(receiver.wait("/field")), 1)
    with group("tried again"):
        calls = receiver.wait("/later", 2)
        pause = calls[1].at - calls[0].at if len(calls) > 1 else 0
        check("500 is tried again after about 5 s", 3.9 < pause < 60, f"{pause:.1f} s")
        equal("the same id", {call.headers["webhook-id"] for call in calls}, {jobs["/later"]})
        equal("the same body", len({call.body for call in calls}), 1)
        stamps = [int(call.headers["webhook-timestamp"]) for call in calls]
        check("another time, and signed anew", stamps[1] > stamps[0] and calls[1].signed_by(first), str(stamps))
        calls = receiver.wait("/moved", 2)
        equal("a redirect is not followed", (len(calls), receiver.at("/target")), (2, []))
        equal("410 is not what it begins with", len(receiver.wait("/gone", 2)), 2)
        calls = receiver.wait("/slow", 2)
        pause = calls[1].at - calls[0].at if len(calls) > 1 else 0
        check("not before Retry-After", 7.9 < pause < 60, f"{pause:.1f} s")
        equal("one that was due later is told again", len(receiver.wait("/later-still", 2)), 2)
        equal("no callback of a job that is forgotten", len(receiver.at(forgotten)), 1)
        equal("none again after 200", len(receiver.at("/later")), 2)
        contains("the log says so", says(server, jobs["/gone"], "ended by its receiver"), "ended by its receiver")
        contains("and why one is tried again", says(server, jobs["/later"], "tried again"), "500")
    with group("secrets are replaced"):
        # Nobody who only looks at the file finds that it changed.
        unseen.rewrite(secret_file, secrets(second, first))
        server.signal(signal.SIGHUP)
        says(server, "secrets are read", "secrets=2")
        post(server, f"{receiver.url}/two")
        check("two secrets make two signatures", receiver.wait("/two")[0].signed_by(second, first))
        unseen.rewrite(secret_file, secrets(second))
        server.signal(signal.SIGHUP)
        says(server, "secrets are read", "secrets=1")
        post(server, f"{receiver.url}/one")
        check("the old one is gone", receiver.wait("/one")[0].signed_by(second))
        unseen.rewrite(secret_file, secrets("whsec_" + "x" * 43))
        server.signal(signal.SIGHUP)
        said = says(server, "not changed")
        contains("a file that can't be used is told by file and line", said, f"{secret_file}:3")
        post(server, f"{receiver.url}/kept")
        check("the secrets from before stay", receiver.wait("/kept")[0].signed_by(second))
        unseen.rewrite(secret_file, secrets(third))
        server.signal(signal.SIGHUP)
        says(server, "secrets=1", "secrets are read")
    with group("refusals"):
        before = len(requests.get(f"{server.url}/jobs?limit=1000").json()["jobs"])
        for url in (
            "http://hooks.example.com/",
            "https://127.0.0.3/",
            "http://localhost.example.com/",
            "http://127.0.0.1@hooks.example.com/",
            "http://127.0.0.1.example.com/",
            "ftp://127.0.0.1/",
            "file:///etc/passwd",
            "http://user:word@127.0.0.1/",
            "http://127.0.0.1:0/",
            "http://127.0.0.1:99999/",
            "http://127.1/",
            "http://2130706433/",
            "http://0x7f.0.0.1/",
            "http://0177.0.0.1/",
            "http://[::ffff:127.0.0.3]/",
            "//127.0.0.1/",
            "127.0.0.1",
            "http://",
            "http://127.0.0.1/\r\nX-A: b",
            "http://127.0.0.1/ a",
            "http://127.0.0.1/#part",
            "http://127.0.0.1/" + "a" * 5000,
        ):
            answer = post(server, url)
            contains(f"{url[:40]!r}: 422 that names it", f"{answer.status_code} {answer.text}", "422", "callback")
        equal("nothing was queued", len(requests.get(f"{server.url}/jobs?limit=1000").json()["jobs"]), before)
        equal("with validate_only too", post(server, "http://x.example/", query="validate_only=true").status_code, 422)
    # Each hangs for longer than that.
    begun = [call.at for call in hanging.at("/hang")]
    together = max(sum(at <= other < at + 8 for other in begun) for at in begun)
    check("one receiver that hangs has few connections at a time", together <= 4, f"{together} of {len(begun)}")

with Receiver() as receiver, serving("queue", "--workers", "1", *slow.beside()) as server:
    with group("jobs that end without having begun"):
        # Two are taken up and take turns; what is behind the third waits.
        files = [("features", (f"{index}.npy", LONG)) for index in range(3)]
        fillers = requests.post(f"{server.url}/score?model=slow", files=files, timeout=60).headers["Location"]
        late = post(server, f"{receiver.url}/late", query="deadline=0.2&priority=low").json()["id"]
        queued = post(server, f"{receiver.url}/cancelled", query="priority=low").json()["id"]
        requests.delete(f"{server.url}/jobs/{queued}")
        call = receiver.wait("/cancelled")[0]
        equal("cancelled while queued", (call.json["type"], call.headers["webhook-id"]), ("job.cancelled", queued))
        calls = receiver.wait("/late")
        equal(
            "past its deadline",
            [(call.json["type"], call.headers["webhook-id"], call.json["data"]["error"]["type"]) for call in calls],
            [("job.failed", late, "/problems/deadline-passed")],
        )
        requests.delete(server.url + fillers)

with Receiver({"/again": [(503, {"Retry-After": "10"}), 204]}) as receiver:
    with group("a process that is killed between two tries"):
        write(first)
        with serving("killed") as server:
            job = post(server, f"{receiver.url}/again").json()["id"]
            receiver.wait("/again")
            says(server, job, "tried again")
            server.signal(signal.SIGKILL)
            server.wait()
        with serving("killed") as server:
            calls = receiver.wait("/again", 2)
            equal("the next one delivers", [call.headers["webhook-id"] for call in calls], [job, job])
            equal("what the first one sent", len({call.body for call in calls}), 1)
            check("once", says(server, job, "delivered") and len(receiver.wait("/again", 3, 0.5)) == 2)

with Receiver() as receiver:
    with group("private networks"):
        with serving("private", hosts="*", private=False) as server:
            begun = [post(server, f"http://{host}:{receiver.port}/x") for host in ("localhost", "127.0.0.1", "[::1]")]
            for name, answer in zip(("localhost", "127.0.0.1", "::1"), begun):
                if answer.status_code == 202:
                    line = says(server, answer.json()["id"], "not sent")
                    contains(f"{name}: the log says why", line, "warning", "not allowed")
                else:
                    contains(f"{name}: refused at once", f"{answer.status_code} {answer.text}", "422", "callback")
            equal("there was no connection", receiver.connections, 0)
    with group("https alone"):
        with serving("https", "--callback-https-only") as server:
            contains("http is refused", post(server, f"{receiver.url}/x").text, "callback", "https")

if Certificates.available:
    with group("https"):
        certificates = Certificates(folder)
        good, stranger = certificates.make("good"), certificates.make("stranger", by="other")
        with (
            Receiver(certificate=good) as named,
            Receiver(certificate=good, host="127.0.0.2") as misnamed,
            Receiver(certificate=stranger) as unknown,
            serving("tls", "--callback-ca", certificates.pem("ca")) as server,
        ):
            post(server, f"{named.url}/address")
            post(server, f"https://localhost:{named.port}/name")
            equal("a certificate of --callback-ca, by address", len(named.wait("/address")), 1)
            equal("and by name", len(named.wait("/name")), 1)
            for why, other in (("another name", misnamed), ("another authority", unknown)):
                job = post(server, f"{other.url}/x").json()["id"]
                contains(f"{why} is refused, the log says why", says(server, job, "tried again"), "certificate")
                equal(f"{why} is told nothing", other.calls, [])
        with Receiver(certificate=good) as named, serving("untrusted") as server:
            job = post(server, f"{named.url}/x").json()["id"]
            contains("without --callback-ca nor", says(server, job, "tried again"), "certificate")
            equal("nothing was told", named.calls, [])
else:
    skip("https", "needs openssl")

with group("off"):
    with Server("--state", folder / "off") as server:
        answer = post(server, "https://hooks.example.com/")
        contains("by default", f"{answer.status_code} {answer.text}", "422", "callback", "off")
    for name, text in (
        ("no secret", "# none\n"),
        ("no prefix", first.removeprefix("whsec_") + "\n"),
        ("no Base64", first[:-4] + "!!!!\n"),
        ("too short", secret(16) + "\n"),
        ("too long", secret(65) + "\n"),
        ("twice the same", f"{first}\n{first}\n"),
        ("two on a line", f"{first} {second}\n"),
        ("too many", "\n".join(secret() for _ in range(9)) + "\n"),
        ("no text", b"\xff\xfe" + first.encode()),
    ):
        path = folder / "wrong.txt"
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        path.chmod(0o600)
        ran = run(
            "serve", "--port", "0", "--state", "memory", "--callback-hosts", "x.example", "--callback-secrets", path
        )
        equal(f"{name}: 78", ran.code, 78)
        equal(f"{name}: one line", len(ran.last.splitlines()), 1)
        contains(f"{name}: it names the file", ran.last, "wrong.txt")
        body = first.removeprefix("whsec_")
        check(f"{name}: nothing of the secret", body[:12] not in ran.err and body[:12] not in ran.out, ran.err)
    path.unlink()
    ran = run("serve", "--port", "0", "--callback-hosts", "x.example", "--callback-secrets", path)
    equal("no file: 66 in a line", (ran.code, len(ran.last.splitlines())), (66, 1))
    ran = run("serve", "--port", "0", "--callback-hosts", "x.example")
    contains("no file named", f"{ran.code} {ran.last}", "64", "--callback-secrets")
    for pattern in ("http://x.example", "x.*", "*.10.0.0.1", "x.example:0"):
        ran = run(
            "serve",
            "--port",
            "0",
            "--state",
            "memory",
            "--callback-secrets",
            write(first),
            "--callback-hosts",
            f"{pattern},",
        )
        check(f"--callback-hosts '{pattern}' is refused", ran.code == 64, f"{ran.code} {ran.last}")

with group("secrets are nowhere in the logs"):
    for name, key in (("first", first), ("second", second), ("third", third)):
        body = key.removeprefix("whsec_")
        traces = (body, body[:16], base64.b64decode(body).hex(), base64.b64decode(body)[:8].hex())
        check(f"the {name}", not any(trace in log for trace in traces for log in logs))
    check("there are logs to look at", len(logs) > 5 and all(" listening" in log for log in logs), shown(logs[0]))
    note(f"{sum(map(len, logs)) // 1000} kB of logs")
finish()
