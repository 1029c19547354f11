"""What a feed says about when to look at it again: RSS 2.0 ttl and skips, the syndication module of RSS 1.0."""

from __future__ import annotations

import re
from typing import NamedTuple

from deltawire.formats import text as texts
from deltawire.formats.base import Raw
from deltawire.formats.times import WEEKDAYS

LONGEST_HINT_S = 7 * 86_400.0
"""A hint beyond a week is a mistake or a joke; it counts as a week."""

_PERIODS = {
    "hourly": 3600.0,
    "daily": 86_400.0,
    "weekly": 7 * 86_400.0,
    "monthly": 30 * 86_400.0,
    "yearly": 365 * 86_400.0,
}
_LONGEST_HEAD = 64 * 1024
_first_item = re.compile(r"<(?:\w{1,20}:)?(?:item|entry)[\s>]")
_first_item_in_bytes = re.compile(rb"<(?:\w{1,20}:)?(?:item|entry)[ \t\r\n>]")
_ttl = re.compile(r"<ttl>([^<>]{1,20})</ttl", re.IGNORECASE)
_period = re.compile(r"<\w{1,20}:updatePeriod>([^<>]{1,20})</", re.IGNORECASE)
_frequency = re.compile(r"<\w{1,20}:updateFrequency>([^<>]{1,20})</", re.IGNORECASE)
_skip_hours = re.compile(r"<skipHours\b[^<>]*>(.{0,4000}?)</skipHours", re.DOTALL | re.IGNORECASE)
_skip_days = re.compile(r"<skipDays\b[^<>]*>(.{0,2000}?)</skipDays", re.DOTALL | re.IGNORECASE)
_hour = re.compile(r"<hour\b[^<>]*>\s*(\d{1,2})\s*</hour", re.IGNORECASE)
_day = re.compile(r"<day\b[^<>]*>\s*([a-z]+)\s*</day", re.IGNORECASE)


class Hints(NamedTuple):
    """As in FeedMeta: for how many seconds, and in which hours (UTC) and on which days, not to look."""

    poll_hint_s: float | None
    skip_hours: tuple[int, ...]
    skip_days: tuple[str, ...]


def hints(raw: Raw) -> Hints:
    """What the head of a feed, which is the part before its first item, says about when to look at it again."""
    text = _opening(raw)
    first = _first_item.search(text)
    head = text[: first.start()] if first else text
    ttl, period, frequency = (found[1] if (found := said.search(head)) else "" for said in (_ttl, _period, _frequency))
    return Hints(poll_hint(ttl, period, frequency), *skips(head))


def _opening(raw: Raw) -> str:
    """What is looked at: in most encodings no more of it is decoded than up to the first item."""
    codec, window, _ = texts.encoding(raw.body[:_LONGEST_HEAD], raw.content_type)
    first = _first_item_in_bytes.search(window) if codec in ("utf-8", "cp1252") else None
    return (window[: first.end()] if first else window).decode(codec, "deltawire-cp1252")


def poll_hint(ttl: str, period: str, frequency: str) -> float | None:
    """For how many seconds looking again is useless, null if neither says so.

    ``ttl`` is minutes (RSS 2.0); ``sy:updatePeriod`` divided by ``sy:updateFrequency`` (1 if absent) is the other.
    """
    if not (ttl or period):
        return None
    said = [float(ttl.strip()) * 60] if re.fullmatch(r"\s*\d{1,9}\s*", ttl, re.ASCII) else []
    length = _PERIODS.get(period.strip().lower())
    times = int(frequency) if re.fullmatch(r"\s*\d{1,6}\s*", frequency, re.ASCII) else 1
    if length is not None and times > 0:
        said.append(length / times)
    longest = min(max(said, default=0.0), LONGEST_HINT_S)
    return longest or None


def skips(head: str) -> tuple[tuple[int, ...], tuple[str, ...]]:
    """The hours (0 to 23, UTC) and days in which a channel says that it publishes nothing.

    ``head`` is the part of an RSS document in front of its first item. All hours or all days is no rhythm: such a
    channel is believed nothing.
    """
    hours = sorted({int(hour) % 24 for hour in _found(_skip_hours, _hour, head) if int(hour) <= 24})
    named = {day.lower() for day in _found(_skip_days, _day, head)}
    days = [day for day in WEEKDAYS if day in named]
    return tuple(hours) if len(hours) < 24 else (), tuple(days) if len(days) < 7 else ()


def _found(block: re.Pattern[str], item: re.Pattern[str], head: str) -> list[str]:
    within = block.search(head)
    return item.findall(within[1]) if within else []
