"""``GET /api/events``: the event stream (HTML standard, section 9.2, server-sent events)."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Mapping, Sequence
from contextlib import aclosing

import msgspec
import structlog
from aiohttp import web

from deltawire import telemetry
from deltawire.gateway.cursor import Missing, decode_positions, encode_positions, resume
from deltawire.gateway.hub import Closed, Hub, Item
from deltawire.gateway.problems import bad_request
from deltawire.log.port import Log, LogError, OutOfRange

logger = structlog.get_logger()

RETRY_MS = 3000
WRITE_TIMEOUT = 30.0
"""Seconds after which a subscriber that takes nothing is dropped."""

SKIPPED_LIMIT = 500
"""Filtered records after which a subscriber gets the new position even if nothing else is to be said."""

FEED_ID = re.compile(r"[a-z0-9-]{1,200}")


class Stream:
    """One subscriber: what it wants, and the position that it has been given everything up to."""

    def __init__(self, start: Mapping[int, int], feeds: frozenset[str]) -> None:
        self.positions = dict(start)
        self._feeds = feeds
        self.slow = False
        self._skipped = 0

    @property
    def last_id(self) -> str:
        return encode_positions(self.positions)

    def opening(self, missing: Sequence[Missing]) -> bytes:
        """The first bytes: they carry the position, so that even a stream that breaks at once resumes exactly."""
        return b"retry: %d\nid: %b\n\n" % (RETRY_MS, self.last_id.encode()) + (self.gap(missing) if missing else b"")

    def gap(self, missing: Sequence[Missing]) -> bytes:
        body = {
            "type": "deltawire.gap",
            "detail": "Events that this stream had not been sent are no longer kept; it goes on with the oldest "
            "that is. Read the entries again to be complete.",
            "missing": missing,
        }
        return b"id: %b\nevent: deltawire.gap\ndata: %b\n\n" % (self.last_id.encode(), msgspec.json.encode(body))

    def take(self, items: Sequence[Item]) -> bytes:
        """The frames of what is new and wanted, each with the position behind it.

        An empty batch means silence: the answer is then a heartbeat. Where everything was filtered, the
        position is sent by itself now and then (an id without data changes the last event id and nothing else).
        """
        frames: list[bytes] = []
        for item in items:
            if item.offset < self.positions[item.partition]:
                continue
            self.positions[item.partition] = item.offset + 1
            if item.frame and (not self._feeds or item.feed_id in self._feeds or item.series in self._feeds):
                frames.append(b"id: %b\n%b" % (self.last_id.encode(), item.frame))
                self._skipped = 0
            else:
                self._skipped += 1
        if frames or items:
            if self._skipped > SKIPPED_LIMIT:
                frames.append(self._position())
            return b"".join(frames)
        return self._position() if self._skipped else b": still here\n\n"

    def _position(self) -> bytes:
        self._skipped = 0
        return b"id: %b\n\n" % self.last_id.encode()


class StreamHandler:
    def __init__(self, log: Log, topic: str, hub: Hub, heartbeat: float) -> None:
        self._log = log
        self._topic = topic
        self._hub = hub
        self._heartbeat = heartbeat

    async def handle(self, request: web.Request) -> web.StreamResponse:
        feeds = frozenset(request.query.getall("feed", ()))
        if bad := next((feed for feed in feeds if not FEED_ID.fullmatch(feed)), None):
            raise bad_request(f"feed={bad[:60]} is no feed id: those are made of a-z, 0-9 and hyphens")
        await self._hub.ready.wait()
        start, missing = await self._start(request)
        response = web.StreamResponse(
            headers={
                "Content-Type": "text/event-stream; charset=utf-8",
                "Cache-Control": "no-store",
                "X-Accel-Buffering": "no",
            }
        )
        await response.prepare(request)
        if request.method != "HEAD":
            await self._serve(request, response, Stream(start, feeds), missing)
        return response

    async def _start(self, request: web.Request) -> tuple[dict[int, int], list[Missing]]:
        """Last-Event-ID counts most: a browser that reconnects sends it along with the address it first used."""
        token = request.headers.get("Last-Event-ID") or request.query.get("lastEventId")
        where = request.query.get("from", "end")
        bounds = await self._log.bounds(self._topic)
        if token:
            return resume(decode_positions(token), bounds)
        if where not in ("beginning", "end"):
            raise bad_request("from= takes beginning or end")
        return {p: oldest if where == "beginning" else end for p, (oldest, end) in bounds.items()}, []

    async def _serve(
        self, request: web.Request, response: web.StreamResponse, stream: Stream, missing: Sequence[Missing]
    ) -> None:
        telemetry.subscribers.inc()
        outcome = "gone"
        try:
            await _write(response, stream.opening(missing))
            while True:
                try:
                    await self._pump(request, response, stream)
                except OutOfRange:
                    stream.positions, lost = resume(stream.positions, await self._log.bounds(self._topic))
                    await _write(response, stream.gap(lost))
        except Closed as closed:
            outcome = str(closed)
        except TimeoutError:
            _drop(request, stream)
        except ConnectionError:
            pass
        except LogError as error:
            # The status is long sent: ending the stream makes the subscriber come again with its last id.
            logger.warning("stream.closed", outcome="log", error=str(error), last_id=stream.last_id)
        finally:
            telemetry.subscribers.dec()
            if stream.slow:
                logger.warning("stream.closed", outcome="dropped", remote=request.remote, last_id=stream.last_id)
            else:
                logger.debug("stream.closed", outcome=outcome, remote=request.remote, last_id=stream.last_id)

    async def _pump(self, request: web.Request, response: web.StreamResponse, stream: Stream) -> None:
        batches = self._hub.follow(stream.positions, timeout=self._heartbeat, on_drop=lambda: _drop(request, stream))
        async with aclosing(batches):
            async for batch in batches:
                if frames := stream.take(batch):
                    await _write(response, frames)


async def _write(response: web.StreamResponse, data: bytes) -> None:
    async with asyncio.timeout(WRITE_TIMEOUT):
        await response.write(data)


def _drop(request: web.Request, stream: Stream) -> None:
    """Ends the connection at once, also under a write that waits for a reader who takes nothing."""
    stream.slow = True
    if request.transport is not None:
        request.transport.abort()
