"""Videos over HTTP: what is taken and what is not, scores while the rest is decoded, and what comes of a kill, a cancel, a client that
goes and a full disk."""

import contextlib
import http.client
import json
import os
import pathlib
import shutil
import signal
import subprocess

from support.harness import check, contains, equal, finish, group, need, note, scratch, shown, skip

need("video_uploads", "numpy", shared=True)

from support.events import Stream  # noqa: E402
from support.jobs import Client  # noqa: E402
from support.process import Server, run  # noqa: E402
from support.videos import Studio, files, form, post, slowly, until  # noqa: E402

if not shutil.which("ffmpeg"):
    skip("video_uploads", "needs ffmpeg")
    finish()

folder = scratch()
slow = slowly(folder)


def server_of(client):
    return client.get("/v1/server").json()


def decoders(place):
    """Processes that read a file of this folder, or one that has no name any more."""
    found = []
    for process in pathlib.Path("/proc").iterdir():
        with contextlib.suppress(OSError):
            if process.name.isdigit() and str(place) in os.readlink(process / "fd/0"):
                found.append((process / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace"))
    return found


def kept(state):
    """What is there of jobs that have not ended."""
    return [name for name in files(state) if not name.endswith(".features")]


def working(client, job, rows=1):
    """The job once so many of its rows are made."""
    return until(lambda: (found := client.job(job))["progress"].get("rows_done", 0) >= rows and found)


with group("a model with its image tower"):
    studio = Studio(folder)
    model, checkpoint, clip, ffmpeg, serve = studio.model, studio.checkpoint, studio.clip, studio.ffmpeg, studio.serve
    plain = folder / "plain.safetensors"
    equal("import without it: exit", run("import", checkpoint, "--output", plain, timeout=120).code, 0)
    whole = clip("whole.mkv", "-c:v", "ffv1")
    mp4 = clip("whole.mp4", "-c:v", "mpeg4", rate=25)
    long = clip("long.mkv", "-c:v", "ffv1", seconds=120)


def scored(name, *options):
    """What the command makes of it."""
    return json.loads(run("score", name, "--model", model, "--threshold", 0, *options, cwd=folder, timeout=120).out)


PARTS = ("snippets", "fps", "coarse", "fine", "video", "segments")


def same(name, job, expected):
    result = job["result"] or {}
    for part in PARTS:
        equal(f"{name}: {part} as vigil score has it", result.get(part), expected[part])
    equal(f"{name}: the same features", job["features_sha256"], expected["provenance"]["features_sha256"])
    equal(f"{name}: the job has what the result has", (job["snippets"], job["progress"]["chunks"]), (expected["snippets"], job["progress"]["chunks_done"]))


for state in ("a folder", "memory"):
    with group(f"videos are scored, jobs in {state}"), serve(state="memory" if state == "memory" else None) as server:
        client = Client(server)
        told = server_of(client)
        check("the server tells that it takes videos", told["videos"]["taken"] and told["videos"]["ffmpeg"], shown(told["videos"]))
        equal("and how large", told["limits"]["video_bytes"], 2048 << 20)
        expected = scored("whole.mkv")
        answer = post(client, whole, "?threshold=0", "video/x-matroska", Prefer="wait=60")
        equal("video/*: finished", (answer.status, answer.json()["status"]), (200, "succeeded"))
        job = answer.json()
        same("video/*", job, expected)
        equal("phase is over", job["phase"], None)
        provenance = job["result"]["provenance"]
        equal("its decoder is told", (provenance["ffmpeg"], provenance["isolation"]), (told["videos"]["ffmpeg"], told["videos"]["isolation"]))
        check("and recipe and tower", len(provenance["recipe_sha256"]) == len(provenance["tower_sha256"]) == 64, shown(provenance))
        equal("frames", (job["result"]["frames"], job["result"]["truncated"]), (120, False))
        same("the job later", client.job(job["id"]), expected)
        listed = client.all()[0]
        equal("the list", (listed["snippets"], listed["features_sha256"]), (expected["snippets"], job["features_sha256"]))
        body, kind = form(("video", "a.mkv", whole))
        answer = post(client, body, "?threshold=0", kind, Prefer="wait=60")
        same("a form's field", answer.json(), expected)
        equal("its name", answer.json()["name"], "a.mkv")
        same("bytes that are a video", post(client, whole, "?threshold=0", "application/octet-stream", Prefer="wait=60").json(), expected)
        pieces = (whole[at : at + 3000] for at in range(0, len(whole), 3000))
        same("in chunks", post(client, pieces, "?threshold=0", "video/mp4", Prefer="wait=60").json(), expected)
        for query, options in {
            "cadence=time": ["--cadence", "time"], "tail=keep": ["--tail", "keep"], "pool=middle": ["--pool", "middle"],
            "fps=10": ["--fps", "10"], "logits=true": ["--logits"],
        }.items():  # fmt: skip
            answer = post(client, mp4, f"?threshold=0&{query}", Prefer="wait=60")
            same(query, answer.json(), scored("whole.mp4", *options))
        body, kind = form(("video", "a.mkv", whole), ("video", "b.mp4", mp4))
        answer = post(client, body, "", kind, Prefer="wait=60")
        batch = answer.json()
        equal("several are a batch", (answer.status, batch["status"], [job["name"] for job in batch["jobs"]]), (200, "succeeded", ["a", "b"]))
        answer = post(client, mp4, "?validate_only=true")
        equal("a look alone", (answer.status, answer.json()["container"], answer.json()["expected_frames"]), (200, "MP4", 100))
        first = post(client, mp4, Idempotency_Key="k1").json()
        again = post(client, mp4, Idempotency_Key="k1")
        equal("the same key: the same job", (again.json()["id"], again.headers.get("idempotency-replayed")), (first["id"], "true"))
        equal("the same key with another video", post(client, whole, Idempotency_Key="k1").status, 409)
        client.until(first["id"])
        if server.own:
            check("no file is left", until(lambda: not kept(server.own)), shown(kept(server.own)))

with group("what is no video, or not taken"), serve("--max-video", 1) as server:
    client = Client(server)
    (folder / "picture.png").write_bytes(b"\x89PNG\r\n\x1a\n" + bytes(2000))
    cases = {
        "a text": (b"this is a text and no video\n" * 60, "a text"),
        "a playlist": (b"#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:1,\nhttp://127.0.0.1:9/x.ts\n#EXT-X-ENDLIST\n", "expected a video"),
        "an image": ((folder / "picture.png").read_bytes(), "PNG"),
        "nothing": (b"", "empty"),
        "an MP4 without an index": (mp4[: len(mp4) // 2], "moov"),
    }
    for name, (body, says) in cases.items():
        for way, (sent, kind) in {"body": (body, "video/mp4"), "form": form(("video", "x.mp4", body))}.items():
            answer = post(client, sent, "", kind)
            equal(f"{name} as a {way}", (answer.status, answer.problem()), (422, "unfit-video"))
            contains(f"{name} as a {way} says why", answer.json()["detail"], says)
    large = whole + bytes(3 << 20)
    for name, body in {"declared": large, "in chunks": (large[at : at + 60000] for at in range(0, len(large), 60000))}.items():
        answer = None
        with contextlib.suppress(ConnectionError):
            answer = post(client, body, "", "video/x-matroska")
        if answer is None:
            note(f"too large, {name}: the connection ended before the answer could be read")
            continue
        equal(f"too large, {name}", (answer.status, answer.problem()), (413, "content-too-large"))
        contains(f"too large, {name}: the setting", answer.json()["detail"], "--max-video")
    client.close()
    answer = post(client, b"\0" * (3 << 20), "", "application/octet-stream")
    equal("features that are no video stay what they are", (answer.status, answer.problem()), (202, ""))
    body, kind = form(("video", "a.mkv", whole), ("features", "f.f32", bytes(64 * 4 * 20)))
    equal("videos and features together", post(client, body, "", kind).status, 400)
    equal("a parameter of videos with features", post(client, bytes(64 * 4 * 20), "?pool=middle", "application/octet-stream").problem(), "invalid-parameter")
    equal("a wrong value", post(client, mp4, "?cadence=weekly").problem(), "invalid-parameter")
    sound = folder / "sound.mp4"
    if ffmpeg("-f", "lavfi", "-i", "sine=duration=1", "-c:a", "aac", sound):
        answer = post(client, sound.read_bytes())
        equal("sound alone", (answer.status, answer.problem()), (422, "unfit-video"))
    short = clip("short.mkv", "-c:v", "ffv1", "-frames:v", 15)
    job = post(client, short, "", Prefer="wait=60").json()
    equal("too few frames: the job fails", (job["status"], job["error"]["type"]), ("failed", "/problems/unfit-video"))
    contains("and says what to do", job["error"]["detail"], "15 frames", "tail=keep")
    check("nothing is left of them", until(lambda: not kept(server.own)), shown(kept(server.own)))

with group("a model without a tower"), serve(model=plain) as server:
    answer = post(Client(server), mp4)
    equal("is told", (answer.status, answer.problem()), (422, "no-image-tower"))
    contains("with what to do", answer.json()["detail"], "--keep-image-tower")
    equal("nothing is left", kept(server.own), [])

with group("no ffmpeg"), serve("--ffmpeg", "/nowhere/ffmpeg") as server:
    client = Client(server)
    check("the log says it", until(lambda: "videos are not taken" in server.text() and "--ffmpeg" in server.text()), shown(server.text()))
    told = server_of(client)["videos"]
    check("the server too", told["taken"] is False and "--ffmpeg" in told["reason"], shown(told))
    for name, (body, kind) in {"body": (mp4, "video/mp4"), "form": form(("video", "x.mp4", mp4)), "bytes": (mp4, "application/octet-stream")}.items():
        answer = post(client, body, "", kind)
        equal(f"a {name} is refused", (answer.status, answer.problem()), (415, "videos-not-taken"))
    equal("features are scored", post(client, bytes(64 * 4 * 20), "", "application/octet-stream", Prefer="wait=30").status, 200)

with group("no bubblewrap"):
    path = folder / "bin"
    path.mkdir()
    for name in ("ffmpeg", "sh"):
        (path / name).symlink_to(shutil.which(name))
    with Server(model=model, env={"PATH": str(path)}) as server:
        answer = post(Client(server), mp4)
        equal("is refused", (answer.status, answer.problem()), (415, "videos-not-taken"))
        contains("with what is missing", answer.json()["detail"], "bubblewrap", "--allow-unsandboxed-video")
    with Server("--allow-unsandboxed-video", model=model, env={"PATH": str(path)}) as server:
        equal("is taken where that is said", post(Client(server), mp4, "", Prefer="wait=60").json()["status"], "succeeded")

reference = scored("long.mkv")

with group("scores come while the rest is decoded"), serve("--ffmpeg", slow) as server:
    client = Client(server)
    job = post(client, long, "?threshold=0").json()
    equal("what is not known is null", (job["snippets"], job["features_sha256"], job["phase"], job["progress"]["chunks"]), (None, None, None, None))
    stream = Stream(server, f"/jobs/{job['id']}/events")
    phases, scores = [], None
    for name, _, data in stream:
        if name in ("status", "progress"):
            phases.append(data.get("phase"))
        if name == "scores":
            scores = data
            break
    check("the first chunk's came", scores is not None and scores["chunk"] == 0)
    equal("and are those of the whole", scores["coarse"], reference["coarse"][: scores["end"]])
    # A chunk is told of before it is counted.
    running = until(lambda: (found := client.job(job["id"]))["progress"]["chunks_done"] >= 1 and found) or client.job(job["id"])
    equal("meanwhile it is decoded", (running["status"], running["phase"], running["snippets"]), ("running", "embed", None))
    progress = running["progress"]
    check("with its progress", progress["chunks_done"] >= 1 and progress["chunks"] is None and 0 < progress["frames_done"] < progress["frames_expected"] == 3600, shown(progress))
    check("and an estimate", (running["estimated_seconds"] or 0) > 0, shown(running["estimated_seconds"]))
    short = post(client, bytes(64 * 4 * 20), "", "application/octet-stream", Prefer="wait=60").json()
    equal("features are scored beside it", short["status"], "succeeded")
    check("there is a decoder", decoders(server.own))
    equal("it is cancelled", client.delete(f"/jobs/{job['id']}").status in (200, 202), True)
    equal("it ends", client.until(job["id"])["status"], "cancelled")
    check("its decoder is gone", until(lambda: not decoders(server.own)), shown(decoders(server.own)))
    check("and its files", until(lambda: not kept(server.own)), shown(kept(server.own)))
    late = post(client, long, "?deadline=0.01").json()
    client.until(late["id"])
    check("no file is left of what ended otherwise", until(lambda: not kept(server.own)), shown(kept(server.own)))

with group("kill -9 while it is decoded"):
    state = scratch()
    with serve("--ffmpeg", slow, state=state) as server:
        client = Client(server)
        job = post(client, long, "?threshold=0").json()
        check("rows are made", working(client, job["id"], 5))
        before = kept(state)
        equal("the video and its rows are there", [name.split(".")[-1] for name in before], ["rows", "video"])
        server.child.send_signal(signal.SIGKILL)
        server.child.wait()
    check("no decoder outlives it", until(lambda: not decoders(state)), shown(decoders(state)))
    with serve("--ffmpeg", slow, state=state) as server:
        client = Client(server)
        found = until(lambda: (one := client.job(job["id"]))["status"] == "running" and one["progress"].get("rows_done") is not None and one)
        check("the rows that were finished are there at once", found and found["progress"]["rows_done"] >= 5 and found["phase"] == "decode", shown(found and found["progress"]))
        rows = next(pathlib.Path(state, "videos").glob(".*.rows"))
        server.child.send_signal(signal.SIGKILL)
        server.child.wait()
    # What a disk has made of a row is not gone by, nor what comes after it.
    data = bytearray(rows.read_bytes())
    data[-20] ^= 1
    rows.write_bytes(data)
    with serve(state=state) as server:
        client = Client(server)
        same("the same bits as without a kill", client.until(job["id"]), reference)
        check("nothing is left", until(lambda: not kept(state)), shown(kept(state)))

with group("bubblewrap that a server left behind in its first moment"):
    state = scratch()
    (state / "videos").mkdir(parents=True)
    os.chmod(state, 0o700)
    # What it is told by: its name, and the video that it has open, also where that has no name any more.
    bwrap, mine, theirs = scratch() / "bwrap", state / "videos/left.video", scratch() / "other.video"
    shutil.copy(shutil.which("sleep"), bwrap)
    left = []
    for video in (mine, theirs):
        video.write_bytes(long)
        with open(video, "rb") as stdin:
            left.append(subprocess.Popen([bwrap, "600"], stdin=stdin, start_new_session=True))
    mine.unlink()
    with serve(state=state) as server:
        check("is ended by the next one", until(lambda: left[0].poll() is not None))
        equal("and nobody else's is", left[1].poll(), None)
    left[1].kill()
    left[1].wait()

with group("kill -9 with a long and a short one in hand"):
    # Frames as small as these cost nothing, and so many are a job of the lane of long ones; at this rate they take half an hour.
    endless = clip("endless.mp4", "-c:v", "mpeg4", size="16x16", rate=50, seconds=2000)
    state = scratch()
    with serve("--ffmpeg", slow, "--workers", 2, state=state) as server:
        client = Client(server)
        jobs = [post(client, endless).json()["id"], post(client, whole).json()["id"]]
        check("both are worked on", all(working(client, job) for job in jobs))
        server.child.send_signal(signal.SIGKILL)
        server.child.wait()
    with serve("--ffmpeg", slow, "--workers", 2, state=state) as server:
        client = Client(server)

        def told():
            checks = Client(server).get("/readyz").json()["checks"]
            return next(one["detail"] for one in checks if one["name"] == "accepting")

        check("/readyz tells that one is tried, or is to be", until(lambda: "ran when the process ended" in told()), told())
        answer = post(Client(server), bytes(64 * 4 * 20), "", "application/octet-stream", Prefer="wait=120")
        client = Client(server)
        equal("features are scored", (answer.status, answer.json()["status"]), (200, "succeeded"))
        found = client.until(jobs[1])
        equal("the short one", (found["status"], found["attempt"]), ("succeeded", 2))
        check("the long one goes on beside", until(lambda: (one := client.job(jobs[0]))["status"] == "running" and one["phase"] == "embed" and told() == "taking jobs"), told())
        contains("the log tells too", pathlib.Path(server.log.name).read_text(errors="replace"), jobs[1], "is tried alone", "has gone on")
        # What waits for the long one knows what that still needs, and its own frames by those of that one.
        waiting = [post(client, endless).json()["id"] for _ in range(2)]

        def estimates():
            found = [client.job(job) for job in (jobs[0], *waiting)]
            if [one["status"] for one in found] == ["running", "queued", "queued"]:
                numbers = [one["estimated_seconds"] for one in found]
                return numbers if all(numbers) else None

        running, second, third = until(estimates) or (0, 0, 0)
        check("those that wait for it count it in", running > 0 and second > 1.2 * running and third > 1.2 * second, shown((running, second, third)))
        for job in (*waiting, jobs[0]):
            client.delete(f"/jobs/{job}")
        client.until(jobs[0])

with group("it ends in order, and goes on"):
    state = scratch()
    with serve("--ffmpeg", slow, "--grace", 1, state=state) as server:
        client = Client(server)
        job = post(client, long, "?threshold=0").json()
        check("rows are made", working(client, job["id"], 2))
        server.child.send_signal(signal.SIGTERM)
        equal("exit", server.child.wait(60), 0)
    check("no decoder outlives it", until(lambda: not decoders(state)), shown(decoders(state)))
    for name in ("stray.video", ".stray.part", ".stray.rows"):
        (state / "videos" / name).write_bytes(b"nobody's")
    with serve(state=state) as server:
        client = Client(server)
        found = client.until(job["id"])
        equal("the attempt did not count", found["attempt"], 1)
        same("the next process", found, reference)
        check("what was nobody's is gone", until(lambda: not kept(state)), shown(kept(state)))

with group("the next server has no ffmpeg: the job waits for one that has"):
    state = scratch()
    with serve("--ffmpeg", slow, state=state) as server:
        client = Client(server)
        job = post(client, long, "?threshold=0").json()
        check("rows are made", working(client, job["id"], 2))
        server.child.send_signal(signal.SIGKILL)
        server.child.wait()
    with serve("--ffmpeg", "/nowhere/ffmpeg", state=state) as server:
        client = Client(server)
        check("the log says that jobs wait, and for what", until(lambda: "jobs with videos wait" in server.text()), shown(server.text()))
        found = client.job(job["id"])
        equal("it is queued", (found["status"], found["queue_position"]), ("queued", None))
        contains("and says what it waits for", found["warnings"][-1], "decodes videos", "--ffmpeg")
        contains("so does /readyz", client.get("/readyz").text(), "1 job waits for a server that decodes videos", "--ffmpeg")
        equal("features are scored", post(client, bytes(64 * 4 * 20), "", "application/octet-stream", Prefer="wait=30").json()["status"], "succeeded")
        check("the video is kept", [name for name in kept(state) if name.endswith(".video")], shown(kept(state)))
        equal("still queued", client.job(job["id"])["status"], "queued")
    with serve(state=state) as server:
        found = Client(server).until(job["id"])
        same("one that has it", found, reference)
        equal("and nothing more is said of waiting", [text for text in found["warnings"] if "waits" in text], [])

with group("a video that a disk has made something else of"):
    state = scratch()
    with serve("--ffmpeg", slow, state=state) as server:
        client = Client(server)
        job = post(client, long).json()
        check("it runs", working(client, job["id"]))
        server.child.send_signal(signal.SIGKILL)
        server.child.wait()
    video = next(pathlib.Path(state, "videos").glob("*.video"))
    data = bytearray(video.read_bytes())
    data[len(data) // 2] ^= 1
    video.write_bytes(data)
    with serve(state=state) as server:
        found = Client(server).until(job["id"])
        equal("its job fails", (found["status"], found["error"]["type"]), ("failed", "/problems/damaged-job"))


def half(server, body, headers="Content-Type: video/mp4"):
    """A connection over which half of a video has come."""
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=60)
    connection.putrequest("POST", "/score")
    connection.putheader("Content-Type", "video/x-matroska")
    connection.putheader("Content-Length", str(len(body)))
    connection.endheaders()
    connection.send(body[: len(body) // 2])
    return connection


with group("uploads that do not come to their end"):
    state = scratch()
    large = whole + bytes(2 << 20)
    with serve(state=state) as server:
        connection = half(server, large)
        check("it is on its way", until(lambda: kept(state)))
        connection.close()
        check("a client that goes leaves no file", until(lambda: not kept(state)), shown(kept(state)))
        connection = half(server, large)
        check("another is on its way", until(lambda: kept(state)))
        server.child.send_signal(signal.SIGKILL)
        server.child.wait()
    with serve(state=state) as server:
        check("a kill leaves no file for long", until(lambda: not kept(state)), shown(kept(state)))
        equal("and no job", Client(server).all(), [])

with group("a full disk"):
    mounted = False
    if os.geteuid() == 0 and shutil.which("mount"):
        small = scratch()
        mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=96m", "vigil-check", small]).returncode == 0
    if not mounted:
        skip("a full disk", "needs to mount one")
    else:
        try:
            with serve(state=small / "state") as server:
                client = Client(server)
                huge = whole + bytes(120 << 20)
                answer = post(client, huge, "", "video/x-matroska")
                equal("a video that does not fit", (answer.status, answer.problem()), (507, "store-full"))
                for name, body in {"chunks": (huge[at : at + 200000] for at in range(0, len(huge), 200000))}.items():
                    with contextlib.suppress(ConnectionError):
                        equal(f"in {name}", post(client, body, "", "video/x-matroska").status, 507)
                client.close()
                check("nothing is left", until(lambda: not kept(small / "state")), shown(kept(small / "state")))
                equal("one that fits is scored", post(client, whole, "", Prefer="wait=60").json()["status"], "succeeded")
        finally:
            subprocess.run(["umount", "-l", small], check=True)

finish()
