"""The latest value of each key of a partition, as the poller and its series begin from it."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Generic, TypeVar

import msgspec

from deltawire.log.dead_letters import Skips
from deltawire.log.port import Log, Record, snapshot
from deltawire.log.topics import Topics
from deltawire.model import Feed
from deltawire.poller_state import FetchState, SeriesState

T = TypeVar("T", Feed, FetchState, SeriesState)


class Latest(Generic[T]):
    """``values`` by key. A key whose latest record cannot be read keeps the value before it as long as the log does."""

    def __init__(self) -> None:
        self.values: dict[str, T] = {}
        # A record that a later one replaced matters to nobody, readable or not.
        self._outcomes: dict[str, tuple[Record, msgspec.DecodeError] | None] = {}

    @property
    def unreadable(self) -> frozenset[str]:
        """The keys whose latest record cannot be read."""
        return frozenset(key for key, outcome in self._outcomes.items() if outcome is not None)

    def take(self, key: str, record: Record, type_: type[T]) -> None:
        self._outcomes.pop(key, None)
        try:
            value = decode(record, type_)
        except msgspec.DecodeError as error:
            self._outcomes[key] = record, error
            return
        self._outcomes[key] = None
        if value is None:
            self.values.pop(key, None)
        else:
            self.values[key] = value

    def skips(self, topics: Topics, service: str, now: datetime) -> Skips:
        """What became of the latest records, in their order."""
        skips = Skips(topics, service)
        for outcome in self._outcomes.values():
            if outcome is None:
                skips.passed()
            else:
                skips.skip(*outcome, now)
        return skips


async def latest(
    log: Log, topic: str, partition: int, type_: type[T], bounds: Mapping[int, tuple[int, int]] | None = None
) -> Latest[T]:
    found = Latest[T]()
    async for record in snapshot(log, topic, [partition], bounds=bounds):
        if record.key is not None:
            found.take(record.key, record, type_)
    return found


def decode(record: Record, type_: type[T]) -> T | None:
    """The value of a record, null for a tombstone.

    Raises:
        msgspec.DecodeError: it is none of that type.
    """
    return None if record.value is None else msgspec.json.decode(record.value, type=type_)
