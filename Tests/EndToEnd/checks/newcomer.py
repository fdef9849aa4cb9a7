"""What a new user stumbles over: each message says what to do, and nothing is dropped in silence."""

import gzip
import io
import json
import subprocess
import zipfile

from support.harness import VIGIL, check, contains, equal, finish, group, need, scratch, shown

need("newcomer", "numpy", "requests")

import numpy as np  # noqa: E402
import requests  # noqa: E402

from support import features  # noqa: E402
from support.certificates import Certificates  # noqa: E402
from support.process import Server, environment, run  # noqa: E402

folder = scratch()
video = features.video(20)
NPY = {"Content-Type": "application/x-npy"}
ZIP = {"Content-Type": "application/zip"}


def too_large(name, answer, *says):
    equal(f"{name}: status", answer.status_code, 413)
    contains(f"{name}: detail", answer.json().get("detail", "") if answer.status_code == 413 else answer.text, *says)


def archive(count):
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as file:
        for number in range(count):
            file.writestr(f"{number}.npy", features.npy(video))
    return packed.getvalue()


def claim(shape):
    header = f"{{'descr': '<f4', 'fortran_order': False, 'shape': {shape}, }}".encode()
    return b"\x93NUMPY\x01\x00" + len(header).to_bytes(2, "little") + header


with group("413 names its setting"):
    with Server("--max-body", "2", "--max-queued", "3") as server:
        score = server.url + "/score"
        limit = ("--max-body", "2 MiB", "2097152 bytes")
        too_large("a body", requests.post(score, data=bytes(3 << 20), headers=NPY, timeout=60), *limit)
        pieces = (bytes(1 << 18) for _ in range(12))
        rows = {"Content-Type": "application/octet-stream"}
        try:
            answer = requests.post(score, data=pieces, headers=rows, timeout=60)
            too_large("a body without a length", answer, *limit)
        except requests.ConnectionError:
            pass
        noise = np.random.default_rng(1).integers(0, 3, 3 << 20, dtype=np.uint8).tobytes()
        packed = {**rows, "Content-Encoding": "gzip"}
        too_large("inflated", requests.post(score, data=gzip.compress(noise), headers=packed, timeout=60), *limit)
        form = {"features": ("x.npy", bytes(3 << 20))}
        too_large("a form", requests.post(score, files=form, timeout=60), *limit)
        too_large("an announced shape", requests.post(score, data=claim((1 << 20, 64)), headers=NPY, timeout=60), *limit)
        answer = requests.post(score, data=archive(4), headers=ZIP, timeout=60)
        too_large("matrices of an archive", answer, "--max-queued", "3")
        form = [("features", (f"{number}.npy", features.npy(video))) for number in range(4)]
        too_large("matrices of a form", requests.post(score, files=form, timeout=60), "--max-queued", "3")
        long = b"\x93NUMPY\x02\x00" + (1 << 20).to_bytes(4, "little")
        answer = requests.post(score, data=long, headers=NPY, timeout=60)
        too_large("a header", answer, "65536")
        check("no setting is named that changes nothing", "--max-body" not in answer.text, answer.text)
    with Server("--max-queued-memory", "1") as server:
        body = features.npy(features.video(6_000))
        answer = requests.post(server.url + "/score", data=body, headers=NPY, timeout=60)
        too_large("a job", answer, "--max-queued-memory", "1 MiB", "1048576")

with group("a batch's name"):
    with Server() as server:
        form = [("features", (f"{number}.npy", features.npy(video))) for number in range(2)]
        for query in ("?name=both", "?name=both&validate_only=true"):
            answer = requests.post(server.url + "/score" + query, files=form, timeout=60)
            equal(f"{query}: status", answer.status_code, 422)
            contains(f"{query}: detail", answer.text, "name", "both", "batch", "files")
        answer = requests.post(server.url + "/score", files=[*form, ("name", (None, "both"))], timeout=60)
        equal("as a field: status", answer.status_code, 422)
        answer = requests.post(server.url + "/score?name=one", files=form[:1], timeout=60)
        equal("of one: status and name", (answer.status_code, answer.json().get("name")), (202, "one"))

with group("Prefer beside ?wait="):
    with Server() as server:
        one = requests.post(server.url + "/score", data=features.npy(video), headers=NPY, timeout=60).json()["id"]
        form = [("features", (f"{number}.npy", features.npy(video))) for number in range(2)]
        both = requests.post(server.url + "/score", files=form, timeout=60).json()["id"]
        for path in (f"/jobs/{one}", f"/batches/{both}"):
            for query, prefer, applied in (
                ("?wait=7", "wait=3", "wait=7"),
                ("?wait=7", None, None),
                ("", "wait=3", "wait=3"),
                ("?wait=0.5", "wait=x", "wait=0.5"),
                ("?wait=7", "respond-async", None),
            ):
                headers = {"Prefer": prefer} if prefer else {}
                answer = requests.get(server.url + path + query, headers=headers, timeout=60)
                found = (answer.status_code, answer.headers.get("Preference-Applied"))
                equal(f"{path[:5]} {query} and {prefer}", found, (200, applied))

with group("null in a config file"):
    for name, text, *says in (
        ("value.json", '{"port": null}', "value.json", "port", "null", "leave", "out"),
        ("secret.json", '{"api-keys": null}', "secret.json", "api-keys", "null", "leave"),
        ("list.json", '{"allowed-hosts": [null]}', "list.json", "allowed-hosts", "null"),
        ("whole.json", "null", "whole.json", "found null", '{"port": 9000}'),
        ("number.json", "9000", "number.json", "found a number", '{"port": 9000}'),
        ("array.json", "[]", "array.json", "found a list", '{"port": 9000}'),
    ):
        (folder / name).write_text(text)
        ran = run("serve", "--config", folder / name)
        equal(f"{name}: exit code", ran.code, 78)
        contains(f"{name}: message", ran.err, *says)

with group("the state folder that nobody named"):
    home = folder / "home"
    env = {"XDG_STATE_HOME": str(home)}

    def state(*arguments, extra=None):
        settings = environment(env | (extra or {}))
        if not extra:
            del settings["VIGIL_STATE"]
        ran = subprocess.run(
            [VIGIL, "state", *map(str, arguments)], env=settings, capture_output=True, text=True, timeout=60
        )
        return ran.returncode, ran.stdout + ran.stderr

    code, said = state("check")
    equal("none yet: exit code", code, 66)
    contains("none yet: message", said, str(home / "vigil"), "--state")
    with Server(state=None, env=env) as server:
        requests.post(server.url + "/score", data=features.npy(video), headers=NPY, timeout=60)
    (only,) = (home / "vigil").iterdir()
    code, said = state("check")
    equal("one: exit code", code, 0)
    contains("one: it is named", said, f"{only} is whole")
    code, said = state("check", extra={"VIGIL_STATE": str(only)})
    equal("by VIGIL_STATE: exit code", code, 0)
    code, said = state("check", extra={"VIGIL_STATE": "memory"})
    equal("VIGIL_STATE=memory: exit code", code, 64)
    code, said = state("check", extra={"VIGIL_STATE": " "})
    equal("a blank VIGIL_STATE is none: exit code", code, 0)
    code, said = state("check", "--state", "")
    equal("an empty --state: exit code", code, 64)
    (home / "vigil" / "port-1").mkdir()
    code, said = state("check")
    equal("a folder without jobs does not count: exit code", code, 0)
    new = folder / "new folder"
    new.mkdir(mode=0o755)
    code, said = state("recover", "--output", new)
    # The file of a model that jobs wait for may be another name of the user's own; nobody else gets into its folder.
    closed = [place for place in new.rglob("*") if place.is_dir() and not place.stat().st_mode & 0o077]
    open_to_all = [
        str(path)
        for path in new.rglob("*")
        if path.is_file() and path.stat().st_mode & 0o077 and not set(closed) & set(path.parents)
    ]
    equal("what was recovered is its owner's alone", open_to_all, [])
    equal("recover of the one: exit code", code, 0)
    contains("recover tells what to do next", said, str(only), f"vigil serve --state '{new}'")
    (home / "vigil" / "port-9000").mkdir()
    with Server(state=home / "vigil" / "port-9000"):
        pass
    for command in (["check"], ["recover", "--output", folder / "newer"]):
        code, said = state(*command)
        equal(f"two, {command[0]}: exit code", code, 64)
        contains(f"two, {command[0]}: both are named", said, str(only), "port-9000", "--state")
    (folder / "nine.yaml").write_text("port: 9000\nmodel: /not/here\n")
    (folder / "eight.yaml").write_text("max-body: 64\n")
    code, said = state("backup", folder / "nine", "--config", folder / "nine.yaml")
    check("a backup by the config's port", code == 0 and f"from {home}/vigil/port-9000 to" in said, f"{code} {said}")
    code, said = state("backup", folder / "eight", "--config", folder / "eight.yaml")
    equal("of a config whose server has no folder there is none", (code, (folder / "eight").exists()), (66, False))
    contains("it says which there are", said, str(home / "vigil/port-8080"), str(only), "port-9000", "--state")
    code, said = state("check", extra={"VIGIL_PORT": "9000", "VIGIL_STATE": ""})
    contains("by the environment's port", said, "port-9000 is whole")

with group("inspect"):
    path = folder / "weights.safetensors"
    path.write_bytes(features.safetensors({f"layer.{i}.weight": ("F32", (2,), bytes(8)) for i in range(300)}))
    ran = run("inspect", path)
    equal("a summary: exit code", ran.code, 0)
    check("a summary is short", len(ran.out.splitlines()) < 30, shown(ran.out))
    contains("a summary", ran.out, "300", str(path.stat().st_size), "--tensors")
    ran = run("inspect", "--tensors", path)
    contains("--tensors lists them", ran.out, "layer.0.weight", "layer.299.weight", "float32")
    facts = json.loads(run("inspect", "--json", path).out)
    equal("--json is complete", (len(facts["parts"]), facts.get("bytes")), (300, path.stat().st_size))

with group("the vocabulary's source"):
    source = "https://github.com/openai/CLIP"
    ran = run("import", path, "--output", folder / "m.safetensors", "--keep-text-tower")
    equal("none named: exit code", ran.code, 64)
    contains("none named", ran.err, "--vocab", source)
    ran = run("import", path, "--output", folder / "m.safetensors", "--vocab", folder / "absent.txt.gz")
    equal("none there: exit code", ran.code, 66)
    contains("none there", ran.err, "absent.txt.gz", source)
    contains("help", " ".join(run("help", "import").out.split()), source)

with group("standard input"):
    for command in ("score", "inspect"):
        ran = run(command)
        equal(f"{command} of nothing: exit code", ran.code, 64)
        contains(f"{command} of nothing", ran.err, "no file is named", "- for standard input", f"vigil help {command}")
        # Rows that are as wide as features are may be any number of them.
        for text, says in (("y", "no features but a text"), ("1.0 2.0 none", "no features but a text"), ("1.0 2.0 3.0", "rows are 3 wide")):
            # What never ends is refused by how it begins.
            writer = subprocess.Popen(["yes", text], stdout=subprocess.PIPE)
            ran = run(command, "-", stdin=writer.stdout)
            writer.stdout.close()
            writer.wait()
            equal(f"yes '{text}' | {command} -: exit code", ran.code, 65)
            contains(f"yes '{text}' | {command} -", ran.err, says)
            check(f"yes '{text}' | {command} -: little is held", ran.rss < 500, f"{ran.rss:.0f} MiB")
    with open("/dev/zero", "rb") as zeros:
        ran = run("score", "-", stdin=zeros)
    equal("zeros: exit code", ran.code, 65)
    contains("zeros", ran.err, "no .npy", "--raw")

with group("bench over TLS"):
    if Certificates.available:
        made = Certificates(folder)
        pem, key = map(str, made.make("server"))
        ca = str(folder / "ca.pem")
        short = ["bench", "serve", "--seconds", 1, "--warmup", 0.1, "--lengths", 16, "--json"]
        with Server("--tls-cert", pem, "--tls-key", key) as server:
            url = f"https://localhost:{server.port}"
            ran = run(*short, url, "--ca", ca)
            equal("with the authority: exit code", (ran.code, ran.err), (0, ""))
            found = json.loads(ran.out or "{}")
            equal("with the authority: where", found.get("url"), url)
            check("it was answered", found.get("phases", [{}])[0].get("answered", 0) > 0, shown(ran.out))
            ran = run(*short, f"https://127.0.0.1:{server.port}", "--ca", ca)
            equal("by address: exit code", ran.code, 0)
            ran = run(*short, url)
            equal("an unknown authority: exit code", ran.code, 65)
            contains("an unknown authority", ran.err, "TLS", "--ca")
            ran = run(*short, f"http://localhost:{server.port}")
            check("without TLS: it fails", ran.code != 0, shown(ran.out))
        with Server() as server:
            ran = run(*short, f"https://localhost:{server.port}", "--ca", ca)
            equal("TLS where there is none: exit code", ran.code, 65)
            contains("TLS where there is none", ran.err, "does not speak TLS")
        ran = run(*short, "--ca", ca)
        equal("--ca without a URL: exit code", ran.code, 64)
        ran = run(*short, "http://localhost:1", "--ca", ca)
        equal("--ca without https: exit code", ran.code, 64)
        contains("--ca without https", ran.err, "--ca", "https://")
        ran = run(*short, "https://localhost:1", "--ca", folder / "absent.pem")
        equal("no such authority: exit code", ran.code, 66)
finish()
