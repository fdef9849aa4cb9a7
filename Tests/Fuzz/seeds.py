#!/usr/bin/env python3
"""Writes the inputs that the fuzzers begin with: small ones of each kind, good and bad, one file each.

    seeds.py FOLDER      makes FOLDER/TARGET/…, from the tests' fixtures, from here, and from ../shared where it is
"""

import base64
import io
import json
import pathlib
import pickle
import struct
import sys
import zipfile
import zlib

ROOT = pathlib.Path(__file__).resolve().parents[2]
FIXTURES = ROOT / "Tests/FormatsTests/Fixtures"
CASES = ROOT.parent / "shared/http-cases/cases.json"
LARGEST = 8 << 10


def requests():
    """Heads and bodies, alone and in a row."""
    get = b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"
    post = b"POST /score?fps=30&threshold=0.5 HTTP/1.1\r\nHost: [::1]:8080\r\n"
    yield get
    yield get * 3
    yield b"\r\n" + get
    yield post + b"Content-Length: 3\r\n\r\nabc" + get
    yield post + b"Content-Length: 3\r\nContent-Length: 4\r\n\r\nabc"
    yield post + b"Content-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\nabc"
    yield post + b"Content-Length: 9223372036854775808\r\n\r\n"
    for body in chunked():
        yield post + b"Transfer-Encoding: chunked\r\n\r\n" + body + get
    yield post + b"Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n"
    yield b"GET /a%20b/%C3%A9?q=%2F+x&& HTTP/1.1\r\nHOST:\ta \r\nConnection: close, x\r\nExpect: 100-continue\r\n\r\n"
    yield b"GET http://a.example:80/x?y HTTP/1.1\r\nHost: b\r\n\r\n"
    yield b"OPTIONS * HTTP/1.1\r\nHost:\r\n\r\n"
    yield b"CONNECT a:443 HTTP/1.1\r\nHost: a\r\n\r\n"
    yield b"GET / HTTP/1.0\r\nConnection: Keep-Alive\r\n\r\n"
    yield b"GET /../a HTTP/1.1\r\nHost: a\r\n\r\n"
    yield b"GET /%2e%2E/%00 HTTP/1.1\r\nHost: a\r\n\r\n"
    yield b"GET / HTTP/2.0\r\nHost: a\r\n folded\r\nX : y\r\n\r\n"
    if CASES.exists():
        for case in json.loads(CASES.read_text()):
            yield base64.b64decode(case["raw"])


def chunked():
    """Bodies in the chunked coding."""
    yield b"0\r\n\r\n"
    yield b"3\r\nabc\r\n0\r\n\r\n"
    yield b"A;n=v;q=\"a\\\"b\" ;m\r\n0123456789\r\n00\r\nX-Trailer: a\r\n\r\n"
    yield b"3\nabc\n0\n\n"
    yield b"ffffffffffffffff\r\n"
    yield b"3\r\nabcd\r\n0\r\n\r\n"


def forms():
    """Multipart bodies with the boundary b, or with a line that names it."""
    part = b'--b\r\nContent-Disposition: form-data; name="features"; filename="a.npy"\r\n'
    yield part + b"Content-Type: application/x-npy\r\n\r\n\x93NUMPY\r\n--b--\r\n"
    yield b"preamble\r\n" + part + b"\r\n\r\n--b\r\n--b\r\n--c\r\r\n--b \t\r\n\r\n\r\n--b--epilogue"
    yield b'--b\r\ncontent-disposition: form-data; name="a\\"b%22"; filename=c\r\n\r\nx\r\n--b--'
    yield b'multipart/form-data; boundary="b c"\n--b c\r\nContent-Disposition: form-data; name=n\r\n\r\n1\r\n--b c--\r\n'
    yield b"--b\r\n\r\nno name\r\n--b--"
    yield part[:30]


def fields():
    """Values of fields."""
    yield b'application/json;q=0.5, text/*;q=0.1, */*;q=0, a/b;c="d\\"e,f";q=1.000'
    yield b'W/"a", "b" , ,"c", *'
    yield b'respond-async, wait=60; x="y,z", handling="lenient"'
    yield b'multipart/form-data; boundary="----a b"; charset=UTF-8'
    yield b'a/b;c="\\"\\"\\",d/e;f="'


def npy():
    """What the fixtures lack: a header that lies."""
    for shape in [b"(1, 2)", b"(9999999999, 9999999999)", b"()", b"(-1,)", b"(0, 512)"]:
        header = b"{'descr': '<f4', 'fortran_order': False, 'shape': " + shape + b", }\n"
        yield b"\x93NUMPY\x01\x00" + struct.pack("<H", len(header)) + header + b"\0\0\x80?\0\0\xc0\x7f"


def safetensors():
    """Files with the tensor features, and some whose header lies."""
    for shape, end, data in [([1, 2], 8, 8), ([1 << 62, 4], 8, 8), ([0], 0, 0), ([2], 8, 7), ([2], 1 << 62, 8)]:
        tensor = {"dtype": "F32", "shape": shape, "data_offsets": [0, end]}
        header = json.dumps({"__metadata__": {"a": "b"}, "features": tensor}).encode()
        yield struct.pack("<Q", len(header)) + header + bytes(range(data))
    header = json.dumps(
        {
            "a": {"dtype": "I64", "shape": [], "data_offsets": [0, 8]},
            "features": {"dtype": "BF16", "shape": [2, 1], "data_offsets": [8, 12]},
        }
    ).encode()
    yield struct.pack("<Q", len(header)) + header + bytes(range(12))
    header = json.dumps(
        {
            "b": {"dtype": "F16", "shape": [1, 2], "data_offsets": [8, 12]},
            "a": {"dtype": "F32", "shape": [2, 1], "data_offsets": [0, 8]},
            "c": {"dtype": "F32", "shape": [0, 3], "data_offsets": [12, 12]},
        }
    ).encode()
    yield struct.pack("<Q", len(header)) + header + bytes(range(12))


def texts():
    """JSON uploads."""
    yield b'{"features": [[1, -2.5e-3], [0.1, 1E+2]], "x": ["\\u00e9\\ud83d\\ude00", null, true, false, {}]}'
    yield b' { "feat\\u0075res" : [ [ [ 1 ] , [ 2 ] ] ] } '
    yield b'{"features": [1, 2, 3]}'
    yield b'{"features": [[1], [2, 3]]}'
    yield b'{"features": [[NaN, -Infinity]]}'
    yield b'{"features": [[1e39, 1e-46, 16777217, 1.00000017881393432617187499, 0.000]]}'
    yield b'{"a": 1, "a": 2, "features": [[]]}'
    yield b"[" * 70


def tables():
    """Rows of numbers in text."""
    yield b"1,2\n3,4\n"
    yield b"\xef\xbb\xbfa;b\r\n+1;.5\r\n\r\n-2e3;nan\r\n"
    yield b",0,1\n0,1,2\n"
    yield b"# x\n 1  2\n3 4"
    yield b'"1"\t"2"\n3\tx\n'


def mats():
    """MATLAB files of version 5, of either order of bytes, packed and not."""

    def element(order, kind, body):
        return struct.pack(order + "II", kind, len(body)) + body + bytes(-len(body) % 8)

    for order in "<>":
        head = b"MATLAB 5.0 MAT-file".ljust(124) + (b"\0\1IM" if order == "<" else b"\1\0MI")
        body = element(order, 6, struct.pack(order + "II", 6, 0)) + element(order, 5, struct.pack(order + "ii", 2, 3))
        body += element(order, 1, b"features") + element(order, 9, struct.pack(order + "6d", *range(6)))
        whole = element(order, 14, body)
        yield head + whole
        packed = zlib.compress(whole)
        yield head + struct.pack(order + "II", 15, len(packed)) + packed
        yield (head + whole)[:-20]


def archives():
    """Zip archives: stored, deflated, with data descriptors and a comment."""
    for method in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        file = io.BytesIO()
        with zipfile.ZipFile(file, "w", method) as archive:
            archive.writestr("archive/data.pkl", checkpoint())
            archive.writestr("archive/data/0", bytes(range(64)))
            archive.comment = b"c"
        yield file.getvalue()


def tensor(storage, kind, shape, strides):
    """A tensor's part of a pickle, as PyTorch writes it, without PyTorch."""
    persistent = f"((X\x07\x00\x00\x00storagectorch\n{kind}\nX\x01\x00\x00\x00{storage}X\x03\x00\x00\x00cpuK\x10tQ"
    rest = "".join("(" + "".join(f"K{chr(n)}" for n in part) + "t" for part in (shape, strides))
    return f"ctorch._utils\n_rebuild_tensor_v2\n{persistent}K\x00{rest}\x89ccollections\nOrderedDict\n)RtR"


def checkpoint():
    """The pickle of a state dict with two tensors."""
    items = f"X\x01\x00\x00\x00a{tensor(0, 'FloatStorage', (2, 3), (3, 1))}"
    items += f"X\x01\x00\x00\x00b{tensor(1, 'HalfStorage', (3, 2), (1, 3))}"
    return f"\x80\x02ccollections\nOrderedDict\n)R({items}u.".encode("latin-1")


def pickles():
    """Programs of the pickle machine."""
    yield checkpoint()
    features = tensor(0, "FloatStorage", (4, 4), (1, 4))
    yield f"\x80\x02{features}.".encode("latin-1")
    yield f"\x80\x02}}X\x08\x00\x00\x00features{features}s.".encode("latin-1")
    for protocol in range(2, 6):
        yield pickle.dumps({"state_dict": {"a": [1, 2.5, "x", b"y", None, True, 1 << 70, (1, 2, 3, 4)]}}, protocol)
    # What training scripts leave beside the weights: classes that are not known, with contents and attributes.
    yield b"\x80\x02cproject.config\nConfig\n)\x81}X\x01\x00\x00\x00aK\x01sb."
    yield b"\x80\x02cproject.config\nBox\n)R(X\x01\x00\x00\x00aK\x01u(K\x02e."
    yield b"\x80\x04\x8c\x01a\x94\x8c\x01b\x94\x93h\x00h\x01\x93\x86."
    yield b"\x80\x02}(X\x03\x00\x00\x00ema}X\x05\x00\x00\x00model}X\x01\x00\x00\x00acm\nT\n)Rsu."
    yield b"\x80\x02cos\nsystem\n(X\x02\x00\x00\x00lstR."


def zipped():
    """gzip data of one and two members, and cut short."""
    one = zlib.compressobj(9, zlib.DEFLATED, 31)
    data = one.compress(b"abc" * 1000) + one.flush()
    yield from (data, data + data, data[:-5], data + b"x")


def callbacks():
    """URLs for notices, and patterns of hosts."""
    yield b"https://hooks.example.com:8443/a/b;c?d[]=e&f=%2F/?"
    yield b"HTTP://[2001:DB8::1]:80"
    yield b"http://192.0.2.1?x"
    yield b"http://user:pass@0x7f.1/#a"
    yield b"*.example.com:443"
    yield b"[::ffff:7f00:1]"


def answers():
    """Heads of answers."""
    yield b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
    yield b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.0 503\r\nRetry-After:\t120 \r\nA: b\r\n c\r\n\r\n"
    date = b"Sun, 06 Nov 1994 08:49:37 GMT"
    yield b"HTTP/1.1 429 Slow\r\nretry-after: " + date + b"\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"
    yield b"HTTP/1.1 204 No\n\n"


def inferences():
    """Requests of the Open Inference Protocol, behind the length of their JSON or none."""
    yield b"\0\0" + b'{"id":"1","inputs":[{"name":"features","datatype":"FP32","shape":[2,1],"data":[[1],[-2.5e0]]}]}'
    yield b"\0\0" + b'{"inputs":[{"shape":[1],"name":"lengths","datatype":"INT64","data":[3]}],"outputs":[{"name":"fine"}]}'
    head = (
        b'{"inputs":[{"name":"features","datatype":"FP16","shape":[1,2],"parameters":{"binary_data_size":4}},'
        b'{"name":"lengths","datatype":"INT32","shape":[1],"parameters":{"binary_data_size":4}}],'
        b'"outputs":[{"name":"coarse","parameters":{"binary_data":true}}],"parameters":{"binary_data_output":false}}'
    )
    yield struct.pack(">H", len(head)) + head + b"\x00\x3c\x00\xc0\x01\x00\x00\x00"


def frames():
    """PPM and PGM images, alone and in a row, arrays of frames, and raw ones behind a zero."""
    yield b"P6\n2 1\n255\nabcdef"
    yield b"P5 # a comment\n3 2 15\n\0\1\2\3\4\5" * 2
    yield b"P6\t1\r1\n65535 \0\1\2\3\4\5P5 1 1 1 \1"
    yield b"P6 16384 16384 255\nabc"
    yield b"P3 1 1 255 1 2 3"
    yield bytes(36)
    yield bytes(20)
    for shape, data in [(b"(2, 1, 2, 3)", 12), (b"(2, 1, 2)", 4), (b"(1, 2, 3)", 6), (b"(1, 1, 2, 1)", 2), (b"(1, 1, 2, 3)", 5)]:
        header = b"{'descr': '|u1', 'fortran_order': False, 'shape': " + shape + b", }\n"
        yield b"\x93NUMPY\x01\x00" + struct.pack("<H", len(header)) + header + bytes(range(data))


MADE = {
    "request": requests, "chunked": chunked, "multipart": forms, "fields": fields, "npy": npy,
    "safetensors": safetensors, "json": texts, "table": tables, "mat": mats, "zip": archives, "pickle": pickles, "gzip": zipped,
    "callback": callbacks, "answer": answers, "inference": inferences, "frames": frames,
}  # fmt: skip
FILES = {
    "npy": ["npy/*.npy"], "safetensors": ["safetensors/*"], "json": ["json/*.json"],
    "zip": ["zip/*.zip", "zip/*.npz", "torch/*.pth"], "pickle": ["pickle/*.pkl"], "gzip": ["gzip/*.gz"],
}  # fmt: skip


def main():
    folder = pathlib.Path(sys.argv[1])
    for target, make in MADE.items():
        seeds = list(make())
        for pattern in FILES.get(target, []):
            seeds += [path.read_bytes() for path in sorted(FIXTURES.glob(pattern))]
        if target == "pickle":
            for path in sorted(FIXTURES.glob("torch/*.pth")):
                if zipfile.is_zipfile(path):
                    with zipfile.ZipFile(path) as archive:
                        seeds += [archive.read(name) for name in archive.namelist() if name.endswith(".pkl")]
        (folder / target).mkdir(parents=True, exist_ok=True)
        for index, seed in enumerate(seeds):
            if len(seed) <= LARGEST:
                (folder / target / f"seed-{index:03}").write_bytes(seed)


main()
