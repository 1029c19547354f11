"""Clocks as publishers write them, read into instants: aware datetimes in UTC and how precise they are.

A time that does not say which instant it is (no offset, an unknown zone name) is refused: null beats wrong.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta, timezone, tzinfo
from functools import lru_cache
from typing import Literal, NamedTuple
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo


class Moment(NamedTuple):
    """An instant. ``precision`` is ``minute`` where the source gave no seconds.

    It is ``inferred`` where the source did not state the zone, or where clocks of the zone that it names showed the
    time twice that day, or never: the first of the two, or what clocks not put forward would have shown, was taken.
    """

    at: datetime
    precision: Literal["exact", "minute", "inferred"]


class Zone(NamedTuple):
    """What a zone name means: the region whose clocks it is about, and minutes east of UTC if the name fixes them."""

    region: str
    offset: int | None


# Names that several regions use mean the one here, unless the source is known to be of another of them (_LOCAL).
_REGIONS: dict[str, dict[str, int | None]] = {
    "UTC": {"UTC": 0, "UT": 0, "Z": 0},
    "Europe/London": {"GMT": 0, "BST": 60, "UK TIME": None, "UK": None},
    "Europe/Lisbon": {"WET": 0, "WEST": 60},
    "Europe/Berlin": {"CET": 60, "CEST": 120, "MEZ": 60, "MESZ": 120},
    "Europe/Helsinki": {"EET": 120, "EEST": 180},
    "Europe/Moscow": {"MSK": 180},
    "America/New_York": {"EST": -300, "EDT": -240, "ET": None},
    "America/Chicago": {"CST": -360, "CDT": -300, "CT": None},
    "America/Denver": {"MST": -420, "MDT": -360, "MT": None},
    "America/Los_Angeles": {"PST": -480, "PDT": -420, "PT": None},
    "Asia/Kolkata": {"IST": 330},
    "Asia/Tokyo": {"JST": 540},
    "Asia/Hong_Kong": {"HKT": 480},
    "Asia/Singapore": {"SGT": 480},
    "Asia/Seoul": {"KST": 540},
    "Asia/Karachi": {"PKT": 300},
    "Asia/Jerusalem": {"IDT": 180},
    "Africa/Johannesburg": {"SAST": 120},
    "Australia/Sydney": {"AEST": 600, "AEDT": 660, "AET": None},
    "Australia/Adelaide": {"ACST": 570, "ACDT": 630},
    "Australia/Perth": {"AWST": 480},
    "Pacific/Auckland": {"NZST": 720, "NZDT": 780},
}
# "IST.ie" is what "IST" means to a source of Ireland.
_LOCAL: dict[str, dict[str, int | None]] = {
    "Europe/Dublin": {"IST.ie": 60},
    "Asia/Jerusalem": {"IST.il": 120},
    "Asia/Dhaka": {"BST.bd": 360},
    "Asia/Shanghai": {"CST.cn": 480},
    "Asia/Taipei": {"CST.tw": 480},
    "Australia/Sydney": {"EST.au": 600, "EDT.au": 660},
    "Australia/Adelaide": {"CST.au": 570},
}
ZONES = {
    name: Zone(region, offset)
    for regions in (_REGIONS, _LOCAL)
    for region, names in regions.items()
    for name, offset in names.items()
}
"""The zone names that are understood, in capitals; a country behind a point: where they mean another zone there."""

_COUNTRIES = frozenset(name.partition(".")[2] for names in _LOCAL.values() for name in names)
_HOSTS = {
    "irishtimes.com": "ie",
    "irishexaminer.com": "ie",
    "timesofisrael.com": "il",
    "jpost.com": "il",
    "haaretz.com": "il",
    "ynetnews.com": "il",
    "thedailystar.net": "bd",
    "bdnews24.com": "bd",
}
"""Publishers of such countries under a domain that does not say so."""

_LANGUAGES = {"he": "il", "iw": "il", "ga": "ie"}

WEEKDAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
_MONTH_NAMES = (
    *("january", "february", "march", "april", "may", "june"),
    *("july", "august", "september", "october", "november", "december"),
)
MONTHS = {form: number for number, name in enumerate(_MONTH_NAMES, 1) for form in (name, name[:3])} | {"sept": 9}
"""English names of months and what they are shortened to, in lower case, and their numbers."""

_ISO = re.compile(
    r"(\d{4})-(\d\d)-(\d\d)[Tt ]\s?(\d\d):?(\d\d)(?::?(\d\d)(?:[.,](\d{1,12}))?)?"
    r"\s*([Zz]|[+\-−]\d\d(?::?\d\d)?|[A-Z]{2,4})?",
    re.ASCII,
)
_RFC822 = re.compile(
    r"(?:[A-Za-z]{3,9}\.?,?\s+)?(\d{1,2})[\s-]+([A-Za-z]{3,9})\.?[\s-]+(\d{4}|\d\d)\s+(\d{1,2}):(\d\d)(?::(\d\d))?"
    r"\s*(?:([+-]\d{4})|([A-Za-z]{1,4}))?(?:\s*\([^)]*\))?",
    re.ASCII,
)
_OFFSET = re.compile(r"(?:GMT|UTC)?([+\-−])(\d\d?)(?::?(\d\d))?", re.ASCII)
_LONGEST = 100
_YEARS = range(1980, 2200)


def country_of(url: str, language: str | None = None) -> str | None:
    """The country that a source is of, as far as it changes what zone names mean: by its host, then by its language.

    ``language`` is a tag of RFC 5646, whose region counts before the language itself ("en-IE"). Null for all others.
    """
    try:
        host = urlsplit(url).hostname or ""
    except ValueError:
        host = ""
    labels = host.split(".")
    country = _HOSTS.get(".".join(labels[-2:]), labels[-1])
    if country in _COUNTRIES:
        return country
    tag, *rest = (language or "").lower().replace("_", "-").split("-")
    return next((part for part in rest if part in _COUNTRIES), _LANGUAGES.get(tag))


def local_name(name: str, country: str | None) -> str:
    """The key in ``ZONES`` of what a name means to a source of ``country``."""
    local = f"{name}.{country}"
    return local if local in ZONES else name


@lru_cache(maxsize=1024)
def zone_named(name: str) -> Zone:
    """The zone of a name in ``ZONES`` or of an offset such as "GMT+1" or "-03:30".

    Raises:
        KeyError: the name is neither.
    """
    match = _OFFSET.fullmatch(name)
    if match is None:
        return ZONES[name]
    minutes = int(match[2]) * 60 + int(match[3] or 0)
    return Zone("UTC", minutes if match[1] == "+" else -minutes)


def local_to_utc(wall: datetime, zone: Zone) -> datetime:
    """The instant at which clocks in ``zone`` show ``wall`` (naive).

    A fixed offset tells the two passes of the hour that daylight saving repeats apart; without one ``wall.fold`` does.
    Where it is not one that the region uses that day ("CET" in July), the region's clock is meant, but GMT and UTC mean
    themselves.
    """
    region = ZoneInfo(zone.region)
    both = [wall.replace(tzinfo=region, fold=fold) for fold in (0, 1)]
    if zone.offset is not None:
        fixed = timedelta(minutes=zone.offset)
        if not zone.offset or zone.region == "UTC" or fixed in [moment.utcoffset() for moment in both]:
            return wall.replace(tzinfo=timezone(fixed)).astimezone(UTC)
    return both[wall.fold].astimezone(UTC)


def times_shown(wall: datetime, zone: Zone) -> int:
    """How often clocks in ``zone`` show ``wall``: once; twice where clocks were put back; never where forward."""
    region = ZoneInfo(zone.region)
    both = [wall.replace(tzinfo=region, fold=fold) for fold in (0, 1)]
    shifts = [moment.utcoffset() for moment in both]
    if shifts[0] == shifts[1] or zone.offset == 0:
        return 1
    if zone.offset is not None and timedelta(minutes=zone.offset) in shifts:
        return 1
    return 2 if both[0].astimezone(UTC).astimezone(region).replace(tzinfo=None) == wall else 0


def in_use(at: datetime, zone: Zone) -> bool:
    """Whether clocks of the zone's region are at the offset that its name states; names without one always hold."""
    if not zone.offset or zone.region == "UTC":
        return True
    return at.astimezone(ZoneInfo(zone.region)).utcoffset() == timedelta(minutes=zone.offset)


@lru_cache(maxsize=1024)
def offsets(zone: Zone) -> frozenset[int]:
    """Minutes east of UTC at which clocks called by this name can be over a year."""
    if zone.offset == 0 or zone.region == "UTC":
        return frozenset((zone.offset or 0,))
    region = ZoneInfo(zone.region)
    seasons = (datetime(2025, month, 1, tzinfo=region).utcoffset() for month in (1, 7))
    return frozenset(offset // timedelta(minutes=1) for offset in seasons if offset is not None)


def parse(value: object, *, country: str | None = None) -> Moment | None:
    """Any of the notations below, told apart by their shape; null for what is none of them.

    ``country`` is that of the source (``country_of``), for zone names that several regions use.
    """
    if isinstance(value, str):
        return (
            parse_iso(value, country=country)
            or parse_rfc822(value, country)
            or (parse_epoch(value) if value.strip().isdigit() else None)
        )
    return parse_epoch(value)


def parse_iso(value: str, zone: tzinfo | None = None, country: str | None = None) -> Moment | None:
    """ISO 8601 and RFC 3339 (basic or extended, fractions, ``Z``, offset or zone name).

    A time without either is one of ``zone``, and inferred; without that too, and for a date alone, null.
    """
    match = _ISO.fullmatch(value.strip()) if len(value) < _LONGEST else None
    if match is None:
        return None
    year, month, day, hour, minute, second = map(int, match.groups("0")[:6])
    fraction = int((match[7] or "0").ljust(6, "0")[:6])
    wall = _wall(year, month, day, hour, minute, second, fraction)
    return _moment(wall, match[8], zone, country, seconds=match[6] is not None) if wall else None


def parse_rfc822(value: str, country: str | None = None) -> Moment | None:
    """RFC 822 and 5322 dates as feeds have them, with zone names beyond the RFC's; null without a zone."""
    match = _RFC822.fullmatch(value.strip()) if len(value) < _LONGEST else None
    if match is None or (month := MONTHS.get(match[2].lower())) is None:
        return None
    year = int(match[3])
    if len(match[3]) == 2:  # RFC 5322 section 4.3
        year += 2000 if year < 50 else 1900
    wall = _wall(year, month, int(match[1]), int(match[4]), int(match[5]), int(match[6] or 0), 0)
    stated = match[7] or (match[8] or "").upper()
    return _moment(wall, stated, None, country, seconds=match[6] is not None) if wall else None


def parse_epoch(value: object) -> Moment | None:
    """Seconds since 1970, or milliseconds where seconds would lie beyond the year 2199. Booleans are no times."""
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    try:
        seconds = float(value)
        if seconds >= 1e11:
            seconds /= 1000
        at = datetime.fromtimestamp(seconds, UTC)
    except (ValueError, OverflowError, OSError):
        return None
    return Moment(at, "exact") if at.year in _YEARS else None


def inferred(moment: Moment | None) -> Moment | None:
    """A moment that stands for another, as that of an entry's creation does for its publication."""
    return moment and moment._replace(precision="inferred")


def _wall(year: int, month: int, day: int, hour: int, minute: int, second: int, fraction: int) -> datetime | None:
    if year not in _YEARS:
        return None
    try:
        # A leap second has no place in datetime; the second before it is the nearest there is.
        return datetime(year, month, day, hour, minute, min(second, 59) if second == 60 else second, fraction)  # noqa: DTZ001 - a wall clock
    except ValueError:
        return None


@lru_cache(maxsize=256)
def _offset(stated: str) -> timezone | None:
    """What "+01:00" or "-0330" means; null where no clock is that far from UTC."""
    hours, minutes = int(stated[1:3]), int(stated[3:].lstrip(":") or 0)
    if hours > 15 or minutes > 59:
        return None
    offset = timedelta(hours=hours, minutes=minutes)
    return timezone(offset if stated[0] == "+" else -offset)


def _moment(
    wall: datetime, stated: str | None, zone: tzinfo | None, country: str | None, *, seconds: bool
) -> Moment | None:
    precision: Literal["exact", "minute"] = "exact" if seconds else "minute"
    if not stated:
        return Moment(wall.replace(tzinfo=zone).astimezone(UTC), "inferred") if zone else None
    if stated[0] in "+-−":
        offset = _offset(stated)
        return offset and Moment(wall.replace(tzinfo=offset).astimezone(UTC), precision)
    named = ZONES.get(local_name(stated.upper(), country))
    if named is None:
        return None
    if named.offset is not None:
        # RFC 5322 section 4.3: a name that has an offset is that offset, whatever the season.
        shifted = wall.replace(tzinfo=timezone(timedelta(minutes=named.offset)) if named.offset else UTC)
        return Moment(shifted.astimezone(UTC), precision)
    return Moment(local_to_utc(wall, named), precision if times_shown(wall, named) == 1 else "inferred")
