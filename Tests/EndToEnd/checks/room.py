"""Room that slow uploads announce and do not use: they lose it before others are turned away."""

import http.client
import json
import re
import socket
import time

from support.harness import check, equal, finish, group, need, note, shown

need("room", "numpy")

from support import features  # noqa: E402
from support.process import Server  # noqa: E402

BODY = features.npy(features.video(4_000))
# Larger than all that four uploads of 8 MiB announced and did not send.
LARGE = features.npy(features.video(20_000))
ANNOUNCED = 120_000_000
# Enough for an answer of dozens of megabytes, of which 256 MiB may be on their way.
ROWS = 230_000
# What a client is told by Retry-After, it does; one that is refused for longer than this is shut out.
PATIENCE = 120


def connect(server, source):
    return socket.create_connection((server.host, server.port), 60, (source, 0))


def head(length, *fields, path="/score"):
    lines = [f"POST {path} HTTP/1.1", "Host: localhost", f"Content-Length: {length}", *fields]
    return ("\r\n".join(lines) + "\r\n\r\n").encode()


def prologue(size):
    """The beginning of an .npy of about so many bytes."""
    header = f"{{'descr': '<f4', 'fortran_order': False, 'shape': ({size // 256}, 64), }}".ljust(117) + "\n"
    return b"\x93NUMPY\x01\x00" + len(header).to_bytes(2, "little") + header.encode()


class Slow:
    """An upload that announces a size, sends its beginning once it was let in, and then drips."""

    def __init__(self, server, source, size, sent=0):
        self.connection = connect(server, source)
        self.connection.sendall(head(size, "Content-Type: application/x-npy", "Expect: 100-continue"))
        self.answer = self.connection.recv(65536)
        self.holds = b" 100 " in self.answer[:20]
        if self.holds:
            self.answer = b""
            self.connection.sendall(prologue(size) + bytes(sent))
        self.connection.settimeout(0)

    def drip(self):
        """Sends another 100 bytes; keeps what the server has said."""
        try:
            self.answer += self.connection.recv(65536)
        except OSError:
            pass
        if self.answer:
            return
        try:
            self.connection.send(bytes(100))
        except OSError:
            pass

    def close(self):
        self.connection.close()


def ask(server, source, body=BODY):
    """Sends an upload and waits for its scores: the status, the fields and the document."""
    with connect(server, source) as client:
        client.settimeout(300)
        fields = ["Content-Type: application/x-npy", "Prefer: wait=120", "Connection: close"]
        try:
            client.sendall(head(len(body), *fields) + body)
        except OSError:
            pass  # It may be refused before it is all sent.
        answer = b""
        try:
            while piece := client.recv(65536):
                answer += piece
        except ConnectionResetError:
            pass
    lines, _, document = answer.partition(b"\r\n\r\n")
    first, *rest = lines.decode().split("\r\n")
    fields = {name.lower(): value for name, _, value in (line.partition(": ") for line in rest)}
    return int(first.split()[1]), fields, json.loads(document)


def scored(server, source, slow, body=BODY):
    """Asks until the upload is scored, as a good client does, while the slow ones drip on."""
    begun, refused = time.monotonic(), 0
    while True:
        for one in slow:
            one.drip()
        status, fields, document = ask(server, source, body)
        took = time.monotonic() - begun
        if status != 429 or took > PATIENCE:
            note(f"{status} after {took:.1f} s, {refused} times refused")
            return status, document
        refused += 1
        again = time.monotonic() + int(fields["retry-after"])
        while time.monotonic() < again:
            for one in slow:
                one.drip()
            time.sleep(0.2)


class Reader:
    """A client that asks for a result, and takes it at 500 bytes a second at most."""

    def __init__(self, server, source, path):
        self.connection = socket.socket()
        # A small window, so that little of the answer is the system's.
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        self.connection.bind((source, 0))
        self.connection.connect((server.host, server.port))
        self.connection.sendall(f"GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
        self.connection.settimeout(300)
        fields = self.connection.recv(1000).decode(errors="replace")
        self.status = int(fields.split()[1])
        self.length = int(re.search(r"Content-Length: (\d+)", fields)[1])
        self.connection.settimeout(0)

    def drip(self):
        try:
            self.connection.recv(100)
        except OSError:
            pass

    def close(self):
        self.connection.close()


def fetch(server, source, path):
    """All of an answer: the status and the document."""
    client = http.client.HTTPConnection(server.host, server.port, timeout=300, source_address=(source, 0))
    client.request("GET", path)
    answer = client.getresponse()
    body = answer.read()
    client.close()
    return answer.status, json.loads(body)


def sources(count):
    return [f"127.0.0.{2 + number}" for number in range(count)]


def held(slow):
    return sum(one.holds for one in slow)


with (
    group("announced memory"),
    Server("--max-queued-memory", "458", "--max-queued-memory-per-client", "458") as server,
):
    slow = [Slow(server, source, ANNOUNCED) for source in sources(10)]
    check("uploads that announce 120 MB are let in until it is full", held(slow) >= 4, f"{held(slow)} of 10")
    status, document = scored(server, "127.0.0.12", slow)
    equal("they drip, and an eleventh client is scored", status, 200)
    check("with its scores", document.get("status") == "succeeded", shown(document))
    status, document = scored(server, "127.0.0.2", slow)
    equal("so is one that shares an address with them", status, 200)
    for one in slow:
        one.close()

with group("held memory"), Server("--max-queued-memory", "32", "--max-queued-memory-per-client", "28") as server:
    slow = [Slow(server, source, 8 << 20, 7 << 20) for source in sources(10)]
    equal("uploads of 8 MiB are let in until it is full", held(slow), 4)
    status, document = scored(server, "127.0.0.12", slow, LARGE)
    equal("they send most of it, then drip, and another client is scored", status, 200)
    until = time.monotonic() + 300
    while not any(b" 408 " in one.answer for one in slow) and time.monotonic() < until:
        for one in slow:
            one.drip()
        time.sleep(0.2)
    lost = [one.answer for one in slow if b" 408 " in one.answer[:20]]
    kept = [one for one in slow if one.holds and not one.answer]
    check("who lost it for that is told", lost and all(b"\r\nRetry-After: " in one for one in lost), shown(lost))
    check("no more of them lost it than had to", len(kept) == 3, f"{len(kept)} of 4 go on")
    for one in slow:
        one.close()

with group("places"), Server("--max-queued", "40", "--max-queued-per-client", "4") as server:
    slow = [Slow(server, source, 60_000) for source in sources(10) for _ in range(4)]
    equal("small uploads are let in until all places are taken", held(slow), 40)
    status, document = scored(server, "127.0.0.12", slow)
    equal("they drip, and another client is scored", status, 200)
    status, document = scored(server, "127.0.0.2", slow)
    equal("so is one that shares an address with them", status, 200)
    for one in slow:
        one.close()

with group("hundreds"), Server("--max-queued-memory", "300") as server:
    slow = [Slow(server, source, 1 << 20, 64 << 10) for _ in range(30) for source in sources(10)]
    equal("300 uploads of 1 MiB are let in, and all memory is announced", held(slow), 300)
    answers = [scored(server, "127.0.0.12", slow) for _ in range(5)]
    equal("they drip, and an eleventh client is scored, time and again", [status for status, _ in answers], [200] * 5)
    equal("the scores are those of its video", {document["snippets"] for _, document in answers}, {4_000})
    answered = [one.answer for one in slow if one.answer]
    check("none of them lost more than its promise for that", not answered, shown(answered))
    for one in slow:
        one.close()

with group("large results"), Server("--write-timeout", "600") as server:
    body = features.npy(features.video(ROWS))
    fields = ["Content-Type: application/x-npy", "Connection: close"]
    paths = []
    # A result of its own for each: many who want one share it.
    for number in range(9):
        with connect(server, "127.0.0.1") as client:
            client.settimeout(300)
            client.sendall(head(len(body), *fields, path="/score?logits=true") + body)
            accepted = b"".join(iter(lambda: client.recv(65536), b""))
        paths.append("/jobs/" + json.loads(accepted.partition(b"\r\n\r\n")[2])["id"])
        until = time.monotonic() + 300
        while time.monotonic() < until:
            if len(fetch(server, "127.0.0.1", "/jobs?status=succeeded")[1]["jobs"]) == number + 1:
                break
            time.sleep(0.1)
    path = paths[8]
    same = [Reader(server, source, path) for source in sources(8)]
    equal("eight clients that want one result share it", [one.status for one in same], [200] * 8)
    for one in same:
        one.close()
    slow = []
    for source, path in zip(sources(8), paths):
        until = time.monotonic() + PATIENCE
        while (one := Reader(server, source, path)).status == 503 and time.monotonic() < until:
            one.close()
            for other in slow:
                other.drip()
            time.sleep(0.2)
        slow.append(one)
    asked = sum(one.length for one in slow)
    check("eight clients ask for more than 256 MiB of results in all", asked > 256 << 20, f"{asked >> 20} MiB")
    equal("each of them is given its own, though they drip", [one.status for one in slow], [200] * 8)
    left = len(server.peers())
    check("for those who came first are cut, and not all", 2 <= left < 8, f"{left} of 8 go on")
    begun, status = time.monotonic(), 503
    while status == 503 and time.monotonic() < begun + PATIENCE:
        for one in slow:
            one.drip()
        time.sleep(0.2)
        status, document = fetch(server, "127.0.0.12", paths[8])
    note(f"{status} after {time.monotonic() - begun:.1f} s, {left} of 8 slow readers went on")
    found = (status, document.get("snippets"))
    equal("one that reads gets all of it", found, (200, ROWS))
    for one in slow:
        one.close()

with group("what is refused still"), Server("--max-queued-memory", "64", "--max-body", "128") as server:
    with connect(server, "127.0.0.2") as client:
        client.settimeout(60)
        client.sendall(head(100 << 20, "Content-Type: application/x-npy", "Expect: 100-continue"))
        check("more than may ever wait: 413 before the body", b" 413 " in client.recv(65536)[:20])

finish()
