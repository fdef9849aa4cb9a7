"""README and the pages of docs as a new user goes by them: each block of commands is run, in a folder of its own, or said
here to be none."""

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request

from support.harness import ROOT, SHARED, VIGIL, check, equal, finish, group, need, scratch, shown, skip

need("readme", "numpy", "requests")

import numpy as np  # noqa: E402

from support import features  # noqa: E402
from support.certificates import Certificates  # noqa: E402
from support.process import environment  # noqa: E402

PAGES = {page.relative_to(ROOT): page.read_text() for page in [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]}
# Blocks that are not run, by what they begin with, and why.
PASSED_OVER = {
    "ffmpeg": "needs a video of another format; checks/extraction.py has raw frames on standard input",
    "scale=flags": "what a frame goes through, no command",
    "vigil extract clip.npy --model ucf-crime.safetensors --compare": "needs released features; checks/extraction.py has such",
    "vigil import model_ucf.pth --keep-image-tower": "needs CLIP's own file; checks/image_tower.py has such",
    "vigil serve --model ucf=": "checks/several_models.py serves several",
    "make demo": ".ci/run does",
    "curl -F video=@clip-0815.mp4": "needs places to tell; checks/alerts.py has such",
    "vigil serve --alerts-mqtt": "needs a broker; checks/alerts.py has one",
    "curl -o robbery.npy": "needs a video's job; checks/video_features.py has such",
    "lab:": "a file of profiles; checks/submitting.py has such",
    "make help": "make test runs this check; help is run below; .ci/run does lint and a short fuzz; format would change "
    "the tree; sanitize builds all of it three times, by hand",
    "vigil bench engine --model ucf.safetensors": "a measurement of minutes, of a model of the published size",
    "vigil eval --dataset": "checks/evaluation.py does, with logits that are made up; the features are not here",
    "apt install ffmpeg": "deploy/setup.sh installs them",
    "vigil extract camera.mp4 --realtime": "a file's own length in time; checks/video.py does",
    "apt-get install": "deploy/setup.sh installs; the build is make test's; serve is run elsewhere",
    "const events": "needs a browser; checks/events.py reads the same stream",
    "# name:sha256hex": "a file of keys; checks/owners.py has such",
    "# vigil.yaml": "a config file; checks/config_files.py has such",
    "histogram_quantile": "a query; checks/metrics.py asks those of the dashboard",
    "vigil state backup": "needs a server's folder; checks/backup.py does",
    "/backups/2026": "what vigil state list says",
    "2026-01-01T12": "what a log says",
    "OTEL_EXPORTER": "needs a collector; checks/traces.py has one",
    "curl -X PUT -H 'If-Match": "needs a job's id; checks/verdicts.py does",
    "curl -X POST 'http://127.0.0.1:8080/jobs/ID/again": "needs a job's id; checks/again.py does",
    '{"number"': "what an audit log says",
    "$ vigil audit verify": "needs an audit log; checks/audit.py does",
    "RateLimit-Policy": "no command",
    "stateDiagram": "a picture",
    '{"time"': "no command",
    "vigil train --preset ucf-crime": "needs the published features; checks/training.py trains",
    "vigil train --preset xd-violence": "needs the published features; checks/training.py trains",
    "vigil train --replay": "checks/training.py does",
    "vigil train --labels": "needs clips; checks/training.py trains on classes of its own",
    "vigil eval --model mine": "needs clips; checks/training.py does",
    "vigil serve --model mine": "needs clips; checks/training.py does",
    "make deb": "takes a release build; Tests/Deployment/deb.sh tries the package",
    "docker build": "needs Docker and its registry; Tests/Deployment/image.sh tries the image",
    "docker compose": "needs Docker and its registry; make validate looks at the file",
    "kubectl create": "needs a cluster",
    "psql --file": "needs a PostgreSQL; checks/store_commands.py does the same",
    "vigil store copy": "needs a PostgreSQL; checks/store_commands.py moves a folder",
    "pg_dump": "needs a PostgreSQL; checks/store_commands.py does the same",
    "pg_basebackup": "needs a PostgreSQL; checks/store_commands.py does the same",
    "createuser vigil": "needs a PostgreSQL; checks/cluster.py has one",
    "VIGIL_STATE=postgres": "needs a PostgreSQL; checks/cluster.py has one",
    "SELECT queued": "needs a PostgreSQL; checks/cluster.py asks the same",
    "# kustomization.yaml": "no command",
    "# in the Deployment": "no command",
    "apiVersion: monitoring": "no command",
    "kubectl apply": "needs a cluster; make validate looks at the files",
    "vigil score --model ucf-crime.safetensors --compare": "needs two models; checks/comparing.py has such",
    "pip install 'tritonclient": "checks/inference.py scores by it where it is installed",
    "import tritonclient": "checks/inference.py scores by it where it is installed",
    "deploy/haproxy/roll.sh": "needs two servers; checks/rolling.py does the same",
    "deploy/ablations.sh": "needs the published features; checks/training.py calls it",
    '{"learning_rate"': "no command",
    "vigil import dsanet_ucf.pth": "needs DSANet's checkpoint; checks/parity.py imports such",
}
# A state folder that a server has left.
KEPT = """command vigil serve --port 0 --state kept >served 2>&1 & server=$!
until grep -q url= served; do sleep 0.1; done
kill $server; wait $server
"""
# Commands inside a line, with what stands for their capitals, or why they are not run.
INLINE = {
    "vigil score FILE…": "vigil score features.npy",
    "vigil inspect FILE…": "vigil inspect features.npy",
    "vigil version": "vigil version",
    "vigil state check --state DIR": KEPT + "vigil state check --state kept",
    "vigil state recover --state DIR --output NEWDIR": KEPT + "vigil state recover --state kept --output mended",
    "vigil help COMMAND": "for one in serve score import extract train config inspect bench; do vigil help $one; done",
    "vigil help train": "vigil help train",
    "vigil scenes --output DIR": "vigil scenes --output scenes --train 7 --test 7",
    "vigil bench engine": "vigil bench engine --runs 1 --lengths 30",
    "vigil bench engine --threads": "vigil bench engine --runs 1 --lengths 30 --threads 2",
    "vigil score --workers": "vigil score --workers 2 features.npy",
    "vigil bench train": "vigil bench train --videos 1 --snippets 8 --runs 1",
    "vigil health": "vigil health http://127.0.0.1:8080",
    "vigil health --ready": "vigil health --ready http://127.0.0.1:8080",
    "vigil health [URL]": "vigil health http://127.0.0.1:8080 | grep ok",
    "vigil config check FILE": "echo 'port: 9000' >vigil.yaml; vigil config check vigil.yaml",
    "vigil serve --print-config": "env vigil serve --print-config | grep port",
    "vigil state backup NEWDIR --state DIR": KEPT + "vigil state backup copied --state kept",
    "vigil state list [DIR]": KEPT + "vigil state list kept",
    "vigil config schema": "vigil config schema | cmp - deploy/vigil.schema.json",
    "curl http://127.0.0.1:8080/problems/backlog-full": "curl http://127.0.0.1:8080/problems/backlog-full",
}
INLINE_PASSED_OVER = {
    "vigil import": "the name of the command alone",
    "vigil score --compare": "another page has it whole",
    "vigil serve": "the blocks run it",
    "vigil keys add NAME": "checks/owners.py does",
    "vigil health --ca ca.pem https://vigil.example:8443": "another name above; checks/tls.py does",
    "vigil keys list": "checks/owners.py does",
    "vigil keys rotate NAME": "checks/owners.py does",
    "vigil keys revoke NAME": "checks/owners.py does",
    "vigil keys verify <key.txt": "checks/owners.py does",
    "vigil keys add prometheus --role reader": "checks/owners.py has readers",
    "vigil keys add": "the name of the command alone",
    "vigil keys revoke --forget": "an option; checks/owners.py does",
    "vigil keys verify": "the name of the command alone",
    "vigil audit verify FILE…": "needs an audit log; checks/audit.py does",
    "vigil audit verify": "needs an audit log; checks/audit.py does",
    "vigil health --config FILE": "needs a server with a config file; checks/tls.py does",
    "vigil state backup": "the name of the command alone",
    "vigil state": "the name of the command alone",
    "vigil state list /backups": "with another folder above",
    "vigil submit": "the name of the command alone",
    "vigil watch": "the name of the command alone",
    "vigil submit INPUT…": "the blocks run it",
    "vigil status [ID…]": "the blocks run it",
    "vigil watch [ID…]": "checks/submitting.py does",
    "vigil cancel ID…": "checks/submitting.py does",
    "vigil again ID…": "checks/submitting.py does",
    "vigil download [ID…]": "the blocks run it",
    "vigil download": "the name of the command alone",
    "vigil submit --wait": "an option; checks/submitting.py does",
    "make clients": "checks/python_client.py runs what it runs",
    "docker compose -f deploy/compose.yaml up": "needs Docker; make validate looks at the file",
    "vigil score": "the name of the command alone",
    "vigil eval": "the name of the command alone",
    "vigil state check": "the name of the command alone",
    "vigil state recover": "the name of the command alone",
    "vigil store": "the name of the command alone",
    "vigil store migrate": "the name of the command alone",
    "vigil store check": "the name of the command alone",
    "vigil store stats": "the name of the command alone",
    "vigil store migrate --state URL": "needs a PostgreSQL; checks/store_commands.py does",
    "vigil store check --state URL": "needs a PostgreSQL; checks/store_commands.py does",
    "vigil store stats --state URL": "needs a PostgreSQL; checks/store_commands.py does",
    "vigil store copy --from DIR --to URL": "needs a PostgreSQL; checks/store_commands.py does",
    "Tests/Load/scale.sh": "measures for minutes",
    "Tests/Load/shared.sh": "measures for minutes",
    "vigil bench serve [URL]": "the blocks run it",
    "vigil bench serve": "the name of the command alone",
    "vigil bench serve --key-file": "checks/bench.py does",
    "vigil import CHECKPOINT --output FILE": "the blocks run it",
    "vigil extract INPUT… --model MODEL --output DIR": "the blocks of another page run it",
    "vigil extract": "the name of the command alone",
    "vigil import ViT-B-16.pt --output tower.safetensors": "needs CLIP's own file; checks/image_tower.py has such",
    "vigil bench engine --image --model FILE": "needs a model with a tower; checks/image_tower.py has such",
    "vigil train": "the name of the command alone; checks/training.py trains",
    "vigil train --replay": "checks/training.py does",
    "vigil eval --check": "an option; checks/evaluation.py does",
    "vigil inspect --json": "an option; checks/training.py looks at what a model says of its training",
    "vigil inspect FILE": "with another file above",
    "vigil inspect --json ANY.mp4": "checks/video.py looks at videos",
    "vigil inspect": "the name of the command alone",
    "curl --compressed": "an option; checks/compression.py asks for compressed answers",
    "curl --unix-socket": "an option; checks/listening.py connects to Unix sockets",
    "make demo-model": "takes minutes; checks/scenes.py trains on fewer scenes",
    "vigil scenes": "the name of the command alone",
    "docker load": "needs Docker",
    "make docs": ".ci/run does",
    "make image": "makes Debian's base for minutes; Tests/Deployment/image.sh tries the image",
    "make validate": ".ci/run does",
    "Tests/Load/compare.sh": "needs other engines",
    "Tests/Load/videos.sh": "measures for minutes",
    "Tests/Load/durable.sh": "measures for minutes",
    "Tests/Load/observed.sh": "measures for minutes",
    "Tests/Load/http.sh": "needs other servers",
    "Tests/Load/train.sh": "needs PyTorch",
    "Tests/Load/soak.sh": ".ci/run does, for half a minute",
}
EXAMPLE = "01M85BV3QAE4RGA8GVVP3465ME"
BEGINNING = """set -euo pipefail
curl() {
    case " $* " in
        *" -f "*) command curl -sS -m 60 "$@" ;;
        *) command curl -sS --fail-with-body -m 60 "$@" ;;
    esac
}
listens() {
    for _ in $(seq 600); do
        (: </dev/tcp/127.0.0.1/8080) 2>/dev/null && return
        kill -0 "$1" || return 1
        sleep 0.1
    done
    return 1
}
"""


def blocks():
    """(place, kind, text) of each block, fenced or indented."""
    for page, text in PAGES.items():
        yield from blocks_of(page, text.split("\n"))


def blocks_of(page, lines):
    at = 0
    while at < len(lines):
        begun = at
        if lines[at].startswith("```"):
            at += 1
            while not lines[at].startswith("```"):
                at += 1
            yield f"{page}:{begun + 1}", lines[begun][3:], "\n".join(lines[begun + 1 : at])
        elif lines[at].startswith("    ") and lines[at - 1] == "":
            while lines[at].startswith("    "):
                at += 1
            yield f"{page}:{begun + 1}", "", "\n".join(line.strip() for line in lines[begun:at])
        at += 1


def inline():
    """(place, command) of each command that stands in a line in marks of code, once."""
    seen, fenced = set(), False
    for page, text in PAGES.items():
        for number, line in enumerate(text.split("\n"), 1):
            fenced ^= line.startswith("```")
            if fenced or line.startswith("    "):
                continue
            for command in re.findall(r"`((?:vigil|curl|make|docker|openssl|swift) [^`]+|Tests/[^`]+\.sh)`", line):
                if command not in seen:
                    seen.add(command)
                    yield f"{page}:{number}", command


def script(text):
    """The block as bash has it: a server goes to the background, and what follows waits for it."""
    text = text.replace("\\\n", " ").replace("vigil bench serve", "vigil bench serve --seconds 0.5 --warmup 0.1")
    lines = []
    for line in text.split("\n"):
        if re.match(r"vigil serve\b", line):
            line = f"{line.removesuffix('&')} 2>serve.log & listens $!"
        lines.append(line)
    return BEGINNING + "\n".join(lines) + "\n"


def folder():
    """A fresh folder with what README takes for granted; the videos are as wide as the model that stands in."""
    place = scratch()
    (place / "bin").mkdir()
    (place / "bin/vigil").symlink_to(VIGIL)
    (place / "deploy").symlink_to(ROOT / "deploy")
    for name, rows in (("features", 100), ("cam1", 40), ("cam2", 70)):
        (place / f"{name}.npy").write_bytes(features.npy(features.video(rows)))
    (place / "clips").mkdir()
    shutil.copyfile(place / "cam1.npy", place / "clips/cam1.npy")
    subprocess.run([sys.executable, "-m", "zipfile", "-c", "archive.zip", "cam1.npy", "cam2.npy"], cwd=place, check=True)
    shutil.copyfile(ROOT / "Sources/CResources/demo.safetensors", place / "ucf-crime.safetensors")
    (place / "key.txt").write_text("a-key-that-the-server-does-not-ask-for\n")
    return place


def measured(place):
    """What stands for a test set in the commands of docs/evaluation.md: two videos of the demo model's classes."""
    path = place / "one.npy"
    path.write_bytes(features.npy(features.video(20)))
    labels = json.loads(subprocess.run([VIGIL, "score", path], capture_output=True, check=True).stdout)["fine"]["labels"]
    (place / "test.csv").write_text(f"path,label\nv0.npy,{labels[0]}\nv1.npy,{labels[1]}\n")
    (place / "truth.csv").write_text(f"video,label,start,end\nv1,{labels[1]},32,80\n")
    (place / "features").mkdir()
    for name in ("v0", "v1"):
        (place / f"features/{name}.npy").write_bytes(features.npy(features.video(40)))


def started(place, command, kind=""):
    """What a block did. All that it began ends with it."""
    settings = environment({"PATH": f"{place}/bin:{os.environ['PATH']}", "HOME": str(place), "XDG_STATE_HOME": ""})
    settings["PYTHONPATH"] = str(ROOT / "deploy/clients/python/src")
    # In a file, since more than a pipe takes may be said before anybody reads it.
    said = tempfile.TemporaryFile("w+")
    ran = subprocess.Popen(
        {"python": [sys.executable, "-c"], "js": ["node", "--input-type=module", "-e"]}.get(kind, ["bash", "-c"]) + [command],
        cwd=place, env=settings, stdin=subprocess.DEVNULL, stdout=said, stderr=subprocess.STDOUT, start_new_session=True,
    )  # fmt: skip
    code = None
    try:
        code = ran.wait(180)
    except subprocess.TimeoutExpired:
        pass
    try:
        os.killpg(ran.pid, signal.SIGKILL)
    except ProcessLookupError:
        pass
    ran.wait()
    said.seek(0)
    return code, said.read()


def serving(place, *options):
    """The server that a block without one of its own speaks to."""
    server = subprocess.Popen(
        [VIGIL, "serve", *options], cwd=place, env=environment(), stdin=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    end = time.monotonic() + 60
    while time.monotonic() < end:
        try:
            urllib.request.urlopen("http://127.0.0.1:8080/livez", timeout=60).read()
            break
        except urllib.error.HTTPError:
            # It listens, for TLS alone.
            break
        except OSError:
            time.sleep(0.05)
    return server


def scored(place):
    """The id of a job that has ended."""
    head = {"Content-Type": "application/x-npy", "Prefer": "wait=60"}
    request = urllib.request.Request("http://127.0.0.1:8080/score", (place / "features.npy").read_bytes(), head)
    return urllib.request.urlopen(request, timeout=90).headers["Location"].rsplit("/", 1)[1]


def tried(name, kind, text):
    place, server = folder(), None
    if "model_ucf.pth" in text:
        if not SHARED.is_dir():
            skip(name, "needs ../shared for a checkpoint")
            return
        make = [sys.executable, SHARED / "golden/make_checkpoint.py", "--config", "tiny", "--seed", "1", "--out"]
        subprocess.run([*make, place / "model_ucf.pth"], check=True)
    if "robbery.mp4" in text:
        if not shutil.which("ffmpeg"):
            skip(name, "needs ffmpeg")
            return
        scene = ["-f", "lavfi", "-i", "testsrc2=size=64x48:rate=30:duration=1", "-c:v", "mpeg4"]
        (place / "videos").mkdir()
        for video in ("robbery.mp4", "videos/street.mp4"):
            subprocess.run(["ffmpeg", "-v", "error", "-nostdin", *scene, place / video], check=True)
        if "vigil import" not in text:
            if not SHARED.is_dir():
                skip(name, "needs ../shared for a checkpoint")
                return
            maker = SHARED / "golden/make_checkpoint.py"
            subprocess.run([sys.executable, maker, "--config", "tiny", "--seed", "1", "--out", place / "tiny.pth"], check=True)
            (place / "ucf-crime.safetensors").unlink()
            model = ["--output", "ucf-crime.safetensors", "--keep-image-tower"]
            subprocess.run([VIGIL, "import", "tiny.pth", *model], cwd=place, check=True, capture_output=True)
    if "vigil extract" in text:
        np.save(place / "clip.npy", np.zeros((40, 48, 64, 3), np.uint8))
        (place / "frames").mkdir()
        for index in range(40):
            (place / f"frames/{index}.ppm").write_bytes(b"P6 64 48 255\n" + bytes(64 * 48 * 3))
    if "vigil inspect" in text:
        (place / "features.npy").write_bytes(features.npy(features.video(100, 512)))
    if "vigil_client" in text:
        try:
            import httpx  # noqa: F401
        except ImportError:
            skip(name, "needs httpx")
            return
    if kind == "js":
        if not (shutil.which("node") and shutil.which("tsc")):
            skip(name, "needs node and tsc")
            return
        subprocess.run(["tsc", "-p", ROOT / "deploy/clients/typescript", "--outDir", place], check=True)
        (place / "package.json").write_text('{"type": "module"}')
    if "truth.csv" in text:
        measured(place)
    if "client.pem" in text:
        certificates = Certificates(place)
        certificates.make("server"), certificates.make("client")
        shutil.copyfile(place / "ca.pem", place / "cert.pem")
        options = ["--tls-cert", "server.pem", "--tls-key", "server.key", "--tls-client-ca", "ca.pem"]
        server = serving(place, *options)
    elif re.search(r"8080|vigil (submit|status|watch|cancel|download)\b", text) and not re.search(r"^vigil serve", text, re.M):
        server = serving(place)
    try:
        if re.match(r"vigil (status|download|watch)", text):
            scored(place)
        if EXAMPLE in text:
            text = text.replace(EXAMPLE, scored(place))
        code, said = started(place, text if kind in ("python", "js") else script(text), kind)
        log = (place / "serve.log").read_text() if (place / "serve.log").exists() else ""
        check(f"{name}: exit 0", code == 0, f"{code}: {shown(said[-400:])} {shown(log[-300:])}")
        expected = {
            "Prefer: wait": '"status":"succeeded"',
            "-F features=@cam2": '"jobs":[',
            "vigil import": "ucf-crime.safetensors",
            "/events": "event: end",
            "readyz": '"status":"ok"',
            "format table": "features",
        }
        for part, words in expected.items():
            if part in text and kind == "":
                check(f"{name}: says {words}", words in said, shown(said[-400:]))
    finally:
        if server is not None:
            server.terminate()
            equal(f"{name}: the server ends", server.wait(60), 0)


if os.environ.get("E2E_ALONE") != "1":
    skip("readme", "needs root, for a network in which port 8080 is free")
    finish()
if lacking := [program for program in ("bash", "curl", "openssl") if not shutil.which(program)]:
    skip("readme", f"needs {', '.join(lacking)}")
    finish()
found = list(blocks())
check("there are blocks", len(found) > 15, str(len(found)))
for why in PASSED_OVER:
    check(f"a page still has '{why}'", any(text.startswith(why) for _, _, text in found))
for place, kind, text in found:
    name = f"{place} {text[:40]!r}"
    if any(text.startswith(start) for start in PASSED_OVER):
        continue
    if not check(f"{name}: is of a known kind", kind in ("python", "js") or re.match(r"(vigil|curl|openssl|echo|key=)", text)):
        continue
    with group(name):
        tried(name, kind, text)
with group("make help"):
    shown_targets = subprocess.run(["make", "help"], cwd=ROOT, capture_output=True, text=True, timeout=60)
    equal("exit 0", shown_targets.returncode, 0)
    targets = re.findall(r"^    make ([a-z-]+)", (ROOT / "README.md").read_text(), re.M)
    check("README's targets are found", len(targets) > 5, str(targets))
    equal("lists README's targets", [one for one in targets if f"make {one} " not in shown_targets.stdout + "make help "], [])
commands = list(inline())
for command in [*INLINE, *INLINE_PASSED_OVER]:
    check(f"a page still has `{command}`", any(command == found for _, found in commands))
for place, command in commands:
    name = f"{place} {command!r}"
    if command in INLINE_PASSED_OVER:
        continue
    if check(f"{name}: is run or said not to be", command in INLINE):
        with group(name):
            tried(name, "", INLINE[command])
finish()
