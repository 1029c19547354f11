"""Deliveries are claimed before they are attempted: at most one process has each."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import msgspec

from deltawire.store.port import Delivery, Store
from support.samples import START, an_alert
from support.stores import Engine, store

__all__ = ["store"]

LEASE = timedelta(minutes=1)


async def owe(store: Store, count: int = 1, channels: tuple[str, ...] = ("desk",)) -> None:
    await store.raise_alerts(0, None, 1, [(an_alert(number), channels) for number in range(count)])


async def claim(store: Store, *, minutes: float = 1, limit: int = 10, channel: str = "desk") -> list[Delivery]:
    return await store.claim(channel, START + timedelta(minutes=minutes), limit, LEASE)


def settled(delivery: Delivery, state: str, attempts: int = 1) -> Delivery:
    return msgspec.structs.replace(delivery, state=state, attempts=attempts, answer=f"answer {attempts}")


async def only(store: Store) -> Delivery:
    ((_, (delivery,)),) = await store.alerts()
    return delivery


async def test_claims_come_oldest_first_of_one_channel_only(store: Store) -> None:
    await owe(store, 5, ("desk", "pager"))
    first, second = await claim(store, limit=2), await claim(store, limit=10)
    assert [d.alert.entry_id for d in first + second] == ["e0", "e1", "e2", "e3", "e4"]
    assert {d.channel_id for d in first + second} == {"desk"}
    assert len(await claim(store, channel="pager")) == 5
    assert await claim(store, minutes=-1, channel="log") == []


async def test_nothing_is_claimed_before_it_is_due(store: Store) -> None:
    await owe(store)
    assert await store.claim("desk", START - timedelta(microseconds=1), 10, LEASE) == []
    assert len(await store.claim("desk", START, 10, LEASE)) == 1


async def test_many_that_claim_at_once_get_every_delivery_exactly_once(engine: Engine) -> None:
    stores = [await engine.open() for _ in range(3)]
    await owe(stores[0], 60)
    claims = await asyncio.gather(*(claim(stores[n % 3], limit=4) for n in range(24)))
    claims.append(await claim(stores[0], limit=100))
    found = [delivery.alert.id for some in claims for delivery in some]
    assert len(found) == 60
    assert len(set(found)) == 60
    for opened in stores:
        await opened.close()


async def test_a_claim_is_nobody_elses_until_its_lease_is_over(store: Store) -> None:
    await owe(store)
    (mine,) = await claim(store, minutes=1)
    assert mine.claimed_until == START + timedelta(minutes=2)
    assert await store.next_due(channel_id="desk") == mine.claimed_until
    assert await claim(store, minutes=1.99) == []
    (theirs,) = await claim(store, minutes=2)
    assert theirs.claimed_until == START + timedelta(minutes=3)
    assert not await store.record_attempt(settled(mine, "owed"))
    assert await only(store) == theirs
    assert await store.record_attempt(settled(theirs, "delivered"))
    assert (await only(store)).answer == "answer 1"


async def test_what_was_delivered_under_a_lost_claim_is_not_sent_again(store: Store) -> None:
    await owe(store)
    (mine,) = await claim(store, minutes=1)
    (theirs,) = await claim(store, minutes=3)
    assert await store.record_attempt(settled(mine, "delivered"))
    assert not await store.record_attempt(settled(theirs, "owed", attempts=2))
    assert await claim(store, minutes=9) == []
    assert (await only(store)).state == "delivered"


async def test_a_released_delivery_is_due_at_once_and_a_lost_claim_releases_nothing(store: Store) -> None:
    await owe(store)
    (mine,) = await claim(store, minutes=1)
    await store.release(mine)
    (again,) = await claim(store, minutes=1.5)
    assert again.claimed_until != mine.claimed_until
    await store.release(mine)
    assert await claim(store, minutes=2) == []
    await store.release(again)
    assert len(await claim(store, minutes=2)) == 1


async def test_an_attempt_gives_the_claim_back(store: Store) -> None:
    await owe(store)
    (mine,) = await claim(store)
    later = msgspec.structs.replace(settled(mine, "owed"), next_attempt_at=START + timedelta(minutes=5))
    assert await store.record_attempt(later)
    assert await claim(store, minutes=4.9) == []
    assert await store.next_due() == START + timedelta(minutes=5)
    (again,) = await claim(store, minutes=5)
    assert (again.attempts, again.answer) == (1, "answer 1")
