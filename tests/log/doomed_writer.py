"""``doomed_writer ADDRESS PREFIX``: commits one record to partition 0 of events; to be killed in the middle of it."""

from __future__ import annotations

import asyncio
import sys

from deltawire.log import kafka_session
from deltawire.log.kafka import KafkaLog
from deltawire.log.port import Outgoing
from deltawire.log.topics import Topics
from support.kafka_log import settings

TIMEOUT, OUTLIVES = 2.0, 0.5
"""Seconds: together, how long Kafka keeps the transaction."""


async def main(address: str, prefix: str) -> None:
    kafka_session.OUTLIVES = OUTLIVES
    topics = Topics(prefix)
    log = await KafkaLog.open(address, topics, settings(topic_prefix=prefix, timeout=TIMEOUT))
    writer = await log.writer(f"{prefix}.doomed")
    await writer.commit([Outgoing(topic=topics.events, key="k", value=b"half", partition=0)])


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
