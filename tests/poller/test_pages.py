"""Documents that a feed's own one names: which are asked for, and what becomes of them."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

import msgspec
import pytest
from yarl import URL

from deltawire.formats.base import Raw
from deltawire.formats.registry import read
from deltawire.model import Document, Feed, Observation, Reading, Unchanged
from deltawire.poller import look as looks
from deltawire.poller import pages
from deltawire.poller.pages import PART, address_of, due, has_gap, is_first, sign_of
from deltawire.poller_state import FetchState
from formats.docs import utc
from formats.vendor_docs import shell, superdesk, superdesk_post, update
from support.origin import Answer, Origin
from support.polling import JSON_FEED, Deployment, has, texts, with_fetch

TEN = utc("2025-03-03T10:00:00")


def feed(*minutes: int, older: str | None = None) -> Answer:
    """A page with an entry for each minute after ten, and perhaps the address of an older one."""
    items = [
        {"id": str(m), "content_text": str(m), "date_published": (TEN + timedelta(minutes=m)).isoformat()}
        for m in minutes
    ]
    document = {"version": JSON_FEED, "title": "Harbour", "items": items} | ({"next_url": older} if older else {})
    return Answer(body=json.dumps(document).encode(), content_type="application/feed+json")


def answer(document: dict[str, Any], **fields: Any) -> Answer:
    return Answer(body=json.dumps(document).encode(), content_type="application/json", **fields)


def reading(*minutes: int) -> Reading:
    return read(Raw(body=feed(*minutes).body, url="https://sea.example/feed"))


def asked(origin: Origin, prefix: str) -> list[str]:
    return [request.path for request in origin.requests if request.path.startswith(prefix)]


def documents(seen: list[Observation]) -> list[tuple[list[str], str]]:
    return [(texts(one), one.reading.coverage) for one in seen if isinstance(one, Document)]


def test_the_first_look_is_one_of_an_address_that_was_never_read() -> None:
    state = FetchState(generation="g")
    assert is_first(state)
    known = msgspec.structs.replace(state, digest="d", reader="auto:1", newest_at=TEN)
    assert not is_first(known)
    assert not is_first(msgspec.structs.replace(known, newest_at=None))
    tried = msgspec.structs.replace(known, newest_at=None, reader=f"auto:1{PART}")
    assert is_first(tried)
    moved = looks.start(Feed(id="f", url="https://new.example/", generation="g"), known)
    assert is_first(moved)


@pytest.mark.parametrize(("shown", "last", "gap"), [((9, 8), 7, True), ((9, 7), 7, False), ((9, 3), 7, False)])
def test_a_gap_is_a_page_that_does_not_reach_back_to_the_last_reading(
    shown: tuple[int, ...], last: int, gap: bool
) -> None:
    assert has_gap(reading(*shown), TEN + timedelta(minutes=last)) is gap
    assert not has_gap(reading(*shown), None)


def test_a_pinned_entry_or_one_aside_closes_no_gap() -> None:
    first, old = reading(9, 1).entries
    pinned = msgspec.structs.replace(old, labels=("pinned",))
    at = TEN + timedelta(minutes=5)
    assert has_gap(msgspec.structs.replace(reading(9, 1), entries=(first, pinned)), at)
    assert has_gap(msgspec.structs.replace(reading(9, 1), aside=(1,)), at)
    assert not has_gap(reading(9, 1), at)


def test_the_new_come_first_then_those_that_failed_then_the_least_recently_read() -> None:
    followed = (sign_of("read first"), "!" + sign_of("failed"), sign_of("read last"))
    listed = ["read last", "new", "failed", "read first", "newer", "new"]
    assert due(listed, followed) == ["new", "newer", "failed", "read first", "read last"]


@pytest.mark.parametrize(
    ("named", "expected"),
    [
        ("https://sea.example/feed?page=2", "https://ada:${PW}@sea.example/feed?page=2"),
        ("https://sea.example:443/feed?key=${KEY}", "https://ada:${PW}@sea.example/feed?key=${KEY}"),
        ("https://sea.example/feed?key=${OTHER}", None),
        ("http://sea.example/feed", "http://sea.example/feed"),
        ("https://evil.example/?${KEY}", None),
        ("https://archive.example/2", "https://archive.example/2"),
        ("file:///etc/passwd", None),
        ("https://[broken", None),
        ("/feed?page=2", None),
    ],
)
def test_secrets_go_to_the_feeds_own_site_only(named: str, expected: str | None) -> None:
    assert address_of("https://ada:${PW}@sea.example/feed?key=${KEY}", named) == expected


async def test_older_pages_are_read_at_first_sight_and_not_again(site: Deployment) -> None:
    url = site.origin.url
    site.origin.serve("/feed", *[feed(9, 8, older=url("/2"))] * 3, feed(10, 9, older=url("/2")))
    site.origin.serve("/2", feed(8, 7, older=url("/3")))
    site.origin.serve("/3", feed(6, older=url("/2")))
    await site.add()
    async with site.poller():
        await site.origin.wait_for("/feed", 6)
        seen = await site.until(has(Document, 2))
    # The window that is shown later is the newest page alone.
    assert documents(seen) == [(["9", "8", "7", "6"], "window"), (["10", "9"], "window")]
    assert (len(asked(site.origin, "/2")), len(asked(site.origin, "/3"))) == (1, 1)


async def test_pages_are_followed_no_further_than_configured(site: Deployment) -> None:
    for number in range(1, 9):
        site.origin.serve(f"/p{number}", feed(20 - number, older=site.origin.url(f"/p{number + 1}")))
    await site.add(url=site.origin.url("/p1"))
    await site.add("none", site.origin.url("/p1"))
    async with site.poller(with_fetch(max_pages=3)):
        seen = await site.until(has(Document))
    assert documents(seen) == [(["19", "18", "17", "16"], "window")]
    before = len(asked(site.origin, "/p2"))
    await site.add("other", site.origin.url("/p1"))
    async with site.poller(with_fetch(max_pages=0)):
        seen = await site.until(has(Document), "other")
    assert documents(seen) == [(["19"], "window")]
    assert len(asked(site.origin, "/p2")) == before


async def test_a_gap_after_a_downtime_is_closed_from_older_pages(site: Deployment) -> None:
    site.origin.serve("/feed", feed(2, 1))
    await site.add()
    async with site.poller():
        await site.until(has(Unchanged))
    site.origin.serve("/feed", feed(9, 8, older=site.origin.url("/2")))
    site.origin.serve("/2", feed(7, 6, older=site.origin.url("/3")))
    site.origin.serve("/3", feed(5, 2, older=site.origin.url("/4")))
    site.origin.serve("/4", feed(1))
    async with site.poller():
        seen = await site.until(has(Document, 2))
    assert documents(seen)[1] == (["9", "8", "7", "6", "5", "2"], "window")
    assert asked(site.origin, "/4") == []
    state = await site.state()
    assert state is not None
    assert state.newest_at == TEN + timedelta(minutes=9)


async def test_a_gap_that_stays_open_removes_nothing_and_is_tried_again(site: Deployment) -> None:
    site.origin.serve("/feed", feed(2, 1))
    await site.add()
    async with site.poller():
        await site.until(has(Unchanged))
        site.origin.serve("/2", Answer(status=500), feed(3, 2))
        site.origin.serve("/feed", feed(9, 8, older=site.origin.url("/2")))
        seen = await site.until(has(Document, 3))
    assert documents(seen)[1:] == [(["9", "8"], "delta"), (["9", "8", "3", "2"], "window")]
    assert (await site.kinds()).count("Failed") == 0


async def test_a_page_that_never_works_is_given_up_after_a_few_looks(site: Deployment) -> None:
    site.origin.serve("/feed", feed(9, 8, older=site.origin.url("/2")))
    site.origin.serve("/2", Answer(body=b"<html><title>Just a moment...</title>", content_type="text/html"))
    await site.add()
    async with site.poller():
        await site.origin.wait_for("/feed", 8)
    assert len(asked(site.origin, "/2")) == pages.ATTEMPTS + 1
    state = await site.state()
    assert state is not None
    assert (state.newest_at, state.state) == (TEN + timedelta(minutes=9), "ok")
    assert documents(await site.observations()) == [(["9", "8"], "window")]


async def test_listed_updates_are_read_over_some_looks_and_then_left_alone(site: Deployment) -> None:
    children = {number: path_of(number) for number in range(1, 8)}
    for number, path in children.items():
        site.origin.serve(path, answer(update(number)))
    site.origin.serve("/graphql?wp-site=aje", answer(shell(*children), etag='"1"'))
    await site.add(url=site.origin.url("/graphql?wp-site=aje"))
    async with site.poller(with_fetch(max_pages=3)):
        await site.until(lambda seen: len(told(seen)) == 7)
        await site.origin.wait_for("/graphql?wp-site=aje", 8)
    assert {coverage for _, coverage in documents(await site.observations())} == {"delta"}
    assert [len(site.origin.asked(path)) for path in children.values()] == [2, 2, 1, 1, 1, 1, 1]
    # Only when all of them are read is the list asked for with its validator.
    conditions = ["if-none-match" in request.headers for request in site.origin.asked("/graphql?wp-site=aje")]
    assert conditions[:4] == [False, False, False, True]


async def test_a_new_update_is_read_when_the_list_names_it_and_others_again_in_turn(site: Deployment) -> None:
    children = {number: path_of(number) for number in range(1, 5)}
    for number, path in children.items():
        site.origin.serve(path, answer(update(number)))
    shells = [answer(shell(1, 2, 3)), answer(shell(4, 1, 2, 3))]
    site.origin.serve("/graphql?wp-site=aje", *[shells[0]] * 4, shells[1])
    await site.add(url=site.origin.url("/graphql?wp-site=aje"))
    async with site.poller(with_fetch(max_pages=2)):
        await site.origin.wait_for("/graphql?wp-site=aje", 8)
    assert [len(site.origin.asked(path)) for path in children.values()] == [2, 2, 1, 1]


async def test_the_posts_of_a_superdesk_blog_are_looked_at_with_it(site: Deployment) -> None:
    blog = {"_id": "x", "title": "Storm", "blog_status": "open"}
    site.origin.serve("/client_blogs/x", answer(blog, etag='"same"'))
    first = superdesk(superdesk_post(2), superdesk_post(1), total=40)
    site.origin.serve(
        "/client_blogs/x/posts", answer(first), answer(superdesk(superdesk_post(3), superdesk_post(2), total=40))
    )
    await site.add(url=site.origin.url("/client_blogs/x"))
    async with site.poller():
        seen = await site.until(has(Document, 2))
    assert documents(seen) == [(["Post 2", "Post 1"], "window"), (["Post 3", "Post 2"], "window")]
    assert all(one.reading.feed.live for one in seen if isinstance(one, Document))


def path_of(number: int) -> str:
    """The path and query by which the update is asked for, as they arrive."""
    document = json.dumps(shell(number)).encode()
    [named] = read(Raw(body=document, url="http://x.example/graphql?wp-site=aje")).more
    return URL(named).raw_path_qs


def told(seen: list[Observation]) -> set[str | None]:
    return {entry.source_id for one in seen if isinstance(one, Document) for entry in one.reading.entries}
