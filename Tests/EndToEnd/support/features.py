"""Feature matrices and the forms in which they can be sent."""

import io
import json
import struct

import numpy as np


def video(rows, width=64, seed=1):
    """Scenes around a common mean, scaled like CLIP's image embeddings."""
    random = np.random.default_rng(seed)
    common = random.uniform(-0.5, 0.5, width)
    scenes = random.uniform(-0.6, 0.6, (rows // 20 + 1, width))
    noise = random.uniform(-0.15, 0.15, (rows, width))
    return (common + scenes[np.arange(rows) // 20] + noise).astype(np.float32)


def npy(array, version=None):
    out = io.BytesIO()
    np.lib.format.write_array(out, np.asanyarray(array), version=version, allow_pickle=False)
    return out.getvalue()


def npy_with(header, data, version=1):
    """An .npy whose header is any text."""
    text = header.encode() if isinstance(header, str) else header
    size = struct.pack("<H" if version == 1 else "<I", len(text))
    return b"\x93NUMPY" + bytes([version, 0]) + size + text + data


def safetensors(tensors, metadata=None):
    """`tensors`: name to (dtype's name, shape, bytes)."""
    header, at = ({"__metadata__": metadata} if metadata else {}), 0
    for name, (dtype, shape, data) in tensors.items():
        header[name] = {"dtype": dtype, "shape": list(shape), "data_offsets": [at, at + len(data)]}
        at += len(data)
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    return struct.pack("<Q", len(text)) + text + b"".join(data for _, _, data in tensors.values())


def read_safetensors(data):
    """(tensors as above, metadata)."""
    size = struct.unpack("<Q", data[:8])[0]
    header = json.loads(data[8 : 8 + size])
    metadata = header.pop("__metadata__", {})
    body = data[8 + size :]
    return {
        name: (one["dtype"], one["shape"], body[slice(*one["data_offsets"])]) for name, one in header.items()
    }, metadata


def bfloat16(array):
    """The upper halves of float32, cut off."""
    return (np.ascontiguousarray(array, "<f4").view("<u4") >> 16).astype("<u2").tobytes()


def rows_json(array):
    return json.dumps({"features": [[float(x) for x in row] for row in array]}).encode()


def multipart(
    data,
    filename="features.npy",
    content_type="application/octet-stream",
    fields=(),
    boundary="----WebKitFormBoundaryAbC123xyz",
):
    """The bytes that Chrome sends for a form with a file."""
    out = b""
    for name, value in fields:
        out += f'--{boundary}\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'.encode()
    out += (
        (
            f'--{boundary}\r\nContent-Disposition: form-data; name="features"; filename="{filename}"\r\n'
            f"Content-Type: {content_type}\r\n\r\n"
        ).encode()
        + data
        + f"\r\n--{boundary}--\r\n".encode()
    )
    return out, f"multipart/form-data; boundary={boundary}"
