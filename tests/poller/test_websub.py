"""The WebSub subscriber against a real hub and site: the cases of websub.rocks, and what hubs and strangers do."""

from __future__ import annotations

import asyncio
import hashlib
import shutil
import ssl
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec
import pytest
from structlog.testing import capture_logs

from deltawire import net, telemetry
from deltawire.config import Config, WebSubConfig
from deltawire.differ import service as differ
from deltawire.differ.state import Policy
from deltawire.events import EntryData, decode
from deltawire.listening import CannotListen
from deltawire.log.port import Outgoing, snapshot
from deltawire.log.sqlite import SqliteLog
from deltawire.model import Document, FetchState, Subscription
from deltawire.poller import websub, websub_hub, websub_service
from deltawire.poller.guard import Guard
from deltawire.poller.hosts import Gates
from deltawire.poller.shared import Poller
from deltawire.poller.watch import Watch
from poller.test_tls import certificate
from support.hub import CONTENT, Form, Hub
from support.origin import Answer, Origin, redirect
from support.polling import CONFIG, TOPICS, Deployment, blog, has, shows
from support.postgres import free_port
from support.waiting import eventually, running

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)


class Desk(Deployment):
    """A deployment whose poller listens to hubs. Its feeds are not looked at again for long, unless they are woken."""

    def __init__(self, path: Path, origin: Origin, hub: Hub) -> None:
        super().__init__(path, origin)
        self.hub = hub
        self.topic = origin.url("/topic")
        port = free_port()
        self.config = msgspec.structs.replace(
            CONFIG, websub=WebSubConfig(callback=f"http://127.0.0.1:{port}/websub", port=port)
        )

    def page(self, *texts: str, **fields: Any) -> Answer:
        links = f'<{self.hub.url}>; rel="hub", <{self.topic}>; rel="self"'
        headers = {"Link": links, "Cache-Control": "max-age=600"} | fields.pop("headers", {})
        return Answer(body=blog(*texts), content_type="application/feed+json", headers=headers, **fields)

    def listening(self, **options: Any) -> Any:
        return self.poller(self.config, **options)

    async def subscribed(self, min_interval: float = 0.03) -> Form:
        """A feed is added, and its hub has been told where to deliver."""
        self.origin.serve("/feed", self.page("a"))
        await self.add(min_interval=min_interval, max_interval=900)
        return await self.hub.confirmed()

    async def subscription(self) -> Subscription | None:
        state = await self.state()
        return None if state is None else state.subscription

    async def until_state(self, condition: Callable[[FetchState | None], bool]) -> None:
        async def holds() -> bool:
            return condition(await self.state())

        await eventually(holds, seconds=10)


@pytest.fixture
async def desk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Desk]:
    monkeypatch.setattr(websub_service, "TEND_INTERVAL", 0.02)
    async with Origin() as origin, Hub() as hub:
        desk = Desk(tmp_path / "log.db", origin, hub)
        desk.log = await SqliteLog.open(desk.path, TOPICS, partitions=2)
        yield desk
        await desk.log.close()


def counted(outcome: str) -> float:
    return float(telemetry.websub.labels(outcome)._value.get())


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


async def test_a_flood_of_deliveries_costs_one_look_in_each_min_interval(desk: Desk) -> None:
    desk.origin.serve("/feed", desk.page("a"))
    async with desk.listening():
        await desk.add(min_interval=0.4, max_interval=900)
        form = await desk.hub.confirmed()
        assert set(await asyncio.gather(*[desk.hub.deliver(form) for _ in range(100)])) == {202}
        first, second = await desk.origin.wait_for("/feed", 2)
        await desk.hub.deliver(form)
        third = (await desk.origin.wait_for("/feed", 3))[2]
    assert second.at - first.at >= 0.39
    assert third.at - second.at >= 0.39


async def test_looks_are_close_again_after_a_delivery_that_a_cache_does_not_show_yet(desk: Desk) -> None:
    fetch = msgspec.structs.replace(desk.config.fetch, live_interval=600)
    desk.config = msgspec.structs.replace(desk.config, fetch=fetch)
    desk.origin.serve("/feed", desk.page("a", headers={"Cache-Control": "no-cache"}))
    async with desk.listening():
        await desk.add(min_interval=0.001, max_interval=900)
        form = await desk.hub.confirmed()
        before = await desk.origin.wait_for("/feed", 15)
        await desk.hub.deliver(form)
        after = await desk.origin.wait_for("/feed", len(before) + 3)
    assert after[-1].at - after[-2].at < before[-1].at - before[-2].at


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


async def test_what_is_too_large_or_too_slow_is_cut_off(desk: Desk) -> None:
    fetch = msgspec.structs.replace(desk.config.fetch, max_bytes=10_000, timeout=0.3)
    desk.config = msgspec.structs.replace(desk.config, fetch=fetch)
    async with desk.listening():
        form = await desk.subscribed()
        signed = {"X-Hub-Signature": "sha256=" + "0" * 64}
        assert await desk.hub.post(form.callback, b"x" * 10_001, signed) == 413
        reader, writer = await asyncio.open_connection("127.0.0.1", desk.config.websub.port)
        path = form.callback.partition("127.0.0.1")[2].partition("/")[2]
        writer.write(f"POST /{path} HTTP/1.1\r\nHost: us\r\nContent-Length: 9\r\n".encode())
        writer.write(f"X-Hub-Signature: {signed['X-Hub-Signature']}\r\n\r\n1".encode())
        assert (await asyncio.wait_for(reader.readline(), 5)).split()[1] == b"408"
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
        texts = ["0"]
        for number in range(1, 6):
            texts.insert(0, str(number))
            desk.origin.serve("/feed", desk.page(*texts, **polled))
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

        await eventually(all_there, seconds=10)
        assert sorted(await created()) == list("012345")


async def test_a_subscription_outlasts_a_restart_and_its_secrets_stay_out_of_the_logs(desk: Desk) -> None:
    with capture_logs() as logs:
        async with desk.listening():
            form = await desk.subscribed()
        kept = await desk.subscription()
        assert kept is not None
        assert (kept.callback, kept.secret) == (form.callback, form.fields["hub.secret"])
        async with desk.listening():
            await eventually(lambda: _accepts(desk.config), seconds=10)

            # The planned look is far away: only a delivery brings one. The feeds are read after the port is open.
            async def woken() -> bool:
                await desk.hub.deliver(form)
                return len(desk.origin.asked("/feed")) > 1

            await eventually(woken, seconds=10)
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
        await eventually(lambda: _accepts(desk.config), seconds=10)
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


async def ask(hub: Hub, url: str | None = None, **fetch: Any) -> str | None:
    """The cause for which a hub could not be asked to subscribe."""
    config = msgspec.structs.replace(CONFIG.fetch, **fetch)
    one = Subscription(
        hub=url or hub.url,
        topic="https://blog.example/",
        callback="https://us.example/t",
        secret="s",
        since=NOW,
        due=NOW,
    )
    async with net.make_session(config) as session:
        failure = await websub_hub.ask(session, config, Gates(config), one, "subscribe", lambda: NOW)
    return None if failure is None else failure.cause


async def test_a_hub_at_an_address_that_may_not_be_asked_never_hears_of_us(desk: Desk) -> None:
    assert await ask(desk.hub, allow_private_networks=False) == "address-refused"
    assert desk.hub.requests == []


@pytest.mark.parametrize(
    ("answer", "cause"),
    [
        ((307, {"Location": "/again"}), "redirect"),
        ((301, {}), "redirect"),
        ((302, {"Location": "file:///etc/passwd"}), "redirect"),
        ((303, {"Location": "/again"}), "http-303"),
        ((404, {}), "http-404"),
        ((429, {"Retry-After": "60"}), "http-429"),
    ],
)
async def test_a_hub_that_answers_nonsense_is_a_failure(
    desk: Desk, answer: tuple[int, dict[str, str]], cause: str
) -> None:
    desk.hub.answers = [answer] * 10
    assert await ask(desk.hub) == cause
    assert len(desk.hub.requests) <= 6


@pytest.mark.skipif(shutil.which("openssl") is None, reason="makes its certificate with openssl")
async def test_a_hub_behind_tls_cannot_have_the_secret_sent_in_the_clear(
    desk: Desk, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made, key = certificate(tmp_path)
    monkeypatch.setattr("aiohttp.connector._SSL_CONTEXT_VERIFIED", ssl.create_default_context(cafile=str(made)))
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(made, key)

    async def redirects(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(f"HTTP/1.1 307 Away\r\nLocation: {desk.hub.url}\r\nContent-Length: 0\r\n\r\n".encode())
        writer.close()

    async with await asyncio.start_server(redirects, "127.0.0.1", 0, ssl=context) as server:
        port = server.sockets[0].getsockname()[1]
        assert await ask(desk.hub, f"https://127.0.0.1:{port}/") == "redirect"
    assert desk.hub.requests == []


async def test_a_hub_that_never_answers_or_is_not_there_is_a_failure(desk: Desk) -> None:
    desk.hub.hangs = True
    assert await ask(desk.hub, timeout=0.2) == "timeout"
    assert await ask(desk.hub, f"http://127.0.0.1:{free_port()}/") == "connect"
