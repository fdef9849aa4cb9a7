"""Videos by hand: what ffmpeg's generators made, with parts put in, changed, and claimed that are not there."""

import random
import shutil
import struct
import subprocess
import zlib

CONTAINERS = {"moov", "trak", "mdia", "minf", "dinf", "stbl"}


def box(kind, *parts):
    body = b"".join(parts)
    return struct.pack(">I4s", 8 + len(body), kind.encode()) + body


def boxes(data):
    """(kind, whole box) one after the other."""
    place = 0
    while place + 8 <= len(data):
        size, kind = struct.unpack_from(">I4s", data, place)
        if size < 8:
            return
        yield kind.decode("latin-1"), data[place : place + size]
        place += size


def changed(data, change):
    """An MP4 whose boxes are what `change(kind, body)` makes of them; None leaves one. Its index has to be at its end."""
    out = b""
    for kind, whole in boxes(data):
        body = whole[8:]
        made = change(kind, body)
        if made is not None:
            out += made
        elif kind in CONTAINERS:
            out += box(kind, changed(body, change))
        else:
            out += whole
    return out


def replaced(data, kind, body):
    return changed(data, lambda found, _: box(kind, body) if found == kind else None)


def movies(mp4, secret, url):
    """(name, MP4) of one with its index at its end."""
    path = str(secret).encode()
    entries = {
        "url": box("url ", bytes(4), b"file://" + path + b"\0"),
        "network": box("url ", bytes(4), url.encode() + b"\0"),
        "urn": box("urn ", bytes(4), b"x\0" + url.encode() + b"\0"),
        "alias": box("alis", bytes(4), alias(path)),
    }
    for name, entry in entries.items():
        yield f"dref-{name}.mp4", replaced(mp4, "dref", struct.pack(">II", 0, 1) + entry)
    many = b"".join(entries.values()) * 2_000
    yield "dref-many.mp4", replaced(mp4, "dref", struct.pack(">II", 0, 8_000) + many)
    yield "dref-claims.mp4", replaced(mp4, "dref", struct.pack(">II", 0, 0xFFFFFFFF) + entries["url"])
    # Movies that stand elsewhere, as QuickTime had them.
    link = box("rdrf", bytes(4), b"url ", struct.pack(">I", len(path) + 8), b"file://" + path + b"\0")
    yield "rmra.mov", box("ftyp", b"qt  ", bytes(4), b"qt  ") + box("moov", box("rmra", box("rmda", link)))
    full = 0xFFFFFFFF
    for kind, body in {
        "stsz": struct.pack(">III", 0, 1, 0x7FFFFFFF),
        "stts": struct.pack(">IIII", 0, 1, full, 1),
        "ctts": struct.pack(">III", 0, full, 1),
        "stsc": struct.pack(">IIIII", 0, 0x0FFFFFFF, 1, full, 1),
        "stco": struct.pack(">II", 0, 0x3FFFFFFF),
        "stss": struct.pack(">II", 0, full),
        "elst": struct.pack(">II", 0, full),
        "stsd": struct.pack(">II", 0, full),
    }.items():
        yield f"claims-{kind}.mp4", replaced(mp4, kind, body)
    pairs = struct.pack(">I", 1 << 20) + struct.pack(">II", full, 0) * (1 << 18)
    yield "times-stand.mp4", replaced(mp4, "stts", bytes(4) + pairs)
    packed = zlib.compress(bytes(64 << 20))
    for name, claim in (("bomb", 64 << 20), ("claims", 0xFFFFFFF0)):
        inner = box("dcom", b"zlib") + box("cmvd", struct.pack(">I", claim), packed)
        yield f"cmov-{name}.mov", box("ftyp", b"qt  ", bytes(4), b"qt  ") + box("moov", box("cmov", inner))
    deep = b""
    for _ in range(5_000):
        deep = box("moov", deep)
    yield "deep.mp4", box("ftyp", b"isom", bytes(4)) + deep
    yield "tracks.mp4", changed(
        mp4, lambda kind, body: box("moov", body, *[w for k, w in boxes(body) if k == "trak"] * 3_000) if kind == "moov" else None
    )
    yield "huge.mp4", changed(mp4, lambda kind, body: sized(body, 65_535) if kind == "stsd" else None)
    yield "large.mp4", changed(mp4, lambda kind, body: sized(body, 16_384) if kind == "stsd" else None)
    yield "zero-box.mp4", box("ftyp", b"isom", bytes(4)) + struct.pack(">I4s", 0, b"moov") + bytes(100)
    yield "wide-box.mp4", box("ftyp", b"isom", bytes(4)) + struct.pack(">I4sQ", 1, b"moov", 2**63 - 1) + bytes(100)


def sized(body, side):
    """The description of samples with frames of that size."""
    out = bytearray(body)
    out[8 + 32 : 8 + 36] = struct.pack(">HH", side, side)
    return box("stsd", bytes(out))


def alias(path):
    """A record of an alias, as mov's drefs have it, with the file's whole path in it."""
    name = path.split(b"/")[-1][:63]
    fixed = bytes(4) + struct.pack(">HH", 150, 2) + bytes(2) + bytes([1]) + b"v".ljust(27, b"\0") + bytes(12)
    fixed += bytes([len(name)]) + name.ljust(63, b"\0") + bytes(16) + struct.pack(">hh", 1, len(path)) + bytes(16)
    tail = struct.pack(">HH", 2, len(path)) + path + bytes(len(path) % 2)
    tail += struct.pack(">HH", 18, len(path)) + path + bytes(len(path) % 2) + struct.pack(">hH", -1, 0)
    return (fixed + tail).ljust(160, b"\0")


def riff(kind, *parts):
    body = b"".join(parts)
    return kind.encode() + struct.pack("<I", len(body)) + body + bytes(len(body) % 2)


def subtitled(text):
    """An AVI with a playlist in the place of its subtitles, which ffmpeg looked at by what they are (GAB2)."""
    gab = b"GAB2\0" + struct.pack("<HI", 2, 2) + b"x\0" + struct.pack("<HI", 4, len(text)) + text
    main = struct.pack("<14I", 33_333, 0, 0, 0x10, 1, 0, 1, 0, 64, 48, 0, 0, 0, 0)
    head = struct.pack("<4s4sIHHIIIIIIIIHHHH", b"txts", b"\0\0\0\0", 0, 0, 0, 0, 1, 1, 0, 1, 0, 0, 0, 0, 0, 0, 0)
    stream = riff("LIST", b"strl", riff("strh", head), riff("strf", b""))
    film = struct.pack("<4s4sIHHIIIIIIIIHHHH", b"vids", b"MJPG", 0, 0, 0, 0, 1, 30, 0, 1, 0, 0, 0, 0, 0, 64, 48)
    shape = struct.pack("<IiiHH4sIiiII", 40, 64, 48, 1, 24, b"MJPG", 0, 0, 0, 0, 0)
    video = riff("LIST", b"strl", riff("strh", film), riff("strf", shape))
    header = riff("LIST", b"hdrl", riff("avih", main), video, stream)
    return riff("RIFF", b"AVI ", header, riff("LIST", b"movi", riff("00dc", b"\xff\xd8\xff\xd9"), riff("01tx", gab)))


def playlists(secret, url):
    """(what it is, text) that would have a player open the file or the URL."""
    yield "hls", f"#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:1,\n{url}\n#EXTINF:1,\nfile://{secret}\n#EXT-X-ENDLIST\n"
    yield "key", f'#EXTM3U\n#EXT-X-KEY:METHOD=AES-128,URI="file://{secret}"\n#EXTINF:1,\nfile://{secret}\n'
    yield "concat", f"ffconcat version 1.0\nfile '{secret}'\nfile '{url}'\n"
    yield "sdp", "v=0\no=- 0 0 IN IP4 127.0.0.1\nc=IN IP4 127.0.0.1\nm=video 9 RTP/AVP 96\n"
    yield "dash", f'<?xml version="1.0"?><MPD><Period><AdaptationSet><BaseURL>{url}</BaseURL></AdaptationSet></Period></MPD>'
    yield "asx", f'<asx version="3.0"><entry><ref href="{url}"/></entry></asx>'
    yield "pls", f"[playlist]\nFile1=file://{secret}\nNumberOfEntries=1\n"
    yield "avs", f'FFVideoSource("{secret}")\n'
    yield "image", f"<svg xmlns='http://www.w3.org/2000/svg'><image href='file://{secret}'/></svg>"


FRONTS = {
    "mp4": box("ftyp", b"isom", bytes(4), b"isom"),
    "mkv": bytes.fromhex("1a45dfa39f4286810142f7810142f2810442f381084282886d6174726f736b61"),
    "avi": b"RIFF\x00\x10\x00\x00AVI ",
    "ogv": b"OggS\0\2" + bytes(20) + b"\1\x1e",
    "gif": b"GIF89a\x01\0\x01\0\0\0\0",
    "ts": (b"G" + bytes(187)) * 3,
    "webm": bytes.fromhex("1a45dfa3"),
}


def dressed(secret, url):
    """(name, bytes): each playlist by itself and behind each container's first bytes, called each of them."""
    for kind, text in playlists(secret, url):
        for ending, front in FRONTS.items():
            yield f"{kind}-bare.{ending}", text.encode()
            yield f"{kind}-behind.{ending}", front + text.encode() * 20


def gif(width, height, frames):
    """Frames of one pixel each on a canvas of that size."""
    one = b"!\xf9\4\0\1\0\0\0," + struct.pack("<HHHHB", 0, 0, 1, 1, 0) + b"\2\2D\1\0"
    return b"GIF89a" + struct.pack("<HHBBB", width, height, 0x80, 0, 0) + bytes(6) + one * frames + b";"


def pictures(jpegs):
    """An AVI of pictures of any sizes. What it says itself is small: ones of much fewer rows would be taken for half frames."""
    main = struct.pack("<14I", 33_333, 0, 0, 0x10, len(jpegs), 0, 1, 0, 16, 16, 0, 0, 0, 0)
    film = struct.pack("<4s4sIHHIIIIIIIIHHHH", b"vids", b"MJPG", 0, 0, 0, 0, 1, 30, 0, len(jpegs), 0, 0, 0, 0, 0, 16, 16)
    shape = struct.pack("<IiiHH4sIiiII", 40, 16, 16, 1, 24, b"MJPG", 0, 0, 0, 0, 0)
    header = riff("LIST", b"hdrl", riff("avih", main), riff("LIST", b"strl", riff("strh", film), riff("strf", shape)))
    return riff("RIFF", b"AVI ", header, riff("LIST", b"movi", *(riff("00dc", jpeg) for jpeg in jpegs)))


def claimed(jpeg, width, height):
    """A JPEG that says it is of that size."""
    place = next(at for at in range(len(jpeg)) if jpeg[at : at + 2] in (b"\xff\xc0", b"\xff\xc2"))
    return jpeg[: place + 5] + struct.pack(">HH", height, width) + jpeg[place + 9 :]


def truncated(data, seed):
    """Beginnings of a file: short ones, and some of any length."""
    rng = random.Random(seed)
    for count in (1, 4, 8, 12, 16, 64, 188, 400):
        yield data[:count]
    for _ in range(8):
        yield data[: rng.randrange(400, len(data))]
    yield data[:-1]
    yield data[len(data) // 2 :]


def flipped(data, seed, ratio, skipped=0):
    """A file with so many of its bits flipped: by zzuf where it is there, and otherwise in its way."""
    if shutil.which("zzuf"):
        command = ["zzuf", "-s", str(seed), "-r", str(ratio), "-b", f"{skipped}-"]
        return subprocess.run(command, input=data, capture_output=True, check=True).stdout
    rng, out = random.Random(seed), bytearray(data)
    for _ in range(max(1, int(8 * len(data) * ratio))):
        out[rng.randrange(skipped, len(out))] ^= 1 << rng.randrange(8)
    return bytes(out)
