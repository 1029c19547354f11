"""``deltawire dead-letters``: what services could not process. Redriving goes through the log."""

from __future__ import annotations

import argparse
import sys
from datetime import UTC, datetime

import orjson

from deltawire.cli.main import Failure
from deltawire.log import letters
from deltawire.log.engines import open_log
from deltawire.log.letters import Box, Letter
from deltawire.log.port import Log
from deltawire.log.topics import Topics
from deltawire.settings import Settings


async def main(arguments: argparse.Namespace, settings: Settings) -> None:
    topics = Topics(settings.config.kafka.topic_prefix)
    log = await open_log(settings.config.log.url, topics, role="guest", kafka=settings.config.kafka)
    try:
        box = await letters.read_box(log, topics)
        match arguments.action:
            case "list":
                _list(box, arguments)
            case "show":
                _show(_one(box, arguments.id))
            case _ if arguments.id is not None:
                await _redrive(log, topics, box, arguments.id)
            case _:
                await _redrive_all(log, topics, box)
    finally:
        await log.close()


def _one(box: Box, id_: str) -> Letter:
    letter = box.find(id_)
    if letter is None:
        raise Failure(f"there is no dead letter {id_!r}; deltawire dead-letters list shows their ids")
    return letter


def _list(box: Box, arguments: argparse.Namespace) -> None:
    for stranger in box.strangers:
        print(f"{stranger.topic}/{stranger.partition}@{stranger.offset} is no dead letter", file=sys.stderr)
    for letter in box.letters:
        if arguments.service in (None, letter.service):
            print(_json(letter) if arguments.json else _line(letter))


def _json(letter: Letter) -> str:
    shown = {
        "id": letter.id,
        "time": letter.time,
        "service": letter.service,
        "topic": letter.topic,
        "partition": letter.partition,
        "offset": letter.offset,
        "timestamp": letter.timestamp,
        "key": letter.record.key,
        "bytes": None if letter.record.value is None else len(letter.record.value),
        "error": {"type": letter.error_type, "message": letter.error_message},
        "times": letter.times,
        "redriven_at": letter.redriven_at,
    }
    return orjson.dumps(shown).decode()


def _line(letter: Letter) -> str:
    state = "redriven" if letter.redriven_at else ""
    where = f"{letter.topic}/{letter.partition}@{letter.offset}"
    why = f"{letter.error_type}: {letter.error_message}"
    return escaped(f"{letter.id:<10}  {letter.time[:19]}Z  {letter.service:<9}  {state:<8}  {where}  {why}")


def _show(letter: Letter) -> None:
    """Headers as ``name: value`` lines, an empty line, the original value: as text where it is UTF-8, else in hex."""
    for name, value in letter.record.headers.items():
        print(escaped(f"{name}: {value}"))
    print(escaped(f"key: {letter.record.key}"), end="\n\n")
    original = letter.record.value
    if original is None:
        print("(no value: a tombstone)")
        return
    try:
        text = original.decode()
        # On a terminal nothing that would steer it: the bytes come from anywhere.
        print(escaped(text, keep="\n\t") if sys.stdout.isatty() else text)
    except UnicodeDecodeError:
        print(original.hex(" ", 4))


def escaped(text: str, keep: str = "") -> str:
    """The text with its control characters as Python writes them: one line, unless ``keep`` has line feeds."""
    return "".join(c if c.isprintable() or c in keep else repr(c)[1:-1] for c in text)


async def _redrive(log: Log, topics: Topics, box: Box, id_: str) -> None:
    letter = _one(box, id_)
    async with letters.Newest(log) as newest:
        if reason := await letters.obstacle(newest, topics, letter):
            raise Failure(f"{letter.id} is not redriven: {reason}")
    await _put_back(log, topics, letter)


async def _redrive_all(log: Log, topics: Topics, box: Box) -> None:
    done: set[tuple[str, int, int]] = set()
    kept = 0
    async with letters.Newest(log) as newest:
        for letter in box.letters:
            if letter.redriven_at is not None or letter.origin in done:
                continue
            if reason := await letters.obstacle(newest, topics, letter):
                kept += 1
                print(f"{letter.id} is kept: {reason}")
            else:
                await _put_back(log, topics, letter)
                done.add(letter.origin)
    print(f"{len(done)} redriven, {kept} kept")


async def _put_back(log: Log, topics: Topics, letter: Letter) -> None:
    await log.append(letters.redrive(topics, letter, datetime.now(UTC)))
    print(f"{letter.id} is redriven to {letter.topic} partition {letter.partition}")
