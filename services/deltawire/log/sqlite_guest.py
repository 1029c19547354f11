"""A SQLite log seen from a process that does not own it: reads the file, and has the owner append."""

from __future__ import annotations

import asyncio
import functools
from collections.abc import Iterable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from pathlib import Path

from deltawire.log import owner, sqlite_rows
from deltawire.log.port import LogError, Membership, Outgoing
from deltawire.log.sqlite import SqliteLog, SqliteWriter, check_partitions
from deltawire.log.sqlite_connections import Connections
from deltawire.log.sqlite_reader import SqliteReader
from deltawire.log.sqlite_schema import partition_count
from deltawire.log.sqlite_tail import GuestTail
from deltawire.log.topics import Topic


class SqliteGuest:
    """A ``Log`` whose file another process may own. A file that does not exist yet reads as empty topics."""

    def __init__(self, path: Path | str, topics: Iterable[Topic]) -> None:
        self.path = Path(path)
        self._topics = {topic.name: topic for topic in topics}
        # One thread, so one connection: the change counter that GuestTail compares is the connection's own.
        self._connections = Connections(self.path, 1)
        self._tail = GuestTail(self._connections)

    async def append(self, records: Sequence[Outgoing]) -> None:
        """By owning the log for a moment where nobody does, else through the owner."""
        loop = asyncio.get_running_loop()
        deadline = loop.time() + owner.PATIENCE
        while True:
            try:
                log = await SqliteLog.open(self.path, self._topics.values(), serve=False, maintenance_interval=None)
            except owner.InUse:
                holder = await asyncio.to_thread(owner.read_holder, self.path)
                if holder is not None and holder.socket is not None and await owner.hand_over(holder.socket, records):
                    return
                if loop.time() > deadline:
                    raise
                await asyncio.sleep(0.02)  # the owner is coming up or going down
                continue
            try:
                await log.append(records)
            finally:
                await log.close()
            return

    async def writer(self, name: str) -> SqliteWriter:
        raise LogError(f"only the process that owns {self.path} has writers, and {name} was asked for in another")

    async def reader(self, topic: str, positions: Mapping[int, int]) -> SqliteReader:
        check_partitions(self._topics, topic, positions, await self._connections.run(partition_count))
        return SqliteReader(self._connections, self._tail, topic, positions)

    async def bounds(self, topic: str) -> dict[int, tuple[int, int]]:
        count = await self._connections.run(partition_count)
        check_partitions(self._topics, topic, (), count)
        known = await self._connections.run(functools.partial(sqlite_rows.bounds, topic=topic))
        return dict.fromkeys(range(count), (0, 0)) | known

    def member(self, group: str, topic: str) -> AbstractAsyncContextManager[Membership]:
        raise LogError(f"only the process that owns {self.path} can take part in {group} on {topic}")

    async def close(self) -> None:
        await self._connections.close()
