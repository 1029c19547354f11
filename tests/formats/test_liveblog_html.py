"""Entries in the markup of the page: the Mirror's kind, the Express's, and schema.org's microdata."""

from __future__ import annotations

import re

import pytest

from deltawire.model import Entry
from formats.docs import blog, corpus, page, read_doc, refusal, utc
from formats.page_docs import EXPRESS_ENTRIES, HEAD, MICRODATA_ENTRIES, MIRROR_ENTRIES, TAIL, URL, listed, microdata

PAGES = {"mirror": listed(MIRROR_ENTRIES), "express": listed(EXPRESS_ENTRIES)}


@pytest.mark.parametrize(
    ("kind", "ids", "precise", "authors", "labels"),
    [
        ("mirror", ("7002", "7001"), "2025-03-03T10:30:00.123", ((), ("Ada Quill",)), ("key-event",)),
        ("express", ("live-1-b", "live-1-a"), "2025-03-03T10:30:00", (("Ada Quill",), ()), ()),
    ],
)
def test_entries_are_read_with_their_epochs(
    kind: str, ids: tuple[str, ...], precise: str, authors: tuple[tuple[str, ...], ...], labels: tuple[str, ...]
) -> None:
    reading = read_doc(PAGES[kind])
    assert (reading.format, reading.coverage, reading.feed.live) == ("liveblog-html", "window", None)
    assert (reading.feed.title, reading.feed.url, reading.problems) == ("Storm – live", URL, ())
    assert tuple(entry.source_id for entry in reading.entries) == ids
    assert tuple(entry.authors for entry in reading.entries) == authors
    first, second = reading.entries
    assert (first.published_at, first.updated_at) == (utc(precise), utc("2025-03-03T10:31:00"))
    assert (first.published_precision, first.title, first.labels) == ("exact", "Ferry & tide", labels)
    assert (first.content_text, first.url) == ("All six sailings.", f"{URL}#{ids[0]}")
    assert [medium.url for medium in first.media] == ["https://img.example/sea.jpg"]
    assert second.content_html == "<p>Wind rises.</p>"


@pytest.mark.parametrize("kind", PAGES)
def test_ages_clocks_and_cache_busters_leave_no_trace(kind: str) -> None:
    later = re.sub(r"21 mins ago", "2 hours ago", PAGES[kind])
    later = later.replace("1741000000", "1741009999").replace("<time>10:30", "<time>06:30")
    assert later != PAGES[kind]
    assert read_doc(later) == read_doc(PAGES[kind])


def test_json_ld_updates_are_read_before_the_markup() -> None:
    both = page(blog()).replace("<p>Hi</p>", MIRROR_ENTRIES)
    assert read_doc(both).format == "jsonld"
    assert read_doc(both, "liveblog-html").format == "liveblog-html"
    assert read_doc(page(blog()).replace("<p>Hi</p>", MICRODATA_ENTRIES)).format == "jsonld"


def test_a_page_about_such_pages_is_none() -> None:
    assert refusal(f'{HEAD}<p>Use class="live-event-entry" there.</p>{TAIL}')[0] == "not-a-live-blog"


def test_microdata_reads_as_its_json_ld_would() -> None:
    reading = read_doc(microdata())
    assert (reading.format, reading.coverage, reading.feed.title) == ("microdata", "window", "Storm now")
    two, one = reading.entries
    assert (two.source_id, two.title, two.authors, two.url) == ("u2", "Ferry off", ("Ada Quill",), f"{URL}#u2")
    assert (two.published_at, two.updated_at) == (utc("2025-03-03T10:30:00"), utc("2025-03-03T10:31:00"))
    assert two.content_html == "<p>All <b>six</b> sailings &lt; seven.</p>"
    assert (one.source_id, one.title, one.authors, one.content_text) == ("u1", None, (), "Wind rises.")


def test_microdata_of_another_type_is_no_live_blog() -> None:
    assert refusal(microdata().replace("LiveBlogPosting", "BlogPosting"))[0] == "not-a-live-blog"
    assert refusal(f'{HEAD}<main itemscope itemtype="https://schema.org/LiveBlogPosting"></main>{TAIL}')[0] == "empty"


def instant(name: str) -> tuple[dict[str | None, Entry], dict[str | None, Entry]]:
    """One instant of a blog by id: as the markup of its page has it, and as its JSON-LD has it."""
    files = (f"html/{name}.entries.html", f"jsonld/{name}.json")
    shown, stated = (read_doc(corpus(file), url=f"https://{name}.example/live").entries for file in files)
    return {entry.source_id: entry for entry in shown}, {entry.source_id: entry for entry in stated}


def test_the_mirrors_markup_and_json_ld_of_one_instant_agree() -> None:
    """JSON-LD has 428 entries, the markup the newest 30, whose text it repeats without tweets and captions."""
    shown, stated = instant("mirror_uk-riots_2024-08-05")
    assert list(shown) == list(stated)[:30]
    for identity, entry in shown.items():
        other = stated[identity]
        assert (entry.title, entry.published_at, entry.updated_at) == (
            other.title,
            other.published_at,
            other.updated_at,
        )
        rest = iter(entry.content_text.split())
        assert all(word in rest for word in other.content_text.split()), identity
        assert {link.url for link in other.links} <= {link.url for link in entry.links}
    assert sum("key-event" in entry.labels for entry in shown.values()) == 9


def test_the_expresss_markup_and_json_ld_of_one_instant_agree() -> None:
    """The markup adds pictures with their captions."""
    shown, stated = instant("express_royals_2024-07-18")
    assert list(shown) == list(stated)
    for identity, entry in shown.items():
        other = stated[identity]
        assert (entry.title, entry.authors) == (other.title, other.authors)
        assert (entry.published_at, entry.updated_at) == (other.published_at, other.updated_at)
        assert entry.content_text.startswith(other.content_text), identity
