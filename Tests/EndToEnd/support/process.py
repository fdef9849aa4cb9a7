"""Runs vigil: commands to their end, servers for as long as a check needs them."""

import contextlib
import dataclasses
import http.client
import os
import random
import re
import shutil
import signal
import socket
import subprocess
import tempfile
import threading
import time

from support.harness import VIGIL


# Where a server's jobs are unless a check says: a folder made for it.
OWN = object()


@dataclasses.dataclass
class Run:
    """What a command did. `code` is negative for a signal, None where it had to be killed."""

    code: int
    out: str
    err: str
    seconds: float
    cpu: float
    rss: float
    own: float

    @property
    def last(self):
        """The errors, as one text, without the log lines that serve may write before."""
        return self.err.strip()


def environment(extra=None):
    """The environment without settings of ours; jobs are in memory where nobody names a place for them."""
    clean = {name: value for name, value in os.environ.items() if not name.startswith("VIGIL")}
    return clean | {"VIGIL_STATE": "memory"} | (extra or {})


def free_port():
    """A port that is free and stays so: the system gives none below its own range to whoever connects somewhere."""
    with open("/proc/sys/net/ipv4/ip_local_port_range") as file:
        least = int(file.read().split()[0])
    for port in random.sample(range(10_000, max(least, 12_000)), 100):
        with contextlib.suppress(OSError), socket.socket() as one:
            one.bind(("127.0.0.1", port))
            return port
    raise RuntimeError("no port is free")


def run(*arguments, timeout=240, env=None, cwd=None, stdin=subprocess.DEVNULL):
    """Runs `vigil ARGUMENTS`; `rss` is the child's largest resident set in MiB, `own` what of it is no mapped file."""
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
        begun = time.monotonic()
        child = subprocess.Popen(
            [VIGIL, *map(str, arguments)],
            stdin=stdin,
            stdout=out,
            stderr=err,
            env=environment(env),
            cwd=cwd,
        )
        killed = threading.Event()
        timer = threading.Timer(timeout, lambda: (killed.set(), child.kill()))
        timer.start()
        sampler = Sampler(child.pid)
        _, status, usage = os.wait4(child.pid, 0)
        child.returncode = os.waitstatus_to_exitcode(status)
        timer.cancel()
        seconds = time.monotonic() - begun
        # The system counts this script's memory as the child's, up to the moment when it becomes vigil.
        rss = usage.ru_maxrss / 1024
        if rss < memory(os.getpid())["VmHWM"] + 8:
            rss = sampler.most
        out.seek(0), err.seek(0)
        return Run(
            None if killed.is_set() else child.returncode,
            out.read().decode(errors="replace"),
            err.read().decode(errors="replace"),
            seconds,
            usage.ru_utime + usage.ru_stime,
            rss,
            sampler.own,
        )


class Sampler:
    """Watches a process's memory until it is gone: the most in all, and the most that is no mapped file."""

    def __init__(self, process):
        self.most = self.own = 0
        threading.Thread(target=self.watch, args=(process,), daemon=True).start()

    def watch(self, process):
        while found := memory(process):
            self.most, self.own = max(self.most, found["VmHWM"]), max(self.own, found["RssAnon"])
            time.sleep(0.005)


def memory(process):
    """A process's memory in MiB; nothing once it has ended."""
    try:
        with open(f"/proc/{process}/status") as file:
            return {name: int(size) / 1024 for name, size in re.findall(r"(VmHWM|RssAnon):\s*(\d+)", file.read())}
    except OSError:
        return {}


class Ended(RuntimeError):
    """A server that ended where it was to listen: its exit code, and what it said."""

    def __init__(self, code, said):
        super().__init__(f"serve ended with {code}: {said}")
        self.code, self.said = code, said


class Server:
    """A running service; its port is a free one, and its state folder one of its own that goes with it.

    `state` is the folder of jobs that outlast this server, `memory`, or nothing named at all where it is None. `program` is another
    build than the one that is checked.
    """

    def __init__(self, *options, model=None, env=None, port=0, state=OWN, program=None):
        self.log = tempfile.NamedTemporaryFile(mode="w+b", suffix=".log")
        self.own = tempfile.mkdtemp(prefix="state-") if state is OWN else None
        place = [] if "--listen" in options else ["--port", str(port)]
        arguments = ["serve", *place, *map(str, options)]
        if model:
            arguments += ["--model", str(model)]
        settings = environment(env)
        del settings["VIGIL_STATE"]
        if (place := self.own or state) is not None:
            settings["VIGIL_STATE"] = str(place)
        self.begun = time.monotonic()
        self.child = subprocess.Popen(
            [program or VIGIL, *arguments], stdin=subprocess.DEVNULL, stdout=self.log, stderr=self.log, env=settings
        )
        try:
            self.port = self._wait()
        except RuntimeError:
            self._forget()
            raise
        self.host = "127.0.0.1"
        self.url = f"http://127.0.0.1:{self.port}"

    def _wait(self):
        until = time.monotonic() + 120
        while time.monotonic() < until:
            if found := re.search(r"url(?:=|\":\")https?://[^ \"]+:(\d+)", self.text()):
                return int(found[1])
            if self.child.poll() is not None:
                raise Ended(self.child.returncode, self.text())
            time.sleep(0.005)
        self.child.kill()
        raise RuntimeError(f"serve does not listen: {self.text()}")

    def text(self):
        with open(self.log.name, errors="replace") as file:
            return file.read()

    def alive(self):
        return self.child.poll() is None

    def status(self):
        with open(f"/proc/{self.child.pid}/status") as file:
            return dict(line.rstrip().split(":", 1) for line in file if ":" in line)

    def rss(self):
        """Resident memory that is the process's own, in MiB; mapped files are the system's cache."""
        return memory(self.child.pid)["RssAnon"]

    def threads(self):
        return int(self.status()["Threads"])

    def descriptors(self):
        return len(os.listdir(f"/proc/{self.child.pid}/fd"))

    def asked(self, path):
        """The answer to a GET that the server has read, still to come: `begin` waits for it."""
        client = socket.create_connection((self.host, self.port), 300)
        client.sendall(f"GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n".encode())
        self.has_read(client)
        answer = http.client.HTTPResponse(client)
        answer.client = client
        return answer

    def has_read(self, client):
        """Waits until the server has read all that a client has sent."""
        port, end = f":{client.getsockname()[1]:04X}", time.monotonic() + 60
        while time.monotonic() < end:
            with open(f"/proc/{self.child.pid}/net/tcp") as file:
                rows = [line.split() for line in file]
            # What it has not read is in the system's queue.
            if any(row[2].endswith(port) and row[4].endswith(":00000000") for row in rows):
                break
            time.sleep(0.005)

    def peers(self):
        """The ports of the clients whose connections the system has established, as it lists them."""
        with open(f"/proc/{self.child.pid}/net/tcp") as file:
            rows = [line.split() for line in file][1:]
        return {int(row[2][-4:], 16) for row in rows if row[1].endswith(f":{self.port:04X}") and row[3] == "01"}

    def cpu(self):
        """Seconds of cores that the process has had."""
        with open(f"/proc/{self.child.pid}/stat") as file:
            fields = file.read().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def signal(self, number):
        self.child.send_signal(number)

    def kill(self):
        """Ends it without a chance to do anything."""
        self.child.kill()
        self.child.wait()

    def wait(self, timeout=120):
        return self.child.wait(timeout)

    def stop(self):
        if self.alive():
            self.signal(signal.SIGTERM)
            try:
                self.wait()
            except subprocess.TimeoutExpired:
                self.kill()
        self._forget()
        return self.child.returncode

    def _forget(self):
        if self.own:
            shutil.rmtree(self.own, ignore_errors=True)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stop()
