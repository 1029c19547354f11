"""AMP live lists: what an item, a withdrawal, the end, and the answer to a poll look like."""

from __future__ import annotations

import pytest

from deltawire.model import Tombstone
from formats.docs import blog, corpus, page, read_doc, refusal, utc
from formats.page_docs import AMP_ITEMS, HEAD, TAIL, URL, amp

POLL = f"{URL}?amp_latest_update_time=1740997860000"


def test_a_page_with_a_list_is_read_as_a_window() -> None:
    reading = read_doc(amp())
    assert (reading.format, reading.coverage, reading.problems) == ("amp", "window", ())
    assert (reading.feed.title, reading.feed.url, reading.feed.language) == ("Storm – live", URL, "en-gb")
    assert reading.feed.live is True
    two, one = reading.entries
    assert (two.source_id, two.title, two.authors, two.url) == ("post-2", "Ferry off", ("Ada Quill",), f"{URL}#post-2")
    assert (two.published_at, two.published_precision) == (utc("2025-03-03T10:30:00.123"), "exact")
    assert two.updated_at == utc("2025-03-03T10:31:00")
    assert two.content_text == "By\nAll six sailings."
    assert [(medium.url, medium.alt) for medium in two.media] == [("https://harbour.example/sea.jpg", "Sea")]
    # Seconds and milliseconds are both in use.
    assert (one.published_at, one.updated_at, one.title) == (utc("2025-03-03T10:20:00"), None, None)
    assert one.media[0].url == "https://www.youtube.com/embed/abc"


def test_a_withdrawn_item_is_a_tombstone_and_no_entry() -> None:
    items = (
        AMP_ITEMS + '<div id="post-0" data-sort-time="1740997100" data-update-time="1740997900" data-tombstone></div>'
    )
    reading = read_doc(amp(items))
    assert [entry.source_id for entry in reading.entries] == ["post-2", "post-1"]
    assert reading.tombstones == (Tombstone(source_id="post-0", at=utc("2025-03-03T10:31:40")),)


@pytest.mark.parametrize(("attributes", "live"), [("", True), ("disabled", False)])
def test_a_disabled_list_is_the_end(attributes: str, live: bool) -> None:
    assert read_doc(amp(attributes=attributes)).feed.live is live


def test_an_empty_disabled_list_is_the_end_without_entries() -> None:
    reading = read_doc(f'{HEAD}<amp-live-list id="list" disabled></amp-live-list>{TAIL}', url=POLL)
    assert (reading.entries, reading.feed.live, reading.coverage) == ((), False, "delta")


def test_an_enabled_list_without_a_place_for_items_is_refused() -> None:
    assert refusal(f'{HEAD}<amp-live-list id="list"></amp-live-list>{TAIL}')[0] == "empty"


def test_the_answer_to_a_poll_is_a_delta() -> None:
    reading = read_doc(amp(AMP_ITEMS[: AMP_ITEMS.index('<div id="post-1"')]), url=POLL)
    assert (reading.coverage, [entry.source_id for entry in reading.entries]) == ("delta", ["post-2"])


@pytest.mark.parametrize("body", ["", "\n"])
def test_an_empty_answer_to_a_poll_is_no_change_and_an_empty_page_is_none(body: str) -> None:
    reading = read_doc(body, url=POLL)
    assert (reading.format, reading.coverage, reading.entries) == ("amp", "delta", ())
    assert refusal(body)[0] == "empty"


def test_adverts_and_items_without_id_are_left_out() -> None:
    extra = '<div id="ad-3" data-sort-time="1"><p>Buy</p></div><p>junk</p>'
    reading = read_doc(amp(extra + AMP_ITEMS))
    assert [entry.source_id for entry in reading.entries] == ["post-2", "post-1"]
    assert [problem.code for problem in reading.problems] == ["bad-update"]


def test_the_items_of_all_lists_are_read_and_a_list_in_an_item_belongs_to_it() -> None:
    inner = '<amp-live-list id="in"><div items><div id="x" data-sort-time="1740997000">In</div></div></amp-live-list>'
    second = (
        f'<amp-live-list id="l2"><div items><div id="y" data-sort-time="1740997100">{inner}</div></div></amp-live-list>'
    )
    reading = read_doc(amp(tail=second + TAIL))
    assert [entry.source_id for entry in reading.entries] == ["post-2", "post-1", "y"]


def test_a_list_may_be_oldest_first() -> None:
    items = "".join(f'<div id="p{n}" data-sort-time="7"><p>{n}</p></div>' for n in (1, 2, 3))
    reading = read_doc(amp(items, 'sort="ascending"'))
    assert [entry.source_id for entry in reading.entries] == ["p3", "p2", "p1"]
    assert {problem.code for problem in reading.problems} == {"bad-time"}


def test_the_list_is_read_where_the_page_has_json_ld_too() -> None:
    """Themes ship invented updates in their JSON-LD (formats.md 1)."""
    both = page(blog()).replace("<p>Hi</p>", amp(head="", tail=""))
    assert read_doc(both).format == "amp"


def test_the_examples_of_the_specification_are_read() -> None:
    reading = read_doc(corpus("amp/live-blog.amp.html"))
    assert [(e.source_id, e.title) for e in reading.entries] == [("live-blog-item-1", "Bacon ipsum dolor amet")]
    assert reading.entries[0].authors == ("Lorem Ipsum",)
    assert reading.entries[0].published_at == utc("2016-06-23T08:03:53.418")
    assert [e.source_id for e in read_doc(corpus("amp/live-list-update.amp.html")).entries] == [
        "list-item-2",
        "list-item-1",
    ]
    assert len(read_doc(corpus("amp/validator-amp-live-list.html")).entries) == 4
