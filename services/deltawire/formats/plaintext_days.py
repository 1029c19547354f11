"""Which day it was: instants for clock times that state none."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime, timedelta, timezone
from typing import NamedTuple
from zoneinfo import ZoneInfo

from deltawire.formats.plaintext_dates import Sign, dates, not_ahead, opening_day
from deltawire.formats.plaintext_marks import Mark
from deltawire.formats.plaintext_zones import names_not_in_use
from deltawire.formats.times import Zone, local_to_utc, times_shown, zone_named
from deltawire.model import Precision, Problem

_SLACK = timedelta(minutes=10)
_STAMP_SLACK = timedelta(minutes=10)
_DAY = timedelta(days=1)


class Dated(NamedTuple):
    """Instants for a chain's entries, newest first, and how they were found. All null if no day is known."""

    instants: tuple[datetime | None, ...]
    precisions: tuple[Precision, ...]
    problems: tuple[Problem, ...]


def zone_of(mark: Mark, usual: str | None) -> Zone:
    """The zone a mark's clock is in; where neither it nor its document names one, UTC is assumed."""
    return zone_named(mark.zone or usual or "UTC")


def date_entries(
    newest_first: Sequence[Mark], texts: Sequence[str], header: str, usual: str | None, fetched_at: datetime | None
) -> Dated:
    """Find the instants of entries from their clock times; those that state their day need no more.

    A date in an entry ("It's Tuesday, 25 November 2025") fixes that entry, and the others are counted from it, each at
    the nearest such time on its side. Failing that the oldest entry's date does ("Welcome to our coverage on Tuesday
    4 November 2025"). Failing that a date in the header, then the fetch, fixes the newest entry: it is the latest such
    time not after it, and the result is ``inferred``.
    """
    problems: list[Problem] = []
    precision: Precision = "minute"
    own = [_on(mark, mark.day, usual) for mark in newest_first if mark.day]
    if len(own) == len(newest_first):
        problems += names_not_in_use(newest_first, own)
        return _dated(newest_first, own, precision, problems, usual, fetched_at)
    stated = [list(dates(text, problems)) for text in texts]
    anchors = [
        (number, _on(newest_first[number], one.day, usual))
        for number, ones in enumerate(stated)
        for one in ones
        if one.sign is Sign.SAID and not_ahead(one.day, fetched_at)
    ]
    if anchors:
        number, at = anchors[-1]
        instants = _spread(newest_first, number, at, usual)
        if any(instants[index] != other for index, other in anchors):
            problems.append(
                Problem(
                    code="dates-disagree", message="entries name days that do not agree; the oldest entry's was taken"
                )
            )
    elif opening := opening_day(stated[-1], fetched_at):
        oldest = len(newest_first) - 1
        words = opening.stated.words
        instants = _spread(newest_first, oldest, _on(newest_first[oldest], opening.stated.day, usual), usual)
        if opening.contested:
            message = f"the oldest entry names several days that may be its own; {words!r} was taken"
            problems.append(Problem(code="dates-disagree", message=message))
        if not opening.sure:
            precision = "inferred"
            message = f"no entry says what day it is; {words!r}, the only date in the oldest entry, was taken"
            problems.append(Problem(code="inferred-day", message=message))
    elif in_header := [one.day for one in dates(header, problems)]:
        newest, precision = _on(newest_first[0], in_header[-1], usual), "inferred"
        instants = _spread(newest_first, 0, newest, usual)
        problems.append(
            Problem(code="inferred-day", message="no entry says what day it is; the date above the entries was taken")
        )
    elif fetched_at is not None:
        newest, precision = _before(newest_first[0], fetched_at + _SLACK, usual), "inferred"
        instants = _spread(newest_first, 0, newest, usual)
        message = "the text says in no form that is understood what day it is; the day of the fetch was taken"
        problems.append(Problem(code="inferred-day", message=message))
    else:
        message = (
            "the text says in no form that is understood (such as 'Tuesday 4 November 2025' in its oldest entry) "
            "what day it is and the fetch time is unknown, so times are null"
        )
        problems.append(Problem(code="no-date", message=message))
        return Dated((None,) * len(newest_first), tuple("unknown" for _ in newest_first), tuple(problems))
    if usual is None:
        precision = "inferred"
        problems.append(Problem(code="no-zone", message="the text names no time zone; UTC was assumed"))
    problems += names_not_in_use(newest_first, instants)
    return _dated(newest_first, instants, precision, problems, usual, fetched_at)


def stamp_instant(stamp: Mark, published: datetime, usual: str | None) -> datetime:
    """When an entry was updated: the stamp's first time since its publication, or a few minutes before it.

    Publishers round the two clocks apart, and an edit after midnight carries no date.
    """
    return _on(stamp, stamp.day, usual) if stamp.day else _after(stamp, published - _STAMP_SLACK, usual)


def _dated(
    newest_first: Sequence[Mark],
    instants: Sequence[datetime],
    precision: Precision,
    problems: Sequence[Problem],
    usual: str | None,
    fetched_at: datetime | None,
) -> Dated:
    """The instants with their precision: inferred where the clocks were put and the order does not tell which hour."""
    unsure = _unsure(newest_first, instants, usual, fetched_at)
    precisions: list[Precision] = ["inferred" if doubt else precision for doubt in unsure]
    if not any(unsure):
        return Dated(tuple(instants), tuple(precisions), tuple(problems))
    message = (
        f"{sum(unsure)} times are in the hour in which clocks were put forward or back, and neither a zone name nor "
        "the order tells which instants they are"
    )
    return Dated(tuple(instants), tuple(precisions), (*problems, Problem(code="ambiguous-hour", message=message)))


def _unsure(
    newest_first: Sequence[Mark], instants: Sequence[datetime], usual: str | None, fetched_at: datetime | None
) -> list[bool]:
    """Whether each time may be another instant: the earliest that the order allows is not the latest."""
    possible: list[list[datetime]] = []
    skipped: list[bool] = []
    for mark, at in zip(newest_first, instants, strict=True):
        zone = zone_of(mark, usual)
        day = mark.day or _local_day(at, zone)
        shown = times_shown(_wall(mark, day), zone)
        skipped.append(shown == 0)
        possible.append(_passes(mark, day, usual) if shown == 2 else [at])
    if all(len(ones) == 1 for ones in possible):
        return skipped
    latest: list[datetime] = []
    limit = fetched_at + _SLACK if fetched_at else None
    for ones in possible:
        limit = max((one for one in ones if limit is None or one <= limit), default=ones[0])
        latest.append(limit)
    earliest: list[datetime] = []
    limit = None
    for ones in reversed(possible):
        limit = min((one for one in ones if limit is None or one >= limit), default=ones[-1])
        earliest.append(limit)
    pairs = zip(earliest[::-1], latest, strict=True)
    return [gap or first != last for gap, (first, last) in zip(skipped, pairs, strict=True)]


def _spread(newest_first: Sequence[Mark], number: int, at: datetime, usual: str | None) -> list[datetime]:
    """The instants of all entries, counted from the one that is known, each by its own zone's clock."""
    newer, older = [at], [at]
    for mark in newest_first[:number][::-1]:
        newer.append(_after(mark, newer[-1], usual))
    for mark in newest_first[number + 1 :]:
        older.append(_before(mark, older[-1], usual))
    return newer[:0:-1] + older


def _on(mark: Mark, day: date, usual: str | None, fold: int = 0) -> datetime:
    return local_to_utc(_wall(mark, day).replace(fold=fold), zone_of(mark, usual))


def _wall(mark: Mark, day: date) -> datetime:
    return datetime(day.year, day.month, day.day, mark.minute // 60, mark.minute % 60)  # noqa: DTZ001 - a wall clock


def _after(mark: Mark, limit: datetime, usual: str | None) -> datetime:
    """The first time not before ``limit`` at which the mark's clock shows its time."""
    day = _local_day(limit, zone_of(mark, usual))
    while True:
        # Of an hour that was skipped the later pass is the earlier instant.
        if found := [at for at in _passes(mark, day, usual) if at >= limit]:
            return min(found)
        day += _DAY


def _before(mark: Mark, limit: datetime, usual: str | None) -> datetime:
    """The last time not after ``limit`` at which the mark's clock shows its time."""
    day = _local_day(limit, zone_of(mark, usual))
    while True:
        if found := [at for at in _passes(mark, day, usual) if at <= limit]:
            return max(found)
        day -= _DAY


def _passes(mark: Mark, day: date, usual: str | None) -> list[datetime]:
    return [_on(mark, day, usual, fold) for fold in (0, 1)]


def _local_day(at: datetime, zone: Zone) -> date:
    fixed = zone.offset == 0 or zone.region == "UTC"
    return at.astimezone(timezone(timedelta(minutes=zone.offset or 0)) if fixed else ZoneInfo(zone.region)).date()
