"""The log port: what every engine promises, in Kafka's terms. One contract suite runs on every engine.

* A topic has partitions; a record has an offset in its partition. Offsets rise but may have holes
  (transaction markers, compaction): a reader's next position is ``record.offset + 1``.
* Readers see only committed records, and keep their own positions: there is no hidden cursor.
* ``Writer.commit`` is atomic over all its records, whatever their topics. State and input positions are
  records too (of a compacted topic), so "events + state + position" is one commit. Readers see it whole in each
  partition, but may see it in one partition a moment before they see it in another.
* Only one writer of a name is alive: opening one fences the others, whose commits then raise ``Fenced``.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from datetime import datetime
from typing import Protocol, TypeVar

import msgspec
import structlog

logger = structlog.get_logger()

T = TypeVar("T")


class LogError(Exception):
    """The log could not do what was asked."""


class Unreachable(LogError):
    """The log does not answer: it may, later."""


class Fenced(LogError):
    """A newer writer of the same name exists: this one must stop for good, and not be opened again."""


class OutcomeUnknown(LogError):
    """The commit may or may not have happened. Throw the writer away, open a new one, and read what is there."""


class OutOfRange(LogError):
    """The position lies before the oldest record kept (retention went past it) or beyond the end."""


class Record(msgspec.Struct, frozen=True, kw_only=True):
    """A committed record. ``value`` is null for a tombstone."""

    topic: str
    partition: int
    offset: int
    key: str | None
    value: bytes | None
    headers: dict[str, str]
    timestamp: datetime

    def __repr__(self) -> str:
        return f"Record({self.topic}/{self.partition}@{self.offset} key={self.key!r})"


class Outgoing(msgspec.Struct, frozen=True, kw_only=True):
    """A record to be written. The partition is ``partition``, else chosen by ``partition_key``, else by ``key``."""

    topic: str
    key: str | None
    value: bytes | None
    headers: dict[str, str] = {}
    partition_key: str | None = None
    partition: int | None = None


class Writer(Protocol):
    async def commit(self, records: Sequence[Outgoing]) -> None:
        """Write all records or none, in order. One that is cancelled has an unknown outcome.

        Raises:
            Fenced: another writer of this name was opened.
            OutcomeUnknown: see there. Any other LogError: nothing was written.
        """

    async def close(self) -> None: ...


class Reader(Protocol):
    @property
    def positions(self) -> Mapping[int, int]:
        """The next offset to read, by partition."""

    async def poll(self, *, max_records: int = 500, timeout: float = 1.0) -> list[Record]:
        """The next committed records, in offset order within each partition. One task at a time may poll.

        Waits up to ``timeout`` seconds for the first; an empty list means that nothing came. It may come early,
        and may be fewer records than there are. Positions also move over holes, without any record.

        Raises:
            OutOfRange: retention removed records that this reader has not seen, or a position is beyond the end.
                Holes that compaction left are no loss.
        """

    async def close(self) -> None: ...


class Assignment(msgspec.Struct, frozen=True, kw_only=True):
    generation: int
    partitions: frozenset[int]


class Membership(Protocol):
    async def changed(self) -> Assignment:
        """The current assignment at the first call; afterwards waits for the next one."""


class Log(Protocol):
    async def append(self, records: Sequence[Outgoing]) -> Sequence[int] | None:
        """Write all records durably or none, in order, as nobody in particular (no fencing).

        Returns their offsets, or null: an engine need not tell them, in another process above all.

        Raises:
            OutcomeUnknown: the records may or may not have been written. Any other LogError (an unknown topic or
                partition, no key in a compacted topic, no room): nothing was written.
        """

    async def writer(self, name: str) -> Writer:
        """A new writer of that name. When this returns, every earlier one is fenced."""

    async def reader(self, topic: str, positions: Mapping[int, int]) -> Reader:
        """A reader of those partitions, from those next offsets.

        Raises:
            LogError: there is no such topic or partition.
        """

    async def bounds(self, topic: str) -> dict[int, tuple[int, int]]:
        """The oldest offset kept and the next offset to be written, by partition: all partitions of the topic."""

    def member(self, group: str, topic: str) -> AbstractAsyncContextManager[Membership]:
        """Join the group that shares the partitions of the topic."""

    async def close(self) -> None: ...


async def latest(log: Log, topic: str, type_: type[T]) -> dict[str, T]:
    """The latest value of each key of a compacted topic of JSON, in the order of the keys.

    A value that cannot be read is skipped and logged: the one before it counts, as long as the log has it.
    """
    values: dict[str, T] = {}
    async for record in snapshot(log, topic):
        if record.key is None:
            continue
        if record.value is None:
            values.pop(record.key, None)
            continue
        try:
            values[record.key] = msgspec.json.decode(record.value, type=type_)
        except msgspec.DecodeError as error:
            logger.warning("record.unreadable", topic=topic, key=record.key, outcome="skipped", error=str(error))
    return dict(sorted(values.items()))


async def snapshot(
    log: Log,
    topic: str,
    partitions: Sequence[int] | None = None,
    *,
    bounds: Mapping[int, tuple[int, int]] | None = None,
) -> AsyncIterator[Record]:
    """Every record from the beginning to what is now the end: how a compacted topic is restored.

    Whoever goes on from that end asks for the ``bounds`` beforehand, and passes them.
    """
    bounds = await log.bounds(topic) if bounds is None else bounds
    wanted = bounds if partitions is None else {p: bounds[p] for p in partitions}
    ends = {p: end for p, (begin, end) in wanted.items() if begin < end}
    if not ends:
        return
    reader = await log.reader(topic, {p: wanted[p][0] for p in ends})
    try:
        while any(reader.positions[p] < end for p, end in ends.items()):
            for record in await reader.poll():
                if record.offset < ends[record.partition]:
                    yield record
    finally:
        await reader.close()
