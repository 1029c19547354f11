"""What could not be processed: kept as it was, with where it stood and why it failed.

A dead letter is a record of the dead-letter topic, in the partition of the original: the original key, bytes and
headers, and ``dlq.*`` headers beside them. Records with ``dlq.redriven`` only note that one was put back.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

import structlog

from deltawire import telemetry
from deltawire.events import rfc3339
from deltawire.log.port import Log, Outgoing, Record
from deltawire.log.topics import Topics

logger = structlog.get_logger()

PREFIX = "dlq."
MESSAGE_LIMIT = 500
"""Characters of an error that are kept."""


def dead_letter(topics: Topics, record: Record, service: str, error: Exception, now: datetime) -> Outgoing:
    """The record for the dead-letter topic. Headers of the original that begin with ``dlq.`` give way to ours."""
    return Outgoing(
        topic=topics.dead_letters,
        partition=record.partition,
        key=record.key,
        value=record.value,
        headers={
            **record.headers,
            "dlq.topic": record.topic,
            "dlq.partition": str(record.partition),
            "dlq.offset": str(record.offset),
            "dlq.timestamp": rfc3339(record.timestamp),
            "dlq.service": service,
            "dlq.error.type": type(error).__name__,
            # What is quoted from a foreign document may hold lone surrogates, which no header can.
            "dlq.error.message": str(error)[:MESSAGE_LIMIT].encode(errors="replace").decode(),
            "dlq.time": rfc3339(now),
        },
    )


class Skips:
    """What became of the records of one batch: ``outcomes`` for the fuse, ``letters`` for the dead-letter topic."""

    def __init__(self, topics: Topics, service: str) -> None:
        self._topics = topics
        self._service = service
        self.outcomes: list[str | None] = []
        self.letters: list[Outgoing] = []

    def passed(self) -> None:
        self.outcomes.append(None)

    def skip(self, record: Record, error: Exception, now: datetime) -> None:
        self.outcomes.append(f"{type(error).__name__} at offset {record.offset}")
        self.letters.append(dead_letter(self._topics, record, self._service, error, now))

    async def write(self, log: Log) -> None:
        """Append the letters, for a service that has no transaction on the log: after a crash they come again."""
        if self.letters:
            await log.append(self.letters)
            report(self.letters)


def report(letters: Sequence[Outgoing]) -> None:
    """Count and log letters that have been written. The log line holds nothing of the record."""
    for letter in letters:
        service, reason = letter.headers["dlq.service"], letter.headers["dlq.error.type"]
        telemetry.dead_letters.labels(service, reason).inc()
        logger.warning(
            "record.dead_letter",
            service=service,
            topic=letter.headers["dlq.topic"],
            partition=int(letter.headers["dlq.partition"]),
            offset=int(letter.headers["dlq.offset"]),
            reason=reason,
            outcome="skipped",
            what_to_do="deltawire dead-letters list shows it with the whole reason",
        )
