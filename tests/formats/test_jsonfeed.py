"""JSON Feed."""

from __future__ import annotations

import contextlib
import json
import time

import pytest

from deltawire.formats.base import Raw, Unreadable
from deltawire.formats.registry import FORMATS, read
from formats.docs import JSON_FEED, URL, read_doc, refusal, utc


def test_a_json_feed_is_read_whole() -> None:
    reading = read_doc(JSON_FEED)
    assert (reading.format, reading.coverage, reading.feed.live) == ("jsonfeed", "window", None)
    assert (reading.feed.title, reading.feed.url, reading.feed.language) == ("Storm", URL, "en")
    ferry, wind = reading.entries
    assert (ferry.source_id, ferry.url, ferry.title) == ("2", URL + "#2", "Ferry cancelled")
    assert (ferry.published_at, ferry.updated_at) == (utc("2025-03-03T10:30:00"), utc("2025-03-03T09:31:00"))
    assert ferry.content_html == "<p>Six sailings are off.</p>"
    assert (ferry.authors, ferry.labels, ferry.language) == (("Ada Quill",), ("key event",), "en")
    assert [(medium.url, medium.type, medium.alt) for medium in ferry.media] == [
        ("https://cdn.example/horn.mp3", "audio/mpeg", "Horn")
    ]
    assert (wind.source_id, wind.published_at, wind.published_precision) == ("1", None, "unknown")
    assert wind.content_html == "<p>Wind rises.</p><p>Gusts of 60 knots.</p>"
    assert wind.authors == ("Bo Reed",)


@pytest.mark.parametrize(("expired", "live"), [(True, False), (False, None), ("true", None)])
def test_expired_is_the_end_signal(expired: object, live: bool | None) -> None:
    assert read_doc(JSON_FEED | {"expired": expired}).feed.live is live


def test_a_feed_with_a_next_page_is_a_window() -> None:
    assert read_doc(JSON_FEED | {"next_url": URL + "?page=2"}).coverage == "window"


def test_an_empty_list_is_no_entries_but_a_missing_one_is_refused() -> None:
    assert read_doc(JSON_FEED | {"items": []}).entries == ()
    assert refusal({key: value for key, value in JSON_FEED.items() if key != "items"})[0] == "malformed"
    assert refusal(JSON_FEED | {"items": {}})[0] == "malformed"
    assert refusal(JSON_FEED | {"items": ["x"]}) == ("malformed", "item 1 of the JSON Feed is no object")


def test_a_cut_json_feed_is_refused_as_cut_off() -> None:
    text = json.dumps(JSON_FEED)
    for length in range(80, len(text), 11):
        assert refusal(text[:length])[0] in ("cut-off", "malformed"), length
    assert refusal(text[:-1])[0] == "cut-off"
    assert refusal(text[: text.index("sailings")])[0] == "cut-off"


def test_invalid_json_is_told_with_line_and_column() -> None:
    code, message = refusal(json.dumps(JSON_FEED, indent=1).replace('"language": "en",', '"language": "en",,', 1))
    assert code == "malformed"
    assert "line 5, column 19" in message


def test_bom_control_characters_and_lone_surrogates_are_let_through() -> None:
    text = json.dumps(JSON_FEED, ensure_ascii=False).replace("Wind rises.", "Wind\trises\\ud800.")
    reading = read_doc("\ufeff" + text)
    assert reading.entries[1].content_text == "Wind rises.\nGusts of 60 knots."
    assert [problem.code for problem in reading.problems] == ["json-repaired"]


def test_deep_json_is_refused() -> None:
    for depth in (100, 1000, 100_000):
        assert refusal(json.dumps(JSON_FEED)[:-1] + ', "x": ' + "[" * depth + "]" * depth + "}")[0] == "malformed"


def test_bad_times_are_null_and_noted() -> None:
    feed = JSON_FEED | {"items": [{"id": "1", "date_published": "2025-03-03T10:30:00", "date_modified": 7}]}
    reading = read_doc(feed)
    assert reading.entries[0].published_at is None
    assert [problem.code for problem in reading.problems] == ["bad-time", "bad-time"]


def test_the_version_may_stand_behind_all_items() -> None:
    items = [{"id": str(n), "content_text": f"Post {n}. " + "Words. " * 200} for n in range(20)]
    body = json.dumps({"items": items, "title": "Any order", "version": "https://jsonfeed.org/version/1.1"}).encode()
    reading = read(Raw(body=body, url="https://blog.example/feed.json"))
    assert (reading.format, len(reading.entries)) == ("jsonfeed", 20)


def test_whole_numbers_of_any_length_are_exact_identities() -> None:
    numbers = [10**21 + 1, 10**21 + 2, -(10**20), 2**64 - 1, 2**64, 7]
    feed = JSON_FEED | {"items": [{"id": number, "content_text": f"Post {number}."} for number in numbers]}
    for body in (json.dumps(feed), json.dumps(feed, indent=1), json.dumps(feed, separators=(",", ":"))):
        reading = read_doc(body)
        assert [entry.source_id for entry in reading.entries] == [str(number) for number in numbers]
        assert reading.problems == ()


@pytest.mark.parametrize("number", ["9" * 400, "9" * 5000, "-" + "9" * 5000, "9" * 400_000, "1e999"])
@pytest.mark.parametrize("key", ["id", "date_modified", "title", "tags", "x"])
def test_absurd_numbers_do_no_harm(number: str, key: str) -> None:
    body = json.dumps(JSON_FEED | {"items": [{"id": "a", key: 0, "content_text": "Post."}]})
    raw = Raw(body=body.replace(f'"{key}": 0', f'"{key}": {number}').encode(), url=URL)
    before = time.process_time()
    with contextlib.suppress(Unreadable):
        assert [entry.content_text for entry in FORMATS["jsonfeed"].read(raw).entries] == ["Post."]
    assert time.process_time() - before < 2
