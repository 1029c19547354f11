"""What hubs deliver: websub.rocks 300 to 302, and what strangers send."""

from __future__ import annotations

import asyncio
import hashlib
from datetime import UTC, datetime, timedelta
from itertools import pairwise

import msgspec
import pytest

from deltawire import telemetry
from deltawire.differ import service as differ
from deltawire.differ.state import Policy
from deltawire.events import EntryData, decode
from deltawire.log.port import snapshot
from deltawire.model import Document
from support.hub import CONTENT, Hub
from support.polling import TOPICS, blog, shows, texts
from support.waiting import eventually, running
from support.websub import Desk

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)


def counted(outcome: str) -> float:
    return float(telemetry.websub.labels(outcome)._value.get())


async def test_a_signed_delivery_is_answered_2xx_and_leads_to_a_look(desk: Desk) -> None:
    """300. The content that is delivered is nothing; what the feed itself shows counts."""
    async with desk.listening():
        form = await desk.subscribed()
        desk.origin.serve("/feed", desk.page("b", "a"))
        assert await desk.hub.deliver(form, blog("injected")) == 202
        await desk.until(shows(2))
        await desk.until_state(lambda state: bool(state and state.subscription and state.subscription.proven))
    assert len(desk.origin.asked("/feed")) == 2


@pytest.mark.parametrize("method", ["sha1", "sha384", "sha512"])
async def test_each_method_of_signing_wakes_the_feed(desk: Desk, method: str) -> None:
    async with desk.listening():
        form = await desk.subscribed()
        await desk.hub.deliver(form, method=method)
        await desk.origin.wait_for("/feed", 2)


async def test_a_delivery_without_the_right_signature_is_answered_2xx_and_ignored(desk: Desk) -> None:
    """301, 302."""
    before = {outcome: counted(outcome) for outcome in ("forged", "unsigned", "unknown")}
    async with desk.listening():
        form = await desk.subscribed(min_interval=0.001)
        assert await desk.hub.deliver(form, secret="guessed") == 202
        assert await desk.hub.post(form.callback, CONTENT) == 202
        assert await desk.hub.post(form.callback, CONTENT, {"X-Hub-Signature": "sha256=00"}) == 202
        digest = hashlib.sha256(CONTENT).hexdigest()
        assert await desk.hub.post(form.callback, CONTENT, {"X-Hub-Signature": f"sha256={digest}"}) == 202
        # To another process, or for a subscription that is no more.
        assert await desk.hub.post(form.callback + "x", CONTENT) == 202
        after = {outcome: counted(outcome) - count for outcome, count in before.items()}
        assert after == {"forged": 2, "unsigned": 2, "unknown": 1}
        # Had one of them rung, this would be the third look.
        desk.origin.serve("/feed", desk.page("b", "a"))
        await desk.hub.deliver(form)
        await desk.until(shows(2))
    assert len(desk.origin.asked("/feed")) == 2


async def test_what_a_hub_without_tls_delivers_is_unsigned_and_only_a_hint(desk: Desk) -> None:
    """Whoever guesses the callback can have the feed looked at, in its own time; no word of theirs is taken."""
    async with Hub() as desk.hub, desk.listening():
        form = await desk.subscribed()
        assert "hub.secret" not in form.fields
        desk.origin.serve("/feed", desk.page("b", "a"))
        assert await desk.hub.post(form.callback, blog("injected")) == 202
        await desk.until(shows(2))
        assert await desk.hub.post(form.callback, CONTENT, {"X-Hub-Signature": "sha256=00"}) == 202
        await desk.origin.wait_for("/feed", 3)
        assert await desk.hub.post(form.callback[:-1], CONTENT) == 202
        await desk.until_state(lambda state: bool(state and len(state.looks) == 3))
        shown = [texts(look) for look in await desk.observations() if isinstance(look, Document)]
    assert shown == [["a"], ["b", "a"]]


async def test_a_flood_of_deliveries_costs_one_look_in_each_min_interval(desk: Desk) -> None:
    desk.origin.serve("/feed", desk.page("a"))
    async with desk.listening():
        await desk.add(min_interval=0.4, max_interval=900)
        form = await desk.hub.confirmed()
        assert set(await asyncio.gather(*[desk.hub.deliver(form) for _ in range(100)])) == {202}
        await desk.origin.wait_for("/feed", 2)
        await desk.hub.deliver(form)
        looks = await desk.until(lambda seen: len(seen) >= 3)
    # By the poller's own clock: how long a request is on its way is the machine's affair.
    first, second, third = [look.began_at for look in looks]
    assert second - first >= timedelta(seconds=0.35)
    assert third - second >= timedelta(seconds=0.35)


async def test_looks_are_close_again_after_a_delivery_that_a_cache_does_not_show_yet(desk: Desk) -> None:
    fetch = msgspec.structs.replace(desk.config.fetch, live_interval=600)
    desk.config = msgspec.structs.replace(desk.config, fetch=fetch)
    desk.origin.serve("/feed", desk.page("a", headers={"Cache-Control": "no-cache"}))
    async with desk.listening():
        await desk.add(min_interval=0.001, max_interval=900)
        form = await desk.hub.confirmed()
        before = await desk.origin.wait_for("/feed", 15)
        await desk.hub.deliver(form)
        after = await desk.origin.wait_for("/feed", len(before) + 7)
    # Of several, for one may take long on a busy machine; without those on either side of the delivery.
    gaps = [later.at - earlier.at for earlier, later in pairwise(after[-6:])]
    assert min(gaps) < before[-1].at - before[-2].at


async def test_what_is_too_large_or_too_slow_is_cut_off(desk: Desk) -> None:
    fetch = msgspec.structs.replace(desk.config.fetch, max_bytes=10_000, timeout=2.0)
    desk.config = msgspec.structs.replace(desk.config, fetch=fetch)
    async with desk.listening():
        form = await desk.subscribed()
        signed = {"X-Hub-Signature": "sha256=" + "0" * 64}
        assert await desk.hub.post(form.callback, b"x" * 10_001, signed) == 413
        reader, writer = await asyncio.open_connection("127.0.0.1", desk.config.websub.port)
        path = form.callback.partition("127.0.0.1")[2].partition("/")[2]
        writer.write(f"POST /{path} HTTP/1.1\r\nHost: us\r\nContent-Length: 9\r\n".encode())
        writer.write(f"X-Hub-Signature: {signed['X-Hub-Signature']}\r\n\r\n1".encode())
        assert (await asyncio.wait_for(reader.readline(), 60)).split()[1] == b"408"
        writer.close()
        await desk.hub.deliver(form)
        await desk.origin.wait_for("/feed", 2)


async def test_push_and_poll_of_the_same_change_give_one_event(desk: Desk) -> None:
    desk.config = msgspec.structs.replace(
        desk.config, fetch=msgspec.structs.replace(desk.config.fetch, live_interval=0.02)
    )
    polled = {"headers": {"Cache-Control": "no-cache"}}
    desk.origin.serve("/feed", desk.page("0", **polled))
    async with desk.listening(), running(differ.run(desk.log, TOPICS, "urn:test", Policy())):
        await desk.add(min_interval=0.01, max_interval=0.02)
        form = await desk.hub.confirmed()
        shown = ["0"]
        for number in range(1, 6):
            shown.insert(0, str(number))
            desk.origin.serve("/feed", desk.page(*shown, **polled))
            looks = len(desk.origin.asked("/feed"))
            await asyncio.gather(*[desk.hub.deliver(form, str(number).encode()) for _ in range(3)])
            await desk.origin.wait_for("/feed", looks + 3)
        await desk.until(shows(6))

        async def created() -> list[str]:
            events = [decode(record.headers, record.value) async for record in snapshot(desk.log, TOPICS.events)]
            assert [event.sequence for event in events] == list(range(1, len(events) + 1))
            assert {event.type.rpartition("deltawire.")[2] for event in events} <= {"feed.started", "entry.created"}
            return [event.data.entry.content_text for event in events if isinstance(event.data, EntryData)]

        async def all_there() -> bool:
            return len(await created()) >= 6

        await eventually(all_there)
        assert sorted(await created()) == list("012345")
