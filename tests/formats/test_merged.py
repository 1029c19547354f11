"""Several documents of one feed, read as one."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import msgspec
import pytest

from deltawire.formats.assemble import merged, reading
from deltawire.formats.urls import asking
from deltawire.model import Coverage, Entry, FeedMeta, Problem, Reading, Tombstone
from formats.docs import utc

TEN = utc("2025-03-03T10:00:00")


def entry(minute: int, text: str | None = None, **changes: Any) -> Entry:
    known = Entry(
        source_id=f"e{minute}", content_text=text or f"Text {minute}", published_at=TEN + timedelta(minutes=minute)
    )
    return msgspec.structs.replace(known, **changes)


def page(*entries: Entry, coverage: Coverage = "window", **fields: Any) -> Reading:
    return reading(
        format="x", version=1, feed=FeedMeta(title="Storm", live=True), coverage=coverage, entries=entries, **fields
    )


def test_pages_that_overlap_are_one_reading_newest_first() -> None:
    both = merged(page(entry(9), entry(7), more=["/2"]), [page(entry(7), entry(5))], whole=True)
    assert [one.source_id for one in both.entries] == ["e9", "e7", "e5"]
    assert (both.coverage, both.more, both.problems) == ("window", (), ())
    assert (both.feed.title, both.feed.live, both.version) == ("Storm", True, page().version)


def test_of_two_copies_the_newer_counts_wherever_it_was_read() -> None:
    old, new = (entry(7, f"Text of {n}", updated_at=TEN + timedelta(minutes=n)) for n in (8, 9))
    for first, second in ((old, new), (new, old)):
        assert merged(page(first), [page(second)], whole=True).entries == (new,)


def test_entries_without_identity_that_stand_on_two_pages_are_one() -> None:
    nameless = entry(7, source_id=None)
    both = merged(page(entry(9), nameless), [page(nameless, entry(5, source_id=None))], whole=True)
    assert [one.content_text for one in both.entries] == ["Text 9", "Text 7", "Text 5"]
    twice = merged(page(nameless, nameless), [page(entry(5))], whole=True)
    assert len(twice.entries) == 3


@pytest.mark.parametrize(
    ("coverages", "whole", "expected"),
    [
        (("window", "window"), True, "window"),
        (("full", "full"), True, "window"),
        (("window", "delta"), True, "delta"),
        (("window", "window"), False, "delta"),
    ],
)
def test_the_union_claims_no_more_than_its_parts(
    coverages: tuple[Coverage, Coverage], whole: bool, expected: Coverage
) -> None:
    first, second = (page(entry(n), coverage=coverage) for n, coverage in zip((9, 5), coverages, strict=True))
    assert merged(first, [second], whole=whole).coverage == expected


def test_a_list_of_entries_takes_the_coverage_of_what_it_lists() -> None:
    listing = page(coverage="delta", more=["/1"])
    assert merged(listing, [page(entry(1))], whole=True).coverage == "window"
    assert merged(listing, [], whole=True).coverage == "window"
    assert merged(listing, [], whole=False).coverage == "delta"


def test_what_is_aside_withdrawn_or_noted_on_a_page_stays_so() -> None:
    grave = Tombstone(source_id="gone")
    odd = Problem(code="odd", message="x")
    apart = msgspec.structs.replace(page(entry(8), entry(1)), aside=(1,))
    both = merged(apart, [page(entry(7), entry(6), tombstones=[grave], problems=[odd])], whole=True)
    assert [both.entries[place].source_id for place in both.aside] == ["e1"]
    assert (both.tombstones, both.problems) == ((grave,), (odd,))


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("https://x.example/a?k=${KEY}&page=1&q=a%20b#top", "https://x.example/a?k=${KEY}&q=a%20b&page=2"),
        ("http://x.example", "http://x.example?page=2"),
        ("saved.json", None),
        ("file:///a", None),
    ],
)
def test_asking_for_another_page_leaves_the_rest_of_the_address_as_it_is(url: str, expected: str | None) -> None:
    assert asking(url, page="2") == expected
