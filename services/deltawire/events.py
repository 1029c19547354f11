"""Change events and their CloudEvents 1.0 envelope: binary mode on the log, structured mode for people."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Literal, get_args

import msgspec
import orjson

from deltawire.model import Entry, Significance

EVENT_LIMIT = 256 * 1024
"""Bytes of a serialised event, headers included, that are never exceeded."""

SCHEMA_BASE = "urn:deltawire:schema:"

EntryType = Literal[
    "deltawire.entry.created",
    "deltawire.entry.updated",
    "deltawire.entry.removed",
    "deltawire.entry.restored",
]
FeedType = Literal[
    "deltawire.feed.started",
    "deltawire.feed.updated",
    "deltawire.feed.ended",
    "deltawire.feed.failing",
    "deltawire.feed.recovered",
]

DiffOp = tuple[Literal["=", "-", "+"], str]


class FeedInfo(msgspec.Struct, frozen=True, kw_only=True):
    id: str
    url: str
    title: str | None = None
    tags: tuple[str, ...] = ()
    series: str | None = None


class Change(msgspec.Struct, frozen=True, kw_only=True):
    """One changed field: a word diff for texts, the two values for everything else (and for a text that was null)."""

    field: str
    diff: tuple[DiffOp, ...] | msgspec.UnsetType = msgspec.UNSET
    old: Any = msgspec.UNSET
    new: Any = msgspec.UNSET


class Observed(msgspec.Struct, frozen=True, kw_only=True):
    """``not_before`` is the last look that did not have the change yet, null at first sight."""

    not_before: datetime | None
    fetched_at: datetime
    source_age_s: float | None = None


class Evidence(msgspec.Struct, frozen=True, kw_only=True):
    kind: Literal["tombstone", "missing"]
    looks: int


class EntryData(msgspec.Struct, frozen=True, kw_only=True):
    feed: FeedInfo
    entry: Entry
    revision: int
    backfill: bool
    observed: Observed
    changes: tuple[Change, ...] = ()
    significance: Significance = "unclassified"
    cause: Literal["edit", "reparse"] = "edit"
    evidence: Evidence | None = None
    truncated: bool = False


class FeedData(msgspec.Struct, frozen=True, kw_only=True):
    feed: FeedInfo
    state: Literal["open", "ended", "failing"]
    since: datetime
    cause: str
    changes: tuple[Change, ...] = ()
    continues: str | None = None
    continued_by: str | None = None


class Event(msgspec.Struct, frozen=True, kw_only=True):
    """A CloudEvent. ``sequence`` is an int here and 20 digits on the wire."""

    id: str
    source: str
    type: str
    subject: str
    time: datetime
    sequence: int
    feedepoch: str
    significance: Significance
    backfill: bool
    partitionkey: str
    traceparent: str
    data: EntryData | FeedData

    @property
    def dataschema(self) -> str:
        return f"{SCHEMA_BASE}{'entry' if isinstance(self.data, EntryData) else 'feed'}:1.0.0"

    @property
    def feed_id(self) -> str:
        return self.data.feed.id

    @property
    def poll_id(self) -> str:
        """The poll that this event follows from: the trace id of its traceparent."""
        return self.traceparent.split("-")[1]

    def attributes(self) -> dict[str, str | bool]:
        """The context attributes as they are written, in both modes."""
        return {
            "specversion": "1.0",
            "id": self.id,
            "source": self.source,
            "type": self.type,
            "subject": self.subject,
            "time": rfc3339(self.time),
            "datacontenttype": "application/json",
            "dataschema": self.dataschema,
            "partitionkey": self.partitionkey,
            "traceparent": self.traceparent,
            "sequence": f"{self.sequence:020d}",
            "feedepoch": self.feedepoch,
            "significance": self.significance,
            "backfill": self.backfill,
        }

    def headers(self) -> dict[str, str]:
        """Kafka protocol binding 3.2.3.1, binary content mode: ``ce_*`` headers and the content type."""
        attributes = self.attributes()
        content_type = attributes.pop("datacontenttype")
        headers = {"content-type": str(content_type)}
        for name, value in attributes.items():
            headers[f"ce_{name}"] = str(value).lower() if isinstance(value, bool) else value
        return headers

    def value(self) -> bytes:
        return msgspec.json.encode(self.data)

    def structured(self) -> bytes:
        """The event as one line of structured-mode JSON."""
        return orjson.dumps(self.attributes() | {"data": orjson.Fragment(self.value())})


def rfc3339(moment: datetime) -> str:
    return moment.isoformat().replace("+00:00", "Z")


_KNOWN_TYPES = frozenset(get_args(EntryType) + get_args(FeedType))
_entry_data = msgspec.json.Decoder(EntryData)
_feed_data = msgspec.json.Decoder(FeedData)


def unknown_type(headers: Mapping[str, str]) -> str | None:
    """The type of an event that a newer deltawire wrote; null for a type that is known here, and for none of ours.

    Types are open: whoever reads events passes over those.
    """
    type_ = headers.get("ce_type", "")
    return type_ if type_.startswith("deltawire.") and type_ not in _KNOWN_TYPES else None


def decode(headers: dict[str, str], value: bytes | None) -> Event:
    """The event of a log record in binary mode.

    Raises:
        ValueError: the record is no event of deltawire (a missing attribute, or data of another shape).
    """
    if value is None:
        raise ValueError("an event has no value")
    try:
        type_ = headers["ce_type"]
        if type_.startswith("deltawire.entry."):
            data: EntryData | FeedData = _entry_data.decode(value)
        elif type_.startswith("deltawire.feed."):
            data = _feed_data.decode(value)
        else:
            raise ValueError(f"unknown event type {type_!r}")
        return Event(
            id=headers["ce_id"],
            source=headers["ce_source"],
            type=type_,
            subject=headers["ce_subject"],
            time=datetime.fromisoformat(headers["ce_time"]),
            sequence=int(headers["ce_sequence"]),
            feedepoch=headers["ce_feedepoch"],
            significance=msgspec.convert(headers["ce_significance"], Significance),
            backfill=headers["ce_backfill"] == "true",
            partitionkey=headers["ce_partitionkey"],
            traceparent=headers["ce_traceparent"],
            data=data,
        )
    except KeyError as missing:
        raise ValueError(f"an event has no header {missing}") from None
    except msgspec.ValidationError as error:
        raise ValueError(f"an event of another shape: {error}") from None
