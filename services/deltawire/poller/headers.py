"""What response headers say about time: dates, ages, freshness, Retry-After. Garbage means "not said"."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from functools import lru_cache

from deltawire.model import LONGEST_AGE_S, CacheInfo

RETRY_AFTER_CAP = timedelta(days=1)
"""The longest Retry-After that is obeyed: a wrong one must not silence a feed for ever."""

_LONGEST_HEADER = 1024
_directive = re.compile(r"\s*([a-z-]+)\s*(?:=\s*\"?(\d+)\"?)?\s*", re.IGNORECASE)
_digits = re.compile(r"\d{1,12}")


def http_date(value: str | None) -> datetime | None:
    """The instant of an HTTP date (RFC 9110, 5.6.7)."""
    return _http_date(value[:_LONGEST_HEADER]) if value else None


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


def opaque(value: str | None) -> str | None:
    """A validator as it came. One that cannot be sent back byte for byte is worth nothing."""
    if not value or len(value) > _LONGEST_HEADER or not value.isascii() or not value.isprintable():
        return None
    return value


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


def later(one: datetime | None, other: datetime | None) -> datetime | None:
    """The later of two moments, of which either may not be said."""
    return one or other if one is None or other is None else max(one, other)


def cache_info(headers: Mapping[str, str]) -> CacheInfo:
    return CacheInfo(
        age_s=seconds(headers.get("Age")),
        date=http_date(headers.get("Date")),
        last_modified=http_date(headers.get("Last-Modified")),
        etag=opaque(headers.get("ETag")),
    )


def fresh_for(headers: Mapping[str, str], now: datetime) -> float | None:
    """For how many more seconds the response is fresh (RFC 9111, 4.2), null if it does not say.

    ``no-cache`` and ``no-store`` say that asking again is always welcome.
    """
    said = headers.get("Cache-Control")
    directives = _directives(said[:_LONGEST_HEADER]) if said else {}
    if "no-cache" in directives or "no-store" in directives:
        return None
    lifetime = seconds(directives.get("max-age"))
    if lifetime is None:
        expires = http_date(headers.get("Expires"))
        if expires is None:
            return None
        lifetime = (expires - (http_date(headers.get("Date")) or now)).total_seconds()
    remaining = lifetime - (seconds(headers.get("Age")) or 0)
    return remaining if remaining > 0 else None


@lru_cache(1024)
def _directives(said: str) -> dict[str, str | None]:
    return {match[1].lower(): match[2] for part in said.split(",") if (match := _directive.fullmatch(part)) is not None}
