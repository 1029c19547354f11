"""Live blogs flattened to plain text: which day it was."""

from __future__ import annotations

import pytest

from formats.docs import read_doc, utc
from formats.plaintext_docs import DAY, OPENING, bodies, flat, times


def test_days_are_counted_across_midnights_in_both_directions() -> None:
    text = flat(
        "12.20am GMT Past the second midnight. Night.",
        "11.50pm GMT Evening.",
        f"6.30am GMT {OPENING}",
        "12.10am GMT Past the first midnight. Night.",
        "11.40pm GMT The day before. Late.",
        "9.15pm GMT The day before. Early.",
    )
    assert times(text) == ["05 00:20", "04 23:50", "04 06:30", "04 00:10", "03 23:40", "03 21:15"]


def test_an_entry_updated_after_midnight_or_in_its_own_minute() -> None:
    text = flat(
        "11.50pm GMT Late. Updated at 12.05am GMT",
        "9.30am GMT Early. Updated at 9.30am GMT",
        "9.20am GMT Rounded. Updated at 9.18am GMT",
        f"9.00am GMT {OPENING}",
    )
    assert [entry.updated_at for entry in read_doc(text).entries] == [
        utc("2025-03-05T00:05:00"),
        utc("2025-03-04T09:30:00"),
        utc("2025-03-04T09:18:00"),
        None,
    ]


def without_date(text: str) -> str:
    return text.replace("It’s Tuesday, 4 March 2025, and", "Today")


def test_without_a_date_the_fetch_gives_the_day() -> None:
    reading = read_doc(without_date(DAY), fetched_at=utc("2025-03-06T12:00:00"))
    assert reading.entries[0].published_at == utc("2025-03-05T13:05:00")
    assert {entry.published_precision for entry in reading.entries} == {"inferred"}
    assert [problem.code for problem in reading.problems] == ["inferred-day"]
    assert times(without_date(DAY), utc("2025-03-06T13:06:00"))[0] == "06 13:05"


def test_without_a_date_and_a_fetch_time_the_times_are_null() -> None:
    reading = read_doc(without_date(DAY))
    assert {(e.published_at, e.published_precision, e.updated_at) for e in reading.entries} == {(None, "unknown", None)}
    assert [problem.code for problem in reading.problems] == ["no-date"]
    assert bodies(without_date(DAY))[0] == "The ferry is back."


def test_a_date_above_the_entries_is_better_than_none() -> None:
    text = without_date(DAY).replace("– live\n", "– live\nTue 4 Mar 2025 13.05 GMT\n")
    reading = read_doc(text)
    assert times(text)[0] == "04 13:05"
    assert {entry.published_precision for entry in reading.entries} == {"inferred"}


@pytest.mark.parametrize(
    "date",
    ["It's Tuesday 4th March 2025", "Today is Tuesday, March 4, 2025", "It is 4 Mar 2025", "It’s Tue, 4 March, 2025"],
)
def test_dates_of_all_kinds_anchor_their_entry(date: str) -> None:
    assert times(DAY.replace("It’s Tuesday, 4 March 2025", date))[-1] == "04 09:00"


def test_a_date_with_the_wrong_weekday_is_left_out_and_noted() -> None:
    reading = read_doc(DAY.replace("Tuesday", "Friday"))
    assert [problem.code for problem in reading.problems] == ["wrong-weekday", "no-date"]
    assert reading.entries[0].published_at is None


def test_a_date_that_an_entry_only_mentions_anchors_nothing() -> None:
    text = DAY.replace(OPENING, OPENING + " The last storm, on Thursday, 2 January 2020, was worse.")
    assert times(text)[0] == "04 13:05"


def opened(words: str, above: str = "The Ferries Stopped.") -> str:
    return flat("4.58pm ET One.", f"12.13pm ET Two. {above}", f"10.05am ET {words}")


@pytest.mark.parametrize(
    "opening",
    [
        "Welcome to our coverage on Tuesday 4 November 2025.",
        "Welcome to election day, Tuesday November 4, 2025.",
        "Welcome to election day, Nov. 4, 2025.",
        "Tuesday 4 Nov 2025. Polls are open.",
        "4 Nov 2025 Polls are open.",
        "Good morning from the harbour, 4th of November 2025.",
        "Polls opened early on Tuesday, November 4, 2025, and lines are long.",
        "Welcome. The war has run since 24 February 2022. This is our live blog of Tuesday 4 November 2025.",
        "Since Thursday 24 February 2022 much has changed. Polls open on Tuesday 4 November 2025.",
        "Live from the war that began on 24 February 2022, it being 4 November 2025. Welcome to 4 November 2025.",
        "Results come on Friday 7 November 2025. Welcome to our live blog on Tuesday 4 November 2025.",
    ],
)
def test_a_date_in_the_opening_entry_anchors(opening: str) -> None:
    reading = read_doc(opened(opening))
    assert times(opened(opening)) == ["04 21:58", "04 17:13", "04 15:05"]
    assert {entry.published_precision for entry in reading.entries} == {"minute"}
    assert reading.problems == ()


def test_a_lone_date_without_a_welcome_is_only_inferred_and_must_be_near_the_fetch() -> None:
    text = opened("The polls open, officials said of the 4 November 2025 vote.")
    for fetched_at in (None, utc("2025-11-06T12:00:00")):
        reading = read_doc(text, fetched_at=fetched_at)
        assert times(text, fetched_at)[-1] == "04 15:05"
        assert {entry.published_precision for entry in reading.entries} == {"inferred"}
        assert [problem.code for problem in reading.problems] == ["inferred-day"]
        assert "4 November 2025" in reading.problems[0].message
    assert times(text, utc("2025-12-24T12:00:00"))[-1] == "23 15:05"
    assert times(text, utc("2025-11-02T12:00:00"))[-1] == "01 14:05"


@pytest.mark.parametrize(
    "opening",
    [
        "Welcome to day 1,300 of the war since 24 February 2022.",
        "Welcome. The invasion, which began on Thursday 24 February 2022, goes on.",
        "The last vote, on Tuesday 3 November 2020, was close.",
        "Votes of 3 November 2020 and 8 November 2016 were close.",
        "Welcome to a test of the 2025 vote.",
    ],
)
def test_a_date_about_something_else_does_not_anchor(opening: str) -> None:
    reading = read_doc(opened(opening))
    assert {entry.published_at for entry in reading.entries} == {None}
    (problem,) = reading.problems
    assert problem.code == "no-date"
    assert "in no form that is understood" in problem.message
    assert "nowhere" not in problem.message


def test_only_the_opening_entrys_dates_count_without_a_phrase() -> None:
    text = opened("Polls are open.", above="Welcome to the fair on Tuesday 4 November 2025.")
    assert times(text) == [None, None, None]


def test_a_date_after_the_fetch_does_not_anchor() -> None:
    text = opened("Welcome to our countdown to Tuesday 4 November 2025.")
    assert times(text, utc("2025-10-20T12:00:00"))[-1] == "19 14:05"


def test_two_equal_dates_in_the_opening_are_noted() -> None:
    (problem,) = read_doc(opened("Polls: Tuesday 4 November 2025. Results: Friday 7 November 2025.")).problems
    assert problem.code == "dates-disagree"
