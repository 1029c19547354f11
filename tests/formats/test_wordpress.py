"""WordPress Liveblog: a log of rows read as entries."""

from __future__ import annotations

import json

from deltawire.model import Tombstone
from formats.docs import corpus, read_doc, refusal, utc
from formats.vendor_docs import ROWS_URL, polled_rows, row, rows


def test_a_page_is_a_window_and_names_the_next() -> None:
    reading = read_doc(rows(row(3), row(2, key_event="1", headline="Ferry &amp; sea")), url=ROWS_URL)
    assert (reading.format, reading.coverage, reading.problems) == ("wordpress-liveblog", "window", ())
    assert reading.more == ("https://sea.example/storm/liveblog/get-entries/2/1741000000/",)
    assert (reading.feed.url, reading.feed.live) == ("https://sea.example/storm/", None)
    _, two = reading.entries
    assert (two.source_id, two.title, two.labels, two.authors) == ("2", "Ferry & sea", ("key-event",), ("ada_quill",))
    assert (two.content_text, two.published_at) == ("Entry 2", utc("2025-03-03T10:02:00"))


def test_the_only_page_is_full_and_the_last_names_none() -> None:
    assert read_doc(rows(row(1), pages=1), url=ROWS_URL).coverage == "full"
    last = read_doc(rows(row(1), page=3), url=ROWS_URL.replace("/1/", "/3/"))
    assert (last.coverage, last.more) == ("window", ())
    assert read_doc(rows(row(1)), url="https://sea.example/other").more == ()


def test_an_edit_is_a_row_about_the_entry_that_it_replaces() -> None:
    edit = row(9, replaces="2", type="update", entry_time=1_740_996_120, render="<p>Better</p>")
    reading = read_doc(polled_rows(row(2), edit))
    (entry,) = reading.entries
    assert (entry.source_id, entry.content_text, reading.coverage) == ("2", "Better", "delta")
    assert (entry.published_at, entry.updated_at) == (utc("2025-03-03T10:02:00"), utc("2025-03-03T10:09:00"))


def test_the_last_row_about_an_entry_counts_wherever_it_stands() -> None:
    edits = [row(1, type="update", timestamp=1_740_996_600 + n, render=f"<p>Version {n}</p>") for n in (2, 3, 1)]
    assert [entry.content_text for entry in read_doc(polled_rows(*edits, row(1))).entries] == ["Version 3"]


def test_a_deletion_is_a_withdrawal_also_of_what_the_same_answer_edited() -> None:
    gone = row(2, type="delete", render="", content="", timestamp=1_740_997_000)
    late = row(2, type="update", timestamp=1_740_997_000)
    reading = read_doc(polled_rows(row(3), late, gone))
    assert [entry.source_id for entry in reading.entries] == ["3"]
    assert reading.tombstones == (Tombstone(source_id="2", at=utc("2025-03-03T10:16:40")),)


def test_an_answer_without_news_is_a_delta_without_entries() -> None:
    reading = read_doc(polled_rows() | {"latest_timestamp": None})
    assert (reading.format, reading.coverage, reading.entries) == ("wordpress-liveblog", "delta", ())


def test_drafts_are_not_shown_and_authors_are_named() -> None:
    people = [{"id": 1, "name": "Ada Quill"}, {"id": 2, "name": "Bo Reed"}]
    reading = read_doc(rows(row(2, status="draft"), row(1, status="publish", authors=people)))
    assert [entry.authors for entry in reading.entries] == [("Ada Quill", "Bo Reed")]


def test_an_archived_liveblog_is_over() -> None:
    assert [read_doc(rows(row(1), state=state)).feed.live for state in ("archive", "enable")] == [False, True]


def test_other_json_is_refused() -> None:
    assert refusal({"entries": "none", "entry_time": 1}, "wordpress-liveblog")[0] == "not-a-live-blog"


def test_the_answers_of_the_corpus() -> None:
    page = read_doc(corpus("wordpress-liveblog/get-entries.page1.json"))
    assert (page.coverage, [entry.source_id for entry in page.entries]) == (
        "window",
        ["2977", "2976", "2975", "2974", "2973"],
    )
    polled = read_doc(corpus("wordpress-liveblog/entries-between.poll.json"))
    assert (polled.coverage, [entry.source_id for entry in polled.entries]) == ("delta", ["3250"])
    case = json.loads(corpus("wordpress-liveblog/new-update-delete.case.json"))
    delta = read_doc(polled_rows(*case["newEntries"]))
    assert {entry.source_id: entry.content_text for entry in delta.entries} == {"4": "test", "3": "updated"}
    assert [grave.source_id for grave in delta.tombstones] == ["2"]
