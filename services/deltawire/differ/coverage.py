"""What may be concluded from the absence of an entry."""

from __future__ import annotations

from collections.abc import Container, Mapping, Sequence
from datetime import datetime
from functools import cached_property

from deltawire.model import Entry, Reading


class Range:
    """What a document shows: how far down it reaches, by time and by place in the order of the last one.

    Pinned entries and those aside of the document's order say nothing about that. ``withdrawn`` are ids that the
    document itself says are gone: they are not expected in it.
    """

    def __init__(
        self, reading: Reading, shown: Sequence[Entry], order: Sequence[str], withdrawn: Container[str] = ()
    ) -> None:
        self._withdrawn = withdrawn
        self._coverage = reading.coverage
        self._unordered = reading.feed.order == "unordered"
        aside = set(reading.aside)
        ranged = [e for i, e in enumerate(shown) if i not in aside and "pinned" not in e.labels]
        times = sorted(e.published_at for e in ranged if e.published_at)
        self._oldest = times[0] if times else None
        self._second = times[1] if len(times) > 1 else None
        self._newest = times[-1] if times else None
        self._rising = reading.feed.order == "oldest-first"
        self._ranged = ranged
        self._order = order

    @cached_property
    def _places(self) -> dict[str, int]:
        return {entry_id: place for place, entry_id in enumerate(self._order)}

    @cached_property
    def _lowest(self) -> int:
        return max((self._places[e.id] for e in self._ranged if e.id in self._places), default=-1)

    @cached_property
    def _entered(self) -> bool:
        """Whether an entry is new above one that was there."""
        old = [place for place, e in enumerate(self._ranged) if e.id in self._places]
        return bool(old) and any(e.id not in self._places for e in self._ranged[: old[-1]])

    def covers(self, entry: Entry, *, left: bool = False) -> bool:
        """Whether the entry, which is not shown, would be if it still existed.

        In a window that holds for what lies inside the shown range: an entry published after the oldest one shown,
        or, where times do not tell, one that stood before (above) an entry that is still shown. Nothing follows
        from a document without an order. One that ``left`` a window is inside again when that reaches further down
        than it: two entries must say so, as a single one that was dated back would drag the range with it. A
        pinned one as old as the oldest shown may have been shown for the pin alone: its place tells nothing. From a
        page that is filled from the oldest on, an entry that enters pushes the newest off.
        """
        if entry.id in self._withdrawn:
            return False
        if self._coverage == "full":
            return True
        if self._coverage == "delta" or self._unordered:
            return False
        published, oldest = entry.published_at, self._second if left else self._oldest
        beyond = published is not None and self._newest is not None and published > self._newest
        if self._rising and beyond and (left or self._entered):
            return False
        if published is not None and oldest is not None and (left or published != oldest):
            return published > oldest
        if left or (published is not None and published == oldest and "pinned" in entry.labels):
            return False
        return entry.id in self._places and self._places[entry.id] < self._lowest


def place(order: Sequence[str], shown: Sequence[str], missing: Container[str]) -> tuple[str, ...]:
    """The shown order with the missing entries kept behind the neighbour they stood behind before."""
    present = set(shown)
    behind: dict[str | None, list[str]] = {}
    neighbour: str | None = None
    for entry_id in order:
        if entry_id in present:
            neighbour = entry_id
        elif entry_id in missing:
            behind.setdefault(neighbour, []).append(entry_id)
    placed = behind.get(None, [])
    for entry_id in shown:
        placed += [entry_id, *behind.get(entry_id, [])]
    return tuple(placed)


def merged(order: Sequence[str], times: Mapping[str, datetime | None], shown: Sequence[Entry]) -> tuple[str, ...]:
    """The order with those shown that are new to it: by time where all have one, else on top.

    ``times`` has the publication times of those of ``order`` that still exist.
    """
    standing = {i: times[i] for i in order if i in times}
    moments = {e.id: e.published_at for e in shown if e.id not in standing} | standing
    told = {i: t for i, t in moments.items() if t is not None}
    return tuple(sorted(moments, key=told.__getitem__, reverse=True)) if len(told) == len(moments) else tuple(moments)
