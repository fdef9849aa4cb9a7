"""The features that a job is about: what can be had of them, who may, and the same video again without decoding it."""

import contextlib
import hashlib
import io
import json
import shutil
import struct
import subprocess
import sys

from support.harness import SHARED, check, contains, equal, finish, group, need, scratch, shown, skip

need("video_features", "numpy", shared=True)

import numpy as np  # noqa: E402

from support.jobs import Client  # noqa: E402
from support.process import run  # noqa: E402
from support.receivers import Receiver, secret  # noqa: E402
from support.videos import Studio, files, form, post, until  # noqa: E402

if not shutil.which("ffmpeg"):
    skip("video_features", "needs ffmpeg")
    finish()

folder = scratch()
# An ffmpeg that looks at videos, and decodes none of them while it is told not to.
flaky = folder / "flaky"


def decodes(does):
    refusal = "" if does else 'case "$*" in *"-f rawvideo pipe:1"*) exit 1;; esac\n'
    flaky.write_text(f'#!/bin/sh\n{refusal}exec {shutil.which("ffmpeg")} "$@"\n')
    flaky.chmod(0o755)


decodes(True)


with group("a model with its image tower"):
    studio = Studio(folder)
    video = studio.clip("a.mkv", "-c:v", "ffv1")
    other = studio.clip("b.mp4", "-c:v", "mpeg4", rate=25)
    ran = run("extract", "a.mkv", "--model", studio.model, "--output", folder / "made", cwd=folder, timeout=120)
    equal("vigil extract: exit", ran.code, 0)
    expected = np.load(folder / "made/a.npy")
    told = json.loads((folder / "made/a.json").read_text())


def safetensors(data):
    size = struct.unpack("<Q", data[:8])[0]
    head = json.loads(data[8 : 8 + size])
    types = {"F32": "<f4", "F64": "<f8"}
    tensors = {}
    for name, one in head.items():
        if name != "__metadata__":
            start, end = (8 + size + at for at in one["data_offsets"])
            tensors[name] = np.frombuffer(data[start:end], types[one["dtype"]]).reshape(one["shape"])
    return tensors, head.get("__metadata__", {})


for state in ("a folder", "memory"):
    with group(f"features of a video, jobs in {state}"), studio.serve(state="memory" if state == "memory" else None) as server:
        client = Client(server)
        job = post(client, video, "?threshold=0", "video/x-matroska", Prefer="wait=60").json()
        equal("it is scored", job["status"], "succeeded")
        place = f"/jobs/{job['id']}/features"
        answer = client.get(place)
        equal("an .npy", (answer.status, answer.headers["content-type"]), (200, "application/x-npy"))
        found = np.load(io.BytesIO(answer.body))
        check("the very features of vigil extract", found.dtype == np.float32 and np.array_equal(found, expected))
        equal("their digest is the job's", hashlib.sha256(found.tobytes()).hexdigest(), job["features_sha256"])
        equal("as it is known: 304", client.get(place, **{"If-None-Match": answer.headers["etag"]}).status, 304)
        head = client.ask("HEAD", place)
        equal("HEAD", (head.status, head.headers["content-length"], head.body), (200, str(len(answer.body)), b""))
        tensors, metadata = safetensors(client.get(place, Accept="application/vnd.safetensors").body)
        check("safetensors", np.array_equal(tensors["features"], expected) and tensors["times"].tolist() == told["times"], shown(metadata))
        equal("with the recipe", metadata["recipe_sha256"], told["recipe_sha256"])
        document = client.get(place, Accept="application/json").json()
        for name in ("frames", "rows", "width", "tail_frames", "frame_sizes", "features_sha256", "fps", "times", "recipe", "recipe_sha256"):
            equal(f"JSON: {name} as vigil extract has it", document[name], told[name])
        equal("JSON: the video", document["video"]["sha256"], hashlib.sha256(video).hexdigest())
        equal("another form", client.get(place, Accept="text/html").status, 406)
        equal("a parameter", client.get(place + "?x=1").problem(), "invalid-parameter")
        # What is downloaded scores as the video did, with the video's seconds.
        (folder / "got.npy").write_bytes(answer.body)
        (folder / "got.json").write_text(json.dumps(document))
        again = json.loads(run("score", "got.npy", "--model", studio.model, "--threshold", 0, cwd=folder).out)
        equal("scored by vigil score", (again["coarse"], again["segments"]), (job["result"]["coarse"], job["result"]["segments"]))
        equal("forgotten", client.delete(f"/jobs/{job['id']}").status, 204)
        equal("its features too", client.get(place).problem(), "unknown-job")
        if server.own:
            check("no file is left", until(lambda: not files(server.own)), shown(files(server.own)))
        features = np.random.default_rng(1).normal(0, 1, (20, 64)).astype(np.float32)
        job = post(client, features.tobytes(), "", "application/octet-stream", Prefer="wait=60").json()
        answer = client.get(f"/jobs/{job['id']}/features")
        equal("an upload that is not kept", (answer.status, answer.problem()), (404, "no-features"))
        contains("says why", answer.json()["detail"], "--upload-ttl")

with group("what is not there"), studio.serve("--upload-ttl", 1000, "--max-features", 0) as server:
    client = Client(server)
    features = np.random.default_rng(2).normal(0, 1, (3000, 64)).astype(np.float32)
    job = post(client, features.tobytes(), "", "application/octet-stream", Prefer="wait=60").json()
    answer = client.get(f"/jobs/{job['id']}/features")
    check("an upload that is kept", np.array_equal(np.load(io.BytesIO(answer.body)), features), answer)
    tensors, _ = safetensors(client.get(f"/jobs/{job['id']}/features", Accept="application/vnd.safetensors").body)
    check("as safetensors", np.array_equal(tensors["features"], features))
    job = post(client, video, "", "video/x-matroska", Prefer="wait=60").json()
    answer = client.get(f"/jobs/{job['id']}/features")
    equal("none are kept of videos", (job["status"], answer.status, answer.problem()), ("succeeded", 404, "no-features"))
    contains("says why", answer.json()["detail"], "--max-features")
    short = studio.clip("short.mkv", "-c:v", "ffv1", "-frames:v", 15)
    job = post(client, short, "", Prefer="wait=60").json()
    equal("of one that failed", client.get(f"/jobs/{job['id']}/features").problem(), "no-features")

slow = folder / "slow"
slow.write_text(f'#!/bin/sh\ncase "$*" in *-version*) exec {shutil.which("ffmpeg")} "$@";; esac\nexec {shutil.which("ffmpeg")} -re "$@"\n')
slow.chmod(0o755)
with group("not yet"), studio.serve("--ffmpeg", slow) as server:
    client = Client(server)
    long = studio.clip("long.mkv", "-c:v", "ffv1", seconds=120)
    job = post(client, long).json()
    answer = client.get(f"/jobs/{job['id']}/features")
    equal("a running job", (answer.status, answer.problem(), "retry-after" in answer.headers), (409, "features-not-ready", True))
    client.delete(f"/jobs/{job['id']}")
    client.until(job["id"])
    equal("a cancelled one", client.get(f"/jobs/{job['id']}/features").problem(), "no-features")

with group("the same video twice at once"), studio.serve("--ffmpeg", slow) as server:
    client = Client(server)
    first, second = (post(client, video).json()["id"] for _ in range(2))
    ended = [client.until(one) for one in (first, second)]
    equal("both are scored", [one["status"] for one in ended], ["succeeded"] * 2)
    makers = [one["result"]["provenance"].get("features_of_job") for one in ended]
    check("one has decoded it, and the other has its features", makers in ([None, first], [second, None]), shown(makers))
    equal("which are the same", ended[0]["features_sha256"], ended[1]["features_sha256"])
    first, second = (post(client, long).json()["id"] for _ in range(2))
    check("both are worked on", until(lambda: all(client.job(one)["status"] == "running" for one in (first, second))))
    client.delete(f"/jobs/{first}")
    client.until(first)
    check("one is cancelled, and the other goes on", until(lambda: client.job(second)["phase"] == "embed"), shown(client.job(second)))
    equal("as before", client.job(second)["status"], "running")
    client.delete(f"/jobs/{second}")
    client.until(second)

PARTS = ("coarse", "fine", "video", "segments", "fps", "frames", "truncated")


def same(name, job, first):
    for part in PARTS:
        equal(f"{name}: the same {part}", job["result"][part], first["result"][part])
    for part in ("features_sha256", "snippets", "warnings"):
        equal(f"{name}: the same {part}", job[part], first[part])


def scored(client, query="", body=video, kind="video/x-matroska", again=False):
    """The job; where the video came before, it has to be scored while nothing can be decoded."""
    decodes(not again)
    job = post(client, body, query, kind, Prefer="wait=60").json()
    decodes(True)
    equal(f"{query or 'plain'}: scored" + (" without decoding" if again else ""), job["status"], "succeeded")
    return job


def maker(job):
    """The earlier job whose features were taken; None where they were made."""
    return job["result"]["provenance"].get("features_of_job")


for state in ("a folder", "memory"):
    with group(f"the same video again, jobs in {state}"):
        place = scratch() if state == "a folder" else "memory"
        with studio.serve("--ffmpeg", flaky, state=place) as server:
            client = Client(server)
            first = scored(client, "?threshold=0")
            equal("it is decoded", maker(first), None)
            again = scored(client, "?threshold=0", again=True)
            equal("again: that is said", maker(again), first["id"])
            same("again", again, first)
            equal("again: another job", again["id"] != first["id"], True)
            provenance = dict(again["result"]["provenance"])
            provenance.pop("features_of_job")
            equal("again: provenance", provenance, first["result"]["provenance"])
            third = scored(client, "?threshold=0.9&logits=true", again=True)
            equal("with another threshold", third["result"]["coarse"], first["result"]["coarse"])
            for query in ("?tail=keep", "?pool=middle", "?cadence=time"):
                equal(f"{query} is decoded", maker(scored(client, query)), None)
            equal("another video is decoded", maker(scored(client, "", other, "video/mp4")), None)
            body, kind = form(("video", "x.mkv", video))
            scored(client, "?threshold=0", body, kind, again=True)
            client.delete(f"/jobs/{first['id']}")
            fourth = scored(client, "?threshold=0", again=True)
            equal("also once the first job is forgotten", maker(fourth), first["id"])
            check("features of a job that shares them", client.get(f"/jobs/{fourth['id']}/features").status == 200)
            for job in client.all():
                client.delete(f"/jobs/{job['id']}")
            equal("and not once all are", maker(scored(client, "?threshold=0")), None)
        if state == "a folder":
            with studio.serve("--ffmpeg", flaky, state=place) as server:
                fifth = scored(Client(server), "?threshold=0", again=True)
            # What a disk has made of features is not gone by. Jobs that share them have one file.
            name = f"{fifth['id']}.features"
            data = bytearray((place / "videos" / name).read_bytes())
            data[-5] ^= 1
            with open(place / "videos" / name, "r+b") as file:
                file.write(data)
            with studio.serve("--ffmpeg", flaky, state=place) as server:
                client = Client(server)
                broken = None
                with contextlib.suppress(ConnectionError):
                    broken = client.get(f"/jobs/{fifth['id']}/features")
                check("damaged features are not given", broken is None or broken.status == 404, broken)
                client.close()
                sixth = scored(client, "?threshold=0")
                equal("damaged features are made again", (maker(sixth), sixth["result"]["coarse"]), (None, first["result"]["coarse"]))

with group("keys"):
    keys = folder / "keys"
    secrets = {}
    for name, options in {"ann": (), "bob": (), "ann2": ("--owner", "ann")}.items():
        secrets[name] = run("keys", "add", name, *options, "--api-keys", keys).out.strip()
    with studio.serve("--ffmpeg", flaky, "--api-keys", keys) as server:
        clients = {name: Client(server, {"Authorization": f"Bearer {secret}"}) for name, secret in secrets.items()}
        jobs = {name: scored(clients[name], "?threshold=0", again=name == "ann2") for name in secrets}
        equal("another key's is made again, and nothing is said of the first", maker(jobs["bob"]), None)
        equal("one of the same owner is not", maker(jobs["ann2"]), jobs["ann"]["id"])
        place = f"/jobs/{jobs['ann']['id']}/features"
        equal("features are the owner's", [clients[name].get(place).status for name in ("ann", "ann2", "bob")], [200, 200, 404])
        equal("as of what there is not", clients["bob"].get(place).problem(), "unknown-job")

for state in ("a folder", "memory"):
    with group(f"pictures of segments, jobs in {state}"), studio.serve(state="memory" if state == "memory" else None) as server:
        client = Client(server)
        cuts = "?threshold=0.04&leave=0.04&thumbnails=3"
        job = scored(client, cuts)
        segments = job["result"]["segments"]
        check("there are segments", segments, shown(job["result"]["coarse"]))
        places = {one["start"]: one["thumbnail"] for one in segments if "thumbnail" in one}
        equal("those of the highest scores have a picture", len(places), min(3, len(segments)))
        for start, place in places.items():
            equal("its place", place, f"/jobs/{job['id']}/thumbnails/{start}.jpg")
            answer = client.get(place)
            equal("a JPEG", (answer.status, answer.headers["content-type"], answer.body[:2], answer.body[-2:]), (200, "image/jpeg", b"\xff\xd8", b"\xff\xd9"))
            equal("as it is known: 304", client.get(place, **{"If-None-Match": answer.headers["etag"]}).status, 304)
        ran = run("score", "a.mkv", "--model", studio.model, "--threshold", 0.04, "--leave", 0.04, "--thumbnails", folder / "shown", cwd=folder, timeout=120)
        equal("vigil score: exit", ran.code, 0)
        for start, place in places.items():
            check("the very picture of vigil score", client.get(place).body == (folder / f"shown/a-{start}.jpg").read_bytes())
        again = client.job(job["id"])["result"]["segments"]
        equal("they are there later", again, segments)
        plain = scored(client, "?threshold=0.04&leave=0.04")
        check("nobody gets them unasked", all("thumbnail" not in one for one in plain["result"]["segments"]))
        place = f"/jobs/{plain['id']}/thumbnails/0.jpg"
        first = f"/jobs/{job['id']}/thumbnails/{next(iter(places))}.jpg"
        others = [first.replace("thumbnails/", f"thumbnails/{sign}") for sign in ("+", "-", "0", "%20")]
        for name in (place, place.replace("0.jpg", "x.jpg"), place.replace("0.jpg", "0.png"), f"/jobs/{job['id']}/thumbnails/99999.jpg", *others):
            equal(f"{name.rsplit('/', 1)[1]} is not there", client.get(name).problem(), "no-thumbnail")
        answer = post(client, bytes(64 * 4 * 20), "?thumbnails=3", "application/octet-stream")
        equal("of features there are none", answer.problem(), "invalid-parameter")
        equal("more than may be", post(client, video, "?thumbnails=33").problem(), "invalid-parameter")
        client.delete(f"/jobs/{job['id']}")
        equal("they go with the job", client.get(next(iter(places.values()))).problem(), "unknown-job")

with group("two models on one video, and callbacks"):
    twin, cousin = folder / "twin.safetensors", folder / "cousin.safetensors"
    equal("import under another name: exit", run("import", folder / "tiny.pth", "--output", twin, "--keep-image-tower", "--name", "twin", timeout=120).code, 0)
    maker_of = [sys.executable, SHARED / "golden/make_checkpoint.py", "--config", "tiny", "--seed", "2", "--out", folder / "cousin.pth"]
    subprocess.run(maker_of, check=True)
    equal("import of another tower: exit", run("import", folder / "cousin.pth", "--output", cousin, "--keep-image-tower", timeout=120).code, 0)
    secrets_file = folder / "secrets"
    secrets_file.write_text(secret() + "\n")
    secrets_file.chmod(0o600)
    options = ["--model", f"twin={twin}", "--model", f"cousin={cousin}", "--callback-hosts", "127.0.0.1", "--callback-private", "--callback-secrets", secrets_file]
    with Receiver() as receiver, studio.serve(*options, model=f"tiny={studio.model}") as server:
        client = Client(server)
        answer = post(client, video, "?threshold=0&model=tiny&compare=twin", "video/x-matroska", Prefer="wait=60")
        found = answer.json()
        equal("compare=: both results", (answer.status, [one["model"] for one in found.get("results", [])]), (200, ["tiny", "twin"]))
        first, second = found["results"]
        equal("of the same tower: the same scores", first["coarse"], second["coarse"])
        equal("of the same features", first["provenance"]["features_sha256"], second["provenance"]["features_sha256"])
        equal("told later too", client.get(f"/batches/{found['batch']}/comparison").json(), found)
        # What was made for one model is there for every model with that tower.
        third = post(client, video, "?threshold=0&model=twin", Prefer="wait=60").json()
        check("features are those of the tower, whichever model asks", maker(third) is not None, shown(third["result"]["provenance"]))
        found = post(client, video, "?threshold=0&model=tiny&compare=cousin", Prefer="wait=60").json()
        first, second = found["results"]
        check("of another tower: each model has its own features", first["provenance"]["features_sha256"] != second["provenance"]["features_sha256"])
        equal("and each its own tower's", first["provenance"]["tower_sha256"] != second["provenance"]["tower_sha256"], True)
        body, kind = form(("video", "a.mkv", video), ("video", "b.mp4", other))
        equal("several videos are not compared", post(client, body, "?model=tiny&compare=twin", kind).problem(), "invalid-parameter")
        answer = post(client, other, f"?callback={receiver.url}/one&name=north")
        equal("a callback: accepted", answer.status, 202)
        calls = receiver.wait("/one")
        told = [call.json for call in calls]
        told = told[0].get("data", told[0]) if told else {}
        told = told.get("job", told)
        equal("it is told of the end", (told.get("id"), told.get("status"), told.get("name"), told.get("phase")), (answer.json()["id"], "succeeded", "north", None))
        check("with what came of the video", told.get("snippets") and told.get("features_sha256"), shown(told))
        body, kind = form(("video", "a.mkv", video), ("video", "short.mkv", short))
        batch = post(client, body, f"?callback={receiver.url}/two", kind).json()
        calls = receiver.wait("/two", len(batch["jobs"]))
        equal("each of a batch has its own", len(calls), len(batch["jobs"]))

with group("a key's bytes a day count videos"):
    size = len(video)
    quotas = folder / "quotas"
    secret = run("keys", "add", "small", "--bytes-per-day", f"{(size * 5 // 2) // 1024 + 1}KiB", "--api-keys", quotas).out.strip()
    narrow = run("keys", "add", "narrow", "--max-queued", 1, "--api-keys", quotas).out.strip()
    with studio.serve("--api-keys", quotas) as server:
        body, kind = form(("video", "a.mkv", video), ("video", "b.mkv", video))
        answer = post(Client(server, {"Authorization": f"Bearer {narrow}"}), body, "", kind)
        equal("more videos than may wait", (answer.status, answer.problem()), (413, "batch-too-large"))
        client = Client(server, {"Authorization": f"Bearer {secret}"})
        equal("two are taken", [post(client, video, "", Prefer="wait=60").json()["status"] for _ in range(2)], ["succeeded"] * 2)
        answer = post(client, video)
        equal("the third is more than is left", (answer.status, answer.problem()), (429, "quota-exceeded"))
        contains("and says so", answer.json()["detail"], "bytes", str(size))
        answer = post(client, (video[at : at + 9999] for at in range(0, size, 9999)))
        equal("also where its size was not told", (answer.status, answer.problem()), (429, "quota-exceeded"))
        body, kind = form(("video", "a.mkv", video))
        equal("as a form", post(client, body, "", kind).problem(), "quota-exceeded")
        equal("nothing is left of what was refused", [name for name in files(server.own) if not name.endswith(".features")], [])
        answer = post(client, video + bytes(2 * size))
        equal("more than any day has", (answer.status, answer.problem()), (413, "beyond-quota"))
        equal("features have room", post(client, bytes(64 * 4 * 20), "", "application/octet-stream", Prefer="wait=30").status, 200)

finish()
