"""Config files: YAML and JSON, the schema that editors have, what is told of settings, and what a signal changes."""

import json
import os
import pathlib
import shutil
import signal
import subprocess
import time

from support.harness import ROOT, check, contains, equal, finish, group, need, pace, scratch, shown, skip

need("config_files", "numpy", "requests")

import numpy as np  # noqa: E402
import requests  # noqa: E402

from support.certificates import Certificates  # noqa: E402
from support.process import Server, run  # noqa: E402

folder = scratch()
(folder / "keys.txt").write_text("alice:" + "ab" * 32 + "\n")
os.chmod(folder / "keys.txt", 0o600)

# What stands in a file, and whether it can be used; each is tried in YAML and, where it can be written so, in JSON.
GOOD = [
    {"port": 9000, "host": "127.0.0.1"},
    {"reuse-results": True, "threshold": 0.25, "fps": 29.97},
    {"allowed-hosts": ["a.example", "*.b.example"], "log-level": "debug"},
    {"allowed-hosts": "a.example,b.example", "socket-mode": "0640"},
    {"state": "no", "grace": 0, "on-missing-model": "fail"},
    {"socket-mode": 660, "max-queued-per-client": 0},
    {},
]
BAD = [
    {"prot": 9000},
    {"port": 70000},
    {"port": "many"},
    {"port": 1.5},
    {"port": None},
    {"port": [9000]},
    {"log-level": "loud"},
    {"reuse-results": "perhaps"},
    {"allowed-hosts": [["a"]]},
    {"allowed-hosts": [""]},
    {"tls": {"cert": "a"}},
    {"threshold": 2},
    {"socket-mode": "999"},
]


def written(name, text):
    path = folder / name
    path.write_text(text)
    return path


def yaml(values):
    """By hand, with one setting a line, so that nothing depends on a library's taste."""
    return "# vigil\n" + "".join(f"{name}: {json.dumps(value)}\n" for name, value in values.items()) if values else "{}\n"


with group("vigil config check"):
    for number, values in enumerate(GOOD):
        for path in (written(f"good{number}.json", json.dumps(values)), written(f"good{number}.yaml", yaml(values))):
            ran = run("config", "check", path)
            check(f"good: {path.name}", ran.code == 0, f"{values}: exit {ran.code}: {shown(ran.err)}")
    for number, values in enumerate(BAD):
        for path in (written(f"bad{number}.json", json.dumps(values)), written(f"bad{number}.yaml", yaml(values))):
            ran = run("config", "check", path)
            check(f"bad: {path.name}", ran.code == 78, f"{values}: exit {ran.code}: {shown(ran.out)}")
            contains(f"bad: {path.name} is named", ran.err, path.name, next(iter(values)))
    many = written("many.yaml", "prot: 1\nport: many\nmodel: /nowhere\nlisten: [nonsense]\n")
    ran = run("config", "check", many)
    equal("all faults are told", (ran.code, ran.err.count("\n")), (78, 4))
    contains("with their lines", ran.err, "many.yaml:1", "many.yaml:2", "many.yaml:3", "many.yaml:4", "did you mean port?")
    (folder / "noise").write_text("nothing of use")
    noise = folder / "noise"
    lists = "trusted-proxies: [nowhere, 10.0.0.0/8, elsewhere]\nallowed-hosts: ['http://x']\n"
    ran = run("config", "check", written("lists.yaml", f"{lists}model: {noise}\napi-keys: {noise}\ntls-key: /nowhere\n"))
    equal("one does not hide another", (ran.code, ran.err.count("\n")), (78, 6))
    contains("each is told", ran.err, "nowhere", "elsewhere", "http://x", "key api-keys", "no model file", "key tls-key")
    equal("a file's fault alone", run("config", "check", written("no.yaml", "model: /nowhere\n")).code, 66)
    equal("a model that is none", run("config", "check", written("no.yaml", f"model: {noise}\n")).code, 65)
    for value in ("~/state", "~", "${HOME}/x", "/data/$USER/x", "$(pwd)/x"):
        ran = run("config", "check", written("home.yaml", f"state: '{value}'\n"))
        check(f"{value}: what no shell has seen", ran.code == 78 and "place of" in ran.err, f"{ran.code} {shown(ran.err)}")
    equal("a dollar elsewhere", run("config", "check", written("no.yaml", "state: /a$b/~c/~\n")).code, 0)
    ran = run("config", "check", written("unfit.yaml", "tls-cert: /etc/hostname\n"))
    check("what does not fit together is found", ran.code == 78 and "tls-key" in ran.err, ran.err)
    ran = run("config", "check", written("listen.yaml", "listen: [nonsense]\n"))
    check("addresses are looked at", ran.code == 78 and "nonsense" in ran.err and "listen.yaml:1" in ran.err, ran.err)
    for text, code in (("tiny-demo=/nowhere:5%", 66), ("nobody=/nowhere:5%", 78), ("tiny-demo", 78)):
        ran = run("config", "check", written("canary.yaml", f'canary: "{text}"\n'))
        equal(f"a canary {text}", ran.code, code)
        contains("by its key", ran.err, "canary.yaml:1", "key canary")
    equal("a file that is not there", run("config", "check", folder / "absent.yaml").code, 66)
    # One rule, whoever names it: a server does not begin without it.
    absent = folder / "absent"
    for option, value, env in (
        ("model", absent, {}),
        ("models", absent, {}),
        ("models", absent, {"VIGIL_MODELS": str(absent)}),
        ("canary", f"tiny-demo={absent}:5%", {}),
        ("canary", f"tiny-demo={absent}:5%", {"VIGIL_CANARY": f"tiny-demo={absent}:5%"}),
    ):
        words = [] if env else [f"--{option}", value]
        ran = run("serve", "--port", "0", "--state", "memory", *words, env=env)
        check(f"{option} that is not there", ran.code == 66 and "no such f" in ran.err, f"{ran.code} {shown(ran.err)}")
    ran = run("serve", "--port", "0", "--state", "memory", "--models", folder / "keys.txt")
    check("models that are no folder", ran.code == 64 and "expected a folder" in ran.err, f"{ran.code} {shown(ran.err)}")

with group("hostile YAML"):
    bomb = "a: &a [x, x, x, x, x, x, x, x, x]\n" + "".join(
        f"{b}: &{b} [{', '.join(['*' + a] * 9)}]\n" for a, b in zip("abcdefgh", "bcdefghi")
    )
    for name, text, says in (
        ("aliases", bomb, "anchor"),
        ("depth", "port: " + "[" * 100_000, "YAML"),
        ("size", "state: " + "x" * (1 << 20), "limit"),
        ("tags", "state: !!python/object/apply:os.system [true]\n", "tag"),
        ("twice", "port: 1\nport: 2\n", "twice"),
        ("two documents", "port: 1\n---\nport: 2\n", "YAML"),
        ("a merge", "<<: {port: 1}\n", "<<"),
        ("controls", "state: \x01\n", "YAML"),
    ):
        ran = run("config", "check", written("hostile.yaml", text), timeout=240)
        check(f"{name}: refused in a line", ran.code == 78 and ran.err.count("\n") == 1, f"{ran.code} {shown(ran.err)}")
        contains(f"{name}: says why", ran.err, says)
        told = f"{ran.cpu:.1f} s of a core at a pace of {pace():.2f} s, {ran.rss:.0f} MiB"
        check(f"{name}: at no cost", ran.code is not None and ran.cpu < 20 * pace() and ran.rss < 200, told)

with group("the schema"):
    try:
        import jsonschema
    except ImportError:
        skip("the schema", "needs jsonschema")
    else:
        schema = json.loads((ROOT / "deploy/vigil.schema.json").read_text())
        equal("it declares its draft", schema["$schema"], "https://json-schema.org/draft/2020-12/schema")
        jsonschema.Draft202012Validator.check_schema(schema)
        validator = jsonschema.Draft202012Validator(schema)
        for values in GOOD:
            check(f"takes {shown(values)}", validator.is_valid(values), str(next(validator.iter_errors(values), "")))
        for values in BAD:
            check(f"does not take {shown(values)}", not validator.is_valid(values))
        try:
            import yaml as library
        except ImportError:
            skip("YAML by the schema", "needs yaml")
        else:
            for kind, expected in (("good", True), ("bad", False)):
                for path in sorted(folder.glob(f"{kind}?*.yaml")):
                    values = library.safe_load(path.read_text()) or {}
                    equal(f"{path.name} as an editor reads it", validator.is_valid(values), expected)

with group("what counts, and from where"):
    config = written("vigil.yaml", "# one\nport: 9000\nmax-body: 64\nallowed-hosts: [a.example, '*.b.example']\nstate: no\n")
    secrets = {"VIGIL_TLS_KEY_PASSPHRASE": "hushhush"}
    printed = run("serve", "--config", config, "--grace", "7", "--print-config", env={"VIGIL_MAX_BODY": "32", "VIGIL_STATE": ""} | secrets)
    equal("it ends at once", printed.code, 0)
    lines = [" ".join(line.split()) for line in printed.out.splitlines()]
    for line in (
        f"port: 9000 # file {config}:2",
        "max-body: 32 # environment variable VIGIL_MAX_BODY",
        "grace: 7 # --grace",
        'host: "127.0.0.1" # default',
        f'state: "no" # file {config}:5',
    ):
        check(line, line in lines, printed.out)
    check("no secret", "hushhush" not in printed.out + printed.err, printed.out)
    again = run("serve", "--config", written("again.yaml", printed.out), "--print-config", env={"VIGIL_STATE": ""})
    strip = lambda text: [line.split("  ")[0] for line in text.splitlines() if line and line[0] != "#"]  # noqa: E731
    equal("what is printed is a config file that sets the same", strip(again.out), strip(printed.out))
    equal("and can be checked", run("config", "check", folder / "again.yaml").code, 0)
    # Its model's digest may still be computed when it ends: what that needs is not to be taken away.
    library = folder / "cleanup.so"
    build = ["cc", "-shared", "-fPIC", "-O1", "-o", library, pathlib.Path(__file__).parents[1] / "support/cleanup.c", "-ldl"]
    if shutil.which("cc") and subprocess.run(build, capture_output=True).returncode == 0:
        rows = folder / "rows.npy"
        np.save(rows, np.ones((3, 64), np.float32))
        ran = run("score", rows, env={"LD_PRELOAD": str(library)})
        equal("what has a digest computed: exit", ran.code, 0)
        check("libcrypto stays as long as the process", "libcrypto" not in ran.err, ran.err)
    else:
        skip("what is done at the exit", "needs a C compiler")

with group("a server by YAML"):
    config = written("serve.yaml", f"workers: 1\nmax-body: 1 # MiB\napi-keys: {folder}/keys.txt\n")
    with Server("--config", config) as server:
        equal("its keys", requests.get(server.url + "/jobs", timeout=60).status_code, 401)
        equal("its limits", requests.post(server.url + "/score", data=b"x" * (2 << 20), timeout=60).status_code in (401, 413), True)

        def said(*parts):
            end = time.monotonic() + 120
            while time.monotonic() < end:
                if all(part in server.text() for part in parts):
                    return True
                time.sleep(0.05)
            return False

        server.signal(signal.SIGHUP)
        check("SIGHUP says what it read", said("SIGHUP: files were read again", "keys.txt", "changes no setting"), server.text())
        written("serve.yaml", f"workers: 2\nmax-body: 1\napi-keys: {folder}/keys.txt\ngrace: 9\n")
        server.signal(signal.SIGHUP)
        check("and which settings wait for the next start", said("count from the next start", 'settings="workers, grace"'), server.text())
        written("serve.yaml", "workers: many\n")
        (folder / "keys.txt").write_text("nonsense\n")
        server.signal(signal.SIGHUP)
        check("and what it can't use", said("config file can't be used", "kept="), server.text())
        equal("it goes on", requests.get(server.url + "/livez", timeout=60).status_code, 200)

if not Certificates.available:
    skip("secrets in files", "needs openssl")
    finish()

with group("secrets in files"):
    certificates = Certificates(folder)
    certificates.make("server")
    certificates.lock("server", "locked")
    written("passphrase", "secret\n")
    os.chmod(folder / "passphrase", 0o600)
    tls = ["--tls-cert", certificates.pem("server"), "--tls-key", certificates.key("locked")]
    for name, options, env in (
        ("by an option", ["--tls-key-passphrase-file", folder / "passphrase"], {}),
        ("by a variable", [], {"VIGIL_TLS_KEY_PASSPHRASE_FILE": str(folder / "passphrase")}),
        ("by a key", ["--config", written("tls.yaml", f"tls-key-passphrase-file: {folder}/passphrase\n")], {}),
        ("as it is", [], {"VIGIL_TLS_KEY_PASSPHRASE": "secret"}),
    ):
        with Server(*tls, *options, env=env) as server:
            equal(name, requests.get(server.url.replace("http", "https") + "/livez", verify=False, timeout=60).status_code, 200)
    ran = run("serve", "--port", "0", *tls, env={"VIGIL_TLS_KEY_PASSPHRASE": "wrongwrong"})
    check("a wrong one", ran.code == 78 and "passphrase" in ran.err and "wrongwrong" not in ran.err, f"{ran.code} {ran.err}")
finish()
