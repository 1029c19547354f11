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
from deltawire.grammar import counted
from deltawire.model import Problem, Reading
from deltawire.poller import outcome
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
        raise Failure(f"{name}: {error} [{error.code}]. What to do: {_mend(error.code)}") from None
    reading = msgspec.structs.replace(reading, entries=identity.match({}, reading.entries).entries)
    if reading.more and not reading.entries:
        listed = counted(len(reading.more), "update")
        message = f"the document lists {listed}, each a document of its own, which run asks for"
        elsewhere = Problem(code="updates-elsewhere", message=message)
        reading = msgspec.structs.replace(reading, problems=(*reading.problems, elsewhere))
    if arguments.json:
        print(orjson.dumps(as_json(reading)).decode())
    else:
        print("\n".join(as_text(reading)))


def _mend(code: str) -> str:
    mends = {
        "ambiguous": "name the format with --format",
        "malformed": "tell the site's operators: it publishes a broken document",
        "not-a-live-blog": "give the address of a live blog or of a feed; if a browser shows one there, the site shows "
        "us something else: set [fetch] user_agent to name a contact, or ask its operators",
        "reader-error": "this is a defect of deltawire; please report it with this output",
    }
    return mends.get(code) or outcome.mend(code)


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
    ]
    if len(reading.entries) > 1:
        lines.append(f"order      {feed.order}")
    if reading.entries:
        lines.append(f"time zone  {_zone(reading)}")
    lines.append(f"entries    {len(reading.entries)}, newest first")
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


def _zone(reading: Reading) -> str:
    zone = reading.feed.time_zone
    if zone is None:
        return "stated with each time, or not at all"
    guessed = all(entry.published_precision == "inferred" for entry in reading.entries)
    return f"taken for {zone}: the times state none" if guessed else zone
