"""See image.sh, which brings this into namespaces of its own."""

import json
import os
import pathlib
import subprocess
import sys
import tarfile
import tempfile
import threading
import time
import urllib.request

failed = passed = 0


def check(name, holds, detail=""):
    global failed, passed
    passed, failed = passed + bool(holds), failed + (not holds)
    print(f"{'ok  ' if holds else 'FAIL'} {name}" + (f": {detail}" if detail and not holds else ""), flush=True)


def mount(*arguments):
    subprocess.run(["mount", *map(str, arguments)], check=True)


def unpack(archive, root):
    """The image's configuration; its layers are laid over each other in `root`."""
    with tarfile.open(archive) as file:
        manifest = json.load(file.extractfile("manifest.json"))[0]
        for layer in manifest["Layers"]:
            with tarfile.open(fileobj=file.extractfile(layer)) as inner:
                inner.extractall(root, numeric_owner=True)
        return json.load(file.extractfile(manifest["Config"]))["config"]


def ask(path, body=None, **fields):
    request = urllib.request.Request(f"http://127.0.0.1:8080{path}", data=body, headers=fields)
    with urllib.request.urlopen(request, timeout=60) as answer:
        return answer.status, json.load(answer)


def size(root):
    return sum(file.lstat().st_size for file in root.rglob("*") if not file.is_dir())


with tempfile.TemporaryDirectory(dir="/var/tmp") as folder:
    root = pathlib.Path(folder) / "root"
    root.mkdir()
    config = unpack(sys.argv[1], root)
    megabytes = size(root) / 1e6
    check(f"it has less than 120 MB: {megabytes:.1f}", megabytes < 120)
    check("its user is none of the system's", config["User"] == "10001:10001", config["User"])
    names = {file.name for file in root.rglob("*") if file.is_file() and os.access(file, os.X_OK)}
    check("there is no shell", not names & {"sh", "bash", "dash", "busybox", "perl", "apt", "dpkg"}, names)
    loose = [file for file in root.rglob("*") if file.is_file() and file.stat().st_mode & 0o6000]
    check("no program has another's rights", not loose, loose)
    subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
    mount("--bind", root, root)
    mount("-o", "remount,bind,ro,nosuid,nodev", root)
    mount("-t", "proc", "proc", root / "proc")
    state = pathlib.Path(folder) / "state"
    state.mkdir(mode=0o700)
    os.chown(state, 10001, 10001)
    mount("--bind", state, root / "var/lib/vigil")
    check("a file of its own has its settings", not [text for text in config["Env"] if "HOST" in text or "PORT" in text])
    environment = dict(text.split("=", 1) for text in config["Env"])
    start = ["setpriv", "--no-new-privs", "chroot", "--userspec=10001:10001", str(root)]
    server = subprocess.Popen(
        [*start, *config["Entrypoint"], *config["Cmd"]],
        env=environment | {"PATH": os.environ["PATH"]},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )

    def healthy():
        kind, *command = config["Healthcheck"]["Test"]
        assert kind == "CMD", kind
        return subprocess.run([*start, *command], env=environment | {"PATH": os.environ["PATH"]}, capture_output=True)

    end = time.monotonic() + 30
    while (health := healthy()).returncode != 0 and time.monotonic() < end:
        time.sleep(0.1)
    check("its health check is passed", health.returncode == 0, health.stderr)
    with open(f"/proc/{server.pid}/status") as file:
        status = dict(line.split(":", 1) for line in file)
    check("it runs as that user", status["Uid"].split() == ["10001"] * 4, status["Uid"])
    check("without a privilege", int(status["CapEff"], 16) == 0, status["CapEff"])
    rows = json.dumps({"features": [[0.25] * 64] * 8}).encode()
    code, job = ask("/score", rows, **{"Content-Type": "application/json", "Prefer": "wait=20"})
    check("a video is scored", (code, job["status"]) == (200, "succeeded"), job)
    check("its job is in the volume", any(state.iterdir()))
    long = json.dumps({"features": [[0.25] * 64] * 60_000}).encode()
    fields = {"Content-Type": "application/json", "Prefer": "wait=50"}
    answers = []
    waiter = threading.Thread(target=lambda: answers.append(ask("/score", long, **fields)))
    waiter.start()
    while waiter.is_alive() and not ask("/jobs?status=running")[1]["jobs"]:
        time.sleep(0.01)
    check("a long video is being scored", waiter.is_alive())
    server.terminate()
    waiter.join(60)
    check("SIGTERM lets it come to its end", [one[1]["status"] for one in answers] == ["succeeded"], answers)
    said, _ = server.communicate(timeout=40)
    check("and ends the server in order", server.returncode == 0, said)
    check("it fails the health check then", healthy().returncode != 0)
    for place in ("proc", "var/lib/vigil"):
        subprocess.run(["umount", root / place], check=True)
    subprocess.run(["umount", root], check=True)
print(f"{passed} passed, {failed} failed")
sys.exit(bool(failed))
