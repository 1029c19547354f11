"""Times in HTTP headers, which anybody can write anything into."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from deltawire.http_time import RETRY_AFTER_CAP, retry_after

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("value", "wait"),
    [
        ("120", timedelta(seconds=120)),
        ("Sun, 01 Mar 2026 12:05:00 GMT", timedelta(minutes=5)),
        ("Sunday, 01-Mar-26 12:05:00 GMT", timedelta(minutes=5)),
        ("Sun Mar  1 12:05:00 2026", timedelta(minutes=5)),
        ("Mon, 01 Mar 2027 12:00:00 GMT", timedelta(days=1)),
        ("Sun, 01 Mar 2026 13:05:00 +0100", timedelta(minutes=5)),
        ("Sun, 31 Feb 2026 12:05:00 GMT", None),
        (" 120 ", timedelta(seconds=120)),
        ("120, 60", None),
        ("PT2M", None),
        ("Sun, 01 Mar 2026 11:00:00 GMT", None),
        ("0", None),
        ("-5", None),
        ("1000000000", timedelta(days=1)),
        ("9" * 400, None),
        ("Fri, 31 Dec 9999 23:59:59 GMT", timedelta(days=1)),
        ("Fri, 31 Dec 9999 23:59:59 -1200", None),
        ("soon", None),
        ("", None),
        ("1.5", None),
        ("٣", None),
        ("Sun, 01 Mar 2026 12:05:00 -0000", timedelta(minutes=5)),
        ("Sun, 01 Mar 99999999999999999999 12:05:00 GMT", None),
        ("\u00b2", None),
        (None, None),
    ],
)
def test_retry_after_in_every_form(value: str | None, wait: timedelta | None) -> None:
    """RFC 9110, 10.2.3 and 5.6.7: seconds, and the three forms of a date."""
    assert retry_after(value, NOW) == (None if wait is None else NOW + wait)


_dates = st.from_regex(
    r"(Sun, )?\d{1,30}[ -](Mar|Xyz|3)[ -]\d{1,30} \d{1,3}:\d{1,3}(:\d{1,30})? (GMT|[+-]\d{1,30})?", fullmatch=True
)


@given(st.text() | _dates)
def test_nothing_that_a_header_says_breaks_the_reading_or_lasts_longer_than_a_day(value: str) -> None:
    until = retry_after(value, NOW)
    assert until is None or NOW < until <= NOW + RETRY_AFTER_CAP
