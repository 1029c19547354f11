"""What response headers say of a document: its age, its freshness, its validators. Garbage means "not said"."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import datetime
from functools import lru_cache

from deltawire.http_time import LONGEST_HEADER, http_date, seconds
from deltawire.model import CacheInfo

_directive = re.compile(r"\s*([a-z-]+)\s*(?:=\s*\"?(\d+)\"?)?\s*", re.IGNORECASE)


def opaque(value: str | None) -> str | None:
    """A validator as it came. One that cannot be sent back byte for byte is worth nothing."""
    if not value or len(value) > LONGEST_HEADER or not value.isascii() or not value.isprintable():
        return None
    return value


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
    directives = _directives(said[:LONGEST_HEADER]) if said else {}
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
