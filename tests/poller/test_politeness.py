"""What sites see of the poller: pauses they ask for, moves, servers that answer 304 for ever."""

from __future__ import annotations

import asyncio
import time
from datetime import UTC, datetime, timedelta

import pytest

from deltawire.model import Failed, Retired
from deltawire.poller import hosts, trust
from support.origin import Answer, Origin, Request, redirect
from support.origin import head as response_head
from support.polling import CONFIG, Deployment, blog, has, page, shows, with_fetch


class Stuck:
    """A server that answers 304 to any condition at all, whatever became of the document."""

    def __init__(self, body: bytes, *fields: str) -> None:
        self.body = body
        self.fields = dict(field.split(": ", 1) for field in fields)
        self.whole = 0

    async def __call__(self, request: Request, writer: asyncio.StreamWriter) -> None:
        if request.headers.keys() & {"if-none-match", "if-modified-since"}:
            writer.write(response_head(304, self.fields))
        else:
            self.whole += 1
            length = {"Content-Length": str(len(self.body)), "Content-Type": "application/feed+json"}
            writer.write(response_head(200, self.fields | length) + self.body)
        await writer.drain()


@pytest.mark.parametrize(
    "fields",
    [
        ('ETag: "1"',),
        ('ETag: W/"1"',),
        ("ETag: unquoted",),
        ('ETag: "1-gzip"',),
        ("Last-Modified: Sun, 01 Mar 2026 11:00:00 GMT",),
        ("Last-Modified: Tue, 01 Jan 2041 00:00:00 GMT",),
        ('ETag: "1"', "Last-Modified: Sun, 01 Mar 2026 11:00:00 GMT", "Expires: 0"),
    ],
)
async def test_a_change_behind_304s_for_ever_is_found_and_then_every_look_is_whole(
    site: Deployment, monkeypatch: pytest.MonkeyPatch, fields: tuple[str, ...]
) -> None:
    monkeypatch.setattr(trust, "FULL_LOOKS", 8)
    monkeypatch.setattr(trust, "DOUBTFUL_LOOKS", 4)
    stuck = Stuck(blog("a"), *fields)
    site.origin.serve("/feed", stuck)
    await site.add()
    async with site.poller():
        await site.origin.wait_for("/feed", 2)
        stuck.body = blog("b", "a")
        await site.until(shows(2))
        asked, whole = len(site.origin.requests), stuck.whole
        await site.origin.wait_for("/feed", asked + 4)
    assert stuck.whole >= whole + 3
    assert (await site.kinds()).count("Document") == 2
    state = await site.state()
    assert state is not None
    assert state.trust.caught == 1


async def test_a_304_with_another_etag_is_believed_and_the_new_one_is_sent(site: Deployment) -> None:
    async def renamed(request: Request, writer: asyncio.StreamWriter) -> None:
        if "if-none-match" in request.headers:
            writer.write(response_head(304, {"ETag": '"2"'}))
        else:
            writer.write(response_head(200, {"ETag": '"1"', "Content-Length": str(len(blog("a")))}) + blog("a"))
        await writer.drain()

    site.origin.serve("/feed", renamed)
    await site.add()
    async with site.poller():
        requests = await site.origin.wait_for("/feed", 4)
    assert [request.headers.get("if-none-match") for request in requests[:4]] == [None, '"1"', '"2"', '"2"']


class Clock:
    """A clock that is ``ahead`` of the machine's."""

    def __init__(self) -> None:
        self.ahead = timedelta()

    def __call__(self) -> datetime:
        return datetime.now(UTC) + self.ahead


async def test_a_move_that_lasts_is_remembered_across_restarts_and_taken_back_when_the_new_place_fails(
    site: Deployment,
) -> None:
    clock = Clock()
    site.origin.serve("/feed", redirect("/new", 301))
    site.origin.serve("/new", page("a"))
    await site.add()
    async with site.poller(clock=clock):
        await site.origin.wait_for("/feed", 6)
        clock.ahead = timedelta(hours=2)
        new = len(site.origin.asked("/new"))
        await site.origin.wait_for("/new", new + 4)
        old = len(site.origin.asked("/feed"))
        await site.origin.wait_for("/new", new + 8)
        assert len(site.origin.asked("/feed")) == old
    state = await site.state()
    assert state is not None
    assert state.moved_to == site.origin.url("/new")
    async with site.poller(clock=clock):
        await site.origin.wait_for("/new", len(site.origin.asked("/new")) + 2)
        assert len(site.origin.asked("/feed")) == old
        site.origin.serve("/feed", page("b", "a"))
        site.origin.serve("/new", Answer(status=404))
        await site.until(shows(2))
    state = await site.state()
    assert state is not None
    assert (state.moved_to, state.state) == (None, "ok")


@pytest.mark.parametrize("status", [302, 303, 307])
async def test_a_redirect_for_now_is_never_remembered(site: Deployment, status: int) -> None:
    clock = Clock()
    site.origin.serve("/feed", redirect("/elsewhere", status))
    site.origin.serve("/elsewhere", page("a"))
    await site.add()
    async with site.poller(clock=clock):
        await site.origin.wait_for("/feed", 6)
        clock.ahead = timedelta(hours=2)
        await site.origin.wait_for("/feed", 12)
    assert len(site.origin.asked("/feed")) - len(site.origin.asked("/elsewhere")) <= 1


async def test_410_ends_the_feed_and_404_does_not(site: Deployment) -> None:
    site.origin.serve("/gone", page("a"), Answer(status=410))
    site.origin.serve("/missing", page("a"), Answer(status=404))
    await site.add("gone", site.origin.url("/gone"))
    await site.add("missing", site.origin.url("/missing"))
    async with site.poller():
        await site.until(has(Retired), "gone")
        asked = len(site.origin.asked("/gone"))
        failed = await site.until(has(Failed, 5), "missing")
        assert len(site.origin.asked("/gone")) == asked == 3
    assert not has(Retired)(failed)


async def test_a_host_that_tells_two_feeds_to_wait_is_left_alone_also_after_a_restart(site: Deployment) -> None:
    wait = Answer(status=429, headers={"Retry-After": "3600"})
    for path in ("/one", "/two"):
        site.origin.serve(path, wait)
        await site.add(path[1:], site.origin.url(path))
    site.origin.serve("/feed", page("a"))
    async with site.poller():
        await site.until(has(Failed), "one")
        await site.until(has(Failed), "two")
        await site.add()
    async with site.poller():
        await site.add("other", site.origin.url("/feed", "localhost"))
        # Time enough for the first look at a feed that is not held.
        await site.origin.wait_for("/feed", 15)
    assert await site.kinds() == []
    assert [len(site.origin.asked(path)) for path in ("/one", "/two")] == [1, 1]


async def test_a_host_that_tells_two_feeds_to_wait_is_not_asked_for_a_third_by_a_redirect(
    site: Deployment, monkeypatch: pytest.MonkeyPatch
) -> None:
    # So that it is not the longer pauses between its requests that keep the third away.
    monkeypatch.setattr(hosts, "_FIRST_GAP", 0.001)
    async with Origin("127.0.0.2") as target:
        for name in ("one", "two", "three"):
            site.origin.serve(f"/{name}", redirect(target.url(f"/{name}"), 302))
            target.serve(f"/{name}", page("a"))
            await site.add(name, site.origin.url(f"/{name}"))
        site.origin.serve("/feed", page("a"))
        await site.add()
        async with site.poller():
            for name in ("one", "two", "three"):
                await target.wait_for(f"/{name}", 2)
            for name in ("one", "two"):
                target.serve(f"/{name}", Answer(status=429, headers={"Retry-After": "3600"}))
                await site.until(has(Failed), name)
            asked = len(target.asked("/three"))
            await site.origin.wait_for("/feed", len(site.origin.asked("/feed")) + 20)
            # One may have been under way.
            assert len(target.asked("/three")) <= asked + 1


async def test_a_503_without_a_date_is_only_that_feeds_failure(site: Deployment) -> None:
    site.origin.serve("/one", Answer(status=503))
    site.origin.serve("/feed", page("a"))
    await site.add("one", site.origin.url("/one"))
    await site.add()
    async with site.poller():
        await site.until(has(Failed, 2), "one")
        await site.origin.wait_for("/feed", 5)


async def test_a_thousand_feeds_on_one_host_keep_its_rate_and_its_connections(site: Deployment) -> None:
    site.origin.serve("/feed", page("a"))
    for number in range(1000):
        await site.add(f"feed-{number}")
    config = with_fetch(per_host_rate=200, per_host_connections=2)
    began = time.monotonic()
    async with site.poller(config):
        requests = await site.origin.wait_for("/feed", 300)
    # Not since the first came: it may have been held up on its way longer than the last.
    assert requests[299].at - began >= 299 / 200
    assert site.origin.peak["/feed"] <= 2


async def test_cookies_of_one_host_reach_no_host(site: Deployment) -> None:
    cookie = {"Set-Cookie": "session=1; Domain=localhost; Path=/"}
    site.origin.serve("/feed", page("a", headers=cookie))
    await site.add()
    await site.add("other", site.origin.url("/feed", "localhost"))
    async with site.poller(CONFIG):
        await site.origin.wait_for("/feed", 6)
    assert all("cookie" not in request.headers for request in site.origin.requests)
