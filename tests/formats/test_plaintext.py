"""Live blogs flattened to plain text: which times begin an entry, and what belongs to it."""

from __future__ import annotations

import time

import pytest

from formats.docs import read_doc, refusal, utc
from formats.plaintext_docs import DAY, OPENING, bodies, flat, three, times


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
