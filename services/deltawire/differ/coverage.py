"""What may be concluded from the absence of an entry."""

from __future__ import annotations

from collections.abc import Container, Sequence

from deltawire.model import Entry, Reading


class Range:
    """What a document shows: how far down it reaches, by time and by place in the order of the last one.

    Pinned entries and those aside of the document's order say nothing about that.
    """

    def __init__(self, reading: Reading, shown: Sequence[Entry], order: Sequence[str]) -> None:
        self._coverage = reading.coverage
        self._unordered = reading.feed.order == "unordered"
        aside = set(reading.aside)
        ranged = [e for i, e in enumerate(shown) if i not in aside and "pinned" not in e.labels]
        self._oldest = min((e.published_at for e in ranged if e.published_at), default=None)
        self._places = {entry_id: place for place, entry_id in enumerate(order)}
        self._lowest = max((self._places[e.id] for e in ranged if e.id in self._places), default=-1)

    def covers(self, entry: Entry) -> bool:
        """Whether the entry, which is not shown, would be if it still existed.

        In a window that holds for what lies inside the shown range: an entry published after the oldest one shown,
        or, where times do not tell, one that stood before (above) an entry that is still shown. Nothing follows
        from a document without an order.
        """
        if self._coverage == "full":
            return True
        if self._coverage == "delta" or self._unordered:
            return False
        published = entry.published_at
        if published is not None and self._oldest is not None and published != self._oldest:
            return published > self._oldest
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
