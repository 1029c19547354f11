"""A store that is new, or was deleted, tells nothing of what was sent: the past is stored, but not sent."""

from __future__ import annotations

import base64
from datetime import timedelta

import aiohttp
from msgspec.structs import replace
from structlog.testing import capture_logs

from deltawire.alerting import service
from deltawire.alerting.rules import compile_rule
from deltawire.config import ChannelConfig, DeadLettersConfig, RuleConfig
from deltawire.log.port import Outgoing
from deltawire.log.sqlite import SqliteLog
from deltawire.log.topics import Topics
from deltawire.store.port import Store
from support.receiver import Receiver
from support.samples import START, entry_event, event_out
from support.stores import Engine
from support.waiting import eventually, running

topics = Topics()
SECRET = "whsec_" + base64.b64encode(bytes(32)).decode()
FIRE = RuleConfig(id="fire", any=("fire",), channels=("desk",))
NOW = START + timedelta(days=2)


def fires(*ages: timedelta) -> list[Outgoing]:
    """One event for each, told at that age; the entries are e1, e2 and so on."""
    return [
        event_out(topics, replace(entry_event("created", n, f"e{n}", text="Fire"), time=NOW - age))
        for n, age in enumerate(ages, 1)
    ]


async def sent(store: Store) -> dict[str, list[str]]:
    return {alert.entry_id: [d.state for d in found] for alert, found in await store.alerts()}


async def becomes(store: Store, expected: dict[str, list[str]]) -> None:
    async def done() -> bool:
        return await sent(store) == expected

    await eventually(done)


async def test_on_a_new_store_alerts_of_events_older_than_an_hour_are_stored_but_not_sent(
    engine: Engine, log: SqliteLog, session: aiohttp.ClientSession, receiver: Receiver
) -> None:
    desk = ChannelConfig(id="desk", url=receiver.url, secret=SECRET)
    store = await engine.open()
    await log.append(fires(timedelta(days=2), timedelta(minutes=61), timedelta(minutes=59)))
    with capture_logs() as lines:

        async def told() -> bool:
            # After the store has them.
            return any(line["event"] == "alerting.past_not_sent" for line in lines)

        async with running(service.run(log, topics, store, [FIRE], [desk], session, clock=lambda: NOW)):
            await becomes(store, {"e1": [], "e2": [], "e3": ["delivered"]})
            await eventually(told)
    assert [post.data["entry"]["id"] for post in receiver.received] == ["e3"]
    (line,) = [line for line in lines if line["event"] == "alerting.past_not_sent"]
    assert (line["alerts"], line["log_level"]) == (2, "info")
    await store.close()


async def test_on_a_store_that_is_only_behind_no_alert_is_too_old_to_be_sent(
    store: Store, log: SqliteLog, session: aiohttp.ClientSession, receiver: Receiver
) -> None:
    desk = ChannelConfig(id="desk", url=receiver.url, secret=SECRET)
    await log.append(fires(timedelta(days=2)))
    async with running(service.run(log, topics, store, [FIRE], [desk], session, clock=lambda: NOW)):
        await becomes(store, {"e1": ["delivered"]})


async def test_a_process_that_dies_in_the_past_leaves_the_store_as_new_to_the_next(
    engine: Engine, log: SqliteLog
) -> None:
    def beginning() -> service.PartitionAlerting:
        return service.PartitionAlerting(
            log, topics, store, 0, [compile_rule(FIRE)], {}, lambda: NOW, DeadLettersConfig()
        )

    store = await engine.open()
    await log.append(fires(*[timedelta(days=2)] * 3))
    reader = await log.reader(topics.events, {0: 0})
    records = await reader.poll()
    assert await beginning().take(None, records[:2]) is None
    assert await store.positions("alerting") == {}
    second = beginning()
    assert await second.take(None, records[:2]) is None
    assert await second.caught_up() == 2
    assert await store.positions("alerting") == {0: 2}
    assert await sent(store) == {"e1": [], "e2": []}
    await reader.close()
    await store.close()


async def test_the_past_ends_with_what_the_log_held_at_the_start(
    engine: Engine, log: SqliteLog, session: aiohttp.ClientSession, receiver: Receiver
) -> None:
    desk = ChannelConfig(id="desk", url=receiver.url, secret=SECRET)
    store = await engine.open()
    old = fires(*[timedelta(days=2)] * 2)
    await log.append(old[:1])
    async with running(service.run(log, topics, store, [FIRE], [desk], session, clock=lambda: NOW)):
        await becomes(store, {"e1": []})
        await log.append(old[1:])
        await becomes(store, {"e1": [], "e2": ["delivered"]})
    await store.close()
