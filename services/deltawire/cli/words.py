"""Events and entries as text for a terminal."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import msgspec

from deltawire.events import Change, EntryData, Event
from deltawire.model import Entry

EXCERPT = 100


def describe(event: Event) -> str:
    """An event in a few lines: when, where, what, and for an update the changed words."""
    data = event.data
    head = f"{event.time:%H:%M:%S}  {event.feed_id}  #{event.sequence}  {event.type.removeprefix('deltawire.')}"
    if not isinstance(data, EntryData):
        return "\n".join((f"{head}  {data.cause}", *_changes(data.changes)))
    if event.type.endswith(".updated"):
        head += f"  {data.significance}"
    return "\n".join(
        (f"{head}{'  (backfill)' if data.backfill else ''}  {headline(data.entry)}", *_changes(data.changes))
    )


def _changes(changes: Sequence[Change]) -> Iterator[str]:
    for change in changes:
        if change.field == "content_html":
            continue
        if change.diff is msgspec.UNSET:
            yield f"    {change.field}: {_value(change.old)} -> {_value(change.new)}"
        else:
            yield f"    {change.field}: {inline(change.diff)}"


def headline(entry: Entry) -> str:
    """The title, else how the text begins, on one line."""
    return _short(entry.title or entry.content_text)


def inline(diff: tuple[tuple[str, str], ...]) -> str:
    """A word diff on one line: ``[-deleted-]{+inserted+}``, with little of what stayed the same."""
    out = ""
    for op, text in diff:
        flat = " ".join(text.split(" ")).replace("\n", " ")
        if op == "=":
            out += flat if len(flat) <= 60 else f"{flat[:25]} … {flat[-25:]}"
        else:
            out += f"[-{flat}-]" if op == "-" else f"{{+{flat}+}}"
    return out


def _value(value: object) -> str:
    return _short(msgspec.json.encode(value).decode())


def _short(text: str) -> str:
    flat = " ".join(text.split())
    return flat if len(flat) <= EXCERPT else flat[: EXCERPT - 1] + "…"
