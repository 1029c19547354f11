"""The history of a run: what was published, written, read and stored. One JSON object a line in a file."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import msgspec
import orjson

from deltawire.log.port import Record


class Fact(msgspec.Struct, kw_only=True, tag="fact", tag_field="line"):
    """An event that must be seen: the publisher's truth, in its order. ``fact`` is ``Fact.as_json`` of the press."""

    feed: str
    fact: dict[str, Any]


class Value(msgspec.Struct, kw_only=True, tag="value", tag_field="line"):
    """What a digest stands for: the attributes of an event (``ce_*`` headers without prefix) and its ``data``."""

    digest: str
    event: dict[str, Any]


class Write(msgspec.Struct, kw_only=True, tag="write", tag_field="line"):
    """A commit that holds events: (id, digest) of each, in order. ``failed``: nothing of it may be seen."""

    writer: str
    outcome: Literal["ok", "failed", "unknown"]
    events: list[tuple[str, str]]


class Read(msgspec.Struct, kw_only=True, tag="read", tag_field="line"):
    """A record as a read_committed reader saw it. The reads of one reader stand in the order in which it made them."""

    reader: str
    partition: int
    offset: int
    id: str
    sequence: int
    digest: str


class Reader(msgspec.Struct, kw_only=True, tag="reader", tag_field="line"):
    """What a reader covered: from ``start`` up to before ``end``, by partition."""

    reader: str
    start: dict[int, int]
    end: dict[int, int]


class Bounds(msgspec.Struct, kw_only=True, tag="bounds", tag_field="line"):
    """The oldest offset of the events and the next, at the end of the run, of one partition."""

    partition: int
    begin: int
    end: int


class State(msgspec.Struct, kw_only=True, tag="state", tag_field="line"):
    """An entry as a sink has it: a row of the ``store``, or the last record of a key of the ``entries`` topic."""

    where: Literal["store", "entries"]
    feed: str
    entry: dict[str, Any]
    revision: int
    sequence: int
    removed_at: str | None


class Revision(msgspec.Struct, kw_only=True, tag="revision", tag_field="line"):
    """A row of ``revisions`` of an entry event."""

    feed: str
    event_id: str
    entry_id: str
    revision: int
    type: str


class Position(msgspec.Struct, kw_only=True, tag="position", tag_field="line"):
    """Where a consumer stood at the end: ``last`` is the last record of its input, ``end`` the next offset there."""

    consumer: str
    partition: int
    position: int
    last: int
    end: int


class Memory(msgspec.Struct, kw_only=True, tag="memory", tag_field="line"):
    """The last number that the differ's committed memory says it gave to an event of the feed."""

    feed: str
    epoch: str
    sequence: int


Line = Fact | Value | Write | Read | Reader | Bounds | State | Revision | Position | Memory
_line = msgspec.json.Decoder(Line)


@dataclass(slots=True)
class History:
    facts: list[Fact] = field(default_factory=list)
    values: list[Value] = field(default_factory=list)
    writes: list[Write] = field(default_factory=list)
    reads: list[Read] = field(default_factory=list)
    readers: list[Reader] = field(default_factory=list)
    bounds: list[Bounds] = field(default_factory=list)
    states: list[State] = field(default_factory=list)
    revisions: list[Revision] = field(default_factory=list)
    positions: list[Position] = field(default_factory=list)
    memories: list[Memory] = field(default_factory=list)

    def add(self, line: Line) -> None:
        getattr(self, _LISTS[type(line)]).append(line)

    def lines(self) -> Iterable[Line]:
        for name in _LISTS.values():
            yield from getattr(self, name)

    def dump(self) -> bytes:
        return b"".join(msgspec.json.encode(line) + b"\n" for line in self.lines())

    @classmethod
    def parse(cls, text: bytes) -> History:
        history = cls()
        for line in text.splitlines():
            history.add(_line.decode(line))
        return history

    def write(self, path: Path) -> None:
        path.write_bytes(self.dump())


_LISTS: dict[type, str] = {
    Fact: "facts",
    Value: "values",
    Write: "writes",
    Read: "reads",
    Reader: "readers",
    Bounds: "bounds",
    State: "states",
    Revision: "revisions",
    Position: "positions",
    Memory: "memories",
}


def digest(event: Mapping[str, Any]) -> str:
    """The digest of a value."""
    return hashlib.blake2b(orjson.dumps(event, option=orjson.OPT_SORT_KEYS), digest_size=12).hexdigest()


def value_of(headers: Mapping[str, str], value: bytes | None) -> Value:
    """An event of the log as the history knows it; whatever its value is."""
    try:
        data = orjson.loads(value or b"null")
    except orjson.JSONDecodeError:
        data = (value or b"").hex()
    event = {name.removeprefix("ce_"): text for name, text in headers.items() if name.startswith("ce_")}
    full = event | {"data": data}
    return Value(digest=digest(full), event=full)


def read_of(reader: str, record: Record, value: Value) -> Read:
    return Read(
        reader=reader,
        partition=record.partition,
        offset=record.offset,
        id=str(value.event.get("id")),
        sequence=int(value.event.get("sequence", 0)),
        digest=value.digest,
    )
