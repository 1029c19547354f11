"""Dates spelled out in running text, and how surely each is the day on which the text was written."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from datetime import date, datetime, timedelta
from enum import IntEnum
from typing import NamedTuple

from deltawire.formats.times import MONTHS, WEEKDAYS
from deltawire.model import Problem

_MONTH = "|".join(sorted(MONTHS, key=len, reverse=True))
_DATE = re.compile(
    r"(?P<here>\b(?:it['’]s|it is|today is|this is|today,)\s+)?"
    r"\b(?:(?P<weekday>mon|tues?|wed(?:nes)?|thu(?:rs?)?|fri|sat(?:ur)?|sun)(?:day)?\.?,?\s+(?:the )?)?"
    rf"(?:(?P<day>\d{{1,2}})(?:st|nd|rd|th)?(?: of)? (?P<month>{_MONTH})\b\.?"
    rf"|(?P<us_month>{_MONTH})\b\.? (?P<us_day>\d{{1,2}})(?:st|nd|rd|th)?\b)"
    r",?\s+(?P<year>(?:19|20)\d\d)\b",
    re.IGNORECASE,
)
_SENTENCE_START = re.compile(r".*[.!?…\n](?=\s)", re.DOTALL)
_GREETING = re.compile(
    r"\b(?:welcome|today|it['’]s|it is|this is|live|updated|good (?:morning|afternoon|evening|day))\b", re.IGNORECASE
)
_ELSEWHEN = re.compile(
    r"\b(?:since|until|till|before|after|last(?! updated)|previous|anniversary|began|begun|started|ended|invaded"
    r"|invasion|killed|died|born|dated|signed|held|due|scheduled|elected|founded|happened|occurred)\b",
    re.IGNORECASE,
)
_CONTEXT = 80
_ELSEWHEN_WITHIN = 32
_FEW_DAYS = timedelta(days=3)
_DAY = timedelta(days=1)


class Sign(IntEnum):
    """How surely a date is the day of the text, from "it began on 24 February 2022" to "It's Tuesday, 4 March 2025"."""

    ELSEWHEN = 0
    BARE = 1
    GREETED = 2
    WEEKDAY = 3
    WEEKDAY_GREETED = 4
    SAID = 5


class Stated(NamedTuple):
    """A date, how surely it is the day of the text, and the words that state it."""

    day: date
    sign: Sign
    words: str


class Opening(NamedTuple):
    """The day that an opening entry names. ``sure`` is false where nothing but its being alone speaks for it."""

    stated: Stated
    sure: bool
    contested: bool


def dates(text: str, problems: list[Problem]) -> Iterator[Stated]:
    """The dates that a text spells out; one whose weekday is wrong is noted and left out."""
    end = 0
    for match in _DATE.finditer(text):
        context = text[max(end, match.start() - _CONTEXT) : match.start()]
        first = not text[: match.start()].strip() if match.start() < _CONTEXT else False
        end = match.end()
        try:
            month = MONTHS[(match["month"] or match["us_month"]).lower()]
            day = date(int(match["year"]), month, int(match["day"] or match["us_day"]))
        except ValueError:
            continue
        weekday = (match["weekday"] or "").lower()
        if weekday and not WEEKDAYS[day.weekday()].startswith(weekday):
            problems.append(
                Problem(
                    code="wrong-weekday", message=f"{match[0][:60]!r} is no {weekday.title()}; the date was left out"
                )
            )
            continue
        sign = Sign.SAID if match["here"] else _sign(context, first=first, weekday=bool(weekday))
        yield Stated(day, sign, match[0].strip())


def opening_day(stated: Sequence[Stated], fetched_at: datetime | None) -> Opening | None:
    """Which of an opening entry's dates is its day: one with its weekday or a greeting, else the only one there is.

    The only one counts if it is the day of the fetch or a few days before it, or the fetch time is unknown.
    """
    possible = [one for one in stated if one.sign > Sign.ELSEWHEN and not_ahead(one.day, fetched_at)]
    if not possible:
        return None
    best = max(possible, key=lambda one: one.sign)
    if best.sign > Sign.BARE:
        contested = any(one.sign == best.sign and one.day != best.day for one in possible)
        return Opening(best, sure=True, contested=contested)
    alone = len({one.day for one in possible}) == 1
    recent = fetched_at is None or best.day >= fetched_at.date() - _FEW_DAYS
    return Opening(best, sure=False, contested=False) if alone and recent else None


def not_ahead(day: date, fetched_at: datetime | None) -> bool:
    """Whether a day had begun, somewhere on Earth, when the text was fetched."""
    return fetched_at is None or day <= fetched_at.date() + _DAY


def _sign(context: str, *, first: bool, weekday: bool) -> Sign:
    sentence = _SENTENCE_START.sub("", context)
    if _ELSEWHEN.search(sentence[-_ELSEWHEN_WITHIN:]):
        return Sign.ELSEWHEN
    greeted = first or _GREETING.search(sentence) is not None
    if weekday:
        return Sign.WEEKDAY_GREETED if greeted else Sign.WEEKDAY
    return Sign.GREETED if greeted else Sign.BARE
