"""``deltawire check``: what deltawire makes of one document."""

from __future__ import annotations

import argparse
from typing import Any

import msgspec
import orjson

from deltawire.cli import documents
from deltawire.cli.main import Failure
from deltawire.cli.words import headline
from deltawire.differ import identity
from deltawire.formats.base import Unreadable
from deltawire.model import Reading
from deltawire.settings import Settings


async def main(arguments: argparse.Namespace, settings: Settings) -> None:
    name = arguments.document
    if name.startswith(("http://", "https://")):
        raw = await documents.fetched(name, settings.config.fetch)
    else:
        raw = documents.saved(name)
    try:
        reading = await documents.read(raw, arguments.format, settings.config.differ)
    except Unreadable as error:
        if arguments.json:
            print(orjson.dumps({"error": {"code": error.code, "message": str(error)}}).decode())
        raise Failure(f"{name}: {error}") from None
    reading = msgspec.structs.replace(reading, entries=identity.match({}, reading.entries).entries)
    if arguments.json:
        print(orjson.dumps(as_json(reading)).decode())
    else:
        print("\n".join(as_text(reading)))


def as_json(reading: Reading) -> dict[str, Any]:
    """The shape of the contract; entries as in the events' ``data.entry``, newest first."""
    shown = msgspec.to_builtins(reading)
    return {key: shown[key] for key in ("format", "feed", "coverage", "entries", "problems")}


def as_text(reading: Reading) -> list[str]:
    feed = reading.feed
    meaning = {
        "full": "what is missing is gone",
        "window": "what is missing may have scrolled off",
        "delta": "nothing follows from what is missing",
    }
    live = {True: "open", False: "ended", None: "not said"}[feed.live]
    lines = [
        f"format     {reading.format}",
        f"feed       {feed.title or 'without a title'}",
        f"coverage   {reading.coverage}: {meaning[reading.coverage]}",
        f"blog is    {live}",
        f"order      {feed.order}",
        f"time zone  {feed.time_zone or 'stated with each time, or not at all'}",
        f"entries    {len(reading.entries)}, newest first",
    ]
    for entry in reading.entries:
        when = f"{entry.published_at:%Y-%m-%d %H:%M:%S}Z" if entry.published_at else "no time known      "
        precision = "" if entry.published_precision == "exact" else f" ({entry.published_precision})"
        updated = f"  updated {entry.updated_at:%H:%M:%S}Z" if entry.updated_at else ""
        labels = f"  [{', '.join(entry.labels)}]" if entry.labels else ""
        lines.append(f"  {when}{precision}{updated}{labels}  {headline(entry)}")
    if reading.more:
        lines.append(f"further    {len(reading.more)} documents belong to it; the poller reads them too")
    lines.append(f"problems   {len(reading.problems) or 'none'}")
    lines += [f"  {p.code}: {p.message}{f' ({p.where})' if p.where else ''}" for p in reading.problems]
    return lines
