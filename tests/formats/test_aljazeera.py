"""Al Jazeera: a live blog that lists its updates, and the updates."""

from __future__ import annotations

import json
from urllib.parse import parse_qs, urlsplit

import pytest

from formats.docs import corpus, read_doc, refusal, utc
from formats.vendor_docs import SHELL_URL, shell, update


def asked(address: str) -> tuple[str, int]:
    """The operation and the update that an address asks for."""
    query = parse_qs(urlsplit(address).query)
    assert query["wp-site"] == ["aje"]
    return query["operationName"][0], json.loads(query["variables"][0])["postID"]


def test_a_blog_names_its_updates_and_holds_none() -> None:
    meta = [{"id": "30", "publishedTime": "1740996000"}, {"id": "31", "publishedTime": "1740996600"}]
    reading = read_doc(shell(31, "32", 30, childrenMeta=meta), url=SHELL_URL)
    assert (reading.format, reading.coverage, reading.entries) == ("aljazeera", "delta", ())
    assert (reading.feed.title, reading.feed.live) == ("Storm live", True)
    assert reading.feed.url == "https://www.aljazeera.com/news/liveblog/2025/3/3/storm"
    assert [asked(address) for address in reading.more] == [("LiveBlogUpdateQuery", n) for n in (31, 32, 30)]


@pytest.mark.parametrize("child", [True, None, {}, "1/../2", "", 1.5, -1])
def test_no_address_is_made_of_what_is_no_id(child: object) -> None:
    assert read_doc(shell(child), url=SHELL_URL).more == ()
    assert read_doc(shell(1), url="blog.json").more == ()


def test_the_end_of_the_coverage_is_told() -> None:
    assert read_doc(shell(1, isLive=False)).feed.live is False


def test_an_update_is_one_entry_whose_naive_date_is_utc() -> None:
    reading = read_doc(update(32))
    assert (reading.coverage, reading.more, reading.problems) == ("delta", (), ())
    (entry,) = reading.entries
    assert (entry.source_id, entry.title, entry.authors) == ("32", "It’s update 32", ("Ada Quill",))
    assert (entry.published_at, entry.updated_at) == (utc("2025-03-03T10:15:00"), utc("2025-03-03T10:16:00"))
    assert entry.links[0].url == "https://www.aljazeera.com/news/x"
    (same,) = read_doc(update(32, id=32)).entries
    assert same == entry


def test_a_title_that_is_not_displayed_is_none() -> None:
    (entry,) = read_doc(update(32, shouldDisplayTitle=False, date="soon")).entries
    assert (entry.title, entry.published_precision) == (None, "unknown")


def test_other_answers_are_refused() -> None:
    assert refusal({"data": {"posts": None}}, "aljazeera")[0] == "not-a-live-blog"
    assert refusal(update(1, postType="post"), "aljazeera")[0] == "not-a-live-blog"


def test_the_answers_of_the_corpus() -> None:
    first = read_doc(corpus("aljazeera/liveblog-shell.snapshot-0.excerpt.json"), url=SHELL_URL)
    later = read_doc(corpus("aljazeera/children.snapshot-2.json"), url=SHELL_URL)
    assert (len(first.more), first.feed.live, later.feed.live) == (25, True, None)
    assert later.more[2:] == first.more
    (entry,) = read_doc(corpus("aljazeera/update-4514943.json")).entries
    assert (entry.source_id, entry.published_at) == ("4514943", utc("2026-04-22T23:45:00"))
