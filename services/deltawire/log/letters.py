"""Dead letters as people handle them: which there are, and what putting one back would write. Mostly pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime

import msgspec

from deltawire.events import rfc3339
from deltawire.log.dead_letters import PREFIX
from deltawire.log.port import Log, Outgoing, Reader, Record, snapshot
from deltawire.log.topics import Topics

REDRIVEN = "dlq.redriven"
"""Header of a marker: the id of the letter that was put back. The letter itself stays: the log only grows."""

_NEEDED = ("dlq.topic", "dlq.partition", "dlq.offset", "dlq.service")


class Letter(msgspec.Struct, frozen=True, kw_only=True):
    """A dead letter. ``id`` is ``<partition>@<offset>`` in the dead-letter topic.

    ``topic``, ``partition``, ``offset`` and ``timestamp`` are the original's, which is the record without its
    ``dlq.*`` headers. ``times`` is how often the service wrote it: one that was stopped in between writes again.
    """

    id: str
    record: Record
    topic: str
    partition: int
    offset: int
    timestamp: str
    service: str
    error_type: str
    error_message: str
    time: str
    times: int = 1
    redriven_at: str | None = None

    @property
    def origin(self) -> tuple[str, int, int]:
        return self.topic, self.partition, self.offset

    @property
    def headers(self) -> dict[str, str]:
        """The original's."""
        return {name: value for name, value in self.record.headers.items() if not name.startswith(PREFIX)}


class Box(msgspec.Struct, frozen=True):
    """All letters, oldest first, and the records of the topic that are none."""

    letters: tuple[Letter, ...]
    strangers: tuple[Record, ...]

    def find(self, id_: str) -> Letter | None:
        return next((letter for letter in self.letters if letter.id == id_), None)


async def read_box(log: Log, topics: Topics) -> Box:
    """What the dead-letter topic holds."""
    return sort([record async for record in snapshot(log, topics.dead_letters)])


def sort(records: Iterable[Record]) -> Box:
    """Letters, and what was put back of them: where one was, no other service's letter on the same record is owed."""
    letters: dict[tuple[str, str, int, int], Letter] = {}
    redriven: dict[tuple[str, int, int], str] = {}
    strangers: list[Record] = []
    for record in records:
        letter = _letter(record)
        if letter is None:
            strangers.append(record)
        elif REDRIVEN in record.headers:
            redriven[letter.origin] = letter.time
        else:
            key = (letter.service, *letter.origin)
            first = letters.get(key, letter)
            letters[key] = msgspec.structs.replace(first, times=first.times + (first is not letter))
    marked = [msgspec.structs.replace(one, redriven_at=redriven.get(one.origin)) for one in letters.values()]
    marked.sort(key=lambda one: (one.time, one.record.partition, one.record.offset))
    return Box(tuple(marked), tuple(strangers))


def _letter(record: Record) -> Letter | None:
    headers = record.headers
    if any(name not in headers for name in _NEEDED):
        return None
    partition, offset = headers["dlq.partition"], headers["dlq.offset"]
    if not (partition.isdecimal() and offset.isdecimal()):
        return None
    return Letter(
        id=f"{record.partition}@{record.offset}",
        record=record,
        topic=headers["dlq.topic"],
        partition=int(partition),
        offset=int(offset),
        timestamp=headers.get("dlq.timestamp", ""),
        service=headers["dlq.service"],
        error_type=headers.get("dlq.error.type", ""),
        error_message=headers.get("dlq.error.message", ""),
        time=headers.get("dlq.time", ""),
    )


class Newest:
    """What the newest record of each key is. A partition is read once, however often it is asked about: later questions
    only read what has come since. Use it as a context manager.
    """

    def __init__(self, log: Log) -> None:
        self._log = log
        self._readers: dict[tuple[str, int], Reader] = {}
        self._offsets: dict[tuple[str, int, str | None], int] = {}

    async def __aenter__(self) -> Newest:
        return self

    async def __aexit__(self, *_: object) -> None:
        for reader in self._readers.values():
            await reader.close()

    async def offset(self, topic: str, partition: int, key: str | None) -> int | None:
        """The offset of the newest record of the key that there is now, null if there is none."""
        begin, end = (await self._log.bounds(topic))[partition]
        reader = self._readers.get((topic, partition))
        if reader is None:
            reader = self._readers[topic, partition] = await self._log.reader(topic, {partition: begin})
        while reader.positions[partition] < end:
            for record in await reader.poll():
                self._offsets[topic, partition, record.key] = record.offset
        return self._offsets.get((topic, partition, key))


async def obstacle(newest: Newest, topics: Topics, letter: Letter) -> str | None:
    """Why the letter must not be put back, in one sentence; null where nothing speaks against it."""
    topic = next((topic for topic in topics if topic.name == letter.topic), None)
    if topic is None:
        return f"there is no topic {letter.topic} in this installation"
    if letter.redriven_at is not None:
        return f"it was redriven at {letter.redriven_at}; if that failed too, there is a newer dead letter of it"
    if topic.public:
        return f"subscribers of {letter.topic} have read it, and would read it a second time, out of its place"
    if topic.compact:
        offset = await newest.offset(letter.topic, letter.partition, letter.record.key)
        if offset is not None and offset > letter.offset:
            return f"{letter.topic} has a newer record of {letter.record.key!r}, which it would undo"
    return None


def redrive(topics: Topics, letter: Letter, now: datetime) -> Sequence[Outgoing]:
    """The original, to the partition it stood in, and the marker: to be appended together."""
    original = Outgoing(
        topic=letter.topic,
        partition=letter.partition,
        key=letter.record.key,
        value=letter.record.value,
        headers=letter.headers,
    )
    marker = Outgoing(
        topic=topics.dead_letters,
        partition=letter.record.partition,
        key=letter.record.key,
        value=None,
        headers={name: letter.record.headers[name] for name in _NEEDED}
        | {REDRIVEN: letter.id, "dlq.time": rfc3339(now)},
    )
    return original, marker
