"""The traffic of soak.sh: a thread a kind, each of whose requests ends in a named outcome or in a fault."""

import collections
import http.client
import json
import random
import re
import shutil
import socket
import ssl
import struct
import subprocess
import threading
import time

from soak_pauses import Pauses

WIDTH = 64  # of the embedded model
PATIENCE = 30
RESULT_SECONDS = 5  # that the servers keep a result


def npy(rows, values):
    header = f"{{'descr': '<f4', 'fortran_order': False, 'shape': ({rows}, {WIDTH}), }}".ljust(117) + "\n"
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(header)) + header.encode() + values


def uploads(rng):
    """A body with its type, in one of the formats."""
    rows = rng.choice([1, 5, 30, 120, 300])
    numbers = [rng.gauss(0, 1) for _ in range(rows * WIDTH)]
    values = struct.pack(f"<{len(numbers)}f", *numbers)
    kind = rng.randrange(5)
    if kind == 0:
        return "application/x-npy", npy(rows, values)
    if kind == 1:
        return "application/octet-stream", values
    if kind == 2:
        tensor = {"dtype": "F32", "shape": [rows, WIDTH], "data_offsets": [0, len(values)]}
        header = json.dumps({"features": tensor}).encode()
        return "application/vnd.safetensors", struct.pack("<Q", len(header)) + header + values
    if kind == 3:
        lines = [numbers[at : at + WIDTH] for at in range(0, len(numbers), WIDTH)]
        return "application/json", json.dumps({"features": lines}).encode()
    head = b'--soak\r\nContent-Disposition: form-data; name="features"; filename="f.npy"\r\n\r\n'
    return "multipart/form-data; boundary=soak", head + npy(rows, values) + b"\r\n--soak--\r\n"


class Fault(Exception):
    """Something that a server must not do."""


class Traffic:
    """Starts and stops all kinds, and counts what comes of them."""

    def __init__(self, servers):
        self.servers = servers
        self.outcomes = collections.Counter()
        self.begun = collections.Counter()
        self.faults = []
        self.waits = []
        self.pauses = Pauses()
        self.lock = threading.Lock()
        self.context = ssl.create_default_context()
        self.context.check_hostname = False
        self.context.verify_mode = ssl.CERT_NONE

    def start(self):
        self.ended = threading.Event()
        kinds = [self.upload, self.upload, self.poll, self.abort, self.garbage, self.drip, self.probe]
        if shutil.which("slowhttptest"):
            kinds.append(self.slowhttptest)
        self.threads = [
            threading.Thread(target=self.run, args=(kind, server, number))
            for server in self.servers
            for number, kind in enumerate(kinds)
        ]
        for thread in self.threads:
            thread.start()

    def stop(self):
        self.ended.set()
        for thread in self.threads:
            thread.join(120)
            if thread.is_alive():
                self.faults.append("a client hangs")

    def run(self, kind, server, number):
        rng = random.Random(f"{server.name} {number} {time.time()}")
        while not self.ended.is_set():
            with self.lock:
                self.begun[kind.__name__] += 1
            try:
                outcome = kind(server, rng)
            except Exception as fault:
                outcome = "FAULT"
                with self.lock:
                    self.faults.append(f"{kind.__name__} at {server.name}: {type(fault).__name__} {fault}")
            with self.lock:
                self.outcomes[kind.__name__, outcome] += 1

    def report(self):
        """Prints what came of everything; true where nothing was a fault."""
        for (kind, outcome), count in sorted(self.outcomes.items()):
            print(f"{kind:>13} {outcome:<32} {count:8}")
        ended = collections.Counter()
        for (kind, _), count in self.outcomes.items():
            ended[kind] += count
        lost = {kind: count - ended[kind] for kind, count in self.begun.items() if count != ended[kind]}
        waits = sorted(self.waits) or [0]
        print(f"livez under this load: median {waits[len(waits) // 2] * 1e3:.1f} ms, most {waits[-1] * 1e3:.0f} ms")
        print(f"the clients were held up themselves: {self.pauses.longest:.1f} s at most")
        for fault in self.faults[:20]:
            print(f"FAIL {fault}")
        if lost:
            print(f"FAIL without an outcome: {lost}")
        return not self.faults and not lost

    # Connections

    def http(self, server):
        if server.is_tls:
            return http.client.HTTPSConnection("127.0.0.1", server.port, timeout=PATIENCE, context=self.context)
        return http.client.HTTPConnection("127.0.0.1", server.port, timeout=PATIENCE)

    def socket(self, server):
        raw = socket.create_connection(("127.0.0.1", server.port), timeout=PATIENCE)
        return self.context.wrap_socket(raw) if server.is_tls else raw

    # Kinds

    def upload(self, server, rng):
        """An upload, its job to the end, and now and then its removal."""
        client = self.http(server)
        try:
            kind, body = uploads(rng)
            headers = {"Content-Type": kind}
            if rng.random() < 0.3:
                headers["Prefer"] = "wait=5"
            if rng.random() < 0.3:
                body = iter([body[at : at + 5000] for at in range(0, len(body), 5000)])
            asked = time.monotonic()
            client.request("POST", "/score?fps=30&threshold=0.1", body, headers, encode_chunked=not isinstance(body, bytes))
            answer = client.getresponse()
            document = json.loads(answer.read())
            if answer.status == 429:
                if not answer.getheader("Retry-After"):
                    raise Fault("429 without Retry-After")
                return "429"
            if answer.status not in (200, 202):
                raise Fault(f"{answer.status} {document}")
            job = document["id"]
            while document["status"] in ("queued", "running"):
                before, asked = asked, time.monotonic()
                client.request("GET", f"/jobs/{job}?wait=5")
                answer = client.getresponse()
                document = json.loads(answer.read())
                # It may have ended when the answer before was hardly made.
                if answer.status == 404 and time.monotonic() - before > RESULT_SECONDS:
                    return "asked for too late"
                if answer.status != 200:
                    raise Fault(f"the job is gone: {answer.status} {document}")
            if document["status"] != "succeeded":
                raise Fault(f"the job has {document['status']}: {document}")
            if rng.random() < 0.3:
                client.request("DELETE", f"/jobs/{job}")
                answer = client.getresponse()
                answer.read()
                if answer.status not in (200, 204, 404):
                    raise Fault(f"DELETE gave {answer.status}")
                return "succeeded, deleted"
            return "succeeded"
        finally:
            client.close()

    def poll(self, server, rng):
        """Requests in a row on one connection."""
        client = self.http(server)
        expected = {"/livez": 200, "/readyz": 200, "/v1/models": 200, "/jobs?limit=5": 200, "/openapi.yaml": 200}
        expected |= {"/nothing": 404, "/jobs/none": 404}
        try:
            for _ in range(50):
                path = rng.choice(list(expected))
                client.request("GET", path)
                answer = client.getresponse()
                answer.read()
                # What an id that can't be one gives is not the soak's business.
                if answer.status != expected[path] and not (path == "/jobs/none" and answer.status == 400):
                    raise Fault(f"{path} gave {answer.status}")
            return "50 answers"
        finally:
            client.close()

    def abort(self, server, rng):
        """A client that goes away: within a head, a body or an answer, by an end or by a reset."""
        with self.socket(server) as client:
            where = rng.choice(["head", "body", "chunk", "answer"])
            if where == "head":
                client.sendall(b"POST /score HTTP/1.1\r\nHost: localhost\r\nContent-Ty")
            elif where == "body":
                client.sendall(b"POST /score HTTP/1.1\r\nHost: localhost\r\nContent-Length: 900000\r\n\r\n" + bytes(70000))
            elif where == "chunk":
                head = b"POST /score HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n"
                client.sendall(head + b"FFFF\r\n" + bytes(1000))
            else:
                client.sendall(b"GET /openapi.yaml HTTP/1.1\r\nHost: localhost\r\n\r\n" * 20)
                client.recv(100)
            if rng.random() < 0.5:
                client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                return f"reset in the {where}"
            return f"ended in the {where}"

    def garbage(self, server, rng):
        """Bytes that are no request; they are refused or, at the end of the input, given up."""
        good = b"POST /score HTTP/1.1\r\nHost: localhost\r\nContent-Length: 5\r\n\r\nhello"
        raw = bytearray(good if rng.random() < 0.7 else rng.randbytes(rng.randrange(1, 2000)))
        for _ in range(rng.randrange(1, 5)):
            raw[rng.randrange(len(raw))] = rng.randrange(256)
        # Plain bytes at a port for TLS, and the other way round.
        is_crossed = server.is_tls and rng.random() < 0.5
        client = socket.create_connection(("127.0.0.1", server.port), timeout=PATIENCE) if is_crossed else None
        with client or self.socket(server) as client:
            try:
                client.sendall(b"\x16\x03\x01\x02\x00\x01\x00" + raw if rng.random() < 0.1 else raw)
                if not isinstance(client, ssl.SSLSocket):
                    client.shutdown(socket.SHUT_WR)
                answer = client.recv(1 << 16)
            except (ConnectionError, ssl.SSLError):
                return "closed"
            except TimeoutError:
                if isinstance(client, ssl.SSLSocket):
                    return "waited for"
                raise Fault(f"neither answered nor closed: {bytes(raw)!r}") from None
            if not answer:
                return "closed"
            if is_crossed and not answer.startswith(b"HTTP/1.1"):
                return "an alert"
            if not (found := re.match(rb"HTTP/1\.1 (\d)\d\d ", answer)):
                raise Fault(f"{bytes(raw)!r} was answered {answer[:100]!r}")
            return f"{found[1].decode()}xx"

    def drip(self, server, rng):
        """Heads that come a byte a second; each must be cut off, and none may cost the others anything."""
        clients = []
        try:
            for _ in range(100):
                clients.append(self.socket(server))
            begun = time.monotonic()
            open_clients = list(clients)
            while open_clients and time.monotonic() < begun + 25:
                for client in list(open_clients):
                    try:
                        client.sendall(b"G")
                        client.setblocking(False)
                        over = client.recv(1000) is not None
                    except (BlockingIOError, ssl.SSLWantReadError):
                        over = False
                    except OSError:
                        over = True
                    if over:
                        open_clients.remove(client)
                    else:
                        client.settimeout(PATIENCE)
                if self.ended.wait(1):
                    return "the time was up"
            if open_clients:
                raise Fault(f"{len(open_clients)} of 100 slow heads were not cut off")
            return "100 cut off"
        finally:
            for client in clients:
                client.close()

    def probe(self, server, _):
        """A client that wants one small answer at once."""
        begun = time.monotonic()
        client = self.http(server)
        try:
            client.request("GET", "/livez")
            status = client.getresponse().status
        finally:
            client.close()
        wait = time.monotonic() - begun
        with self.lock:
            self.waits.append(wait)
        if status != 200 or wait - self.pauses.since(begun) > 5:
            raise Fault(f"livez gave {status} after {wait:.1f} s")
        self.ended.wait(0.25)
        return "200"

    def slowhttptest(self, server, rng):
        """Debian's slow clients: heads, bodies, readers."""
        scheme = "https" if server.is_tls else "http"
        base = f"{scheme}://127.0.0.1:{server.port}"
        name, options = rng.choice(
            [
                ("slow heads", ["-H", "-u", f"{base}/livez"]),
                ("slow bodies", ["-B", "-t", "POST", "-u", f"{base}/score", "-s", "8192"]),
                ("slow readers", ["-X", "-u", f"{base}/openapi.yaml", "-w", "16", "-y", "64", "-n", "2", "-z", "32", "-k", "3"]),
            ]
        )
        common = ["-c", "300", "-r", "100", "-i", "1", "-l", "8", "-p", "5"]
        begun = time.monotonic()
        done = subprocess.run(["slowhttptest", *common, *options], capture_output=True, text=True, timeout=100)
        text = re.sub(r"\x1b\[[0-9;]*m", "", done.stdout)
        states = re.findall(r"service available:\s+(YES|NO)", text)
        if "NO" in states:
            # Its own probe waits for 5 seconds.
            if self.pauses.since(begun) > 2:
                return f"{name}, held up"
            raise Fault(f"{name}: the service was not available")
        return f"{name}, service available" if states else f"{name}, no verdict"
