"""Every recorded document on the path that it takes in production: none is an exception, and all are read as ever.

A number that changes here is an entry that is found or lost by the readers (catalogue check 47).
"""

from __future__ import annotations

import pytest

from deltawire.formats.base import Raw, Unreadable
from formats.docs import CORPUS, corpus, read_either_way

COUNTS: dict[str, tuple[str, int, int] | str] = {
    "aljazeera/children.snapshot-2.json": ("aljazeera", 0, 0),
    "aljazeera/liveblog-shell.snapshot-0.excerpt.json": ("aljazeera", 0, 0),
    "aljazeera/update-4512107.excerpt.json": ("aljazeera", 1, 0),
    "aljazeera/update-4514943.json": ("aljazeera", 1, 0),
    "amp/live-blog.amp.html": ("amp", 1, 0),
    "amp/live-list-update.amp.html": ("amp", 2, 0),
    "amp/server-side-filtering.examples.html": ("amp", 3, 0),
    "amp/validator-amp-live-list.html": ("amp", 4, 0),
    "guardian-capi/item-content-with-blocks.json": ("guardian-capi", 6, 0),
    "guardian-capi/search_fields-body_2024-06-06.excerpt.json": "cut-off",
    "guardian-dcr/nasa_2021-02-19.fetched-2021-02-22.json": ("guardian-page", 13, 0),
    "guardian-dcr/nasa_2021-02-19.fetched-2022-04-26.json": ("guardian-page", 13, 0),
    "guardian-dcr/nasa_2021-02-19.fetched-2023-10-02.json": ("guardian-page", 13, 0),
    "guardian-dcr/nasa_2021-02-19.fetched-2026-07-01.json": ("guardian-page", 13, 0),
    "guardian-dcr/politics_2023-12-13.fetched-2023-12-20.json": ("guardian-page", 12, 0),
    "guardian-dcr/politics_2023-12-13.fetched-2026-07-01.json": ("guardian-page", 12, 0),
    "guardian-dcr/poll-response_us-politics_2024-01-08.json": ("guardian-poll", 1, 0),
    "html/express_royals_2024-07-18.entries.html": ("liveblog-html", 9, 0),
    "html/mirror_uk-riots_2024-08-05.entries.html": ("liveblog-html", 30, 0),
    "jsonld/express_royals_2024-07-18.json": ("jsonld", 9, 0),
    "jsonld/guardian_nasa_2021-02-19.json": ("jsonld", 13, 0),
    "jsonld/malformed_techcrunch_1.html": "malformed",
    "jsonld/malformed_techcrunch_2.html": "malformed",
    "jsonld/mirror_uk-riots_2024-08-05.json": ("jsonld", 428, 0),
    "quintype/story_live-blog_2020-07-21.json": ("quintype", 13, 0),
    "rss/guardian_uk_2025-03-01.excerpt.xml": ("rss", 2, 0),
    "seed_guardian-europe-live_2025-11-25.txt": ("plain-text", 28, 0),
    "superdesk/client_blogs_posts.page1.json": ("superdesk", 10, 13),
    "wordpress-liveblog/entries-between.poll.json": ("wordpress-liveblog", 1, 0),
    "wordpress-liveblog/get-entries.page1.json": ("wordpress-liveblog", 5, 0),
    "wordpress-liveblog/new-update-delete.case.json": "not-a-live-blog",
}
"""By file: the format that is found, its entries and its withdrawals; or why it is refused."""


@pytest.mark.parametrize("name", COUNTS)
def test_a_recorded_document_is_read_as_ever(name: str) -> None:
    found: tuple[str, int, int] | str
    try:
        reading = read_either_way(Raw(body=corpus(name), url="https://origin.example/file"))
        found = reading.format, len(reading.entries), len(reading.tombstones)
    except Unreadable as refusal:
        found = refusal.code
    assert found == COUNTS[name]


def test_no_recorded_document_is_left_out() -> None:
    if not CORPUS.is_dir():
        pytest.skip("the corpus is not at hand (../shared/corpus beside the repository)")
    files = {str(path.relative_to(CORPUS)) for path in CORPUS.rglob("*") if path.is_file() and path.suffix != ".md"}
    assert files <= COUNTS.keys()
