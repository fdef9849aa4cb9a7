"""What both clients do alike: bodies, parameters, pauses, events. Nothing here waits or speaks to anybody."""

from __future__ import annotations

import asyncio
import io
import os
import random
import secrets
import time
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import Any, Literal, Protocol, TypedDict, Union, runtime_checkable

import httpx

from ._errors import ConnectionFailed, UnexpectedAnswer
from ._model import Event, document

PIECE = 1 << 18
LARGEST_ANSWER = 512 << 20
LARGEST_EVENT = 64 << 20
PASSING = frozenset((408, 429, 502, 503, 504))
_FIRST_LOOK = 5.0
_VIDEOS = frozenset(
    ".mp4 .m4v .mov .3gp .mkv .webm .avi .ts .m2ts .mts .mpg .mpeg .vob .ogv .ogg .gif .flv .wmv".split()
)


@runtime_checkable
class Array(Protocol):
    """What numpy and others that know its interface hold numbers in."""

    @property
    def __array_interface__(self) -> dict[str, Any]: ...


Source = Union[bytes, bytearray, memoryview, str, "os.PathLike[str]", Array]
"""Bytes of a file, the path of one, or an array of features [T, width]."""


class ScoreOptions(TypedDict, total=False):
    """The parameters of ``POST /score``; openapi.yaml says what each means."""

    model: str | Sequence[str]
    compare: str
    labels: Sequence[str]
    fps: float | str
    threshold: float
    leave: float
    min_snippets: int
    merge_gap: int
    logits: bool
    priority: Literal["low", "normal", "high"]
    deadline: float | str
    callback: str
    camera: str
    crop: int | Literal["mean"]
    pool: Literal["mean", "first", "middle"]
    cadence: Literal["frames", "time"]
    tail: Literal["drop", "keep"]
    thumbnails: int


class AgainOptions(TypedDict, total=False):
    """The parameters of ``POST /jobs/ID/again``: what is not given is as the job had it."""

    model: str
    labels: Sequence[str]
    fps: float | str
    threshold: float
    leave: float
    min_snippets: int
    merge_gap: int
    logits: bool
    priority: Literal["low", "normal", "high"]
    deadline: float | str
    callback: str
    name: str
    camera: str


def query(options: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Parameters as they stand in a query."""
    found: list[tuple[str, str]] = []
    for name, value in options.items():
        if value is None:
            continue
        if isinstance(value, bool):
            found.append((name, "true" if value else "false"))
        elif isinstance(value, (str, int, float)):
            found.append((name, str(value)))
        elif name == "model":
            found += [(name, str(one)) for one in value]
        else:
            found.append((name, ",".join(map(str, value))))
    return found


class Body:
    """A form of files, read from the disk as it is sent, as often as it is sent."""

    def __init__(self, sources: Sequence[tuple[Source, str | None]]) -> None:
        self.boundary = "vigil-" + secrets.token_hex(16)
        self.parts: list[bytes | Path] = []
        for source, name in sources:
            self._add(source, name)
        self.parts.append(f"--{self.boundary}--\r\n".encode())
        self.size = sum(len(part) if isinstance(part, bytes) else part.stat().st_size for part in self.parts)

    def _add(self, source: Source, name: str | None) -> None:
        data: bytes | Path
        if isinstance(source, (bytes, bytearray, memoryview)):
            data = bytes(source)
            name = name or "features"
        elif isinstance(source, (str, os.PathLike)):
            data = Path(source)
            name = name or data.name
        elif isinstance(source, Array):
            data = _npy(source)
            name = name or "features.npy"
        else:
            raise TypeError(f"{type(source).__name__} is no source: expected bytes, a path or an array")
        field = "video" if _is_video(data) else "features"
        shown = name.replace('"', "%22").replace("\r", "%0D").replace("\n", "%0A")
        media = "application/json" if shown.lower().endswith(".json") else "application/octet-stream"
        head = f'--{self.boundary}\r\nContent-Disposition: form-data; name="{field}"; filename="{shown}"\r\n'
        self.parts += [f"{head}Content-Type: {media}\r\n\r\n".encode(), data, b"\r\n"]

    @property
    def headers(self) -> dict[str, str]:
        return {
            "Content-Type": f"multipart/form-data; boundary={self.boundary}",
            "Content-Length": str(self.size),
        }

    def pieces(self) -> Iterator[bytes]:
        for part in self.parts:
            if isinstance(part, bytes):
                yield part
                continue
            with part.open("rb") as file:
                while piece := file.read(PIECE):
                    yield piece

    async def apieces(self) -> AsyncIterator[bytes]:
        pieces = self.pieces()
        while (piece := await asyncio.to_thread(next, pieces, None)) is not None:
            yield piece


def _is_video(data: bytes | Path) -> bool:
    if isinstance(data, Path):
        return data.suffix.lower() in _VIDEOS
    return data[4:8] == b"ftyp" or data[:4] == b"\x1aE\xdf\xa3" or data[:4] == b"RIFF" and data[8:12] == b"AVI "


def _npy(array: Array) -> bytes:
    import numpy

    out = io.BytesIO()
    numpy.save(out, numpy.asarray(array), allow_pickle=False)
    return out.getvalue()


class Tries:
    """The pauses between the tries of one request, for as long as the patience lasts."""

    def __init__(self, patience: float, has_answered: bool) -> None:
        self.limit = patience if has_answered else min(patience, _FIRST_LOOK)
        self.patience = patience
        self.count = 0
        self.begun: float | None = None

    def after(self, answer: httpx.Response) -> float | None:
        """The pause after an answer; None where it counts as it is."""
        if answer.status_code not in PASSING:
            return None
        self.limit = self.patience
        return self._pause(_asked(answer.headers.get("Retry-After")))

    def failed(self, error: httpx.TransportError) -> float:
        """The pause after a connection that broke, or was not to be had."""
        if not isinstance(error, (httpx.ConnectError, httpx.ConnectTimeout)):
            self.limit = self.patience
        is_ours = isinstance(error, (httpx.UnsupportedProtocol, httpx.LocalProtocolError))
        if is_ours or (pause := self._pause(None)) is None:
            raise ConnectionFailed(f"{error.__class__.__name__}: {error}") from error
        return pause

    def _pause(self, asked: float | None) -> float | None:
        whole = min(0.25 * 2 ** min(self.count, 10), 30.0)
        self.count += 1
        pause = whole * random.uniform(0.5, 1) if asked is None else asked + min(whole, 1.0) * random.uniform(0, 0.5)
        now = time.monotonic()
        self.begun = now if self.begun is None else self.begun
        return None if now + pause - self.begun > self.limit else pause


def _asked(text: str | None) -> float | None:
    """Seconds of a Retry-After, at most a day."""
    if text is None:
        return None
    if text.isascii() and text.isdigit():
        return min(float(text[:9]), 86_400.0)
    try:
        return min(max(parsedate_to_datetime(text).timestamp() - time.time(), 0.0), 86_400.0)
    except (TypeError, ValueError, OverflowError):
        return None


class EventReader:
    """Takes server-sent events off a stream as its bytes come."""

    def __init__(self) -> None:
        # The line that has begun: looked through once, however many pieces it comes in.
        self.begun = bytearray()
        self.data: list[bytes] = []
        self.size = 0
        self.name = ""
        self.last_id = ""

    def feed(self, piece: bytes) -> Iterator[Event]:
        *lines, rest = piece.split(b"\n")
        if lines:
            lines[0] = bytes(self.begun) + lines[0]
            self.begun = bytearray()
        self.begun += rest
        if len(self.begun) + self.size > LARGEST_EVENT:
            raise UnexpectedAnswer(f"an event has more than {LARGEST_EVENT} bytes")
        for line in lines:
            line = line.removesuffix(b"\r")
            if not line:
                if self.data:
                    yield Event(self.name or "message", self.last_id, document(b"\n".join(self.data)))
                self.name, self.data, self.size = "", [], 0
                continue
            field, _, value = line.partition(b":")
            value = value.removeprefix(b" ")
            if field == b"data":
                self.data.append(value)
                self.size += len(value)
            elif field == b"event":
                self.name = value.decode(errors="replace")
            elif field == b"id" and value.isascii() and len(value) <= 256 and value.decode().isprintable():
                self.last_id = value.decode()
