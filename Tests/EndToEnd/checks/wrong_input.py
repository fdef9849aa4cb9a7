"""Wrong input: each gets its status and a detail that names the fault."""

import json
import socket
import time

from support.harness import check, contains, equal, finish, group, need, shown

need("wrong input", "numpy", "requests")

import numpy as np  # noqa: E402
import requests  # noqa: E402

from support import archives, features, pickles  # noqa: E402
from support.process import Server  # noqa: E402

NPY = {"Content-Type": "application/x-npy"}
JSON = {"Content-Type": "application/json"}
good = features.npy(features.video(20))


def problem(name, status, parts, answer):
    """A problem of that status whose detail has all the parts."""
    if not equal(f"{name}: status", answer.status_code, status):
        print("    ", shown(answer.text))
        return {}
    kind = answer.headers.get("Content-Type")
    body = answer.json() if kind == "application/problem+json" else {}
    whole = {"type", "title", "status", "detail", "instance"} <= body.keys() and body["status"] == status
    check(f"{name}: problem+json", whole, f"{kind}: {shown(answer.text)}")
    contains(f"{name}: detail", body.get("detail", ""), *parts)
    return body


def raw(server, head, body=b"", seconds=120):
    """Status and text of the answer to raw bytes, how long it took."""
    with socket.create_connection((server.host, server.port), seconds) as client:
        begun = time.monotonic()
        client.sendall(head.encode() + body)
        out = b""
        while b"\r\n\r\n" not in out:
            piece = client.recv(65536)
            if not piece:
                break
            out += piece
        return out.decode(errors="replace"), time.monotonic() - begun


with Server() as server:

    def post(body, headers=NPY, query=""):
        return requests.post(f"{server.url}/score{query}", data=body, headers=headers, timeout=60)

    with group("bodies"):
        bad = features.video(20)
        bad[17, 3] = np.nan
        problem("NaN", 422, ["column 3", "row 17", "NaN"], post(features.npy(bad)))
        problem("NaN in Fortran order", 422, ["column 3", "row 17", "NaN"], post(features.npy(np.asfortranarray(bad))))
        bad[17, 3] = np.inf
        problem("infinity", 422, ["column 3", "row 17", "infinity"], post(features.npy(bad)))
        problem("infinity by float16", 422, ["column 3", "row 17", "infinity"], post(features.npy(bad.astype("<f2"))))
        bad[17, 3] = -np.inf
        problem("minus infinity", 422, ["column 3", "row 17", "-infinity"], post(features.npy(bad)))
        over = features.video(20).astype("<f8")
        over[17, 3] = 1e300
        problem("a float64 that is no float32", 422, ["column 3", "row 17"], post(features.npy(over)))
        problem("a truncated npy", 400, ["ends"], post(good[:-100]))
        problem("an npy cut in its header", 400, ["ends"], post(good[:30]))
        problem("a wrong width", 422, ["63", "64"], post(features.npy(features.video(20, 63))))
        problem("no rows", 422, ["no rows"], post(features.npy(np.zeros((0, 64), "<f4"))))
        problem("one dimension", 422, ["[64]"], post(features.npy(np.zeros(64, "<f4"))))
        problem("integers", 422, ["int"], post(features.npy(np.ones((3, 64), "<i4"))))
        problem("an empty body", 400, ["empty"], post(b"", {"Content-Type": "application/octet-stream"}))
        problem("an empty npy", 400, [], post(b""))
        problem("an empty JSON", 400, [], post(b"", JSON))
        problem("no npy", 400, ["npy"], post(b"hello, this is text" * 20))
        problem(
            "half a row", 400, ["whole number of rows"], post(bytes(100), {"Content-Type": "application/octet-stream"})
        )
        problem(
            "os.system in a pickle",
            422,
            ["PyTorch checkpoint"],
            post(
                archives.checkpoint(next(pickles.executing("/tmp/vigil-canary"))[1]),
                {"Content-Type": "application/octet-stream"},
            ),
        )
        lie = next(data for name, data in archives.lying(pickles.state({})) if "2^60" in name)
        problem(
            "a zip that claims 2^60 bytes",
            422,
            ["PyTorch checkpoint"],
            post(lie, {"Content-Type": "application/octet-stream"}),
        )
    with group("JSON"):
        rows = json.loads(features.rows_json(features.video(20)))
        rows["features"][5].pop()
        problem("ragged rows", 422, ["row 5"], post(json.dumps(rows), JSON))
        text = features.rows_json(features.video(20))
        at = text.index(b"], [", 50) + 4
        problem("a NaN token", 400, ["row 1", "column 0", "NaN"], post(text[:at] + b"NaN, " + text[at:], JSON))
        problem("1e999", 422, ["row 0", "column 0"], post(b'{"features": [[1e999' + b", 0" * 63 + b"]]}", JSON))
        problem("a text in a row", 422, ["row 0", "column 1"], post(b'{"features": [[1, "2"]]}', JSON))
        problem("no features", 422, ["features"], post(b'{"x": 1}', JSON))
        problem("cut JSON", 400, ["ends"], post(text[:-10], JSON))
        for front, words in ((b"[[", "2048 wide"), (b"[", "one list"), (b"[[[", "2048 wide")):
            head = f"POST /score HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: {60 << 20}\r\n"
            answer, _ = raw(server, head + "\r\n", b'{"features": ' + front + b"0.5, " * 40_000)
            check(f"a row without an end, {front}: refused as it comes", answer.startswith("HTTP/1.1 422"), shown(answer))
            contains(f"a row without an end, {front}: detail", answer, words)
        problem("text after the JSON", 400, [], post(text + b"x", JSON))
    with group("too large"):
        big = f"POST /score HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/x-npy\r\nContent-Length: {600 << 20}\r\n"
        for name, more in (("600 MB announced", ""), ("600 MB announced, 100-continue", "Expect: 100-continue\r\n")):
            text, seconds = raw(server, big + more + "\r\n")
            check(
                f"{name}: 413 at once",
                text.startswith("HTTP/1.1 413") and seconds < 60,
                f"{seconds:.2f} s: {shown(text)}",
            )
            check(f"{name}: problem+json", "application/problem+json" in text, shown(text))
        text, _ = raw(
            server, f"POST /score HTTP/1.1\r\nHost: localhost\r\nContent-Length: {len(good)}\r\nExpect: 100-continue\r\n\r\n"
        )
        check("a body that is wanted: 100", text.startswith("HTTP/1.1 100"), shown(text))
        text, _ = raw(server, "POST /score HTTP/1.1\r\nHost: localhost\r\nContent-Length: 9\r\nExpect: tea\r\n\r\n")
        check("another expectation: 417", text.startswith("HTTP/1.1 417"), shown(text))

        def endless():
            for _ in range(200):
                yield bytes(1 << 20)

        before = server.rss()
        problem("chunks beyond the limit", 413, [], post(endless(), {"Content-Type": "application/octet-stream"}))
        note = server.rss() - before
        check("a body beyond the limit is not kept", note < 300, f"{note:.0f} MiB more")
    with group("jobs"):
        for method in ("get", "delete"):
            for unknown in ("01ARZ3NDEKTSV4RRFFQ69G5FAV", "nonsense", "x" * 500):
                answer = getattr(requests, method)(f"{server.url}/jobs/{unknown}", timeout=60)
                problem(f"{method} of the unknown job {unknown[:9]}", 404, [unknown[:40]], answer)
        for query in ("status=done", "limit=0", "limit=x", "limit=1001", "cursor=x"):
            answer = requests.get(f"{server.url}/jobs?{query}", timeout=60)
            problem(f"list by {query}", 422, [query.split("=")[0], query.split("=")[1]], answer)
    with group("query"):
        for query in (
            "fps=0",
            "fps=-1",
            "fps=x",
            "fps=nan",
            "fps=inf",
            "fps=30,5",
            "threshold=1.1",
            "threshold=-0.1",
            "threshold=nan",
            "leave=0.6",
            "leave=2",
            "min_snippets=0",
            "min_snippets=1.5",
            "merge_gap=-1",
            "merge_gap=99999999999999999999",
            "logits=maybe",
            "priority=urgent",
            "validate_only=perhaps",
            "frames=30",
            "threshold=0.1&threshold=0.2",
            "labels=one",
            "labels=a,,b",
        ):
            name = query.split("=")[0]
            problem(query, 422, [name], post(good, query=f"?{query}"))
        problem("labels without a text tower", 422, ["label"], post(good, query="?labels=normal,fire"))
        problem("labels twice the same", 422, ["label"], post(good, query="?labels=normal,fire,fire"))
    with group("types"):
        problem("an unknown type", 415, ["text/plain", "application/x-npy"], post(good, {"Content-Type": "text/plain"}))
        problem("no type at all", 415, [], post(good, {"Content-Type": "nonsense"}))
        problem("brotli", 415, ["gzip"], post(good, {**NPY, "Content-Encoding": "br"}))
        problem("an Accept that nothing fits", 406, [], post(good, {**NPY, "Accept": "image/png", "Prefer": "wait=10"}))
        problem("an Accept that nothing fits, without waiting", 406, [], post(good, {**NPY, "Accept": "image/png"}))
    with group("methods and paths"):
        for path in ("/nowhere", "/jobs/", "/score/x", "//score", "/jobs/a/b"):
            problem(path, 404, [], requests.get(server.url + path, timeout=60))
        for method, path, allowed in (
            ("GET", "/score", "POST"),
            ("POST", "/livez", "GET"),
            ("PUT", "/jobs/x", "DELETE"),
        ):
            answer = requests.request(method, server.url + path, timeout=60)
            problem(f"{method} {path}", 405, [], answer)
            contains(f"{method} {path}: Allow", answer.headers.get("Allow", ""), allowed)
        equal("OPTIONS: 204", requests.options(server.url + "/score", timeout=60).status_code, 204)
    check("the service lives", server.alive() and requests.get(server.url + "/readyz", timeout=60).status_code == 200)
finish()
