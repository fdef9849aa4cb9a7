"""Messages tell what to do: a user who reads only them gets on."""

import hashlib
import io
import json
import pathlib
import subprocess
import time

from support.harness import check, contains, equal, finish, group, need, scratch

need("messages", "numpy", "requests")

import numpy as np  # noqa: E402
import requests  # noqa: E402

from support import features  # noqa: E402
from support.certificates import Certificates  # noqa: E402
from support.process import Server, environment, run  # noqa: E402

folder = scratch()
video = features.video(20)
NPY = {"Content-Type": "application/x-npy"}


def ends(name, code, *arguments, says=(), env=None):
    """A command ends with this code and one line on stderr that says all of these."""
    ran = run(*arguments, env=env)
    equal(f"{name}: exit code", ran.code, code)
    equal(f"{name}: one line", len(ran.last.splitlines()), 1)
    contains(f"{name}: message", ran.err, *says)
    return ran


def saved(name, array):
    path = folder / name
    with open(path, "wb") as file:
        np.save(file, array, allow_pickle=True)
    return path


with group("config files"):
    for name, text, *says in (
        ("a.json", "port: 9000\nhost: 127.0.0.1\n", "a.json", "YAML", '{"port": 9000}'),
        ("a.yaml", "# comment\nprot: 9000\n", "a.yaml:2", "port"),
        ("a.yml", "# comment\n---\nport: [9000\n", "a.yml", "line 4", "YAML"),
        ("a.conf", "# comment\nport: many\n", "a.conf:2", "port", "many"),
        ("a.toml", 'port = 9000\nhost = "127.0.0.1"\n', "a.toml", "TOML"),
        ("a.ini", "[vigil]\nport = 9000\n", "a.ini", "TOML"),
        ("b.json", '{\n  "port": 9000,\n  host: 1\n}\n', "b.json", "line 3", "double quotes"),
        ("c.json", '{\n  "port": 9000\n  "host": 1\n}\n', "c.json", "line 3"),
        ("d.json", '{"port": 9000,}', "d.json", "line 1"),
        ("e.json", '\n\n{"port": 9000', "e.json", "line 3"),
        ("f.json", "", "f.json", "empty"),
    ):
        (folder / name).write_text(text)
        ran = ends(name, 78, "serve", "--config", folder / name, says=says)
        if "json" in name and name != "a.json":
            check(f"{name}: no word of another format", "YAML" not in ran.err and "TOML" not in ran.err, ran.err)

with group("commands"):
    ends("an unknown option", 64, "score", "--nosuch", "x.npy", says=["vigil help score"])
    ends("no file", 64, "score", says=["vigil help score"])
    ends("an unknown option of a command's command", 64, "bench", "serve", "--nosuch", says=["vigil help bench serve"])
    ends("an unknown option of none", 64, "--nosuch", says=["vigil --help"])
    ends("an option of another command", 64, "score", "--max-queued", "5", "x.npy", says=["--max-queued", "one of vigil serve"])
    ends("an option of a command's command", 64, "serve", "--key-file", "x", says=["--key-file", "vigil bench serve"])
    for option, *words in (("--fps", "'-1'", "0.001 to"), ("--threshold", "'-0.5'", "0 to 1"), ("--min-snippets", "'-2'")):
        value = words[0].strip("'")
        ends(f"{option} {value}", 64, "score", option, value, "x.npy", says=[option, *words])
        ends(f"{option}={value}", 64, "score", f"{option}={value}", "x.npy", says=[option, *words])
    ends("--window below 0", 64, "import", "x.pth", "--output", "y", "--window", "-3", says=["--window -3", "1 to 8192"])
    for name, *arguments in (("score", "--fps", ""), ("score", "--model="), ("import", "x.pth", "--output", ""), ("state", "check", "--state", "")):
        option = next(one for one in arguments if one.startswith("--")).rstrip("=")
        ends(f"{name} {option} of nothing", 64, name, *arguments, says=[option, "empty"])
    canaries = ("--canary", "a=x:5%", "--canary=b=y:5%")
    ends("an option that is given twice", 64, "serve", *canaries, says=["--canary: given 2 times", "once"])
    for name, *arguments in (("score", "--compute"), ("eval", "--list"), ("bench", "serve", "--clients"), ("keys", "add", "--api-keys")):
        option = arguments[-1]
        ends(f"{option} of {name} three times", 64, name, *arguments, "1", option, "2", option, "1", says=[f"{option}: given 3 times"])
    equal("flags may be repeated", run("config", "schema", "--help", "--help").code, 0)
    ends("a file of no name", 64, "score", "", says=["empty", "the path of a file"])
    ends("standard input as a model", 66, "score", "--model", "-", "x.npy", says=["--model", "standard input is not taken"])
    version = run("--version").out
    equal("vigil version", (run("version").code, run("version").out), (0, version))
    helped = run("help", "help")
    equal("vigil help help: exit code", helped.code, 0)
    contains("vigil help help: its usage", helped.out, "vigil help", "command")
    equal("vigil help version: exit code", run("help", "version").code, 0)
    ends("a host that is a name", 64, "serve", "--host", "localhost", says=["--host", "localhost", "127.0.0.1"])
    ends(
        "a host that is a name, by the environment",
        78,
        "serve",
        says=["VIGIL_HOST", "localhost", "127.0.0.1"],
        env={"VIGIL_HOST": "localhost"},
    )

with group("callbacks' hosts"):
    secrets = folder / "secrets"
    secrets.write_text("whsec_" + "QUJD" * 8 + "\n")
    secrets.chmod(0o600)
    for given, *says in (
        ("https://hooks.example.com/x", "URL", "hooks.example.com"),
        ("10.0.0.0/8", "path", "network"),
        ("hooks.example.com:https", "port", "65535"),
    ):
        ends(
            f"the host {given}",
            64,
            "serve",
            "--callback-hosts",
            given,
            "--callback-secrets",
            secrets,
            says=["--callback-hosts", *says],
        )

with group("files"):
    (folder / "empty.npy").write_bytes(b"")
    empty = ends("an empty file", 65, "score", folder / "empty.npy", says=["empty.npy", "it is empty"])
    check("it is no upload", "upload" not in empty.err, empty.err)
    (folder / "page.npy").write_bytes(b"hello, this is no array at all" * 40)
    other = ends("another file called .npy", 65, "score", folder / "page.npy", says=["page.npy"])
    check("it is no body", "body" not in other.err, other.err)
    for kind in ("<i8", "|b1", "<u2"):
        path = saved("kind.npy", np.ones((20, 64), kind))
        ends(f"the type {kind}", 65, "score", path, says=["dtype", ".astype('float32')"])
    objects = np.empty(2, object)
    objects[:] = [video, video[:5]]
    path = saved("objects.npy", objects)
    ends("an array of objects", 65, "score", path, says=["pickled Python objects", "stack", "float32"])
    zipped = io.BytesIO()
    np.savez(zipped, features=video)
    (folder / "zipped.npy").write_bytes(zipped.getvalue())
    ends("an archive called .npy", 65, "score", folder / "zipped.npy", says=["zip archive", ".npz", "application/zip"])
    damaged = folder / "damaged.safetensors"
    tensors = {"frame_position_embeddings.weight": ("F32", (1,), bytes(4))}
    body = features.safetensors(tensors)
    header = json.loads(body[8 : 8 + int.from_bytes(body[:8], "little")])
    header["__metadata__"] = {"format": "vigil-model", "format_version": "1"}
    text = json.dumps(header).encode()
    damaged.write_bytes(len(text).to_bytes(8, "little") + text + bytes(4))
    good = saved("good.npy", video)
    for command in (("score", "--model", damaged, good), ("serve", "--model", damaged), ("inspect", damaged)):
        ran = run(*command)
        contains(f"{command[0]} of a damaged model names it", ran.err, str(damaged))
        equal(f"{command[0]} of a damaged model: once", ran.err.count(str(damaged)), 1)
    wide = saved("wide.npy", features.video(20, 512))
    ends("rows of another model", 65, "score", wide, says=["512", "64", "vigil score", "vigil serve", "--model"])

with group("TLS"):
    if Certificates.available:
        pem, key = map(str, Certificates(folder).make("server"))
        serve = ["serve", "--port", "0"]
        ends(
            "certificate and key exchanged",
            78,
            *serve,
            "--tls-cert",
            key,
            "--tls-key",
            pem,
            says=["exchange", "--tls-cert", "--tls-key", key, pem],
        )
        ends("a key for a certificate", 78, *serve, "--tls-cert", key, "--tls-key", key, says=["--tls-cert", key])
        ends("a certificate for a key", 78, *serve, "--tls-cert", pem, "--tls-key", pem, says=["--tls-key", pem])
        ends(
            "no authority",
            78,
            *serve,
            *("--tls-cert", pem, "--tls-key", key, "--tls-client-ca", key),
            says=["--tls-client-ca", key],
        )

with group("the state folder"):
    jobs = folder / "jobs"
    with Server(state=jobs) as server:
        contains("a new folder is said to be new", server.text(), "the state folder is new", str(jobs))
        requests.post(server.url + "/score", data=features.npy(video), headers={**NPY, "Prefer": "wait=20"}, timeout=60)
        second = run("serve", "--port", "0", "--state", jobs)
        equal("one in use: exit code", second.code, 78)
        contains(
            "one in use: message", second.err, "another vigil", f"pid {server.child.pid}", str(jobs), "--state", "stop"
        )
    with Server(state=jobs) as server:
        contains("jobs that it has are told", server.text(), "jobs were found", "succeeded=1", "queued=0")
        check("it is not new", "is new" not in server.text(), server.text())
    home = folder / "home"
    with Server(state=None, env={"XDG_STATE_HOME": str(home)}) as server:
        # The folder that the servers of a port share has its name only where the port is no free one.
        port = server.port
    with Server(state=None, env={"XDG_STATE_HOME": str(home)}, port=port) as server:
        env = environment({"XDG_STATE_HOME": str(home)})
        del env["VIGIL_STATE"]
        second = subprocess.run(
            [server.child.args[0], "serve", "--port", str(port)], env=env, capture_output=True, text=True, timeout=60
        )
        equal("a second server on the port: exit code", second.returncode, 78)
        contains("a second server on the port", second.stderr, f"pid {server.child.pid}", f"port {port}", "--state")

with Server() as server:

    def detail(status, answer):
        found = answer.json() if answer.headers.get("Content-Type") == "application/problem+json" else {}
        equal(f"{answer.request.path_url}: status", answer.status_code, status)
        return found.get("detail", "")

    def post(body, headers=NPY, query=""):
        return requests.post(f"{server.url}/score{query}", data=body, headers=headers, timeout=60)

    FORM = {"Content-Type": "application/x-www-form-urlencoded"}
    BYTES = {"Content-Type": "application/octet-stream"}

    def stripped(body):
        """As `curl -d @FILE` sends it."""
        return body.translate(None, b"\0\r\n")

    with group("what curl makes of files"):
        npy = features.npy(video)
        for headers in (FORM, NPY):
            contains(
                f"an .npy by -d, {headers['Content-Type']}",
                detail(422, post(stripped(npy), headers)),
                "changed on its way",
                "curl -d",
                "--data-binary",
            )
        text = npy.decode("latin1").encode()
        contains("an .npy as text", detail(400, post(text)), "changed on its way")
        text = npy.decode("utf-8", "replace").encode()
        contains("an .npy as text, replaced", detail(400, post(text)), "changed on its way")
        rows = video.astype("<f4").tobytes()
        contains("rows by -d", detail(400, post(rows, FORM)), "application/octet-stream", "--data-binary")
        contains("JSON by -d", detail(422, post(features.rows_json(video), FORM)), "application/json", "begins as JSON")
        contains("JSON as bytes", detail(422, post(features.rows_json(video), BYTES)), "application/json")
        for name in ("features.npy", "/data/video 1.npz"):
            form = {"features": (None, name)}
            answer = requests.post(server.url + "/score", files=form, timeout=60)
            contains(f"a field of the text {name}", detail(422, answer), name, "file's name", f"-F 'features=@{name}'")
        form = {"features": (None, features.rows_json(video))}
        answer = requests.post(server.url + "/score", files=form, timeout=60)
        contains("JSON in a field", detail(422, answer), "-F features=@a.json", "type=application/json")
        for name, *says in (
            ("fps", "fps", "'x.npy'", "'features'"), ("labels", "labels", "'x.npy'", "'features'"),
        ):
            form = {"features": ("y.npy", npy), name: ("x.npy", npy)}
            answer = requests.post(server.url + "/score", files=form, timeout=60)
            contains(f"a file in the field {name}", detail(422, answer), *says)
        answer = requests.post(server.url + "/score", files={"feature": ("x.npy", npy)}, timeout=60)
        contains("a misspelt field: told", " ".join(answer.json()["warnings"]), "'feature'", "'features'")
        half = requests.post(
            server.url + "/score?validate_only", data=video.astype("<f2").tobytes(), headers=BYTES, timeout=20
        )
        told = " ".join(half.json()["warnings"])
        contains("float16 as rows", told, "float16")
        check("its norm is not told as 0", "norm is 0 " not in told, told)
        answer = post(npy, query="?labels=normal,fire")
        contains("labels for the embedded model", detail(422, answer), "embedded", "--model", "--keep-text-tower")
        contains("an .npz as .npy", detail(400, post(zipped.getvalue())), "zip archive", "application/zip", ".npz")
        contains("an .npy as .npz", detail(400, post(npy, {"Content-Type": "application/zip"})), "application/x-npy")
        contains("a wrong width", detail(422, post(features.npy(features.video(9, 512)))), "vigil serve", "--model")
    with group("parameters"):
        for query, *says in (
            ("wait=5", "wait", "Prefer: wait=5"),
            ("wait", "wait", "Prefer: wait=SECONDS"),
            ("fps=x", "'x' is no number", "0.001"),
            ("min_snippets=two", "'two' is no whole number"),
            ("min_snippets=1.5", "'1.5' is no whole number"),
            ("min_snippets=0", "'0' is out of range"),
            ("merge_gap=99999999999999999999", "is out of range"),
            ("threshold=2", "'2' is out of range", "from 0 to 1"),
            ("deadline=tomorrow", "'tomorrow' is neither", "seconds", "2026-01-01T12:00:00Z"),
            ("deadline=-5", "'-5' is out of range", "2592000"),
            ("deadline=99999999", "'99999999' is out of range"),
        ):
            contains(f"?{query}", detail(422, post(npy, query=f"?{query}")), *says)
        answer = requests.get(server.url + "/jobs?limit=many", timeout=60)
        contains("?limit=many", detail(422, answer), "'many' is no whole number")
        answer = requests.get(server.url + "/jobs?wait=5", timeout=60)
        check("a list can't wait", "Prefer" not in detail(422, answer), answer.text)
    with group("paths"):
        for path in ("/index.html", "/nowhere", "/v1"):
            answer = requests.get(server.url + path, timeout=60)
            contains(f"{path} tells where to go", detail(404, answer), "/score", "/readyz", "/openapi.yaml", path)

with group("callbacks"):
    options = ["--callback-hosts", "hooks.example.com", "--callback-secrets", secrets, "--callback-https-only"]
    with Server(*options) as server:
        for callback, *says in (
            ("https://other.example/", "other.example", "--callback-hosts"),
            ("http://hooks.example.com/", "https", "http"),
        ):
            answer = requests.post(
                server.url + "/score", params={"callback": callback}, data=features.npy(video), headers=NPY, timeout=60
            )
            equal(f"{callback}: status", answer.status_code, 422)
            contains(f"{callback}: detail", answer.json()["detail"], *says)

with group("a job that fails"):
    with Server() as server:
        huge = np.full((20, 64), 3e38, "<f4") * np.where(np.arange(64) % 2, 1, -1).astype("<f4")
        answer = requests.post(
            server.url + "/score", data=features.npy(huge), headers={**NPY, "Prefer": "wait=20"}, timeout=60
        ).json()
        late = requests.post(
            server.url + "/score?deadline=0", data=features.npy(video), headers={**NPY, "Prefer": "wait=20"}, timeout=60
        ).json()
        past = requests.post(
            server.url + "/score?deadline=2020-01-01T00:00:00Z", data=features.npy(video), headers=NPY, timeout=60
        ).json()
        contains("a deadline in the past is warned of", " ".join(past["warnings"]), "2020-01-01T00:00:00", "over")
        contains("and so is one of no time", " ".join(late["warnings"]), "deadline", "over")
        failed = [job for job in (answer, late) if job.get("status") == "failed"]
        check("a job has failed", failed, f"{answer} {late}")
        for job in failed:
            # Jobs that were too late are told with the next look at what has expired.
            until = time.monotonic() + 120
            while job["id"] not in server.text() and time.monotonic() < until:
                time.sleep(0.05)
            lines = [line for line in server.text().splitlines() if job["id"] in line]
            reason = job["error"]["type"].removeprefix("/problems/")
            equal(f"{reason}: one line of the log", len(lines), 1)
            contains(f"{reason}: the line", " ".join(lines), "warning", "failed", reason)

with group("the access log"):
    keys = folder / "keys"
    log = pathlib.Path(folder / "access.log")
    keys.write_text("one:" + hashlib.sha256(b"k" * 40).hexdigest() + "\n")
    keys.chmod(0o600)
    options = ["--api-keys", keys, "--access-log", log, "--log-format", "json", "--rate-limit", "1", "--rate-burst", "2"]
    with Server(*options) as server:
        bearer = {"Authorization": "Bearer " + "k" * 40}
        statuses = []
        while 429 not in statuses and len(statuses) < 200:
            statuses.append(requests.get(server.url + "/jobs", headers=bearer, timeout=60).status_code)
        check("some are refused by their rate", 429 in statuses, str(statuses))
        refused = requests.get(server.url + "/jobs", headers={"Authorization": "Bearer nobody"}, timeout=60)
        equal("a wrong key", refused.status_code, 401)
    lines = [json.loads(line) for line in log.read_text().splitlines()]
    equal("each line of a known key names it", {line["key"] for line in lines if line["status"] == 429}, {"one"})
    equal("no other does", [line["key"] for line in lines if line["status"] == 401], [None])
finish()
