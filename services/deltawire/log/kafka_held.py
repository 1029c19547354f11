"""Open transactions that hold readers back: committed records behind them stay hidden until they end.

A process that is killed in the middle of a commit leaves one. Kafka undoes it in the end; until then readers stand
still, and this is what tells an operator why.
"""

from __future__ import annotations

import msgspec
import structlog

from deltawire import telemetry

logger = structlog.get_logger()


class Mark(msgspec.Struct, frozen=True):
    """What a broker said about a partition: its last stable offset, its end, and when (Unix time in seconds)."""

    stable: int
    end: int
    at: float


class Hold(msgspec.Struct, frozen=True):
    """The transaction that begins at offset ``stable`` was first seen open at ``since`` and last at ``until``."""

    stable: int
    hidden: int
    since: float
    until: float
    told: bool = False

    @property
    def seconds(self) -> float:
        return self.until - self.since


def advance(hold: Hold | None, mark: Mark) -> Hold | None:
    """The hold after another mark; null when nothing is hidden."""
    if mark.stable < 0 or mark.stable >= mark.end:
        return None
    hidden = mark.end - mark.stable
    if hold is None or hold.stable != mark.stable:
        return Hold(stable=mark.stable, hidden=hidden, since=mark.at, until=mark.at)
    return msgspec.structs.replace(hold, hidden=hidden, until=mark.at)


class Holds:
    """Those that one reader sees. One that lasts for ``patience`` seconds is logged, and so is its end."""

    def __init__(self, topic: str, patience: float) -> None:
        self._topic = topic
        self._patience = patience
        self._holds: dict[int, Hold] = {}

    def see(self, partition: int, mark: Mark) -> None:
        before = self._holds.pop(partition, None)
        after = advance(before, mark)
        if before is not None and before.told and (after is None or after.stable != before.stable):
            self._end(partition, before)
        if after is None:
            return
        if not after.told and after.seconds >= self._patience:
            after = msgspec.structs.replace(after, told=True)
            logger.warning(
                "log.open_transaction",
                topic=self._topic,
                partition=partition,
                since=round(after.since, 3),
                offset=after.stable,
                hidden=after.hidden,
                outcome="waiting",
                what_to_do="none at first: Kafka undoes what a killed process left; if it lasts, see operations.md",
            )
        if after.told:
            telemetry.open_transaction.labels(self._topic, partition).set(after.seconds)
        self._holds[partition] = after

    def forget(self) -> None:
        """The reader is closed, and sees no more."""
        for partition, hold in self._holds.items():
            if hold.told:
                telemetry.open_transaction.labels(self._topic, partition).set(0)
        self._holds.clear()

    def _end(self, partition: int, hold: Hold) -> None:
        telemetry.open_transaction.labels(self._topic, partition).set(0)
        logger.info(
            "log.open_transaction",
            topic=self._topic,
            partition=partition,
            offset=hold.stable,
            seconds=round(hold.seconds, 3),
            outcome="ended",
        )
