"""Live blogs flattened to plain text: whose clocks the times are of."""

from __future__ import annotations

import time

import pytest

from formats.docs import read_doc, utc
from formats.plaintext_docs import ELECTION, OPENING, bodies, flat, three, times


def test_a_text_without_a_zone_is_read_as_utc_and_says_so() -> None:
    reading = read_doc(flat("16:58\nOne.", "12:13\nTwo.", f"08:59\n{OPENING}", joiner="\n"))
    assert {entry.published_precision for entry in reading.entries} == {"inferred"}
    assert [problem.code for problem in reading.problems] == ["no-zone"]


def test_the_night_the_clocks_go_back_is_told_by_its_zone_names() -> None:
    opening = "It’s Saturday, 25 October 2025. Good evening."
    text = flat("1.20am GMT Later. On.", "1.40am BST Earlier. On.", "12.30am BST Calm. On.", f"11.15pm BST {opening}")
    assert times(text) == ["26 01:20", "26 00:40", "25 23:30", "25 22:15"]


@pytest.mark.parametrize(
    ("clocks", "expected", "zone"),
    [
        (("11:58 p.m. ET", "9.15pm EST", "12.05pm EST"), ["05 04:58", "05 02:15", "04 17:05"], "America/New_York"),
        (("11.58pm ET", "11.15pm EST", "10.05pm ET"), ["05 04:58", "05 04:15", "05 03:05"], "America/New_York"),
        (("11.58pm AEDT", "11.15pm AET", "10.05pm AEDT"), ["04 12:58", "04 12:15", "04 11:05"], "Australia/Sydney"),
        (("11.58pm PT", "11.15pm PST", "10.05pm PST"), ["05 07:58", "05 07:15", "05 06:05"], "America/Los_Angeles"),
        (("11.58am CT", "11.15am CST", "10.05am CT"), ["04 17:58", "04 17:15", "04 16:05"], "America/Chicago"),
        (("11.58am GMT", "11.15am UK time", "10.05am GMT"), ["04 11:58", "04 11:15", "04 10:05"], "Europe/London"),
        (("11.58pm ET", "11.15pm", "10.05pm ET"), ["05 04:58", "05 04:15", "05 03:05"], "America/New_York"),
    ],
)
def test_the_names_of_one_zone_may_be_mixed(clocks: tuple[str, str, str], expected: list[str], zone: str) -> None:
    reading = read_doc(three(clocks))
    assert times(three(clocks)) == expected
    assert (reading.feed.order, reading.feed.time_zone, reading.problems) == ("newest-first", zone, ())


@pytest.mark.parametrize(
    ("clocks", "expected", "name"),
    [
        (("11.58pm AEDT", "11.15pm AEST", "10.05pm AEDT"), ["04 12:58", "04 12:15", "04 11:05"], "AEST"),
        (("11.58pm EST", "11.15pm EDT", "10.05pm ET"), ["05 04:58", "05 04:15", "05 03:05"], "EDT"),
        (("11.58am CET", "11.15am CEST", "10.05am CET"), ["04 10:58", "04 10:15", "04 09:05"], "CEST"),
    ],
)
def test_a_name_that_its_region_does_not_use_that_day_is_the_regions_clock_and_noted(
    clocks: tuple[str, str, str], expected: list[str], name: str
) -> None:
    (problem,) = read_doc(three(clocks)).problems
    assert times(three(clocks)) == expected
    assert problem.code == "zone-not-in-use"
    assert f"'{name}'" in problem.message


def test_zones_of_several_regions_are_read_each_by_its_own_and_noted() -> None:
    text = three(("11.58am GMT", "6.15am ET", "11.10am GMT"))
    (problem,) = read_doc(text).problems
    assert times(text) == ["04 11:58", "04 11:15", "04 11:10"]
    assert problem.code == "mixed-zones"
    assert "America/New_York" in problem.message
    assert "Europe/London" in problem.message


def test_a_zone_that_fits_no_order_is_never_silently_wrong() -> None:
    reading = read_doc(three(("11.58am GMT", "11.15am GMT", "11.10am ET")))
    assert reading.entries[0].published_at == utc("2025-11-04T11:58:00")
    assert [problem.code for problem in reading.problems] == ["mixed-zones"]
    assert "11.10am ET" in reading.problems[0].message


def test_the_hour_that_comes_twice_is_told_apart_by_order_where_the_name_does_not() -> None:
    later = ("3.10am ET Late. On.", "1.50am ET Third. On.", "1.35am ET Second. On.", "1.20am ET First. On.")
    earlier = ("1.58am ET Earlier. On.", "1.55am ET Earlier. On.", "11.15pm ET It’s Saturday, 1 November 2025. On.")
    assert times(flat(*later, *earlier)) == [
        *("02 08:10", "02 06:50", "02 06:35", "02 06:20"),
        *("02 05:58", "02 05:55", "02 03:15"),
    ]


def test_an_updated_stamp_may_name_the_zone_otherwise() -> None:
    text = flat("11.50pm ET Late. Updated at 12.05am EST", "9.30am EST Early.", f"9.00am ET {ELECTION}")
    assert read_doc(text).entries[0].updated_at == utc("2025-11-05T05:05:00")


def test_ist_is_taken_for_indias_and_says_so() -> None:
    reading = read_doc(three(("11.58am IST", "11.15am IST", "10.05am IST")))
    assert reading.entries[0].published_at == utc("2025-11-04T06:28:00")
    assert [problem.code for problem in reading.problems] == ["ambiguous-zone"]
    for country in ("India", "Ireland", "Israel"):
        assert country in reading.problems[0].message


@pytest.mark.parametrize(
    ("clocks", "expected"),
    [
        (("16:58 GMT+1", "12:13 GMT+1", "08:59 GMT+1"), ["04 15:58", "04 11:13", "04 07:59"]),
        (("4.58pm UTC-03:30", "12.13pm UTC-03:30", "8.59am UTC-03:30"), ["04 20:28", "04 15:43", "04 12:29"]),
        (("11.58pm UTC+10", "11.15pm UTC+10", "10.05pm UTC+10"), ["04 13:58", "04 13:15", "04 12:05"]),
    ],
)
def test_an_offset_is_a_zone(clocks: tuple[str, str, str], expected: list[str]) -> None:
    reading = read_doc(three(clocks))
    assert times(three(clocks)) == expected
    assert bodies(three(clocks)) == ["One.", "Two.", ELECTION]
    assert (reading.feed.time_zone, reading.problems) == (None, ())


def test_many_offsets_are_read_in_good_time() -> None:
    before = time.process_time()
    offsets = [f"{sign}{hour}:{minute}" for sign in "+-" for hour in range(15) for minute in ("00", "15", "30", "45")]
    text = flat(*(f"12:30 UTC{offset}\nText." for offset in offsets * 40), joiner="\n")
    assert read_doc(text, fetched_at=utc("2025-03-06T12:00:00")).entries
    assert time.process_time() - before < 5
