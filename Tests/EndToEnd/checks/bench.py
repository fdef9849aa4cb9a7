"""vigil bench: what it counts adds up, and what it can't do it says. Nothing here is about speed."""

import hashlib
import json
import signal
import socket
import subprocess
import threading
import time
import urllib.request

from support.certificates import Certificates
from support.harness import VIGIL, check, contains, equal, finish, group, scratch, skip
from support.process import Server, environment, run

LATENCIES = ["p50", "p75", "p90", "p99", "p99.9", "max", "mean"]


def bench(*arguments, seconds=0.5):
    return run("bench", "serve", "--seconds", seconds, "--warmup", 0.1, *arguments, timeout=240 + seconds)


def patient(*arguments):
    """A run that had an answer: on a busy machine the first may take longer than the phase, so the phase grows."""
    for seconds in [0.5, 2, 8, 32]:
        ran = bench(*arguments, seconds=seconds)
        if "none of 0 requests" not in ran.last:
            break
    return ran


def report(name, ran):
    """The JSON of a run that should have ended well."""
    equal(f"{name}: exit code", (ran.code, ran.last), (0, ""))
    return json.loads(ran.out)


def consistent(name, phase, snippets):
    equal(f"{name}: snippets", phase["snippets"], snippets)
    errors = phase["errors"]
    check(f"{name}: something was answered", phase["answered"] > 0, str(phase))
    equal(f"{name}: answers and errors are all requests", phase["answered"] + errors["total"], phase["requests"])
    parts = sum(errors["statuses"].values()) + errors["failed_jobs"] + errors["broken_connections"]
    equal(f"{name}: errors are what they are made of", parts, errors["total"])
    check(f"{name}: 429 and 503 are always told", {"429", "503"} <= errors["statuses"].keys(), str(errors))
    found = [phase["latency_ms"][key] for key in LATENCIES]
    check(f"{name}: percentiles rise to the largest", found[:6] == sorted(found[:6]) and found[0] > 0, str(found))
    check(f"{name}: the mean is none beyond the largest", 0 < found[6] <= found[5] * 1.001, str(found))
    if snippets:
        ratio = phase["snippets_per_second"] / max(1e-9, phase["requests_per_second"])
        check(f"{name}: snippets a second follow from requests a second", abs(ratio - snippets) < 1e-6, str(ratio))


def busy(server, before):
    """Waits for somebody new to be connected."""
    end = time.monotonic() + 60
    while not server.peers() - before and time.monotonic() < end:
        time.sleep(0.02)


def answered_more(server):
    """Waits until requests that began later than now have been answered."""
    def answered():
        text = urllib.request.urlopen(f"{server.url}/metrics", timeout=60).read().decode()
        lines = [line for line in text.splitlines() if line.startswith("vigil_jobs_ended_total")]
        check("the metrics count jobs", lines)
        return sum(float(line.split()[-1]) for line in lines)

    enough = answered() + 20
    while answered() < enough:
        time.sleep(0.05)


def refused(name, *arguments, parts, code=64):
    ran = run("bench", "serve", *arguments)
    equal(f"{name}: exit code", ran.code, code)
    contains(f"{name}: words", ran.last, *parts)
    equal(f"{name}: one line, and nothing on standard output", (len(ran.last.splitlines()), ran.out), (1, ""))


with Server() as server:
    with group("closed loop"):
        found = report("closed", patient(server.url, "--json", "--lengths", 16, 40, "--clients", 3))
        equal("closed: two phases", len(found["phases"]), 2)
        for phase, snippets in zip(found["phases"], [16, 40]):
            consistent(f"closed, {snippets} snippets", phase, snippets)
            nothing = (phase["schedule"], phase["http_share"])
            equal(f"closed, {snippets} snippets: neither schedule nor share", nothing, (None, None))
        driven = [found[key] for key in ("loop", "rate", "clients", "target", "own_server", "answers")]
        equal("closed: what was driven", driven, ["closed", None, 3, "score", False, "npy"])
        body = 16 * 64 * 4
        sent = found["phases"][0]["bytes_sent"] / found["phases"][0]["requests"]
        check("closed: bytes are those of features and a head", body + 128 < sent < body + 1024, str(sent))
    with group("answers as JSON"):
        found = report("json", patient(server.url, "--json", "--lengths", 16, "--answers", "json"))
        consistent("json", found["phases"][0], 16)
    with group("open loop"):
        found = report("open", patient(server.url, "--json", "--lengths", 16, "--rate", 80))
        phase = found["phases"][0]
        consistent("open", phase, 16)
        due = phase["schedule"]["due"]
        equal("open: requests that were due", due, 80 * found["seconds"])
        equal("open: each was sent or is told as unsent", phase["requests"] + phase["schedule"]["unsent"], due)
    with group("a rate that can't be held"):
        found = report("too fast", patient(server.url, "--json", "--lengths", 600, "--rate", 100_000, "--clients", 1))
        phase = found["phases"][0]
        schedule = phase["schedule"]
        equal("too fast: is said", schedule["held"], False)
        equal("too fast: each is accounted for", phase["requests"] + schedule["unsent"], schedule["due"])
        check("too fast: it fell behind", 0 < schedule["behind_ms"], str(schedule))
        text = patient(server.url, "--lengths", 600, "--rate", 100_000, "--clients", 1)
        contains("too fast: in words", text.out, "the rate was not held", "behind the schedule")
    with group("livez"):
        found = report("livez", patient(server.url, "--json", "--target", "livez"))
        consistent("livez", found["phases"][0], None)
        equal("livez: no model", (found["model"], found["target"]), (None, "livez"))
    with group("distribution"):
        path = scratch() / "latencies.hgrm"
        found = report("hdr", patient(server.url, "--json", "--lengths", 16, "--hdr", path))
        text = path.read_text()
        contains("hdr: HdrHistogram's text form", text, "Value", "Percentile", "TotalCount", "#[Mean")
        last = [line.split() for line in text.splitlines() if line.strip() and line.split()[0][0].isdigit()][-1]
        equal("hdr: all latencies are in it", int(last[2]), found["phases"][0]["answered"])
    with group("a server that refuses"):
        with Server("--max-body", 1) as small:
            ran = patient(small.url, "--json", "--lengths", 6000)
            equal("413: exit code", ran.code, 70)
            contains("413: words", ran.last, "none of", "413 x", small.url)
            phase = json.loads(ran.out)["phases"][0]
            equal("413: counted", phase["errors"]["statuses"].get("413"), phase["requests"])
            equal("413: no latencies", phase["latency_ms"], None)
    with group("interrupt"):
        before = server.peers()
        child = subprocess.Popen(
            [VIGIL, "bench", "serve", server.url, "--json", "--lengths", "16", "--seconds", "600", "--warmup", "0.1"],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env=environment(),
        )
        busy(server, before)
        time.sleep(1)
        answered_more(server)
        child.send_signal(signal.SIGINT)
        out, err = child.communicate(timeout=60)
        equal("interrupt: exit code", (child.returncode, err), (130, b""))
        phase = json.loads(out)["phases"][0]
        consistent("interrupt", phase, 16)
        check("interrupt: the time that was measured is told", 0 < phase["measured_seconds"] < 300, str(phase))

with group("a server that goes away"):
    server = Server()


    def kill():
        busy(server, set())
        time.sleep(1)
        server.child.kill()

    threading.Thread(target=kill).start()
    ran = run("bench", "serve", server.url, "--lengths", 16, "--seconds", 300, timeout=240)
    server.wait()
    equal("gone: exit code", ran.code, 70)
    contains("gone: words", ran.last, server.url, "refused")
    equal("gone: one line", len(ran.last.splitlines()), 1)

with group("own server"):
    found = report("own", patient("--json", "--lengths", 16, "--workers", 1))
    phase = found["phases"][0]
    consistent("own", phase, 16)
    equal("own: what it is", [found["own_server"], found["workers"], found["model"]], [True, 1, "synthetic"])
    share = phase["http_share"]
    check("own: HTTP's share is a part of a request's time", share["share"] < 1 and share["pairs"] >= 5, str(share))
    part = share["difference_ms"] / share["request_ms"]
    check("own: the share follows from its parts", abs(part - share["share"]) < 1e-9, str(share))
    text = patient("--lengths", 16)
    contains("own: the table", text.out, "requests/s", "p99.9", "16 snippets", "HTTP's own share")

with group("nobody there"):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{free.getsockname()[1]}"
        refused("nobody there", url, parts=[url, "no connection", "refused"], code=66)
    with socket.create_server(("127.0.0.1", 0)) as other:

        def talk():
            connection, _ = other.accept()
            connection.recv(4096)
            connection.sendall(b"SSH-2.0-Other\r\n")
            connection.close()

        threading.Thread(target=talk, daemon=True).start()
        url = f"http://127.0.0.1:{other.getsockname()[1]}"
        refused("no HTTP", url, parts=[url, "not HTTP/1.1", "SSH-2.0"], code=65)
    refused("no such host", "http://host.invalid:80", parts=["host.invalid", "not known"], code=66)

with group("a server with keys"):
    folder = scratch()
    keys, key, wrong = folder / "keys.txt", folder / "key.txt", folder / "wrong.txt"
    secret = "0123456789abcdef" * 4
    keys.write_text(f"alice:{hashlib.sha256(secret.encode()).hexdigest()}\n")
    key.write_text(secret + "\n")
    wrong.write_text("another\n")
    with Server("--api-keys", keys) as server:
        refused("no key", server.url, parts=[server.url, "401", "--key-file"], code=65)
        ran = run("bench", "serve", server.url, "--key-file", wrong)
        contains("a wrong key", ran.last, "401", "--key-file", str(wrong))
        check("is not written", "another" not in ran.err, ran.err)
        found = report("with a key", patient(server.url, "--json", "--lengths", 16, "--key-file", key))
        check("answers", found["phases"][0]["answered"] > 0 and found["phases"][0]["errors"]["total"] == 0, found)
    for name, text, *says in (
        ("none", None, "no such file"), ("an empty one", "", "empty"), ("two lines", "a\nb\n", "one line"),
        ("blanks", "a b\n", "one line"),
    ):
        path = folder / "x.txt"
        path.unlink(missing_ok=True)
        if text is not None:
            path.write_text(text)
        refused(f"a key file: {name}", "http://127.0.0.1:9", "--key-file", path, parts=["--key-file", str(path), *says], code=78 if text is not None else 66)
    with Server("--allowed-hosts", "vigil.example") as server:
        refused("a server that does not go by this name", server.url.replace("127.0.0.1", "127.1"), parts=["403"], code=65)

if Certificates.available:
    with group("a server that asks for a client's certificate"):
        certificates = Certificates(scratch())
        certificate, key = certificates.make("server")
        for name, by in (("camera", "ca"), ("stranger", "other")):
            certificates.make(name, by=by)
        tls = ["--tls-cert", certificate, "--tls-key", key, "--tls-client-ca", certificates.pem("ca")]
        with Server(*tls) as server:
            url, ca = server.url.replace("http:", "https:"), ["--ca", certificates.pem("ca")]
            camera = ["--cert", certificates.pem("camera"), "--key", certificates.key("camera")]
            stranger = ["--cert", certificates.pem("stranger"), "--key", certificates.key("stranger")]
            found = report("its own", patient(url, "--json", "--lengths", 16, *ca, *camera))
            check("answers", found["phases"][0]["answered"] > 0, found)
            refused("none", url, *ca, parts=[url, "alert", "certificate required", "--cert"], code=65)
            refused("a stranger's", url, *ca, *stranger, parts=[url, "alert", "unknown ca", "--cert"], code=65)
            refused("a server that nobody vouches for", url, *camera, parts=["no authority", "--ca"], code=65)
            refused("no key", url, *ca, *camera[:2], parts=["--cert needs", "--key"])
            refused("no certificate", url, *ca, *camera[2:], parts=["--key needs", "--cert"])
            refused("without TLS", "http://localhost", *camera, parts=["--cert", "https://"])
            mixed = [*camera[:2], "--key", certificates.key("stranger")]
            refused("another's key", url, *ca, *mixed, parts=["is not the private key"], code=78)
else:
    skip("a server that asks for a client's certificate", "needs openssl")

with group("wrong options"):
    url = "http://127.0.0.1:9"
    refused("no URL", "localhost:80", parts=["localhost:80", "expected http://HOST:PORT"])
    refused("another scheme", "ftp://localhost", parts=["ftp://localhost", "https://HOST:PORT"])
    refused("authorities without TLS", "http://localhost", "--ca", path, parts=["--ca", "https://"])
    refused("a path", "http://localhost/score", parts=["host and port"])
    refused("lengths", "--lengths", 0, parts=["--lengths", "1 to 60000"])
    refused("clients", "--clients", 0, parts=["--clients 0", "1 to 4096"])
    refused("rate", "--rate", 0, parts=["--rate 0", "0.01"])
    refused("rate that is no number", "--rate", "nan", parts=["--rate nan", "0.01"])
    for option in ("--rate", "--seconds", "--warmup"):
        for text in ("1e-400", "1e400", "0x10", "x"):
            refused(f"{option} {text}", option, text, parts=[f"{option} {text}", "expected"])
    refused("a key for its own server", "--key-file", "/dev/null", parts=["--key-file", "URL"])
    refused("seconds", "--seconds", 0, parts=["--seconds 0", "0.1"])
    refused("warmup", "--warmup", 1e9, parts=["--warmup", "3600"])
    refused("workers", "--workers", 0, parts=["--workers", "'0'", "1 to 1024"])
    refused("target", "--target", "jobs", parts=["--target", "livez"])
    refused("model of another server", url, "--model", "x", parts=["--model", "no URL"])
    refused("workers of another server", url, "--workers", 2, parts=["--workers", "no URL"])
    refused("lengths of nothing", "--target", "livez", "--lengths", 5, parts=["--lengths", "--target score"])
    refused("several distributions", "--hdr", "x", "--lengths", 5, 6, parts=["--hdr", "--lengths"])
    refused("no such model", "--model", "/nowhere", parts=["/nowhere"], code=66)
finish()
