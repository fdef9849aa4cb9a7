"""Hostile files of every kind, as (name, bytes)."""

import json
import struct

import numpy as np

from support import archives, features, pickles
from support.harness import ROOT

DEMO = ROOT / "Sources/CResources/demo.safetensors"


def checkpoints(canary):
    """Nothing that `import` or `inspect` may take."""
    for name, data in pickles.executing(canary):
        yield f"pickle: {name}", archives.checkpoint(data)
    for name, data in pickles.confusing():
        yield f"pickle: {name}", archives.checkpoint(data, method=8 if len(data) > 100_000 else 0)
    for name, value in pickles.misdescribed():
        yield f"tensor: {name}", archives.checkpoint(pickles.state({"frame_position_embeddings.weight": value}))
    good = pickles.state({"frame_position_embeddings.weight": pickles.tensor(shape=(2, 2), strides=(2, 1))})
    for name, data in archives.lying(good):
        yield f"zip: {name}", data
    whole = archives.checkpoint(good)
    for cut in sorted({4, 29, 30, 31, 46, 60, *range(100, len(whole), len(whole) // 12), len(whole) - 1}):
        yield f"zip: the first {cut} of {len(whole)} bytes", whole[:cut]
    for name, data in pickles.shared_modules():
        yield f"TorchScript: {name}", archives.checkpoint(data, {"code/x.py": b"", "data/0": bytes(16)}, method=8)
    yield "an empty file", b""
    yield "a legacy checkpoint", b"\x80\x02\x8a\x0al\xfc\x9cF\xf9 j\xa8P\x19." + b"\x80\x02M\xe9\x03."
    yield "a web page", b"<!DOCTYPE html><html>404</html>"
    yield "a Git LFS pointer", b"version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 5\n"


def safetensors():
    """No safetensors file at all."""

    def headed(header, data=b"", size=None):
        text = header if isinstance(header, bytes) else json.dumps(header).encode()
        return struct.pack("<Q", len(text) if size is None else size) + text + data

    def one(dtype="F32", shape=(1,), offsets=(0, 4)):
        return {"x": {"dtype": dtype, "shape": list(shape), "data_offsets": list(offsets)}}

    yield "a header of 2^63 bytes", headed(one(), bytes(4), 2**63)
    yield "a header of 2^64-1 bytes", headed(one(), bytes(4), 2**64 - 1)
    yield "a header of 90 MB that is not there", headed(one(), bytes(4), 90_000_000)
    yield "a header of no bytes", headed(one(), bytes(4), 0)
    yield "a header longer than the file", headed(one(), b"", 1000)
    yield "a header that is cut", headed(b'{"x": {"dtype"')
    yield "a header of a million braces", headed(b'{"a":' * 1_000_000)
    yield "a header of a million brackets", headed(b'{"a":' + b"[" * 1_000_000)
    yield "a header of ten million numbers", headed(
        b'{"x":{"dtype":"F32","shape":[' + b"1," * 10_000_000 + b'1],"data_offsets":[0,4]}}', bytes(4)
    )
    yield "a million tensors", headed(
        b"{" + b",".join(b'"%d":{"dtype":"U8","shape":[0],"data_offsets":[0,0]}' % i for i in range(1_000_000)) + b"}",
        b"x",
    )
    yield "a shape that overflows", headed(one(shape=(2**32, 2**32, 2**32)), bytes(4))
    yield "a negative shape", headed(one(shape=(-1,)), bytes(4))
    yield "offsets beyond the file", headed(one(shape=(2**40,), offsets=(0, 2**42)), bytes(4))
    yield "offsets backwards", headed(one(offsets=(4, 0)), bytes(4))
    yield "offsets of 2^63", headed(
        b'{"x":{"dtype":"F32","shape":[1],"data_offsets":[9223372036854775807,9223372036854775811]}}', bytes(4)
    )
    yield "a shape of 1e400", headed(b'{"x":{"dtype":"F32","shape":[1e400],"data_offsets":[0,4]}}', bytes(4))
    yield "an unknown dtype", headed(one(dtype="F31"), bytes(4))
    yield "bytes after the data", headed(one(), bytes(400))
    yield "a hole", headed({**one(), "y": {"dtype": "F32", "shape": [1], "data_offsets": [8, 12]}}, bytes(12))
    yield "an overlap", headed({**one(), "y": {"dtype": "F32", "shape": [1], "data_offsets": [0, 4]}}, bytes(4))
    yield "the same name twice", headed(
        b'{"x":{"dtype":"F32","shape":[1],"data_offsets":[0,4]},"x":{"dtype":"F32","shape":[1],"data_offsets":[4,8]}}',
        bytes(8),
    )
    yield "a header that is an array", headed(b"[1, 2]  ")
    yield "a header that is no UTF-8", headed(b'{"\xff\xfe": 1}')
    yield "metadata that is no text", headed({"__metadata__": {"format": 5}, **one()}, bytes(4))


def hugging_face(rows):
    """A tower of one layer of width 64, whose queries, keys and values have so many rows without columns."""
    zeros = {
        "embeddings.class_embedding": [64], "embeddings.position_embedding.weight": [5, 64],
        "embeddings.patch_embedding.weight": [64, 3, 16, 16], "pre_layrnorm.weight": [64], "pre_layrnorm.bias": [64],
        "post_layernorm.weight": [64], "post_layernorm.bias": [64],
    }
    layer = "encoder.layers.0."
    for part in ("layer_norm1", "layer_norm2", "self_attn.out_proj", "mlp.fc1", "mlp.fc2"):
        shape = {"mlp.fc1": [256, 64], "mlp.fc2": [64, 256], "self_attn.out_proj": [64, 64]}.get(part, [64])
        zeros |= {f"{layer}{part}.weight": shape, f"{layer}{part}.bias": shape[:1]}
    tensors = {f"vision_model.{name}": ("F32", shape, bytes(4 * int(np.prod(shape)))) for name, shape in zeros.items()}
    tensors["visual_projection.weight"] = ("F32", [64, 64], bytes(4 * 64 * 64))
    for part in "qkv":
        tensors[f"vision_model.{layer}self_attn.{part}_proj.weight"] = ("F32", [rows, 0], b"")
        tensors[f"vision_model.{layer}self_attn.{part}_proj.bias"] = ("F32", [64], bytes(256))
    return tensors


def models():
    """(name, bytes, part of the error): the demo model with one thing wrong."""
    source = DEMO.read_bytes()
    tensors, metadata = features.read_safetensors(source)

    def meta(**changes):
        changed = {**metadata, **changes}
        return features.safetensors(tensors, {k: v for k, v in changed.items() if v is not None})

    def having(**changes):
        changed = {**tensors, **{k.replace("__", "."): v for k, v in changes.items()}}
        return features.safetensors({k: v for k, v in changed.items() if v is not None}, metadata)

    def altered(name, change):
        dtype, shape, data = tensors[name]
        values = np.frombuffer(data, {"F32": "<f4", "F16": "<f2"}[dtype]).copy()
        change(values)
        return having(**{name: (dtype, shape, values.tobytes())})

    def set_at(index, value):
        def change(values):
            values[index] = value

        return change

    labels = json.loads(metadata["labels"])
    yield "labels that are no JSON", meta(labels="normal, abuse"), "labels"
    yield "labels of numbers", meta(labels="[1, 2]"), "labels"
    yield "labels missing", meta(labels=None), "labels"
    yield "too few labels", meta(labels='["normal", "abuse"]'), ""
    yield "the same label twice", meta(labels=json.dumps([labels[1]] + labels[1:])), "label"
    yield "an empty label", meta(labels=json.dumps([""] + labels[1:])), "label"
    yield "labels nested a million deep", meta(labels="[" * 1_000_000), "labels"
    for window in ("0", "-1", "1000000000", "8.5", "nan", "", "9223372036854775808"):
        yield f"window {window or 'empty'}", meta(window=window), "window"
    yield "no window", meta(window=None), "window"
    yield "another format version", meta(format_version="99"), "version"
    yield "no format", meta(format=None), "model"
    yield "a missing tensor", having(**{"classifier.weight": None}), "classifier.weight"
    yield "a missing self-test", having(**{"self_test.features": None}), "self_test"
    yield "no text features", having(text_features=None), "text_features"
    yield "a transposed tensor", having(
        **{"gc1.weight": (tensors["gc1.weight"][0], tensors["gc1.weight"][1][::-1], tensors["gc1.weight"][2])}
    ), "gc1.weight"
    yield "an empty tensor", having(**{"gc1.weight": ("F32", [0, 32], b"")}), "gc1.weight"
    yield "integer weights", having(**{"gc1.weight": ("I32", [64, 32], bytes(8192))}), ""
    yield "a length of 0", having(**{"frame_position_embeddings.weight": ("F32", [0, 64], b"")}), ""
    yield "a width of 0", having(**{"frame_position_embeddings.weight": ("F32", [32, 0], b"")}), ""
    yield "a width of 2^40 and a length of 0", having(
        **{"frame_position_embeddings.weight": ("F32", [0, 2**40], b"")}
    ), ""
    yield "NaN in a weight", altered("gc1.weight", set_at(5, np.nan)), ""
    yield "infinity in a weight", altered("linear.weight", set_at(0, np.inf)), ""
    yield "NaN in the self-test's scores", altered("self_test.coarse_logits", set_at(0, np.nan)), "self-test"
    yield "infinity in the self-test's scores", altered("self_test.coarse_logits", set_at(0, np.inf)), "self-test"
    yield "infinity in its fine scores", altered("self_test.fine_logits", set_at(0, -np.inf)), "self-test"
    yield "NaN in the self-test's features", altered("self_test.features", set_at(0, np.nan)), ""
    yield "a changed weight", altered("linear.weight", set_at(7, 1.5)), "self-test"
    yield "a changed text feature", altered("text_features", set_at(3, 9)), "self-test"
    yield "a self-test without rows", having(**{"self_test.features": ("F32", [0, 64], b"")}), "self_test"
    for cut in (0, 7, 8, 100, len(source) // 2, len(source) - 1):
        yield f"the first {cut} bytes", source[:cut], ""
    yield "a byte more", source + b"x", ""


def arrays():
    """(name, file name, bytes): features that can't be read or must not be scored."""
    head = "{'descr': '<f4', 'fortran_order': False, 'shape': (%s), }\n"
    data = bytes(4 * 64 * 2)
    yield "npy of 2^60 rows", "a.npy", features.npy_with(head % "1152921504606846976, 64", data)
    yield "npy of 2^40 rows", "a.npy", features.npy_with(head % "1099511627776, 64", data)
    yield "npy whose shape overflows", "a.npy", features.npy_with(head % "4294967296, 4294967296, 64", data)
    yield "npy of a negative shape", "a.npy", features.npy_with(head % "-1, 64", data)
    yield "npy of a shape of a million ones", "a.npy", features.npy_with(head % ("1, " * 1_000_000), data, 2)
    yield "npy whose header claims 4 GB", "a.npy", b"\x93NUMPY\x02\x00\xff\xff\xff\xff" + data
    yield "npy whose header is code", "a.npy", features.npy_with(
        "__import__('os').system('touch /tmp/vigil-npy')\n", data
    )
    yield "npy whose header nests a million deep", "a.npy", features.npy_with("{'descr':" + "(" * 1_000_000, data, 2)
    yield "npy of objects", "a.npy", features.npy_with(
        "{'descr': '|O', 'fortran_order': False, 'shape': (2, 64), }\n", b"\x80\x04cos\nsystem\n"
    )
    yield "npy of a record type", "a.npy", features.npy_with(
        "{'descr': [('a', '<f4')], 'fortran_order': False, 'shape': (2, 64), }\n", data
    )
    yield "npy of texts", "a.npy", features.npy(np.array(["a", "b"]))
    yield "npy of complex numbers", "a.npy", features.npy(np.zeros((2, 64), complex))
    yield "npy of version 9", "a.npy", b"\x93NUMPY\x09\x00\x10\x00" + bytes(16)
    yield "npy with bytes after the data", "a.npy", features.npy(features.video(2)) + bytes(100)
    yield "npy that ends early", "a.npy", features.npy(features.video(20))[:-7]
    for name, file in safetensors():
        yield f"safetensors: {name}", "a.safetensors", file
    yield "safetensors without features", "a.safetensors", features.safetensors({"x": ("F32", [64], bytes(256))})
    yield "JSON nested a million deep", "a.json", b"[" * 1_000_000
    yield "JSON of nested objects", "a.json", b'{"a":' * 1_000_000
    yield "JSON with an endless number", "a.json", b'{"features": [[' + b"1" * 5_000_000
    yield "JSON with an exponent of a million digits", "a.json", b'{"features": [[1e' + b"9" * 1_000_000 + b"]]}"
    yield "JSON with an endless text", "a.json", b'{"' + b"x" * 5_000_000
    yield "JSON with a million empty rows", "a.json", b'{"features": [' + b"[]," * 1_000_000 + b"[]]}"
    yield "JSON cut", "a.json", b'{"features": [[1, 2'
    yield "JSON of ragged rows", "a.json", b'{"features": [[1, 2], [3]]}'
    yield "JSON without features", "a.json", b'{"x": 1}'
    yield "JSON with NaN", "a.json", b'{"features": [[NaN]]}'
    yield "raw rows of a broken length", "a.bin", b"\x00\x01\x02\x80" * 64 + b"x"
