"""Traces: spans as OTLP's schema has them, handed on with jobs and callbacks, to nobody who was not named."""

import json
import re
import signal
import time

from support.harness import check, contains, equal, finish, group, need, need_no_way_out, scratch, shown

need("traces", "numpy", "requests", "opentelemetry.proto", "google.protobuf")
need_no_way_out("traces")

import requests  # noqa: E402

from support import features, slow  # noqa: E402
from support.collector import Collector  # noqa: E402
from support.process import Server, run  # noqa: E402
from support.receivers import Receiver, secret  # noqa: E402

NPY = {"Content-Type": "application/x-npy"}
BODY = features.npy(features.video(600))
TRACE, PARENT = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"
SAMPLED, UNSAMPLED = f"00-{TRACE}-{PARENT}-01", f"00-{TRACE}-{PARENT}-00"
SECRET = "collector-token-hunter2"
folder = scratch()
texts = []


def serving(collector, *options, env=None, path="ENDPOINT"):
    settings = {
        f"OTEL_EXPORTER_OTLP_{path}": collector.url if path == "ENDPOINT" else f"{collector.url}/here",
        "OTEL_EXPORTER_OTLP_HEADERS": f"Authorization=Bearer%20{SECRET}",
        "OTEL_BSP_SCHEDULE_DELAY": "50",
    }
    return Server(*options, env=settings | (env or {}))


def ended(server):
    code = server.stop()
    texts.append(server.text())
    return code


def by_name(collector):
    found = {}
    for span in collector.spans:
        found.setdefault(span.name, []).append(span)
    return found


def attributes(span):
    return {one.key: one.value.string_value or one.value.int_value for one in span.attributes}


STEPS = {"POST /score", "receive", "decode", "submit", "queue", "score", "write"}

for protocol, coding in (("http/protobuf", "none"), ("http/json", "gzip")):
    with group(f"a scored video, {protocol}, {coding}"), Collector() as collector:
        variables = {
            "OTEL_EXPORTER_OTLP_PROTOCOL": protocol,
            "OTEL_EXPORTER_OTLP_COMPRESSION": coding,
            "OTEL_SERVICE_NAME": "cameras",
            "OTEL_RESOURCE_ATTRIBUTES": "deployment.environment.name=test,service.name=other",
        }
        server = serving(collector, env=variables)
        sent = NPY | {"traceparent": SAMPLED, "tracestate": "a=1, b=2", "Prefer": "wait=60", "X-Request-Id": "mine"}
        answer = requests.post(f"{server.url}/score?name=secret-name", data=BODY, headers=sent, timeout=60)
        equal("it is scored", (answer.status_code, answer.json()["status"]), (200, "succeeded"))
        collector.wait(lambda spans: STEPS <= {span.name for span in spans})
        spans = by_name(collector)
        equal("what the schema does not have", collector.faults, [])
        equal("all steps, once each", {name: len(found) for name, found in spans.items()}, dict.fromkeys(STEPS, 1))
        request = spans["POST /score"][0]
        equal("all of one trace", {span.trace_id.hex() for span in collector.spans}, {TRACE})
        equal("the request belongs to who sent it", request.parent_span_id.hex(), PARENT)
        parents = {span.parent_span_id for name, found in spans.items() if name != "POST /score" for span in found}
        equal("the steps belong to the request", parents, {request.span_id})
        equal("tracestate goes on", {span.trace_state for span in collector.spans}, {"a=1,b=2"})
        equal("kinds", (request.kind, spans["queue"][0].kind), (2, 1))
        equal("flags", {span.flags & 1 for span in collector.spans}, {1})
        equal("the parent is remote", (request.flags & 0x300, spans["score"][0].flags & 0x300), (0x300, 0x100))
        check("no span ends before it begins", all(s.start_time_unix_nano <= s.end_time_unix_nano for s in collector.spans))
        now = time.time_ns()
        check("times are now", all(abs(now - span.end_time_unix_nano) < 60e9 for span in collector.spans))
        order = [spans[name][0].start_time_unix_nano for name in ("POST /score", "receive", "decode")]
        check("steps come in their order", order == sorted(order), order)
        order = [spans[name][0].start_time_unix_nano for name in ("queue", "score", "write")]
        check("those of the job too", order == sorted(order), order)
        told = attributes(request)
        equal("status and route", (told["http.response.status_code"], told["http.route"]), (200, "/score"))
        equal("the request's id", told["vigil.request_id"], "mine")
        equal("the job's id", attributes(spans["score"][0])["vigil.job.id"], answer.json()["id"])
        check("no query is told", "secret-name" not in str(collector.requests))
        resource = collector.resources[0]
        equal("who it is", (resource["service.name"], resource["deployment.environment.name"]), ("cameras", "test"))
        path, headers, _ = collector.requests[0]
        equal("where it is sent", path, "/v1/traces")
        equal("the field that was asked for", headers["Authorization"], f"Bearer {SECRET}")
        requests.get(f"{server.url}/livez", timeout=60)
        equal("it ends as ever", ended(server), 0)
        equal("probes by themselves are no spans", [s.name for s in collector.spans if "livez" in s.name], [])

with group("a job outlasts its process, and its trace does"), Collector() as collector:
    state = folder / "state"
    # One worker, which holds two jobs at a time: both wait behind others when the process ends.
    server = serving(collector, "--state", state, "--workers", "1", *slow.beside())
    held = NPY | {"traceparent": UNSAMPLED}
    holds = features.npy(features.video(30_000))
    blockers = [
        requests.post(f"{server.url}/score?model=slow", data=holds, headers=held, timeout=60).json()["id"] for _ in range(3)
    ]
    sent = NPY | {"traceparent": SAMPLED, "tracestate": "a=1"}
    jobs = [requests.post(f"{server.url}/score", data=BODY, headers=sent, timeout=60).json()["id"] for _ in range(2)]
    server.signal(signal.SIGKILL)
    server.child.wait()
    texts.append(server.text())
    server = serving(collector, "--state", state, "--workers", "2", *slow.beside())
    for one in blockers:
        requests.delete(f"{server.url}/jobs/{one}", headers=held, timeout=60)
    collector.wait(lambda spans: sum(span.name == "write" for span in spans) == 2, 120)
    spans = by_name(collector)
    found = {attributes(span)["vigil.job.id"]: span for span in spans.get("score", [])}
    equal("both are there", sorted(found), sorted(jobs))
    equal("in the trace", {span.trace_id.hex() for span in found.values()}, {TRACE})
    equal("with its state", {span.trace_state for span in found.values()}, {"a=1"})
    equal("it ends as ever", ended(server), 0)

with group("callbacks"), Collector() as collector, Receiver() as receiver:
    key = folder / "secrets"
    key.write_text(secret() + "\n")
    key.chmod(0o600)
    options = ["--callback-hosts", "127.0.0.1", "--callback-private", "--callback-secrets", key]
    server = serving(collector, *options)
    url = f"{receiver.url}/token-hunter2"
    post = lambda fields: requests.post(  # noqa: E731
        f"{server.url}/score", params={"callback": url}, data=BODY, headers=NPY | fields, timeout=60
    )
    post({"traceparent": SAMPLED, "tracestate": "a=1"})
    call = receiver.wait("/token-hunter2")[0]
    collector.wait(lambda spans: any(span.name == "callback" for span in spans))
    span = by_name(collector)["callback"][0]
    equal("it is told its place", call.headers.get("traceparent"), f"00-{TRACE}-{span.span_id.hex()}-01")
    equal("and what others keep", call.headers.get("tracestate"), "a=1")
    equal("it belongs to the request", span.parent_span_id, by_name(collector)["POST /score"][0].span_id)
    check("its path is not told", "hunter2" not in str(collector.spans))
    post({"traceparent": UNSAMPLED})
    contains("one that is not recorded goes on as such", receiver.wait("/token-hunter2", 2)[1].headers["traceparent"], f"00-{TRACE}-")
    check("unsampled", receiver.calls[1].headers["traceparent"].endswith("-00"))
    equal("it ends as ever", ended(server), 0)
    with Server(*options) as server:
        post({"traceparent": SAMPLED})
        equal("without a collector it is handed on as it came", receiver.wait("/token-hunter2", 3)[2].headers["traceparent"], SAMPLED)
        post({"traceparent": SAMPLED.upper(), "tracestate": "a=1"})
        equal("what is none is not", receiver.wait("/token-hunter2", 4)[3].headers.get("traceparent"), None)

with group("samplers"), Collector() as collector:
    server = serving(collector, env={"OTEL_TRACES_SAMPLER": "parentbased_always_off"})
    get = lambda fields={}: requests.get(f"{server.url}/v1/models", headers=fields, timeout=60)  # noqa: E731
    get(), get({"traceparent": UNSAMPLED}), get({"traceparent": SAMPLED})
    collector.wait(lambda spans: spans)
    equal("it ends as ever", ended(server), 0)
    equal("only what its parent has recorded", [span.trace_id.hex() for span in collector.spans], [TRACE])
with group("a ratio"), Collector() as collector:
    server = serving(collector, env={"OTEL_TRACES_SAMPLER": "traceidratio", "OTEL_TRACES_SAMPLER_ARG": "0.25"})
    with requests.Session() as session:
        for _ in range(400):
            session.get(f"{server.url}/v1/models", timeout=60)
    equal("it ends as ever", ended(server), 0)
    check("about a quarter", 50 < len(collector.spans) < 150, len(collector.spans))
    equal("each in a trace of its own", len({span.trace_id for span in collector.spans}), len(collector.spans))

with group("a collector that has its troubles"), Collector(503, (429, {"Retry-After": "1"}), 502) as collector:
    server = serving(collector, path="TRACES_ENDPOINT")
    requests.get(f"{server.url}/v1/models", timeout=60)
    check("what it can't take is sent again", collector.wait(lambda spans: spans))
    equal("once", len(collector.spans), 1)
    equal("to the path as it was given", collector.requests[0][0], "/here")
    equal("it ends as ever", ended(server), 0)
    contains("the log tells of it once, and of the end", texts[-1], "traces can't be sent", "traces are sent again")
    equal("once", texts[-1].count("traces can't be sent"), 1)
with group("a collector that is not there"):
    server = Server(env={"OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:9", "OTEL_BSP_MAX_QUEUE_SIZE": "10"})
    with requests.Session() as session:
        codes = {session.get(f"{server.url}/v1/models", timeout=60).status_code for _ in range(100)}
    equal("costs no answer", codes, {200})
    begun = time.monotonic()
    equal("it ends as ever", ended(server), 0)
    check("and in time", time.monotonic() - begun < 60)
    contains("what is left out is counted", texts[-1], "spans are left out")

with group("what can't be used ends the start"):
    endpoint = {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:4318"}
    for name, value, says in (
        ("OTEL_EXPORTER_OTLP_PROTOCOL", "grpc", "gRPC is not spoken here"),
        ("OTEL_EXPORTER_OTLP_ENDPOINT", "collector-hunter2", "http://127.0.0.1:4318"),
        ("OTEL_EXPORTER_OTLP_HEADERS", "hunter2", "NAME=VALUE"),
        ("OTEL_EXPORTER_OTLP_HEADERS", "a=hunter2%0a", "control"),
    ):
        ran = run("serve", "--port", "0", "--state", "memory", env=endpoint | {name: value})
        equal(f"{name}={value}: exit code", ran.code, 78)
        contains(f"{name}={value}: message", ran.last, name, says)
        check("the value is not shown", "hunter2" not in ran.err, ran.err)
    with Server(env=endpoint | {"OTEL_SDK_DISABLED": "true"}) as server:
        check("switched off", "traces are on" not in server.text())

with group("logs"), Collector() as collector:
    log = folder / "access.log"
    server = serving(collector, "--log-format", "json", "--access-log", log)
    requests.get(f"{server.url}/v1/models", headers={"traceparent": SAMPLED, "X-Request-Id": "a b"}, timeout=60)
    bad = requests.get(f"{server.url}/nothing", headers={"X-Request-Id": "mine:1/2"}, timeout=60)
    equal("a problem has the request's id", (bad.json()["instance"], bad.headers["X-Request-Id"]), ("mine:1/2",) * 2)
    for expected in ("debug", "trace", "info"):
        server.signal(signal.SIGUSR1)
        end = time.monotonic() + 60
        while f'"log_level":"{expected}"' not in server.text() and time.monotonic() < end:
            time.sleep(0.01)
        contains(f"SIGUSR1: {expected}", server.text(), f'"log_level":"{expected}"')
    equal("it ends as ever", ended(server), 0)
    lines = [json.loads(line) for line in texts[-1].splitlines()]
    check("every line of the log is JSON with what it has to have", all(
        {"time", "level", "message"} <= set(line) for line in lines), shown(texts[-1]))
    told = [json.loads(line) for line in log.read_text().splitlines()]
    equal("the trace's name", told[0]["trace_id"], TRACE)
    check("an id that is none is replaced", re.fullmatch("[0-9a-z]{13}", told[0]["request_id"]), told[0])
    ran = run("serve", "--log-format", "json", "--port", "0", "--access-log", folder / "absent" / "log")
    equal("a server that does not begin", (ran.code, json.loads(ran.last.splitlines()[-1])["level"]), (78, "critical"))
    with Server("--log-level", "debug") as server:
        requests.get(f"{server.url}/v1/models", headers={"X-Request-Id": "seen"}, timeout=60)
        end = time.monotonic() + 60
        while "request_id=seen" not in server.text() and time.monotonic() < end:
            time.sleep(0.01)
        form = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z (trace|debug|info|notice|warning|error|critical) \S.*")
        wrong = [line for line in server.text().splitlines() if not form.fullmatch(line)]
        equal("lines of another form", wrong, [])
        contains("requests are told at debug", server.text(), " request ", "path=/v1/models", "request_id=seen")

equal("no secret is in any log", [text for text in texts if SECRET in text or "hunter2" in text], [])
finish()
