"""How HTTP headers say times: dates, seconds, Retry-After. Garbage means "not said"."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from functools import lru_cache

from deltawire.model import LONGEST_AGE_S

RETRY_AFTER_CAP = timedelta(days=1)
"""The longest Retry-After that is obeyed: a wrong one must not silence a feed or a channel for ever."""

LONGEST_HEADER = 1024
_digits = re.compile(r"\d{1,12}")


def http_date(value: str | None) -> datetime | None:
    """The instant of an HTTP date (RFC 9110, 5.6.7)."""
    return _http_date(value[:LONGEST_HEADER]) if value else None


# A second's looks bring the same Date, and a feed's looks the same Last-Modified.
@lru_cache(4096)
def _http_date(value: str) -> datetime | None:
    try:
        moment = parsedate_to_datetime(value)
        return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
    except (ValueError, TypeError, OverflowError):
        return None


def seconds(value: str | None) -> float | None:
    """A delta-seconds value (RFC 9111, 1.2.2), a year at most."""
    if not value:
        return None
    text = value.strip()
    return min(float(text), LONGEST_AGE_S) if _digits.fullmatch(text) and text.isascii() else None


def retry_after(value: str | None, now: datetime) -> datetime | None:
    """Before when not to ask again (RFC 9110, 10.2.3), a day ahead at most; null if that is past or not said."""
    delay = seconds(value)
    if delay is not None:
        moment = now + min(timedelta(seconds=delay), RETRY_AFTER_CAP)
    else:
        date = http_date(value)
        if date is None:
            return None
        moment = min(date, now + RETRY_AFTER_CAP)
    return moment if moment > now else None
