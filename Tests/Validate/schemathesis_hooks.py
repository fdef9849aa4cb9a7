"""What schemathesis can't know of Vigil's media types: features as files that the embedded model takes."""

import io
import json
import struct

import schemathesis
from hypothesis import strategies as st

WIDTH = 64


def values(rows, seed):
    """Numbers like an embedding's, the same for the same seed."""
    state, found = seed * 2 + 1, []
    for _ in range(rows * WIDTH):
        state = (state * 6364136223846793005 + 1442695040888963407) % (1 << 64)
        found.append((state >> 40) / (1 << 23) - 1)
    return struct.pack(f"<{len(found)}f", *found)


def npy(rows, seed):
    head = f"{{'descr': '<f4', 'fortran_order': False, 'shape': ({rows}, {WIDTH}), }}"
    head += " " * (-(len(head) + 11) % 64) + "\n"
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(head)) + head.encode() + values(rows, seed)


def safetensors(rows, seed):
    data = values(rows, seed)
    head = json.dumps({"features": {"dtype": "F32", "shape": [rows, WIDTH], "data_offsets": [0, len(data)]}})
    return struct.pack("<Q", len(head)) + head.encode() + data


def zipped(rows, seed):
    import zipfile

    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("a.npy", npy(rows, seed))
        archive.writestr("b.npy", npy(rows + 1, seed))
    return file.getvalue()


SHAPES = (st.integers(1, 80), st.integers(0, 1 << 16))
for name, made in [
    ("application/x-npy", npy),
    ("application/octet-stream", npy),
    ("application/vnd.safetensors", safetensors),
    ("application/zip", zipped),
]:
    schemathesis.openapi.media_type(name, st.builds(made, *SHAPES))


def as_it_is(context, value):
    """A body that is bytes already; what was made up from a schema becomes its text."""
    if not isinstance(value, bytes):
        value = value if isinstance(value, str) else json.dumps(value, default=str)
        value = value.encode(errors="surrogatepass")
    return {"data": value}


schemathesis.serializer("application/x-npy", "application/vnd.safetensors", "application/zip")(as_it_is)


@schemathesis.deserializer("application/x-npy")
def scores(context, response):
    """The shape and the scores of an .npy: [T, 1 + classes] of float32, each a share."""
    data = response.content
    if data[:8] != b"\x93NUMPY\x01\x00":
        raise ValueError("no .npy of version 1")
    length = struct.unpack("<H", data[8:10])[0]
    rest = data[10 + length :]
    found = struct.unpack(f"<{len(rest) // 4}f", rest)
    if not all(0 <= score <= 1 for score in found):
        raise ValueError("a score is none")
    return list(found)


@schemathesis.hook
def map_body(context, body):
    """Rows in JSON get the model's width, which the description can't know."""
    rows = body.get("features") if isinstance(body, dict) else None
    if isinstance(rows, list) and all(isinstance(row, list) for row in rows):
        if all(type(number) in (int, float) for row in rows for number in row):
            return body | {"features": [(row * WIDTH + [0.5] * WIDTH)[:WIDTH] for row in rows]}
    return body


@schemathesis.hook
def before_call(context, case, **kwargs):
    """The server's own address, where a mutation has put another one into Host: that refusal is tested elsewhere."""
    if case.headers:
        case.headers.pop("Host", None)
