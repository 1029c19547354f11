"""Looks at a random publisher, as the records of the observations that a poller would write."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec

from deltawire.formats.base import Raw
from deltawire.formats.registry import read
from deltawire.log.port import Outgoing
from deltawire.log.topics import Topics
from deltawire.model import REVERSAL_LOOKS, CacheInfo, Document, FeedRef, Unchanged
from deltawire.press.chance import Publisher
from deltawire.press.render import FORMATS


class Looks:
    """One feed's looks. ``now`` is when the last of them began."""

    def __init__(self, topics: Topics, feed_id: str, publisher: Publisher) -> None:
        self.topics = topics
        self.feed = FeedRef(id=feed_id, url="http://press.test/feed")
        self.publisher = publisher
        self.now = datetime(2026, 2, 1, tzinfo=UTC)
        self.digest = ""

    async def records(self, steps: int) -> list[Outgoing]:
        """As many looks at each state as a return to it needs.

        Each is written twice: a poller that does not know whether it wrote writes again.
        """
        out: list[Outgoing] = []
        for _ in range(steps):
            for _ in range(REVERSAL_LOOKS):
                record = await self._look()
                out += [record, record]
            self.publisher.step()
        return out + [await self._look() for _ in range(REVERSAL_LOOKS)]

    async def _look(self) -> Outgoing:
        self.now += timedelta(seconds=5)
        content_type = FORMATS[self.publisher.format].content_type
        reading = read(Raw(body=self.publisher.draw(), url=self.feed.url, content_type=content_type))
        await self.publisher.look()
        digest = repr(msgspec.json.encode(reading))
        common: dict[str, Any] = {
            "poll_id": f"{int(self.now.timestamp()):032x}",
            "feed": self.feed,
            "poller": "p",
            "began_at": self.now,
            "fetched_at": self.now,
            "digest": digest,
            "cache": CacheInfo(date=self.now),
        }
        same, self.digest = digest == self.digest, digest
        look = Unchanged(**common) if same else Document(**common, reading=reading)
        return Outgoing(topic=self.topics.observations, key=self.feed.id, value=msgspec.json.encode(look))
