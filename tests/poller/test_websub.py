"""The WebSub subscriber against a real hub and site: websub.rocks 100 to 205, and what becomes of a subscription."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack
from datetime import UTC, datetime, timedelta

import msgspec
import pytest
from structlog.testing import capture_logs

from deltawire import net
from deltawire.config import Config, WebSubConfig
from deltawire.listening import CannotListen
from deltawire.log.port import Outgoing
from deltawire.model import Document
from deltawire.poller import websub
from deltawire.poller.guard import Guard
from deltawire.poller.shared import Poller
from deltawire.poller.watch import Watch
from deltawire.poller_state import FetchState
from support.hub import CONTENT, Hub
from support.origin import Answer, redirect
from support.polling import CONFIG, TOPICS, has, shows
from support.waiting import eventually
from support.websub import Desk

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)


async def test_a_feed_with_a_hub_is_subscribed_to_by_a_callback_of_its_own(desk: Desk) -> None:
    async with desk.listening():
        form = await desk.subscribed()
        assert form.fields.keys() == {f"hub.{n}" for n in ("mode", "topic", "callback", "secret", "lease_seconds")}
        # 200: the topic is what the document calls itself, not where it was fetched.
        assert form.fields["hub.topic"] == desk.topic != desk.origin.url()
        assert form.fields["hub.lease_seconds"] == "864000"
        await desk.add("other")
        other = await desk.hub.confirmed(2)
    assert other.callback != form.callback
    assert other.fields["hub.secret"] != form.fields["hub.secret"]
    assert all(len(form.callback.rpartition("/")[2]) >= 43 for form in (form, other))
    assert 32 <= len(form.fields["hub.secret"]) < 200


ATOM = (
    '<feed xmlns="http://www.w3.org/2005/Atom"><id>x</id><title>T</title><updated>2026-01-01T00:00:00Z</updated>'
    '<link rel="hub" href="{hub}"/><link rel="self" href="{topic}"/></feed>'
)
RSS = (
    '<rss version="2.0" xmlns:atom="http://www.w3.org/2005/Atom"><channel><title>T</title>'
    '<atom:link rel="hub" href="{hub}"/><atom:link rel="self" href="{topic}"/></channel></rss>'
)
JSON = (
    '{{"version":"https://jsonfeed.org/version/1.1","title":"T","items":[],"feed_url":"{topic}",'
    '"hubs":[{{"type":"WebSub","url":"{hub}"}}]}}'
)


@pytest.mark.parametrize(
    ("content_type", "body"),
    [("application/atom+xml", ATOM), ("application/rss+xml", RSS), ("application/feed+json", JSON)],
    ids=["atom-102", "rss-103", "json"],
)
async def test_documents_name_their_hub_too(desk: Desk, content_type: str, body: str) -> None:
    text = body.format(hub=desk.hub.url, topic=desk.topic)
    desk.origin.serve("/feed", Answer(body=text.encode(), content_type=content_type))
    async with desk.listening():
        await desk.add()
        assert (await desk.hub.confirmed()).fields["hub.topic"] == desk.topic


@pytest.mark.parametrize("status", [302, 301])
async def test_a_topic_that_redirects_is_subscribed_to_where_it_says_that_it_is(desk: Desk, status: int) -> None:
    """201, 202."""
    desk.origin.serve("/feed", redirect("/elsewhere", status))
    desk.origin.serve("/elsewhere", desk.page("a", headers={"Link": f'<{desk.hub.url}>; rel=hub, <moved>; rel="self"'}))
    async with desk.listening():
        await desk.add()
        assert (await desk.hub.confirmed()).fields["hub.topic"] == desk.origin.url("/moved")


@pytest.mark.parametrize("status", [302, 301, 307, 308])
async def test_a_hub_that_redirects_is_asked_the_same_where_it_leads(desk: Desk, status: int) -> None:
    """203, 204."""
    desk.hub.answers = [(status, {"Location": "/new-hub"})]
    async with desk.listening():
        await desk.subscribed()
    first, second = desk.hub.requests
    assert (first.path, second.path) == ("/hub", "/new-hub")
    assert first.fields == second.fields


async def test_only_what_was_asked_for_is_verified(desk: Desk) -> None:
    """205, and the other lies. A lie changes nothing about the subscription that there is."""
    async with desk.listening():
        form = await desk.subscribed()
        before = await desk.subscription()
        true = {"mode": "subscribe", "topic": desk.topic, "challenge": "c", "lease_seconds": "1"}
        lies = [{"topic": desk.topic + "2"}, {"mode": "unsubscribe"}, {"mode": "x"}, {"challenge": ""}]
        lies += [{"mode": "denied", "topic": "https://other.example/"}]
        for lie in lies:
            assert (await desk.hub.ask(form.callback, **true | lie))[0] == 404
        assert (await desk.hub.ask(form.callback[:-1], **true))[0] == 404
        assert (await desk.hub.ask(desk.config.websub.callback or "", **true))[0] == 404
        assert await desk.subscription() == before
        assert before is not None
        assert before.lease_until is not None


async def test_a_hub_that_verifies_or_denies_without_end_costs_no_commits(desk: Desk) -> None:
    async with desk.listening():
        form = await desk.subscribed()
        # Verified and the first look written: nothing else is to be written for a long time.
        await desk.until_state(lambda state: state is not None and state.last_read_at is not None)
        said = {"mode": "subscribe", "topic": desk.topic, "challenge": "c", "lease_seconds": "7"}
        before = await desk.log.bounds(TOPICS.fetch_state)
        for _ in range(10):
            assert await desk.hub.ask(form.callback, **said) == (200, "c")
        assert await desk.log.bounds(TOPICS.fetch_state) == before
        said["mode"] = "denied"
        assert [(await desk.hub.ask(form.callback, **said))[0] for _ in range(4)] == [204, 404, 404, 404]
        after = await desk.log.bounds(TOPICS.fetch_state)
        assert sum(after[partition][1] - before[partition][1] for partition in before) == 1


async def test_what_a_hub_says_of_a_feed_that_is_watched_elsewhere_by_now_is_not_written(desk: Desk) -> None:
    async with net.make_session(CONFIG.fetch) as session, Guard(10) as guard:
        poller = Poller(desk.log, TOPICS, desk.config, session, lambda: NOW, guard, "g")
        feed = await desk.add()
        watch = Watch(poller, feed, FetchState(generation="g1"))
        assert await watch.save()
        await watch.stop()
        await desk.log.append([Outgoing(topic=TOPICS.fetch_state, key=feed.id, value=None)])
        assert not await watch.save()
    assert await desk.state() is None


async def test_a_subscription_outlasts_a_restart_and_its_secrets_stay_out_of_the_logs(desk: Desk) -> None:
    with capture_logs() as logs:
        async with desk.listening():
            form = await desk.subscribed()
        kept = await desk.subscription()
        assert kept is not None
        assert (kept.callback, kept.secret) == (form.callback, form.fields["hub.secret"])
        async with desk.listening():
            await eventually(lambda: _accepts(desk.config))

            # The planned look is far away: only a delivery brings one. The feeds are read after the port is open.
            async def woken() -> bool:
                await desk.hub.deliver(form)
                return len(desk.origin.asked("/feed")) > 1

            await eventually(woken)
            await desk.hub.post(form.callback, CONTENT)
    assert len(desk.hub.requests) == 1
    assert {"websub.subscribed", "websub.ignored"} <= {line["event"] for line in logs}
    text = repr(logs)
    assert form.fields["hub.secret"] not in text
    assert form.callback.rpartition("/")[2] not in text


async def test_a_lease_is_renewed_in_time_with_the_same_callback(desk: Desk) -> None:
    now = NOW
    desk.hub.lease = "1000"
    async with desk.listening(clock=lambda: now):
        first = await desk.subscribed()
        now += timedelta(seconds=799)
        await desk.hub.deliver(first)
        await desk.origin.wait_for("/feed", 2)
        assert len(desk.hub.requests) == 1
        now += timedelta(seconds=2)
        renewed = await desk.hub.confirmed(2)
        assert renewed.fields == first.fields

        def extended(state: FetchState | None) -> bool:
            return bool(
                state and state.subscription and state.subscription.lease_until == now + timedelta(seconds=1000)
            )

        await desk.until_state(extended)
        # The hub is gone: the lease runs out, and it is asked again with patience.
        desk.hub.answers = [(500, {})] * 9
        now += timedelta(seconds=801)
        await desk.hub.asked(3)
        now += timedelta(seconds=299)
        kept = await desk.subscription()
        assert kept is not None
        assert not websub.is_active(kept, now)
        now += timedelta(seconds=2)
        await desk.hub.asked(4)


async def test_a_hub_that_denies_is_left_alone_for_a_day(desk: Desk) -> None:
    now = NOW
    async with desk.listening(clock=lambda: now):
        form = await desk.subscribed()
        assert (await desk.hub.ask(form.callback, mode="denied", topic=desk.topic, reason="no"))[0] == 204
        kept = await desk.subscription()
        assert kept is not None
        assert kept.lease_until is None
        now += timedelta(days=1, seconds=1)
        await desk.hub.asked(2)


async def test_a_hub_that_asks_to_wait_is_obeyed(desk: Desk) -> None:
    now = NOW
    desk.hub.answers = [(503, {"Retry-After": "3600"})]
    desk.origin.serve("/feed", desk.page("a"))
    async with desk.listening(clock=lambda: now):
        await desk.add(max_interval=900)
        await desk.hub.asked(1)
        later = NOW + timedelta(hours=1)
        await desk.until_state(lambda state: bool(state and state.subscription and state.subscription.due == later))
        now += timedelta(seconds=3601)
        await desk.hub.confirmed()
    assert len(desk.hub.requests) == 2


async def test_a_removed_feed_is_unsubscribed_from(desk: Desk) -> None:
    async with desk.listening():
        form = await desk.subscribed()
        await desk.remove()
        left = await desk.hub.confirmed(1, "unsubscribe")
        assert (left.callback, left.fields["hub.topic"]) == (form.callback, desk.topic)
        assert (await desk.hub.ask(form.callback, mode="unsubscribe", topic=desk.topic, challenge="c"))[0] == 404
        assert await desk.hub.deliver(form) == 202
    assert await desk.state() is None


async def test_a_paused_feed_is_unsubscribed_from_and_subscribed_to_anew(desk: Desk) -> None:
    async with desk.listening():
        form = await desk.subscribed()
        feed = await desk.add(max_interval=900, paused=True)
        await desk.hub.confirmed(1, "unsubscribe")
        await desk.until_state(lambda state: state is not None and state.subscription is None)
        await desk.put(msgspec.structs.replace(feed, paused=False))
        again = await desk.hub.confirmed(2)
    assert again.callback != form.callback


async def test_another_hub_is_taken_up_and_the_old_one_left(desk: Desk) -> None:
    now = NOW
    async with desk.listening(clock=lambda: now), Hub() as other:
        form = await desk.subscribed()
        link = f'<{other.url}>; rel="hub", <{desk.topic}>; rel="self"'
        desk.origin.serve("/feed", desk.page("b", "a", headers={"Link": link}))
        await desk.hub.deliver(form)
        await desk.hub.confirmed(1, "unsubscribe")
        assert other.requests == []
        now += websub.SETTLE
        assert (await other.confirmed()).callback != form.callback


async def test_a_process_with_another_callback_subscribes_anew(desk: Desk) -> None:
    async with desk.listening():
        form = await desk.subscribed()
        desk.origin.serve("/feed", desk.page("b", "a"))
        await desk.hub.deliver(form)
        await desk.until(shows(2))
    here = f"http://127.0.0.1:{desk.config.websub.port}/second"
    own = msgspec.structs.replace(desk.config, websub=WebSubConfig(callback=here, port=desk.config.websub.port))
    async with desk.poller(own):
        again = await desk.hub.confirmed(2)
        # What the hub delivered elsewhere meanwhile, or not at all, is looked for at once.
        await desk.origin.wait_for("/feed", 3)
    assert again.callback.startswith(here + "/")
    assert again.fields["hub.topic"] == form.fields["hub.topic"]


async def test_without_a_callback_nothing_listens_and_no_hub_is_asked(desk: Desk) -> None:
    async with desk.listening():
        await desk.subscribed()
    async with desk.poller():
        await desk.add("other")
        await desk.until(has(Document), "other")
        await desk.until(has(Document), "harbour")
        with pytest.raises(ConnectionRefusedError):
            await asyncio.open_connection("127.0.0.1", desk.config.websub.port)
    assert len(desk.hub.requests) == 1


async def test_a_port_that_is_taken_is_told(desk: Desk) -> None:
    async with AsyncExitStack() as stack:
        await stack.enter_async_context(desk.listening())
        await eventually(lambda: _accepts(desk.config))
        with pytest.raises(CannotListen, match=r"websub\.port"):
            async with desk.listening() as second:
                await second


async def _accepts(config: Config) -> bool:
    try:
        _, writer = await asyncio.open_connection("127.0.0.1", config.websub.port)
    except OSError:
        return False
    writer.close()
    return True
