"""Client of a Vigil server: :class:`Vigil`, and :class:`AsyncVigil` for asyncio."""

from ._async import AsyncVigil
from ._errors import ConnectionFailed, JobFailed, Problem, UnexpectedAnswer, VigilError
from ._model import Batch, Event, Job, Progress, Result, Segment, Status
from ._sync import Vigil

__all__ = [
    "AsyncVigil",
    "Batch",
    "ConnectionFailed",
    "Event",
    "Job",
    "JobFailed",
    "Problem",
    "Progress",
    "Result",
    "Segment",
    "Status",
    "UnexpectedAnswer",
    "Vigil",
    "VigilError",
]
__version__ = "0.1.0"
