"""Deleted entries (RFC 6721), complete, paged and archived feeds (RFC 5005), and the pages of a JSON Feed."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from deltawire.formats.base import Raw
from deltawire.formats.registry import read_leniently
from deltawire.model import Reading, Tombstone
from formats.docs import JSON_FEED, RSS, URL, read_doc, utc

NAMESPACES = (
    'xmlns="http://www.w3.org/2005/Atom" xmlns:at="http://purl.org/atompub/tombstones/1.0" '
    'xmlns:h="http://purl.org/syndication/history/1.0"'
)
GONE = """<at:deleted-entry ref="urn:x:9" when="2025-03-03T11:00:00+01:00"><at:by><name>Ada</name></at:by>
<at:comment>Wrong quay.</at:comment><link href="https://x.example/why"/></at:deleted-entry>"""


def atom(inner: str) -> str:
    return (
        f'<feed {NAMESPACES}><title>Storm</title><link href="/storm"/><id>urn:f</id>{inner}'
        "<entry><id>urn:x:1</id><title>Tide</title><updated>2025-03-03T10:00:00Z</updated></entry></feed>"
    )


def lenient(document: str) -> Reading:
    return read_leniently(Raw(body=document.encode(), url=URL))


READERS = pytest.mark.parametrize("reader", [read_doc, lenient])
Reader = Callable[[str], Reading]


@READERS
def test_a_deleted_entry_is_a_tombstone(reader: Reader) -> None:
    reading = reader(atom(GONE))
    assert reading.tombstones == (Tombstone(source_id="urn:x:9", at=utc("2025-03-03T10:00:00")),)
    assert [entry.source_id for entry in reading.entries] == ["urn:x:1"]
    assert reading.coverage == "window"


@READERS
@pytest.mark.parametrize(("when", "stands"), [("2025-03-03T09:59:59Z", True), ("2025-03-03T10:00:00Z", False)])
def test_of_an_entry_and_its_tombstone_the_later_counts(reader: Reader, when: str, *, stands: bool) -> None:
    reading = reader(atom(f'<at:deleted-entry ref="urn:x:1" when="{when}"/>'))
    assert [tombstone.source_id for tombstone in reading.tombstones] == ([] if stands else ["urn:x:1"])
    assert [entry.source_id for entry in reading.entries] == (["urn:x:1"] if stands else [])


@READERS
def test_a_tombstone_without_a_time_is_kept_and_noted_and_one_without_an_id_is_none(reader: Reader) -> None:
    reading = reader(atom('<at:deleted-entry ref="HTTP://X.example:80/1" when="noon"/><at:deleted-entry when="x"/>'))
    assert reading.tombstones == (Tombstone(source_id="http://x.example/1"),)
    assert [(problem.code, problem.where) for problem in reading.problems] == [
        ("bad-time", "the deleted-entry http://x.example/1")
    ]


@READERS
def test_of_two_tombstones_of_one_entry_the_later_counts(reader: Reader) -> None:
    both = "".join(f'<at:deleted-entry ref="u" when="2025-03-03T1{n}:00:00Z"/>' for n in (1, 3, 2))
    assert reader(atom(both)).tombstones == (Tombstone(source_id="u", at=utc("2025-03-03T13:00:00")),)


def test_no_more_tombstones_are_kept_than_a_record_can_hold() -> None:
    many = "".join(f'<at:deleted-entry ref="u{n}" when="2025-03-{n % 28 + 1:02}T10:00:00Z"/>' for n in range(3000))
    reading = read_doc(atom(many))
    assert len(reading.tombstones) == 1000
    assert {tombstone.at.day for tombstone in reading.tombstones if tombstone.at} == set(range(19, 29))
    assert [problem.code for problem in reading.problems] == ["field-cut"]


@READERS
def test_a_tombstone_that_is_only_quoted_is_none(reader: Reader) -> None:
    assert reader(atom(f"<!-- {GONE} --><subtitle><![CDATA[{GONE}]]></subtitle>")).tombstones == ()


@READERS
def test_a_complete_feed_covers_the_blog(reader: Reader) -> None:
    assert reader(atom("<h:complete/>")).coverage == "full"
    assert reader(atom("<h:archive/>")).coverage == "window"
    assert reader(atom('<h:complete/><link rel="next" href="?page=2"/>')).coverage == "window"


@READERS
def test_next_and_archived_documents_are_told(reader: Reader) -> None:
    links = '<link rel="prev-archive" href="/old/1"/><link rel="self" href="/feed"/><link rel="next" href="?page=2"/>'
    assert reader(atom(links)).more == (f"{URL}?page=2", f"{URL.partition('/live')[0]}/old/1")


@READERS
def test_a_feed_that_names_itself_as_the_next_has_none(reader: Reader) -> None:
    assert reader(atom(f'<link rel="next" href="{URL}"/><link rel="next" href="file:///etc/passwd"/>')).more == ()


@READERS
def test_rss_is_paged_by_atom_links(reader: Reader) -> None:
    paged = RSS.replace(
        "<language>", '<a:link xmlns:a="http://www.w3.org/2005/Atom" rel="next" href="/live/2"/><language>'
    )
    assert reader(paged).more == (f"{URL.partition('/live')[0]}/live/2",)
    assert reader(paged).entries == read_doc(RSS).entries


def test_a_json_feed_tells_its_next_page() -> None:
    assert read_doc({**JSON_FEED, "next_url": "?page=2"}).more == (f"{URL}?page=2",)
    assert read_doc({**JSON_FEED, "next_url": URL}).more == ()
    assert read_doc({**JSON_FEED, "feed_url": "/f.json", "next_url": "/f.json"}).more == ()
    assert read_doc({**JSON_FEED, "next_url": 7}).more == ()


def test_an_expired_json_feed_is_no_longer_live() -> None:
    assert read_doc({**JSON_FEED, "expired": True}).feed.live is False
    assert read_doc({**JSON_FEED, "expired": False}).feed.live is None
