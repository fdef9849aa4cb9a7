"""Where serve listens, whom it believes, and how many connections a client may have."""

import json
import os
import re
import resource
import shutil
import signal
import socket
import struct
import subprocess
import sys
import time

from support.harness import VIGIL, check, contains, equal, finish, group, note, scratch, skip
from support.process import environment, run

QUESTION = b"GET /livez HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"
SIGNATURE = b"\r\n\r\n\0\r\nQUIT\n"


class Listening:
    """A server and every address that its log tells."""

    def __init__(self, *options, env=None, wrapper=(), count=1, pass_fds=(), limit=None):
        self.log = open(scratch() / "log", "w+b")
        self.child = subprocess.Popen(
            [*wrapper, VIGIL, "serve", *map(str, options)],
            stdin=subprocess.DEVNULL,
            stdout=self.log,
            stderr=self.log,
            env=environment(env),
            pass_fds=pass_fds,
            preexec_fn=limit,
        )
        end = time.monotonic() + 60
        while len(self.addresses()) < count:
            if self.child.poll() is not None or time.monotonic() > end:
                self.child.kill()
                raise RuntimeError(self.text())
            time.sleep(0.02)

    def text(self):
        with open(self.log.name, errors="replace") as file:
            return file.read()

    def addresses(self):
        lines = [line for line in self.text().splitlines() if "listening" in line]
        return [found[1] for line in lines if (found := re.search(r"url=(\S+)", line))]

    def port(self, index=0):
        return int(self.addresses()[index].rsplit(":", 1)[1])

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self.child.poll() is None:
            self.child.send_signal(signal.SIGTERM)
            self.code = self.child.wait(120)


def ask(address, data=QUESTION, family=socket.AF_INET):
    """All that comes back for `data`; nothing after a reset."""
    with socket.socket(family) as client:
        client.settimeout(60)
        client.connect(address)
        answer = b""
        try:
            client.sendall(data)
            while piece := client.recv(65536):
                answer += piece
        except ConnectionError:
            pass
        return answer


def status(answer):
    return answer[:12].decode(errors="replace")


OK = "HTTP/1.1 200"


def addresses():
    path = scratch() / "vigil.sock"
    listen = ["--listen", "127.0.0.1:0", "--listen", "[::1]:0", "--listen", f"unix:{path}"]
    with Listening(*listen, count=3) as server:
        shown = server.addresses()
        check("every address is told", shown[1].startswith("http://[::1]:") and shown[2] == f"unix:{path}", str(shown))
        equal("IPv4", status(ask(("127.0.0.1", server.port(0)))), OK)
        equal("IPv6", status(ask(("::1", server.port(1)), family=socket.AF_INET6)), OK)
        equal("Unix socket", status(ask(str(path), family=socket.AF_UNIX)), OK)
        equal("its mode", oct(path.stat().st_mode & 0o777), "0o660")
        if shutil.which("curl"):
            curl = ["curl", "-sS", "--unix-socket", str(path), "http://vigil/livez"]
            equal("curl --unix-socket", json.loads(subprocess.check_output(curl))["status"], "ok")
        else:
            skip("curl --unix-socket", "needs curl")
        second = run("serve", "--listen", f"unix:{path}")
        equal("a socket in use: exit code", second.code, 78)
        contains("a socket in use: one line", second.last.splitlines()[-1], str(path), "in use")
        equal("the first one still serves", status(ask(str(path), family=socket.AF_UNIX)), OK)
    equal("ends with", server.code, 0)
    check("the socket's file is gone", not path.exists())


def stale():
    path = scratch() / "vigil.sock"
    with Listening("--listen", f"unix:{path}", "--socket-mode", "600") as server:
        equal("another mode", oct(path.stat().st_mode & 0o777), "0o600")
        server.child.kill()
        server.child.wait()
    check("a killed server leaves its file", path.exists())
    with Listening("--listen", f"unix:{path}"):
        equal("which the next one replaces", status(ask(str(path), family=socket.AF_UNIX)), OK)
    path.write_text("precious")
    refused = run("serve", "--listen", f"unix:{path}")
    equal("another file: exit code", refused.code, 78)
    contains("another file: says so", refused.last, str(path), "no socket")
    equal("another file stays", path.read_text(), "precious")


def families():
    with Listening("--listen", "[::]:0") as server:
        equal("[::] takes IPv6", status(ask(("::1", server.port()), family=socket.AF_INET6)), OK)
        try:
            ask(("127.0.0.1", server.port()))
            check("[::] leaves IPv4 alone", False)
        except ConnectionRefusedError:
            check("[::] leaves IPv4 alone", True)
        both = f"0.0.0.0:{server.port()}"
        with Listening("--listen", both) as four:
            equal("0.0.0.0 fits beside it", status(ask(("127.0.0.1", four.port()))), OK)


def mistakes():
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        for options in (["--port", str(port)], ["--listen", f"127.0.0.1:{port}"]):
            taken = run("serve", *options)
            equal(f"{options[0]}, taken: exit code", taken.code, 78)
            contains(f"{options[0]}, taken: names it", taken.last.splitlines()[-1], f"127.0.0.1:{port}", "in use")
    for code, options, parts in [
        (78, ["--listen", "192.0.2.1:80"], ["192.0.2.1:80", "no interface"]),
        (64, ["--listen", "localhost:80"], ["localhost:80", "unix:/"]),
        (64, ["--listen", "unix:" + "a" * 200], ["107"]),
        (64, ["--listen", "127.0.0.1:0", "--port", "1"], ["--listen", "--port"]),
        (78, ["--listen", "systemd"], ["LISTEN_FDS"]),
        (64, ["--socket-mode", "999"], ["999", "octal"]),
        (64, ["--trusted-proxies", "10.0.0.1/8"], ["10.0.0.1/8", "10.0.0.0/8"]),
        (64, ["--trusted-proxies", "nginx"], ["nginx"]),
        (64, ["--proxy-protocol"], ["--trusted-proxies"]),
        (64, ["--header-timeout", "0"], ["--header-timeout", "1 to 86400"]),
        (64, ["--max-header-fields", "1"], ["--max-header-fields", "8 to 10000"]),
    ]:
        ran = run("serve", "--max-queued", "1", *options)
        equal(f"{' '.join(options)[:50]}: exit code", ran.code, code)
        contains(f"{' '.join(options)[:50]}: says so", ran.last, *parts)
    ran = run("serve", env={"VIGIL_IDLE_TIMEOUT": "never"})
    equal("a variable that is no number", ran.code, 78)


def configured():
    path = scratch() / "config.json"
    sock = scratch() / "a.sock"
    path.write_text(json.dumps({"listen": ["127.0.0.1:0", f"unix:{sock}"], "max-target": 100}))
    with Listening("--config", path, count=2) as server:
        long = b"GET /" + b"a" * 200 + b" HTTP/1.1\r\nHost: localhost\r\n\r\n"
        equal("a list in the file, and a limit", status(ask(("127.0.0.1", server.port()), long)), "HTTP/1.1 414")
    with Listening(env={"VIGIL_LISTEN": f"127.0.0.1:0,unix:{sock}", "VIGIL_HEADER_TIMEOUT": "1"}, count=2) as server:
        begun = time.monotonic()
        answer = ask(("127.0.0.1", server.port()), b"GET / HT")
        equal("a list in the environment, and a timeout", status(answer), "HTTP/1.1 408")
        check("the timeout holds", 0.8 < time.monotonic() - begun < 60)


PARENT = """
import os, socket, sys
server = socket.create_server(("127.0.0.1", 0), backlog=16)
path = sys.argv[1]
other = socket.socket(socket.AF_UNIX); other.bind(path); other.listen(16)
assert {server.fileno(), other.fileno()} == {3, 4}, (server.fileno(), other.fileno())
for one in (server, other): os.set_inheritable(one.fileno(), True)
os.environ.update(LISTEN_FDS="2", LISTEN_PID=str(os.getpid()))
os.execv(sys.argv[2], sys.argv[2:])
"""


def passed():
    path = scratch() / "passed.sock"
    wrapper = [sys.executable, "-c", PARENT, str(path)]
    for options in ([], ["--listen", "systemd"]):
        if path.exists():
            path.unlink()
        with Listening(*options, wrapper=wrapper, count=2) as server:
            name = f"passed sockets, {options or 'unasked'}"
            equal(f"{name}: TCP", status(ask(("127.0.0.1", server.port()))), OK)
            equal(f"{name}: Unix", status(ask(str(path), family=socket.AF_UNIX)), OK)
        equal(f"{name}: ends with", server.code, 0)
        check(f"{name}: a file that is another's stays", path.exists())
    with Listening("--port", "0", env={"LISTEN_FDS": "2", "LISTEN_PID": "1"}) as server:
        equal("sockets of another process are not taken", status(ask(("127.0.0.1", server.port()))), OK)


def version2(host, port, family=socket.AF_INET, command=0x21):
    size = 4 if family == socket.AF_INET else 16
    source = socket.inet_pton(family, host) + bytes(size) + struct.pack(">HH", port, 80)
    return SIGNATURE + bytes([command, 0x11 if size == 4 else 0x21]) + struct.pack(">H", len(source)) + source


def proxies():
    options = ["--port", 0, "--trusted-proxies", "127.0.0.1", "--proxy-protocol"]
    with Listening(*options) as server:
        address = ("127.0.0.1", server.port())
        for name, header in [
            ("version 2, IPv4", version2("192.0.2.1", 4000)),
            ("version 2, IPv6", version2("2001:db8::1", 4000, socket.AF_INET6)),
            ("LOCAL", SIGNATURE + b"\x20\0\0\0"),
            ("version 1", b"PROXY TCP4 192.0.2.1 127.0.0.1 4000 80\r\n"),
        ]:
            equal(f"PROXY, {name}", status(ask(address, header + QUESTION)), OK)
        equal("PROXY, none: closed", ask(address), b"")
        equal("PROXY, broken: closed", ask(address, SIGNATURE + b"\x99\x11\0\x0c" + bytes(12) + QUESTION), b"")
        contains("the log says whose", server.text(), "trusted proxy", "proxy=127.0.0.1:")
    with Listening(*options, "--header-timeout", 1) as server:
        begun = time.monotonic()
        equal("PROXY, half of one: closed", ask(("127.0.0.1", server.port()), SIGNATURE), b"")
        check("in the header's time", 0.8 < time.monotonic() - begun < 60)
    with Listening("--port", 0, "--trusted-proxies", "10.0.0.0/8", "--proxy-protocol") as server:
        address = ("127.0.0.1", server.port())
        equal("PROXY of another: 400", status(ask(address, version2("192.0.2.1", 1) + QUESTION)), "HTTP/1.1 400")
        equal("version 1 of another: 400", status(ask(address, b"PROXY TCP4 1.1.1.1 2.2.2.2 1 2\r\n")), "HTTP/1.1 400")
        equal("no PROXY of another: HTTP", status(ask(address)), OK)


def hold(address, count, header=b""):
    """Connections that have been answered once and stay, and the statuses of the answers."""
    clients, statuses = [], []
    for _ in range(count):
        client = socket.create_connection(address, 60)
        try:
            client.sendall(header + QUESTION.replace(b"Connection: close\r\n", b""))
        except ConnectionError:
            pass
        statuses.append(status(client.recv(65536)))
        clients.append(client)
    return clients, statuses


def shares():
    with Listening("--port", 0, "--max-connections-per-address", 3) as server:
        address = ("127.0.0.1", server.port())
        clients, statuses = hold(address, 5)
        equal("three of five have room", statuses, [OK] * 3 + ["HTTP/1.1 429"] * 2)
        with socket.socket() as other:
            other.bind(("127.0.0.2", 0))
            other.settimeout(60)
            other.connect(address)
            other.sendall(QUESTION)
            equal("another address has its own share", status(other.recv(65536)), OK)
        for client in clients:
            client.close()
        end = time.monotonic() + 60
        while (last := status(ask(address))) != OK and time.monotonic() < end:
            time.sleep(0.05)
        equal("room again", last, OK)
    options = ["--port", 0, "--max-connections-per-address", 2, "--trusted-proxies", "127.0.0.1", "--proxy-protocol"]
    with Listening(*options) as server:
        address = ("127.0.0.1", server.port())
        _, first = hold(address, 3, version2("192.0.2.1", 4000))
        equal("through a proxy each client has its share", first, [OK] * 2 + ["HTTP/1.1 429"])
        _, second = hold(address, 2, version2("192.0.2.2", 4000))
        equal("and another its own", second, [OK] * 2)
        one, two = (version2(f"2001:db8:0:1::{n}", 1, socket.AF_INET6) for n in (1, 2))
        _, third = hold(address, 2, one)
        _, fourth = hold(address, 1, two)
        equal("an IPv6 /64 is one client", third + fourth, [OK] * 2 + ["HTTP/1.1 429"])


def cpu(process):
    with open(f"/proc/{process}/stat") as file:
        fields = file.read().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def exhausted():
    """Descriptors run out: the server neither ends nor spins, and serves again when some are free."""
    few = 64
    options = ["--port", 0, "--max-connections", 1000]
    limit = lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (few, few))  # noqa: E731
    with Listening(*options, limit=limit) as server:
        address = ("127.0.0.1", server.port())
        clients = [socket.create_connection(address, 60) for _ in range(300)]
        end = time.monotonic() + 60
        while "accepting pauses" not in server.text() and time.monotonic() < end:
            time.sleep(0.02)
        # What would spin takes most of a core however busy the others are: the least of some seconds is looked at.
        spent = []
        while len(spent) < 5 and min(spent, default=1) >= 0.2:
            begun, since = cpu(server.child.pid), time.monotonic()
            time.sleep(1)
            spent.append((cpu(server.child.pid) - begun) / (time.monotonic() - since))
        note(f"300 connections, {few} descriptors: {min(spent) * 100:.0f} % of a core")
        check("it does not spin", min(spent) < 0.2, str(spent))
        check("it lives", server.child.poll() is None)
        clients[0].sendall(QUESTION)
        clients[0].settimeout(60)
        equal("those with a descriptor are served", status(clients[0].recv(65536)), OK)
        contains("the log says so", server.text(), "accepting pauses")
        for client in clients:
            client.close()
        end, last = time.monotonic() + 60, ""
        while last != OK and time.monotonic() < end:
            last = status(ask(address))
        equal("then others are", last, OK)


for name, body in [
    ("addresses", addresses),
    ("stale sockets", stale),
    ("IPv6 alone", families),
    ("mistakes", mistakes),
    ("configuration", configured),
    ("passed sockets", passed),
    ("PROXY protocol", proxies),
    ("shares", shares),
    ("no descriptors left", exhausted),
]:
    with group(name):
        body()
finish()
