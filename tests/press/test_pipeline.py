"""Readers and differ, without network and log, against the random publisher: exactly its facts, in every format."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import pytest

from deltawire.differ.state import Policy
from deltawire.formats.base import Raw
from deltawire.formats.registry import read
from deltawire.model import REVERSAL_LOOKS, CacheInfo, Document, FeedRef, Observation, Unchanged
from deltawire.press.chance import Publisher
from deltawire.press.render import FORMATS, FormatName
from deltawire.press.truth import compare
from support.one_feed import OneFeed

FEED = FeedRef(id="f", url="http://127.0.0.1/feed")


class Follower(OneFeed):
    """Looks at a publisher every five seconds, as the poller and the differ would together."""

    def __init__(self, publisher: Publisher, policy: Policy | None = None) -> None:
        super().__init__(policy)
        self.publisher = publisher
        self.events: list[dict[str, Any]] = []
        self.now = datetime(2026, 2, 1, tzinfo=UTC)
        self.digest = ""

    async def look(self) -> None:
        observation = self._observe()
        await self.publisher.look()
        self.events += [json.loads(event.structured()) for event in self.decided(observation).events]

    def _observe(self) -> Observation:
        self.now += timedelta(seconds=5)
        content_type = FORMATS[self.publisher.format].content_type
        reading = read(Raw(body=self.publisher.draw(), url=FEED.url, content_type=content_type))
        digest = repr(msgspec.json.encode((reading.entries, reading.feed, reading.coverage)))
        common: dict[str, Any] = {
            "poll_id": "0" * 32,
            "feed": FEED,
            "poller": "p",
            "began_at": self.now,
            "fetched_at": self.now + timedelta(milliseconds=20),
            "digest": digest,
            "cache": CacheInfo(date=self.now),
        }
        if digest == self.digest:
            return Unchanged(**common)
        self.digest = digest
        return Document(reading=reading, **common)


async def followed(publisher: Publisher, steps: int = 30, policy: Policy | None = None) -> Follower:
    follower = Follower(publisher, policy)
    for step in range(steps + 1):
        if step:
            publisher.step()
        for _ in range(REVERSAL_LOOKS):
            await follower.look()
    return follower


@pytest.mark.parametrize(
    ("name", "window", "opening"),
    [
        ("rss", None, 6),
        ("rss", 5, 9),
        ("atom", None, 6),
        ("atom", 3, 2),
        ("json-feed", None, 6),
        ("json-feed", 8, 12),
        ("json-ld", None, 6),
        ("json-ld", 6, 6),
        ("guardian", None, 6),
    ],
)
@pytest.mark.parametrize("noisy", [True, False])
async def test_random_changes_are_exactly_the_events(
    name: FormatName, window: int | None, opening: int, noisy: bool
) -> None:
    publisher = Publisher(21, name, window=window, opening=opening, noisy=noisy)
    follower = await followed(publisher)
    report = compare(publisher.facts, follower.events, feed="f")
    assert report.ok, str(report)
    assert report.expected > 20


async def test_a_policy_that_never_removes_is_found_out() -> None:
    publisher = Publisher(21, "guardian")
    follower = await followed(publisher, policy=Policy(removal_looks=1000))
    report = compare(publisher.facts, follower.events)
    assert report.f1 < 1
    assert any("removed at look" in sentence for sentence in report.missing)
