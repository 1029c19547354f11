"""What may be concluded from the absence of an entry."""

from __future__ import annotations

from collections.abc import Sequence

from deltawire.differ.state import Known
from deltawire.model import Coverage, Entry


def covered(known: Known, shown: Sequence[Entry], order: Sequence[str], coverage: Coverage) -> bool:
    """Whether the entry, which is not shown, would be if it still existed.

    In a window that holds for what lies inside the shown range: an entry published after the oldest one shown,
    or, where times do not tell, one that stood before (above) an entry that is still shown. Pinned entries stand
    outside the order, and say nothing about the range.
    """
    if coverage == "full":
        return True
    if coverage == "delta":
        return False
    ranged = [e for e in shown if "pinned" not in e.labels]
    oldest = min((e.published_at for e in ranged if e.published_at), default=None)
    published = known.entry.published_at
    if published is not None and oldest is not None and published != oldest:
        return published > oldest
    if known.entry.id not in order:
        return False
    below = set(order[order.index(known.entry.id) + 1 :])
    return any(e.id in below for e in ranged)


def place(order: Sequence[str], shown: Sequence[str], missing: set[str]) -> tuple[str, ...]:
    """The shown order with the missing entries kept behind the neighbour they stood behind before."""
    result = list(shown)
    at = {entry_id: index for index, entry_id in enumerate(order)}
    for entry_id in (i for i in order if i in missing):
        before = [i for i in order[: at[entry_id]] if i in result]
        result.insert(result.index(before[-1]) + 1 if before else 0, entry_id)
    return tuple(result)
