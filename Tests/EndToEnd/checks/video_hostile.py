"""Videos that mean harm: cut, flipped, claiming, referring to other files and to the network, called like options.

Each is looked at to its end and told in words or refused in words; the decoder opens nothing but programs' parts, no packet
leaves, memory stays within bounds, and what comes after them is as before.
"""

import collections
import contextlib
import itertools
import json
import os
import re
import shutil
import socket
import subprocess
import threading
import time

from support import hostile_videos
from support.harness import LONG, VIGIL, check, equal, finish, group, note, scratch, shown, skip
from support.process import Sampler, environment, memory, run

if not shutil.which("ffmpeg"):
    skip("video_hostile", "needs ffmpeg")
    finish()

folder = scratch()
corpus = folder / "corpus"
corpus.mkdir()
# Nothing names it but the files that want it read.
secret = folder / "secret-5f0c1d.mp4"
listener = socket.create_server(("127.0.0.1", 0))
listener.setblocking(False)
url = f"http://127.0.0.1:{listener.getsockname()[1]}/x.ts"


def ffmpeg(*arguments):
    command = ["ffmpeg", "-v", "error", "-nostdin", "-y", *map(str, arguments)]
    return subprocess.run(command, cwd=folder, stderr=subprocess.DEVNULL).returncode == 0


def scene(size="64x48", seconds=1):
    return "-f", "lavfi", "-i", f"testsrc2=size={size}:rate=30:duration={seconds}"


def put(files):
    """Writes files, and gives their names."""
    names = []
    for name, data in files:
        (corpus / name).write_bytes(data)
        names.append(name)
    return names


def decoders():
    """Processes that decode one of these files, by what they read from; others' may run beside this."""
    found = []
    for process in filter(str.isdigit, os.listdir("/proc")):
        with contextlib.suppress(OSError):
            if os.readlink(f"/proc/{process}/fd/0").startswith(f"{folder}/"):
                found.append(process)
    return found


class Heaviest(threading.Thread):
    """Looks all the time how much memory the largest decoder of these files has had, in MiB, until it is told to end."""

    def __init__(self):
        super().__init__(daemon=True)
        self.most, self.ended = 0, threading.Event()

    def __enter__(self):
        self.start()
        return self

    def __exit__(self, *_):
        self.ended.set()
        self.join()

    def run(self):
        while not self.ended.wait(0.02):
            for process in decoders():
                self.most = max(self.most, memory(process).get("VmHWM", 0))


class Looked:
    """What one run of vigil inspect makes of many files, with few descriptors to lose."""

    def __init__(self, names, env=None, timeout=900):
        limited = ["sh", "-c", 'ulimit -n 48; exec "$0" "$@"', VIGIL, "inspect", "--json", "--", *names]
        child = subprocess.Popen(
            limited, cwd=corpus, env=environment(env), stdout=subprocess.PIPE, stderr=subprocess.PIPE, stdin=subprocess.DEVNULL
        )
        sampler = Sampler(child.pid)
        try:
            out, err = child.communicate(timeout=timeout)
        except subprocess.TimeoutExpired:
            child.kill()
            out, err = child.communicate()
        self.code, self.own = child.returncode, sampler.own
        self.err = err.decode(errors="replace")
        self.results = collections.defaultdict(list)
        for line in out.decode().splitlines():
            result = json.loads(line)
            self.results[result["file"]].append(result)
        self.untold = [name for name in names if name not in self.results and f"vigil: {name}" not in self.err]

    def holds(self, what):
        check(f"{what}: it came to its end", self.code in (0, 65), f"exit {self.code}: {shown(self.err[-300:])}")
        equal(f"{what}: each is told or refused", self.untold, [])


def told(names, what, **options):
    looked = Looked(names, **options)
    looked.holds(what)
    return looked


seeds = {}
with group("videos to begin with"):
    for name, coder in {
        "h264.mp4": ["-c:v", "libx264", "-g", 10], "mpeg4.mp4": ["-c:v", "mpeg4"], "mjpeg.avi": ["-c:v", "mjpeg"],
        "ffv1.mkv": ["-c:v", "ffv1"], "vp8.webm": ["-c:v", "libvpx"], "mpeg2.ts": ["-c:v", "mpeg2video"],
        "theora.ogv": ["-c:v", "libtheora"], "small.gif": [], "hevc.mp4": ["-c:v", "libx265", "-x265-params", "log-level=0"],
        "vp9.webm": ["-c:v", "libvpx-vp9", "-cpu-used", 8], "av1.mp4": ["-c:v", "libaom-av1", "-cpu-used", 8, "-frames:v", 5],
        "mpeg1.mpg": ["-c:v", "mpeg1video"], "h264.flv": ["-c:v", "libx264"], "flv1.flv": ["-c:v", "flv"],
    }.items():  # fmt: skip
        if ffmpeg(*scene(), *coder, f"file:{name}"):
            seeds[name] = (folder / name).read_bytes()
    check("there are such", {"mpeg4.mp4", "mjpeg.avi", "ffv1.mkv", "mpeg2.ts"} <= set(seeds), shown(sorted(seeds)))
    shutil.copy(folder / "mpeg4.mp4", secret)
    whole = put((f"whole-{name}", data) for name, data in seeds.items())
    first = told(whole, "whole videos")
    equal("whole videos: exit", first.code, 0)


def counted(looked, names=whole):
    return {name: [result["frames"] for result in looked.results[name]] for name in names}


with group("cut files"):
    for index, (name, data) in enumerate(seeds.items()):
        # A third of them, another one of each video, but where there is time.
        pieces = list(enumerate(hostile_videos.truncated(data, index)))[slice(None) if LONG else slice(index % 3, None, 3)]
        told(put((f"cut-{place}-{name}", piece) for place, piece in pieces), f"cut {name}")

with group("flipped bits" + (" by zzuf" if shutil.which("zzuf") else "")):
    for index, (name, data) in enumerate(seeds.items()):
        flips = itertools.product((0.00005, 0.0005, 0.004, 0.03) if LONG else (0.0005, 0.004), (0, 400), range(2 if LONG else 1))
        files = [
            (f"flipped-{ratio}-{skipped}-{seed}-{name}", hostile_videos.flipped(data, 100 * index + seed, ratio, skipped))
            for ratio, skipped, seed in flips
        ]
        told(put(files), f"flipped {name}")

with group("claims and bombs"):
    movie = seeds["mpeg4.mp4"]
    names = put(hostile_videos.movies(movie, secret, url))
    ffmpeg(*scene("32x32"), "-frames:v", 1, "-pix_fmt", "yuvj420p", "-f", "mjpeg", "one.jpg")
    jpeg = (folder / "one.jpg").read_bytes()
    names += put(
        [
            ("canvas-65535.gif", hostile_videos.gif(65_535, 65_535, 20)),
            ("canvas-16384.gif", hostile_videos.gif(16_384, 16_384, 20)),
            ("canvas-5900.gif", hostile_videos.gif(5_900, 5_900, 3)),
            ("claimed.avi", hostile_videos.pictures([hostile_videos.claimed(jpeg, 65_535, 65_535)] * 5)),
            ("claimed-16384.avi", hostile_videos.pictures([hostile_videos.claimed(jpeg, 16_384, 16_384)] * 5)),
            ("claimed-later.avi", hostile_videos.pictures([jpeg] * 3 + [hostile_videos.claimed(jpeg, 16_384, 16_384)] * 5)),
        ]
    )
    with Heaviest() as heaviest:
        looked = told(names, "claims and bombs")
    check("a decoder stays within 2 GiB", heaviest.most < 2_048, f"{heaviest.most:.0f} MiB")
    check("and what calls it within 200 MiB", looked.own < 200, f"{looked.own:.0f} MiB")
    note(f"the largest decoder had {heaviest.most:.0f} MiB, and what calls it {looked.own:.0f} MiB of its own")
    for name in ("canvas-65535.gif", "canvas-16384.gif", "claimed.avi", "claimed-16384.avi", "huge.mp4", "large.mp4"):
        sizes = [result["sizes"] for result in looked.results[name]]
        check(f"{name}: no frame is as large", not any("16384" in s or "65535" in s for s in sum(sizes, [])), shown(sizes))
    equal("frames before one that is too large", [r["frames"] for r in looked.results["claimed-later.avi"]], [3])
    equal("and it is marked", [r["truncated"] for r in looked.results["claimed-later.avi"]], [True])

with group("very many frames"):
    put([("many.gif", hostile_videos.gif(1, 1, 100_000))])
    ran = run("inspect", "--json", "--", "many.gif", cwd=corpus, timeout=300)
    equal("exit", ran.code, 0)
    equal("all are counted", json.loads(ran.out)["frames"] if ran.code == 0 else ran.err, 100_000)
    check("nothing is kept of them", ran.own < 200, f"{ran.own:.0f} MiB")
    sides = range(32, 232, 2)
    colors = [part for side in sides for part in ("-f", "lavfi", "-i", f"color=size={side}x{side}")]
    picture = ("-frames:v", 1, "-c:v", "mjpeg", "-f", "mjpeg")
    ffmpeg(*colors, *(part for at, side in enumerate(sides) for part in ("-map", at, *picture, f"side{side}.jpg")))
    put([("sizes.avi", hostile_videos.pictures([(folder / f"side{side}.jpg").read_bytes() for side in sides]))])
    looked = told(["sizes.avi"], "a size a frame")
    equal("a size a frame: all are counted", [r["frames"] for r in looked.results["sizes.avi"]], [100])

with group("references and playlists"):
    references = put(hostile_videos.movies(seeds["mpeg4.mp4"], secret, url))
    references += put(hostile_videos.dressed(secret, url))
    references += put(
        (f"subtitles-{kind}.avi", hostile_videos.subtitled(text.encode()))
        for kind, text in hostile_videos.playlists(secret, url)
    )
    (folder / "attached.txt").write_text(f"#EXTM3U\n#EXTINF:1,\nfile://{secret}\n")
    attach = ["-attach", "attached.txt", "-metadata:s:t", "mimetype=application/x-mpegurl", "-metadata:s:t", f"filename={secret}"]
    forged = "x\n[error] moov atom not found\n[showinfo@1 @ 0x1] [info] n: 0 pts: 0 fmt:rgb24 s:9x9 i:P\nStream #0:0"
    ffmpeg(*scene(), "-c:v", "ffv1", *attach, "-metadata", f"title={forged}", f"file:{corpus}/attached.mkv")
    ffmpeg(*scene(), "-c:v", "mpeg4", "-metadata", f"title={forged}", "-metadata", f"comment={forged}", f"file:{corpus}/forged.mp4")
    (corpus / "link.mp4").symlink_to("/etc/passwd")
    (corpus / "device.mp4").symlink_to("/dev/zero")
    os.mkfifo(corpus / "pipe.mp4")
    references += ["attached.mkv", "forged.mp4", "link.mp4", "device.mp4"]
    looked = told(references, "references and playlists")
    for name in ("attached.mkv", "forged.mp4"):
        found = [(r["frames"], r["sizes"], r["truncated"]) for r in looked.results[name]]
        equal(f"{name}: what it says of itself is no fact", found, [(30, ["64x48"], False)])
    ran = run("inspect", "--json", "--", "pipe.mp4", cwd=corpus, timeout=20, stdin=subprocess.DEVNULL)
    note(f"a pipe without a writer: exit {ran.code}")

    def opened(trace):
        """What each decoder opened since it became ffmpeg, and calls that name an address."""
        processes, files, addresses = set(), collections.Counter(), []
        for line in trace.read_text(errors="replace").splitlines():
            process, _, call = line.partition(" ")
            call = call.strip()
            if call.startswith("execve(") and "ffmpeg" in call and "bwrap" not in call.split(",")[0]:
                processes.add(process)
            if "AF_INET" in call:
                addresses.append(call)
            if made := re.match(r"(?:clone3?|v?fork)\(.*= (\d+)", call):
                if process in processes:
                    processes.add(made[1])
            if (found := re.match(r'open(?:at2?)?\((?:AT_FDCWD, )?"([^"]*)"', call)) and process in processes:
                files[found[1]] += 1
        return files, addresses

    ways = {"as usual": None}
    few = folder / "few"
    few.mkdir()
    (few / "ffmpeg").symlink_to(shutil.which("ffmpeg"))
    ways["without bwrap"] = {"PATH": str(few)}
    # Stops at the calls that are asked for alone, a third of the work. It would pass over what the decoder's own filter refuses,
    # of which none is asked for.
    unheard = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    quick = ["--seccomp-bpf"]
    strace = shutil.which("strace")
    if strace and subprocess.run([strace, *quick, "-f", "-o", os.devnull, "true"], **unheard).returncode:
        quick = []
    for way, env in ways.items():
        if not strace:
            skip(f"system calls, {way}", "needs strace")
            continue
        trace = folder / "trace"
        calls = "trace=execve,clone,clone3,fork,vfork,open,openat,openat2,connect,bind,sendto,sendmsg"
        command = [strace, *quick, "-f", "-qq", "-s", "400", "-e", calls, "-o", trace]
        subprocess.run(
            [*command, VIGIL, "inspect", "--json", "--", *references], cwd=corpus, env=environment(env), timeout=500, **unheard
        )
        files, addresses = opened(trace)
        check(f"{way}: decoders were seen", files["/proc/self/fd/0"] > 10, shown(files))
        equal(f"{way}: no call names an address", addresses, [])
        harmless = ("/lib", "/usr/lib", "/usr/local/lib", "/etc/ld.so", "/etc/gcrypt/", "/proc/", "/sys/devices/system/", "/dev/null")
        strange = sorted(n for n in files if not n.startswith(harmless) or re.match(r"/proc/\d", n) or ".." in n)
        equal(f"{way}: the decoder opens nothing else", strange, [])
    try:
        listener.accept()
        check("nobody called", False)
    except BlockingIOError:
        check("nobody called", True)

with group("names"):
    data = seeds["mpeg4.mp4"]
    named = [
        "-i.mp4", "-f", "--output", "%d.mp4", "%03d.mkv", "new\nline.mp4", "concat:a.mp4|b.mp4", "http:x.mp4", "pipe:0.mp4", "file:x",
        "subfile,,start,0,end,9,,:x.mp4", "lavfi.mp4", "$(touch touched).mp4", "`touch touched`.mp4", "; touch touched;.mp4",
        "a'b\"c.mp4", "*.mp4", "\x1b[2J.mp4", "data:,x.mp4", "x" * 251 + ".mp4", "@list.mp4", "tab\t.mp4", " .mp4", "..mp4",
    ]  # fmt: skip
    for name in named:
        (corpus / name).write_bytes(data)
    looked = Looked(named)
    equal("each is the file of that name", counted(looked, named), {name: [30] for name in named})
    check("nothing was run", not (corpus / "touched").exists() and not (folder / "touched").exists())

with group("after all of these"):
    mixed = [name for name in sorted(os.listdir(corpus)) if name.startswith(("cut-1", "flipped-0.004", "claims-", "hls-"))]
    again = told(whole + mixed + whole, "whole videos among the others")
    equal("a whole video is what it was, before and behind them", counted(again), {n: 2 * f for n, f in counted(first).items()})
    until = time.monotonic() + 20
    while decoders() and time.monotonic() < until:
        time.sleep(0.05)
    equal("no process is left", decoders(), [])

finish()
