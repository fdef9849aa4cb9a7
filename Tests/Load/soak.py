"""The verdict of soak.sh: runs the traffic in two halves, lets the servers come to rest after each, and compares."""

import os
import pathlib
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time

from soak_traffic import RESULT_SECONDS, Traffic

VIGIL = os.environ["VIGIL"]
SECONDS = float(os.environ.get("MINUTES", "15")) * 60
# Results go soon, so that the store's size at rest says nothing about how much was scored.
OPTIONS = ["--result-ttl", str(RESULT_SECONDS), "--workers", "1"]
# The store opens four connections for readers when they are first needed, of two descriptors each, and keeps them.
READERS = 8
REST_SECONDS = 60
# The pools may wake one thread more to look at the clock, and the store looks each second for what has expired: its
# writer and its readers have a thread of the pool each then. What leaks grows by far more under this traffic.
SPARE_THREADS = 6


class Server:
    """A vigil serve on a free port."""

    def __init__(self, folder, name, *options):
        self.name = name
        self.is_tls = bool(options)
        self.log = open(folder / f"{name}.log", "w+b")
        command = [VIGIL, "serve", "--port", "0", *OPTIONS, *options]
        environment = {key: value for key, value in os.environ.items() if not key.startswith("VIGIL")}
        environment["VIGIL_STATE"] = str(folder / f"{name}-state")
        self.child = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=self.log, stderr=self.log, env=environment
        )
        until = time.monotonic() + 60
        while not (found := re.search(r"url=https?://[^ ]+:(\d+)", self.text())):
            if self.child.poll() is not None or time.monotonic() > until:
                sys.exit(f"the server does not listen: {self.text()}")
            time.sleep(0.05)
        self.port = int(found[1])

    def text(self):
        self.log.seek(0)
        return self.log.read().decode(errors="replace")

    def state(self):
        """Resident MiB, descriptors and threads of the process."""
        process = pathlib.Path(f"/proc/{self.child.pid}")
        status = (process / "status").read_text()
        field = {name: int(value) for name, value in re.findall(r"(VmRSS|Threads):\s*(\d+)", status)}
        return field["VmRSS"] / 1024, len(list((process / "fd").iterdir())), field["Threads"]

    def begin(self):
        """The state before any traffic, once what opens with the first timer and the first signal is open."""
        states = []
        while len(states) < 5 or len({descriptors for _, descriptors, _ in states[-5:]}) > 1:
            if len(states) == 2 * REST_SECONDS:
                sys.exit(f"FAIL {self.name}: descriptors come and go without any traffic")
            time.sleep(0.5)
            states.append(self.state())
        return states[-1]

    def rest(self, *earlier):
        """The state once the connections are gone, the results forgotten and the pools' threads ended.

        The threads of Dispatch and Swift end when they have been idle for some seconds, each in its own time, and on
        a busy machine that takes longer; what never ends is still there when the time is up.
        """
        descriptors = earlier[0][1] + READERS
        threads = max(state[2] for state in earlier) + SPARE_THREADS
        until = time.monotonic() + REST_SECONDS
        while time.monotonic() < until and self.state()[1] > descriptors:
            time.sleep(0.5)
        time.sleep(RESULT_SECONDS + 2)
        if SECONDS >= 300:
            # A server at rest gives memory back once a minute.
            time.sleep(60)
        while time.monotonic() < until and self.state()[2] > threads:
            time.sleep(0.5)
        states = [self.state() for _ in range(5) if time.sleep(0.2) is None]
        return tuple(min(values) for values in zip(*states))

    def stop(self):
        self.child.send_signal(signal.SIGTERM)
        return self.child.wait(40)


def servers(folder):
    plain = Server(folder, "plain")
    help_text = subprocess.run([VIGIL, "serve", "--help"], capture_output=True, text=True, check=True).stdout
    if "--tls-cert" not in help_text or not shutil.which("openssl"):
        print("without TLS: this binary or this machine has none")
        return [plain]
    key, certificate = folder / "key.pem", folder / "certificate.pem"
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2"]
        + ["-subj", "/CN=localhost", "-addext", "subjectAltName=IP:127.0.0.1"]
        + ["-keyout", str(key), "-out", str(certificate)],
        check=True,
        capture_output=True,
    )
    return [plain, Server(folder, "tls", "--tls-cert", str(certificate), "--tls-key", str(key))]


def compare(server, first, middle, end, most):
    """Prints the states at rest; true where the end is as the middle."""
    print(f"{server.name:>8} {'MiB':>8} {'descriptors':>12} {'threads':>8}")
    for name, state in (("start", first), ("middle", middle), ("end", end), ("most", most)):
        print(f"{name:>8} {state[0]:8.1f} {state[1]:12} {state[2]:8}")
    faults = []
    # The allocator keeps what a burst took, about 64 KiB for each connection that had sent a body, and in a short run
    # the largest burst may come in either half.
    allowed = max(8 if SECONDS >= 300 else 64, middle[0] / 10)
    if end[0] > middle[0] + allowed:
        faults.append("memory grows")
    if end[1] > first[1] + READERS:
        faults.append("descriptors are left")
    # How many threads the pools keep at rest is chance, between none and as many as the traffic had them make, so the
    # middle may have fewer than the start; what leaks has more at the end than at either.
    if end[2] > max(first[2], middle[2]) + SPARE_THREADS:
        faults.append("threads are left")
    for fault in faults:
        print(f"FAIL {server.name}: {fault}")
    return not faults


def main():
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        running = servers(folder)
        first = {server.name: server.begin() for server in running}
        most = dict(first)
        traffic = Traffic(running)
        rests = []
        for half in range(2):
            traffic.start()
            until = time.monotonic() + SECONDS / 2
            while time.monotonic() < until:
                time.sleep(0.5)
                for server in running:
                    if server.child.poll() is not None:
                        sys.exit(f"FAIL {server.name} ended with {server.child.returncode}: {server.text()[-2000:]}")
                    most[server.name] = tuple(map(max, most[server.name], server.state()))
            traffic.stop()
            before = [first, *rests]
            rests.append({server.name: server.rest(*(states[server.name] for states in before)) for server in running})
        good = traffic.report()
        for server in running:
            at = (rests[0][server.name], rests[1][server.name], most[server.name])
            good &= compare(server, first[server.name], *at)
            code = server.stop()
            if code != 0:
                print(f"FAIL {server.name} ended with {code}: {server.text()[-2000:]}")
                good = False
    print("soak passed" if good else "soak FAILED")
    sys.exit(0 if good else 1)


main()
