"""One shared tail of the event log, fanned out to all live streams, and how a replay joins it."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Iterator, Mapping
from contextlib import contextmanager

import msgspec
import structlog

from deltawire import events, telemetry
from deltawire.gateway.cursor import resume
from deltawire.log.port import Log, LogError, Record

logger = structlog.get_logger()

BUFFER_BYTES = 8 * 1024 * 1024
"""What may wait for one slow subscriber. The frames themselves are shared between subscribers."""

CLOSE_ENOUGH = 500
"""Records behind the shared tail from which on a replay joins it: what the buffer easily holds meanwhile."""

PAUSE = 1.0


class Item(msgspec.Struct, frozen=True):
    """An event on its way to subscribers. ``frame`` is its ``event:`` and ``data:`` lines, without the id.

    ``frame`` is empty for a record that is no event known here: only the position moves over it.
    """

    partition: int
    offset: int
    feed_id: str
    frame: bytes
    series: str | None = None


class Closed(Exception):
    """This subscription has ended; the reason is a stable code."""


class Subscription:
    """A bounded buffer between the tail and one stream. ``joined`` is where its first item may be."""

    def __init__(self, joined: Mapping[int, int], on_drop: Callable[[], None]) -> None:
        self.joined = dict(joined)
        self._items: deque[Item] = deque()
        self._bytes = 0
        self._wake = asyncio.Event()
        self._closed: str | None = None
        self._on_drop = on_drop

    def put(self, item: Item) -> None:
        if self._closed is not None:
            return
        self._items.append(item)
        self._bytes += len(item.frame)
        self._wake.set()
        if self._bytes > BUFFER_BYTES:
            self.close("slow")
            self._on_drop()

    def close(self, reason: str) -> None:
        self._closed = self._closed or reason
        self._wake.set()

    async def next(self, timeout: float) -> list[Item]:
        """What has come, after at most ``timeout`` seconds; empty if nothing.

        Raises:
            Closed: the tail has ended this subscription.
        """
        if not self._items and self._closed is None:
            try:
                async with asyncio.timeout(timeout):
                    await self._wake.wait()
            except TimeoutError:
                return []
        if self._closed is not None:
            raise Closed(self._closed)
        self._wake.clear()
        batch = list(self._items)
        self._items.clear()
        self._bytes = 0
        return batch


class Hub:
    """``positions`` is what the tail has handed out so far."""

    def __init__(self, log: Log, topic: str, on_event: Callable[[events.Event], None]) -> None:
        self.positions: dict[int, int] = {}
        self.ready = asyncio.Event()
        self.closed = False
        self._log = log
        self._topic = topic
        self._on_event = on_event
        self._subscriptions: set[Subscription] = set()

    async def run(self) -> None:
        """Follow the log from its end until cancelled."""
        while True:
            try:
                await self._follow()
            except LogError as error:
                logger.warning("gateway.tail", topic=self._topic, outcome="restart", error=str(error))
                await asyncio.sleep(PAUSE)

    async def _follow(self) -> None:
        bounds = await self._log.bounds(self._topic)
        if not self.positions:
            self.positions = {p: end for p, (_, end) in bounds.items()}
        self.positions, missing = resume(self.positions, bounds)
        if missing:
            # Records went that nobody was handed: every stream resumes by its own position and is told the gap.
            self._end_all("restart")
        reader = await self._log.reader(self._topic, self.positions)
        self.ready.set()
        try:
            while True:
                for record in await reader.poll():
                    item = self._item(record, first=True)
                    for subscription in self._subscriptions:
                        subscription.put(item)
                self.positions = dict(reader.positions)
        finally:
            await reader.close()

    @contextmanager
    def subscribe(self, on_drop: Callable[[], None]) -> Iterator[Subscription]:
        subscription = Subscription(self.positions, on_drop)
        self._subscriptions.add(subscription)
        if self.closed:
            subscription.close("shutdown")
        try:
            yield subscription
        finally:
            self._subscriptions.discard(subscription)

    def close(self) -> None:
        """End all streams: the gateway stops."""
        self.closed = True
        self._end_all("shutdown")

    def _end_all(self, reason: str) -> None:
        for subscription in self._subscriptions:
            subscription.close(reason)

    async def follow(
        self, start: Mapping[int, int], *, timeout: float, on_drop: Callable[[], None]
    ) -> AsyncGenerator[list[Item]]:
        """Every item from ``start`` on, for ever, in batches; an empty one after ``timeout`` seconds of silence.

        What lies before the shared tail comes from a reader of its own. Around the place where the two join,
        an item may come from both: the caller passes over what it already has (``Stream.take``).

        Raises:
            Closed: the gateway stops, or the caller is too slow.
            OutOfRange: retention went past the position.
        """
        at = dict(start)
        while sum(max(0, end - at[p]) for p, end in self.positions.items()) > CLOSE_ENOUGH:
            target = dict(self.positions)
            async for batch in self._between(at, target):
                yield batch
            at = _furthest(at, target)
        with self.subscribe(on_drop) as subscription:
            async for batch in self._between(at, subscription.joined):
                yield batch
            while True:
                yield await subscription.next(timeout)

    async def _between(self, start: Mapping[int, int], end: Mapping[int, int]) -> AsyncIterator[list[Item]]:
        """The items from ``start`` up to ``end``, perhaps some more."""
        wanted = {p: start[p] for p in end if start[p] < end[p]}
        if not wanted:
            return
        reader = await self._log.reader(self._topic, wanted)
        try:
            while any(reader.positions[p] < end[p] for p in wanted):
                if self.closed:
                    raise Closed("shutdown")
                if records := await reader.poll():
                    yield [self._item(record, first=False) for record in records]
        finally:
            await reader.close()

    def _item(self, record: Record, *, first: bool) -> Item:
        """``first`` is true for the one reader that reports what it sees."""
        if unknown := events.unknown_type(record.headers):
            if first:
                telemetry.skipped.labels("gateway").inc()
                logger.debug("gateway.skipped", outcome="unknown type", type=unknown, offset=record.offset)
            return Item(record.partition, record.offset, "", b"")
        try:
            event = events.decode(record.headers, record.value)
        except ValueError as error:
            if first:
                telemetry.dead_letters.labels("gateway", "undecodable").inc()
                logger.warning("gateway.tail", record=repr(record), outcome="skipped", error=str(error))
            return Item(record.partition, record.offset, "", b"")
        if first:
            self._on_event(event)
        frame = b"event: %b\ndata: %b\n\n" % (event.type.encode(), event.structured())
        return Item(record.partition, record.offset, event.feed_id, frame, event.data.feed.series)


def _furthest(one: Mapping[int, int], other: Mapping[int, int]) -> dict[int, int]:
    return {p: max(position, other.get(p, 0)) for p, position in one.items()}
