"""The measuring part of observed.sh: servers that are observed in several ways, against one that is not."""

import gzip
import http.server
import io
import os
import pathlib
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request

import numpy as np

if os.environ.get("E2E_ALONE") != "1":
    sys.exit("observed.py: needs a network of its own, as observed.sh arranges where that is allowed")
vigil, rounds, seconds = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
work = pathlib.Path(tempfile.mkdtemp(prefix="vigil-observed-"))
BAR, AIM = 3.0, 1.0


class Collector(http.server.ThreadingHTTPServer):
    """Takes what is sent and counts it; what is in it Tests/EndToEnd's check of traces looks at."""

    daemon_threads = True

    def __init__(self):
        self.posts = self.bytes = 0
        super().__init__(("127.0.0.1", 0), Taking)
        threading.Thread(target=self.serve_forever, daemon=True).start()


class Taking(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.server.posts += 1
        self.server.bytes += len(gzip.decompress(body) if self.headers["Content-Encoding"] == "gzip" else body)
        self.send_response(200)
        self.send_header("Content-Type", "application/x-protobuf")
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_):
        pass


class Server:
    """A vigil serve that keeps its jobs in memory."""

    def __init__(self, name, options=(), variables=None):
        self.name, path = name, work / f"{name}.log"
        environment = {key: value for key, value in os.environ.items() if not key.startswith(("VIGIL", "OTEL"))}
        command = [vigil, "serve", "--port", "0", "--state", "memory", "--max-results", "2048", *map(str, options)]
        with open(path, "wb") as log:
            self.child = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, env=environment | (variables or {})
            )
        end = time.monotonic() + 60
        while not (found := re.search(r"\burl\W+(http://127\.0\.0\.1:\d+)", path.read_text())):
            if self.child.poll() is not None or time.monotonic() > end:
                sys.exit(f"{name} is not ready: {path.read_text()[-2000:]}")
            time.sleep(0.01)
        self.url = found[1]

    def processor_time(self):
        """Seconds of a core so far."""
        fields = pathlib.Path(f"/proc/{self.child.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def load(self, path, connections, script, seconds):
        """Answers a second, and microseconds of a core for each."""
        command = ["wrk", "-t1", f"-c{connections}", f"-d{seconds}", *(["-s", str(script)] if script else [])]
        before = self.processor_time()
        out = subprocess.run([*command, self.url + path], check=True, capture_output=True, text=True).stdout
        spent = self.processor_time() - before
        if "Non-2xx" in out or "Socket errors" in out:
            sys.exit(f"{self.name}: {out}")
        count = int(re.search(r"(\d+) requests in", out)[1])
        return float(re.search(r"Requests/sec:\s+([\d.]+)", out)[1]), spent / count * 1e6


class Scraper(threading.Thread):
    """Asks for /metrics once a second, while it is told to."""

    def __init__(self, server):
        super().__init__(daemon=True)
        self.url, self.wanted, self.count = server.url + "/metrics", threading.Event(), 0
        self.start()

    def run(self):
        while True:
            self.wanted.wait()
            with urllib.request.urlopen(self.url) as answer:
                answer.read()
            self.count += 1
            time.sleep(1)


def ways(collector):
    """Options and variables of each server; "as it is" is what the others are compared with."""
    traces = {
        "OTEL_EXPORTER_OTLP_ENDPOINT": f"http://127.0.0.1:{collector.server_address[1]}",
        "OTEL_TRACES_SAMPLER": "parentbased_traceidratio",
        "OTEL_TRACES_SAMPLER_ARG": "0.01",
    }
    access = ["--access-log", work / "access"]
    found = {
        "as it is": ([], {}),
        "the same": ([], {}),
        "traces": ([], traces),
        "scrapes": ([], {}),
        "json": (["--log-format", "json"], {}),
        "access": (access, {}),
        "access-json": (["--access-log", work / "access-json", "--log-format", "json"], {}),
        "audit": (["--audit-log", work / "audit"], {}),
        "audit-second": (["--audit-log", work / "audit-second", "--audit-sync", "second"], {}),
    }
    only = os.environ.get("ONLY", "")
    wanted = {"as it is", "the same", *only.split(",")} if only else found.keys()
    if unknown := wanted - found.keys():
        sys.exit(f"ONLY: {', '.join(sorted(unknown))}: expected some of {', '.join(list(found)[2:])}")
    return {name: way for name, way in found.items() if name in wanted}


def loads():
    body = io.BytesIO()
    np.save(body, np.random.default_rng(30).standard_normal((30, 64), np.float32) * 0.3)
    (work / "video.npy").write_bytes(body.getvalue())
    script = work / "post.lua"
    script.write_text(f"""
        local file = io.open("{work}/video.npy", "rb")
        wrk.method, wrk.body = "POST", file:read("*a")
        wrk.headers["Content-Type"], wrk.headers["Prefer"] = "application/x-npy", "wait=60"
        """)
    return {"GET /livez, 16 clients": ("/livez", 16, None), "T = 30 scored, 8 clients": ("/score", 8, script)}


def show(title, found):
    """The table of a load; whether traces keep within the bar."""
    base, differs, good = found["as it is"], 0.0, True
    print(f"{title}\n{'':14} {'a second':>9} {'least':>9} {'most':>9} {'rate':>8} {'µs CPU':>9} {'CPU':>8}")
    for name, measured in found.items():
        rates, costs = zip(*measured)
        # Each against the one of its own round, so that what changes from round to round does not count.
        slower = statistics.median(1 - rate / other for (rate, _), (other, _) in zip(measured, base)) * 100
        dearer = statistics.median(cost / other - 1 for (_, cost), (_, other) in zip(measured, base)) * 100
        word = ""
        if name == "the same":
            differs = max(abs(slower), abs(dearer))
        if name == "traces":
            cost = max(slower, dearer)
            good = cost <= BAR
            word = "aim" if cost <= AIM else "bar" if good else "TOO NOISY TO TELL" if differs > BAR else "MISSED"
            word = f"  bar {BAR:g} %, aim {AIM:g} %: {word}"
        print(
            f"{name:14} {statistics.median(rates):9.0f} {min(rates):9.0f} {max(rates):9.0f} {-slower:+7.1f}% "
            f"{statistics.median(costs):9.2f} {dearer:+7.1f}%{word}",
            flush=True,
        )
    return good


def main():
    collector, servers = Collector(), []
    try:
        for name, way in ways(collector).items():
            servers.append(Server(name, *way))
        scraper = next((Scraper(server) for server in servers if server.name == "scrapes"), None)
        good = True
        for title, (path, connections, script) in loads().items():
            for server in servers:
                server.load(path, connections, script, 1)
            found = {server.name: [] for server in servers}
            for turn in range(rounds):
                # Forwards and backwards, so that none is always the one after another.
                for server in servers if turn % 2 == 0 else reversed(servers):
                    if server.name == "scrapes":
                        scraper.wanted.set()
                    found[server.name].append(server.load(path, connections, script, seconds))
                    if server.name == "scrapes":
                        scraper.wanted.clear()
            good = show(title, found) and good
        if "traces" in found:
            time.sleep(6)
            print(f"the collector took {collector.posts} posts of {collector.bytes} bytes")
            good = good and collector.posts > 0
        return good
    finally:
        for server in servers:
            server.child.kill()
            server.child.wait()
        shutil.rmtree(work, ignore_errors=True)


sys.exit(not main())
