"""Quintype: the cards of a story as entries."""

from __future__ import annotations

from typing import Any

import pytest

from formats.docs import corpus, read_doc, refusal, utc
from formats.vendor_docs import card, quintype


def test_a_story_has_all_its_cards_oldest_first() -> None:
    reading = read_doc(quintype(card(1), card(2, metadata={"attributes": {"key-event": True}})))
    assert (reading.format, reading.coverage, reading.problems) == ("quintype", "full", ())
    assert (reading.feed.title, reading.feed.url) == ("Storm: live", "https://bench.example/sea/storm-live")
    assert (reading.feed.order, reading.feed.live) == ("oldest-first", True)
    two, _ = reading.entries
    assert (two.source_id, two.content_text, two.labels) == ("card-2", "Card 2", ("key-event",))
    assert (two.published_at, two.updated_at) == (utc("2025-03-03T10:02:00"), utc("2025-03-03T10:02:30"))


def test_the_first_title_of_a_card_is_its_title_and_further_elements_are_its_body() -> None:
    elements: list[dict[str, Any]] = [
        {"type": "title", "text": "Rohan &amp; Co"},
        {"type": "title", "text": "In short"},
        {"type": "image", "image-s3-key": "bench/2025/Sea view.jpg", "alt-text": "The sea", "title": "Calm"},
        {"type": "text", "text": "Two < three"},
        {"type": "jsembed", "metadata": {"tweet-url": "https://tw.example/1"}},
        {"type": "composite", "story-elements": [{"type": "text", "text": "<p>Inner</p>"}]},
        {"type": "polltype", "metadata": {}},
    ]
    reading = read_doc(quintype(card(1, *elements)))
    (entry,) = reading.entries
    assert entry.title == "Rohan & Co"
    assert entry.content_text == "In short\nCalm\nTwo < three\nhttps://tw.example/1\nInner"
    assert [(medium.url, medium.alt) for medium in entry.media] == [
        ("https://media.assettype.com/bench/2025/Sea%20view.jpg", "The sea")
    ]
    assert [link.url for link in entry.links] == ["https://tw.example/1"]
    assert [problem.code for problem in reading.problems] == ["unread-element"]


def test_a_stamp_shared_by_all_cards_changes_nothing_else() -> None:
    """One publication stamps every card that was touched, so ties and equal times are no fault."""
    stamp = 1_740_999_000_000
    cards = [card(n, **{"card-updated-at": stamp, "card-added-at": stamp - 1_000_000}) for n in (1, 2, 3)]
    reading = read_doc(quintype(*cards))
    assert [entry.source_id for entry in reading.entries] == ["card-3", "card-2", "card-1"]
    assert reading.problems == ()


@pytest.mark.parametrize(("closed", "live"), [(True, False), (False, True), (None, None)])
def test_a_closed_story_is_over(closed: bool | None, live: bool | None) -> None:
    assert read_doc(quintype(card(1), metadata={"is-closed": closed})).feed.live is live


def test_a_story_within_an_answer_is_read_and_one_of_another_template_is_not() -> None:
    assert len(read_doc({"story": quintype(card(1))}).entries) == 1
    code, message = refusal(quintype(card(1), **{"story-template": "photo"}))[:2]
    assert (code, "'photo', no live blog" in message) == ("not-a-live-blog", True)


def test_a_card_without_time_is_noted() -> None:
    reading = read_doc(quintype(card(1, **{"card-added-at": None})))
    assert [(problem.code, problem.where) for problem in reading.problems] == [("bad-time", "card-1")]


def test_the_story_of_the_corpus() -> None:
    reading = read_doc(corpus("quintype/story_live-blog_2020-07-21.json"))
    assert (reading.coverage, reading.feed.live, len(reading.entries)) == ("full", False, 13)
    assert len({entry.updated_at for entry in reading.entries}) == 3
    assert all(entry.title for entry in reading.entries)
    assert reading.problems == ()
