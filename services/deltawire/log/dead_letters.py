"""What could not be processed: kept as it was, with where it stood and why it failed."""

from __future__ import annotations

from deltawire import telemetry
from deltawire.log.port import Outgoing, Record
from deltawire.log.topics import Topics


def dead_letter(topics: Topics, record: Record, service: str, error: Exception) -> Outgoing:
    """The record for the dead-letter topic: original key, bytes and headers, and ``dlq.*`` headers. Counts it."""
    telemetry.dead_letters.labels(service, type(error).__name__).inc()
    return Outgoing(
        topic=topics.dead_letters,
        key=record.key,
        value=record.value,
        headers={
            **record.headers,
            "dlq.topic": record.topic,
            "dlq.partition": str(record.partition),
            "dlq.offset": str(record.offset),
            "dlq.service": service,
            "dlq.error": f"{type(error).__name__}: {error}",
        },
    )
