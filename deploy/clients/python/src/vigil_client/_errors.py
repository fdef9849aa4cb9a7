"""What can go wrong."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ._model import Job


class VigilError(Exception):
    """Whatever goes wrong with a server."""


class ConnectionFailed(VigilError):
    """No answer came, for as long as was tried."""


class UnexpectedAnswer(VigilError):
    """An answer is none that Vigil gives, or is larger than what is taken."""


class JobFailed(VigilError):
    """A job has ended without a result."""

    def __init__(self, job: Job) -> None:
        super().__init__(f"job {job.id} {job.status}: {job.error_detail or job.error_title or 'no reason is given'}")
        self.job = job


class Problem(VigilError):
    """The server has refused a request (RFC 9457)."""

    def __init__(
        self,
        status: int,
        type: str | None = None,
        title: str | None = None,
        detail: str | None = None,
        instance: str | None = None,
    ) -> None:
        super().__init__(f"{status}: {detail or title or 'the server gave no reason'}")
        self.status = status
        """The status of HTTP."""
        self.type = type
        """What is wrong, as a URI reference such as ``/problems/backlog-full``."""
        self.title = title
        self.detail = detail
        self.instance = instance
        """The request's id, to ask the operator about."""

    @classmethod
    def of(cls, status: int, body: bytes) -> Problem:
        try:
            found = json.loads(body) if len(body) <= 1 << 16 else None
        except (ValueError, RecursionError):
            found = None
        members = found if isinstance(found, dict) else {}

        def text(name: str) -> str | None:
            value = members.get(name)
            return value if isinstance(value, str) else None

        return cls(status, text("type"), text("title"), text("detail"), text("instance"))
