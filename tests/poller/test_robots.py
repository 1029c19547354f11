"""robots.txt as RFC 9309 says, for pages."""

from __future__ import annotations

import asyncio
import time

import aiohttp
import msgspec
import pytest

from deltawire.config import FetchConfig
from deltawire.formats.registry import FORMATS
from deltawire.model import Document, Failed
from deltawire.poller import robots as module
from deltawire.poller.hosts import Gates
from deltawire.poller.outcome import Failure
from deltawire.poller.robots import PAGES, RETRY, Robots, Rules, is_page, unavailable
from support.fetching import LOCAL
from support.origin import Answer, Origin
from support.polling import Deployment, has, page, with_fetch

FORBIDS = b"User-agent: *\nDisallow: /live\n"
PAGE = b"""<html><head><script type="application/ld+json">{"@context": "https://schema.org", "@type": "LiveBlogPosting",
"headline": "Harbour", "liveBlogUpdate": [{"@type": "BlogPosting", "@id": "1", "headline": "a", "articleBody": "a",
"datePublished": "2026-03-01T12:00:00Z"}]}</script></head><body></body></html>"""


def rules(body: bytes) -> Answer:
    return Answer(body=body, content_type="text/plain")


def robots(session: aiohttp.ClientSession, config: FetchConfig = LOCAL) -> Robots:
    config = msgspec.structs.replace(config, per_host_rate=0)
    return Robots(session, config, Gates(config))


async def refused(
    origin: Origin, session: aiohttp.ClientSession, path: str = "/live", **fields: object
) -> Failure | None:
    config = msgspec.structs.replace(LOCAL, **fields)
    return await robots(session, config).refusal(origin.url(path))


@pytest.mark.parametrize(
    ("text", "path", "allowed"),
    [
        ("User-agent: *\nDisallow: /live", "/live/1", False),
        ("User-agent: *\nDisallow: /live", "/feed", True),
        ("User-agent: *\nDisallow: /\nAllow: /live", "/live/1", True),
        ("User-agent: *\nDisallow: /*.html$", "/a/b.html", False),
        ("User-agent: *\nDisallow: /*.html$", "/a/b.html?x=1", True),
        ("User-agent: *\nDisallow: /\n\nUser-agent: DeltaWire\nDisallow: /private", "/live", True),
        ("User-agent: deltawire\nDisallow: /\n\nUser-agent: *\nDisallow:", "/live", False),
        ("User-agent: otherbot\nDisallow: /", "/live", True),
        ("\ufeffUser-agent: *\nDisallow: /live", "/live", False),
        ("<html>no rules at all</html>", "/live", True),
        ("", "/live", True),
        ("User-agent: *\nDisallow: /" + "*a" * 500 + "$", "/" + "a" * 1000, False),
    ],
)
async def test_the_longest_rule_of_the_group_that_names_us_counts(
    origin: Origin, session: aiohttp.ClientSession, text: str, path: str, allowed: bool
) -> None:
    origin.serve("/robots.txt", rules(text.encode()))
    failure = await refused(origin, session, path)
    assert (failure is None) is allowed
    if failure is not None:
        assert failure.cause == "robots"
        assert failure.detail == "the robots.txt of 127.0.0.1 forbids this page to deltawire"


@pytest.mark.parametrize(
    ("status", "allowed"),
    [(404, True), (403, True), (401, True), (410, True), (429, False), (500, False), (503, False)],
)
async def test_without_rules_everything_goes_unless_the_server_fails(
    origin: Origin, session: aiohttp.ClientSession, status: int, allowed: bool
) -> None:
    origin.serve("/robots.txt", Answer(status=status))
    failure = await refused(origin, session)
    assert (failure is None) is allowed
    if failure is not None:
        assert f"127.0.0.1 answered {status}" in failure.detail


async def test_redirects_are_followed_and_a_loop_means_no_rules(origin: Origin, session: aiohttp.ClientSession) -> None:
    origin.serve("/robots.txt", Answer(status=301, headers={"Location": "/rules"}))
    origin.serve("/rules", rules(FORBIDS))
    assert await refused(origin, session) is not None
    origin.serve("/rules", Answer(status=302, headers={"Location": "/robots.txt"}))
    assert await refused(origin, session) is None


async def test_half_a_megabyte_is_read_and_no_more(origin: Origin, session: aiohttp.ClientSession) -> None:
    filler = b"# " + b"x" * 997 + b"\n"
    origin.serve("/robots.txt", rules(filler * 400 + FORBIDS + filler * 1000))
    assert await refused(origin, session) is not None
    origin.serve("/robots.txt", rules(filler * 600 + FORBIDS))
    assert await refused(origin, session) is None


async def test_it_is_asked_for_once_for_all_pages_of_an_origin(origin: Origin, session: aiohttp.ClientSession) -> None:
    origin.serve("/robots.txt", rules(FORBIDS))
    guard = robots(session)
    await asyncio.gather(*(guard.refusal(origin.url(f"/live/{n}")) for n in range(20)))
    assert len(origin.asked("/robots.txt")) == 1


async def test_a_page_that_leads_to_ever_new_hosts_does_not_fill_the_memory(
    session: aiohttp.ClientSession, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "REMEMBERED_BYTES", 3000)
    async with Origin("0.0.0.0") as world:
        world.serve("/robots.txt", rules(FORBIDS + b"#" * 970))
        guard = robots(session)
        for number in (1, 2, 1, 3, 4, 1, 2):
            assert await guard.refusal(world.url("/live", f"127.0.0.{number}")) is not None
        asked = [request.headers["host"].partition(":")[0][-1] for request in world.asked("/robots.txt")]
    assert asked == ["1", "2", "3", "4", "2"], "those not needed for longest are asked for again, and no others"
    assert guard._size <= 3000
    assert len(guard._rules) == len(guard._locks) == 3


def test_rules_that_are_known_hold_while_the_server_fails() -> None:
    failure = Failure(cause="http-503", detail="it answered 503", status=503)
    known = Rules(until=0, unreachable=None)
    assert unavailable(failure, known, 100) == msgspec.structs.replace(known, until=100 + RETRY)
    assert unavailable(failure, None, 100) == Rules(until=100 + RETRY, unreachable="it answered 503")
    assert unavailable(failure, unavailable(failure, None, 0), 100).unreachable == "it answered 503"


def test_a_robots_txt_is_not_asked_for_before_its_server_wants_to_be() -> None:
    failure = Failure(cause="http-429", detail="it answered 429", status=429)
    assert unavailable(failure, None, 100, 3600).until == 3700
    assert unavailable(failure, Rules(until=0), 100, 3600).until == 3700
    assert unavailable(failure, None, 100, 5).until == 100 + RETRY


async def test_a_host_that_puts_its_robots_txt_off_is_slowed_down(
    origin: Origin, session: aiohttp.ClientSession
) -> None:
    origin.serve("/robots.txt", Answer(status=429, headers={"Retry-After": "120"}))
    config = msgspec.structs.replace(LOCAL, per_host_rate=0)
    gates = Gates(config)
    assert await Robots(session, config, gates).refusal(origin.url("/live")) is not None
    gates.refused(origin.url("/feed"), 100)
    assert 90 < gates.held(origin.url("/feed")) <= 100, "two that are to wait mean the host"


@pytest.mark.parametrize(
    "line", ["Crawl-delay: nan", "Crawl-delay: inf", "Crawl-delay: -5", "Crawl-delay: 1e400", "Crawl-delay: soon"]
)
async def test_a_crawl_delay_that_is_none_changes_nothing(
    origin: Origin, session: aiohttp.ClientSession, line: str
) -> None:
    origin.serve("/robots.txt", rules(f"User-agent: *\n{line}\n".encode()))
    config = msgspec.structs.replace(LOCAL, per_host_rate=0)
    gates = Gates(config)
    assert await Robots(session, config, gates).refusal(origin.url("/live")) is None
    assert gates._host(origin.url()).gap(0.25, 0) == 0.25


async def test_rules_by_the_ten_thousand_are_matched_once_for_each_page(
    origin: Origin, session: aiohttp.ClientSession
) -> None:
    patterns = b"".join(b"Disallow: /*a*a*a%d$\n" % n for n in range(20_000))
    origin.serve("/robots.txt", rules(b"User-agent: *\n" + patterns))
    asked = robots(session)
    path = "/" + "a" * 1000
    assert await asked.refusal(origin.url(path)) is None
    before = time.process_time()
    for _ in range(1000):
        assert await asked.refusal(origin.url(path)) is None
    # Matching them takes a tenth of a second.
    assert time.process_time() - before < 2


async def test_a_crawl_delay_is_passed_to_the_gate(origin: Origin, session: aiohttp.ClientSession) -> None:
    origin.serve("/robots.txt", rules(b"User-agent: *\nCrawl-delay: 7\n"))
    config = msgspec.structs.replace(LOCAL, per_host_rate=0)
    gates = Gates(config)
    assert await Robots(session, config, gates).refusal(origin.url("/live")) is None
    assert gates._host(origin.url()).gap(0, 0) == 7


def test_every_format_is_a_page_or_made_for_machines() -> None:
    assert set(FORMATS) - PAGES == {
        "aljazeera",
        "atom",
        "guardian-capi",
        "guardian-page",
        "guardian-poll",
        "jsonfeed",
        "quintype",
        "rss",
        "superdesk",
        "wordpress-liveblog",
    }


def test_feeds_and_apis_are_no_pages() -> None:
    assert [is_page(format_, None) for format_ in ("rss", "atom", "jsonfeed", "guardian-capi")] == [False] * 4
    assert is_page("jsonld", None)
    assert is_page("auto", "jsonld")
    assert is_page("auto", "rss") is False
    assert is_page("auto", None) is None


async def test_a_page_that_is_forbidden_is_a_failed_look_and_is_not_asked_for_again(site: Deployment) -> None:
    site.origin.serve("/robots.txt", rules(FORBIDS))
    site.origin.serve("/live", Answer(body=PAGE, content_type="text/html"))
    await site.add("auto", site.origin.url("/live"))
    await site.add("named", site.origin.url("/live/named"), format="jsonld")
    async with site.poller():
        seen = await site.until(has(Failed, 3), "named")
        await site.until(has(Failed, 3), "auto")
    assert {type(one) for one in seen} == {Failed}
    assert {one.cause for one in seen if isinstance(one, Failed)} == {"robots"}
    assert await site.kinds("auto") == ["Failed"] * len(await site.kinds("auto"))
    assert site.origin.asked("/live/named") == []
    # What it is shows only once it is here.
    assert len(site.origin.asked("/live")) == 1


@pytest.mark.parametrize("format_", ["auto", "jsonld"])
async def test_a_redirect_is_no_way_around_the_rules(site: Deployment, format_: str) -> None:
    site.origin.serve("/robots.txt", rules(FORBIDS))
    site.origin.serve("/open", Answer(status=302, headers={"Location": "/live"}))
    site.origin.serve("/live", Answer(body=PAGE, content_type="text/html"))
    await site.add(url=site.origin.url("/open"), format=format_)
    async with site.poller():
        seen = await site.until(has(Failed, 2))
    assert {(type(one), one.cause) for one in seen if isinstance(one, Failed)} == {(Failed, "robots")}
    assert len(seen) == sum(isinstance(one, Failed) for one in seen)


async def test_a_feed_is_asked_for_without_robots_txt(site: Deployment) -> None:
    site.origin.serve("/robots.txt", rules(b"User-agent: *\nDisallow: /\n"))
    site.origin.serve("/feed", page("a"))
    await site.add()
    async with site.poller():
        await site.until(has(Document))
        await site.origin.wait_for("/feed", 3)
    assert site.origin.asked("/robots.txt") == []


async def test_robots_txt_can_be_ignored(site: Deployment) -> None:
    site.origin.serve("/robots.txt", rules(FORBIDS))
    site.origin.serve("/live", Answer(body=PAGE, content_type="text/html"))
    await site.add(url=site.origin.url("/live"), format="jsonld")
    async with site.poller(with_fetch(respect_robots=False)):
        await site.until(has(Document))
    assert site.origin.asked("/robots.txt") == []
