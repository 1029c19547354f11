"""Live blogs flattened to plain text: which times begin an entry, and which day it was."""

from __future__ import annotations

import time
from datetime import datetime

import pytest

from formats.docs import read_doc, refusal, utc

OPENING = "Good morning. It’s Tuesday, 4 March 2025, and this is Harbour Live."


def flat(*entries: str, header: str = "Harbour storm – live", joiner: str = " ") -> str:
    return f"{header}\n\n{joiner.join(entries)}\n"


def times(text: str, fetched_at: datetime | None = None) -> list[str | None]:
    """The times of the entries, newest first, as day of the month and clock in UTC."""
    entries = read_doc(text, fetched_at=fetched_at).entries
    return [entry.published_at.strftime("%d %H:%M") if entry.published_at else None for entry in entries]


def bodies(text: str) -> list[str]:
    return [entry.content_text for entry in read_doc(text).entries]


DAY = flat(
    "1.05pm GMT The ferry is back. Updated at 1.10pm GMT",
    "12.13pm GMT 'All clear' says harbour master The wind dropped.",
    "11.55am GMT Gusts again (see 10.20am GMT). Crews wait until 2pm.",
    "10.20am GMT Sailings off Related: How a storm forms",
    f"9.00am GMT {OPENING}",
)


def test_white_space_between_words_and_at_the_ends_of_lines_is_none_of_it() -> None:
    spaced = DAY.replace(" ", "  ").replace("GMT", "\tGMT").replace("\n", " \r\n ")
    assert read_doc(spaced) == read_doc(DAY)


def test_a_flattened_blog_is_read_whole() -> None:
    reading = read_doc(DAY, fetched_at=utc("2025-03-09T00:00:00"))
    assert (reading.format, reading.coverage) == ("plain-text", "window")
    assert (reading.feed.title, reading.feed.order, reading.feed.time_zone) == (
        "Harbour storm – live",
        "newest-first",
        "Europe/London",
    )
    assert [entry.published_at for entry in reading.entries] == [
        utc(f"2025-03-04T{clock}:00") for clock in ("13:05", "12:13", "11:55", "10:20", "09:00")
    ]
    assert {entry.published_precision for entry in reading.entries} == {"minute"}
    assert {(entry.title, entry.source_id, entry.url) for entry in reading.entries} == {(None, None, None)}
    assert [entry.updated_at for entry in reading.entries] == [utc("2025-03-04T13:10:00"), None, None, None, None]
    assert [entry.content_text for entry in reading.entries] == [
        "The ferry is back.",
        "'All clear' says harbour master The wind dropped.",
        "Gusts again (see 10.20am GMT). Crews wait until 2pm.",
        "Sailings off Related: How a storm forms",
        OPENING,
    ]
    assert reading.problems == ()


@pytest.mark.parametrize(
    "sentence",
    [
        "See the report (see 11.40am GMT). More soon.",
        "Crews said at 11.40am GMT the wind fell.",
        "Crews wait until 11.40am GMT. More soon.",
        "It began by 11.40am GMT, he said.",
        "It ran from 11.40am GMT to 11.50am GMT on Monday.",
        "At 11.40am GMT Mr Reed said so.",
        "Trains 11.40am GMT–noon are off.",
        "He spoke. 4.20pm GMT Next week the inquiry opens.",
        "He spoke. 3.15am GMT The first alarm rang.",
        "It rose to 16.58 metres. By 7am it was gone.",
        "The ratio is 11:40 or so.",
        "He paid. 11.40 Euros it was.",
    ],
)
def test_a_time_in_a_sentence_begins_no_entry_and_breaks_no_other(sentence: str) -> None:
    text = DAY.replace("Gusts again (see 10.20am GMT).", sentence)
    assert times(text) == ["04 13:05", "04 12:13", "04 11:55", "04 10:20", "04 09:00"]
    assert sentence in bodies(text)[2]


@pytest.mark.parametrize("newline", [" ", "\n", "\n\n", "\r\n"])
def test_entries_may_run_on_or_stand_on_lines(newline: str) -> None:
    text = flat("1.05pm GMT", "One.", "12.13pm GMT", "Two.", "11.55am GMT", OPENING, joiner=newline)
    assert times(text) == ["04 13:05", "04 12:13", "04 11:55"]
    assert bodies(text) == ["One.", "Two.", OPENING]


@pytest.mark.parametrize(
    ("clocks", "expected"),
    [
        (("16.58 GMT", "12.13 GMT", "8.59 GMT"), ["04 16:58", "04 12:13", "04 08:59"]),
        (("16:58", "12:13", "08:59"), ["04 16:58", "04 12:13", "04 08:59"]),
        (("4:58 p.m. ET", "12:13 p.m. ET", "8:59 a.m. ET"), ["04 21:58", "04 17:13", "04 13:59"]),
        (("16.58 CET", "12.13 CET", "08.59 CET"), ["04 15:58", "04 11:13", "04 07:59"]),
        (("4.58pm AEDT", "12.13pm AEDT", "8.59am AEDT"), ["04 05:58", "04 01:13", "03 21:59"]),
        (("12.58am GMT", "12.13am GMT", "12.05am GMT"), ["04 00:58", "04 00:13", "04 00:05"]),
    ],
)
def test_clocks_of_all_kinds(clocks: tuple[str, str, str], expected: list[str]) -> None:
    text = flat(f"{clocks[0]}\nOne.", f"{clocks[1]}\nTwo.", f"{clocks[2]}\n{OPENING}", joiner="\n")
    assert times(text) == expected


def test_a_text_without_a_zone_is_read_as_utc_and_says_so() -> None:
    reading = read_doc(flat("16:58\nOne.", "12:13\nTwo.", f"08:59\n{OPENING}", joiner="\n"))
    assert {entry.published_precision for entry in reading.entries} == {"inferred"}
    assert [problem.code for problem in reading.problems] == ["no-zone"]


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


def test_the_night_the_clocks_go_back_is_told_by_its_zone_names() -> None:
    opening = "It’s Saturday, 25 October 2025. Good evening."
    text = flat("1.20am GMT Later. On.", "1.40am BST Earlier. On.", "12.30am BST Calm. On.", f"11.15pm BST {opening}")
    assert times(text) == ["26 01:20", "26 00:40", "25 23:30", "25 22:15"]


def test_oldest_first_blogs_come_out_newest_first() -> None:
    text = flat(
        f"9.00am GMT {OPENING}",
        "10.20am GMT Sailings off.",
        "11.55am GMT Gusts.",
        "12.13pm GMT Calm.",
        "12.05am GMT Late.",
    )
    reading = read_doc(text)
    assert reading.feed.order == "oldest-first"
    assert times(text) == ["05 00:05", "04 12:13", "04 11:55", "04 10:20", "04 09:00"]
    assert bodies(text)[-1] == OPENING


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


def test_what_stands_around_the_entries_is_in_none_of_them() -> None:
    reading = read_doc("World\n\nStandfirst of the day\n\n" + DAY + "\n\nRelated Articles\nAnother story\n")
    assert reading.feed.title == "Harbour storm – live"
    assert reading.entries[-1].content_text == OPENING
    assert [(problem.code, problem.message.split()[2]) for problem in reading.problems] == [
        ("outside-entries", "above"),
        ("outside-entries", "below"),
    ]


def test_a_blank_line_ends_the_last_entry_where_no_other_has_one() -> None:
    assert bodies(DAY + "\nMore from the harbour desk")[-1] == OPENING


def test_paragraphs_of_an_entry_stay_apart_and_no_text_is_lost() -> None:
    text = flat(
        "1.05pm GMT\n\nOne.\n\nTwo.",
        "12.13pm GMT\n\nThree.\n\nFour.",
        f"11.55am GMT\n\n{OPENING}\n\nFive.",
        joiner="\n\n",
    )
    assert bodies(text) == ["One.\nTwo.", "Three.\nFour.", OPENING + "\nFive."]


def test_an_entry_without_text_is_still_an_entry() -> None:
    assert bodies(flat("1.05pm GMT", "12.13pm GMT", f"11.55am GMT {OPENING}", joiner="\n")) == ["", "", OPENING]


def test_one_labelled_entry_is_a_blog() -> None:
    assert times(f"Harbour storm – live\n\n9.00am GMT\n{OPENING}") == ["04 09:00"]


@pytest.mark.parametrize(
    "text",
    [
        "The ferry left at 9.00am GMT and was back by 11.30am GMT, the harbour master said.",
        "Just an article. It has sentences. It has no times.",
        "The match ended 3:2. Goals fell early. The ratio was 16:9 all along.",
        "To do: call at 10.30am GMT.",
        "12:30",
        "word " * 5000,
    ],
)
def test_text_without_entries_is_refused(text: str) -> None:
    assert refusal(text)[0] == "not-a-live-blog"
    assert refusal(text, "plain-text")[0] == "not-a-live-blog"


def test_ten_thousand_times_are_read_in_good_time() -> None:
    before = time.process_time()
    text = (
        flat(
            *(f"{hour}.{minute:02}am GMT Text." for hour in range(9, 0, -1) for minute in range(59, -1, -1)), joiner=" "
        )
        * 20
    )
    assert read_doc(text, fetched_at=utc("2025-03-06T12:00:00")).entries
    assert time.process_time() - before < 5


ELECTION = "It is Tuesday, 4 November 2025."


def three(clocks: tuple[str, str, str]) -> str:
    return flat(f"{clocks[0]}\nOne.", f"{clocks[1]}\nTwo.", f"{clocks[2]}\n{ELECTION}", joiner="\n\n")


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


@pytest.mark.parametrize(
    ("clocks", "expected"),
    [
        (
            ("2025-11-25 16:58 UTC", "2025-11-25 08:13 UTC", "2025-11-24 12:59 UTC"),
            ["25 16:58", "25 08:13", "24 12:59"],
        ),
        (
            ("2025-11-25T16:58:09Z", "2025-11-25T08:13:00Z", "2025-11-22T12:59:00Z"),
            ["25 16:58", "25 08:13", "22 12:59"],
        ),
        (("2025-11-25 16:58 EST", "2025-11-25 08:13 ET", "2025-07-24 12:59 ET"), ["25 21:58", "25 13:13", "24 16:59"]),
        (
            ("2025-11-25T00:58+05:30", "2025-11-24T23:13+0530", "2025-11-24 01:00 +05:30"),
            ["24 19:28", "24 17:43", "23 19:30"],
        ),
    ],
)
def test_a_whole_date_and_time_with_its_zone_begins_an_entry(clocks: tuple[str, str, str], expected: list[str]) -> None:
    text = flat(*(f"{clock}\nText {n}. Updated at 2025-11-26 01:00 UTC" for n, clock in enumerate(clocks)), joiner="\n")
    reading = read_doc(text)
    assert times(text) == expected
    assert bodies(text) == ["Text 0.", "Text 1.", "Text 2."]
    assert {entry.updated_at for entry in reading.entries} == {utc("2025-11-26T01:00:00")}
    assert {entry.published_precision for entry in reading.entries} == {"minute"}
    assert reading.problems == ()


def test_whole_dates_may_run_oldest_first() -> None:
    text = flat("2025-11-24 12:59 UTC\nOne.", "2025-11-25 08:13 UTC\nTwo.", joiner="\n")
    reading = read_doc(text)
    assert (times(text), reading.feed.order) == (["25 08:13", "24 12:59"], "oldest-first")


@pytest.mark.parametrize(
    ("clocks", "seen"),
    [
        (("16.58 Uhr", "12.13 Uhr", "08.59 Uhr"), "3 clock times such as '16.58 Uhr'"),
        (("16h58", "12h13", "08h59"), "3 clock times such as '16h58'"),
        (("16:58 XQT", "12:13 XQT", "08:59 XQT"), "3 clock times such as '16:58 XQT'"),
        (("4.58pm XQT", "12.13pm XQT", "8.59am XQT"), "3 clock times such as '4.58pm XQT'"),
        (("2025-11-25 16:58", "2025-11-25 12:13", "2025-11-25 08:59"), "3 clock times such as '2025-11-25 16:58'"),
    ],
)
@pytest.mark.parametrize("format_name", ["auto", "plain-text"])
def test_a_blog_whose_times_are_not_understood_is_refused_with_what_was_seen(
    clocks: tuple[str, str, str], seen: str, format_name: str
) -> None:
    code, message = refusal(three(clocks), format_name)
    assert code == "not-a-live-blog"
    assert seen in message
    assert "zone that is known" in message
    assert "'4.58pm GMT'" in message


def test_many_offsets_are_read_in_good_time() -> None:
    before = time.process_time()
    offsets = [f"{sign}{hour}:{minute}" for sign in "+-" for hour in range(15) for minute in ("00", "15", "30", "45")]
    text = flat(*(f"12:30 UTC{offset}\nText." for offset in offsets * 40), joiner="\n")
    assert read_doc(text, fetched_at=utc("2025-03-06T12:00:00")).entries
    assert time.process_time() - before < 5
