"""Records of the poller's own topics that it cannot read."""

from __future__ import annotations

import asyncio

import msgspec
import pytest

from deltawire import net
from deltawire.config import DeadLettersConfig
from deltawire.log.fuse import FuseBlown
from deltawire.log.port import Outgoing, Record, snapshot
from deltawire.model import Document, Retired
from deltawire.poller import service
from support.polling import CONFIG, TOPICS, Deployment, has, page

BAD = b'{"id": 7}'


def unreadable(key: str) -> Outgoing:
    return Outgoing(topic=TOPICS.feeds, key=key, value=BAD)


async def letters(site: Deployment) -> list[Record]:
    return [record async for record in snapshot(site.log, TOPICS.dead_letters)]


async def test_a_feed_whose_record_became_unreadable_is_not_retired(site: Deployment) -> None:
    site.origin.serve("/feed", page("a"))
    async with site.poller():
        await site.add()
        await site.until(has(Document))
    await site.log.append([unreadable("harbour")])
    site.origin.serve("/feed", page("a", "b"))
    async with site.poller():
        await site.until(has(Document, 2))
    assert "Retired" not in await site.kinds()
    assert [(letter.key, letter.value) for letter in await letters(site)] == [("harbour", BAD)]


async def test_a_record_that_a_later_one_replaced_is_no_dead_letter(site: Deployment) -> None:
    await site.log.append([unreadable("harbour")])
    site.origin.serve("/feed", page("a"))
    await site.add()
    async with site.poller():
        await site.until(has(Document))
    assert await letters(site) == []


@pytest.mark.parametrize("running_already", [False, True])
async def test_a_blown_fuse_stops_the_poller(site: Deployment, running_already: bool) -> None:
    config = msgspec.structs.replace(CONFIG, dead_letters=DeadLettersConfig(max_consecutive=2))
    bad = [Outgoing(topic=TOPICS.feeds, key=f"feed-{n}", value=BAD, partition=0) for n in range(3)]
    site.origin.serve("/feed", page("a"))
    if not running_already:
        await site.log.append(bad)
    async with net.make_session(CONFIG.fetch) as session:
        task = asyncio.create_task(service.run(site.log, TOPICS, config, session=session))
        if running_already:
            await site.add()
            await site.until(has(Document))
            await site.log.append(bad)

        await asyncio.wait({task}, timeout=60)
        task.cancel()
    with pytest.raises(FuseBlown, match=r"feeds\.v1 partition 0: 3 records in a row"):
        await task
    assert await letters(site) == []
    assert not any(isinstance(one, Retired) for one in await site.observations())
