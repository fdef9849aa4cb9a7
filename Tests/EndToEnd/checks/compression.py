"""Compressed uploads and answers: every form, every refusal, and bombs that cost next to nothing."""

import gzip
import http.client
import json
import socket
import subprocess
import zlib

from support.harness import check, contains, equal, finish, group, need, note

need("compression", "numpy", "requests")

import requests  # noqa: E402

from support import archives, features  # noqa: E402
from support.process import Server  # noqa: E402

NPY = "application/x-npy"
video = features.video(400)


def bare(data):
    packer = zlib.compressobj(wbits=-15)
    return packer.compress(data) + packer.flush()


with Server("--max-body", 8) as server:

    def post(body, coding, kind=NPY, wait=60, query=""):
        headers = {"Content-Type": kind, "Content-Encoding": coding, "Prefer": f"wait={wait}"}
        return requests.post(f"{server.url}/score{query}", data=body, headers=headers, timeout=60)

    def get(path, accept, method="GET", **fields):
        """(status, headers in lower case, body as it was sent)."""
        connection = http.client.HTTPConnection(server.host, server.port, timeout=60)
        connection.request(method, path, headers=({"Accept-Encoding": accept} if accept else {}) | fields)
        answer = connection.getresponse()
        return answer.status, {name.lower(): value for name, value in answer.getheaders()}, answer.read()

    with group("uploads"):
        digest = post(features.npy(video), "identity").json()["features_sha256"]
        uploads = [
            ("npy", features.npy(video), NPY),
            ("raw rows", video.tobytes(), "application/octet-stream"),
            ("JSON", features.rows_json(video), "application/json"),
            (
                "safetensors",
                features.safetensors({"features": ("F32", video.shape, video.tobytes())}),
                "application/vnd.safetensors",
            ),
            ("a form", *features.multipart(features.npy(video))),
        ]
        for name, body, kind in uploads:
            for coding, packed in (("gzip", gzip.compress(body)), ("deflate", zlib.compress(body)), ("deflate", bare(body))):
                answer = post(packed, coding, kind)
                equal(f"{name} in {coding}", answer.json().get("features_sha256"), digest)
            pieces = (packed[at : at + 1_000] for at in range(0, len(packed), 1_000))
            equal(f"{name} in chunks", post(pieces, "deflate", kind).json().get("features_sha256"), digest)
        equal("x-gzip", post(gzip.compress(features.npy(video)), "x-gzip").status_code, 200)

    with group("refusals"):
        packed = gzip.compress(features.npy(video))
        for name, body, coding, status, *words in (
            ("brotli", packed, "br", 415, "'br'", "gzip, deflate"),
            ("two codings", gzip.compress(packed), "gzip, gzip", 415, "gzip, gzip"),
            ("truncated", packed[:-9], "gzip", 400, "ends before"),
            ("nothing", b"", "gzip", 400, "ends before"),
            ("plain data", features.npy(video), "gzip", 400, "damaged"),
            ("a wrong checksum", packed[:-8] + b"1234" + packed[-4:], "gzip", 400, "damaged"),
            ("something behind", packed + b"tail", "gzip", 400, "follows the end"),
            ("gzip called deflate", packed, "deflate", 400, "deflate"),
        ):
            answer = post(body, coding)
            equal(f"{name}: status", answer.status_code, status)
            contains(f"{name}: detail", answer.json()["detail"], *words)
            if status == 415:
                equal(f"{name}: Accept-Encoding", answer.headers.get("Accept-Encoding"), "gzip, deflate")
        with socket.create_connection((server.host, server.port), 60) as client:
            client.sendall(
                b"POST /score HTTP/1.1\r\nHost: localhost\r\nContent-Encoding: br\r\nExpect: 100-continue\r\n"
                b"Content-Length: 1000000\r\n\r\n"
            )
            check("415 without asking for the body", client.recv(1_000).startswith(b"HTTP/1.1 415 "))

    with group("bombs"):
        zeros = archives.gzip_bomb(1 << 30)
        note(f"1 GiB of zeros in {len(zeros) >> 10} KiB")
        before = server.rss()
        for kind in (NPY, "application/octet-stream", "application/json", "multipart/form-data; boundary=x"):
            answer = post(zeros, "gzip", kind)
            check(f"{kind}: refused", answer.status_code in (400, 413), f"{answer.status_code} {answer.text}")
        head = features.npy_with("{'descr': '<f4', 'fortran_order': False, 'shape': (30000, 64), }", b"")
        answer = post(gzip.compress(head + bytes(30_000 * 256)), "gzip")
        equal("an .npy of zeros below the limit", answer.status_code, 413)
        contains("is too compressed", answer.json()["detail"], "200 times")
        dense = features.npy(features.video(40_000))
        answer = post(gzip.compress(dense, 1), "gzip")
        equal("10 MiB of rows with a limit of 8 MiB", answer.status_code, 413)
        grown = server.rss() - before
        note(f"memory grew by {grown:.1f} MiB")
        check("memory stays within bounds", grown < 32, f"{grown} MiB")

    with group("answers"):
        job = post(features.npy(video), "identity").json()
        path = f"/jobs/{job['id']}"
        status, plain, body = get(path, None)
        equal("plain without Accept-Encoding", (status, plain.get("content-encoding")), (200, None))
        equal("varies by both fields", plain["vary"], "Accept, Accept-Encoding")
        for accept, coding, unpack in (
            ("gzip", "gzip", gzip.decompress),
            ("deflate", "deflate", zlib.decompress),
            ("gzip;q=0.5, deflate", "deflate", zlib.decompress),
            ("br, *", "gzip", gzip.decompress),
            ("gzip;q=0", None, bytes),
            ("identity;q=1, gzip;q=0.1", None, bytes),
        ):
            status, fields, packed = get(path, accept)
            equal(f"{accept}: coding", fields.get("content-encoding"), coding)
            equal(f"{accept}: length", int(fields["content-length"]), len(packed))
            equal(f"{accept}: the same job", json.loads(unpack(packed))["result"], json.loads(body)["result"])
            check(f"{accept}: weak tag", fields["etag"] == (f"W/{plain['etag']}" if coding else plain["etag"]))
            status, head, nothing = get(path, accept, "HEAD")
            changing = ("date", "x-request-id", "server-timing")
            same = [{n: v for n, v in each.items() if n not in changing} for each in (fields, head)]
            equal(f"{accept}: HEAD's fields", (same[1], nothing), (same[0], b""))
        note(f"{len(body)} bytes of JSON in {len(get(path, 'gzip')[2])} of gzip")
        status, fields, packed = get(path, "gzip", **{"If-None-Match": plain["etag"]})
        equal("304 to the tag of the plain answer", (status, packed, fields["vary"]), (304, b"", plain["vary"]))
        equal("406 where nothing is left", get(path, "br, *;q=0")[0], 406)
        equal("an array goes as it is", get(path, "gzip", Accept=NPY)[1].get("content-encoding"), None)
        equal("so do a few bytes", get("/livez", "gzip")[1].get("content-encoding"), None)
        shown = subprocess.run(
            ["curl", "-s", "--compressed", server.url + "/openapi.yaml"], capture_output=True, timeout=60
        ).stdout
        equal("curl --compressed", shown, requests.get(server.url + "/openapi.yaml", timeout=60).content)

    with group("a large answer"):
        large = features.npy(features.video(20_000))
        job = post(large, "identity", wait=60, query="?logits=true").json()
        status, fields, packed = get(f"/jobs/{job['id']}?wait=60", "gzip")
        equal("streams compressed", (fields.get("content-encoding"), fields.get("content-length")), ("gzip", None))
        equal("and whole", len(json.loads(gzip.decompress(packed))["result"]["coarse"]), 20_000)

finish()
