"""How a reader of the SQLite log learns of commits, and what it need not read from the file."""

from __future__ import annotations

import asyncio
import sqlite3
from collections import Counter, deque
from collections.abc import Collection, Mapping, Sequence
from typing import Protocol

from deltawire.log import sqlite_rows
from deltawire.log.port import Outgoing, Record
from deltawire.log.sqlite_connections import Connections
from deltawire.log.sqlite_rows import Row

TAIL_BYTES = 8 * 1024 * 1024
"""What the last records that are kept in memory may take, of all topics that somebody reads."""

_OVERHEAD = 1024
"""Bytes of a record beside its value."""

_UNKNOWN = -1

LOOK_INTERVAL = 0.1
"""Seconds between two looks of a guest for commits of the owner. One look reads a counter in shared memory (4 µs)."""


class Tail(Protocol):
    """A commit after ``mark`` ends the ``wait`` for that mark: none is missed."""

    def follow(self, topic: str) -> None:
        """Somebody reads the topic from now on."""

    def leave(self, topic: str) -> None: ...

    def read(self, topic: str, positions: Mapping[int, int], limit: int) -> tuple[list[Record], dict[int, int]] | None:
        """As ``sqlite_rows.read``; null where it has to be read from the file."""

    async def mark(self, topic: str) -> object: ...

    async def wait(self, mark: object, timeout: float) -> None: ...


class _Stream:
    """The last records of a partition: all from ``since`` to ``end``, which is the next offset to be written."""

    def __init__(self) -> None:
        self.since = self.end = _UNKNOWN
        self.records: deque[Record] = deque()

    def after(self, position: int) -> list[Record]:
        found = []
        for record in reversed(self.records):
            if record.offset < position:
                break
            found.append(record)
        found.reverse()
        return found


class OwnTail:
    """In the process that writes: told of each commit, in their order, so that readers at the end need no file.

    To read one record from the file costs two hops between threads, several times what it costs to have it here. It
    knows of a stream what was committed since it last knew nothing of it, and so is never wrong about the rest.
    """

    def __init__(self) -> None:
        self._events: dict[str, asyncio.Event] = {}
        self._readers: Counter[str] = Counter()
        self._streams: dict[tuple[str, int], _Stream] = {}
        self._order: deque[_Stream] = deque()
        self._size = 0

    def follow(self, topic: str) -> None:
        self._readers[topic] += 1

    def leave(self, topic: str) -> None:
        self._readers[topic] -= 1

    def committed(self, records: Sequence[Outgoing], rows: Sequence[Row], offsets: Sequence[int], gap: int) -> None:
        """These records were committed as these rows, and ``gap`` offsets were left unused behind them."""
        touched = set()
        for out, row, offset in zip(records, rows, offsets, strict=True):
            stream = self._streams.setdefault((out.topic, row.partition), _Stream())
            touched.add(stream)
            if offset != stream.end or not self._readers[out.topic]:
                self._size -= sum(map(_size, stream.records))
                stream.records.clear()
                stream.since = offset
            stream.end = offset + 1
            if self._readers[out.topic]:
                self._keep(stream, out, row, offset)
            else:
                stream.since = stream.end
        for stream in touched:
            stream.end += gap
        self.notify({out.topic for out in records})

    def forget(self) -> None:
        """The file may hold more than was told, or less."""
        self._streams.clear()
        self._order.clear()
        self._size = 0

    def read(self, topic: str, positions: Mapping[int, int], limit: int) -> tuple[list[Record], dict[int, int]] | None:
        found = []
        for partition, position in positions.items():
            stream = self._streams.get((topic, partition))
            if stream is None or not stream.since <= position <= stream.end:
                return None
            found.append((partition, position, stream))
        records: list[Record] = []
        reached = dict(positions)
        for partition, position, stream in found:
            for record in stream.after(position):
                if len(records) >= limit:
                    return records, reached
                records.append(record)
                reached[partition] = record.offset + 1
            reached[partition] = stream.end
        return records, reached

    async def mark(self, topic: str) -> object:
        return self._events.setdefault(topic, asyncio.Event())

    async def wait(self, mark: object, timeout: float) -> None:
        assert isinstance(mark, asyncio.Event)
        try:
            async with asyncio.timeout(timeout):
                await mark.wait()
        except TimeoutError:
            pass

    def notify(self, topics: Collection[str]) -> None:
        for topic in topics:
            if event := self._events.pop(topic, None):
                event.set()

    def _keep(self, stream: _Stream, out: Outgoing, row: Row, offset: int) -> None:
        record = Record(
            topic=out.topic,
            partition=row.partition,
            offset=offset,
            key=out.key,
            value=out.value,
            headers=out.headers,
            timestamp=sqlite_rows.from_milliseconds(row.timestamp),
        )
        stream.records.append(record)
        self._order.append(stream)
        self._size += _size(record)
        while self._size > TAIL_BYTES:
            oldest = self._order.popleft()
            if oldest.records:
                gone = oldest.records.popleft()
                oldest.since = gone.offset + 1
                self._size -= _size(gone)


class GuestTail:
    """In any other process: looks at the file's change counter. The connections must have one thread."""

    def __init__(self, connections: Connections) -> None:
        self._connections = connections

    def follow(self, topic: str) -> None: ...

    def leave(self, topic: str) -> None: ...

    def read(self, topic: str, positions: Mapping[int, int], limit: int) -> None:  # noqa: ARG002 - only the file is told
        return None

    async def mark(self, topic: str) -> object:  # noqa: ARG002 - the counter is that of the file
        return await self._connections.run(_data_version)

    async def wait(self, mark: object, timeout: float) -> None:
        loop = asyncio.get_running_loop()
        deadline = loop.time() + timeout
        while (left := deadline - loop.time()) > 0:
            await asyncio.sleep(min(left, LOOK_INTERVAL))
            if await self._connections.run(_data_version) != mark:
                return


def _data_version(connection: sqlite3.Connection) -> tuple[str, int]:
    """The change counter, which is the connection's own: the file's name tells the empty stand-in from the log."""
    (version,) = connection.execute("PRAGMA data_version").fetchone()
    (_, _, file) = connection.execute("PRAGMA database_list").fetchone()
    return str(file), int(version)


def _size(record: Record) -> int:
    return _OVERHEAD + len(record.value or b"")
