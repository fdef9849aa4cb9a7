"""/metrics: what it says after known traffic, what promtool and a real Prometheus make of it, and what a scrape costs."""

import hashlib
import http.client
import json
import pathlib
import re
import shutil
import socket
import subprocess
import threading
import time
import urllib.error
import urllib.parse
import urllib.request

from support.harness import (
    LONG,
    ROOT,
    check,
    contains,
    equal,
    finish,
    group,
    need,
    note,
    scratch,
    skip,
)

need("metrics", "numpy")

from support import features, slow
from support.jobs import NPY, Client, ready
from support.process import Server

OPEN = "application/openmetrics-text"
SHORT = features.npy(features.video(30))


def table():
    """The names and kinds of all families, as docs/metrics.md has them."""
    rows = re.findall(r"^\| `(\w+)` \| (counter|gauge|histogram|info) \|", (ROOT / "docs/metrics.md").read_text(), re.MULTILINE)
    return dict(rows)


def scrape(server, accept="text/plain", headers=None):
    return Client(server, {"Accept": accept, **(headers or {})}).get("/metrics")


def samples(server):
    """Each sample's value, by its name and labels."""
    found = {}
    for line in scrape(server).body.decode().splitlines():
        if not line.startswith("#"):
            name, value = line.rsplit(" ", 1)
            found[name] = float(value)
    return found


def until(holds, seconds=120):
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if found := holds():
            return found
        time.sleep(0.05)
    return None


def promtool(*arguments, given=None):
    return subprocess.run(["promtool", *map(str, arguments)], input=given, capture_output=True, check=False)


with group("a fresh server"), Server(state="memory") as server:
    ready(server)
    answer = scrape(server)
    equal("Prometheus' format by default", answer.headers["content-type"], "text/plain; version=0.0.4; charset=utf-8")
    text = answer.body.decode()
    types = dict(re.findall(r"^# TYPE (\w+) (\w+)$", text, re.MULTILINE))
    kinds = {name: "gauge" if kind == "info" else kind for name, kind in table().items()}
    equal("every family of docs/metrics.md is there, and no other", types, kinds)
    first = samples(server)
    moved = {
        name: value
        for name, value in first.items()
        if value and re.match(r"vigil_\w+_(total|count)\b", name) and "http" not in name
    }
    equal("whatever counts jobs, chunks, refusals, commits, callbacks is zero", moved, {})
    check(
        "requests to /score are there at zero",
        first['vigil_http_requests_total{method="POST",route="/score",status="202"}'] == 0,
    )
    answer = scrape(server, OPEN + ";version=1.0.0,text/plain;q=0.5")
    equal("OpenMetrics where asked for", answer.headers["content-type"], OPEN + "; version=1.0.0; charset=utf-8")
    check("it ends with its mark", answer.body.endswith(b"# EOF\n"))
    try:
        from prometheus_client.openmetrics.parser import (
            text_string_to_metric_families as parse,
        )
    except ImportError:
        skip("prometheus_client reads OpenMetrics", "needs prometheus_client")
    else:
        equal("prometheus_client reads OpenMetrics strictly", len(list(parse(answer.body.decode()))), len(kinds))

with group("known traffic"), Server(state=scratch() / "state") as server:
    ready(server)
    before = samples(server)
    client = Client(server)
    for priority in ("high", "normal", "normal"):
        answer = client.ask("POST", f"/score?priority={priority}", SHORT, {"Content-Type": NPY, "Prefer": "wait=60"})
        equal(f"a job of priority {priority}", answer.status, 200)
    equal("an unknown job", client.get("/jobs/none").status, 404)
    equal("a body that is none", client.ask("POST", "/score", b"x", {"Content-Type": NPY}).status, 400)
    equal("a path that is none", client.get("/none").status, 404)
    until(lambda: samples(server)["vigil_job_write_seconds_count"] == 3)
    after = samples(server)

    def grown(name):
        return after.get(name, 0) - before.get(name, 0)

    expected = {
        'vigil_http_requests_total{method="POST",route="/score",status="200"}': 3,
        'vigil_http_requests_total{method="POST",route="/score",status="400"}': 1,
        'vigil_http_requests_total{method="GET",route="/jobs/{id}",status="404"}': 1,
        'vigil_http_requests_total{method="GET",route="none",status="404"}': 1,
        'vigil_http_request_duration_seconds_count{method="POST",route="/score",status="2xx"}': 3,
        'vigil_http_request_body_bytes_sum{method="POST",route="/score"}': 3 * len(SHORT) + 1,
        'vigil_http_problems_total{type="unknown-job"}': 1,
        'vigil_http_problems_total{type="unreadable-body"}': 1,
        'vigil_http_problems_total{type="not-found"}': 1,
        'vigil_jobs_submitted_total{priority="high"}': 1,
        'vigil_jobs_submitted_total{priority="normal"}': 2,
        'vigil_jobs_ended_total{status="succeeded"}': 3,
        'vigil_jobs{status="succeeded"}': 3,
        "vigil_job_wait_seconds_count": 3,
        "vigil_job_score_seconds_count": 3,
        "vigil_chunks_scored_total": 3,
        "vigil_snippets_scored_total": 90,
    }
    for name, value in expected.items():
        equal(name, grown(name), value)
    check(
        "commits are counted", grown("vigil_store_commit_seconds_count") > 0 and grown("vigil_store_steps_total") >= 6
    )
    check("the disk has room", after["vigil_store_free_bytes"] > 0 and after["vigil_store_database_bytes"] > 0)
    key = 'vigil_cpu_seconds_total{key="anonymous"}'
    check(
        "the processors' time is somebody's",
        0 < grown(key) <= grown("vigil_worker_busy_seconds_total") * 1.5,
        f"{grown(key)}",
    )

with group("load that is shed"), Server("--max-queued", "1", "--workers", "1", state="memory", **slow.only()) as server:
    ready(server)
    client = Client(server)
    long = features.npy(features.video(30_000))
    answers = []

    def full():
        """What is told after a refusal, while a job waits: for how long one does is the machine's affair."""
        answers.append(client.ask("POST", "/score", long, {"Content-Type": NPY}).status)
        told = samples(server)
        name = next(label for label in told if label.startswith('vigil_queue_jobs{priority="normal"'))
        age = told[name.replace("queue_jobs", "queue_oldest_wait_seconds")]
        return answers[-1] == 429 and told[name] == 1 and age > 0

    check("a job waits, grows old, and others are refused", until(full, 300), str(answers))
    equal(
        'vigil_refused_total{reason="queue-full"}',
        samples(server)['vigil_refused_total{reason="queue-full"}'],
        answers.count(429),
    )
    for job in client.get("/jobs").json()["jobs"]:
        client.ask("DELETE", f"/jobs/{job['id']}")

with group("who may scrape"):
    keys = scratch() / "keys"
    keys.write_text("alice:" + hashlib.sha256(b"one").hexdigest() + " role=admin\n")
    keys.chmod(0o600)
    with Server("--api-keys", keys, state="memory") as server:
        equal("with keys it asks for one", scrape(server).status, 401)
        answer = scrape(server, headers={"Authorization": "Bearer one"})
        contains("a known key is there at zero", answer.body.decode(), 'vigil_cpu_seconds_total{key="alice"} 0')
    with Server("--api-keys", keys, "--metrics", "public", state="memory") as server:
        answer = scrape(server)
        equal("public: without a key", answer.status, 200)
        check("names of keys are nobody's business", "alice" not in answer.body.decode())
        contains("all of them are one", answer.body.decode(), 'vigil_cpu_seconds_total{key="other"} 0')
    with Server("--metrics", "off", state="memory") as server:
        equal("off: no such path", scrape(server).status, 404)


def many(server, jobs):
    """Queues jobs that nobody works on, some hundred to a batch."""
    client, one = Client(server, timeout=120), features.npy(features.video(1))
    boundary = "vigilvigilvigil"
    part = (
        f'--{boundary}\r\nContent-Disposition: form-data; name="features"; filename="v.npy"\r\n\r\n'.encode()
        + one
        + b"\r\n"
    )
    left = jobs
    while left > 0:
        count = min(left, 500)
        body = part * count + f"--{boundary}--\r\n".encode()
        answer = client.ask("POST", "/score", body, {"Content-Type": f"multipart/form-data; boundary={boundary}"})
        if answer.status != 202:
            return answer
        left -= count
    return None


JOBS = 100_000 if LONG else 10_000

with group("what a scrape costs"), Server(
    "--max-queued",
    "200000",
    "--workers",
    "1",
    state="memory",
    **slow.only(),
) as server:
    ready(server)
    client = Client(server)
    for _ in range(3):
        client.ask("POST", "/score?priority=high", features.npy(features.video(60_000)), {"Content-Type": NPY})

    def cost(times=30):
        took = []
        for _ in range(times):
            begun = time.monotonic()
            client.get("/metrics")
            took.append(time.monotonic() - begun)
        return sorted(took)

    few = cost()
    problem = many(server, JOBS)
    check(f"{JOBS} jobs wait", problem is None, str(problem))
    before = samples(server)
    # The least of many: on a busy machine most are slow, whatever there is to tell.
    full = cost()
    for _ in range(20):
        if full[0] < few[0] * 3 + 0.002:
            break
        full = cost()
    after = samples(server)
    sums, counts = (
        f'vigil_http_request_duration_seconds_{end}{{method="GET",route="/metrics",status="2xx"}}' for end in ("sum", "count")
    )
    own = (after[sums] - before[sums]) / (after[counts] - before[counts])
    waiting = sum(value for name, value in samples(server).items() if name.startswith("vigil_queue_jobs{"))
    note(
        f"a scrape takes {few[15] * 1000:.2f} ms, with {waiting:.0f} jobs {full[15] * 1000:.2f} ms (medians, a client in "
        f"Python), of which the server's own {own * 1000:.2f} ms (mean)"
    )
    check("a scrape does not grow with the queue", full[0] < few[0] * 3 + 0.002, f"{few[0]} s, {full[0]} s")
    stop = threading.Event()

    def scrapes():
        one = Client(server)
        while not stop.is_set():
            one.get("/metrics")
            time.sleep(0.02)

    def livez(count=2_000):
        one, took = Client(server), []
        for _ in range(count):
            begun = time.monotonic()
            one.get("/livez")
            took.append(time.monotonic() - begun)
        return sorted(took)[int(count * 0.99)]

    alone = livez()
    thread = threading.Thread(target=scrapes)
    thread.start()
    beside = livez()
    for _ in range(10):
        if beside < max(0.25, 3 * alone):
            break
        beside = livez()
    stop.set()
    thread.join()
    note(f"p99 of /livez: {alone * 1000:.2f} ms alone, {beside * 1000:.2f} ms with fifty scrapes a second")
    check("scrapes hold nobody up", beside < max(0.25, 3 * alone), f"{beside} s")
    server.kill()


class Prometheus:
    """A real one that scrapes a server twice a second."""

    def __init__(self, target):
        self.folder = scratch()
        with socket.create_server(("127.0.0.1", 0)) as free:
            self.port = free.getsockname()[1]
        shutil.copy(ROOT / "deploy/prometheus/alerts.yaml", self.folder)
        text = (ROOT / "deploy/prometheus/prometheus.yaml").read_text()
        text = text.replace("15s", "500ms").replace("vigil:8080", target)
        (self.folder / "prometheus.yaml").write_text(text)
        self.log = open(self.folder / "log", "wb")
        self.child = subprocess.Popen(
            [
                "prometheus",
                f"--config.file={self.folder}/prometheus.yaml",
                f"--storage.tsdb.path={self.folder}/data",
                f"--web.listen-address=127.0.0.1:{self.port}",
                "--enable-feature=exemplar-storage",
            ],
            stdout=self.log,
            stderr=self.log,
        )

    def ask(self, path, **query):
        url = f"http://127.0.0.1:{self.port}/api/v1/{path}?{urllib.parse.urlencode(query, doseq=True)}"
        try:
            with urllib.request.urlopen(url, timeout=10) as answer:
                return json.load(answer)["data"]
        except urllib.error.HTTPError as error:
            if error.code == 503:  # it has only begun
                return None
            raise RuntimeError(error.read().decode()) from error
        except (OSError, http.client.HTTPException):
            return None

    def value(self, query):
        data = self.ask("query", query=query)
        return float(data["result"][0]["value"][1]) if data and data["result"] else None

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.child.terminate()
        self.child.wait(30)


def expressions():
    """The queries of the dashboard, with what Grafana puts in."""

    def walk(node):
        if isinstance(node, dict):
            for key, value in node.items():
                if key == "expr":
                    yield value
                else:
                    yield from walk(value)
        elif isinstance(node, list):
            for value in node:
                yield from walk(value)

    for query in walk(json.loads((ROOT / "deploy/grafana/vigil.json").read_text())):
        yield query.replace("$__rate_interval", "1m").replace("$job", ".*").replace("$instance", ".*")


if shutil.which("promtool") is None or shutil.which("prometheus") is None:
    skip("a real Prometheus", "needs prometheus and promtool")
    finish()

with group("promtool"):
    rules = promtool("check", "rules", ROOT / "deploy/prometheus/alerts.yaml")
    equal("check rules", rules.returncode, 0)
    cases = promtool("test", "rules", ROOT / "deploy/prometheus/alerts.test.yaml")
    check("test rules", cases.returncode == 0, cases.stdout.decode()[-2000:])
    config = promtool("check", "config", ROOT / "deploy/prometheus/prometheus.yaml")
    check("check config", config.returncode == 0, (config.stdout + config.stderr).decode())

with group("a real Prometheus"), Server(state=scratch() / "state") as server:
    ready(server)
    # promtool reads Prometheus' format alone; OpenMetrics is what Prometheus itself asks for below.
    found = promtool("check", "metrics", given=scrape(server).body)
    check("promtool check metrics", found.returncode == 0, (found.stdout + found.stderr).decode())
    client = Client(server)
    with Prometheus(f"127.0.0.1:{server.port}") as prometheus:
        check(
            "it scrapes",
            until(lambda: prometheus.value('up{job="vigil"}') == 1),
            pathlib.Path(prometheus.log.name).read_text()[-2000:],
        )
        trace = "4bf92f3577b34da6a3ce929d0e0e4736"
        for _ in range(5):
            client.ask(
                "POST",
                "/score",
                SHORT,
                {"Content-Type": NPY, "Prefer": "wait=60", "traceparent": f"00-{trace}-00f067aa0ba902b7-01"},
            )
        held = until(lambda: prometheus.value('vigil_jobs_ended_total{status="succeeded"}') == 5)
        check("its API has what happened", held)
        names = set(prometheus.ask("label/__name__/values"))
        samples_of = {
            name: [name + end for end in ("_bucket", "_sum", "_count")] if kind == "histogram" else [name]
            for name, kind in table().items()
        }
        missing = [name for names_of in samples_of.values() for name in names_of if name not in names]
        equal("every metric of the table is there", missing, [])
        kinds = {name: found[0]["type"] for name, found in prometheus.ask("metadata").items()}
        wrong = {
            name: kind
            for name, kind in table().items()
            if kinds.get(name, kinds.get(re.sub("_(total|info)$", "", name)))
            not in (kind, "gauge" if kind == "info" else kind)
        }
        equal("and it knows their kinds", wrong, {})
        failed = []
        for query in expressions():
            try:
                prometheus.ask("query", query=query)
            except RuntimeError as error:
                failed.append(f"{query}: {error}")
        equal("every query of the dashboard can be asked", failed, [])
        empty = [query for query in expressions() if not (prometheus.ask("query", query=query) or {}).get("result")]
        check("and nearly all have an answer", len(empty) <= 6, "\n".join(empty))
        loaded = prometheus.ask("rules")["groups"][0]["rules"]
        equal("the alert rules are loaded and sound", {rule["health"] for rule in loaded}, {"ok"})
        found = until(
            lambda: prometheus.ask(
                "query_exemplars",
                query="vigil_http_request_duration_seconds_bucket",
                start=time.time() - 600,
                end=time.time() + 60,
            ),
            120,
        )
        traces = {one["labels"]["trace_id"] for series in found or [] for one in series["exemplars"]}
        check("exemplars lead to traces", trace in traces, f"{traces}")

finish()
