"""Alerts: their ids, and the payload that channels send. Pure."""

from __future__ import annotations

import hashlib
import re
from datetime import datetime
from typing import Any

import msgspec
import orjson

from deltawire.alerting.rules import Subject
from deltawire.events import rfc3339
from deltawire.store.port import Alert

PAYLOAD_LIMIT = 20_000
"""Bytes that a payload stays below, as Standard Webhooks recommends."""

TEXT_BYTES = 8_000
CHANGES_BYTES = 5_000
LINE_BYTES = 1_000
URL_BYTES = 2_000
CONTEXT = 60
"""Characters of unchanged text that are kept on each side of a change when changes have to be cut."""


def alert_id(rule_id: str, subject: Subject) -> str:
    """The same for the same rule and entry revision, however often the event comes; fit for a webhook-id.

    Standard Webhooks forbids "." in ids, since it separates the signed parts.
    """
    parts = (rule_id, subject.event.feed_id, subject.event.feedepoch, subject.entry.id, str(subject.data.revision))
    digest = hashlib.sha256("\0".join(parts).encode("utf-8", "surrogatepass")).hexdigest()
    return f"{re.sub('[^A-Za-z0-9_-]+', '-', rule_id)[:40]}-{digest[:32]}"


def make_alert(rule_id: str, subject: Subject, found: tuple[str, ...], now: datetime) -> Alert:
    """The alert that a rule raises at ``now``."""
    return Alert(
        id=alert_id(rule_id, subject),
        rule_id=rule_id,
        feed_id=subject.event.feed_id,
        entry_id=subject.entry.id,
        revision=subject.data.revision,
        event_id=subject.event.id,
        poll_id=subject.event.poll_id,
        raised_at=now,
        payload={
            "type": "deltawire.alert",
            "timestamp": rfc3339(now),
            "data": _data(rule_id, subject, found),
        },
    )


def _data(rule_id: str, subject: Subject, found: tuple[str, ...]) -> dict[str, Any]:
    event, data, entry = subject.event, subject.data, subject.entry
    content = cut(entry.content_text, TEXT_BYTES)
    all_changes: list[dict[str, Any]] = list(msgspec.to_builtins(data.changes))
    changes = _fitting(all_changes)
    return {
        "rule": rule_id,
        "matched": [cut(word, 100) for word in found[:20]],
        "event_id": event.id,
        "type": event.type,
        "time": rfc3339(event.time),
        "feed": {
            "id": data.feed.id,
            "url": _link(data.feed.url),
            "title": _line(data.feed.title),
            "tags": list(data.feed.tags),
            "series": data.feed.series,
        },
        "entry": {
            "id": entry.id,
            "title": _line(entry.title),
            "url": _link(entry.url),
            "published_at": None if entry.published_at is None else rfc3339(entry.published_at),
            "content_text": content,
        },
        "revision": data.revision,
        "significance": data.significance,
        "backfill": data.backfill,
        "changes": changes,
        "truncated": data.truncated or content != entry.content_text or changes != all_changes,
    }


def _line(text: str | None) -> str | None:
    return None if text is None else cut(text, LINE_BYTES)


def _link(url: str | None) -> str | None:
    """The URL, or null for one that is too long to be useful: a part of it would lead elsewhere."""
    return None if url is None or _size(url) > URL_BYTES else url


def _fitting(changes: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The changes as in the event, as long as they fit; then with less context; then only the fields' names."""
    for shorten in (_without_context, _name_only):
        if _size(changes) <= CHANGES_BYTES:
            break
        changes = [shorten(change) for change in changes]
    while _size(changes) > CHANGES_BYTES:
        changes = changes[:-1]
    return changes


def _without_context(change: dict[str, Any]) -> dict[str, Any]:
    if "diff" not in change:
        return change
    return change | {"diff": [[op, _middle_cut(text) if op == "=" else text] for op, text in change["diff"]]}


def _name_only(change: dict[str, Any]) -> dict[str, Any]:
    return {"field": change["field"]}


def _middle_cut(text: str) -> str:
    return text if len(text) <= 2 * CONTEXT + 3 else f"{text[:CONTEXT]} … {text[-CONTEXT:]}"


def cut(text: str, limit: int) -> str:
    """The text, cut so that its JSON takes at most ``limit`` bytes."""
    if _size(text) <= limit:
        return text
    low, high = 0, min(len(text), limit)
    while low < high:
        middle = (low + high + 1) // 2
        low, high = (middle, high) if _size(text[:middle] + "…") <= limit else (low, middle - 1)
    return text[:low].rstrip() + "…"


def _size(value: Any) -> int:
    return len(orjson.dumps(value))
