"""One document, now."""

from __future__ import annotations

import pytest

from deltawire.config import FetchConfig
from deltawire.poller.once import FetchFailed, fetch_once
from support.origin import Answer, Origin, redirect


async def test_a_document_comes_with_where_it_was_found_and_what_it_claims_to_be() -> None:
    async with Origin() as origin:
        origin.serve("/feed", redirect("/there"))
        origin.serve("/there", Answer(body=b"<rss/>", content_type="text/xml; charset=utf-8"))
        raw = await fetch_once(origin.url(), FetchConfig(allow_private_networks=True))
    assert (raw.body, raw.url, raw.content_type) == (b"<rss/>", origin.url("/there"), "text/xml; charset=utf-8")
    assert raw.fetched_at is not None


async def test_a_private_address_is_refused_with_the_mend() -> None:
    async with Origin() as origin:
        with pytest.raises(
            FetchFailed, match=r"127\.0\.0\.1 is a loopback address; set \[fetch\] allow_private_networks"
        ):
            await fetch_once(origin.url(), FetchConfig())
    assert origin.connections == 0


async def test_a_missing_page_says_what_to_do() -> None:
    async with Origin() as origin:
        with pytest.raises(FetchFailed, match=r"answered 404 Not Found.*the blog may have moved"):
            await fetch_once(origin.url(), FetchConfig(allow_private_networks=True))
