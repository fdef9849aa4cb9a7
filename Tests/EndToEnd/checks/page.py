"""The web page without a browser: every file as it is in the tree, its fields, its size, and no other host in it."""

import gzip
import hashlib
import http.client
import re

from support.harness import ROOT, check, equal, finish, group, note, scratch
from support.process import Server

SOURCES = ROOT / "Sources/CResources/page"
PAGES = {"/": "index.html", "/docs": "docs.html"}


def get(server, path, method="GET", **fields):
    connection = http.client.HTTPConnection(server.host, server.port, timeout=30)
    connection.request(method, path, headers={name.replace("_", "-"): value for name, value in fields.items()})
    answer = connection.getresponse()
    return answer.status, {name.lower(): value for name, value in answer.getheaders()}, answer.read()


files = {f"/page/{file.name}": file for file in sorted(SOURCES.iterdir())}
files["/page/sample.npy"] = ROOT / "deploy/demo/sample.npy"

with Server() as server:
    with group("files"):
        packed_sizes = {}
        for path, file in [*((path, SOURCES / name) for path, name in PAGES.items()), *files.items()]:
            status, fields, body = get(server, path)
            check(f"{path} is what is in the tree", status == 200 and body == file.read_bytes(), status)
            status, short, packed = get(server, path, Accept_Encoding="gzip")
            packed_sizes[path] = len(packed)
            if short.get("content-encoding") == "gzip":
                equal(f"{path} compressed", gzip.decompress(packed), body)
            for tag in (fields["etag"], short["etag"]):
                status, _, rest = get(server, path, If_None_Match=tag)
                equal(f"{path}: {tag} is known", (status, rest), (304, b""))
            equal(f"{path}: HEAD", get(server, path, "HEAD")[2], b"")
        whole = get(server, "/page/page.js")[2].decode()
        modules = [name for name in files if name.endswith(".js") and not re.search("/(theme|docs|yaml).js$", name)]
        others = [path for path in files if path.endswith((".css", ".svg", "/theme.js"))]
        sent = len(get(server, "/page/page.js", Accept_Encoding="gzip")[2]) + sum(packed_sizes[path] for path in ["/", *others])
        note(f"{sent} bytes compressed are sent for the page")
        check("less than 150 KB compressed", sent < 150_000, sent)
        equal("the page's modules are sent as one", re.findall("^(?:import|export).*", whole, re.MULTILINE), [])
        for path in modules:
            comment = files[path].read_text().splitlines()[0]
            equal(f"{path} is in it", whole.count(comment), 1)
        equal("another file", get(server, "/page/none.js")[0], 404)
        equal("nothing is posted to it", get(server, "/", "POST")[0], 405)

    with group("fields"):
        for path in PAGES:
            _, fields, _ = get(server, path)
            policy = dict(rule.split(" ", 1) for rule in fields["content-security-policy"].split("; "))
            equal(f"{path}: default", policy.pop("default-src"), "'none'")
            equal(f"{path}: scripts", policy.pop("script-src"), "'self'")
            equal(f"{path}: styles", policy.pop("style-src"), "'self'")
            equal(f"{path}: requests", policy.pop("connect-src"), "'self'")
            equal(f"{path}: frames", policy.pop("frame-ancestors"), "'none'")
            check(f"{path}: nothing else is let in", not re.search(r"http|\*|unsafe", str(policy)), policy)
            equal(f"{path}: nosniff", fields["x-content-type-options"], "nosniff")
            equal(f"{path}: referrer", fields["referrer-policy"], "no-referrer")
            equal(f"{path}: asked for again", fields["cache-control"], "no-cache")

    with group("sources"):
        for path, file in files.items():
            if file.suffix == ".npy":
                continue
            text = file.read_text()
            hosts = set(re.findall(r"(?:https?:)?//[a-z0-9.-]+\.[a-z]+", text)) - {"http://www.w3.org"}
            equal(f"{file.name} names no host", hosts, set())
            traps = [word for word in ("innerHTML", "outerHTML =", "document.write", "eval(", "insertAdjacent") if word in text]
            equal(f"{file.name} makes no HTML of texts", traps, [])
            for name in re.findall(r"(?:from '\./|(?:src|href)=\"page/)([a-z.]+)", text):
                check(f"{file.name} loads {name}, which is there", name == "page.js" or f"/page/{name}" in files)

with group("with keys, and a low rate"):
    keys = scratch() / "keys"
    keys.write_text(f"alice:{hashlib.sha256(b'one').hexdigest()}\n")
    with Server("--api-keys", keys, "--rate-limit", "1") as server:
        equal("every file without a key, all at once", [path for path in [*PAGES, *files] if get(server, path)[0] != 200], [])
        equal("nothing else", get(server, "/jobs")[0], 401)
        equal("nor by another name", get(server, "/page/../jobs")[0] in (400, 404), True)

finish()
