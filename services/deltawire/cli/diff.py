"""``deltawire diff``: the events between two saved documents."""

from __future__ import annotations

import argparse
from datetime import UTC, datetime, timedelta

from deltawire.cli import documents
from deltawire.cli.main import Failure
from deltawire.cli.words import describe
from deltawire.differ.decide import decide
from deltawire.differ.emit import emit
from deltawire.differ.state import Known, Policy
from deltawire.events import Event
from deltawire.formats.base import Unreadable
from deltawire.model import Document, FeedRef, Reading
from deltawire.settings import Settings

POLICY = Policy(removal_looks=1, reversal_looks=1)
"""Two documents are two looks, so a missing entry cannot be looked for again: it is removed at once;
and whoever names them says which is the newer."""


async def main(arguments: argparse.Namespace, settings: Settings) -> None:
    readings: list[Reading] = []
    for path in (arguments.old, arguments.new):
        try:
            raw = documents.saved(path)
            readings.append(await documents.read(raw, arguments.format, settings.config.differ))
        except Unreadable as error:
            raise Failure(f"{path}: {error}") from None
    events = between(*readings, now=datetime.now(UTC), source=settings.config.events.source)
    if not events and not arguments.json:
        print("no changes")
    for event in events:
        print(event.structured().decode() if arguments.json else describe(event))


def between(old: Reading, new: Reading, *, now: datetime, source: str) -> tuple[Event, ...]:
    """The events of the second document after the first was seen."""
    feed = FeedRef(id="diff", url="")
    first, second = (
        Document(
            poll_id=f"{number:032x}",
            feed=feed,
            poller="diff",
            began_at=began_at,
            fetched_at=began_at,
            reading=reading,
            digest=str(number),
        )
        for number, (reading, began_at) in enumerate(((old, now - timedelta(seconds=1)), (new, now)), start=1)
    )
    seen = emit(None, decide(None, {}, first, POLICY), first, source)
    known = {entry_id: k for entry_id, k in seen.entries.items() if isinstance(k, Known)}
    return emit(seen.state, decide(seen.state, known, second, POLICY), second, source).events
