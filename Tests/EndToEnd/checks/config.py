"""Configuration: what is set counts or is refused, wherever it is set; nothing is passed over without a word."""

import json
import re

from support.harness import ROOT, check, contains, equal, finish, group, need, scratch, shown

need("config", "numpy", "requests")

import requests  # noqa: E402

from support import features  # noqa: E402
from support.process import Server, run  # noqa: E402

folder = scratch()
(folder / "x.npy").write_bytes(features.npy(features.video(40)))
(folder / "noise").write_text("nothing of use")
(folder / "folder").mkdir()


def config(**values):
    path = folder / "config.json"
    path.write_text(json.dumps(values))
    return path


def ends(name, code, *arguments, says=(), env=None, no=()):
    """A command that must end with that code and one line."""
    ran = run(*arguments, env=env, cwd=folder)
    check(f"{name}: exit {code}", ran.code == code, f"exit {ran.code}: {shown(ran.err)}")
    check(f"{name}: one line", ran.err.count("\n") == 1, shown(ran.err))
    contains(f"{name}: says why", ran.err, *says)
    for word in no:
        check(f"{name}: not {word}", word not in ran.err, shown(ran.err))


def refused(name, says, env=None, **values):
    options = ["--config", config(**values)] if values else []
    ends(name, 78, "serve", "--port", "0", *options, says=says, env=env)


def serves(name, *options, env=None, says=(), **values):
    """A server that must start with these settings; what it logs."""
    if values:
        options = (*options, "--config", config(**values))
    try:
        with Server(*options, env=env) as server:
            equal(name, requests.get(server.url + "/livez", timeout=60).status_code, 200)
            contains(f"{name}: the log", server.text(), *says)
            return server.text()
    except RuntimeError as error:
        check(name, False, shown(error))


with group("nothing fails open"):
    refused("an object for a file", ["config.json", "api-keys", "object"], **{"api-keys": {"file": "keys.txt"}})
    refused("a list for a file", ["config.json", "api-keys", "list"], **{"api-keys": ["keys.txt"]})
    refused("null for a file", ["config.json", "api-keys", "null"], **{"api-keys": None})
    refused("true for a file", ["config.json", "api-keys", "true"], **{"api-keys": True})
    refused("an unknown variable", ["VIGIL_API_KEY", "VIGIL_API_KEYS"], env={"VIGIL_API_KEY": "keys.txt"})
    refused("one far from all", ["VIGIL_QWERTZUIOP"], env={"VIGIL_QWERTZUIOP": "1"})
    refused("an unknown key", ["config.json", "apikeys", "api-keys"], apikeys="keys.txt")
    refused("a key with the other sign", ["api_keys", "api-keys"], api_keys="keys.txt")
    refused("a key that goes deeper", ["tls", "tls-"], tls={"cert": "a"})
    refused("config in the file", ["config"], config="b.json")
    ends("score takes no unknown variable", 78, "score", "x.npy", env={"VIGIL_TRESHOLD": "0.1"}, says=["VIGIL_THRESHOLD"])
    ends("nor does it pass a wrong value of serve", 78, "score", "x.npy", "--config", config(port="http"), says=["port"])
    refused("serve does not pass a wrong value of score", ["threshold"], threshold=2)
    refused("a wrong value that the command line hides", ["VIGIL_PORT"], env={"VIGIL_PORT": "http"})
    ends("the names are not all listed", 78, "serve", "--config", config(apikeys="x"), no=["write-timeout"])

with group("each type in the file"):
    serves("booleans", **{"reuse-results": True, "callback-private": False, "proxy-protocol": False, "logits": True})
    serves("whole numbers", **{"min-snippets": 2, "merge-gap": 3, "max-body": 64})
    serves("numbers", **{"threshold": 0.4, "leave": 0.25, "fps": 30})
    serves("a mode", **{"socket-mode": 600})
    serves("a mode in quotes", **{"socket-mode": "0660"})
    serves("a schema, a byte order mark", **{"$schema": "https://example.com/vigil.schema.json", "grace": 5})
    path = folder / "bom.json"
    path.write_bytes(b"\xef\xbb\xbf" + json.dumps({"grace": 5}).encode())
    serves("a byte order mark", "--config", path)
    refused("a text for a boolean", ["reuse-results", "'perhaps'", "true or false"], **{"reuse-results": "perhaps"})
    refused("a fraction for a count", ["min-snippets", "1.5"], **{"min-snippets": 1.5})
    refused("a mode that is none", ["socket-mode", "999"], **{"socket-mode": 999})

with group("empty is not set"):
    names = "WORKERS PORT MAX_BODY RATE_LIMIT THRESHOLD REUSE_RESULTS KERNELS LOG_LEVEL ACCESS_LOG LISTEN SOCKET_MODE CONFIG"
    serves("variables of each type", env={f"VIGIL_{name}": "" for name in names.split()})
    serves("texts in the file", **{"workers": "", "access-log": "", "reuse-results": ""})
    ends("but not on the command line", 64, "serve", "--api-keys", "", says=["--api-keys", "empty"])
    ends("nor is a list of commas", 64, "serve", "--allowed-hosts", " , ,", says=["--allowed-hosts", "names of hosts"])
    ends("nor in a file's list", 78, "serve", "--config", config(**{"allowed-hosts": [","]}), says=["allowed-hosts"])
    with Server("--config", config(**{"allowed-origins": [], "access-log": ""})) as server:
        contains("what is empty in the file is told", server.text(), "allowed-origins in", "access-log in", "counts as not set")
    ends("but what guards a server is an error", 78, "serve", env={"VIGIL_API_KEYS": ""}, says=["VIGIL_API_KEYS", "leave it out"])
    for name, value in (("api-keys", ""), ("tls-client-ca", " "), ("allowed-hosts", [])):
        ends(f"{name} in the file too", 78, "serve", "--config", config(**{name: value}), says=[name, "leave it out"])

with group("switching off"):
    path = config(**{"reuse-results": True})
    with Server("--config", path) as server:
        body = features.npy(features.video(40))
        sent = [requests.post(server.url + "/score", data=body, headers={"Prefer": "wait=20"}, timeout=60) for _ in "ab"]
        equal("the file switches on", sent[1].json().get("reused"), True)
    with Server("--no-reuse-results", "--config", path) as server:
        sent = [requests.post(server.url + "/score", data=body, headers={"Prefer": "wait=20"}, timeout=60) for _ in "ab"]
        equal("the command line off", sent[1].json().get("reused"), None)

with group("settings of the other command"):
    serves("serve names those of score", says=["fps", "threshold", "not used"], fps=30, threshold=0.2)
    serves("from the environment too", says=["VIGIL_FPS", "not used"], env={"VIGIL_FPS": "25"})
    ran = run("score", "x.npy", "--config", config(port=9, threshold=0.2, format="json"), cwd=folder)
    equal("score takes its own", ran.code, 0)
    ran = run("score", "x.npy", "--config", config(format="table"), cwd=folder)
    check("format is a key", ran.code == 0 and not ran.out.startswith("{"), f"{ran.code} {shown(ran.out)}{ran.err}")
    ran = run("score", "x.npy", env={"VIGIL_FORMAT": "table"}, cwd=folder)
    check("and a variable", ran.code == 0 and not ran.out.startswith("{"), f"{ran.code} {shown(ran.out)}{ran.err}")

with group("files that are not there"):
    for name in ("model", "config", "api-keys", "callback-ca", "callback-secrets", "tls-cert", "tls-key", "tls-client-ca"):
        others = {
            "tls-cert": ["--tls-key", "noise"],
            "tls-key": ["--tls-cert", "noise"],
            "tls-client-ca": ["--tls-key", "noise", "--tls-cert", "noise"],
            "callback-secrets": ["--callback-hosts", "x.example"],
        }.get(name, [])
        ends(f"--{name}, none there", 66, "serve", f"--{name}", "absent", *others, says=[f"--{name}", "absent"])
        ends(f"--{name}, a folder", 66, "serve", f"--{name}", "folder", *others, says=[f"--{name}", "folder"])
        variable = "VIGIL_" + name.upper().replace("-", "_")
        ends(f"{variable}, none there", 66, "serve", *others, env={variable: "absent"}, says=[variable, "absent"])
    for name in ("config", "api-keys"):
        ends(f"--{name}, of no use", 78, "serve", f"--{name}", "noise", says=["noise"])
    ends("the access log where nothing can be written", 78, "serve", "--access-log", "absent/log", says=["--access-log"])
    ends("the state where nothing can be written", 78, "serve", "--state", "noise/state", says=["noise/state"])

with group("places that can't be written, one rule for all commands"):
    ends("a model", 78, "import", "x.npy", "--output", "absent/model", says=["--output", "no folder absent"])
    ends("scenes", 78, "scenes", "--output", "noise", says=["can't be written"])

with group("what Kubernetes sets for a Service of this name"):
    links = {
        "VIGIL_SERVICE_HOST": "10.0.0.1",
        "VIGIL_SERVICE_PORT": "8080",
        "VIGIL_SERVICE_PORT_HTTP": "8080",
        "VIGIL_PORT": "tcp://10.0.0.1:8080",
        "VIGIL_PORT_8080_TCP": "tcp://10.0.0.1:8080",
        "VIGIL_PORT_8080_TCP_ADDR": "10.0.0.1",
        "VIGIL_PORT_8080_TCP_PORT": "8080",
        "VIGIL_PORT_8080_TCP_PROTO": "tcp",
    }
    serves("is passed over", env=links, says=["VIGIL_SERVICE_HOST"])
    refused("nothing else is", ["VIGIL_SERVICE_PORT_KEYS"], env={"VIGIL_SERVICE_PORT_KEYS": "x"})
    refused("nor a port that is none", ["VIGIL_PORT"], env={"VIGIL_PORT": "tcp://vigil:8080"})

with group("numbers that no double can hold"):
    path = folder / "numbers.json"
    for key, number in (("rate-limit", "1e-400"), ("fps", "1e999"), ("threshold", "-1e-400"), ("socket-mode", "1e-400")):
        path.write_text(f'{{"{key}": {number}}}')
        ends(f"{key} in the file", 78, "serve", "--config", path, says=[key, number])
    refused("in the environment", ["VIGIL_RATE_LIMIT", "1e-400"], env={"VIGIL_RATE_LIMIT": "1e-400"})
    ends("on the command line", 64, "serve", "--rate-limit", "1e-400", says=["--rate-limit", "1e-400"])

with group("lists with commas in their entries"):
    for name in ("allowed-hosts", "allowed-origins", "trusted-proxies", "listen"):
        path = config(**{name: ["a.example,b.example"]})
        ends(name, 78, "serve", "--state", "memory", "--config", path, says=[name, "a.example,b.example"])

with group("the log"):
    version = run("--version").out.strip()
    log = serves("starts with what runs", "--workers", "1")
    first = (log or "\n").splitlines()[0]
    contains("the first line", first, f"version={version}", "kernels=", "model=", "workers=1", "state=/")
    line = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z (trace|debug|info|notice|warning|error|critical) \S.*")
    odd = [one for one in (log or "").splitlines() if not line.fullmatch(one)]
    equal("time, level, message, fields", odd, [])
    said = [one for one in (log or "").splitlines() if " url=" in one]
    check("the message is before its fields", len(said) == 1 and " info listening model=" in said[0], shown(said))
    quoted = folder / "with a blank"
    contains("a value with a blank is quoted", serves("a folder with a blank", "--state", quoted) or "", f'"{quoted}"')

with group("schema"):
    ran = run("config", "schema")
    equal("it is printed", ran.code, 0)
    try:
        schema = json.loads(ran.out)
    except ValueError:
        schema = {"properties": {}}
    equal("of no other keys", schema.get("additionalProperties"), False)
    contains("port is a number", str(schema["properties"].get("port")), "'integer'", "65535")
    equal("deploy has the same", (ROOT / "deploy/vigil.schema.json").read_text(), ran.out)
    page = (ROOT / "docs/configuration.md").read_text()
    equal("its page names each key", [one for one in schema["properties"] if f"`{one}`" not in page], [])
finish()
