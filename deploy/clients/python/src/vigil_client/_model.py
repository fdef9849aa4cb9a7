"""Jobs and results as values. What is not here is in ``raw``, as the server wrote it."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from typing import Any, Literal

from ._errors import UnexpectedAnswer

Status = Literal["queued", "running", "succeeded", "failed", "cancelled"]
_STATUSES: tuple[Status, ...] = ("queued", "running", "succeeded", "failed", "cancelled")
_ID = re.compile(r"[0-9A-Z]{26}")


def document(body: bytes) -> dict[str, Any]:
    """An answer's JSON object."""
    try:
        found = json.loads(body)
    except (ValueError, RecursionError) as error:
        raise UnexpectedAnswer(f"the answer is no JSON: {error}") from None
    return _object(found)


def _object(value: object) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise UnexpectedAnswer("the answer has no JSON object where one should be")
    return value


def _list(value: object) -> list[Any]:
    if not isinstance(value, list):
        raise UnexpectedAnswer("the answer has no list where one should be")
    return value


def _text(value: object) -> str | None:
    return value if isinstance(value, str) else None


def _number(value: object) -> float | None:
    return float(value) if isinstance(value, (int, float)) and not isinstance(value, bool) else None


def _whole(value: object) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) else None


def identifier(value: object) -> str:
    """An id as it may stand in a path."""
    if not isinstance(value, str) or not _ID.fullmatch(value):
        raise UnexpectedAnswer(f"{value!r:.60} is no id of a job")
    return value


@dataclass(frozen=True)
class Progress:
    """How far a job is."""

    chunks_done: int
    chunks: int | None


@dataclass(frozen=True)
class Segment:
    """A part of a video that is out of the ordinary; ``end`` is the first snippet behind it."""

    start: int
    end: int
    label: str
    score: float
    start_seconds: float | None
    end_seconds: float | None


@dataclass(frozen=True)
class Result:
    """The scores of a video."""

    model: str
    coarse: list[float]
    """How anomalous each snippet is, from 0 to 1."""
    labels: list[str]
    fine: list[list[float]]
    """The share of each label, snippet by snippet."""
    segments: list[Segment]
    label: str | None
    """The label of the whole video."""
    score: float | None
    raw: dict[str, Any] = field(repr=False)

    @classmethod
    def of(cls, raw: dict[str, Any]) -> Result:
        fine, video = _object(raw.get("fine")), _object(raw.get("video"))
        segments = []
        for one in map(_object, _list(raw.get("segments"))):
            start, end, score = _whole(one.get("start")), _whole(one.get("end")), _number(one.get("score"))
            if start is None or end is None or score is None:
                raise UnexpectedAnswer("a segment has no place or no score")
            seconds = _number(one.get("start_seconds")), _number(one.get("end_seconds"))
            segments.append(Segment(start, end, _text(one.get("label")) or "", score, *seconds))
        return cls(
            model=_text(raw.get("model")) or "",
            coarse=_list(raw.get("coarse")),
            labels=_list(fine.get("labels")),
            fine=_list(fine.get("scores")),
            segments=segments,
            label=_text(video.get("label")),
            score=_number(video.get("coarse")),
            raw=raw,
        )


@dataclass(frozen=True)
class Job:
    """A job, as it was when it was asked for."""

    id: str
    status: Status
    name: str | None
    model: str | None
    created_at: str | None
    queue_position: int | None
    estimated_seconds: float | None
    progress: Progress
    warnings: list[str]
    error_title: str | None
    error_detail: str | None
    result: Result | None
    raw: dict[str, Any] = field(repr=False)

    @property
    def ended(self) -> bool:
        return self.status not in ("queued", "running")

    @classmethod
    def of(cls, raw: dict[str, Any]) -> Job:
        status = next((one for one in _STATUSES if one == raw.get("status")), None)
        if status is None:
            raise UnexpectedAnswer("the answer is no job")
        progress = raw.get("progress")
        parts = progress if isinstance(progress, dict) else {}
        error = raw.get("error")
        failure = error if isinstance(error, dict) else {}
        result = raw.get("result")
        return cls(
            id=identifier(raw.get("id")),
            status=status,
            name=_text(raw.get("name")),
            model=_text(raw.get("model")),
            created_at=_text(raw.get("created_at")),
            queue_position=_whole(raw.get("queue_position")),
            estimated_seconds=_number(raw.get("estimated_seconds")),
            progress=Progress(_whole(parts.get("chunks_done")) or 0, _whole(parts.get("chunks"))),
            warnings=[one for one in _list(raw.get("warnings") or []) if isinstance(one, str)],
            error_title=_text(failure.get("title")),
            error_detail=_text(failure.get("detail")),
            result=None if result is None else Result.of(_object(result)),
            raw=raw,
        )


@dataclass(frozen=True)
class Batch:
    """Jobs that were made by one request; they come without their results."""

    id: str
    jobs: list[Job]

    @property
    def ended(self) -> bool:
        return all(job.ended for job in self.jobs)

    @classmethod
    def of(cls, raw: dict[str, Any]) -> Batch:
        return cls(identifier(raw.get("id")), [Job.of(_object(one)) for one in _list(raw.get("jobs"))])


@dataclass(frozen=True)
class Event:
    """Something that has happened to a job."""

    name: str
    """``status``, ``progress``, ``scores`` or ``end``."""
    id: str
    data: dict[str, Any]

    @property
    def job(self) -> Job | None:
        """The job, where the event tells of its status."""
        return Job.of(self.data) if self.name in ("status", "end") else None
