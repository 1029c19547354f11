"""What a document's zone names leave open, said rather than guessed in silence."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime

from deltawire.formats.plaintext_marks import STARTS_A_LINE, Chain, Mark
from deltawire.formats.times import in_use, zone_named
from deltawire.model import Problem

_AMBIGUOUS = {"IST": "'IST' was taken for India's time (UTC+5:30); Ireland and Israel call theirs the same"}


def zone_problems(chain: Chain, marks: Sequence[Mark], text: str) -> Iterator[Problem]:
    """Zones of several regions among the entries, or one at a time that stands like an entry's; names of many zones."""
    places = dict.fromkeys(_place(mark.zone) for mark in chain.starts if mark.zone)
    if len(places) > 1:
        message = f"the entries' times are in zones of {' and '.join(places)}; each was read by its own"
        yield Problem(code="mixed-zones", message=message)
    starts = set(chain.starts)
    for mark in marks:
        strong = mark.score >= STARTS_A_LINE and not mark.stamp and mark not in starts
        if mark.zone and strong and places and _place(mark.zone) not in places:
            what = "stands like an entry's start, but is in another zone and fits no order; it was left in the text"
            message = f"the time {text[mark.start : mark.end]!r} at character {mark.start} {what}"
            yield Problem(code="mixed-zones", message=message)
    for name in dict.fromkeys(mark.zone for mark in chain.starts):
        if name in _AMBIGUOUS:
            yield Problem(code="ambiguous-zone", message=_AMBIGUOUS[name])


def names_not_in_use(marks: Iterable[Mark], instants: Iterable[datetime]) -> Iterator[Problem]:
    """Names such as "EDT" at a time when the clocks of their region are at another offset; each once."""
    noted: set[str] = set()
    for mark, at in zip(marks, instants, strict=True):
        if mark.zone and mark.zone not in noted and not in_use(at, zone_named(mark.zone)):
            noted.add(mark.zone)
            region, name = zone_named(mark.zone).region, mark.zone.partition(".")[0]
            message = f"clocks of {region} are not on {name!r} on {at:%Y-%m-%d}; the region's own time was taken"
            yield Problem(code="zone-not-in-use", message=message)


def _place(name: str) -> str:
    """The region of a zone, or its offset; UTC is the same clock as GMT."""
    zone = zone_named(name)
    if zone.region != "UTC":
        return zone.region
    hours, minutes = divmod(abs(zone.offset or 0), 60)
    return f"UTC{'-' if (zone.offset or 0) < 0 else '+'}{hours:02}:{minutes:02}" if zone.offset else "Europe/London"
