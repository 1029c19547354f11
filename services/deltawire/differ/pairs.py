"""Which entry shown may be which known one, and what speaks for it: time, place in the order, links, text."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from functools import cached_property
from typing import Literal

from deltawire.differ.likeness import UNLIKE, Sketch, Sketches, figure, similarity
from deltawire.differ.source_ids import TELLING_TEXT, Trusting, text
from deltawire.differ.state import Known
from deltawire.model import Entry

PAIRS_LIMIT = 40_000
"""Comparisons of two texts at most for one document: 200 entries with 200.

Beyond it an entry is compared with those of its own time and text, and of these with the nearest in the order.
"""

_Between = tuple[str | None, str | None]
"""The nearest ids above and below that are found."""

Times = Literal["same", "unknown", "differ"]
_SURE = 1.6
"""A gain, of like texts of one time, from which on nobody is sought at other times."""

_TOLD = {"exact", "minute"}


class Pairs:
    """The plausible pairs of entries shown and ``candidates``, the known entries that are still to be found.

    ``anchors`` are the entries of the document that are found already, by place: between the same two neighbours
    stands, probably, the same entry. ``whole``: the document shows everything there is.
    """

    def __init__(
        self,
        candidates: Mapping[str, Known],
        entries: Sequence[Entry],
        anchors: Mapping[int, str],
        order: Sequence[str],
        trust: Trusting,
        *,
        whole: bool,
    ) -> None:
        self._candidates = candidates
        self._entries = entries
        self._anchors = anchors
        self._order = order
        self._trust = trust
        self._whole = whole
        self._sketches = Sketches()
        self._drawn: dict[int | str, Sketch] = {}
        self.compared = 0

    def gains(self, places: Sequence[int]) -> dict[tuple[int, str], float]:
        """What each plausible pair is worth, in the order of the document."""
        by_time: dict[datetime | None, list[str]] = {}
        by_text: dict[str, list[str]] = {}
        texts = {place: text(self._entries[place]) for place in places}
        # Most known entries have left the document long ago: the first line alone says that their text is another.
        first_lines = {shown.partition("\n")[0] for shown in texts.values()}
        rank = {i: n for n, i in enumerate(self._order)}
        for entry_id, known in sorted(self._candidates.items(), key=lambda c: rank.get(c[0], len(rank))):
            by_time.setdefault(known.entry.published_at, []).append(entry_id)
            if (known.entry.title or "").partition("\n")[0] in first_lines:
                by_text.setdefault(text(known.entry), []).append(entry_id)
        everyone = [i for i, known in self._candidates.items() if known.status in ("present", "missing")]
        shown_at: dict[datetime | None, list[int]] = {}
        for place in places:
            shown_at.setdefault(self._entries[place].published_at, []).append(place)
        among = {place: n for peers in shown_at.values() for n, place in enumerate(peers)}
        all_pairs = len(places) * len(everyone) <= PAIRS_LIMIT
        each = max(PAIRS_LIMIT // (2 * len(places)), 1) if places else 0
        gains: dict[tuple[int, str], float] = {}
        for place in places:
            entry = self._entries[place]
            peers = shown_at[entry.published_at]
            alone = len(peers) == 1 and len(by_time.get(entry.published_at, ())) == 1
            near = _nearest(by_time.get(entry.published_at, []), among[place], len(peers), each)
            near = list(dict.fromkeys([*near, *by_text.get(texts[place], [])[:each]]))[:each]
            found = self._gains(place, near, alone=alone)
            if all_pairs and max(found.values(), default=0.0) < _SURE:
                found |= self._gains(place, [i for i in everyone if i not in near], alone=alone)
            gains |= found
        return gains

    def _gains(self, place: int, known: Sequence[str], *, alone: bool) -> dict[tuple[int, str], float]:
        gains = ((i, self._gain(place, i, alone=alone)) for i in known)
        return {(place, i): gain for i, gain in gains if gain}

    def _gain(self, place: int, entry_id: str, *, alone: bool) -> float:
        """0 if the two are not plausibly one. ``alone``: no other entry, shown or sought, has the time of this one."""
        entry, known = self._entries[place], self._candidates[entry_id]
        times = _times(entry, known.entry)
        trust = self._trust(place, entry_id)
        if (trust == "proven" and times != "same") or self.compared >= PAIRS_LIMIT:
            return 0
        self.compared += 1
        a, b = self._sketch(place, entry), self._sketch(entry_id, known.entry)
        alike = similarity(a, b)
        if alike < UNLIKE and not alone:
            return 0
        beside = self._beside(place, entry_id)
        differing = a.differs(b)
        if trust == "proven":
            same_text = bool(entry.content_text) and entry.content_text == known.entry.content_text
            plausible = same_text or (_fine(entry) and alone and alike >= 0.5)
        elif known.status in ("present", "missing"):
            fine = times == "same" and _fine(entry)
            # Where ids are not proven, words that went here and came there at one look went from here to there.
            moved = text(entry) == text(known.entry) and len(text(entry)) >= TELLING_TEXT
            native = trust == "open" and not (moved and known.status == "present")
            plausible = self._plausible(times, alike, beside, known, fine=fine, alone=alone, native=native)
            plausible = plausible and not (differing and (times == "differ" or (times == "unknown" and not beside)))
        else:
            # It stood aside for at least a look, or fell off the end: no edit in place explains it.
            least = {"same": 0.3 if _fine(entry) else 0.7, "unknown": 0.9, "differ": 2.0}[times]
            plausible = alike >= least and not (times == "unknown" and differing)
        if not plausible:
            return 0
        gain = 0.2 + alike + {"same": 0.8, "unknown": 0.2, "differ": 0.0}[times] + 0.2 * beside
        gain += 0.2 if a.links & b.links else 0.0
        # Editors correct figures far more often than names.
        gain -= sum(sorted((0.05 if figure(word) else 0.15 for word in differing), reverse=True)[:4])
        return max(gain if known.status == "present" else gain * 0.8, 0.01)

    def _plausible(
        self, times: Times, alike: float, beside: int, known: Known, *, fine: bool, alone: bool, native: bool
    ) -> bool:
        """``native``: both have a source id, of a source whose ids are neither proven nor refuted."""
        if known.status == "missing":
            # An edit does not take an entry away for a look: it takes more to believe that this is it.
            return times == "same" and (alike >= 0.75 or (fine and alike >= 0.3))
        if times == "same":
            if native:
                return (fine and (alone or alike >= 0.5)) or alike >= 0.6
            return alike >= 0.4 or (alone and (fine or beside > 0))
        if times == "unknown":
            return (
                alike >= (0.85 if native else 0.7)
                or (alike >= 0.45 and beside == 2)
                or (not native and alike >= 0.45 and beside > 0)
            )
        oldest = None if self._whole else self._oldest
        within = oldest is None or (known.entry.published_at or oldest) >= oldest
        return within and alike >= 0.85 and (not native or beside == 2)

    def _beside(self, place: int, entry_id: str) -> int:
        """How many of its two neighbours it has kept; the ends of the document are none."""
        above, below = self._shown_between[place]
        was_above, was_below = self._known_between.get(entry_id, (None, None))
        return (above is not None and above == was_above) + (below is not None and below == was_below)

    @cached_property
    def _oldest(self) -> datetime | None:
        return min((e.published_at for e in self._entries if e.published_at), default=None)

    @cached_property
    def _shown_between(self) -> list[_Between]:
        return _neighbours([self._anchors.get(place) for place in range(len(self._entries))])

    @cached_property
    def _known_between(self) -> dict[str, _Between]:
        found = set(self._anchors.values())
        line = _neighbours([i if i in found else None for i in self._order])
        return dict(zip(self._order, line, strict=True))

    def _sketch(self, key: int | str, entry: Entry) -> Sketch:
        if key not in self._drawn:
            self._drawn[key] = self._sketches.of(entry)
        return self._drawn[key]


def _neighbours(line: Sequence[str | None]) -> list[_Between]:
    """For each place of the line the nearest id above it and below it."""
    above: list[str | None] = []
    below: list[str | None] = []
    for found, places in ((above, line), (below, line[::-1])):
        nearest = None
        for entry_id in places:
            found.append(nearest)
            nearest = entry_id or nearest
    return list(zip(above, reversed(below), strict=True))


def _times(a: Entry, b: Entry) -> Times:
    if a.published_at is None or b.published_at is None:
        return "unknown"
    if a.published_at == b.published_at:
        return "same"
    if {a.published_precision, b.published_precision} <= _TOLD:
        return "differ"
    # What is inferred is the day or the zone: it can be wrong by whole hours, and is corrected by them.
    apart = a.published_at - b.published_at
    if not apart % timedelta(days=1) and a.published_precision == b.published_precision:
        return "same"
    return "differ" if apart % timedelta(hours=1) else "unknown"


def _fine(entry: Entry) -> bool:
    """Whether the time is told to the second, so that two entries hardly share it."""
    moment = entry.published_at
    return moment is not None and entry.published_precision == "exact" and bool(moment.second or moment.microsecond)


def _nearest(listed: list[str], number: int, count: int, most: int) -> list[str]:
    """At most ``most`` of the candidates of one time: those about as far down as the entry among its own peers."""
    if len(listed) <= most:
        return listed
    start = min(max(number * len(listed) // count - most // 2, 0), len(listed) - most)
    return listed[start : start + most]
