"""Videos, servers that take them, and a small model with an image tower."""

import contextlib
import pathlib
import shutil
import subprocess
import sys
import time

from support.harness import SHARED, check, equal
from support.process import Server, run


class Studio:
    """A folder with a model that has a tower, and clips that ffmpeg makes."""

    def __init__(self, folder):
        self.folder = folder
        self.model = folder / "tiny.safetensors"
        self.checkpoint = folder / "tiny.pth"
        maker = [sys.executable, SHARED / "golden/make_checkpoint.py", "--config", "tiny", "--seed", "1", "--out", self.checkpoint]
        subprocess.run(maker, check=True)
        equal("import: exit", run("import", self.checkpoint, "--output", self.model, "--keep-image-tower", timeout=120).code, 0)

    def ffmpeg(self, *arguments):
        command = ["ffmpeg", "-v", "error", "-nostdin", "-y", *map(str, arguments)]
        return subprocess.run(command, cwd=self.folder, stderr=subprocess.DEVNULL).returncode == 0

    def clip(self, name, *encoder, size="64x48", rate=30, seconds=4):
        source = ["-f", "lavfi", "-i", f"testsrc2=size={size}:rate={rate}:duration={seconds}"]
        check(f"{name} can be made", self.ffmpeg(*source, *encoder, name))
        return (self.folder / name).read_bytes()

    def serve(self, *options, state=None, **named):
        """A server that takes videos whatever keeps their decoder in: this machine may have no bubblewrap."""
        place = {} if state is None else {"state": state}
        return Server("--allow-unsandboxed-video", *options, model=named.pop("model", self.model), **place, **named)


def slowly(folder):
    """What makes videos slow: ffmpeg at the pace at which they are shown."""
    path, ffmpeg = folder / "slow", shutil.which("ffmpeg")
    path.write_text(f'#!/bin/sh\ncase "$*" in *-version*) exec {ffmpeg} "$@";; esac\nexec {ffmpeg} -re "$@"\n')
    path.chmod(0o755)
    return path


def post(client, body, query="", kind="video/mp4", **headers):
    return client.ask("POST", f"/score{query}", body, {"Content-Type": kind, **{k.replace("_", "-"): v for k, v in headers.items()}})


def form(*files):
    """(field, name, bytes) as multipart/form-data."""
    parts = [
        f'--x\r\nContent-Disposition: form-data; name="{field}"; filename="{name}"\r\nContent-Type: application/octet-stream\r\n\r\n'.encode() + body
        for field, name, body in files
    ]
    return b"\r\n".join(parts) + b"\r\n--x--\r\n", "multipart/form-data; boundary=x"


def until(condition, seconds=120):
    end = time.monotonic() + seconds
    while not (found := condition()) and time.monotonic() < end:
        time.sleep(0.02)
    return found


def files(state):
    """The names of all files of videos in a state folder."""
    place = pathlib.Path(state) / "videos"
    with contextlib.suppress(FileNotFoundError):
        return sorted(path.name for path in place.iterdir())
    return []
