#!/usr/bin/env python3
"""Writes the small files in this folder that FormatsTests reads. Needs numpy alone.

All arrays are made by one rule, so that tests can compute what they expect: element k (row-major) is (k - 7) / 4.
"""
import collections
import gzip
import io
import json
import os
import pickle
import struct
import sys
import types
import zipfile

import numpy as np

HERE = os.path.dirname(os.path.abspath(__file__))


def path(name):
    os.makedirs(os.path.dirname(os.path.join(HERE, name)), exist_ok=True)
    return os.path.join(HERE, name)


def ramp(*shape, dtype=np.float32):
    return ((np.arange(int(np.prod(shape))) - 7) / 4).reshape(shape).astype(dtype)


def write(name, data):
    with open(path(name), "wb") as f:
        f.write(data)


def npy():
    for code in ("f2", "f4", "f8"):
        for order, word in (("<", "le"), (">", "be")):
            np.save(path(f"npy/{code}-{word}.npy"), ramp(5, 3).astype(order + code))
    np.save(path("npy/fortran.npy"), np.asfortranarray(ramp(4, 3)))
    np.save(path("npy/fortran-3d.npy"), np.asfortranarray(ramp(2, 3, 4)))
    np.save(path("npy/one-axis.npy"), ramp(3))
    np.save(path("npy/no-axis.npy"), ramp())
    np.save(path("npy/no-rows.npy"), ramp(0, 512))
    for version in ((2, 0), (3, 0)):
        with open(path(f"npy/version{version[0]}.npy"), "wb") as f:
            np.lib.format.write_array(f, ramp(2, 2), version=version)
    np.save(path("npy/integers.npy"), np.arange(6))
    np.save(path("npy/objects.npy"), np.array([None, {}], dtype=object), allow_pickle=True)
    np.save(path("npy/structured.npy"), np.zeros(2, dtype=[("a", "<f4"), ("b", "<i4")]))


def safetensors():
    tensors = [("features", "F32", ramp(4, 3).astype("<f4")), ("half", "F16", ramp(3).astype("<f2")),
               ("ids", "I64", np.arange(3).astype("<i8"))]
    header, at = collections.OrderedDict(__metadata__={"format": "pt", "note": "caf\u00e9"}), 0
    for name, dtype, a in tensors:
        header[name] = {"dtype": dtype, "shape": list(a.shape), "data_offsets": [at, at + a.nbytes]}
        at += a.nbytes
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    write("safetensors/plain.safetensors", struct.pack("<Q", len(text)) + text + b"".join(a.tobytes() for _, _, a in tensors))


def features_json():
    rows = ramp(5, 3).tolist()
    write("json/features.json", json.dumps({"id": "a\u00e9\\\"", "meta": {"x": [1, {}, None, True]}, "features": rows}).encode())
    rng = np.random.Generator(np.random.PCG64(3))
    values = (rng.random((12, 7), dtype=np.float32) * 2 - 1) * np.float32(10.0) ** rng.integers(-6, 6, (12, 7)).astype(np.float32)
    write("json/repr.json", json.dumps({"features": values.tolist()}).encode())
    np.save(path("json/repr.npy"), values)


class Stub:
    """Stands for a storage, a tensor or a function of torch while it is pickled."""


def torch_modules():
    made = {}
    def put(module, name, kind):
        m = made.setdefault(module, types.ModuleType(module))
        thing = type(name, (), {"__module__": module}) if kind is type else (lambda *a: None)
        thing.__module__, thing.__qualname__, thing.__name__ = module, name, name
        setattr(m, name, thing)
        return thing
    for s in ("Float", "Half", "BFloat16", "Double", "Long"):
        put("torch", s + "Storage", type)
    put("torch._utils", "_rebuild_tensor_v2", None)
    put("torch._utils", "_rebuild_parameter", None)
    made["torch"]._utils = made["torch._utils"]
    return made


MODULES = torch_modules()
V2 = MODULES["torch._utils"]._rebuild_tensor_v2
PARAMETER = MODULES["torch._utils"]._rebuild_parameter


class Key:
    def __init__(self, kind, key, count): self.id = ("storage", getattr(MODULES["torch"], kind), key, "cpu", count)


class Tensor:
    def __init__(self, kind, key, count, offset, shape, strides, parameter=False):
        self.args = (Key(kind, key, count), offset, tuple(shape), tuple(strides), False, collections.OrderedDict())
        self.parameter = parameter

    def __reduce__(self):
        if self.parameter:
            plain = Tensor.__new__(Tensor)
            plain.args, plain.parameter = self.args, False
            return (PARAMETER, (plain, True, collections.OrderedDict()))
        return (V2, self.args)


class Pickler(pickle.Pickler):
    def persistent_id(self, obj): return obj.id if isinstance(obj, Key) else None


def dumps(body, protocol=2):
    sys.modules.update(MODULES)
    buf = io.BytesIO()
    Pickler(buf, protocol=protocol).dump(body)
    for m in MODULES: del sys.modules[m]
    return buf.getvalue()


class Pipe(io.RawIOBase):
    """With nothing to seek in, zipfile writes data descriptors."""
    def __init__(self): self.data = b""
    def writable(self): return True
    def write(self, b): self.data += bytes(b); return len(b)


def pth(name, body, storages, top="archive", compression=zipfile.ZIP_STORED, extra=(), protocol=2, stream=False):
    buf = io.BytesIO()
    if stream: buf = Pipe()
    with zipfile.ZipFile(buf, "w", compression) as z:
        def put(n, data): z.writestr(zipfile.ZipInfo(f"{top}/{n}"), data, compress_type=compression)
        put("data.pkl", dumps(body, protocol))
        for n, data in extra: put(n, data)
        for key, data in storages.items(): put(f"data/{key}", data)
        put("version", b"3\n")
    write(f"torch/{name}.pth", buf.data if stream else buf.getvalue())


def bf16(a): return (np.asarray(a, "<f4").view("<u4") >> 16).astype("<u2").tobytes()


def torch():
    a, b = ramp(4, 3), ramp(5)
    plain = lambda: collections.OrderedDict([
        ("a.weight", Tensor("FloatStorage", "0", 12, 0, (4, 3), (3, 1))),
        ("b", Tensor("FloatStorage", "1", 5, 0, (5,), (1,))),
        ("scale", Tensor("FloatStorage", "2", 1, 0, (), ()))])
    data = {"0": a.tobytes(), "1": b.tobytes(), "2": ramp(1).tobytes()}
    body = plain()
    body._metadata = collections.OrderedDict([("", {"version": 1})])
    pth("plain", body, data, extra=[("byteorder", b"little")])
    pth("deflated", plain(), data, compression=zipfile.ZIP_DEFLATED)
    pth("descriptors", plain(), data, stream=True)
    pth("protocol4", plain(), data, protocol=4, top="model_ucf")
    pth("big", plain(), data, extra=[("byteorder", b"big")])
    pth("script", plain(), data, extra=[("code/__torch__.py", b"def f(): ...")])
    parallel = collections.OrderedDict(("module." + k, v) for k, v in plain().items())
    pth("training", {"epoch": 9, "model_state_dict": parallel, "ap": np.float64(0.88), "best": {1, 2},
                     "optimizer_state_dict": {"state": {0: {"step": 3, "exp_avg": Tensor("FloatStorage", "0", 12, 0, (4, 3), (3, 1))}},
                                              "param_groups": [{"lr": 2e-5, "betas": (0.9, 0.999), "params": [0, 1]}]}}, data)
    pth("views", collections.OrderedDict([
        ("whole", Tensor("FloatStorage", "0", 12, 0, (4, 3), (3, 1))),
        ("transposed", Tensor("FloatStorage", "0", 12, 0, (3, 4), (1, 3))),
        ("slice", Tensor("FloatStorage", "0", 12, 4, (2, 2), (3, 1))),
        ("expanded", Tensor("FloatStorage", "0", 12, 2, (3, 2), (0, 1))),
        ("empty", Tensor("FloatStorage", "0", 12, 0, (0, 3), (3, 1))),
        ("parameter", Tensor("FloatStorage", "0", 12, 0, (12,), (1,), parameter=True)),
        ("half", Tensor("HalfStorage", "1", 5, 0, (5,), (1,))),
        ("brain", Tensor("BFloat16Storage", "2", 5, 0, (5,), (1,))),
        ("double", Tensor("DoubleStorage", "3", 5, 0, (5,), (1,))),
        ("long", Tensor("LongStorage", "4", 3, 0, (3,), (1,)))]),
        {"0": a.tobytes(), "1": b.astype("<f2").tobytes(), "2": bf16(b), "3": b.astype("<f8").tobytes(),
         "4": np.array([-1, 0, 5], "<i8").tobytes()})
    write("torch/legacy.pth", pickle.dumps(0x1950a86a20f9469cfc6c, 2) + pickle.dumps(1001, 2))


def hostile():
    class Evil:
        def __reduce__(self): return (os.system, ("echo unsafe",))
    for protocol in range(6):
        write(f"pickle/system{protocol}.pkl", pickle.dumps(Evil(), protocol))


def archives():
    with zipfile.ZipFile(path("zip/mixed.zip"), "w") as z:
        z.comment = b"a comment"
        z.writestr("stored.txt", b"stored words")
        z.writestr("folder/deflated.txt", b"again " * 500, compress_type=zipfile.ZIP_DEFLATED)
        with z.open(zipfile.ZipInfo("wide.txt"), "w", force_zip64=True) as f:
            f.write(b"zip64 words")
    with zipfile.ZipFile(path("zip/bzip2.zip"), "w", zipfile.ZIP_BZIP2) as z:
        z.writestr("b.txt", b"again " * 50)
    write("gzip/one.gz", gzip.compress(b"one member\n" * 100, mtime=0))
    write("gzip/two.gz", gzip.compress(b"first, ", mtime=0) + gzip.compress(b"second", mtime=0))


def batches():
    """Archives of several matrices, three wide, of 2 to 6 rows, in every format; with what is no matrix."""
    def encoded(write, rows):
        buf = io.BytesIO()
        write(buf, ramp(rows, 3))
        return buf.getvalue()

    def tensors(items):
        header, at = {}, 0
        for name, a in items:
            header[name] = {"dtype": "F32", "shape": list(a.shape), "data_offsets": [at, at + a.nbytes]}
            at += a.nbytes
        text = json.dumps(header).encode()
        return struct.pack("<Q", len(text)) + text + b"".join(a.tobytes() for _, a in items)

    files = [("night/", b""), ("cam7.npy", encoded(np.save, 2)), ("__MACOSX/._cam7.npy", b"resource fork"),
             ("night/cam8.v2.npy", encoded(np.save, 3)), (".DS_Store", b"\0\0\0\1Bud1"),
             ("cam9.safetensors", tensors([("cam", ramp(4, 3))])), ("night/cam10", encoded(np.save, 5)),
             ("cam11.JSON", json.dumps({"features": ramp(6, 3).tolist()}).encode()), ("cam12.f32", ramp(2, 3).tobytes())]
    for name, method, stream in (("stored", zipfile.ZIP_STORED, False), ("deflated", zipfile.ZIP_DEFLATED, False),
                                 ("streamed", zipfile.ZIP_DEFLATED, True)):
        buf = Pipe() if stream else io.BytesIO()
        with zipfile.ZipFile(buf, "w", method) as z:
            for entry, data in files: z.writestr(zipfile.ZipInfo(entry), data, compress_type=method)
        write(f"zip/batch-{name}.zip", buf.data if stream else buf.getvalue())
    np.savez(path("zip/batch.npz"), cam7=ramp(2, 3), cam8=ramp(3, 3))
    np.savez_compressed(path("zip/batch-compressed.npz"), cam7=ramp(2, 3), cam8=ramp(3, 3))
    with zipfile.ZipFile(path("zip/zeros.zip"), "w", zipfile.ZIP_DEFLATED) as z:  # 1000 times smaller than its contents
        z.writestr(zipfile.ZipInfo("zeros.f32"), bytes(87_381 * 12), compress_type=zipfile.ZIP_DEFLATED)
    three = [("b", ramp(2, 3)), ("bias", ramp(3)), ("a", ramp(4, 3)), ("c", ramp(0, 3))]
    write("safetensors/three.safetensors", tensors(three))


if __name__ == "__main__":
    for make in (npy, safetensors, features_json, torch, hostile, archives, batches): make()
