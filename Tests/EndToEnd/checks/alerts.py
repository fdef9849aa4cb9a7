"""Alerts: what is found in a camera's video, told by webhook, to Frigate's API and over MQTT by a real broker."""

import contextlib
import http.server
import json
import re
import signal
import threading
import time

from support.harness import check, contains, equal, finish, group, need, need_no_way_out, scratch, skip

need("alerts", "numpy", "requests")
need_no_way_out("alerts")

import requests  # noqa: E402

from support import brokers, features, slow  # noqa: E402
from support.certificates import Certificates  # noqa: E402
from support.jobs import alike  # noqa: E402
from support.process import Server, run  # noqa: E402
from support.receivers import Receiver, secret  # noqa: E402

NPY = {"Content-Type": "application/x-npy"}
SHORT = features.npy(features.video(20))
# For the slow model: the one holds a worker until it is cancelled, the other ends after some chunks.
LONG, SOME = alike(30_000), alike(1_500)
folder = scratch()
key = secret()
secret_file = folder / "secrets.txt"
secret_file.write_text(key + "\n")
secret_file.chmod(0o600)


class Frigate:
    """Frigate's API as far as it is about events: what comes is checked against it, and written down."""

    CREATE = re.compile(r"/api/events/([^/]+)/([^/]+)/create")
    END = re.compile(r"/api/events/([^/]+)/end")

    def __init__(self):
        self.events, self.faults, self.heads, self.changed = {}, [], [], threading.Condition()
        frigate = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self):
                frigate.take(self)

            do_PUT = do_POST

            def log_message(self, *_):
                pass

        class Listening(http.server.ThreadingHTTPServer):
            def handle_error(self, *_):
                pass

        self.server = Listening(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}"
        threading.Thread(target=self.server.serve_forever, args=(0.05,), daemon=True).start()

    def take(self, handler):
        body = json.loads(handler.rfile.read(int(handler.headers.get("Content-Length", 0))) or b"{}")
        with self.changed:
            self.heads.append(dict(handler.headers))
            status, answer = self.answer(handler.command, handler.path, body)
            self.changed.notify_all()
        told = json.dumps(answer).encode()
        handler.send_response(status)
        handler.send_header("Content-Type", "application/json")
        handler.send_header("Content-Length", str(len(told)))
        handler.end_headers()
        handler.wfile.write(told)

    def answer(self, method, path, body):
        if (found := self.CREATE.fullmatch(path)) and method == "POST":
            camera, label = found.groups()
            if camera == "unknown":
                return 404, {"success": False, "message": f"{camera} is not a valid camera."}
            shape = {"source_type": str, "sub_label": str, "score": (int, float), "include_recording": bool, "draw": dict}
            wrong = [name for name, kind in shape.items() if not isinstance(body.get(name), kind)]
            if body.get("duration", 0) is not None and not isinstance(body.get("duration"), int):
                wrong.append("duration")
            if wrong or set(body) - set(shape) - {"duration"}:
                self.faults.append((path, body))
                return 422, {"detail": wrong}
            identifier = f"{1700000000 + len(self.events)}.5-abc"
            self.events[identifier] = {"camera": camera, "label": label, "ends": 0, **body}
            return 200, {"success": True, "message": "Successfully created event.", "event_id": identifier}
        if (found := self.END.fullmatch(path)) and method == "PUT" and found[1] in self.events:
            self.events[found[1]]["ends"] += 1
            return 200, {"success": True, "message": "Event successfully ended."}
        self.faults.append((method, path))
        return 404, {"success": False, "message": "not found"}

    def of(self, camera):
        return {name: event for name, event in self.events.items() if event["camera"] == camera}

    def wait(self, found, seconds=180):
        with self.changed:
            self.changed.wait_for(found, seconds)
            return found()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.server.shutdown()
        self.server.server_close()


@contextlib.contextmanager
def serving(name, *options, **more):
    server = Server(*options, "--state", folder / name, "--log-level", "debug", **more)
    try:
        yield server
    finally:
        server.stop()


def post(server, camera, body=SHORT, **query):
    parameters = {"camera": camera, "fps": 30} | query
    answer = requests.post(f"{server.url}/score", params=parameters, data=body, headers=NPY, timeout=60)
    assert answer.status_code == 202, answer.text
    return answer.json()["id"]


def job(server, identifier, seconds=600):
    """The job, once it has ended."""
    end = time.monotonic() + seconds
    while True:
        found = requests.get(f"{server.url}/jobs/{identifier}", timeout=60).json()
        if found["status"] not in ("queued", "running") or time.monotonic() > end:
            return found
        time.sleep(0.05)


def metric(server, name):
    text = requests.get(f"{server.url}/metrics", timeout=60).text
    return next((float(line.rsplit(" ", 1)[1]) for line in text.splitlines() if line.startswith(name + " ")), None)


def written(server):
    return metric(server, 'vigil_alerts_total{place="frigate",outcome="told"}')


def settled(server):
    """Waits until all is told of the jobs that have ended."""
    return check("nothing waits", wait_for(lambda: metric(server, "vigil_alerts_waiting") == 0))


def wait_for(found, seconds=180):
    end = time.monotonic() + seconds
    while not found() and time.monotonic() < end:
        time.sleep(0.05)
    return found()


def pairs(alerts, kind):
    """The segments of alerts as (start, end) in the order of their ends; each has to have begun before."""
    begun, ended = set(), []
    for alert in alerts:
        if kind(alert) == "begin":
            begun.add(alert["segment"])
        else:
            equal("a begin was told before its end", alert["segment"] in begun, True)
            ended.append((alert["start"], alert["end"]))
    equal("an end follows each begin", len({alert["segment"] for alert in alerts}), len(set(ended)))
    return ended


def event_type(alert):
    return alert["event_type"]


with group("what can't be set"):
    for options, words in (
        (["--alerts-mqtt", "http://127.0.0.1"], "--alerts-mqtt"),
        (["--alerts-mqtt", "mqtt://127.0.0.1/a/#"], "prefix"),
        (["--alerts-webhook", "http://127.0.0.1:1/"], "--alerts-webhook-secrets"),
        (["--alerts-webhook", "ftp://x/", "--alerts-webhook-secrets", secret_file], "--alerts-webhook"),
        (["--alerts-frigate", "http://127.0.0.1/api"], "--alerts-frigate"),
        (["--alerts-min-score", "2"], "--alerts-min-score"),
    ):
        ended = run("serve", "--port", "0", *options)
        check(f"{options[0]} {options[1]}: an error", ended.code in (64, 78), f"{ended.code} {ended.last}")
        contains("one line says what", ended.last, words)

with Receiver() as receiver, Frigate() as frigate:
    options = ["--alerts-webhook", f"{receiver.url}/alerts?a=b", "--alerts-webhook-secrets", secret_file]
    options += ["--alerts-frigate", frigate.url + "/", "--alerts-frigate-token", "a.b.c"]
    with serving("http", *options) as server:
        with group("a job of one chunk, by webhook"):
            identifier = post(server, "front door", threshold=0.0001, name="clip 1")
            result = job(server, identifier)["result"]
            equal("the result says the camera", result["camera"], "front door")
            count = len(result["segments"])
            check("there is something to tell", count > 0, str(result["segments"]))
            calls = receiver.wait("/alerts?a=b", 2 * count)
            found = [call.json for call in calls]
            told = pairs([one["data"] | {"type": one["type"]} for one in found], lambda one: one["type"].split(".")[1])
            equal("the segments of the result", told, [(one["start"], one["end"]) for one in result["segments"]])
            check("signed by the secret", all(call.signed_by(key) for call in calls))
            first, segment = found[0], result["segments"][0]
            equal("its id", calls[0].headers["webhook-id"], f"{identifier}-{segment['start']}-begin")
            equal("what it is", (first["type"], found[1]["type"]), ("segment.begin", "segment.end"))
            names = {"segment", "camera", "job", "name", "model", "label", "score", "start", "end"}
            equal("all that is told", set(first["data"]), names | {"start_seconds", "end_seconds"})
            last = found[1]["data"]
            same = ("start", "end", "label", "score", "start_seconds", "end_seconds")
            equal("the end is the result's", [last[name] for name in same], [segment[name] for name in same])
            equal("the begin has no end", (first["data"]["end"], first["data"]["end_seconds"]), (None, None))
        with group("and in Frigate"):
            frigate.wait(lambda: len(frigate.of("front%20door")) >= count)
            events = list(frigate.of("front%20door").values())
            equal("an event a segment, and no request that its API does not have", (len(events), frigate.faults), (count, []))
            length = segment["end_seconds"] - segment["start_seconds"]
            equal("as long as it was", events[0]["duration"], max(1, int(-(-length // 1))))
            equal("with its score", abs(events[0]["score"] - segment["score"]) < 1e-6, True)
            equal("and the token", {head.get("Authorization") for head in frigate.heads}, {"Bearer a.b.c"})
        with group("what a place refuses is not tried again"):
            post(server, "unknown", threshold=0.0001)
            refused = 'vigil_alerts_total{place="frigate",outcome="refused"}'
            check("it is counted", wait_for(lambda: metric(server, refused)), str(metric(server, refused)))
            settled(server)
        with group("who names no camera alerts nobody"):
            before = len(receiver.calls)
            parameters = {"threshold": 0.0001, "fps": 30}
            quiet = requests.post(f"{server.url}/score", params=parameters, data=SHORT, headers=NPY, timeout=60).json()
            check("there was something", job(server, quiet["id"])["result"]["segments"])
            # What is told of a job that came later is told after it.
            later = post(server, "later", threshold=0.0001)
            receiver.wait("/alerts?a=b", before + 2 * len(job(server, later)["result"]["segments"]))
            settled(server)
            told = {call.json["data"]["job"] for call in receiver.calls[before:]}
            equal("none of it was told", told, {later})
            for camera in ("x" * 65, "a\nb"):
                answer = requests.post(f"{server.url}/score", params={"camera": camera}, data=SHORT, headers=NPY, timeout=60)
                contains(f"camera={camera[:5]!r}", f"{answer.status_code} {answer.text}", "422", "camera")
    with Receiver({"/alerts": [503, 204]}) as shaky, group("a receiver that fails"):
        options = ["--alerts-webhook", f"{shaky.url}/alerts", "--alerts-webhook-secrets", secret_file]
        with serving("shaky", *options, "--alerts-min-score", "0.0001") as server:
            identifier = post(server, "yard", threshold=0.0001)
            count = len(job(server, identifier)["result"]["segments"])
            calls = shaky.wait("/alerts", 2 * count + 1)
            equal("is told again, by the same id", calls[0].headers["webhook-id"], calls[1].headers["webhook-id"])
            settled(server)

with group("what a receiver does not take holds up nothing else"):
    class Picky(Receiver):
        """Answers 500 to one camera."""

        def take(self, handler):
            body = handler.rfile.read(int(handler.headers.get("Content-Length", 0)))
            camera = json.loads(body)["data"]["camera"]
            with self.changed:
                self.calls.append(camera)
                self.changed.notify_all()
            handler.send_response(500 if camera == "bad" else 204)
            handler.send_header("Content-Length", "0")
            handler.end_headers()

        def heard(self, camera, seconds=300):
            with self.changed:
                return self.changed.wait_for(lambda: camera in self.calls, seconds)

    with Picky() as picky:
        options = ["--alerts-webhook", f"{picky.url}/alerts", "--alerts-webhook-secrets", secret_file]
        with serving("picky", *options) as server:
            for _ in range(24):
                post(server, "bad", threshold=0.0001)
            check("it is told of what it does not take", picky.heard("bad"))
            for camera in ("one", "two", "three"):
                post(server, camera, threshold=0.0001)
                check(f"and of {camera}", picky.heard(camera))
            equal("what is left waits", metric(server, "vigil_alerts_waiting") >= 24, True)

if not brokers.available:
    skip("alerts: MQTT", "needs mosquitto and mosquitto-clients")
    finish()

with brokers.Broker() as broker, Frigate() as frigate:
    base = [*slow.beside(), "--workers", "1", "--alerts-frigate", frigate.url]
    mqtt = ["--alerts-mqtt", f"mqtt://127.0.0.1:{broker.port}", "--alerts-homeassistant", "homeassistant"]
    with brokers.Listener(broker) as listener:
        with serving("mqtt", *base, *mqtt) as server:
            with group("over MQTT"):
                listener.wait(lambda heard: ("vigil/status", False, "online") in heard)
                equal("the server says that it is there", listener.texts("vigil/status"), ["online"])
                identifier = post(server, "a/b +#", threshold=0.0001)
                segments = job(server, identifier)["result"]["segments"]
                camera = "a%2Fb%20%2B%23"
                events = listener.wait_for_events(camera, 2 * len(segments))
                equal("all segments", pairs(events, event_type), [(one["start"], one["end"]) for one in segments])
                listener.wait(lambda _: listener.texts(f"vigil/camera/{camera}/state")[-1:] == ["OFF"])
                equal("what is kept is the newest", json.loads(listener.texts(f"vigil/camera/{camera}/last")[-1]), events[-1])
                equal("it was on, and is off", listener.texts(f"vigil/camera/{camera}/state")[:2], ["ON", "OFF"])
            with group("Home Assistant finds it"):
                names = [name for name, _, _ in listener.heard if name.startswith("homeassistant/")]
                place = "homeassistant/{}/vigil_a_2Fb_20_2B_23/{}/config"
                wanted = [place.format("binary_sensor", "anomaly"), place.format("event", "segment")]
                equal("two entities, once", names, wanted)
                sensor, event = (json.loads(listener.texts(name)[0]) for name in wanted)
                equal("the sensor's topic", sensor["state_topic"], f"vigil/camera/{camera}/state")
                equal("its attributes", sensor["json_attributes_topic"], f"vigil/camera/{camera}/last")
                equal("the event's", event["state_topic"], f"vigil/camera/{camera}/event")
                check("its types are those that are told", {one["event_type"] for one in events} <= set(event["event_types"]))
                equal("both are of one device", sensor["device"], event["device"])
                equal("and known by names of their own", len({sensor["unique_id"], event["unique_id"]}), 2)
                equal("who is there when the server is", {sensor["availability_topic"], event["availability_topic"]}, {"vigil/status"})
                with brokers.Listener(broker) as later:
                    later.wait(lambda heard: len(heard) >= 5)
                    kept = {name for name, was_kept, _ in later.heard if was_kept}
                    check("all of it is kept for who comes later", kept >= {"vigil/status", *wanted}, str(kept))
            with group("while a job runs"):
                settled(server)
                before = written(server)
                running = post(server, "live", LONG, model="slow", threshold=0)
                begin = listener.wait_for_events("live", 1)[0]
                equal("its begin is told", (begin["event_type"], begin["start"], begin["job"]), ("begin", 0, running))
                status = requests.get(f"{server.url}/jobs/{running}", timeout=60).json()["status"]
                equal("and it still runs", status, "running")
                check("Frigate knows of an event that goes on", frigate.wait(lambda: len(frigate.of("live")) == 1))
                live = list(frigate.of("live").values())[0]
                equal("without a duration", (live["duration"], live["ends"]), (None, 0))
            with group("kill -9 of the server"):
                # Frigate's id of the event is written down once it was answered, and then it counts as told.
                check("both begins are written down", wait_for(lambda: written(server) == before + 1))
                server.signal(signal.SIGKILL)
                server.wait()
                listener.wait(lambda _: "offline" in listener.texts("vigil/status"))
                equal("the broker says that it is gone", listener.texts("vigil/status")[-1], "offline")
        with serving("mqtt", *base, *mqtt) as server:
            with group("what it had begun is ended by the next one"):
                listener.wait(lambda _: listener.texts("vigil/status")[-1] == "online")
                requests.delete(f"{server.url}/jobs/{running}", timeout=60)
                events = listener.wait_for_end("live")
                end = events[-1]
                equal("by its name", (end["event_type"], end["segment"]), ("end", begin["segment"]))
                equal("for a reason", (end["reason"], end["end"]), ("cancelled", None))
                listener.wait(lambda _: listener.texts("vigil/camera/live/state")[-1] == "OFF")
                equal("and the camera is off", listener.texts("vigil/camera/live/state")[-1], "OFF")
                check("Frigate's event too", frigate.wait(lambda: all(one["ends"] for one in frigate.of("live").values())))
            with group("a job that is killed in the middle"):
                settled(server)
                before = written(server)
                running = post(server, "middle", SOME, model="slow", threshold=0)
                begin = listener.wait_for_events("middle", 1)[0]
                check("Frigate's id is written down", wait_for(lambda: written(server) > before))
                server.signal(signal.SIGKILL)
                server.wait()
        with serving("mqtt", *base, *mqtt) as server:
            with group("and scored by the next one"):
                equal("is done", job(server, running)["status"], "succeeded")
                events = listener.wait_for_end("middle")
                equal("one segment", {one["segment"] for one in events}, {begin["segment"]})
                equal("to its end", (events[-1]["event_type"], events[-1]["end"]), ("end", 1_500))
                check("in Frigate", frigate.wait(lambda: all(one["ends"] or one["duration"] for one in frigate.of("middle").values())))
            with group("a job that is cancelled and forgotten at once"):
                gone = post(server, "gone", LONG, model="slow", threshold=0)
                listener.wait_for_events("gone", 1)
                wait_for(lambda: requests.delete(f"{server.url}/jobs/{gone}", timeout=60).status_code in (204, 404))
                events = listener.wait_for_end("gone")
                equal("what had begun is over", events[-1]["event_type"], "end")
                listener.wait(lambda _: listener.texts("vigil/camera/gone/state")[-1:] == ["OFF"])
                equal("and the camera is off", listener.texts("vigil/camera/gone/state")[-1], "OFF")
            with group("kill -9 of the broker"):
                running = post(server, "away", LONG, model="slow", threshold=0)
                begin = listener.wait_for_events("away", 1)[0]
                broker.kill()
                place = 'vigil_alert_place_away{place="mqtt"}'
                equal("the metric says so", wait_for(lambda: metric(server, place) == 1), True)
                meanwhile = {name: post(server, name, threshold=0) for name in ("one", "two", "three")}
                for name, identifier in meanwhile.items():
                    equal(f"{name} is scored all the same", job(server, identifier)["status"], "succeeded")
                requests.delete(f"{server.url}/jobs/{running}", timeout=60)
                equal("what had begun ends", job(server, running)["status"], "cancelled")
                check("Frigate is told", frigate.wait(lambda: len(frigate.of("three")) == 1))
                check("what the broker has to be told waits", metric(server, "vigil_alerts_waiting") >= 4)
                contains("the log says so once", server.text(), "the broker of alerts is away")
    broker.begin()
    with brokers.Listener(broker) as listener, group("when it is there again"):
        with serving("mqtt", *base, *mqtt) as server:
            events = listener.wait_for_end("away")
            equal("what had begun is over", events[-1]["segment"], begin["segment"])
            for name, identifier in meanwhile.items():
                events = listener.wait_for_end(name)
                equal(f"{name} is told", pairs(events, event_type), [(0, 20)])
                equal("of its job", {one["job"] for one in events}, {identifier})
            settled(server)
            equal("it is not away", metric(server, 'vigil_alert_place_away{place="mqtt"}'), 0)
        listener.wait(lambda _: listener.texts("vigil/status")[-1] == "offline")
        equal("a server that ends in order says so", listener.texts("vigil/status")[-1], "offline")
    equal("no request that Frigate's API does not have", frigate.faults, [])

if Certificates.available:
    certificates = Certificates(folder)
    good, mine, stranger = (certificates.make(name) for name in ("broker", "mine", "theirs"))
    words = folder / "password"
    words.write_text("a word\n")
    words.chmod(0o600)
    with brokers.Broker((certificates.pem("ca"), *good), "vigil", "a word") as broker:
        own = ("--cafile", certificates.pem("ca"), "--cert", mine[0], "--key", mine[1], "-u", "vigil", "-P", "a word")
        shared = ["--alerts-mqtt", f"mqtts://127.0.0.1:{broker.port}/site/1", "--alerts-mqtt-user", "vigil"]
        shared += ["--alerts-mqtt-cert", mine[0], "--alerts-mqtt-key", mine[1]]
        with brokers.Listener(broker, *own) as listener:
            for version in ("3.1.1", "5"):
                options = [*shared, "--alerts-mqtt-password-file", words, "--alerts-ca", certificates.pem("ca")]
                with serving(f"tls-{version}", *options, "--alerts-mqtt-version", version) as server:
                    with group(f"TLS, MQTT {version}"):
                        identifier = post(server, f"camera-{version}", threshold=0)
                        events = listener.wait_for_events(f"camera-{version}", 2, prefix="site/1")
                        equal("all segments", pairs(events, event_type), [(0, 20)])
        with group("who is not to be believed"):
            for why, options, said in (
                ("another authority", ["--alerts-mqtt-password-file", words, "--alerts-ca", certificates.pem("other")], "certificate"),
                ("a wrong password", ["--alerts-mqtt-password", "another", "--alerts-ca", certificates.pem("ca")], "refuse"),
            ):
                with serving("refused", *shared, *options) as server:
                    line = wait_for(lambda: [one for one in server.text().splitlines() if "broker of alerts is away" in one])
                    contains(f"{why}: the log says why", line[0] if line else "", said)
finish()
