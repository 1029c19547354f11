"""``doomed_writer ADDRESS PREFIX SECONDS``: commits one record to partition 0 of events; to be killed in the middle.

Kafka keeps the transaction for so many seconds.
"""

from __future__ import annotations

import asyncio
import sys

from deltawire.log import kafka_session
from deltawire.log.kafka import KafkaLog
from deltawire.log.port import Outgoing
from deltawire.log.topics import Topics
from support.kafka_log import settings


async def main(address: str, prefix: str, seconds: str) -> None:
    config = settings(topic_prefix=prefix)
    kafka_session.OUTLIVES = float(seconds) - config.timeout
    topics = Topics(prefix)
    log = await KafkaLog.open(address, topics, config)
    writer = await log.writer(f"{prefix}.doomed")
    await writer.commit([Outgoing(topic=topics.events, key="k", value=b"half", partition=0)])


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
