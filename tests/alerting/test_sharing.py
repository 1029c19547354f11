"""Several alerting processes on one store: each alert is sent by one of them, and none is forgotten."""

from __future__ import annotations

import asyncio
import base64
import signal
import sys
from collections import Counter
from datetime import datetime, timedelta
from pathlib import Path

import aiohttp
from structlog.testing import capture_logs

from deltawire.alerting import service
from deltawire.alerting.channels import LogChannel, make_channels
from deltawire.alerting.courier import LEASE, LONGEST_ATTEMPT, Courier
from deltawire.alerting.schedule import Answer
from deltawire.config import ChannelConfig, RuleConfig
from deltawire.log.sqlite import SqliteLog
from deltawire.log.topics import Topics
from deltawire.store.port import Alert, Store
from support.couriers import deliver_due
from support.receiver import Receiver
from support.samples import START, an_alert, entry_event, event_out
from support.stores import Engine
from support.waiting import eventually, running

SECRET = "whsec_" + base64.b64encode(bytes(32)).decode()
topics = Topics()


async def settle_everything(store: Store, alerts: int) -> None:
    async def done() -> bool:
        raised = await store.alerts(limit=1000)
        return len(raised) == alerts and await store.backlog() == {}

    await eventually(done)


async def test_two_services_deliver_each_alert_once(
    engine: Engine, tmp_path: Path, session: aiohttp.ClientSession, receiver: Receiver
) -> None:
    log = await SqliteLog.open(tmp_path / "log.db", topics, partitions=4, serve=False, maintenance_interval=None)
    stores = [await engine.open() for _ in range(2)]
    for partition in range(4):
        await stores[0].raise_alerts(partition, None, 0, [])
    rule = RuleConfig(id="fire", any=("fire",), channels=("desk", "log"))
    desk = ChannelConfig(id="desk", url=receiver.url, secret=SECRET)
    with capture_logs() as lines:
        async with (
            running(service.run(log, topics, stores[0], [rule], [desk], session)),
            running(service.run(log, topics, stores[1], [rule], [desk], session)),
        ):
            for feed in range(8):
                events = [entry_event("created", n, f"e{n}", feed=f"feed-{feed}", text="Fire") for n in range(1, 11)]
                await log.append([event_out(topics, event) for event in events])
            await settle_everything(stores[0], 80)
    ids = Counter(sent.headers["webhook-id"] for sent in receiver.received)
    assert len(ids) == 80
    assert set(ids.values()) == {1}
    assert len({line["alert"] for line in lines if line["event"] == "alert.raised"}) == 80
    assert {d.attempts for _, found in await stores[0].alerts(limit=1000) for d in found} == {1}
    for store in stores:
        await store.close()
    await log.close()


async def test_a_courier_killed_between_claim_and_attempt_leaves_its_delivery_to_another_after_the_lease(
    engine: Engine, session: aiohttp.ClientSession, receiver: Receiver
) -> None:
    store = await engine.open()
    await store.raise_alerts(0, None, 1, [(an_alert(1), ("desk",))])
    now = START + timedelta(hours=1)
    doomed = await asyncio.create_subprocess_exec(
        sys.executable, str(Path(__file__).with_name("doomed.py")), engine.url, now.isoformat()
    )
    assert await asyncio.wait_for(doomed.wait(), 60) == -signal.SIGKILL
    desk = make_channels([ChannelConfig(id="desk", url=receiver.url, secret=SECRET)], session)["desk"]
    assert await deliver_due(Courier(store, desk, lambda: now + LEASE - timedelta(seconds=1))) == 0
    assert await store.next_due(channel_id="desk") == now + LEASE
    assert await deliver_due(Courier(store, desk, lambda: now + LEASE)) == 1
    assert [sent.headers["webhook-id"] for sent in receiver.received] == ["toll-1"]
    assert await store.backlog() == {}
    await store.close()


class Slow(LogChannel):
    """Sends when it is told to."""

    def __init__(self) -> None:
        super().__init__("desk")
        self.sending = asyncio.Event()
        self.go_on = asyncio.Event()
        self.sent = 0
        self.answer = Answer(ok=True, text="taken")

    async def send(self, alert: Alert, now: datetime) -> Answer:
        self.sending.set()
        await self.go_on.wait()
        self.sent += 1
        return self.answer


async def test_a_failure_under_a_claim_that_was_lost_meanwhile_changes_nothing(engine: Engine) -> None:
    store = await engine.open()
    await store.raise_alerts(0, None, 1, [(an_alert(1), ("desk",))])
    now = START + timedelta(hours=1)
    stuck, other = Slow(), Slow()
    stuck.answer = Answer(ok=False, text="too late")
    late = asyncio.create_task(deliver_due(Courier(store, stuck, lambda: now)))
    await stuck.sending.wait()
    other.go_on.set()
    assert await deliver_due(Courier(store, other, lambda: now + LEASE)) == 1
    with capture_logs() as lines:
        stuck.go_on.set()
        await late
    assert [line["event"] for line in lines] == ["alert.claim_lost"]
    ((_, (delivery,)),) = await store.alerts()
    assert (delivery.state, delivery.answer) == ("delivered", "taken")
    await store.close()


async def test_who_stood_still_since_the_claim_does_not_send(engine: Engine) -> None:
    store = await engine.open()
    await store.raise_alerts(0, None, 1, [(an_alert(1), ("desk",))])
    claimed, woken = START + timedelta(hours=1), START + timedelta(hours=1) + LEASE - LONGEST_ATTEMPT
    moments = iter([claimed, woken + timedelta(microseconds=1)])
    channel = Slow()
    channel.go_on.set()
    await deliver_due(Courier(store, channel, lambda: next(moments)))
    assert channel.sent == 0
    assert await deliver_due(Courier(store, channel, lambda: claimed + LEASE)) == 1
    assert channel.sent == 1
    await store.close()


async def test_a_courier_that_is_stopped_gives_its_claims_back(engine: Engine) -> None:
    store = await engine.open()
    await store.raise_alerts(0, None, 1, [(an_alert(n), ("desk",)) for n in range(2)])
    now = START + timedelta(hours=1)
    channel = Slow()
    async with running(Courier(store, channel, lambda: now).run()):
        await channel.sending.wait()
        assert await store.claim("desk", now, 9, LEASE) == []
    assert len(await store.claim("desk", now, 9, LEASE)) == 2
    await store.close()
