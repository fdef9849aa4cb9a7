"""The same job again by other settings, without a new upload: features that came and those of videos, restarts, keys, cuts, crops."""

import io
import json
import shutil

from support.harness import SHARED, check, contains, equal, finish, group, need, scratch, shown, skip

need("again", "numpy")

import numpy as np  # noqa: E402

from support import features  # noqa: E402
from support.jobs import Client  # noqa: E402
from support.process import Server, run  # noqa: E402
from support.videos import Studio, files, post, slowly, until  # noqa: E402

LABELS = "normal,fight,collision,explosion,fall,theft"
WAIT = {"Prefer": "wait=60"}
matrix = features.video(70)


def again(client, job, query="", **headers):
    return client.ask("POST", f"/jobs/{job['id']}/again{query}", None, {**WAIT, **{k.replace("_", "-"): v for k, v in headers.items()}})


def cut(job):
    return [(one["start"], one["end"]) for one in job["result"]["segments"]]


with group("features"):
    place = scratch()
    with Server("--upload-ttl", 600, state=place) as server:
        client = Client(server)
        first = client.post(features.npy(matrix), "?threshold=0.4&fps=25&name=gate", Prefer="wait=60").json()
        second = again(client, first, "?threshold=0.2&merge_gap=3").json()
        equal("another job", (second["id"] != first["id"], second["status"], second["name"]), (True, "succeeded", "gate"))
        for part in ("coarse", "fine", "video", "fps"):
            equal(f"the same {part}", second["result"][part], first["result"][part])
        equal("of the same features", second["features_sha256"], first["features_sha256"])
        equal("cut as it would be at once", cut(second), cut(client.post(features.npy(matrix), "?threshold=0.2&merge_gap=3", Prefer="wait=60").json()))
        equal("and as the stored scores are", cut(client.get(f"/jobs/{first['id']}?threshold=0.2&merge_gap=3").json()), cut(second))
        equal("the first is as it was", client.job(first["id"]), first)
        third = again(client, second, f"?labels={LABELS}&logits=true").json()
        equal("again of again", (third["result"]["coarse"], "logits" in third["result"]), (first["result"]["coarse"], True))
        answer = again(client, first, "?threshold=0.9", Prefer="wait=0")
        check("it is answered as /score is", answer.status in (200, 202) and answer.headers["location"].startswith("/jobs/"), answer)
        keyed = [again(client, first, "?threshold=0.3", Idempotency_Key="k") for _ in range(2)]
        equal("one key, one job", (keyed[0].json()["id"], keyed[1].headers.get("idempotency-replayed")), (keyed[1].json()["id"], "true"))
        client.delete(f"/jobs/{first['id']}")
        equal("of one that was forgotten", again(client, first).problem(), "unknown-job")
    with Server("--upload-ttl", 600, state=place) as server:
        fourth = again(Client(server), second, "?threshold=0.2&merge_gap=3").json()
    equal("after a restart", fourth["result"]["coarse"], second["result"]["coarse"])

with group("features that are not kept"), Server() as server:
    client = Client(server)
    job = client.post(features.npy(matrix), "", Prefer="wait=60").json()
    answer = again(client, job, "?threshold=0.2")
    equal("410", (answer.status, answer.problem()), (410, "features-gone"))
    contains("and why, and what is left", answer.json()["detail"], "--upload-ttl", f"GET /jobs/{job['id']}?threshold=")
    found = client.get(f"/jobs/{job['id']}?threshold=0.2")
    own = client.get(f"/jobs/{job['id']}")
    check("its scores can be cut", found.status == 200 and found.json()["result"]["coarse"] == job["result"]["coarse"], found)
    check("under a tag of their own", found.headers["etag"] != own.headers["etag"])
    equal("by which it is known", client.get(f"/jobs/{job['id']}?threshold=0.2", **{"If-None-Match": found.headers["etag"]}).status, 304)
    equal("and not as another cut", client.get(f"/jobs/{job['id']}?threshold=0.3", **{"If-None-Match": found.headers["etag"]}).status, 200)
    equal("a cut that is none", client.get(f"/jobs/{job['id']}?threshold=2").problem(), "invalid-parameter")
    form = client.ask("POST", f"/jobs/{job['id']}/again", b"labels=a,b", {"Content-Type": "application/x-www-form-urlencoded"})
    check("a body is not read", form.status in (410, 413), form)

with group("keys"):
    keys = scratch() / "keys"
    secrets = {}
    for name, options in {"ann": (), "bob": (), "looker": ("--role", "reader", "--owner", "ann")}.items():
        secrets[name] = run("keys", "add", name, *options, "--api-keys", keys).out.strip()
    with Server("--api-keys", keys, "--upload-ttl", 600) as server:
        clients = {name: Client(server, {"Authorization": f"Bearer {secret}"}) for name, secret in secrets.items()}
        job = clients["ann"].post(features.npy(matrix), "", Prefer="wait=60").json()
        equal("the owner's", again(clients["ann"], job).json()["owner"], "ann")
        equal("to others it is as what there is not", again(clients["bob"], job).problem(), "unknown-job")
        equal("who reads makes none", again(clients["looker"], job).problem(), "role-forbids")

with group("crops"), Server() as server:
    client = Client(server)
    ten = np.stack([matrix + np.float32(index / 50) for index in range(10)])
    for name, stack in (("[10, T, width]", ten), ("[T, 10, width]", ten.transpose(1, 0, 2))):
        body = features.npy(np.ascontiguousarray(stack))
        refused = client.post(body)
        equal(f"{name}: refused unless one is chosen", refused.problem(), "unfit-features")
        contains(f"{name}: with what to do", refused.json()["detail"], "crop=0", "crop=mean")
        for crop, alone in (("3", ten[3]), ("mean", ten.astype(np.float64).mean(axis=0).astype(np.float32))):
            one = client.post(features.npy(alone), "", Prefer="wait=60").json()
            found = client.post(body, f"?crop={crop}", Prefer="wait=60").json()
            equal(f"{name}: crop={crop}", found["features_sha256"], one["features_sha256"])
            equal(f"{name}: crop={crop}: scores", found["result"]["coarse"], one["result"]["coarse"])
        equal(f"{name}: a report", client.post(body, "?crop=3&validate_only=true").json()["rows"], 70)
    equal("features of one crop are as they are", client.post(features.npy(matrix), "?crop=7", Prefer="wait=60").json()["features_sha256"], client.post(features.npy(matrix), "", Prefer="wait=60").json()["features_sha256"])
    for crop in ("10", "-1", "all", "1.5"):
        equal(f"crop={crop}", client.post(features.npy(ten), f"?crop={crop}").problem(), "invalid-parameter")
    answer = client.ask("POST", "/score", json.dumps({"features": ten[:2].tolist(), "crop": 1}).encode(), {"Content-Type": "application/json", **WAIT})
    check("in JSON", answer.status == 200 or answer.status == 422 and "rows" in answer.text(), answer)

if not (SHARED.is_dir() and shutil.which("ffmpeg")):
    skip("videos scored again", "needs ffmpeg and ../shared")
    finish()
folder = scratch()
studio = Studio(folder)
video = studio.clip("a.mkv", "-c:v", "ffv1", rate=10, seconds=12)

for state in ("a folder", "memory"):
    with group(f"a video, jobs in {state}"):
        place = scratch() if state == "a folder" else "memory"
        with studio.serve(state=place) as server:
            client = Client(server)
            first = post(client, video, "?threshold=0.04&leave=0.04&name=yard&thumbnails=2", "video/x-matroska", Prefer="wait=60").json()
            equal("it is scored", first["status"], "succeeded")
            check("rows by frames at 10 a second are told of", any("cadence 'time'" in one for one in first["warnings"]), shown(first["warnings"]))
            second = again(client, first, "?threshold=0.9&leave=0.9").json()
            equal("again", (second["status"], second["name"]), ("succeeded", "yard"))
            for part in ("coarse", "fine", "video", "fps", "frames", "truncated"):
                equal(f"the same {part}", second["result"][part], first["result"][part])
            for part in ("features_sha256", "snippets", "warnings"):
                equal(f"the same {part}", second[part], first[part])
            provenance = dict(second["result"]["provenance"])
            equal("whose features they are", provenance.pop("features_of_job"), first["id"])
            equal("the rest of the provenance", provenance, first["result"]["provenance"])
            client.delete(f"/jobs/{first['id']}")
            equal("of one that was forgotten", again(client, first).problem(), "unknown-job")
            third = again(client, second, "?threshold=0.04&leave=0.04").json()
            equal("but its successor has them for its own", cut(third), cut(first))
            equal("with seconds as the video's rows are", [one["start_seconds"] for one in third["result"]["segments"]], [one["start_seconds"] for one in first["result"]["segments"]])
            check("its features can be had", np.load(io.BytesIO(client.get(f"/jobs/{third['id']}/features").body)).shape[0] == third["snippets"])
            if state == "a folder":
                until(lambda: all(name.endswith(".features") for name in files(place)))
                equal("no video is left", [name for name in files(place) if not name.endswith(".features")], [])
        if state == "a folder":
            with studio.serve(state=place) as server:
                fourth = again(Client(server), third).json()
            equal("after a restart", fourth["result"]["coarse"], first["result"]["coarse"])

with group("videos that are not there yet, or not any more"), studio.serve("--ffmpeg", slowly(folder), "--max-features", 0) as server:
    client = Client(server)
    job = post(client, video, "", "video/x-matroska").json()
    answer = again(client, job)
    if answer.problem() != "features-gone":
        equal("a running job", (answer.status, answer.problem()), (409, "features-not-ready"))
    client.until(job["id"])
    answer = again(client, job)
    equal("none are kept", (answer.status, answer.problem()), (410, "features-gone"))
    contains("and why", answer.json()["detail"], "--max-features")

with group("a look at short videos"), studio.serve() as server:
    client = Client(server)
    short = studio.clip("short.mp4", "-c:v", "mpeg4", "-frames:v", 9)
    told = post(client, short, "?validate_only=true").json()
    equal("its frames", told["expected_frames"], 9)
    contains("are fewer than a row", " ".join(told["warnings"]), "9 frames", "fewer than the 16 of a row", "tail=keep")
    contains("with tail=keep they are one", " ".join(post(client, short, "?validate_only=true&tail=keep").json()["warnings"]), "one row")
    told = post(client, video, "?validate_only=true", "video/x-matroska").json()
    contains("and its rate", " ".join(told["warnings"]), "10 frames a second", "1.6 s", "time")
    equal("not by time", post(client, video, "?validate_only=true&cadence=time", "video/x-matroska").json()["warnings"], [])
    equal("nor at 30", post(client, studio.clip("usual.mp4", "-c:v", "mpeg4"), "?validate_only=true").json()["warnings"], [])

finish()
