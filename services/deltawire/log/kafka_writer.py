"""Writing to Kafka: a writer with a name, and the nameless appends of a process gathered into few transactions."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence

import msgspec

from deltawire.log.kafka_client import forget
from deltawire.log.kafka_session import Placed, Session
from deltawire.log.kafka_topics import MAX_RECORD
from deltawire.log.partitioner import partition_for
from deltawire.log.port import LogError, OutcomeUnknown, Outgoing
from deltawire.log.topics import Topic

GATHERED_RECORDS = 1000
GATHERED_BYTES = 16 * 1024 * 1024
"""What appends of several tasks may come to in one transaction; a single one may be larger."""

_OVERHEAD = 4096


class Placer:
    """Turns records into what the client takes, and refuses what Kafka would."""

    def __init__(self, topics: Mapping[str, Topic], partitions: int) -> None:
        self._topics = topics
        self._partitions = partitions

    def place(self, records: Sequence[Outgoing]) -> list[Placed]:
        """
        Raises:
            LogError: a record cannot be written, and so none is.
        """
        return [self._place(record) for record in records]

    def _place(self, record: Outgoing) -> Placed:
        topic = self._topics.get(record.topic)
        if topic is None:
            raise LogError(f"the log has no topic {record.topic}")
        if record.key is None and (topic.compact or record.value is None):
            raise LogError(f"a record of {record.topic} needs a key: it is compacted, or the record is a tombstone")
        placed = Placed(
            topic=record.topic,
            partition=partition_for(record, self._partitions),
            key=None if record.key is None else record.key.encode(),
            value=record.value,
            headers=[(name, value.encode()) for name, value in record.headers.items()],
        )
        limit = MAX_RECORD + topic.room
        if size(placed) > limit:
            raise LogError(
                f"a record of {record.topic} with key {record.key!r} has {size(placed)} bytes; "
                f"the log takes at most {limit}"
            )
        return placed


def size(record: Placed) -> int:
    """Bytes of a record, about."""
    headers = sum(len(name) + len(value) + 8 for name, value in record.headers)
    return len(record.key or b"") + len(record.value or b"") + headers


class KafkaWriter:
    def __init__(self, placer: Placer, session: Session) -> None:
        self._placer = placer
        self._session = session

    async def commit(self, records: Sequence[Outgoing]) -> None:
        placed = self._placer.place(records)
        if placed:
            await self._session.commit(placed)

    async def close(self) -> None:
        await self._session.close()


class _Waiting(msgspec.Struct, eq=False):
    records: list[Placed]
    done: asyncio.Future[None]


class Appender:
    """The nameless appends of a process: those that wait together are one transaction."""

    def __init__(self, placer: Placer, open_session: Callable[[], Awaitable[Session]]) -> None:
        self._placer = placer
        self._open = open_session
        self._queue: list[_Waiting] = []
        self._session: Session | None = None
        self._retired: set[asyncio.Task[None]] = set()
        self._task: asyncio.Task[None] | None = None

    async def append(self, records: Sequence[Outgoing]) -> None:
        placed = self._placer.place(records)
        if not placed:
            return
        waiting = _Waiting(placed, asyncio.get_running_loop().create_future())
        waiting.done.add_done_callback(forget)
        self._queue.append(waiting)
        if self._task is None or self._task.done():
            self._task = asyncio.create_task(self._work())
        await waiting.done

    async def close(self) -> None:
        """Finish what is under way, within a few seconds; what still waits was not written."""
        for waiting in self._queue:
            _fail(waiting, LogError("nothing was written: the log is closed"))
        self._queue.clear()
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait({self._task})
        self._retire()
        if self._retired:
            await asyncio.wait(self._retired)

    async def _work(self) -> None:
        while self._queue:
            batch = self._take()
            if batch:
                await self._write(batch)

    def _retire(self) -> None:
        if self._session is not None:
            task = asyncio.create_task(self._session.close())
            self._retired.add(task)
            task.add_done_callback(self._retired.discard)
            self._session = None

    def _take(self) -> list[_Waiting]:
        """The next appends; those that nobody waits for any more are left out."""
        batch: list[_Waiting] = []
        records = total = 0
        while self._queue:
            first = self._queue[0]
            records += len(first.records)
            total += sum(size(record) for record in first.records)
            if batch and (records > GATHERED_RECORDS or total > GATHERED_BYTES):
                break
            self._queue.pop(0)
            if not first.done.done():
                batch.append(first)
        return batch

    async def _write(self, batch: list[_Waiting]) -> None:
        try:
            if self._session is not None and not self._session.usable:
                self._retire()
            if self._session is None:
                self._session = await self._open()
            await self._session.commit([record for waiting in batch for record in waiting.records])
        except LogError as error:
            for waiting in batch:
                _fail(waiting, error)
        except asyncio.CancelledError:
            for waiting in batch:
                _fail(waiting, OutcomeUnknown("the log was closed while the records were being written"))
            raise
        else:
            for waiting in batch:
                if not waiting.done.done():
                    waiting.done.set_result(None)


def _fail(waiting: _Waiting, error: LogError) -> None:
    if not waiting.done.done():
        waiting.done.set_exception(type(error)(str(error)))
