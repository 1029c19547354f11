"""Clocks of publishers, read into instants or refused."""

from __future__ import annotations

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest

from deltawire.formats.times import (
    ZONES,
    country_of,
    local_name,
    local_to_utc,
    parse,
    parse_epoch,
    parse_iso,
    parse_rfc822,
    times_shown,
)


@pytest.mark.parametrize(
    ("text", "at", "precision"),
    [
        ("2024-08-05T21:00:18.921+01:00", "2024-08-05T20:00:18.921000+00:00", "exact"),
        ("2024-08-05T21:00:18Z", "2024-08-05T21:00:18+00:00", "exact"),
        ("2024-08-05 21:00 +0530", "2024-08-05T15:30:00+00:00", "minute"),
        ("2021-02-19T19:41:53+0000", "2021-02-19T19:41:53+00:00", "exact"),
        ("2024-08-05T21:00-05", "2024-08-06T02:00:00+00:00", "minute"),
        ("2024-08-05T21:00:18.1234567890Z", "2024-08-05T21:00:18.123456+00:00", "exact"),
        ("2024-08-05t21:00:60z", "2024-08-05T21:00:59+00:00", "exact"),
        ("2024-07-01T12:00:00 BST", "2024-07-01T11:00:00+00:00", "exact"),
    ],
)
def test_iso_8601_times_are_instants(text: str, at: str, precision: str) -> None:
    moment = parse_iso(text)
    assert moment is not None
    assert (moment.at.isoformat(), moment.precision) == (at, precision)
    assert moment.at.tzinfo is UTC


@pytest.mark.parametrize(
    "text",
    [
        "2024-08-05T21:00:18",
        "2024-08-05",
        "2024-13-05T21:00:18Z",
        "2024-08-05T25:00:18Z",
        "0000-00-00T00:00:00Z",
        "2024-08-05UTC21:00:18+05:30",
        "2024-08-05T21:00:18+99:00",
        "2024-08-05T21:00:18 XQT",
        '"2024-08-05T21:00:18Z"',
        "yesterday",
        "",
        "٢٠٢٤-08-05T21:00:18Z",
    ],
)
def test_what_names_no_instant_is_refused(text: str) -> None:
    assert parse_iso(text) is None


def test_a_naive_time_is_read_in_the_zone_it_is_given() -> None:
    moment = parse_iso("2024-07-18T11:48", ZoneInfo("Europe/London"))
    assert moment is not None
    assert moment.at == datetime(2024, 7, 18, 10, 48, tzinfo=UTC)
    assert moment.precision == "inferred"


@pytest.mark.parametrize(
    ("text", "at"),
    [
        ("Sat, 01 Mar 2025 16:52:09 GMT", "2025-03-01T16:52:09+00:00"),
        ("1 Jul 25 9:05:00 +0100", "2025-07-01T08:05:00+00:00"),
        ("Tuesday, 01-Jul-25 09:05:00 UTC", "2025-07-01T09:05:00+00:00"),
        ("Tue, 1 July 2025 09:05:00 BST", "2025-07-01T08:05:00+00:00"),
        ("Tue, 1 Jul 2025 09:05:00 EST", "2025-07-01T14:05:00+00:00"),
        ("Tue, 1 Jul 2025 09:05:00 EDT", "2025-07-01T13:05:00+00:00"),
        ("Tue, 1 Jul 2025 09:05:00 ET", "2025-07-01T13:05:00+00:00"),
        ("Tue, 1 Jul 2025 09:05:00 CEST", "2025-07-01T07:05:00+00:00"),
        ("Tue, 1 Jul 2025 09:05:00 +0000 (UTC)", "2025-07-01T09:05:00+00:00"),
    ],
)
def test_rfc_822_times_know_zone_names(text: str, at: str) -> None:
    moment = parse_rfc822(text)
    assert moment is not None
    assert moment.at.isoformat() == at
    assert moment.precision == "exact"


@pytest.mark.parametrize(
    "text", ["Sat, 01 Mar 2025 16:52:09", "32 Mar 2025 10:00 GMT", "1 Foo 2025 10:00 GMT", "1 Mar 2025 10:00 XYZ"]
)
def test_rfc_822_times_without_a_known_zone_are_refused(text: str) -> None:
    assert parse_rfc822(text) is None


@pytest.mark.parametrize("value", [1741000000, 1741000000.0, 1741000000000, "1741000000", "1741000000000"])
def test_epochs_may_be_seconds_or_milliseconds(value: object) -> None:
    moment = parse(value)
    assert moment is not None
    assert moment.at == datetime.fromtimestamp(1741000000, UTC)


@pytest.mark.parametrize("value", [True, None, "x", 1e300, float("nan"), float("inf"), -5, 10**400, [], {}, "9" * 5000])
def test_what_is_no_epoch_is_refused(value: object) -> None:
    assert parse_epoch(value) is None
    assert parse(value) is None


@pytest.mark.parametrize(
    ("wall", "name", "at"),
    [
        ("2025-11-25T16:58", "GMT", "2025-11-25T16:58:00+00:00"),
        ("2025-07-01T12:00", "BST", "2025-07-01T11:00:00+00:00"),
        ("2025-10-26T01:30", "BST", "2025-10-26T00:30:00+00:00"),
        ("2025-10-26T01:30", "GMT", "2025-10-26T01:30:00+00:00"),
        ("2025-01-10T12:00", "BST", "2025-01-10T12:00:00+00:00"),
        ("2025-07-01T12:00", "CET", "2025-07-01T10:00:00+00:00"),
        ("2025-10-26T02:30", "CEST", "2025-10-26T00:30:00+00:00"),
        ("2025-10-26T02:30", "CET", "2025-10-26T01:30:00+00:00"),
        ("2025-07-01T12:00", "ET", "2025-07-01T16:00:00+00:00"),
        ("2025-01-10T09:00", "AEDT", "2025-01-09T22:00:00+00:00"),
    ],
)
def test_wall_clocks_follow_their_region_and_its_two_passes_of_an_hour(wall: str, name: str, at: str) -> None:
    assert local_to_utc(datetime.fromisoformat(wall), ZONES[name]).isoformat() == at


@pytest.mark.parametrize(
    ("name", "url", "language", "at"),
    [
        ("BST", "https://paper.example/live", "en", "2025-07-01T11:00:00+00:00"),
        ("BST", "https://news.example.bd/live", None, "2025-07-01T06:00:00+00:00"),
        ("IST", "https://paper.example/live", "en-IN", "2025-07-01T06:30:00+00:00"),
        ("IST", "https://paper.example.ie/live", None, "2025-07-01T11:00:00+00:00"),
        ("IST", "https://www.irishtimes.com/live", None, "2025-07-01T11:00:00+00:00"),
        ("IST", "https://paper.example/live", "en-IE", "2025-07-01T11:00:00+00:00"),
        ("IST", "https://paper.example/live", "he", "2025-07-01T10:00:00+00:00"),
        ("IST", "https://paper.example.co.il/live", None, "2025-07-01T10:00:00+00:00"),
        ("CST", "https://paper.example/live", None, "2025-07-01T18:00:00+00:00"),
        ("CST", "https://paper.example.com.cn/live", None, "2025-07-01T04:00:00+00:00"),
        ("EST", "https://paper.example.com/live", None, "2025-07-01T17:00:00+00:00"),
        ("EST", "https://paper.example.com.au/live", None, "2025-07-01T02:00:00+00:00"),
        ("AEST", "https://paper.example/live", None, "2025-07-01T02:00:00+00:00"),
        ("GMT", "https://paper.example.ie/live", "en-IE", "2025-07-01T12:00:00+00:00"),
    ],
)
def test_a_zone_name_means_what_it_means_where_the_source_is(
    name: str, url: str, language: str | None, at: str
) -> None:
    moment = parse(f"Tue, 1 Jul 2025 12:00:00 {name}", country=country_of(url, language))
    assert moment is not None
    assert (moment.at.isoformat(), moment.precision) == (at, "exact")


def test_the_country_of_a_source_is_told_by_its_host_before_its_language() -> None:
    assert country_of("https://x.example.ie/", "he-IL") == "ie"
    assert country_of("https://x.example/", "en_IL") == "il"
    assert country_of("https://x.example/", "en-GB") is None
    assert country_of("https://[x.example/", "he") == "il"
    assert (local_name("IST", "ie"), local_name("GMT", "ie"), local_name("IST", None)) == ("IST.ie", "GMT", "IST")


@pytest.mark.parametrize(
    ("wall", "name", "count"),
    [
        ("2025-10-26T01:30", "UK TIME", 2),
        ("2025-10-26T01:30", "BST", 1),
        ("2025-10-26T01:30", "GMT", 1),
        ("2025-10-26T00:59", "UK TIME", 1),
        ("2025-10-26T02:00", "UK TIME", 1),
        ("2025-03-30T01:30", "UK TIME", 0),
        ("2025-03-30T02:00", "UK TIME", 1),
        ("2025-03-09T02:30", "ET", 0),
        ("2025-11-02T01:30", "ET", 2),
        ("2025-11-02T01:30", "EST", 1),
        ("2025-11-02T01:30", "UTC", 1),
    ],
)
def test_the_hours_in_which_clocks_are_put_are_shown_twice_or_never(wall: str, name: str, count: int) -> None:
    assert times_shown(datetime.fromisoformat(wall), ZONES[name]) == count


@pytest.mark.parametrize(
    ("text", "at"),
    [
        ("Sun, 2 Nov 2025 01:30:00 ET", "2025-11-02T05:30:00+00:00"),
        ("Sun, 9 Mar 2025 02:30:00 ET", "2025-03-09T07:30:00+00:00"),
    ],
)
def test_a_time_that_clocks_showed_twice_or_never_is_inferred(text: str, at: str) -> None:
    moment = parse(text)
    assert moment is not None
    assert (moment.at.isoformat(), moment.precision) == (at, "inferred")
