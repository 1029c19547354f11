"""Clock marks in running text, and which of them begin an entry.

"4.58pm GMT" begins an entry, "(see 1.34pm GMT)" does not. Two things tell them apart, and both are used: what stands
around a mark, and whether it fits a chain of entry times that runs steadily back (or forth) in time. Days are not
known here: a step against the direction means another day, and the time between two neighbours is what it costs.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from datetime import date
from functools import lru_cache
from typing import Literal, NamedTuple

from deltawire.formats.times import ZONES, local_name, offsets, zone_named

Direction = Literal["newest-first", "oldest-first"]

_NAMES = "|".join(
    sorted((name.replace(" ", " ?") for name in ZONES if name != "Z" and "." not in name), key=len, reverse=True)
)
_OFFSET = r"[+\-−](?:1[0-4]|0?\d)(?::?(?:00|15|30|45))?(?![\d:])"
_MARK = re.compile(
    r"(?<![\w.:,/£$€+-])(?:(?P<day>(?:19|20)\d\d-[01]\d-[0-3]\d)[T ](?P<h_iso>[01]\d|2[0-3]):(?P<m_iso>[0-5]\d)"
    rf"(?::[0-5]\d(?:\.\d{{1,9}})?)? ?(?P<iso_zone>Z\b|(?:GMT|UTC)?{_OFFSET}|(?:{_NAMES})\b)"
    rf"|(?:(?P<h12>1[0-2]|0?[1-9])[.:](?P<m12>[0-5]\d) ?(?P<half>[ap])\.?m\b\.?"
    rf"|(?P<h24>[01]?\d|2[0-3])(?P<dot>[.:])(?P<m24>[0-5]\d)(?![\d.:%]\d|\d))"
    rf"(?:[ \u00a0](?P<zone>(?:GMT|UTC){_OFFSET}|(?:{_NAMES})\b))?)",
    re.IGNORECASE,
)
_STAMP = re.compile(r"\b(?:last )?updated(?: at)?:? ?$", re.IGNORECASE)
_PREPOSITION = re.compile(
    r"\b(?:see|at|by|from|until|till|since|around|about|before|after|between|and|or|to|of|on|for|than|nearly|almost|only"
    r"|shortly|is|was|now|the|my|our|this|that|its?|in|with|as|past|approximately|roughly|circa|post|entry)$",
    re.IGNORECASE,
)
_SENTENCE_END = re.compile(r"[.!?…][\"'”’»)\]]*$")
STARTS_A_LINE = 5.0
"""The score that only a time at the start of a line, or one like it, can have."""

_LOOKBACK = 64
_FREE_GAP = 180
_COST_PER_HOUR = 0.5
# By the minutes between two entries; a negative difference is one across midnight, as a negative index of the list.
_GAP_COSTS = [max(0, minutes - _FREE_GAP) / 60 * _COST_PER_HOUR for minutes in range(1440)]


class Mark(NamedTuple):
    """A clock time at ``start:end`` of the text. ``minute`` is of the day on the clock of ``zone`` (null: unstated).

    ``day`` is on that clock too, and null for all but ISO 8601 times, which state it.
    """

    start: int
    end: int
    minute: int
    zone: str | None
    stamp: bool
    score: float
    day: date | None = None


class Chain(NamedTuple):
    """The marks that begin entries, in document order, which way time runs in the document, and how sure that is."""

    starts: tuple[Mark, ...]
    direction: Direction
    score: float


def find_marks(text: str, country: str | None = None) -> list[Mark]:
    """All clock marks of a text, scored by what stands around them. A mark without a chance has a negative score.

    ``country`` is that of the source (``times.country_of``).
    """
    found = [(match, _zone(match, country)) for match in _MARK.finditer(text)]
    forms = Counter(_form(match, zone) for match, zone in found)
    usual = max(forms.values(), default=0)
    marks: list[Mark] = []
    after_stamp = -1
    for match, zone in found:
        day = _day(match)
        if match["day"] and not (day and zone):
            continue
        before = text[max(0, match.start() - 48) : match.start()]
        stamp = _STAMP.search(before.replace("\n", " ")) is not None
        edge = match.start() - len(before) + len(before.rstrip())
        score = _context(before, text[match.end() : match.end() + 8], follows_stamp=edge == after_stamp)
        if match["h24"] and match["dot"] == "." and not zone:
            score -= 9  # "16.58" alone is a number as often as a time
        score += 1 if forms[_form(match, zone)] == usual else -1
        if stamp:
            after_stamp = match.end()
        marks.append(Mark(match.start(), match.end(), _minute(match), zone, stamp, score, day))
    return marks


def best_chain(marks: Sequence[Mark]) -> Chain:
    """The likeliest entry starts: the chain with the greatest sum of scores less what its gaps cost.

    A stray time costs a whole day's worth of gaps in total, however it is read, which no single score pays for; so one
    stray mark can break nothing. A real midnight, or a night without entries, costs little against all that follows.
    Times that state their day need no order: where they weigh more than any chain of others, they are the chain.
    """
    hopeful = [mark for mark in marks if mark.score > 0 and not mark.stamp and not mark.day]
    dated = [mark for mark in marks if mark.score >= STARTS_A_LINE and not mark.stamp and mark.day]
    down, down_score = _chain(hopeful)
    up, up_score = _chain(hopeful[::-1])
    dated_score = sum(mark.score for mark in dated)
    if dated_score > max(up_score, down_score):
        rising = (dated[0].day or date.min) < (dated[-1].day or date.min) or (
            dated[0].day == dated[-1].day and dated[0].minute < dated[-1].minute
        )
        return Chain(tuple(dated), "oldest-first" if rising else "newest-first", dated_score)
    if up_score > down_score:
        return Chain(tuple(up[::-1]), "oldest-first", up_score)
    return Chain(tuple(down), "newest-first", down_score)


def usual_zone(marks: Iterable[Mark]) -> str | None:
    """The zone that most of the marks name: the most frequent name of the most frequent region."""
    names = Counter(mark.zone for mark in marks if mark.zone)
    regions: Counter[str] = Counter()
    for name, count in names.items():
        regions[zone_named(name).region] += count
    return max(names, key=lambda name: (regions[zone_named(name).region], names[name]), default=None)


def _chain(marks: Sequence[Mark]) -> tuple[list[Mark], float]:
    usual = usual_zone(marks) or "UTC"
    minutes = [mark.minute for mark in marks]
    zones = [mark.zone or usual for mark in marks]
    costs = {older: {newer: _pair_costs(newer, older) for newer in set(zones)} for older in set(zones)}
    best: list[float] = []
    previous: list[int] = []
    for index, mark in enumerate(marks):
        top, source = 0.0, -1
        of_zone, minute = costs[zones[index]], minutes[index]
        for candidate in range(max(0, index - _LOOKBACK), index):
            total = best[candidate] - of_zone[zones[candidate]][minutes[candidate] - minute]
            if total > top:
                top, source = total, candidate
        best.append(top + mark.score)
        previous.append(source)
    if not best:
        return [], 0.0
    index = max(range(len(best)), key=best.__getitem__)
    score, chain = best[index], []
    while index >= 0:
        chain.append(marks[index])
        index = previous[index]
    return chain[::-1], score


def _pair_costs(newer: str, older: str) -> list[float]:
    """What the gap between two clocks costs, by their minutes' difference, if they are in these zones.

    The season is not known here, nor whether "EST" in June is an offset or a habit: the cheapest reading counts.
    """
    a, b = zone_named(newer), zone_named(older)
    shifts = {0}
    if a.region != b.region or a.region == "UTC":
        shifts = {x - y for x in offsets(a) for y in offsets(b)}
    elif a.offset is not None and b.offset is not None:
        shifts.add(a.offset - b.offset)
    return _costs(frozenset(shift % 1440 for shift in shifts))


@lru_cache(maxsize=512)
def _costs(shifts: frozenset[int]) -> list[float]:
    return [min(_GAP_COSTS[(minutes - shift) % 1440] for shift in shifts) for minutes in range(1440)]


def _context(before: str, after: str, *, follows_stamp: bool) -> float:
    stripped = before.rstrip()
    if not stripped or "\n" in before[len(stripped) :] or follows_stamp:
        score = 4.0
    elif _SENTENCE_END.search(stripped):
        score = 3.0
    elif stripped[-1] in ",;:–—-([/" or _PREPOSITION.search(stripped):
        score = -6.0
    else:
        score = 1.0  # the end of a headline or a caption, which have no full stop
    following = after.lstrip()
    if not following:
        return score + 1
    if "\n" in after[: len(after) - len(following)]:
        return score + 2
    first = following[0]
    if first.islower() or first in ",;.:!?)]/–—-%" or (first in "'’" and following[1:2].islower()):
        return score - 7
    return score + 2 if after[0].isspace() else score - 7


def _form(match: re.Match[str], zone: str | None) -> tuple[bool, bool, str | None]:
    return bool(match["h12"]), bool(match["day"]), zone_named(zone).region if zone else None


def _zone(match: re.Match[str], country: str | None) -> str | None:
    stated = match["zone"] or match["iso_zone"]
    known = stated and (stated.isupper() or " " in stated or stated[0] in "+-−")
    return local_name(" ".join(stated.upper().split()), country) if known else None


def _day(match: re.Match[str]) -> date | None:
    try:
        return date.fromisoformat(match["day"]) if match["day"] else None
    except ValueError:
        return None


def _minute(match: re.Match[str]) -> int:
    if match["h12"]:
        return (int(match["h12"]) % 12 + (12 if match["half"].lower() == "p" else 0)) * 60 + int(match["m12"])
    return int(match["h24"] or match["h_iso"]) * 60 + int(match["m24"] or match["m_iso"])
