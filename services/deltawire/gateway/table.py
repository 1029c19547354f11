"""A compacted topic, mirrored in memory."""

from __future__ import annotations

import asyncio
from typing import Generic, TypeVar

import msgspec
import structlog

from deltawire.log.port import Log, LogError, Record

logger = structlog.get_logger()

PAUSE = 1.0
T = TypeVar("T")


class Table(Generic[T]):
    """The last value of each key. ``ready`` is set once everything that was there at the start is read."""

    def __init__(self, log: Log, topic: str, type_: type[T]) -> None:
        self.values: dict[str, T] = {}
        self.ready = asyncio.Event()
        self._log = log
        self._topic = topic
        self._decoder = msgspec.json.Decoder(type_)

    async def run(self) -> None:
        """Follow the topic until cancelled. After an error of the log everything is read again."""
        while True:
            try:
                await self._follow()
            except LogError as error:
                logger.warning("gateway.table", topic=self._topic, outcome="restart", error=str(error))
                await asyncio.sleep(PAUSE)

    async def _follow(self) -> None:
        bounds = await self._log.bounds(self._topic)
        ends = {partition: end for partition, (_, end) in bounds.items()}
        reader = await self._log.reader(self._topic, {p: oldest for p, (oldest, _) in bounds.items()})
        values: dict[str, T] = {}
        try:
            while True:
                if all(reader.positions[p] >= end for p, end in ends.items()):
                    self.values = values
                    self.ready.set()
                for record in await reader.poll():
                    self._take(values, record)
        finally:
            await reader.close()

    def _take(self, values: dict[str, T], record: Record) -> None:
        if record.key is None:
            return
        if record.value is None:
            values.pop(record.key, None)
            return
        try:
            values[record.key] = self._decoder.decode(record.value)
        except msgspec.MsgspecError as error:
            logger.warning(
                "gateway.table", topic=self._topic, key=record.key, offset=record.offset, outcome="skipped",
                error=str(error), what_to_do="upgrade the gateway if its version is behind the writer's",
            )  # fmt: skip
