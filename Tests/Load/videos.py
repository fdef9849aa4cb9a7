"""Uploads big videos from several clients at once, and watches the server's memory while they are decoded and scored."""

import http.client
import json
import os
import pathlib
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time

VIDEOS, MEGABYTES, CLIENTS = (int(given) for given in (sys.argv[1:] + ["20", "500", "4"][len(sys.argv) - 1 :]))


def clip(place):
    """A clip of that size: noise, which no codec makes smaller, at so many bits a second."""
    path = place / "noise.mkv"
    subprocess.run(
        ["ffmpeg", "-v", "error", "-f", "lavfi", "-i", "testsrc2=s=1280x720:r=30,noise=alls=80:allf=t", "-t", "3600"]
        + ["-c:v", "mjpeg", "-q:v", "2", "-fs", f"{MEGABYTES}M", str(path)],
        check=True,
    )
    return path


def memory(pid, name):
    """A line of a process's status, in MB."""
    return int(re.search(rf"{name}:\s+(\d+) kB", pathlib.Path(f"/proc/{pid}/status").read_text())[1]) / 1024


def anonymous(pid):
    """What is the process's own, in MB: without files' pages, which the system takes back."""
    return memory(pid, "RssAnon")


def main():
    # So that who ends this ends the server too, and leaves no file.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    # On a disk: TMPDIR may say which.
    place = pathlib.Path(tempfile.mkdtemp(prefix="vigil-videos.", dir=os.environ.get("TMPDIR", "/var/tmp")))
    options = ["--model", os.environ["MODEL"]] if "MODEL" in os.environ else []
    server = subprocess.Popen(
        [os.environ["VIGIL"], "serve", "--port", "0", "--state", str(place / "state"), "--allow-unsandboxed-video", *options],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        port = None
        # A server that ends before it listens has said why.
        for line in server.stderr:
            if found := re.search(r"127\.0\.0\.1:(\d+)", line):
                port = int(found[1])
                break
        if port is None:
            sys.exit("the server does not listen")
        threading.Thread(target=lambda: [None for _ in server.stderr], daemon=True).start()
        video = clip(place)
        print(f"{video.stat().st_size >> 20} MB a video; before: {memory(server.pid, 'VmRSS'):.0f} MB")
        measure(server, port, video)
    finally:
        server.send_signal(signal.SIGTERM)
        server.wait()
        shutil.rmtree(place, ignore_errors=True)


def ask(port, method, path, body=None, headers=None):
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=3600)
    connection.request(method, path, body, headers or {})
    answer = connection.getresponse()
    found = answer.status, json.loads(answer.read())
    connection.close()
    return found


def measure(server, port, video):
    left, answers, most = list(range(VIDEOS)), [], {"own": 0.0, "all": 0.0}
    lock, done = threading.Lock(), threading.Event()

    def upload():
        while True:
            with lock:
                if not left:
                    return
                number = left.pop()
            with open(video, "rb") as file:
                # Each is another video to whoever reuses features: bytes behind the last frame.
                size = video.stat().st_size
                headers = {"Content-Type": "video/x-matroska", "Content-Length": str(size + 8)}

                def pieces():
                    while piece := file.read(1 << 20):
                        yield piece
                    yield number.to_bytes(8, "big")

                status, job = ask(port, "POST", "/score", pieces(), headers)
            while status in (200, 202) and job["status"] not in ("succeeded", "failed", "cancelled"):
                status, job = ask(port, "GET", f"/jobs/{job['id']}?wait=30")
            answers.append((status, job.get("status"), job.get("snippets"), job.get("error") or job.get("detail")))

    def watch():
        while not done.wait(0.05):
            most["own"] = max(most["own"], anonymous(server.pid))

    begun = time.monotonic()
    threads = [threading.Thread(target=upload) for _ in range(CLIENTS)]
    watcher = threading.Thread(target=watch)
    for thread in threads + [watcher]:
        thread.start()
    for thread in threads:
        thread.join()
    done.set()
    watcher.join()
    print(f"{VIDEOS} videos by {CLIENTS} clients in {time.monotonic() - begun:.0f} s: {sorted(set(map(str, answers)))}")
    print(f"at most {most['own']:.0f} MB of its own, {memory(server.pid, 'VmHWM'):.0f} MB with pages of files")


main()
