"""What all adapters share: the order of a document, and one copy of each entry."""

from __future__ import annotations

import random
import time
from datetime import timedelta
from typing import Any

import pytest

from deltawire.formats.assemble import reading
from deltawire.model import Entry, FeedMeta, Link, Media, Reading
from formats.docs import utc

START = utc("2025-03-03T10:00:00")


def entry(minute: int | None, **changes: Any) -> Entry:
    at = None if minute is None else START + timedelta(minutes=minute)
    return Entry(content_text=f"At {minute}.", published_at=at, **changes)


def assembled(*entries: Entry, order: Any = "newest-first") -> Reading:
    return reading(format="rss", version=1, feed=FeedMeta(order=order), coverage="window", entries=entries)


def minutes(found: Reading) -> list[int]:
    return [int((e.published_at - START) / timedelta(minutes=1)) for e in found.entries if e.published_at]


ORDERS = {
    "falling": ([9, 8, 8, 3], "newest-first", []),
    "rising": ([3, 8, 8, 9], "oldest-first", []),
    "an old one on top": ([2, 9, 8, 7, 6], "newest-first", [2]),
    "an old one on top of two": ([2, 9, 8], "newest-first", [2]),
    "a new one on top of an oldest-first page": ([9, 1, 2, 3, 4], "oldest-first", [9]),
    "two on top of ten": ([1, 3, *range(20, 12, -1)], "newest-first", [3, 1]),
    "two on top of nine": ([1, 3, *range(20, 13, -1)], "unordered", []),
    "two swapped at the end": ([9, 8, 7, 4, 5], "newest-first", [4]),
    "two swapped at the start of an oldest-first page": ([5, 4, 7, 8, 9], "oldest-first", [4]),
    "no order": ([5, 1, 4, 2, 3, 6], "unordered", []),
}


@pytest.mark.parametrize(("listed", "order", "aside"), ORDERS.values(), ids=ORDERS.keys())
def test_what_stands_outside_of_a_documents_order_is_aside(listed: list[int], order: str, aside: list[int]) -> None:
    found = assembled(*map(entry, listed))
    assert minutes(found) == sorted(listed, reverse=True)
    assert found.feed.order == order
    assert [minutes(found)[index] for index in found.aside] == aside


def test_of_two_at_the_same_minute_the_one_on_top_is_aside() -> None:
    found = assembled(*(entry(minute, source_id=id_) for minute, id_ in [(2, "top"), (9, "a"), (2, "b"), (1, "c")]))
    assert [e.source_id for e in found.entries] == ["a", "top", "b", "c"]
    assert found.aside == (1,)


def test_nothing_is_aside_where_a_time_is_missing_or_all_are_the_same() -> None:
    for listed in ([2, 9, None, 8], [5, 5, 5]):
        found = assembled(*map(entry, listed), order="oldest-first")
        assert (found.feed.order, found.aside) == ("oldest-first", ())


def test_the_order_of_many_entries_is_found_quickly() -> None:
    listed = list(range(20_000, 0, -1))
    for minute in random.Random(3).sample(listed, 2_000):
        listed.remove(minute)
        listed.insert(0, minute)
    before = time.process_time()
    found = assembled(*map(entry, listed))
    assert time.process_time() - before < 3
    assert found.feed.order == "newest-first"
    assert 1_500 < len(found.aside) <= 2_000


def test_ordinary_entries_pass_the_bounds_untouched() -> None:
    whole = entry(
        1, language="sr-Latn-RS", title="t" * 10_000, links=(Link(url="https://x.example/", text="x", rel="related"),)
    )
    found = assembled(whole)
    assert found.entries == (whole,)
    assert found.problems == ()


def test_fields_of_any_length_are_bounded_and_that_is_noted() -> None:
    whole = entry(
        1,
        source_id="a",
        language="l" * 36,
        title="t" * 10_001,
        authors=tuple(f"{n} {'a' * 300}" for n in range(60)),
        labels=tuple(f"{n} {'b' * 300}" for n in range(110)),
        links=tuple(Link(url=f"https://x.example/{n}", text="x" * 20_000, rel="r" * 200) for n in range(510)),
        media=tuple(Media(url=f"https://x.example/{n}", type="m" * 200, alt="x" * 20_000) for n in range(520)),
    )
    found = assembled(whole, entry(0))
    bounded = found.entries[0]
    assert (bounded.language, bounded.title) == (None, "t" * 10_000)
    assert bounded.authors == tuple(f"{n} {'a' * 300}"[:200] for n in range(50))
    assert bounded.labels == tuple(f"{n} {'b' * 300}"[:200] for n in range(100))
    assert bounded.links == tuple(
        Link(url=f"https://x.example/{n}", text="x" * 10_000, rel="r" * 100) for n in range(500)
    )
    assert bounded.media == tuple(
        Media(url=f"https://x.example/{n}", type="m" * 100, alt="x" * 10_000) for n in range(500)
    )
    assert [(problem.code, problem.where) for problem in found.problems] == [("field-cut", "a")]
    message = found.problems[0].message
    for words in ("its language", "its title", "10 of 60 authors", "10 of 510 links", "20 of 520 media"):
        assert words in message
    assert found.entries[1] == entry(0)


def test_names_that_are_equal_once_cut_count_once() -> None:
    found = assembled(entry(1, authors=("a" * 201, "a" * 202), labels=("b" * 201, "b" * 202)))
    assert (found.entries[0].authors, found.entries[0].labels) == (("a" * 200,), ("b" * 200,))


def test_the_language_and_title_of_a_feed_are_bounded() -> None:
    feed = FeedMeta(language="l" * 36, title="t" * 10_001, url="https://x.example/")
    found = reading(format="rss", version=1, feed=feed, coverage="window", entries=[])
    assert found.feed == FeedMeta(title="t" * 10_000, url="https://x.example/")
    assert [(problem.code, problem.where) for problem in found.problems] == [("field-cut", "the feed")]
