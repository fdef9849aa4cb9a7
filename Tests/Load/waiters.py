"""What one who waits for a job, or follows it, costs the server, and whether all are answered.

    python3 Tests/Load/waiters.py [VIGIL [WAITERS]]

Keeps the only worker busy with urgent jobs, has so many wait for one that is not urgent, by `?wait=` and then by its
events, looks at memory and threads, frees the worker and reads the answers. Fails above 16 KiB a waiter, its connection
included, if there are threads more, or if one is not answered. The limit on descriptors must allow the connections
twice.
"""

import http.client
import json
import re
import resource
import selectors
import signal
import socket
import struct
import subprocess
import sys
import threading
import time

BAR_KIB = 16
QUEUE = 40
BYTES = {"Content-Type": "application/octet-stream"}
vigil = sys.argv[1] if len(sys.argv) > 1 else ".build/release/vigil"
count = int(sys.argv[2]) if len(sys.argv) > 2 else 5_000

hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


def features(rows):
    """Rows of 64 float32, little-endian, no two alike."""
    row = struct.pack("<64f", *(((7 * column) % 64 - 31) / 80 for column in range(64)))
    return b"".join(struct.pack("<f", (number % 50) / 100) + row[4:] for number in range(rows))


def status(process):
    with open(f"/proc/{process}/status") as file:
        text = file.read()
    return int(re.search(r"RssAnon:\s*(\d+)", text)[1]), int(re.search(r"Threads:\s*(\d+)", text)[1])


class Busy:
    """Keeps the queue as full as it may be, by urgent jobs that are forgotten once they are done."""

    def __init__(self):
        self.connection = http.client.HTTPConnection(*address, timeout=60)
        self.jobs, self.full, self.ends = [], threading.Event(), threading.Event()
        self.thread = threading.Thread(target=self.feed)
        self.thread.start()
        self.full.wait(60)

    def ask(self, method, path, body=None):
        self.connection.request(method, path, body, BYTES if body else {})
        answer = self.connection.getresponse()
        return answer.status, json.loads(answer.read() or b"{}")

    def feed(self):
        while not self.ends.is_set():
            code, job = self.ask("POST", "/score?priority=high", urgent)
            if code != 202:
                self.full.set()
                time.sleep(0.01)
                continue
            self.jobs.append(job["id"])
            if len(self.jobs) > 2 * QUEUE:
                self.ask("DELETE", f"/jobs/{self.jobs.pop(0)}")

    def end(self):
        self.ends.set()
        self.thread.join()
        for job in self.jobs:
            self.ask("DELETE", f"/jobs/{job}")
        self.connection.close()


def submit():
    """A job that waits for as long as there are urgent ones."""
    while True:
        connection = http.client.HTTPConnection(*address, timeout=60)
        connection.request("POST", "/score?priority=low", features(40), BYTES)
        answer = connection.getresponse()
        body = answer.read()
        connection.close()
        if answer.status == 202:
            return json.loads(body)["id"]


def answered(clients, mark, within):
    """Reads from all at once until each has got `mark`; how many have."""
    waiting, got = selectors.DefaultSelector(), {client: b"" for client in clients}
    for client in clients:
        waiting.register(client, selectors.EVENT_READ)
    left, end = len(clients), time.monotonic() + within
    while left and time.monotonic() < end:
        for key, _ in waiting.select(1):
            piece = key.fileobj.recv(65536)
            got[key.fileobj] = (got[key.fileobj] + piece)[-4096:]
            if mark in got[key.fileobj] or not piece:
                waiting.unregister(key.fileobj)
                left -= 1
    return sum(mark in text for text in got.values())


def measure(name, path, first, last):
    busy = Busy()
    job = submit()
    request = f"GET {path.format(job)} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode()
    time.sleep(1)
    memory, threads_before = status(server.pid)
    begun = time.monotonic()
    clients = []
    for _ in range(count):
        client = socket.create_connection(address, 10)
        client.sendall(request)
        clients.append(client)
    if first:
        assert answered(clients, first, 60) == count
    else:
        time.sleep(2)
    opened = time.monotonic() - begun
    during, threads_waiting = status(server.pid)
    busy.end()
    begun = time.monotonic()
    served = answered(clients, last, 120)
    took = time.monotonic() - begun
    for client in clients:
        client.close()
    each = (during - memory) / count
    print(
        f"{name}: {served} of {count} answered, within {took:.2f} s of the worker's being free; "
        f"{each:.2f} KiB each ({memory} to {during} KiB); {threads_before} threads before, "
        f"{threads_waiting} with all waiting; {opened:.2f} s to open"
    )
    return served == count and each < BAR_KIB and threads_waiting <= threads_before + 4


server = subprocess.Popen(
    [vigil, "serve", "--port=0", "--workers=1", f"--max-connections={count + 100}", f"--max-queued={QUEUE}"],
    stderr=subprocess.PIPE,
    text=True,
)
try:
    for line in server.stderr:
        if found := re.search(r"url=http://127.0.0.1:(\d+)", line):
            address = ("127.0.0.1", int(found[1]))
            break
    urgent = features(4_000)
    good = measure("?wait=", "/jobs/{}?wait=300", None, b'"status":"succeeded"')
    good = measure("events", "/jobs/{}/events", b"event: status", b"event: end") and good
    print("ok" if good else f"FAIL: expected all answered, no thread more, and under {BAR_KIB} KiB each")
finally:
    server.send_signal(signal.SIGTERM)
    server.wait(60)
sys.exit(not good)
