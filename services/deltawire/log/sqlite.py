"""The embedded engine of the log: one SQLite file, one process that owns it, any number that read it.

The owner writes through one thread (``sqlite_commits``) and reads through a few others; it keeps the file small
(``sqlite_maintenance``) and takes records from other processes (``owner``). Those are guests (``sqlite_guest``).
"""

from __future__ import annotations

import asyncio
import functools
import sqlite3
from collections.abc import AsyncIterator, Callable, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager
from datetime import datetime, timedelta
from pathlib import Path

import structlog

from deltawire.clock import Clock, utc_now
from deltawire.log import sqlite_maintenance, sqlite_rows
from deltawire.log.owner import Lock, Server
from deltawire.log.port import Assignment, LogError, Membership, Outgoing
from deltawire.log.sqlite_commits import Committer
from deltawire.log.sqlite_connections import Connections
from deltawire.log.sqlite_reader import SqliteReader
from deltawire.log.sqlite_schema import Streams, open_for_writing
from deltawire.log.sqlite_tail import OwnTail
from deltawire.log.topics import Topic

logger = structlog.get_logger()

READ_THREADS = 3
TOMBSTONES_KEPT = timedelta(days=1)
"""A reader of a compacted topic that is slower than this may miss that a key was deleted."""

MAINTENANCE_INTERVAL = 60.0


class SqliteLog:
    """A ``Log`` in the process that owns the file. Make it with ``open``; it belongs to that event loop."""

    def __init__(
        self,
        path: Path,
        topics: Iterable[Topic],
        lock: Lock,
        connection: sqlite3.Connection,
        streams: Streams,
        *,
        now: Clock,
        gap: int,
    ) -> None:
        self.path = path
        self._topics = {topic.name: topic for topic in topics}
        self._lock = lock
        self._streams = streams
        self._partitions = 1 + max((partition for _, partition in streams), default=0)
        self._now = now
        self._gap = gap
        self._tail = OwnTail()
        self._committer = Committer(connection, path, self._tail.forget)
        self._connections = Connections(path, READ_THREADS)
        self._server: Server | None = None
        self._maintenance: asyncio.Task[None] | None = None
        self._closing: asyncio.Task[None] | None = None

    @classmethod
    async def open(
        cls,
        path: Path | str,
        topics: Iterable[Topic],
        *,
        partitions: int | None = None,
        now: Clock = utc_now,
        serve: bool = True,
        maintenance_interval: float | None = MAINTENANCE_INTERVAL,
        gap: int = 0,
    ) -> SqliteLog:
        """Own the log in the file ``path``, which is made where it does not exist, with its directory.

        ``partitions`` is the number in each topic: null takes what the file has, and 1 in a new one. ``serve``
        takes records from other processes. ``maintenance_interval`` is in seconds, null leaves ``maintain`` to the
        caller. ``gap`` offsets stay unused after each commit in every partition it wrote, as on Kafka.

        Raises:
            LogError: another process owns the log, or the file cannot be used; the sentence says which and the mend.
        """
        path, topics = Path(path), tuple(topics)
        lock = await Lock.acquire(path)
        try:
            connection, streams = await asyncio.to_thread(open_for_writing, path, topics, partitions)
        except BaseException:
            lock.release()
            raise
        log = cls(path, topics, lock, connection, streams, now=now, gap=gap)
        if serve:
            log._server = Server(log.append)
            try:
                await log._server.start()
            except OSError as error:
                await log.close()
                raise LogError(
                    f"cannot make a socket for other processes ({error}); set TMPDIR to a short, writable path"
                ) from error
            lock.publish(log._server.socket)
        if maintenance_interval is not None:
            log._maintenance = asyncio.create_task(log._maintain_for_ever(maintenance_interval))
        return log

    @property
    def partitions(self) -> int:
        """The number of partitions of every topic."""
        return self._partitions

    async def append(self, records: Sequence[Outgoing]) -> Sequence[int]:
        return await self._write(records, lambda _: None)

    async def writer(self, name: str) -> SqliteWriter:
        self._check_open()
        epoch = await self._committer.submit(functools.partial(sqlite_rows.new_epoch, name=name))
        return SqliteWriter(self, name, epoch)

    async def commit_as(self, name: str, epoch: int, records: Sequence[Outgoing]) -> None:
        """Write as the writer ``name`` of that epoch; what ``SqliteWriter.commit`` does."""
        await self._write(records, functools.partial(sqlite_rows.check_epoch, name=name, epoch=epoch))

    async def reader(self, topic: str, positions: Mapping[int, int]) -> SqliteReader:
        self._check_open()
        check_partitions(self._topics, topic, positions, self._partitions)
        return SqliteReader(self._connections, self._tail, topic, positions)

    async def bounds(self, topic: str) -> dict[int, tuple[int, int]]:
        check_partitions(self._topics, topic, (), self._partitions)
        return await self._connections.run(functools.partial(sqlite_rows.bounds, topic=topic))

    @asynccontextmanager
    async def member(self, group: str, topic: str) -> AsyncIterator[Membership]:  # noqa: ARG002 - one member only
        """Every partition, for good: there is no other process to share with."""
        self._check_open()
        check_partitions(self._topics, topic, (), self._partitions)
        yield _SoleMember(Assignment(generation=1, partitions=frozenset(range(self._partitions))))

    async def maintain(self, now: datetime) -> None:
        """Apply retention and compaction as of ``now``, and hand free space back, in many small transactions."""
        self._check_open()
        try:
            await self._maintain(now)
        finally:
            self._tail.forget()

    async def _maintain(self, now: datetime) -> None:
        buried = sqlite_rows.to_milliseconds(now - TOMBSTONES_KEPT)
        for (name, _), stream in self._streams.items():
            topic = self._topics[name]
            if topic.compact:
                await self._repeat(functools.partial(sqlite_maintenance.compact, stream=stream.id))
                await self._repeat(functools.partial(sqlite_maintenance.bury, stream=stream.id, before=buried))
            elif topic.retention is not None:
                before = sqlite_rows.to_milliseconds(now - timedelta(seconds=topic.retention))
                await self._repeat(functools.partial(sqlite_maintenance.retire, stream=stream.id, before=before))
        await self._repeat(sqlite_maintenance.shrink)

    async def close(self) -> None:
        """Finish the commits under way, then close. Readers that wait end with a LogError."""
        if self._closing is None:
            self._closing = asyncio.create_task(self._close())
        await asyncio.shield(self._closing)

    async def _close(self) -> None:
        if self._maintenance is not None:
            self._maintenance.cancel()
            await asyncio.gather(self._maintenance, return_exceptions=True)
        if self._server is not None:
            await self._server.close()
        await self._committer.stop()
        await self._connections.close()
        self._tail.notify(tuple(self._topics))
        self._lock.release()

    async def _write(self, records: Sequence[Outgoing], check: Callable[[sqlite3.Connection], None]) -> list[int]:
        self._check_open()
        rows = sqlite_rows.to_rows(records, self._streams, self._partitions, self._now())

        def write(connection: sqlite3.Connection) -> list[int]:
            check(connection)
            return sqlite_rows.write(connection, rows, self._gap)

        def done(offsets: list[int]) -> None:
            self._tail.committed(records, rows, offsets, self._gap)

        return await self._committer.submit(write, done)

    async def _repeat(self, step: Callable[[sqlite3.Connection], bool]) -> None:
        more = True
        while more:
            self._check_open()
            more = await self._committer.submit(step)

    async def _maintain_for_ever(self, interval: float) -> None:
        while True:
            await asyncio.sleep(interval)
            try:
                await self.maintain(self._now())
            except LogError as error:
                logger.warning("log.maintenance_failed", outcome="retry", error=str(error), next_s=interval)

    def _check_open(self) -> None:
        if self._closing is not None:
            raise LogError(f"the log {self.path} is closed")


class SqliteWriter:
    def __init__(self, log: SqliteLog, name: str, epoch: int) -> None:
        self._log = log
        self._name = name
        self._epoch = epoch
        self._closed = False

    async def commit(self, records: Sequence[Outgoing]) -> None:
        if self._closed:
            raise LogError(f"writer {self._name} is closed")
        await self._log.commit_as(self._name, self._epoch, records)

    async def close(self) -> None:
        self._closed = True


class _SoleMember:
    def __init__(self, assignment: Assignment) -> None:
        self._assignment: Assignment | None = assignment

    async def changed(self) -> Assignment:
        if self._assignment is None:
            await asyncio.Event().wait()
        assert self._assignment is not None
        assignment, self._assignment = self._assignment, None
        return assignment


def check_partitions(topics: Mapping[str, Topic], topic: str, wanted: Iterable[int], count: int) -> None:
    """Raises LogError where the topic or one of the partitions does not exist."""
    if topic not in topics:
        raise LogError(f"the log has no topic {topic}")
    for partition in wanted:
        if not 0 <= partition < count:
            raise LogError(f"topic {topic} has {count} partition(s), no partition {partition}")
