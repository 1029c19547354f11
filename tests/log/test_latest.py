"""The latest values of a compacted topic."""

from __future__ import annotations

from pathlib import Path

import msgspec

from deltawire.log.port import Outgoing, latest
from deltawire.log.sqlite import SqliteLog
from deltawire.log.topics import Topics
from deltawire.model import Feed

TOPICS = Topics()


def record(key: str, value: bytes | None) -> Outgoing:
    return Outgoing(topic=TOPICS.feeds, key=key, value=value)


def wanted(key: str, url: str) -> Outgoing:
    return record(key, msgspec.json.encode(Feed(id=key, url=url)))


async def test_the_latest_value_of_each_key_that_can_be_read_counts(tmp_path: Path) -> None:
    log = await SqliteLog.open(tmp_path / "log.db", TOPICS, partitions=2)
    await log.append(
        [wanted("b", "https://b.test/old"), wanted("a", "https://a.test/"), wanted("gone", "https://c.test/")]
    )
    await log.append([wanted("b", "https://b.test/new"), record("gone", None), record("broken", b"{}")])
    await log.append([record("a", b'{"id": 1}')])
    found = await latest(log, TOPICS.feeds, Feed)
    assert [(key, feed.url) for key, feed in found.items()] == [("a", "https://a.test/"), ("b", "https://b.test/new")]
    await log.close()
