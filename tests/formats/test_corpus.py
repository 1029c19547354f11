"""Real payloads, with what is known to be in them (skipped where the corpus is not at hand)."""

from __future__ import annotations

import json
import re
from collections import Counter

from deltawire.formats.base import Raw
from deltawire.formats.registry import read
from deltawire.model import Reading
from formats.docs import corpus, refusal, utc

SEED = "seed_guardian-europe-live_2025-11-25.txt"
STARTS = (
    *(
        "16:58",
        "16:43",
        "16:28",
        "16:17",
        "16:02",
        "15:51",
        "15:38",
        "15:09",
        "15:02",
        "14:39",
        "14:25",
        "13:57",
        "13:47",
    ),
    *(
        "13:34",
        "13:03",
        "12:41",
        "12:31",
        "12:13",
        "11:55",
        "11:27",
        "10:53",
        "10:16",
        "09:57",
        "09:16",
        "09:13",
        "09:12",
    ),
    *("09:05", "08:59"),
)
UPDATED = {
    "16:17": "16:57",
    "15:09": "15:20",
    "15:02": "15:05",
    "14:25": "14:31",
    "13:57": "13:57",
    "10:16": "11:34",
    "09:16": "09:17",
}


def read_file(name: str) -> Reading:
    return read(Raw(body=corpus(name), url="https://origin.example/file"))


def test_the_seed_has_its_28_entries_with_exact_times() -> None:
    reading = read_file(SEED)
    assert [entry.published_at for entry in reading.entries] == [utc(f"2025-11-25T{clock}:00") for clock in STARTS]
    assert {entry.published_precision for entry in reading.entries} == {"minute"}
    assert {entry.title for entry in reading.entries} == {None}
    assert reading.feed.title is not None
    assert reading.feed.title.endswith("Europe live")
    assert reading.feed.time_zone == "Europe/London"


def test_the_seed_has_its_7_updated_times() -> None:
    found = {
        entry.published_at.strftime("%H:%M"): entry.updated_at
        for entry in read_file(SEED).entries
        if entry.updated_at and entry.published_at
    }
    assert found == {start: utc(f"2025-11-25T{clock}:00") for start, clock in UPDATED.items()}


def test_the_seeds_entries_and_stamps_account_for_every_word_of_its_body() -> None:
    def clock(text: str) -> str:
        hour, minute = (int(part) for part in text.split(":"))
        return f"{(hour - 1) % 12 + 1}.{minute:02}{'pm' if hour >= 12 else 'am'} GMT"

    entries = read_file(SEED).entries
    rebuilt = " ".join(
        f"{clock(start)} {entry.content_text}" + (f" Updated at {clock(UPDATED[start])}" if start in UPDATED else "")
        for start, entry in zip(STARTS, entries, strict=True)
    )
    source = corpus(SEED).decode()
    body = source[source.index("4.58pm GMT") : source.index("Related Articles")]
    assert rebuilt.split() == body.split()


def test_mirror_has_428_updates() -> None:
    source = json.loads(corpus("jsonld/mirror_uk-riots_2024-08-05.json"))["liveBlogUpdate"]
    reading = read_file("jsonld/mirror_uk-riots_2024-08-05.json")
    assert (reading.format, reading.coverage, reading.feed.live, len(reading.entries)) == (
        "jsonld",
        "window",
        None,
        428,
    )
    assert {entry.source_id for entry in reading.entries} == {update["url"].rpartition("#")[2] for update in source}
    first = reading.entries[0]
    assert (first.source_id, first.title) == ("751105", "Loud bang heard at Plymouth scene")
    assert first.published_at == first.updated_at == utc("2024-08-05T20:00:18.921000")
    assert reading.entries[-1].published_at == utc("2024-08-02T17:42:00.475000")
    assert all(e.updated_at and e.published_at and e.updated_at >= e.published_at for e in reading.entries)
    assert sum(not entry.content_text for entry in reading.entries) == 18
    assert not any(re.search(r"&(?:quot|#39|amp|lt|gt);|</?p>", entry.content_text) for entry in reading.entries)
    assert not reading.problems


def test_express_has_9_updates_two_of_which_tie() -> None:
    reading = read_file("jsonld/express_royals_2024-07-18.json")
    assert len(reading.entries) == 9
    assert reading.entries[0].source_id == "live-1924698-qq0im"
    assert reading.entries[0].published_at == utc("2024-07-18T10:48:00")
    assert reading.entries[0].updated_at == utc("2024-07-18T10:50:09")
    assert {entry.authors for entry in reading.entries} == {("Jon King",)}
    assert Counter(entry.published_at for entry in reading.entries)[utc("2024-07-18T06:06:00")] == 2
    assert not any("&#" in (entry.title or "") + entry.content_text for entry in reading.entries)


def test_the_guardians_json_ld_has_13_updates_whose_times_are_not_trusted() -> None:
    reading = read_file("jsonld/guardian_nasa_2021-02-19.json")
    assert len(reading.entries) == 13
    assert len({entry.source_id for entry in reading.entries}) == 13
    assert reading.entries[0].source_id == "60300f5f8f08ad21ea60071e"
    assert {(e.published_at, e.published_precision, e.updated_at, e.title) for e in reading.entries} == {
        (None, "unknown", None, None)
    }
    assert {problem.code for problem in reading.problems} == {"untrusted-times", "untrusted-titles"}


def test_the_malformed_pages_are_refused_precisely() -> None:
    for number, place, what in ((1, "line 22, column 1", "a trailing comma"), (2, "line 31, column 3", "not closed")):
        code, message = refusal(corpus(f"jsonld/malformed_techcrunch_{number}.html"))
        assert code == "malformed"
        assert f"script 1 is invalid JSON at {place} of the page" in message
        assert what in message


def test_the_rss_excerpt_has_its_2_items() -> None:
    reading = read_file("rss/guardian_uk_2025-03-01.excerpt.xml")
    assert (reading.format, reading.coverage, len(reading.entries)) == ("rss", "window", 2)
    assert [entry.published_at for entry in reading.entries] == [utc("2025-03-01T16:52:09"), utc("2025-03-01T12:52:22")]
    assert [entry.authors for entry in reading.entries][1] == ("Luke Harding in Kyiv",)
    assert (len(reading.entries[0].labels), len(reading.entries[0].media), reading.entries[0].updated_at) == (
        8,
        2,
        None,
    )
    assert all(entry.source_id == entry.url for entry in reading.entries)


def test_the_content_api_item_has_its_6_blocks() -> None:
    reading = read_file("guardian-capi/item-content-with-blocks.json")
    assert (reading.format, reading.coverage, reading.feed.live) == ("guardian-capi", "full", None)
    assert [(entry.source_id, entry.published_at) for entry in reading.entries] == [
        ("5530debce4b078ada18a4602", utc("2015-04-17T11:21:49")),
        ("5530d2ede4b078ada18a45ff", utc("2015-04-17T10:31:27")),
        ("5527be22e4b0505fae058181", utc("2015-04-10T13:12:22")),
        ("55267d9de4b06299e97da384", utc("2015-04-09T14:30:57")),
        ("55267da9e4b091b2a1c75fe0", utc("2015-04-09T14:30:55")),
        ("55267dc0e4b091b2a1c75fe1", utc("2015-04-09T14:30:51")),
    ]
    assert [entry.labels for entry in reading.entries] == [(), (), (), (), ("key-event", "pinned"), ("summary",)]
    assert [entry.title for entry in reading.entries] == [None, None, None, None, "key event title", None]
    assert reading.entries[2].media[0].alt == "sdafasdf"
    assert reading.entries[3].content_text == "normal block\nhere’s some stuff"
    assert "@" not in repr(reading)


def test_the_cut_search_answer_is_refused_with_the_block_it_ends_in() -> None:
    code, message = refusal(corpus("guardian-capi/search_fields-body_2024-06-06.excerpt.json"))
    assert code == "cut-off"
    assert "block 6661d4618f08a6bac2fa9b68 (published 2024-06-06T15:26:37.517Z)" in message
