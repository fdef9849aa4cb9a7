"""Every type of upload: the same numbers give the same digest and the same scores, whatever they came in."""

import hashlib

from support.harness import check, equal, finish, group, need

need("uploads", "numpy", "requests")

import numpy as np  # noqa: E402
import requests  # noqa: E402

from support import features  # noqa: E402
from support.process import Server  # noqa: E402

# Numbers that float16 and bfloat16 have too, so that every type says the same.
exact = (np.round(features.video(45) * 16) / 16).astype("<f4")
assert np.array_equal(exact, exact.astype("<f2").astype("<f4"))
assert features.bfloat16(exact) == (exact.view("<u4") >> 16).astype("<u2").tobytes()
digest = hashlib.sha256(exact.tobytes()).hexdigest()


def uploads():
    """(name, body, Content-Type) of the same matrix."""
    npy, tensors, octets = "application/x-npy", "application/vnd.safetensors", "application/octet-stream"
    for width in (2, 4, 8):
        for order in "<>":
            for fortran in (False, True):
                array = (np.asfortranarray if fortran else np.ascontiguousarray)(exact.astype(f"{order}f{width}"))
                for version in ((1, 0), (2, 0), (3, 0)):
                    yield f"npy {order}f{width} {'Fortran' if fortran else 'C'} v{version[0]}", features.npy(
                        array, version
                    ), npy
    for dtype, data in (
        ("F16", exact.astype("<f2").tobytes()),
        ("F32", exact.tobytes()),
        ("F64", exact.astype("<f8").tobytes()),
        ("BF16", features.bfloat16(exact)),
    ):
        yield f"safetensors {dtype}", features.safetensors({"features": (dtype, exact.shape, data)}), tensors
    other = ("I64", (3,), bytes(24))
    yield "safetensors among others", features.safetensors(
        {"a": other, "features": ("F32", exact.shape, exact.tobytes()), "z": other}, {"by": "a test"}
    ), tensors
    yield "octets with npy's magic", features.npy(exact), octets
    yield "octets with Fortran npy", features.npy(np.asfortranarray(exact.astype(">f8"))), octets
    yield "raw rows", exact.tobytes(), octets
    yield "JSON", features.rows_json(exact), "application/json"
    yield "JSON, charset named", features.rows_json(exact), "application/json; charset=utf-8"
    yield "JSON, spread and with other members", (
        b'\n{"name": "\\u00e9", "labels": null, '
        + features.rows_json(exact)[1:-1].replace(b", ", b" ,\n\t")
        + b', "priority": "l\\u006fw"}\n'
    ), "Application/JSON"
    yield "form with a file", *features.multipart(features.npy(exact))
    yield "form with raw rows", *features.multipart(exact.tobytes(), "rows.bin")
    yield "form with JSON", *features.multipart(features.rows_json(exact), "x.json", "application/json")
    yield "form with safetensors", *features.multipart(
        features.safetensors({"features": ("F32", exact.shape, exact.tobytes())}), "x.safetensors"
    )
    yield "form with fields before", *features.multipart(features.npy(exact), fields=[("fps", "25"), ("threshold", "")])
    quoted = features.multipart(features.npy(exact), boundary="a b")[0]
    yield "form with a quoted boundary", quoted, 'multipart/form-data; boundary="a b"'


with Server() as server:

    def post(body, kind, query=""):
        return requests.post(
            f"{server.url}/score?logits=true{query}",
            data=body,
            timeout=60,
            headers={"Content-Type": kind, "Prefer": "wait=60"},
        )

    reference = post(features.npy(exact), "application/x-npy").json()["result"]
    equal("the digest is that of the float32 rows", reference["provenance"]["features_sha256"], digest)
    with group("uploads"):
        for name, body, kind in uploads():
            answer = post(body, kind)
            job = answer.json()
            result = job.get("result") or {}
            same = all(result.get(part) == reference[part] for part in ("coarse", "fine", "logits"))
            check(
                name,
                answer.status_code == 200 and job["features_sha256"] == digest and same,
                f"{answer.status_code} {answer.text[:200]}",
            )
    with group("no type named"):
        answer = requests.post(server.url + "/score", data=features.npy(exact), timeout=60)
        equal("npy without Content-Type", (answer.status_code, answer.json().get("features_sha256")), (202, digest))
    with group("rounding"):
        fine = features.video(30).astype("<f8") * (1 + 1e-9)
        job = post(features.npy(fine), "application/x-npy").json()
        equal(
            "float64 is rounded to float32",
            job["features_sha256"],
            hashlib.sha256(fine.astype("<f4").tobytes()).hexdigest(),
        )
        awkward = features.video(30).astype("<f4")
        awkward[0, :6] = [1e-45, -0.0, 1.1754942e-38, 0.1, 3.4e37, -1e-30]
        job = post(features.rows_json(awkward.astype("<f8")), "application/json").json()
        equal(
            "JSON's decimals give the same float32",
            job.get("features_sha256"),
            hashlib.sha256(awkward.tobytes()).hexdigest(),
        )
    with group("form fields are options"):
        body, kind = features.multipart(features.npy(exact), fields=[("fps", "25"), ("logits", "true")])
        answer = requests.post(
            server.url + "/score", data=body, headers={"Content-Type": kind, "Prefer": "wait=60"}
        ).json()
        equal("fps and logits", (answer["result"]["fps"], "logits" in answer["result"]), (25, True))
        answer = requests.post(server.url + "/score?fps=30", data=body, headers={"Content-Type": kind})
        equal("an option in the query and in the form: 422", answer.status_code, 422)
    with group("the pieces in which a body comes make no difference"):
        for name, body, kind in list(uploads())[-14:]:
            pieces = (body[at : at + 7] for at in range(0, len(body), 7))
            answer = post(pieces, kind)
            equal(f"{name}, chunks of 7 bytes", answer.json().get("features_sha256"), digest)
finish()
