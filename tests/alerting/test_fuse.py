"""Alerting stops rather than skip everything."""

from __future__ import annotations

import asyncio

import aiohttp
import pytest

from deltawire.alerting import service
from deltawire.config import DeadLettersConfig, RuleConfig
from deltawire.log.fuse import FuseBlown
from deltawire.log.port import Outgoing, snapshot
from deltawire.log.sqlite import SqliteLog
from deltawire.log.topics import Topics
from deltawire.store.port import Store
from support.samples import entry_event, event_out

TOPICS = Topics()


async def test_a_blown_fuse_stops_alerting_with_nothing_of_the_batch_stored(
    log: SqliteLog, store: Store, session: aiohttp.ClientSession
) -> None:
    bad = Outgoing(topic=TOPICS.events, key="harbour", value=b"{", headers=entry_event("created", 1).headers())
    await log.append([event_out(TOPICS, entry_event("created", 1, text="Fire")), bad, bad, bad])
    rule = RuleConfig(id="fire", any=("fire",))
    limits = DeadLettersConfig(max_consecutive=2)
    with pytest.raises(FuseBlown, match="3 records in a row"):
        await asyncio.wait_for(service.run(log, TOPICS, store, [rule], [], session, limits=limits), 60)
    assert await store.positions("alerting") == {0: 0}
    assert await store.alerts() == []
    assert [r async for r in snapshot(log, TOPICS.dead_letters)] == []
