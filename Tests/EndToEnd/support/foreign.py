"""Files of other formats that people have their features in, or send by mistake."""

import bz2
import gzip
import io
import json
import lzma
import pickle
import sqlite3
import struct
import tarfile
import zlib

from support import features

ROW = 64 * 4


def whole(data, fill=None):
    """The same with numbers behind it, so that its length is that of whole rows."""
    data += fill or features.video(8).tobytes()
    return data + bytes(-len(data) % ROW)


def spaced(text):
    """A text of whole rows."""
    data = text.encode()
    return data + b"\n" * (-len(data) % ROW)


def table(separator):
    return "\n".join(separator.join(f"{value:.5f}" for value in row) for row in features.video(8))


def packed_tar():
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as archive:
        data = features.npy(features.video(8))
        entry = tarfile.TarInfo("features.npy")
        entry.size = len(data)
        archive.addfile(entry, io.BytesIO(data))
    return out.getvalue()


def database():
    with sqlite3.connect(":memory:") as base:
        base.execute("create table features (row blob)")
        return base.serialize()


# What ffmpeg decodes for the command line.
DECODED = ("GIF", "MP4", "QuickTime", "AVI", "Matroska", "an MPEG transport stream")

# What is read on the command line alone.
TABLES = ("CSV", "TSV", "a table with blanks")


def files():
    """(name, bytes, what a message says of it): each has the length of whole rows, 64 wide."""
    hdf5 = b"\x89HDF\r\n\x1a\n\0\0\0\0\0\x08\x08\0\x04\0\x10\0"
    matlab = b"MATLAB 5.0 MAT-file, Platform: GLNXA64, Created on: Mon Jan  1".ljust(124) + b"\0\1IM"
    newer = b"MATLAB 7.3 MAT-file, Platform: GLNXA64, Created on: Mon Jan  1".ljust(124) + b"\0\2IM"
    older = struct.pack("<5i", 0, 8, 64, 0, 9) + b"features\0"
    png = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\0\0\x40\0\0\0\x40\x08\x02\0\0\0"
    box = struct.pack(">I", 24)
    random = features.video(8)
    yield "HDF5", whole(hdf5), "HDF5"
    yield "HDF5 behind a block of the user's", whole(bytes(range(1, 129)) * 4 + hdf5), "HDF5"
    yield "MAT v4", whole(older), "MATLAB"
    yield "MAT v5", whole(matlab), "MATLAB"
    yield "MAT v7.3", whole(newer.ljust(512, b"\0") + hdf5), "MATLAB"
    yield "NetCDF", whole(b"CDF\x01\0\0\0\0\0\0\0\x0a"), "NetCDF"
    yield "CSV", spaced(table(",")), "CSV"
    yield "TSV", spaced(table("\t")), "CSV"
    yield "a table with blanks", spaced(table(" ")), "CSV"
    yield "a text", spaced("these are the features of camera 7, " * 20), "text"
    yield "a text with accents", spaced("größer als je zuvor, " * 30), "text"
    yield "a text in UTF-16", whole("features\n".encode("utf-16"), "1, 2, 3\n".encode("utf-16-le") * 99), "text"
    for coding in ("utf-16-le", "utf-16-be", "utf-32-le", "utf-32-be"):
        yield f"a text in {coding}", whole("1, 2, 3\n".encode(coding) * 64, bytes(256)), "text"
    yield "a text padded by zeros", whole(b"features of camera 7\n", bytes(4096)), "text"
    yield "JSON", spaced(features.rows_json(random).decode()), "JSON"
    yield "JSON of a list", spaced(json.dumps([[1.5] * 64] * 3)), "JSON"
    yield "PNG", whole(png), "PNG"
    yield "JPEG", whole(b"\xff\xd8\xff\xe0\0\x10JFIF\0\1\1\0\0\1\0\1\0\0"), "JPEG"
    yield "JPEG of a camera", whole(b"\xff\xd8\xff\xe1\x1a\x00Exif\0\0"), "JPEG"
    yield "GIF", whole(b"GIF89a\x40\0\x40\0\xf7\0\0"), "GIF"
    yield "WebP", whole(b"RIFF\x00\x08\0\0WEBPVP8 "), "WebP"
    yield "TIFF", whole(b"II*\0\x08\0\0\0"), "TIFF"
    yield "BMP", whole(b"BM\x36\x30\0\0\0\0\0\0\x36\0\0\0\x28\0\0\0\x40\0\0\0"), "BMP"
    yield "PPM", whole(b"P6\n64 64\n255\n"), "PPM"
    yield "PDF", whole(b"%PDF-1.7\n%\xe2\xe3\xcf\xd3\n"), "PDF"
    for protocol in (2, 3, 4, 5):
        yield f"a pickle of protocol {protocol}", whole(pickle.dumps({"features": random.tolist()}, protocol)), "pickle"
        yield f"a pickled array, protocol {protocol}", whole(pickle.dumps(random, protocol)), "pickle"
    for protocol in (0, 1):
        for what, value in (("lists", random.tolist()), ("array", random), ("dictionary", {"features": random.tolist()})):
            yield f"a pickle of protocol {protocol}: {what}", whole(pickle.dumps(value, protocol)), "pickle"
    yield "an array by joblib, packed", whole(zlib.compress(pickle.dumps(random, 4))), "zlib"
    yield "gzip", whole(gzip.compress(features.npy(random))), "gzip"
    yield "bzip2", whole(bz2.compress(features.npy(random))), "bzip2"
    yield "xz", whole(lzma.compress(features.npy(random))), "xz"
    yield "zstd", whole(b"\x28\xb5\x2f\xfd\x24\x40"), "Zstandard"
    yield "7z", whole(b"7z\xbc\xaf\x27\x1c\0\x04"), "7z"
    yield "RAR", whole(b"Rar!\x1a\x07\x01\0"), "RAR"
    yield "tar", whole(packed_tar()), "tar"
    yield "MP4", whole(box + b"ftypisom\0\0\2\0isomiso2"), "video"
    yield "QuickTime", whole(box + b"ftypqt  \0\0\2\0qt  "), "video"
    yield "AVI", whole(b"RIFF\x00\x08\0\0AVI LIST"), "video"
    yield "Matroska", whole(b"\x1aE\xdf\xa3\x01\0\0\0\0\0\0#B\x86\x81\x01"), "video"
    yield "FLV", whole(b"FLV\x01\x05\0\0\0\x09"), "video"
    yield "an MPEG transport stream", whole(b"".join(b"\x47\x40\x11\x10" + bytes([5]) * 184 for _ in range(8))), "video"
    yield "an MPEG program stream", whole(b"\0\0\1\xba\x44\0\x04\0\x04\x01"), "video"
    yield "WAV", whole(b"RIFF\x00\x08\0\0WAVEfmt "), "sound"
    yield "Parquet", whole(b"PAR1\x15\x04\x15\x80\x08"), "Parquet"
    yield "an Arrow file", whole(b"ARROW1\0\0\xff\xff\xff\xff\xa8\0\0\0"), "Arrow"
    yield "an Arrow stream", whole(b"\xff\xff\xff\xff\xa8\0\0\0\x10\0\0\0\0\0\x0a\0"), "Arrow"
    yield "Feather", whole(b"FEA1\0\0\0\0"), "Feather"
    yield "SQLite", whole(database()), "SQLite"
    yield "GGUF", whole(b"GGUF\x03\0\0\0\x01\0\0\0\0\0\0\0"), "GGUF"
    yield "a program", whole(b"\x7fELF\x02\x01\x01\0"), "program"
    yield "a program of Windows", whole(b"MZ\x90\0\3\0\0\0\4\0\0\0\xff\xff\0\0\xb8"), "program"
    yield "WebAssembly", whole(b"\0asm\1\0\0\0"), "program"
    yield "an Office document", whole(b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"), "Office"
    yield "DICOM", whole(bytes(128) + b"DICM\2\0\0\0UL"), "DICOM"
    yield "FITS", whole(b"SIMPLE  =                    T".ljust(2880)), "FITS"
    yield "NIfTI", whole((b"\x5c\1\0\0".ljust(344, b"\0")) + b"n+1\0"), "NIfTI"
    yield "an icon", whole(b"\0\0\1\0\1\0  \0\0\1\0 \0\xa8\x10\0\0\x16\0\0\0"), "icon"
    yield "pcap", whole(b"\xd4\xc3\xb2\xa1\2\0\4\0"), "network"
    yield "pcapng", whole(b"\x0a\x0d\x0d\x0a\x1c\0\0\0\x4d\x3c\x2b\x1a"), "network"
    yield "a Debian package", whole(b"!<arch>\ndebian-binary   "), "ar"
    yield "CAB", whole(b"MSCF\0\0\0\0"), "CAB"
    yield "Avro", whole(b"Obj\1\4\x14avro.codec"), "Avro"
    yield "ORC", whole(b"ORC\x0a\x1d"), "ORC"
    yield "TFRecord", whole(bytes([16, 0, 0, 0, 0, 0, 0, 0, 149, 251, 254, 24])), "TFRecord"
    yield "MP3 with tags", whole(b"ID3\3\0\0\0\0\x1f\x76"), "sound"
    yield "MP3", whole((b"\xff\xfb\x90\x44".ljust(417, b"U")) * 3), "sound"
    yield "MessagePack", whole(b"\x98\xdc\0\x40" + b"\xcb\x3f\xe0\1\2\3\4\5\6" * 64), "MessagePack"
    yield "LMDB", whole(b"\0" * 10 + b"\x08\0\0\0\0\0\xde\xc0\xef\xbe\1\0\0\0"), "LMDB"
    yield "a web page", spaced("<!DOCTYPE html><html><body>404 Not Found</body></html>"), "web page"
    yield "a Git LFS pointer", spaced("version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 1\n"), "Git LFS"
    yield "a checkpoint of PyTorch before 1.6", whole(
        b"\x80\x02\x8a\nl\xfc\x9cF\xf9 j\xa8P\x19.\x80\x02M\xe9\x03."
    ), "PyTorch"
