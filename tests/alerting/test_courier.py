from __future__ import annotations

import asyncio
import base64
from collections.abc import Collection
from datetime import datetime, timedelta

import aiohttp
import pytest
from aiohttp import web
from structlog.testing import capture_logs

from deltawire.alerting.channels import LogChannel, make_channels
from deltawire.alerting.courier import LEASE, LONGEST_SLEEP_S, Courier
from deltawire.alerting.payload import make_alert
from deltawire.alerting.rules import subject
from deltawire.alerting.schedule import Answer, delay_s
from deltawire.config import ChannelConfig
from deltawire.store.port import Alert, Delivery, Store
from support.couriers import deliver_due
from support.receiver import Receiver
from support.samples import START, entry_event
from support.stores import Engine
from support.waiting import eventually, running

SECRET = "whsec_" + base64.b64encode(bytes(32)).decode()


class Clock:
    def __init__(self) -> None:
        self.now = START

    def __call__(self) -> datetime:
        return self.now


def an_alert(number: int = 1) -> Alert:
    about = subject(entry_event("created", number, f"e{number}"))
    assert about is not None
    return make_alert("toll", about, (), START)


async def owe(store: Store, channels: tuple[str, ...], count: int = 1) -> list[Alert]:
    alerts = [an_alert(number) for number in range(1, count + 1)]
    at = (await store.positions("alerting")).get(0)
    await store.raise_alerts(0, at, (at or 0) + 1, [(alert, channels) for alert in alerts])
    return alerts


def courier(
    store: Store, session: aiohttp.ClientSession, receiver: Receiver, clock: Clock, id_: str = "desk"
) -> Courier:
    config = ChannelConfig(id=id_, url=receiver.url, secret=SECRET)
    return Courier(store, make_channels([config], session)[id_], clock)


async def deliveries(store: Store) -> list[Delivery]:
    return [delivery for _, found in await store.alerts() for delivery in found]


async def test_a_failing_delivery_follows_the_schedule(
    store: Store, session: aiohttp.ClientSession, receiver: Receiver
) -> None:
    (alert,) = await owe(store, ("desk",))
    clock = Clock()
    desk = courier(store, session, receiver, clock)
    receiver.always(500)
    for attempts in range(1, 6):
        assert await deliver_due(desk) == 1
        assert await deliver_due(desk) == 0
        due = await store.next_due(channel_id="desk")
        assert due is not None
        assert (due - clock.now).total_seconds() == pytest.approx(delay_s(alert.id, attempts, None), abs=1e-5)
        clock.now = due - timedelta(microseconds=1)
        assert await deliver_due(desk) == 0
        clock.now = due
    receiver.always(204)
    assert await deliver_due(desk) == 1
    (delivery,) = await deliveries(store)
    assert (delivery.state, delivery.attempts, delivery.answer) == ("delivered", 6, "HTTP 204")
    assert len(receiver.received) == 6
    assert len({sent.headers["webhook-id"] for sent in receiver.received}) == 1


async def test_retry_after_of_either_form_is_honoured(
    store: Store, session: aiohttp.ClientSession, receiver: Receiver
) -> None:
    await owe(store, ("desk",))
    clock = Clock()
    desk = courier(store, session, receiver, clock)
    receiver.always(429, {"Retry-After": "3600"})
    await deliver_due(desk)
    assert await store.next_due() == START + timedelta(hours=1)
    clock.now = START + timedelta(hours=1)
    receiver.always(503, {"Retry-After": "Tue, 25 Nov 2025 13:00:00 GMT"})
    await deliver_due(desk)
    assert await store.next_due() == START + timedelta(hours=4)


async def test_410_kills_what_is_owed_to_the_channel_and_to_no_other(
    store: Store, session: aiohttp.ClientSession, receiver: Receiver
) -> None:
    await owe(store, ("desk", "other"), 5)
    desk = courier(store, session, receiver, Clock())
    receiver.always(410)
    with capture_logs() as lines:
        while await deliver_due(desk):
            pass
    assert 1 <= len(receiver.received) <= 2
    assert {(d.channel_id, d.state) for d in await deliveries(store)} == {("desk", "dead"), ("other", "owed")}
    assert [(line["event"], line["log_level"]) for line in lines] == [("alert.dead", "warning")] * 5
    assert await store.backlog() == {"other": 5}


async def test_a_channel_that_begins_to_fail_is_one_warning_until_it_recovers(
    store: Store, session: aiohttp.ClientSession, receiver: Receiver
) -> None:
    await owe(store, ("desk",))
    clock = Clock()
    desk = courier(store, session, receiver, clock)
    with capture_logs() as lines:
        for status in (500, 500, 204):
            receiver.always(status)
            await deliver_due(desk)
            clock.now += timedelta(hours=1)
    assert [(line["event"], line["log_level"], line["channel_state"]) for line in lines] == [
        ("alert.retry", "warning", "ok -> failing"),
        ("alert.retry", "info", "failing"),
        ("alert.delivered", "info", "recovered"),
    ]
    assert receiver.url not in str(lines)
    assert "The quay is closed" not in str(lines)


async def test_an_attempt_that_was_cut_off_is_made_again_after_a_restart_with_the_same_id(
    engine: Engine, session: aiohttp.ClientSession, receiver: Receiver
) -> None:
    store = await engine.open()
    await owe(store, ("desk",))
    receiver.answer = receiver.hang
    clock = Clock()
    async with running(courier(store, session, receiver, clock).run()):
        await receiver.count(1)
    await store.close()
    store = await engine.open()
    receiver.always(200)
    async with running(courier(store, session, receiver, clock).run()):
        await receiver.count(2)

        async def delivered() -> bool:
            return [d.state for d in await deliveries(store)] == ["delivered"]

        await eventually(delivered)
    first, second = receiver.received
    assert first.body == second.body
    assert first.headers["webhook-id"] == second.headers["webhook-id"]
    await store.close()


async def test_a_hanging_endpoint_does_not_delay_another(
    store: Store, session: aiohttp.ClientSession, receiver: Receiver
) -> None:
    await owe(store, ("stuck", "desk"), 20)
    clock = Clock()
    async with Receiver().listening() as stuck:
        stuck.answer = stuck.hang
        async with (
            running(courier(store, session, stuck, clock, "stuck").run()),
            running(courier(store, session, receiver, clock).run()),
        ):
            await stuck.count(1)
            await receiver.count(20)

            async def delivered() -> bool:
                return await store.backlog() == {"stuck": 20}

            await eventually(delivered)
        assert len(stuck.received) <= 2


async def test_a_hanging_delivery_holds_up_no_other_of_its_channel(
    store: Store, session: aiohttp.ClientSession, receiver: Receiver
) -> None:
    alerts = await owe(store, ("desk",), 7)

    async def hang_once() -> web.Response:
        receiver.answer = receiver.ok
        return await receiver.hang()

    async def delivered() -> bool:
        return await store.backlog() == {"desk": 1}

    receiver.answer = hang_once
    async with running(courier(store, session, receiver, Clock()).run()):
        await receiver.count(7)
        await eventually(delivered)
    ids = [sent.headers["webhook-id"] for sent in receiver.received]
    assert sorted(ids) == sorted(alert.id for alert in alerts)
    # Besides the one that hangs they went out in the order in which they became due.
    hung = {d.alert.id for d in await deliveries(store) if d.state == "owed"}
    assert [id_ for id_ in ids if id_ not in hung] == [alert.id for alert in alerts if alert.id not in hung]


async def test_a_new_alert_is_delivered_at_once_when_the_courier_is_woken(
    store: Store, session: aiohttp.ClientSession, receiver: Receiver
) -> None:
    sleeping = asyncio.Event()

    class Watched(Courier):
        async def _sleep(self, seconds: float, slots: Collection[asyncio.Task[None]]) -> None:
            assert seconds == LONGEST_SLEEP_S
            sleeping.set()
            await super()._sleep(seconds, slots)

    config = ChannelConfig(id="desk", url=receiver.url, secret=SECRET)
    desk = Watched(store, make_channels([config], session)["desk"], Clock())
    async with running(desk.run()):
        await sleeping.wait()
        await owe(store, ("desk",))
        desk.wake.set()
        await receiver.count(1)


async def test_an_alert_that_cannot_be_sent_does_not_stop_the_others(store: Store) -> None:
    alerts = await owe(store, ("log",), 3)

    class Broken(LogChannel):
        async def send(self, alert: Alert, now: datetime) -> Answer:
            if alert.id == alerts[0].id:
                raise RuntimeError("broken")
            return await super().send(alert, now)

    with capture_logs() as lines:
        while await deliver_due(Courier(store, Broken(), Clock())):
            pass
    assert [line["entry"] for line in lines if line["event"] == "alert.raised"] == ["e2", "e3"]
    states = {d.alert.entry_id: (d.state, d.answer) for d in await deliveries(store)}
    assert states["e1"] == ("owed", "not sent: RuntimeError")


async def test_variables_in_the_url_are_filled_in_for_the_request_only(
    store: Store, session: aiohttp.ClientSession, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    await owe(store, ("desk",))
    clock = Clock()
    config = ChannelConfig(id="desk", url=receiver.url.replace("hook", "${DW_TEST_PATH}"), secret=SECRET)
    desk = Courier(store, make_channels([config], session)["desk"], clock)
    monkeypatch.delenv("DW_TEST_PATH", raising=False)
    await deliver_due(desk)
    assert [d.answer for d in await deliveries(store)] == [
        "the URL needs the environment variable DW_TEST_PATH, which is not set; set it where deltawire is started"
    ]
    monkeypatch.setenv("DW_TEST_PATH", "hook")
    clock.now += timedelta(minutes=1)
    await deliver_due(desk)
    assert len(receiver.received) == 1


async def test_a_store_that_fails_is_asked_again(
    engine: Engine,
    store: Store,
    session: aiohttp.ClientSession,
    receiver: Receiver,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("deltawire.alerting.courier.PAUSE_S", 0.01)
    await owe(store, ("desk",))
    clock = Clock()
    desk = courier(store, session, receiver, clock)

    async def broken_answer() -> web.Response:
        # The attempt succeeds while its outcome cannot be written down.
        await engine.fetch("ALTER TABLE deliveries RENAME TO hidden")
        receiver.answer = receiver.ok
        return web.Response(status=200)

    async def stopped() -> bool:
        return [line["outcome"] for line in lines if line["event"] == "alert.deliveries_stopped"][:2] == ["retry"] * 2

    async def delivered() -> bool:
        return [d.state for d in await deliveries(store)] == ["delivered"]

    receiver.answer = broken_answer
    with capture_logs() as lines:
        async with running(desk.run()):
            await eventually(stopped)
            await engine.fetch("ALTER TABLE hidden RENAME TO deliveries")
            clock.now += LEASE
            desk.wake.set()
            await eventually(delivered)
    assert len(receiver.received) == 2
