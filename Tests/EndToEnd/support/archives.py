"""Zip files by hand: as torch.save writes them, and as nobody should."""

import io
import struct
import zipfile
import zlib


def checkpoint(pickle, entries=None, folder="archive", method=zipfile.ZIP_STORED):
    """FOLDER/data.pkl and storages."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", method) as archive:
        archive.writestr(f"{folder}/data.pkl", pickle)
        for name, data in (entries if entries is not None else {"data/0": bytes(16)}).items():
            archive.writestr(f"{folder}/{name}", data)
        archive.writestr(f"{folder}/version", "3\n")
    return out.getvalue()


def raw(entries, end=None, comment=b""):
    """A zip whose every number can be a lie.

    Each entry: name, data, and what to say in place of the truth: method, crc, packed, size, offset, extra, flags.
    """
    # Bytes would be copied anew for each of a hundred thousand entries.
    body, directory = bytearray(), bytearray()
    for entry in entries:
        name, data = entry["name"].encode(), entry["data"]
        offset = entry.get("offset", len(body))
        method, flags = entry.get("method", 0), entry.get("flags", 0)
        crc = entry.get("crc", zlib.crc32(entry.get("plain", data)))
        packed, size = entry.get("packed", len(data)), entry.get("size", len(entry.get("plain", data)))
        extra = entry.get("extra", b"")
        sizes = (packed & 0xFFFFFFFF, size & 0xFFFFFFFF, len(name), len(extra))
        shared = struct.pack("<HHHHIIIHH", flags, method, 0, 0, crc, *sizes)
        body += struct.pack("<IH", 0x04034B50, 45) + shared + name + extra + data
        place = struct.pack("<HHHII", 0, 0, 0, 0, offset & 0xFFFFFFFF)
        directory += struct.pack("<IHH", 0x02014B50, 45, 45) + shared + place + name + extra
    said = {"count": len(entries), "size": len(directory), "offset": len(body)} | (end or {})
    tail = (
        struct.pack(
            "<IHHHHIIH",
            0x06054B50,
            0,
            0,
            said["count"] & 0xFFFF,
            said["count"] & 0xFFFF,
            said["size"],
            said["offset"],
            len(comment),
        )
        + comment
    )
    return bytes(body + directory) + said.get("between", b"") + tail


def zip64(size, packed, offset=None):
    """The extra field with lengths of 64 bits."""
    values = struct.pack("<QQ", size, packed) + (struct.pack("<Q", offset) if offset is not None else b"")
    return struct.pack("<HH", 1, len(values)) + values


def deflated(data):
    packer = zlib.compressobj(9, zlib.DEFLATED, -15)
    return packer.compress(data) + packer.flush()


def gzip_bomb(size):
    crc, block = 0, bytes(1 << 20)
    for _ in range(size >> 20):
        crc = zlib.crc32(block, crc)
    return b"\x1f\x8b\x08\0\0\0\0\0\x02\xff" + bomb(size) + struct.pack("<II", crc, size & 0xFFFFFFFF)


def bomb(size):
    """Deflated zeros, made without holding them, of one piece that knows of none before it."""
    packer = zlib.compressobj(9, zlib.DEFLATED, -15)
    piece = packer.compress(bytes(1 << 20)) + packer.flush(zlib.Z_FULL_FLUSH)
    return piece * (size >> 20) + b"\x03\0"


def lying(pickle):
    """(name, archive): each has a good pickle in a bad archive."""
    good = {"name": "archive/data.pkl", "data": pickle}
    full = 0xFFFFFFFF
    yield "an entry that claims 2^60 bytes", raw([good | {"packed": full, "size": full, "extra": zip64(2**60, 2**60)}])
    yield "an entry that claims 2^64-1 bytes", raw(
        [good | {"packed": full, "size": full, "extra": zip64(2**64 - 1, 2**64 - 1)}]
    )
    yield "a zip64 field too short", raw(
        [good | {"packed": full, "size": full, "extra": struct.pack("<HH", 1, 2) + b"xx"}]
    )
    yield "a zip64 offset beyond the file", raw(
        [good | {"offset": full, "packed": full, "size": full, "extra": zip64(len(pickle), len(pickle), 2**62)}]
    )
    yield "a zip64 end record that points outside", raw(
        [good],
        {
            "offset": full,
            "count": 0xFFFF,
            "between": (
                struct.pack("<IQHHIIQQQQ", 0x06064B50, 44, 45, 45, 0, 0, 2**62, 2**62, 2**62, 2**62)
                + struct.pack("<IIQI", 0x07064B50, 0, 2**61, 1)
            ),
        },
    )
    yield "a directory that begins beyond the file", raw([good], {"offset": 2**31})
    yield "a directory that claims four gigabytes", raw([good], {"size": 0xFFFFFFF0})
    yield "65535 entries that are not there", raw([good], {"count": 0xFFFF})
    yield "a wrong checksum", raw([good | {"crc": 1}])
    yield "an entry beyond the end", raw([good | {"offset": 2**30}])
    yield "a stored entry of two lengths", raw([good | {"packed": 1}])
    yield "an unknown method", raw([good | {"method": 99}])
    yield "an encrypted entry", raw([good | {"flags": 1}])
    yield "overlapping entries", raw([good, {"name": "archive/data/0", "data": pickle, "offset": 0}])
    yield "the same entry a thousand times", raw([good | {"offset": 0} for _ in range(1000)])
    yield "two pickles", raw([good, {"name": "other/data.pkl", "data": pickle}])
    yield "a path to the parent", raw([{"name": "../../tmp/vigil-escaped/data.pkl", "data": pickle}])
    yield "an absolute path", raw([{"name": "/tmp/vigil-escaped/data.pkl", "data": pickle}])
    yield "a name with NUL", raw([good | {"name": "archive/data.pkl\0.txt"}])
    yield "a pickle that inflates to 1 GB", raw(
        [good | {"data": bomb(1 << 30), "method": 8, "size": 1 << 30, "plain": b""}]
    )
    yield "a pickle that inflates beyond its size", raw(
        [good | {"data": bomb(256 << 20), "method": 8, "size": 1000, "plain": b""}]
    )
    yield "a deflated pickle that is no deflate", raw(
        [good | {"data": b"\xff" * 100, "method": 8, "size": 1000, "plain": b""}]
    )
    yield "a zip without entries", raw([])
    yield "TorchScript", raw([good, {"name": "archive/code/__torch__.py", "data": b"import os"}])
    yield "big-endian storages", raw([good, {"name": "archive/byteorder", "data": b"big"}])
    yield "a hundred thousand entries", raw(
        [good] + [{"name": f"archive/data/{i}", "data": b""} for i in range(100_000)], {"count": 0xFFFF}
    )
