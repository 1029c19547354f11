"""How precise each format says its times are: no more than its documents do."""

from __future__ import annotations

from typing import Any

import pytest

from deltawire.model import Precision
from formats.docs import ATOM, JSON_FEED, RSS, block, blog, capi, page, read_doc, utc
from formats.guardian_docs import dcr, dcr_block
from formats.page_docs import EXPRESS_ENTRIES, MIRROR_ENTRIES, amp, listed, microdata, poll, polled_block
from formats.vendor_docs import card, quintype, row, rows, superdesk, superdesk_post, update

TEXT = "Storm – live\n\n1.05pm GMT One.\n\n12.13pm GMT Two.\n\n9.00am GMT It’s Tuesday, 4 March 2025."
MINUTES = {"body": [block(1, firstPublishedDate="2025-03-03T10:01Z")]}
BEGUN = {"body": [block(1, firstPublishedDate=None, publishedDate=None, createdDate="2025-03-03T10:00:00Z")]}


def _blog(clock: str) -> str:
    at = {"@type": "BlogPosting", "headline": "One", "articleBody": "One.", "datePublished": clock}
    return page(blog(liveBlogUpdate=[at]))


TABLE: dict[str, tuple[Any, list[Precision]]] = {
    "rss with seconds, and without": (RSS, ["exact", "minute"]),
    "rss without a zone": (RSS.replace("10:30:00 GMT", "10:30:00"), ["unknown", "minute"]),
    "rss in the hour that New York's clocks repeat": (
        RSS.replace("Mon, 03 Mar 2025 10:30:00 GMT", "Sun, 2 Nov 2025 01:30:00 ET"),
        ["inferred", "minute"],
    ),
    "atom": (ATOM, ["exact"]),
    "atom with nothing but a change": (ATOM.replace("published>", "x>"), ["unknown"]),
    "json feed": (JSON_FEED, ["exact", "unknown"]),
    "json-ld": (page(blog()), ["exact", "exact"]),
    "json-ld with minutes": (_blog("2025-03-03T10:30+00:00"), ["minute"]),
    "json-ld with a date": (_blog("2025-03-03"), ["unknown"]),
    "json-ld without a zone": (_blog("2025-03-03T10:30:00"), ["unknown"]),
    "content api": (capi(blocks={"body": [block(1)]}), ["exact"]),
    "content api with minutes": (capi(blocks=MINUTES), ["minute"]),
    "content api that only tells when a block was begun": (capi(blocks=BEGUN), ["inferred"]),
    "guardian page": (dcr(dcr_block(1)), ["exact"]),
    "guardian page that only tells when a block was begun": (dcr(dcr_block(1, blockFirstPublished=None)), ["inferred"]),
    "guardian poll": (poll(polled_block(9)), ["exact"]),
    "superdesk": (superdesk(superdesk_post(1)), ["exact"]),
    "superdesk that only tells when a post was begun": (
        superdesk(superdesk_post(1, published_date=None)),
        ["inferred"],
    ),
    "wordpress": (rows(row(1)), ["exact"]),
    "wordpress that only tells when a row was written": (rows(row(1, entry_time=None)), ["inferred"]),
    "quintype": (quintype(card(1)), ["exact"]),
    "al jazeera, whose clock names no zone": (update(32), ["inferred"]),
    "amp": (amp(), ["exact", "exact"]),
    "mirror": (listed(MIRROR_ENTRIES), ["exact", "exact"]),
    "express": (listed(EXPRESS_ENTRIES), ["exact", "exact"]),
    "microdata": (microdata(), ["exact", "exact"]),
    "microdata with minutes": (microdata().replace("10:30:00+00:00", "10:30+00:00"), ["minute", "exact"]),
    "plain text": (TEXT, ["minute"] * 3),
    "plain text without a zone": (TEXT.replace(" GMT", ""), ["inferred"] * 3),
    "plain text without a day": (TEXT.replace("Tuesday, 4 March 2025", "wet"), ["unknown"] * 3),
}


@pytest.mark.parametrize("name", TABLE)
def test_a_format_says_no_more_of_its_times_than_the_document_does(name: str) -> None:
    document, expected = TABLE[name]
    entries = read_doc(document).entries
    assert [entry.published_precision for entry in entries] == expected
    assert [entry.published_at is None for entry in entries] == [one == "unknown" for one in expected]


@pytest.mark.parametrize(
    "document",
    [
        ATOM.replace(
            "<updated>2025-03-03T10:40:00Z</updated>\n<author>", "<updated>2025-03-03T09:00:00Z</updated><author>"
        ),
        JSON_FEED | {"items": [JSON_FEED["items"][0] | {"date_modified": "2025-03-03T09:00:00Z"}]},
        capi(blocks={"body": [block(30, lastModifiedDate="2025-03-03T09:00:00Z")]}),
        amp().replace("1740997860000", "1740992400000"),
    ],
    ids=["atom", "json feed", "content api", "amp"],
)
def test_a_change_before_the_publication_is_kept_as_it_is_told(document: Any) -> None:
    entry = read_doc(document).entries[0]
    assert entry.updated_at == utc("2025-03-03T09:00:00")
    assert entry.published_at is not None
    assert entry.published_at > entry.updated_at


def _flat(*entries: str) -> str:
    return "Harbour – live\n\n" + "\n\n".join(entries) + "\n"


def _read(*entries: str, url: str = "https://harbour.example/live") -> list[tuple[str, str]]:
    found = read_doc(_flat(*entries), url=url).entries
    return [(f"{e.published_at:%d %H:%M}", e.published_precision) for e in found if e.published_at]


SATURDAY = "11.15pm UK time It’s Saturday, 25 October 2025, and we are up."


def test_the_order_tells_the_two_passes_of_the_repeated_hour() -> None:
    second = (
        "2.05am UK time Late. On.",
        "1.50am UK time Third. On.",
        "1.35am UK time Second. On.",
        "1.20am UK time On.",
    )
    first = ("1.58am UK time Earlier. On.", "1.55am UK time Earlier. On.", SATURDAY)
    assert _read(*second, *first) == [
        ("26 02:05", "minute"),
        ("26 01:50", "minute"),
        ("26 01:35", "minute"),
        ("26 01:20", "minute"),
        ("26 00:58", "minute"),
        ("26 00:55", "minute"),
        ("25 22:15", "minute"),
    ]


def test_a_time_of_the_repeated_hour_that_no_order_tells_is_inferred() -> None:
    entries = ("2.05am UK time Five. Done.", "1.50am UK time Three. On.", "1.20am UK time Two. On.", SATURDAY)
    assert [precision for _, precision in _read(*entries)] == ["minute", "inferred", "inferred", "minute"]
    (problem,) = read_doc(_flat(*entries)).problems
    assert problem.code == "ambiguous-hour"
    assert problem.message.startswith("2 times are in the hour in which clocks were put")


def test_a_zone_name_tells_the_two_passes_of_the_repeated_hour() -> None:
    assert _read("1.50am GMT Three. On.", "1.20am BST Two. On.", "11.15pm BST It’s Saturday, 25 October 2025. Up.") == [
        ("26 01:50", "minute"),
        ("26 00:20", "minute"),
        ("25 22:15", "minute"),
    ]


def test_a_time_of_the_hour_that_was_skipped_is_inferred() -> None:
    night = "11.15pm UK time It’s Saturday, 29 March 2025, and we are up."
    assert _read("2.05am UK time Done. On.", "1.30am UK time What? On.", night) == [
        ("30 01:05", "minute"),
        ("30 00:30", "inferred"),
        ("29 23:15", "minute"),
    ]


def test_midnight_belongs_to_the_day_that_begins() -> None:
    opening = "11.15pm GMT It’s Tuesday, 4 March 2025, and we are up."
    assert _read("12.01am GMT Two. On.", "12.00am GMT One. On.", opening) == [
        ("05 00:01", "minute"),
        ("05 00:00", "minute"),
        ("04 23:15", "minute"),
    ]


def test_a_texts_zone_names_mean_what_they_mean_where_it_is_from() -> None:
    entries = ("1.05pm IST One. On.", "12.13pm IST Two. On.", "9.00am IST It’s Tuesday, 1 July 2025. Up.")
    assert _read(*entries, url="https://paper.example.ie/live")[0] == ("01 12:05", "minute")
    assert _read(*entries)[0] == ("01 07:35", "minute")
    assert not read_doc(_flat(*entries), url="https://paper.example.ie/live").problems
