"""From start to end: options, environment, config file, exit codes, signals under load."""

import collections
import json
import os
import pathlib
import shutil
import signal
import socket
import subprocess
import threading
import time

from support.harness import check, contains, equal, finish, group, need, note, scratch, shown, skip

need("lifecycle", "numpy", "requests")

import requests  # noqa: E402

from support import features, slow  # noqa: E402
from support.jobs import alike  # noqa: E402
from support.process import Server, free_port, run  # noqa: E402

folder = scratch()
body = features.npy(features.video(100))


def ends(name, code, *arguments, says=(), env=None):
    """A command that must end with that code and one line."""
    ran = run(*arguments, env=env, cwd=folder)
    check(f"{name}: exit {code}", ran.code == code, f"exit {ran.code}: {shown(ran.err)}")
    check(f"{name}: one line", ran.err.count("\n") == 1, shown(ran.err))
    contains(f"{name}: says why", ran.err, *says)


def config(**values):
    path = folder / "config.json"
    path.write_text(json.dumps(values))
    return path


with group("help and versions"):
    for command in ((), ("serve",), ("score",), ("import",), ("inspect",), ("help",)):
        ran = run(*command, "--help" if command != ("help",) else "serve")
        check(
            f"{' '.join(command) or 'vigil'} --help",
            ran.code == 0 and "USAGE" in ran.out and not ran.err,
            f"{ran.code} {ran.err}",
        )
    equal("--version", run("--version").code, 0)
with group("usage"):
    ends("an unknown option", 64, "serve", "--nonsense", says=["--nonsense"])
    ends("an unknown command", 64, "destroy", says=["destroy"])
    ends("a port that is no number", 64, "serve", "--port", "x", says=["port"])
    ends("a port too high", 64, "serve", "--port", "65536", says=["port", "65535"])
    ends("no workers", 64, "serve", "--workers", "0", says=["workers"])
    ends("an option without its value", 64, "serve", "--port", says=["port"])
    ends("no file to score", 64, "score", says=["files"])
    ends("no output", 64, "import", "x.pth", says=["output"])
    ends("an unknown preset", 64, "import", "x.pth", "--output", "y", "--preset", "z", says=["preset", "ucf-crime"])
    ends("an unknown log level", 64, "serve", "--log-level", "loud", says=["log-level"])
    ends("unknown kernels", 64, "serve", "--kernels", "mmx", says=["mmx"])
    ends("a bad threshold", 64, "score", "x.npy", "--threshold", "2", says=["threshold"])
    (folder / "x.npy").write_bytes(body)
    ends("a bad width", 64, "inspect", "x.npy", "--width", "0", says=["width"])
with group("files"):
    for command in (
        ("score", "absent.npy"),
        ("inspect", "absent.npy"),
        ("import", "absent.pth", "--output", "y"),
        ("serve", "--model", "absent"),
        ("score", "x.npy", "--model", "absent"),
    ):
        ends(f"{' '.join(command)}", 66, *command, says=["absent"])
    (folder / "secret").write_bytes(b"x")
    (folder / "secret").chmod(0)
    if os.geteuid() != 0:
        ends("a file that may not be read", 66, "inspect", "secret", says=["secret"])
with group("configuration"):
    with Server(env={"VIGIL_MAX_QUEUED": "7"}) as server:
        check("the environment is taken", server.alive())
    port = free_port()
    for name, options, env in (
        ("VIGIL_PORT", [], {"VIGIL_PORT": str(port)}),
        ("--config", ["--config", config(port=port)], {}),
        ("VIGIL_CONFIG", [], {"VIGIL_CONFIG": str(config(port=port))}),
    ):
        started = subprocess.Popen(
            [os.environ["VIGIL"], "serve", *map(str, options)],
            env={"PATH": "/bin", "VIGIL_STATE": "memory"} | env,
            stderr=subprocess.DEVNULL,
        )
        end = time.monotonic() + 60
        status = None
        while status is None and time.monotonic() < end:
            try:
                status = requests.get(f"http://127.0.0.1:{port}/livez", timeout=60).status_code
            except requests.ConnectionError:
                time.sleep(0.02)
        equal(name, status, 200)
        started.send_signal(signal.SIGTERM)
        equal(f"{name}: SIGTERM", started.wait(60), 0)
    with Server(env={"VIGIL_PORT": "1"}) as server:
        check("the command line comes before the environment", server.port != 1)
    with Server("--max-body", "1", "--config", config(**{"max-body": 2})) as server:
        answer = requests.post(server.url + "/score", data=bytes((1 << 20) + 1), timeout=60)
        equal("and before the file", answer.status_code, 413)
    with Server("--config", config(**{"max-body": 2}), env={"VIGIL_MAX_BODY": "1"}) as server:
        answer = requests.post(server.url + "/score", data=bytes((1 << 20) + 1), timeout=60)
        equal("the environment before the file", answer.status_code, 413)
    ends("a text for VIGIL_PORT", 78, "serve", env={"VIGIL_PORT": "http"}, says=["port"])
    ends("a number too high in VIGIL_PORT", 78, "serve", env={"VIGIL_PORT": "70000"}, says=["port"])
    ends("nothing in VIGIL_WORKERS", 78, "serve", "--port", "0", env={"VIGIL_WORKERS": "many"}, says=["workers"])
    ends("unknown VIGIL_KERNELS", 78, "serve", "--port", "0", env={"VIGIL_KERNELS": "mmx"}, says=["mmx"])
    ends("unknown VIGIL_LOG_LEVEL", 78, "serve", "--port", "0", env={"VIGIL_LOG_LEVEL": "loud"}, says=["VIGIL_LOG_LEVEL", "'loud'"])
    ends("a text for port in the file", 78, "serve", "--config", config(port="http"), says=["port"])
    ends("a fraction for port in the file", 78, "serve", "--config", config(port=80.5), says=["port"])
    ends("a list for port in the file", 78, "serve", "--config", config(port=[80]), says=["port"])
    ends("a number for host in the file", 78, "serve", "--config", config(host=5, port=0), says=["host"])
    ends("an absent config file", 66, "serve", "--config", "absent.json", says=["absent.json"])
    (folder / "bad.json").write_text("{port: 80")
    ends("a config file that is no JSON", 78, "serve", "--config", "bad.json", says=["bad.json"])
    ends("a host that is no address", 64, "serve", "--host", "not an address", "--port", "0", says=["not an address"])
    ends("an address of another machine", 78, "serve", "--host", "192.0.2.1", "--port", "0", says=["192.0.2.1"])
    with Server() as server:
        ends("a port in use", 78, "serve", "--port", str(server.port), says=[str(server.port), "use"])


# Time for some thousand jobs on a machine that has much else to do.
GRACE = 300
HOLDS = alike(60_000)


def end_under_load(number, name):
    """Twenty clients submit until the service goes; whatever it accepted must end."""
    with Server("--workers", "1", "--grace", str(GRACE), *slow.beside(), state="memory") as server:
        accepted, waited, faults, stop = [], [], [], threading.Event()

        def client(waits):
            with requests.Session() as session:
                while not stop.is_set():
                    try:
                        headers = {"Prefer": "wait=20"} if waits else {}
                        answer = session.post(server.url + "/score", data=body, headers=headers, timeout=300)
                    except requests.ConnectionError:
                        # Refused before anything was answered: nothing was accepted.
                        return
                    if answer.status_code == 200:
                        waited.append(answer.json()["status"])
                    elif answer.status_code == 202:
                        accepted.append(answer.json()["id"])
                    elif answer.status_code not in (429, 503):
                        faults.append(answer.status_code)
                    else:
                        # As it says in Retry-After, though sooner: twenty that ask on and on take what the jobs need.
                        stop.wait(0.25)

        # The service does not go before this one ends, which it does once enough has been seen.
        held = requests.post(server.url + "/score?model=slow", data=HOLDS, timeout=60).json()["id"]
        # A job that is running when the signal comes, and one who waits for its end.
        long = requests.post(server.url + "/score?model=slow", data=alike(10_000), timeout=60).json()
        threads = [threading.Thread(target=client, args=(one % 2 == 0,)) for one in range(20)]
        for thread in threads:
            thread.start()
        end = time.monotonic() + 60
        while len(accepted) < 100 and time.monotonic() < end:
            time.sleep(0.01)
        waited_for, answers = server.asked(f"/jobs/{long['id']}?wait={GRACE}"), {}

        def read():
            waited_for.begin()
            answers.update(json.load(waited_for))

        waiter = threading.Thread(target=read)
        waiter.start()
        server.signal(number)
        begun = time.monotonic()
        # A signal takes its time to be taken on a busy machine: the server drains from its first 503 of /readyz on.
        seen, before = {"ready": [], "live": [], "score": [], "closed": []}, []
        while server.alive() and time.monotonic() - begun < GRACE + 5:
            if len(seen["score"]) == 5:
                requests.delete(f"{server.url}/jobs/{held}", timeout=60)
            for key, method, path in (
                ("ready", "GET", "/readyz"),
                ("live", "GET", "/livez"),
                ("score", "POST", "/score"),
            ):
                try:
                    answer = requests.request(
                        method, server.url + path, data=body if method == "POST" else None, timeout=60
                    )
                    if seen["ready"] or key == "ready" and answer.status_code != 200:
                        seen[key].append(answer.status_code)
                        seen["closed"].append(answer.headers.get("Connection", ""))
                    else:
                        before.append(answer.status_code)
                except requests.RequestException as error:
                    if server.alive():
                        seen[key].append("refused")
            time.sleep(0.01)
        stop.set()
        code, took = server.wait(), time.monotonic() - begun
        for thread in [*threads, waiter]:
            thread.join(300)
        note(
            f"{name}: ended after {took:.2f} s; {len(accepted)} accepted, {len(waited)} waited for; "
            f"while draining { {key: dict(collections.Counter(some)) for key, some in seen.items()} }"
        )
        equal(f"{name}: exit", code, 0)
        check(f"{name}: within the grace period", took < GRACE, f"{took:.1f} s")
        equal(f"{name}: no other status", faults, [])
        check(f"{name}: it drained before its end", seen["ready"][:1] == [503], shown(before))
        equal(f"{name}: who waited got the end", set(waited), {"succeeded"})
        equal(f"{name}: the running job's end reached who waited for it", answers.get("status"), "succeeded")
        check(f"{name}: nothing is reported lost", "lost" not in server.text(), shown(server.text()[-300:]))
        return seen


with group("SIGTERM under load"):
    seen = end_under_load(signal.SIGTERM, "SIGTERM")
    for key, path, status in (("ready", "/readyz", 503), ("live", "/livez", 200), ("score", "/score", 503)):
        # The listener goes last: whoever was refused once is never answered again.
        answered = [one for one in seen[key] if one != "refused"]
        check(
            f"while draining {path} is {status}",
            set(answered) == {status} and seen[key][: len(answered)] == answered,
            shown(seen[key]),
        )
    equal("while draining answers say close", set(seen["closed"]), {"close"})
with group("SIGINT"):
    end_under_load(signal.SIGINT, "SIGINT")
with group("an idle end"):
    with Server("--grace", GRACE) as server:
        kept = socket.create_connection((server.host, server.port))
        kept.sendall(b"GET /livez HTTP/1.1\r\nHost: localhost\r\n\r\n")
        kept.recv(65536)
        silent = socket.create_connection((server.host, server.port))
        begun = time.monotonic()
        server.signal(signal.SIGTERM)
        code = server.wait()
        took = time.monotonic() - begun
        check("idle connections do not hold it up", code == 0 and took < 60, f"exit {code} after {took:.1f} s")
    with Server("--grace", GRACE) as server:
        half = socket.create_connection((server.host, server.port))
        half.sendall(b"POST /score HTTP/1.1\r\nHo")
        server.has_read(half)
        begun = time.monotonic()
        server.signal(signal.SIGTERM)
        code = server.wait()
        took = time.monotonic() - begun
        check("nor does a head that never ends, for long", code == 0 and took < 60, f"exit {code} after {took:.1f} s")
with group("SIGHUP"):
    # Whoever runs this may have it ignored, which programs inherit.
    signal.signal(signal.SIGHUP, signal.SIG_DFL)
    with Server() as server:
        for _ in range(3):
            server.signal(signal.SIGHUP)
            time.sleep(0.05)
        end = time.monotonic() + 60
        while "SIGHUP" not in server.text() and time.monotonic() < end:
            time.sleep(0.05)
        equal("it goes on", requests.get(server.url + "/livez", timeout=60).status_code, 200)
        contains("and says that there is nothing to read", server.text(), "SIGHUP changes nothing")
        equal("it ends as ever", server.stop(), 0)
    library = scratch() / "early.so"
    build = ["cc", "-shared", "-fPIC", "-O1", "-o", library, pathlib.Path(__file__).parents[1] / "support/early.c"]
    if shutil.which("cc") and subprocess.run(build, capture_output=True).returncode == 0:
        with Server(env={"LD_PRELOAD": str(library)}) as server:
            equal("one that is still being loaded goes on", requests.get(server.url + "/livez", timeout=60).status_code, 200)
        equal("but no other command", run("version", env={"LD_PRELOAD": str(library)}).code, -signal.SIGHUP)
    else:
        skip("signals that come while a server is loaded", "needs a C compiler")
with group("a grace period that is too short"):
    with Server("--workers", "1", "--grace", "1", state="memory", **slow.only()) as server:
        for _ in range(3):
            requests.post(server.url + "/score", data=HOLDS, timeout=60)
        begun = time.monotonic()
        server.signal(signal.SIGTERM)
        code = server.wait()
        took = time.monotonic() - begun
        check("it ends in time all the same", took < 60, f"exit {code} after {took:.1f} s")
        contains("and says what was lost", server.text(), "lost")
finish()
