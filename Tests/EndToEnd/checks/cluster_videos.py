"""Videos where servers share one PostgreSQL: sent to one, done by another that is left when the first is killed, had from a third."""

import json
import shutil
import socket

from support.harness import check, equal, finish, group, need, scratch, shown, skip

need("cluster_videos", "numpy", "requests", shared=True)

from support import features  # noqa: E402
from support.databases import BIN, Postgres  # noqa: E402
from support.jobs import Client  # noqa: E402
from support.process import run  # noqa: E402
from support.videos import Studio, post, slowly, until  # noqa: E402

if BIN is None or not shutil.which("ffmpeg"):
    skip("cluster_videos", "needs PostgreSQL's programs and ffmpeg")
    
folder = scratch()
slow = slowly(folder)
QUERY = "?threshold=0.04&leave=0.04&thumbnails=2"
PARTS = ("coarse", "fine", "video", "segments", "frames", "truncated")


def plain(segments):
    return [{name: value for name, value in one.items() if name != "thumbnail"} for one in segments]


with group("a model with its image tower"):
    studio = Studio(folder)
    video = studio.clip("a.mkv", "-c:v", "ffv1", size="128x96", seconds=40)
    short = studio.clip("b.mkv", "-c:v", "ffv1", rate=20)
    check("more than a part", len(video) > 1 << 20, len(video))
    cuts = ("--threshold", 0.04, "--leave", 0.04)
    expected = json.loads(run("score", folder / "a.mkv", "--model", studio.model, *cuts, cwd=folder, timeout=120).out)

with Postgres(durable=False) as postgres:
    url = postgres.database("videos")

    def serve(*options):
        return studio.serve("--lease", 3, *options, state=url)

    def count(sql):
        return int(postgres.ask(f"SELECT count(*) FROM {sql}", "videos"))

    def same(name, job):
        equal(f"{name}: it has succeeded", (job["status"], job.get("error")), ("succeeded", None))
        for part in PARTS:
            found, wanted = (job["result"] or {}).get(part), expected[part]
            if part == "segments":
                found, wanted = plain(found), plain(wanted)
            equal(f"{name}: {part} as vigil score has it", found, wanted)
        equal(f"{name}: the same features", job["features_sha256"], expected["provenance"]["features_sha256"])

    with group("killed while decoding, ended by another"), serve("--ffmpeg", slow, "--workers", 1) as one:
        first = Client(one)
        job = post(first, video, QUERY, "video/x-matroska").json()["id"]
        equal("all servers have the video", count("file_parts"), -(-len(video) // (1 << 20)))
        lost = post(first, short, "", "video/x-matroska").json()["id"]
        check("rows are made", until(lambda: first.job(job)["progress"].get("rows_done", 0) >= 3))
        one.kill()
        postgres.ask("DELETE FROM file_parts WHERE file = (SELECT file FROM file_uses ORDER BY job DESC LIMIT 1)", "videos")
        report = run("store", "check", "--state", url, "--json")
        gone = [{"job": lost, "reason": "its video is not there, or not all of it"}]
        equal("the check finds that one is gone", (report.code != 0, json.loads(report.out)["damages"]), (True, gone))
        # The one that ends it, and one that had no part in it.
        with serve() as two, serve() as three:
            second, third = Client(two), Client(three)
            found = second.until(job)
            same("by another", found)
            equal("the attempt counts", found["attempt"], 2)
            ended = second.until(lost)
            equal("a video that is gone", (ended["status"], (ended["error"] or {}).get("type")), ("failed", "/problems/damaged-job"))
            pictures = [segment["thumbnail"] for segment in found["result"]["segments"] if "thumbnail" in segment]
            check("pictures are made of it there", 0 < len(pictures) <= 2, shown(found["result"]["segments"]))
            for client in (second, third):
                for place in pictures:
                    answer = client.get(place)
                    check("a picture", answer.status == 200 and answer.body.startswith(b"\xff\xd8"), answer)
                answer = client.get(f"/jobs/{job}/features", Accept="application/json")
                equal("the features", answer.json()["features_sha256"], found["features_sha256"])
                again = post(client, video, QUERY, "video/x-matroska", Prefer="wait=60").json()
                same("the same video again", again)
                equal("is scored by the features that are there", again["result"]["provenance"].get("features_of_job"), job)
                check("with pictures all the same", any("thumbnail" in one for one in again["result"]["segments"]))
                again = client.ask("POST", f"/jobs/{job}/again?threshold=0.04&leave=0.04", b"", {"Prefer": "wait=60"}).json()
                equal("again, without the video", (again["status"], again["result"]["coarse"]), ("succeeded", expected["coarse"]))

            key = {"Idempotency_Key": "once"}
            keyed = [post(client, short, "", "video/x-matroska", **key).json()["id"] for client in (second, third)]
            equal("a key is one job, wherever it comes", keyed[0], keyed[1])
            equal("and its file alone is kept", count("files WHERE NOT used"), 0)
            second.until(keyed[0])

            before = count("file_parts")
            with socket.create_connection(("127.0.0.1", three.port)) as line:
                head = f"POST /score HTTP/1.1\r\nHost: x\r\nContent-Type: video/x-matroska\r\nContent-Length: {len(video)}\r\n\r\n"
                line.sendall(head.encode() + video[: len(video) // 2])
            equal("what is no video is refused", post(third, b"none at all" * 1000, "", "video/mp4").status, 422)
            three.stop()
            equal("neither that nor half a video leaves rows", (count("files WHERE NOT used"), count("file_parts")), (0, before))

            # A database of the tests is flushed to no disk.
            report = json.loads(run("store", "check", "--state", url, "--json").out)
            equal("nothing is damaged", report["damages"], [])
            equal("and nothing else is wrong", [one for one in report["faults"] if not one.startswith(("fsync", "full_page_writes"))], [])
            stats = json.loads(run("store", "stats", "--state", url, "--json").out)
            check("its videos are told", stats["videos_bytes"] > len(video), shown(stats))
            equal("nothing is left to do", count("jobs WHERE status <= 1"), 0)

    with group("a folder in which videos wait is moved"):
        target = postgres.database("moved")
        state = folder / "state"
        with studio.serve("--ffmpeg", slow, "--workers", 1, state=state) as one:
            client = Client(one)
            waiting = [post(client, video, QUERY, "video/x-matroska").json()["id"]]
            check("one is decoded", until(lambda: client.job(waiting[0])["progress"].get("rows_done", 0) >= 1))
            waiting += [post(client, body, QUERY, "video/x-matroska").json()["id"] for body in (short, video)]
            features_alone = client.post(features.npy(features.video(30)), "?priority=low").json()["id"]
            one.kill()
        names = sorted(path.name for path in (state / "videos").glob("*.video"))
        equal("each has its file", len(names), 3)
        hidden = state / "videos" / names[0]
        kept = hidden.read_bytes()
        hidden.write_bytes(kept[:-1] + bytes([kept[-1] ^ 1]))
        ran = run("store", "copy", "--from", state, "--to", target)
        equal("one whose file is another is not moved", (ran.code, "SHA-256" in ran.last), (65, True))
        hidden.write_bytes(kept)
        ran = run("store", "copy", "--from", state, "--to", target, "--json")
        told = json.loads(ran.out)
        equal("all are moved", (ran.code, told["copied"] + told["copied_before"]), (0, 4))
        left = "SELECT count(*) FROM files WHERE NOT used"
        equal("what was copied in vain is gone", postgres.ask(left, "moved"), "0")
        equal("what was moved is whole", json.loads(run("store", "check", "--state", target, "--json").out)["damages"], [])
        with studio.serve("--lease", 3, state=target) as two:
            second = Client(two)
            for job in (waiting[0], waiting[2]):
                same("a moved one", second.until(job))
            equal("another", second.until(waiting[1])["status"], "succeeded")
            equal("and features", second.until(features_alone)["status"], "succeeded")

finish()
