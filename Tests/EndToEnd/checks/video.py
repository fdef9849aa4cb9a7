"""Videos: extract, score and inspect of what ffmpeg's own generators make; times, what is passed over, and hostile files."""

import json
import os
import pathlib
import shutil
import signal
import subprocess
import sys
import time

from support.harness import SHARED, VIGIL, check, contains, equal, finish, group, need, note, scratch, shown, skip

need("video", "numpy", shared=True)

import numpy as np  # noqa: E402

from support.process import environment, run  # noqa: E402

if not shutil.which("ffmpeg"):
    skip("video", "needs ffmpeg")
    finish()

sys.path.insert(0, str(SHARED / "golden"))
import make_frames  # noqa: E402

folder = scratch()
model = folder / "tiny.safetensors"


def ffmpeg(*arguments):
    """Has a file made; false where this ffmpeg can't."""
    command = ["ffmpeg", "-v", "error", "-nostdin", "-y", *map(str, arguments)]
    return subprocess.run(command, cwd=folder, stderr=subprocess.DEVNULL).returncode == 0


def scene(size="64x48", rate=30, seconds=1):
    return "-f", "lavfi", "-i", f"testsrc2=size={size}:rate={rate}:duration={seconds}"


def clip(name, *encoder, **options):
    return ffmpeg(*scene(**options), *encoder, f"file:{name}")


def extract(*arguments, out="out", **options):
    return run("extract", *arguments, "--model", model, "--output", out, cwd=folder, **options)


def made(name, out="out"):
    return np.load(folder / out / f"{name}.npy")


def told(name, out="out"):
    return json.loads((folder / out / f"{name}.json").read_text())


def lines(ran):
    return [json.loads(line) for line in ran.out.splitlines()]


def looked(name):
    ran = run("inspect", name, "--json", cwd=folder)
    return json.loads(ran.out) if ran.code == 0 else ran


def left_behind():
    """Processes that decode one of these files, by what they read from; others' may run beside this."""
    found = []
    for process in pathlib.Path("/proc").iterdir():
        try:
            if process.name.isdigit() and os.readlink(process / "fd/0").startswith(f"{folder}/"):
                found.append((process / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace"))
        except OSError:
            pass
    return found


with group("a model with its image tower"):
    checkpoint = folder / "tiny.pth"
    maker = [sys.executable, SHARED / "golden/make_checkpoint.py", "--config", "tiny", "--seed", "1", "--out", checkpoint]
    subprocess.run(maker, check=True)
    equal("import: exit", run("import", checkpoint, "--output", model, "--keep-image-tower", timeout=120).code, 0)

frames = np.stack([make_frames.frame(64, 48, 10 + i) for i in range(53)])

with group("lossless frames: the same bits as from an array"):
    np.save(folder / "array.npy", frames)
    (folder / "frames.rgb").write_bytes(frames.tobytes())
    raw = ["-f", "rawvideo", "-pix_fmt", "rgb24", "-s", "64x48", "-r", 30, "-i", "frames.rgb"]
    coders = {
        "ffv1.mkv": ["-c:v", "ffv1", "-pix_fmt", "bgr0"],
        "lossless.mp4": ["-c:v", "libx264rgb", "-qp", 0],
        "raw.avi": ["-c:v", "rawvideo", "-pix_fmt", "bgr24"],
    }
    there = [name for name, coder in coders.items() if ffmpeg(*raw, *coder, name)]
    check("there are such", "ffv1.mkv" in there, shown(there))
    equal("exit", extract("array.npy", *there).code, 0)
    for name in there:
        stem = name.split(".")[0]
        check(f"{name}: the same features", np.array_equal(made(stem), made("array")))
        recipe = told(stem)
        equal(f"{name}: the same recipe", recipe["recipe_sha256"], told("array")["recipe_sha256"])
        equal(f"{name}: 53 frames, 5 of them in no row", (recipe["frames"], recipe["rows"], recipe["tail_frames"]), (53, 3, 5))
        equal(f"{name}: frames a second", recipe["fps"], 30)
        times = [0, 16 / 30, 32 / 30, 48 / 30]
        check(f"{name}: when rows are", np.allclose(recipe["times"], times, atol=0.0021), shown(recipe["times"]))
        check(f"{name}: whole", recipe["video"]["truncated"] is False, shown(recipe["video"]))
    check("an array has no times", "fps" not in told("array") and "times" not in told("array"))

with group("containers and codecs"):
    kinds = {
        "h264.mp4": ["-c:v", "libx264"], "h264.mov": ["-c:v", "libx264"], "h264.mkv": ["-c:v", "libx264"],
        "h264.ts": ["-c:v", "libx264"], "h264.avi": ["-c:v", "libx264", "-bf", 0],
        "fragments.mp4": ["-c:v", "libx264", "-movflags", "frag_keyframe+empty_moov"],
        "front.mp4": ["-c:v", "libx264", "-movflags", "faststart"],
        "hevc.mp4": ["-c:v", "libx265", "-x265-params", "log-level=0"], "hevc.mkv": ["-c:v", "libx265", "-x265-params", "log-level=0"],
        "vp8.webm": ["-c:v", "libvpx"], "vp8.mkv": ["-c:v", "libvpx"], "vp9.webm": ["-c:v", "libvpx-vp9", "-cpu-used", 8],
        "vp9.mp4": ["-c:v", "libvpx-vp9", "-cpu-used", 8], "av1.mp4": ["-c:v", "libaom-av1", "-cpu-used", 8],
        "av1.mkv": ["-c:v", "libaom-av1", "-cpu-used", 8], "mpeg4.avi": ["-c:v", "mpeg4"], "mpeg4.mp4": ["-c:v", "mpeg4"],
        "mpeg4.mkv": ["-c:v", "mpeg4"], "mpeg4.ts": ["-c:v", "mpeg4"], "mjpeg.avi": ["-c:v", "mjpeg"],
        "mjpeg.mov": ["-c:v", "mjpeg"], "mjpeg.mkv": ["-c:v", "mjpeg"], "ffv1.avi": ["-c:v", "ffv1"],
        "prores.mov": ["-c:v", "prores_ks"], "prores.mkv": ["-c:v", "prores_ks"], "raw.mkv": ["-c:v", "rawvideo"],
        "raw.mov": ["-c:v", "rawvideo", "-pix_fmt", "yuyv422"], "theora.ogv": ["-c:v", "libtheora", "-q:v", 10, "-g", 1],
        "mpeg2.ts": ["-c:v", "mpeg2video"], "mpeg2.mkv": ["-c:v", "mpeg2video"], "anim.gif": [], "h264.flv": ["-c:v", "libx264"], "flv1.flv": ["-c:v", "flv"],
        "ten.mkv": ["-c:v", "libx264", "-pix_fmt", "yuv420p10le"], "four.mkv": ["-c:v", "libx264", "-pix_fmt", "yuv444p"],
        "alpha.webm": ["-pix_fmt", "yuva420p", "-c:v", "libvpx", "-auto-alt-ref", 0],
        "wide.mp4": ["-vf", "setsar=2", "-c:v", "libx264"], "odd.mkv": ["-vf", "crop=63:47:exact=1", "-c:v", "ffv1", "-pix_fmt", "yuv444p"],
        "grey.mkv": ["-c:v", "ffv1", "-pix_fmt", "gray"], "deep.mkv": ["-c:v", "ffv1", "-pix_fmt", "gray16le"],
        "slow.mp4": ["-c:v", "libx264"], "fast.mp4": ["-c:v", "libx264"],
    }  # fmt: skip
    rates = {"anim.gif": 25, "slow.mp4": 10, "fast.mp4": 60}
    sizes = {"odd.mkv": "63x47"}
    tried = 0
    (folder / "kinds").mkdir()
    for name, coder in kinds.items():
        rate = rates.get(name, 30)
        if not clip(f"kinds/{name}", *coder, rate=rate):
            note(f"{name}: this ffmpeg can't make it")
            continue
        tried += 1
        found = looked(f"kinds/{name}")
        if not check(f"{name}: is looked at", isinstance(found, dict), shown(found)):
            continue
        equal(f"{name}: frames", (found["frames"], found["sizes"]), (rate, [sizes.get(name, "64x48")]))
        check(f"{name}: a second", abs(found["seconds"] - 1) < 0.01 and abs(found["frame_rate"] - rate) < 0.05, shown(found))
        check(f"{name}: is whole", not found["truncated"] and not found["variable_rate"], shown(found))
    check("most can be made here", tried > 25, str(tried))
    note(f"{tried} kinds of {len(kinds)}")

with group("a folder, and what is done already"):
    for old in (folder / "kinds").iterdir():
        if old.name not in ("h264.mp4", "h264.mkv", "mjpeg.avi", "slow.mp4"):
            old.unlink()
    (folder / "kinds/h264.mkv").rename(folder / "kinds/other.mkv")
    (folder / "kinds/notes.txt").write_text("no video\n")
    (folder / "kinds/broken.mp4").write_text("no video either\n")
    ran = extract("kinds", out="all")
    equal("one is broken: exit", ran.code, 65)
    contains("and is told", ran.err, "kinds/broken.mp4: it is a text: expected")
    (folder / "kinds/broken.mp4").unlink()
    names = sorted(path.name for path in (folder / "all").glob("*.npy"))
    equal("the others are done", names, ["h264.npy", "mjpeg.npy", "other.npy"])
    contains("but for one with too few frames", ran.err, "slow.mp4", "10 frames", "--tail keep")
    (folder / "kinds/slow.mp4").unlink()
    before = {name: (folder / "all" / name).stat().st_mtime_ns for name in names}
    ran = extract("kinds", out="all")
    equal("again: exit", ran.code, 0)
    equal("again: all are passed over", [line.get("done_before") for line in lines(ran)], [True] * 3)
    equal("and not written", {name: (folder / "all" / name).stat().st_mtime_ns for name in names}, before)
    equal("another recipe: none is", [line.get("done_before") for line in lines(extract("kinds", "--pool", "middle", out="all"))], [None] * 3)
    os.utime(folder / "kinds/h264.mp4")
    done = [line.get("done_before") for line in lines(extract("kinds", "--pool", "middle", out="all"))]
    equal("a file that has changed is made again", sorted(done, key=str), [None, True, True])
    done = [line.get("done_before") for line in lines(extract("kinds", "--pool", "middle", "--again", out="all"))]
    equal("with --again all are", done, [None] * 3)
    data = bytearray((folder / "all/h264.npy").read_bytes())
    data[-1] ^= 1
    (folder / "all/h264.npy").write_bytes(data)
    done = [line.get("done_before") for line in lines(extract("kinds", "--pool", "middle", out="all"))]
    equal("features that are not those that were written are made again", sorted(done, key=str), [None, True, True])
    odd = os.fsencode(folder / "kinds") + b"/\xff.mp4"
    open(odd, "wb").close()
    ran = extract("kinds", out="none")
    equal("a name that is not UTF-8: exit", ran.code, 65)
    contains("and is told", ran.err, "kinds", "not UTF-8", "rename it")
    check("before anything is computed", not (folder / "none").exists())
    os.unlink(odd)

with group("by time"):
    clip("ten.mkv", "-c:v", "ffv1", rate=10, seconds=4)
    equal("by frames: exit", extract("ten.mkv", out="frames").code, 0)
    equal("by time: exit", extract("ten.mkv", "--cadence", "time", out="time").code, 0)
    equal("by frames 16 a row", (told("ten", "frames")["rows"], told("ten", "frames")["fps"]), (2, 10))
    equal("by time 16/30 s a row", (told("ten", "time")["rows"], round(told("ten", "time")["fps"], 3)), (7, 30))
    check("another recipe", told("ten", "frames")["recipe_sha256"] != told("ten", "time")["recipe_sha256"])
    select = r"select=lt(n\,20)+not(mod(n\,4))"
    ffmpeg(*scene(seconds=4), "-vf", select, "-vsync", "vfr", "-c:v", "ffv1", "vfr.mkv")
    equal("unequal times: exit", extract("vfr.mkv", out="frames").code, 0)
    recipe = told("vfr", "frames")
    times = recipe["times"]
    check("rows are as long as their frames", np.allclose(times, [0, 16 / 30, 68 / 30], atol=0.003), shown(times))
    check("which is said", any("unequal" in warning for warning in recipe["video"]["warnings"]), shown(recipe["video"]))

with group("score"):
    ran = run("score", "ten.mkv", "--model", model, "--threshold", 0, cwd=folder)
    equal("exit", ran.code, 0)
    result = json.loads(ran.out)
    equal("rows and rate", (result["snippets"], result["fps"]), (2, 10))
    equal("seconds are the video's", [(s["start_seconds"], s["end_seconds"]) for s in result["segments"]], [(0, 3.2)])
    ran = run("score", "frames/ten.npy", "--model", model, "--threshold", 0, cwd=folder)
    again = json.loads(ran.out)
    equal("features that extract made score the same", again["coarse"], result["coarse"])
    equal("and have its times", (again["fps"], again["segments"]), (10, result["segments"]))
    equal("and its digest", again["provenance"]["features_sha256"], result["provenance"]["features_sha256"])
    ran = run("score", "frames/ten.npy", "--model", model, "--threshold", 0, "--fps", 20, cwd=folder)
    equal("a rate that is given counts more", json.loads(ran.out)["segments"][0]["end_seconds"], 1.6)
    ran = run("score", "frames/vfr.npy", "--model", model, "--threshold", 0, cwd=folder)
    end = json.loads(ran.out)["segments"][0]["end_seconds"]
    check("unequal times give true seconds", abs(end - 68 / 30) < 0.003, str(end))
    ran = run("score", "frames/vfr.npy", "--model", model, "--compare", model, "--threshold", 0, cwd=folder)
    ends = [result["segments"][0]["end_seconds"] for result in json.loads(ran.out)["results"]]
    check("of two models too", all(abs(end - 68 / 30) < 0.003 for end in ends), shown(ends))
    ran = run("score", "ten.mkv", "--model", model, "--cadence", "time", cwd=folder)
    equal("by time", json.loads(ran.out)["snippets"], 7)
    ran = run("score", "ten.mkv", "frames/ten.npy", "--model", model, cwd=folder)
    equal("videos and features together", [line["file"] for line in lines(ran)], ["ten.mkv", "frames/ten.npy"])
    ran = run("score", "ten.mkv", cwd=folder)
    check("the embedded model has a tower, and says what it knows", ran.code == 0 and "made-up scenes" in ran.err, shown(ran.err))
    ran = run("import", checkpoint, "--output", folder / "blind.safetensors", timeout=120)
    ran = run("score", "ten.mkv", "--model", folder / "blind.safetensors", cwd=folder)
    equal("a model without a tower: exit", ran.code, 65)
    contains("and is told", ran.err, "no image tower", "--keep-image-tower")
    ran = run("score", "ten.mkv", "--model", model, "--crop", "all", cwd=folder)
    equal("ten crops: exit", ran.code, 64)

with group("at a camera's pace"):
    ran = extract("ten.mkv", "--realtime", out="paced")
    equal("a file: exit", ran.code, 0)
    pace = lines(ran)[0]["realtime"]
    check("no frame came before its time", ran.seconds >= 3.9 and pace["rows_per_second_made"] <= 2 / 3.9, shown(pace))
    equal("it is as long as the file says", round(pace["source_seconds"], 2), 4)
    check("rows that are needed", abs(pace["rows_per_second_needed"] - 2 / 4) < 0.01, shown(pace))
    check("and what is spare", 0 <= pace["spare"] < 1 and pace["cameras"] > 0 and pace["processor_seconds"] > 0, shown(pace))
    check("the same features", (folder / "paced/ten.npy").read_bytes() == (folder / "frames/ten.npy").read_bytes())
    with open(folder / "frames.rgb", "rb") as pipe:
        ran = extract("-", "--size", "64x48", "--realtime", "--fps", 53, out="paced", stdin=pipe)
    equal("a pipe of raw frames: exit", ran.code, 0)
    pace = lines(ran)[0]["realtime"]
    check("they come at the rate that is given", ran.seconds >= 0.98 and round(pace["source_seconds"], 2) == 1, shown(pace))
    equal("a rate without a pace: exit", extract("ten.mkv", "--fps", 10).code, 64)
    equal("a rate that is none: exit", extract("ten.mkv", "--realtime", "--fps", 0).code, 64)
    ran = run("extract", "ten.mkv", "--model", model, "--realtime", "--compare", "frames/ten.npy", cwd=folder)
    equal("a pace with nothing to write: exit", ran.code, 64)

with group("pictures of segments"):
    # The picture tells the second: each is 40 brighter than the one before.
    shade = "color=black:size=640x360:rate=30:duration=5,geq=lum='16+40*floor(T)':cb=128:cr=128"
    ffmpeg("-f", "lavfi", "-i", shade, "-c:v", "mpeg4", "-q:v", 2, "-g", 300, "shades.mp4")
    ran = run("score", "shades.mp4", "ten.mkv", "--model", model, "--threshold", 0, "--thumbnails", "pictures", cwd=folder)
    equal("exit", ran.code, 0)
    for line in lines(ran):
        segments, name = line["segments"], line["file"].split(".")[0]
        files = [segment["thumbnail"] for segment in segments]
        equal(f"{name}: each segment has one", files, [f"pictures/{name}-{segment['start']}.jpg" for segment in segments])
        check(f"{name}: a JPEG", all((folder / f).read_bytes()[:3] == b"\xff\xd8\xff" for f in files), shown(files))
    shades = lines(ran)[0]
    start, end = shades["segments"][0]["start"], shades["segments"][0]["end"]
    highest = max(range(start, end), key=lambda snippet: shades["coarse"][snippet])
    ffmpeg("-i", f"pictures/shades-{start}.jpg", "-pix_fmt", "rgb24", "-f", "rawvideo", "picture.rgb")
    pixels = np.fromfile(folder / "picture.rgb", np.uint8)
    second = int((highest + 0.5) * 16 / 30)
    equal("of 320 pixels a row", pixels.size, 320 * 180 * 3)
    check("of the snippet that stands out", abs(pixels.mean() - 40 * second * 255 / 219) < 12, f"{pixels.mean()}, second {second}")
    equal("and nothing else is there", sorted(path.suffix for path in (folder / "pictures").iterdir()), [".jpg", ".jpg"])
    ran = run("score", "frames/ten.npy", "--model", model, "--thumbnails", "pictures", cwd=folder)
    equal("of features there are none: exit", ran.code, 64)
    ran = run("score", "ten.mkv", "--model", model, "--compare", model, "--thumbnails", "pictures", cwd=folder)
    equal("nor of two models: exit", ran.code, 64)
    (folder / "other").mkdir()
    shutil.copy(folder / "ten.mkv", folder / "other/ten.avi")
    ran = run("score", "ten.mkv", "other/ten.avi", "--model", model, "--thumbnails", "pictures", cwd=folder)
    equal("two videos of one name: exit", ran.code, 64)
    contains("and are named", ran.err, "ten.mkv", "other/ten.avi")
    (folder / "taken").write_text("")
    ran = run("score", "ten.mkv", "--model", model, "--thumbnails", "taken", cwd=folder)
    equal("where no folder can be: exit", ran.code, 78)

with group("what is no video, or none that can be decoded"):
    (folder / "text.mp4").write_text("this is a text and no video\n" * 20)
    (folder / "hls.mp4").write_text("#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:1,\nhttp://127.0.0.1:9/x.ts\n#EXT-X-ENDLIST\n")
    (folder / "list.mkv").write_text("ffconcat version 1.0\nfile '/etc/passwd'\n")
    (folder / "sdp.mov").write_text("v=0\no=- 0 0 IN IP4 127.0.0.1\nc=IN IP4 127.0.0.1\nm=video 9 RTP/AVP 96\n")
    (folder / "empty.mp4").write_bytes(b"")
    shutil.copy(folder / "out/ffv1.npy", folder / "features.mp4")
    ffmpeg("-f", "lavfi", "-i", "sine=duration=1", "-c:a", "aac", "sound.mp4")
    ffmpeg(*scene(), "-frames:v", 1, "-c:v", "png", "picture.png")
    clip("wmv.avi", "-c:v", "wmv2")
    ffmpeg(*scene(), "-f", "lavfi", "-i", "sine=duration=1", "-c:v", "wmv2", "-c:a", "libmp3lame", "sounding.avi")
    clip("whole.mp4", "-c:v", "mpeg4")
    data = (folder / "whole.mp4").read_bytes()
    (folder / "cut.mp4").write_bytes(data[: len(data) // 2])
    clip("fifteen.mkv", "-frames:v", 15, "-c:v", "ffv1")
    expected = {
        "text.mp4": "a text", "hls.mp4": "", "list.mkv": "a text", "sdp.mov": "a text", "sound.mp4": "only sound",
        "picture.png": "PNG", "wmv.avi": "its video is wmv2", "sounding.avi": "its video is wmv2", "cut.mp4": "moov",
        "fifteen.mkv": "15 frames", "features.mp4": "",
    }  # fmt: skip
    for name, says in expected.items():
        ran = extract(name, out="bad")
        if name == "features.mp4":
            # What is an array is read as one, whatever it is called, and is none of frames.
            equal(f"{name}: exit", ran.code, 65)
            continue
        equal(f"{name}: exit", ran.code, 65)
        contains(f"{name}: says why", ran.err, name, says)
    equal("nothing was written", sorted((folder / "bad").iterdir()) if (folder / "bad").exists() else [], [])
    ran = run("extract", "whole.mp4", "--model", model, "--output", "bad", "--ffmpeg", "/nowhere/ffmpeg", cwd=folder)
    equal("another ffmpeg that is not there: exit", ran.code, 78)
    contains("and is named", ran.err, "/nowhere/ffmpeg")
    ran = run("extract", "whole.mp4", "--model", model, "--output", "bad", cwd=folder, env={"PATH": "/nowhere"})
    equal("no ffmpeg at all: exit", ran.code, 78)
    contains("and what to do", ran.err, "install it", "--ffmpeg")

with group("damaged files"):
    clip("long.mkv", "-c:v", "ffv1", seconds=3)
    data = (folder / "long.mkv").read_bytes()
    (folder / "part.mkv").write_bytes(data[: len(data) // 2])
    ran = extract("part.mkv", out="damaged")
    equal("the first half of a video: exit", ran.code, 0)
    line = lines(ran)[0]
    check("what was decoded is there, and marked", line["truncated"] and 30 <= line["frames"] <= 60, shown(line))
    contains("and told", ran.err, "damaged or missing")
    ran = extract("part.mkv", out="damaged")
    equal("again: it is passed over", lines(ran)[0].get("done_before"), True)
    contains("and told again", ran.err, "damaged or missing")
    rng = np.random.default_rng(5)
    whole = {name: (folder / name).read_bytes() for name in ("long.mkv", "whole.mp4", "kinds/mjpeg.avi")}
    codes = []
    for round in range(12):
        for name, data in whole.items():
            flipped = np.frombuffer(data, np.uint8).copy()
            for place in rng.integers(16, len(flipped), 30):
                flipped[place] ^= 1 << rng.integers(8)
            path = folder / f"flipped.{name.split('.')[-1]}"
            path.write_bytes(flipped.tobytes())
            ran = run("inspect", path, "--json", timeout=120)
            codes.append(ran.code)
            if ran.code not in (0, 65):
                check(f"flipped {name}, round {round}", False, f"exit {ran.code}: {shown(ran.err)}")
    check(f"{len(codes)} files with flipped bits: told or refused", set(codes) <= {0, 65}, shown(codes))

with group("a decoder that crashes"):
    (folder / "crashing").write_text(f'''#!/bin/sh
case "$*" in *-version*|*frames:v*) exec {shutil.which("ffmpeg")} "$@";; esac
{shutil.which("ffmpeg")} "$@"
kill -SEGV $$
''')
    (folder / "crashing").chmod(0o755)
    for name, first in (("usual", None), ("children ignored", lambda: signal.signal(signal.SIGCHLD, signal.SIG_IGN))):
        command = [VIGIL, "extract", "whole.mp4", "--model", model, "--output", f"crashed {name}", "--ffmpeg", folder / "crashing"]
        ran = subprocess.run(command, cwd=folder, env=environment(), capture_output=True, text=True, preexec_fn=first, timeout=60)
        equal(f"{name}: exit", ran.returncode, 0)
        video = told("whole", f"crashed {name}")["video"]
        equal(f"{name}: what came is not the whole", (video["truncated"], video.get("truncated_by")), (True, "end"))
    ran = extract("whole.mp4", out="crashed usual")
    equal("the next time it is made again", lines(ran)[0].get("done_before"), None)
    equal("and is whole", told("whole", "crashed usual")["video"]["truncated"], False)

with group("a file of the year 2400"):
    clip("far.mkv", "-c:v", "ffv1")
    os.utime(folder / "far.mkv", (13_569_465_600, 13_569_465_600))
    for name, done in (("its features are made", None), ("and are there the next time", True)):
        ran = extract("far.mkv", out="far")
        equal(f"{name}: exit", ran.code, 0)
        equal(name, [line.get("done_before") for line in lines(ran)], [done])

with group("no process is left"):
    clip("minutes.mkv", "-c:v", "mjpeg", size="640x480", seconds=60)
    for name, ending in (("SIGINT", signal.SIGINT), ("SIGKILL", signal.SIGKILL)):
        child = subprocess.Popen(
            [VIGIL, "inspect", "minutes.mkv"], cwd=folder, env=environment(), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        until = time.monotonic() + 120
        # The decoder itself, and not what sets up its place. One looks at the file first, and ends; another decodes it.
        is_decoding = False
        while not is_decoding and time.monotonic() < until and child.poll() is None:
            is_decoding = any("/bwrap " not in command for command in left_behind())
            time.sleep(0.02)
        check(f"{name}: it was decoding", is_decoding)
        child.send_signal(ending)
        child.wait()
        until = time.monotonic() + 120
        while left_behind() and time.monotonic() < until:
            time.sleep(0.05)
        equal(f"{name}: none is left", left_behind(), [])

finish()
