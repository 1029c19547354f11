"""The envelope and its size."""

from __future__ import annotations

import random

import orjson
import pytest

from deltawire.events import EVENT_LIMIT, EntryData, decode
from deltawire.model import Link
from differ.build import Desk, entry


def test_an_event_survives_its_binary_form() -> None:
    desk = Desk()
    for event in [*desk.show(entry("a", minute=1)), *desk.show(entry("a", "Changed.", minute=1, title="New"))]:
        assert decode(event.headers(), event.value()) == event


def test_structured_mode_has_every_attribute_of_the_contract() -> None:
    desk = Desk()
    event = orjson.loads(desk.show(entry("a", minute=1))[1].structured())
    assert event["specversion"] == "1.0"
    assert event["id"] == f"blog/{event['feedepoch']}/2"
    assert event["source"] == "urn:test/feeds/blog"
    assert event["sequence"] == "00000000000000000002"
    assert event["subject"] == event["data"]["entry"]["id"]
    assert event["time"].endswith("Z")
    assert event["data"]["entry"]["published_at"] == "2026-03-01T12:01:00Z"
    assert event["backfill"] is True
    assert event["partitionkey"] == "blog"
    trace = event["traceparent"].split("-")
    assert [len(part) for part in trace] == [2, 32, 16, 2]


@pytest.mark.parametrize("size", [1_000, 100_000, 400_000, 3_000_000])
@pytest.mark.parametrize("letter", ["a ", "é ", "\x01 ", "🌊 "])
def test_an_event_stays_under_its_limit_and_says_when_it_was_cut(size: int, letter: str) -> None:
    desk = Desk()
    desk.show(entry("a", "short"))
    text = letter * (size // len(letter))
    (event,) = desk.show(entry("a", text, links=tuple(Link(url=f"https://x.test/{n}") for n in range(size // 1000))))
    assert len(event.structured()) <= EVENT_LIMIT
    assert len(event.value()) + sum(len(k) + len(v) for k, v in event.headers().items()) <= EVENT_LIMIT
    assert isinstance(event.data, EntryData)
    assert event.data.truncated == (event.data.entry.content_text != text)
    assert event.data.truncated == (size > 60_000)
    assert event.data.entry.content_text


@pytest.mark.parametrize("seed", range(5))
def test_a_patchwork_of_changes_is_cut_too(seed: int) -> None:
    words = random.Random(seed).choices(["word ", "other ", "x"], k=50_000)
    desk = Desk()
    desk.show(entry("a", "".join(words)))
    (event,) = desk.show(entry("a", "".join(w + "!" for w in words[::-1])))
    assert len(event.structured()) <= EVENT_LIMIT


def test_the_note_of_an_update_names_the_rule_that_its_significance_is_by() -> None:
    desk = Desk()
    desk.show(entry("a", "Police say four people were killed."))
    desk.show(entry("a", "Police say six people were killed."))
    (known,) = desk.known.values()
    assert known.notes[-1].detail == "revision 2, substantive by figures: content_text, content_html"
