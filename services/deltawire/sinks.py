"""Following a partition of ``events`` with the position in the store: what storage and alerting share."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import structlog

from deltawire.log.port import Log, OutOfRange, Record
from deltawire.store.port import PositionMoved, Store

logger = structlog.get_logger()


class Sink(Protocol):
    async def take(self, expected: int | None, records: Sequence[Record]) -> int | None:
        """Write what the records lead to, and the next position in the same transaction; returns that position.

        Null where there is still none: a restart begins anew.
        """

    async def caught_up(self) -> int | None:
        """Called where no position is stored and nothing is left to read; returns it if it now is, else null."""

    async def resume(self, expected: int | None, begin: int, end: int) -> int | None:
        """Called where the log does not hold everything from the stored position on (null: none was stored).

        The log holds the offsets from ``begin`` up to before ``end``. Returns the position now stored, which is
        ``begin``, or null where there is still none.
        """


async def follow(log: Log, store: Store, consumer: str, topic: str, partition: int, sink: Sink) -> None:
    """Read the partition from the stored position on, until cancelled.

    A position that another process moved is read again, and so are bounds that retention moved.
    """
    while True:
        position = (await store.positions(consumer)).get(partition)
        begin, end = (await log.bounds(topic))[partition]
        try:
            if not begin <= (position or 0) <= end:
                position = await sink.resume(position, begin, end)
            reader = await log.reader(topic, {partition: begin if position is None else position})
            try:
                while True:
                    records = await reader.poll()
                    if records:
                        position = await sink.take(position, records)
                    elif position is None:
                        position = await sink.caught_up()
            finally:
                await reader.close()
        except PositionMoved as moved:
            logger.info("position.moved", service=consumer, partition=partition, outcome="read again", cause=str(moved))
        except OutOfRange as gone:
            logger.info("position.gone", service=consumer, partition=partition, outcome="read again", cause=str(gone))
