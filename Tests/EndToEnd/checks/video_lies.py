"""Videos whose headers say that they are short: what they cost, and that they hold nobody up."""

import contextlib
import os
import pathlib
import shutil
import struct
import subprocess
import time

from support.harness import check, contains, equal, finish, group, need, scratch, shown, skip

need("video_lies", "numpy", shared=True)

from support.jobs import Client  # noqa: E402
from support.process import run  # noqa: E402
from support.videos import Studio, slowly, until  # noqa: E402

if not shutil.which("ffmpeg"):
    skip("video_lies", "needs ffmpeg")
    finish()

folder = scratch()
slow = slowly(folder)


def decoders(place):
    """Processes that read a file of this folder, those that only keep others in left out."""
    found = set()
    for process in pathlib.Path("/proc").iterdir():
        with contextlib.suppress(OSError):
            if process.name.isdigit() and str(place) in os.readlink(process / "fd/0") and (process / "comm").read_text().startswith("ffmpeg"):
                found.add(process.name)
    return found


with group("a model with its image tower, and videos"):
    studio = Studio(folder)
    serve = studio.serve
    source = ["-f", "lavfi", "-i", "testsrc2=size=64x48:rate=30:duration=120"]
    made = subprocess.run(["ffmpeg", "-v", "error", "-nostdin", "-y", *source, "-c:v", "ffv1", "long.mkv"], cwd=folder)
    equal("a video can be made", made.returncode, 0)
    honest = (folder / "long.mkv").read_bytes()
    lying = bytearray(honest)
    place = lying.find(b"\x44\x89\x88")
    check("its duration is found", place > 0)
    lying[place + 3 : place + 11] = struct.pack(">d", 100.0)
    lying = bytes(lying).replace(b"00:02:00.000000000", b"00:00:00.100000000")


def post(client, body, **headers):
    return client.ask("POST", "/score", body, {"Content-Type": "video/x-matroska", **headers})


with group("a key's snippets are the rows that came"):
    keys = folder / "keys"
    key = run("keys", "add", "bob", "--api-keys", keys, "--snippets-per-day", 300).out.strip()
    other = run("keys", "add", "eve", "--api-keys", keys, "--snippets-per-day", 20).out.strip()
    with serve("--api-keys", keys) as server:
        bob, eve = (Client(server, {"Authorization": f"Bearer {one}"}) for one in (key, other))
        found = bob.until(post(bob, lying).json()["id"])
        equal("one that has room for it", (found["status"], found["snippets"]), ("succeeded", 225))
        answer = post(bob, honest)
        equal("its rows count", (answer.status, answer.problem()), (429, "quota-exceeded"))
        answer = post(eve, honest)
        equal("what a header says is too much is refused", (answer.status, answer.problem()), (413, "beyond-quota"))
        found = eve.until(post(eve, lying).json()["id"])
        equal("what it does not say ends the job", (found["status"], found["error"]["type"]), ("failed", "/problems/quota-exceeded"))
        contains("which says why", found["error"]["detail"], "more rows than its header says", "20 snippets")
        answer = post(eve, lying)
        equal("and nothing is left of the day", (answer.status, answer.problem()), (429, "quota-exceeded"))

with group("a crowd of them"), serve("--workers", 2, "--ffmpeg", slow) as server:
    client = Client(server)
    jobs = [post(client, lying).json()["id"] for _ in range(12)]
    check("some are decoded", until(lambda: decoders(server.own)))
    most = 0
    for _ in range(40):
        most = max(most, len(decoders(server.own)))
        time.sleep(0.05)
    check("no more than there are workers and one", 1 <= most <= 3, shown(most))
    for _ in range(3):
        answer = client.ask("POST", "/score", bytes(64 * 4 * 20), {"Content-Type": "application/octet-stream", "Prefer": "wait=60"})
        equal("features are scored beside them", answer.json()["status"], "succeeded")
    running = [job for job in jobs if client.job(job)["status"] == "running"]
    check("the others wait", 1 <= len(running) <= 3, shown(len(running)))
    for job in reversed(jobs):
        client.delete(f"/jobs/{job}")
    for job in jobs:
        equal("each ends when it is cancelled", client.until(job)["status"], "cancelled")

finish()
