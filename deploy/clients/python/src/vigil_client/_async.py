"""The client for asyncio. ``_sync.py`` is made of this file by ``sync.py``."""

from __future__ import annotations

import asyncio
import ssl
import time
import uuid
from collections.abc import AsyncIterator, Mapping, Sequence
from types import TracebackType
from typing import Any, Unpack

import httpx

from ._errors import ConnectionFailed, JobFailed, Problem, UnexpectedAnswer
from ._model import Batch, Event, Job, Result, Status, document, identifier
from ._protocol import LARGEST_ANSWER, AgainOptions, Body, EventReader, ScoreOptions, Source, Tries, query

_HOLD = 30.0
_LOOK = 5.0


class AsyncVigil:
    """A server, by its URL.

    Requests that a busy server refuses (408, 429, 502, 503, 504), and those whose connection is lost, are sent again for
    ``patience`` seconds, no sooner than the server asks for; each has an Idempotency-Key, so that none makes two jobs.
    """

    def __init__(
        self,
        url: str = "http://127.0.0.1:8080",
        api_key: str | None = None,
        *,
        patience: float = 600.0,
        timeout: float = 90.0,
        verify: ssl.SSLContext | bool = True,
    ) -> None:
        headers = {"Accept": "application/json", "Accept-Encoding": "identity", "User-Agent": "vigil-client"}
        if api_key is not None:
            headers["Authorization"] = f"Bearer {api_key}"
        self._patience = patience
        self._has_answered = False
        self._http = httpx.AsyncClient(
            base_url=url, headers=headers, timeout=timeout, verify=verify, follow_redirects=False
        )

    async def __aenter__(self) -> AsyncVigil:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.aclose()

    async def aclose(self) -> None:
        """Ends the connections."""
        await self._http.aclose()

    # Scoring

    async def submit(
        self,
        source: Source,
        *,
        name: str | None = None,
        idempotency_key: str | None = None,
        **options: Unpack[ScoreOptions],
    ) -> Job:
        """Makes a job of features or a video: bytes, a path, or an array [T, width]."""
        answer = await self._post([(source, name)], idempotency_key, options)
        if "jobs" in answer:
            raise UnexpectedAnswer("the server made a batch of it: submit_batch is for several matrices or models")
        return Job.of(answer)

    async def submit_batch(
        self,
        sources: Sequence[Source],
        *,
        idempotency_key: str | None = None,
        **options: Unpack[ScoreOptions],
    ) -> Batch:
        """Makes a job of each source, and each model, taken whole or not at all."""
        answer = await self._post([(source, None) for source in sources], idempotency_key, options)
        if "jobs" in answer:
            return Batch.of(answer)
        job = Job.of(answer)
        return Batch(job.id, [job])

    async def score(
        self,
        source: Source,
        *,
        name: str | None = None,
        timeout: float | None = None,
        **options: Unpack[ScoreOptions],
    ) -> Result:
        """Has a source scored and waits for the result; raises :class:`JobFailed` where there is none."""
        job = await self.submit(source, name=name, **options)
        return await self.result(job, timeout=timeout)

    async def report(self, source: Source, **options: Unpack[ScoreOptions]) -> dict[str, Any]:
        """What the server says of features; nothing is queued."""
        return await self._post([(source, None)], None, {**options, "validate_only": True})

    async def score_again(
        self, job: Job | str, *, idempotency_key: str | None = None, **options: Unpack[AgainOptions]
    ) -> Job:
        """Makes a job of what another one was about, with other labels, model or cut, without sending it."""
        headers = {"Idempotency-Key": f'"{idempotency_key or uuid.uuid4()}"'}
        return Job.of(document(await self._send("POST", f"/jobs/{_id(job)}/again", query(options), headers)))

    # Jobs

    async def job(self, job: Job | str) -> Job:
        """The job as it is now, with its result where it has one."""
        return Job.of(document(await self._get(f"/jobs/{_id(job)}")))

    async def wait(self, job: Job | str, *, timeout: float | None = None) -> Job:
        """Waits for a job's end, whichever that is; raises TimeoutError where it has not come in time."""
        end = None if timeout is None else time.monotonic() + timeout
        while True:
            left = _HOLD if end is None else max(0.0, min(_HOLD, end - time.monotonic()))
            found = Job.of(document(await self._get(f"/jobs/{_id(job)}", {"wait": f"{left:.3f}"}, hold=left)))
            if found.ended:
                return found
            if end is not None and time.monotonic() >= end:
                raise TimeoutError(f"job {found.id} is {found.status} after {timeout} seconds")

    async def result(self, job: Job | str, *, timeout: float | None = None) -> Result:
        """Waits for a job's result; raises :class:`JobFailed` where it ends without one."""
        found = await self.wait(job, timeout=timeout)
        if found.result is None:
            raise JobFailed(found)
        return found.result

    async def npy(self, job: Job | str) -> bytes:
        """The scores of a job that has succeeded, as the bytes of an .npy file [T, 1 + classes]."""
        return await self._get(f"/jobs/{_id(job)}", accept="application/x-npy")

    async def events(self, job: Job | str, *, last_event_id: str | None = None) -> AsyncIterator[Event]:
        """What happens to a job until its end; a stream that breaks is gone on with where it broke."""
        identifier, last = _id(job), last_event_id or ""
        tries = Tries(self._patience, self._has_answered)
        while True:
            headers = {"Accept": "text/event-stream"} | ({"Last-Event-ID": last} if last else {})
            request = self._http.build_request("GET", f"/jobs/{identifier}/events", headers=headers)
            try:
                response = await self._http.send(request, stream=True)
                try:
                    pause = tries.after(response)
                    if pause is None and response.status_code == 204:
                        return
                    if pause is None and response.status_code != 200:
                        raise Problem.of(response.status_code, await _bounded(response, 1 << 16))
                    if pause is None:
                        self._has_answered = True
                        reader = EventReader()
                        reader.last_id = last
                        async for piece in response.aiter_bytes():
                            for event in reader.feed(piece):
                                last = event.id
                                tries = Tries(self._patience, True)
                                yield event
                                if event.name == "end":
                                    return
                        raise httpx.ReadError("the stream ended before the job had")
                finally:
                    await response.aclose()
            except httpx.TransportError as error:
                pause = tries.failed(error)
            await asyncio.sleep(pause)

    async def cancel(self, job: Job | str) -> Job:
        """Cancels a job that has not ended; one that has is left as it is."""
        found, end, look = await self.job(job), time.monotonic() + self._patience, _LOOK
        while not found.ended:
            # One that ends in this very moment stays.
            request = self._http.build_request("DELETE", f"/jobs/{found.id}", params={"forget": "false"})
            try:
                response = await self._http.send(request)
            except httpx.TransportError as error:
                # It may have been heard, and what runs ends at its next chunk.
                found = Job.of(document(await self._get(f"/jobs/{found.id}", {"wait": f"{look:.3f}"}, hold=look)))
                look = min(2 * look, _HOLD)
                if not found.ended and time.monotonic() > end:
                    raise ConnectionFailed("the connection was lost each time that the job was to be cancelled") from error
                continue
            if response.status_code in (200, 202):
                return Job.of(document(response.content))
            raise Problem.of(response.status_code, response.content)
        return found

    async def forget(self, job: Job | str) -> None:
        """Has the server forget a job that has ended."""
        response = await self._http.delete(f"/jobs/{_id(job)}")
        if response.status_code not in (200, 202, 204, 404):
            raise Problem.of(response.status_code, response.content)

    async def list_jobs(
        self,
        *,
        status: Status | None = None,
        batch: Batch | str | None = None,
        model: str | None = None,
        limit: int | None = None,
    ) -> AsyncIterator[Job]:
        """The jobs, newest first; they come without their results."""
        wanted = {"status": status, "batch": None if batch is None else _id(batch), "model": model}
        parameters = {name: value for name, value in wanted.items() if value is not None}
        left = limit
        while left is None or left > 0:
            page = document(await self._get("/jobs", parameters | {"limit": str(min(left or 1000, 1000))}))
            jobs = page.get("jobs")
            if not isinstance(jobs, list):
                raise UnexpectedAnswer("the answer is no list of jobs")
            for one in jobs[:left]:
                yield Job.of(one)
            left = None if left is None else left - len(jobs)
            cursor = page.get("next")
            if not jobs or not isinstance(cursor, str):
                return
            parameters["cursor"] = cursor

    async def batch(self, batch: Batch | str, *, wait: float = 0.0) -> Batch:
        """A batch, after its end or so many seconds."""
        return Batch.of(document(await self._get(f"/batches/{_id(batch)}", {"wait": f"{wait:.3f}"}, hold=wait)))

    async def models(self) -> list[dict[str, Any]]:
        """The models that are served."""
        found = document(await self._get("/v1/models")).get("models")
        if not isinstance(found, list):
            raise UnexpectedAnswer("the answer is no list of models")
        return found

    async def server(self) -> dict[str, Any]:
        """What runs there."""
        return document(await self._get("/v1/server"))

    # Requests

    async def _post(
        self, sources: Sequence[tuple[Source, str | None]], key: str | None, options: Mapping[str, Any]
    ) -> dict[str, Any]:
        body = Body(sources)
        headers = body.headers
        if not options.get("validate_only"):
            headers["Idempotency-Key"] = f'"{key or uuid.uuid4()}"'
        return document(await self._send("POST", "/score", query(options), headers, body))

    async def _get(
        self, path: str, parameters: Mapping[str, str] | None = None, accept: str = "application/json", hold: float = 0.0
    ) -> bytes:
        return await self._send("GET", path, list((parameters or {}).items()), {"Accept": accept}, hold=hold)

    async def _send(
        self,
        method: str,
        path: str,
        parameters: Sequence[tuple[str, str]],
        headers: Mapping[str, str],
        body: Body | None = None,
        hold: float = 0.0,
    ) -> bytes:
        tries = Tries(self._patience, self._has_answered)
        while True:
            timeout = self._http.timeout
            request = self._http.build_request(
                method,
                path,
                params=httpx.QueryParams(list(parameters)),
                headers=dict(headers),
                content=None if body is None else body.apieces(),
                timeout=httpx.Timeout(timeout.connect, read=(timeout.read or 90.0) + hold),
            )
            try:
                response = await self._http.send(request, stream=True)
                try:
                    content = await _bounded(response, LARGEST_ANSWER)
                finally:
                    await response.aclose()
                pause = tries.after(response)
                if pause is None:
                    if not response.is_success:
                        raise Problem.of(response.status_code, content)
                    self._has_answered = True
                    return content
            except httpx.TransportError as error:
                pause = tries.failed(error)
            except httpx.HTTPError as error:
                raise ConnectionFailed(str(error)) from error
            await asyncio.sleep(pause)


async def _bounded(response: httpx.Response, largest: int) -> bytes:
    """A body, where it is not larger than what is taken."""
    parts, size = [], 0
    async for piece in response.aiter_bytes():
        parts.append(piece)
        size += len(piece)
        if size > largest:
            raise UnexpectedAnswer(f"the answer has more than {largest} bytes")
    return b"".join(parts)


def _id(job: Job | Batch | str) -> str:
    return identifier(job if isinstance(job, str) else job.id)

