from __future__ import annotations

import asyncio
import base64
from datetime import UTC, datetime, timedelta
from typing import Any

import aiohttp
import pytest
from standardwebhooks.webhooks import Webhook
from structlog.testing import capture_logs

from deltawire import telemetry
from deltawire.alerting import service
from deltawire.config import ChannelConfig, RuleConfig
from deltawire.events import EntryData
from deltawire.log.port import Outgoing, snapshot
from deltawire.log.sqlite import SqliteLog
from deltawire.log.topics import Topics
from deltawire.store.port import Store
from support.receiver import Receiver
from support.samples import POLL, entry_event, entry_out, event_out, feed_event, record_of
from support.stores import Engine
from support.waiting import eventually, running

topics = Topics()
SECRET = "whsec_" + base64.b64encode(bytes(32)).decode()
FIRE = RuleConfig(id="fire", any=("fire",))


async def caught_up(log: SqliteLog, store: Store) -> None:
    ends = {partition: end for partition, (_, end) in (await log.bounds(topics.events)).items()}

    async def at_the_end() -> bool:
        return await store.positions("alerting") == ends

    await eventually(at_the_end)


async def nothing_owed(store: Store) -> None:
    async def done() -> bool:
        return await store.backlog() == {}

    await eventually(done)


async def test_each_alert_is_one_line_of_the_log_channel_without_content(
    log: SqliteLog, store: Store, session: aiohttp.ClientSession
) -> None:
    await log.append(
        [
            event_out(topics, feed_event("started", 1)),
            event_out(topics, entry_event("created", 2, text="An old fire", backfill=True)),
            event_out(topics, entry_event("created", 3, "e2", text="A secret fire")),
            event_out(topics, entry_event("created", 4, "e3", text="Rain")),
        ]
    )
    before = telemetry.registry.get_sample_value("deltawire_alerts_total", {"rule": "fire"}) or 0

    async def counted() -> bool:
        # After the store has it.
        return telemetry.registry.get_sample_value("deltawire_alerts_total", {"rule": "fire"}) == before + 1

    with capture_logs() as lines:
        async with running(service.run(log, topics, store, [FIRE], [], session)):
            await caught_up(log, store)
            await nothing_owed(store)
            await eventually(counted)
    (line,) = [line for line in lines if line["log_level"] != "debug"]
    assert line.pop("alert").startswith("fire-")
    assert line == {
        "event": "alert.raised",
        "log_level": "info",
        "outcome": "logged",
        "rule": "fire",
        "feed": "harbour",
        "entry": "e2",
        "revision": 1,
        "event_id": "harbour/a/3",
        "poll_id": POLL,
    }


async def test_events_of_types_that_came_later_are_skipped(
    log: SqliteLog, store: Store, session: aiohttp.ClientSession
) -> None:
    unknown = [
        Outgoing(topic=topics.events, key="harbour", value=b"{}", headers={"ce_type": type_})
        for type_ in ("deltawire.entry.moved", "deltawire.story.started")
    ]
    await log.append([*unknown, event_out(topics, entry_event("created", 1, text="A fire"))])
    labels = {"service": "alerting"}
    before = telemetry.registry.get_sample_value("deltawire_skipped_events_total", labels) or 0
    async with running(service.run(log, topics, store, [FIRE], [], session)):
        await caught_up(log, store)
    assert [alert.entry_id for alert, _ in await store.alerts()] == ["e1"]
    assert telemetry.registry.get_sample_value("deltawire_skipped_events_total", labels) == before + 2
    assert [record async for record in snapshot(log, topics.dead_letters)] == []


async def test_an_event_that_a_rule_is_about_reaches_the_webhook(
    log: SqliteLog, store: Store, session: aiohttp.ClientSession, receiver: Receiver
) -> None:
    rule = RuleConfig(id="fire", any=("fire",), channels=("desk", "log"))
    desk = ChannelConfig(id="desk", url=receiver.url, secret=SECRET)
    async with running(service.run(log, topics, store, [rule], [desk], session)):
        await log.append([event_out(topics, entry_event("updated", 1, text="Fire out", revision=2))])
        await receiver.count(1)
        await nothing_owed(store)
    (sent,) = receiver.received
    Webhook(SECRET).verify(sent.body, sent.headers)
    assert (sent.data["rule"], sent.data["entry"]["id"], sent.data["revision"]) == ("fire", "e1", 2)
    ((alert, deliveries),) = await store.alerts()
    assert alert.payload["data"]["event_id"] == "harbour/a/1"
    assert {(d.channel_id, d.state, d.attempts, d.answer) for d in deliveries} == {
        ("desk", "delivered", 1, "HTTP 204"),
        ("log", "delivered", 1, "logged"),
    }


async def test_a_rule_alerts_once_for_an_entry_revision_however_often_the_event_comes(
    log: SqliteLog, store: Store, session: aiohttp.ClientSession, receiver: Receiver
) -> None:
    rules = [RuleConfig(id=name, any=("fire",), channels=("desk",)) for name in ("one", "two")]
    desk = ChannelConfig(id="desk", url=receiver.url, secret=SECRET)
    created = event_out(topics, entry_event("created", 1, text="Fire"))
    updated = event_out(topics, entry_event("updated", 2, text="Fire!", revision=2))
    await log.append([created, created, updated, created])
    before = telemetry.registry.get_sample_value("deltawire_alerts_total", {"rule": "one"}) or 0

    async def counted() -> bool:
        # After the store has them.
        return telemetry.registry.get_sample_value("deltawire_alerts_total", {"rule": "one"}) == before + 2

    for _ in range(2):
        async with running(service.run(log, topics, store, rules, [desk], session)):
            await caught_up(log, store)
            await nothing_owed(store)
            await eventually(counted)
        at = (await store.positions("alerting"))[0]
        await store.raise_alerts(0, at, 0, [])
    async with running(service.run(log, topics, store, rules, [desk], session)):
        await log.append([updated])
        await caught_up(log, store)
        await nothing_owed(store)
    assert sorted((alert.rule_id, alert.revision) for alert, _ in await store.alerts()) == [
        ("one", 1),
        ("one", 2),
        ("two", 1),
        ("two", 2),
    ]
    assert len(receiver.received) == 4
    assert telemetry.registry.get_sample_value("deltawire_alerts_total", {"rule": "one"}) == before + 2


async def test_what_is_owed_is_still_owed_after_a_restart(
    engine: Engine, log: SqliteLog, session: aiohttp.ClientSession, receiver: Receiver
) -> None:
    rule = RuleConfig(id="fire", any=("fire",), channels=("desk",))
    desk = ChannelConfig(id="desk", url=receiver.url, secret=SECRET)
    receiver.always(500)
    store = await engine.open()
    await store.raise_alerts(0, None, 0, [])
    async with running(service.run(log, topics, store, [rule], [desk], session)):
        await log.append([event_out(topics, entry_event("created", 1, text="Fire"))])
        await receiver.count(1)

        async def noted() -> bool:
            return [d.attempts for _, found in await store.alerts() for d in found] == [1]

        await eventually(noted)
    await store.close()

    receiver.always(200)
    store = await engine.open()

    def tomorrow() -> datetime:
        return datetime.now(UTC) + timedelta(days=1)

    async with running(service.run(log, topics, store, [rule], [desk], session, clock=tomorrow)):
        await receiver.count(2)
        await nothing_owed(store)
    await store.close()
    first, second = receiver.received
    assert first.headers["webhook-id"] == second.headers["webhook-id"]


async def test_a_record_that_is_no_event_goes_to_the_dead_letters_and_alerting_goes_on(
    log: SqliteLog, store: Store, session: aiohttp.ClientSession
) -> None:
    good = entry_event("created", 1, text="Fire")
    bad = [
        Outgoing(topic=topics.events, key="harbour", value=b'{"feed": 1}', headers=good.headers()),
        Outgoing(topic=topics.events, key="harbour", value=b"\xff", headers={"x": "y"}),
        Outgoing(topic=topics.events, key="harbour", value=None, headers=good.headers()),
        Outgoing(topic=topics.events, key=None, value=good.value(), headers=good.headers() | {"ce_traceparent": "x"}),
    ]
    unknown = Outgoing(topic=topics.events, key="harbour", value=b"{}", headers={"ce_type": "deltawire.story.began"})
    async with running(service.run(log, topics, store, [FIRE], [], session)):
        await log.append([*bad, unknown, event_out(topics, good)])
        await caught_up(log, store)
    letters = [record async for record in snapshot(log, topics.dead_letters)]
    assert [(r.key, r.value) for r in letters] == [(r.key, r.value) for r in bad]
    assert [r.headers["dlq.offset"] for r in letters] == ["0", "1", "2", "3"]
    assert letters[1].headers["x"] == "y"
    assert {r.headers["dlq.service"] for r in letters} == {"alerting"}
    assert len(await store.alerts()) == 1


async def test_rules_see_the_whole_of_a_truncated_entry(
    log: SqliteLog, store: Store, session: aiohttp.ClientSession
) -> None:
    cut = entry_event("created", 1, text="It began", truncated=True)
    whole = entry_event("created", 1, text="It began. " + "word " * 60_000 + "Fire").data
    assert isinstance(whole, EntryData)
    async with running(service.run(log, topics, store, [FIRE], [], session)):
        await log.append([event_out(topics, cut), entry_out(topics, record_of(cut, whole.entry))])
        await caught_up(log, store)
    assert len(await store.alerts()) == 1


async def test_events_that_were_deleted_unseen_are_told_and_alerting_goes_on(
    log: SqliteLog, store: Store, session: aiohttp.ClientSession
) -> None:
    async with running(service.run(log, topics, store, [FIRE], [], session)):
        await log.append([event_out(topics, entry_event("created", 1, text="Fire"))])
        await caught_up(log, store)
    await log.append([event_out(topics, entry_event("created", 2, "e2", text="Fire"))])
    await log.maintain(datetime.now(UTC) + timedelta(days=40))
    await log.append([event_out(topics, entry_event("created", 3, "e3", text="Fire"))])
    with capture_logs() as lines:
        async with running(service.run(log, topics, store, [FIRE], [], session)):
            await caught_up(log, store)
    assert [alert.entry_id for alert, _ in await store.alerts()] == ["e3", "e1"]
    (warning,) = [line for line in lines if line["event"] == "alerting.events_lost"]
    assert (warning["position"], warning["oldest_kept"]) == (1, 2)


async def test_what_is_owed_to_a_channel_that_is_gone_from_the_configuration_is_told(
    log: SqliteLog, store: Store, session: aiohttp.ClientSession
) -> None:
    rule = RuleConfig(id="fire", any=("fire",), channels=("desk",))
    desk = ChannelConfig(id="desk", url="http://127.0.0.1:9/", secret=SECRET)
    async with running(service.run(log, topics, store, [rule], [desk], session)):
        await log.append([event_out(topics, entry_event("created", 1, text="Fire"))])
        await caught_up(log, store)
    with capture_logs() as lines:
        async with running(service.run(log, topics, store, [FIRE], [], session)):

            async def told() -> bool:
                return any(line["event"] == "alert.channel_missing" for line in lines)

            await eventually(told)
    (line,) = [line for line in lines if line["event"] == "alert.channel_missing"]
    assert (line["channel"], line["owed"], line["log_level"]) == ("desk", 1, "warning")


@pytest.mark.parametrize(
    ("rule", "channel", "sentence"),
    [
        ({"channels": ("pager",)}, {}, "rule 'r': there is no channel 'pager'"),
        ({"regex": "("}, {}, "rule 'r': regex is no regular expression"),
        ({}, {"url": None}, "channel 'desk' lacks url; a webhook needs both"),
        ({}, {"secret": None}, "channel 'desk' lacks secret"),
        ({}, {"secret": "whsec_x"}, "channel 'desk': secret"),
        ({}, {"id": "log"}, "channel 'log' always is of type log"),
    ],
)
async def test_what_cannot_be_used_is_one_sentence_at_the_start(
    log: SqliteLog,
    store: Store,
    session: aiohttp.ClientSession,
    rule: dict[str, Any],
    channel: dict[str, Any],
    sentence: str,
) -> None:
    desk: dict[str, Any] = {"id": "desk", "url": "https://example.org/hook", "secret": SECRET}
    with pytest.raises(ValueError, match=sentence):
        async with asyncio.timeout(60):
            await service.run(
                log, topics, store, [RuleConfig(id="r", **rule)], [ChannelConfig(**(desk | channel))], session
            )
