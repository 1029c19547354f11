"""Which address is fetched in the end: redirects, credentials, variables, and what is no web address."""

from __future__ import annotations

from datetime import timedelta

import aiohttp
import msgspec
import pytest

from deltawire.poller import fetch as module
from deltawire.poller import hosts
from deltawire.poller.fetch import _keepable, fetch
from deltawire.poller.outcome import MENDS, mend
from support import origin as sites
from support.fetching import BODY, LOCAL, NOW, bad, good
from support.origin import Answer, Origin, redirect


async def test_redirects_are_followed_and_the_last_address_is_the_documents(
    origin: Origin, session: aiohttp.ClientSession
) -> None:
    for status, step in zip([301, 302, 303, 307, 308], range(5), strict=True):
        origin.serve(f"/{step}", redirect(f"{step + 1}", status))
    origin.serve("/5", Answer(body=BODY))
    fetched = await good(session, origin.url("/0"))
    assert (fetched.body, fetched.url) == (BODY, origin.url("/5"))


async def test_six_redirects_and_loops_are_refused(origin: Origin, session: aiohttp.ClientSession) -> None:
    origin.serve("/feed", redirect("/feed"))
    assert (await bad(session, origin.url())).cause == "redirect"
    assert len(origin.requests) == 6


async def test_the_long_addresses_that_a_site_makes_up_are_not_remembered(
    origin: Origin, session: aiohttp.ClientSession
) -> None:
    known = (module._plain, module._host, module._checked, module._address, hosts.host_of)
    origin.serve("/feed", redirect("/feed"))
    await bad(session, origin.url())
    site = hosts.host_of(origin.url())
    before = [cache.cache_info().currsize for cache in known]
    for number in range(3):
        long = f"/{number}{'x' * 5000}"
        origin.serve("/feed", redirect(long))
        origin.serve(long, Answer(body=BODY))
        assert (await good(session, origin.url())).url == origin.url(long)
        assert hosts.host_of(origin.url(long)) == site
        assert (await good(session, origin.url(long))).body == BODY
    assert [cache.cache_info().currsize for cache in known] == before


@pytest.mark.parametrize(
    ("hops", "kept"),
    [
        ((301,), 1),
        ((308,), 1),
        ((301, 308, 301), 3),
        ((301, 302, 301), 1),
        ((302, 301), None),
        ((303,), None),
        ((307,), None),
        ((), None),
    ],
)
async def test_a_move_for_good_leads_as_far_as_permanent_redirects_do(
    origin: Origin, session: aiohttp.ClientSession, hops: tuple[int, ...], kept: int | None
) -> None:
    for step, status in enumerate(hops):
        origin.serve(f"/{step}", redirect(f"{step + 1}#part", status))
    origin.serve(f"/{len(hops)}", Answer(body=BODY))
    fetched = await good(session, origin.url("/0"))
    assert fetched.permanent == (None if kept is None else origin.url(f"/{kept}"))


async def test_a_move_keeps_no_credentials_and_no_variable(
    origin: Origin, session: aiohttp.ClientSession, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DW_KEY", "s3cret")
    monkeypatch.setenv("DW_OTHER", "hunter2")
    origin.serve("/feed?key=s3cret", redirect("/new?key=s3cret", 301))
    origin.serve("/new?key=s3cret", Answer(body=BODY))
    fetched = await good(session, origin.url("/feed?key=${DW_KEY}").replace("//", "//user:pw@"))
    assert fetched.permanent == origin.url("/new?key=${DW_KEY}")
    origin.serve("/feed?key=s3cret", redirect("/${DW_OTHER}", 301))
    origin.serve("/$%7BDW_OTHER%7D", Answer(body=BODY))
    assert (await good(session, origin.url("/feed?key=${DW_KEY}"))).permanent is None


async def test_validators_of_the_new_place_are_known_as_such_however_it_was_reached(
    origin: Origin, session: aiohttp.ClientSession
) -> None:
    origin.serve("/feed", redirect("/new", 301))
    origin.serve("/new", Answer(body=BODY, etag='"1"'))
    through = await good(session, origin.url())
    straight = await fetch(session, LOCAL, origin.url("/new"), through.validators, home=origin.url())
    assert straight.status == 304
    origin.serve("/feed", Answer(body=BODY, etag='"1"'))
    assert (await good(session, origin.url(), through.validators)).status == 200


async def test_a_redirect_can_ask_for_a_pause_too(origin: Origin, session: aiohttp.ClientSession) -> None:
    origin.serve("/feed", Answer(status=301, headers={"Location": "/new", "Retry-After": "120"}))
    origin.serve("/new", Answer(body=BODY))
    assert (await good(session, origin.url())).retry_after == NOW + timedelta(seconds=120)


async def test_whoever_refuses_is_named_for_the_gate(origin: Origin, session: aiohttp.ClientSession) -> None:
    async with Origin() as other:
        other.serve("/feed", Answer(status=429))
        origin.serve("/feed", redirect(other.url()))
        assert (await bad(session, origin.url())).refused_by == other.url()
        other.serve("/feed", Answer(status=404))
        assert (await bad(session, origin.url())).refused_by is None


@pytest.mark.parametrize(
    ("here", "there", "kept"),
    [
        ("https://example.org/", "http://example.org/", False),
        ("http://example.org/", "https://example.org/", True),
        ("https://example.org/", "https://example.net/", True),
    ],
)
def test_a_move_from_https_to_http_is_not_kept(here: str, there: str, kept: bool) -> None:
    assert _keepable(here, there) is kept


@pytest.mark.parametrize(
    "location", ["file:///etc/passwd", "ftp://127.0.0.1/", "javascript:alert(1)", "http://[::1", ""]
)
async def test_a_redirect_to_what_is_no_web_page_is_refused(
    origin: Origin, session: aiohttp.ClientSession, location: str
) -> None:
    origin.serve("/feed", redirect(location))
    assert (await bad(session, origin.url())).cause == "redirect"
    assert len(origin.requests) == 1


async def test_validators_go_only_to_the_url_that_gave_them(origin: Origin, session: aiohttp.ClientSession) -> None:
    origin.serve("/feed", redirect("/a"), redirect("/a"), redirect("/b"))
    origin.serve("/a", Answer(body=BODY, etag='"1"'))
    origin.serve("/b", Answer(body=b"another document", etag='"1"'))
    first = await good(session, origin.url())
    second = await good(session, origin.url(), first.validators)
    third = await good(session, origin.url(), first.validators)
    assert (second.status, third.status, third.body) == (304, 200, b"another document")
    assert all("if-none-match" not in request.headers for request in origin.asked("/feed"))


async def test_credentials_do_not_follow_a_redirect_to_another_host(
    origin: Origin, session: aiohttp.ClientSession
) -> None:
    async with Origin() as other:
        other.serve("/feed", Answer(body=BODY))
        origin.serve("/same", redirect("/away"))
        origin.serve("/away", redirect(other.url()))
        fetched = await good(session, origin.url("/same").replace("//", "//user:secret@"))
    assert ["authorization" in request.headers for request in origin.requests] == [True, True]
    assert "authorization" not in other.requests[0].headers
    assert fetched.url == other.url()


async def test_a_variable_is_filled_in_for_the_request_and_nowhere_else(
    origin: Origin, session: aiohttp.ClientSession, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DW_KEY", "s3cret/&")
    origin.serve("/feed/s3cret/&?key=s3cret/&", Answer(body=BODY))
    fetched = await good(session, origin.url("/feed/${DW_KEY}?key=${DW_KEY}"))
    assert fetched.url == origin.url("/feed/${DW_KEY}?key=${DW_KEY}")
    failure = await bad(session, origin.url("/other?key=${DW_KEY}"))
    assert "s3cret" not in failure.detail


async def test_a_variable_that_is_not_set_is_named(session: aiohttp.ClientSession, origin: Origin) -> None:
    failure = await bad(session, origin.url("/feed?key=${DW_NOT_SET}"))
    assert failure.cause == "variable"
    assert "DW_NOT_SET" in failure.detail
    assert origin.requests == []


@pytest.mark.parametrize(
    "url",
    [
        "file:///etc/passwd",
        "ftp://example.org/feed",
        "http://",
        "//example.org/feed",
        "feed.xml",
        "http://[::1/feed",
        "http://example.org:99999/",
        "http://exa mple.org/",
        "http://example.org/a\r\nHost: b/",
        "http://\udcff.example/",
    ],
)
async def test_what_is_no_web_address_is_not_fetched(session: aiohttp.ClientSession, url: str) -> None:
    assert (await bad(session, url)).cause in {"url", "dns"}


async def test_a_header_that_is_no_text_does_no_harm(origin: Origin, session: aiohttp.ClientSession) -> None:
    origin.serve(
        "/feed",
        sites.raw(b'HTTP/1.1 200 OK\r\nETag: "\xff\xfe"\r\nContent-Type: text/\xff\r\nContent-Length: 4\r\n\r\nbody'),
    )
    fetched = await good(session, origin.url())
    assert fetched.validators.etag is None
    assert msgspec.json.encode(fetched)


def test_every_cause_has_a_mend() -> None:
    assert all(mend(cause) == text and len(text) > 4 for cause, text in MENDS.items())
    assert mend("http-502") != mend("http-418")


async def test_a_known_blogs_address_is_asked_for_what_can_be_read_best_its_key_filled_in_last(
    origin: Origin, session: aiohttp.ClientSession, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GUARDIAN_KEY", "k-1")
    blog = "/sea/live/2025/mar/03/harbour-storm-live?api-key="
    more = "&show-blocks=all&show-fields=headline,liveBloggingNow,lang&show-tags=contributor"
    origin.serve(f"{blog}k-1{more}", Answer(body=BODY, etag='"1"'))
    found = await good(session, origin.url(f"{blog}${{GUARDIAN_KEY}}"))
    assert (found.body, found.url) == (BODY, origin.url(f"{blog}${{GUARDIAN_KEY}}{more}"))
    again = await good(session, origin.url(f"{blog}${{GUARDIAN_KEY}}"), found.validators)
    assert again.status == 304
