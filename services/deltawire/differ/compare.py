"""What changed between two states of one entry."""

from __future__ import annotations

import re
from datetime import datetime
from functools import lru_cache
from typing import Any

import msgspec

from deltawire.differ import noise, words
from deltawire.events import Change
from deltawire.model import Entry

TEXTS = ("title", "content_text", "content_html")
VALUES = ("url", "authors", "language", "labels", "links", "media")

_MARKUPS = 16
"""Bodies of which that is remembered: a look asks for those of an edited entry five times."""

_IMAGE = re.compile(r"(\.(?:avif|gif|jpe?g|png|svg|webp))\?[^\"'\s]*", re.IGNORECASE)


def changes(old: Entry, new: Entry, cells: int = words.MATRIX_LIMIT) -> tuple[Change, ...]:
    """The changed fields, texts with their word diffs; empty when nothing changed that an editor does.

    A new ``updated_at`` alone is no change: sources touch it when they only render again. A publication time
    counts where both states state it themselves. The order of labels says nothing, nor does the query of an image
    file's address: it sizes the picture, or forces caches to fetch it again. ``cells`` bounds each word diff.
    """
    found: list[Change] = []
    for field in TEXTS:
        before, after = getattr(old, field), getattr(new, field)
        if before == after or plain(field, before) == plain(field, after):
            continue
        if before is None or after is None:
            found.append(Change(field=field, old=before, new=after))
        else:
            found.append(Change(field=field, diff=words.diff(before, after, cells)))
    for field in VALUES:
        before, after = getattr(old, field), getattr(new, field)
        if before != after and plain(field, before) != plain(field, after):
            found.append(Change(field=field, old=before, new=after))
    stated = {"exact", "minute"}
    if old.published_at != new.published_at and {old.published_precision, new.published_precision} <= stated:
        found.append(Change(field="published_at", old=old.published_at, new=new.published_at))
    if found and old.updated_at != new.updated_at:
        found.append(Change(field="updated_at", old=old.updated_at, new=new.updated_at))
    return tuple(found)


def same_texts(old: Entry, new: Entry) -> bool:
    if old is new:
        return True
    return (old.title, old.content_text, old.content_html) == (new.title, new.content_text, new.content_html)


def essence(entry: Entry) -> list[Any]:
    """What an editor made of an entry, without its noise."""
    return [*(plain(field, getattr(entry, field)) for field in (*TEXTS, *VALUES)), _stated(entry)]


def alike(old: Entry, new: Entry) -> bool:
    """Whether two states have the same ``essence``."""
    if old is new:
        return True
    fields = ((field, getattr(old, field), getattr(new, field)) for field in (*TEXTS, *VALUES))
    return _stated(old) == _stated(new) and all(a == b or plain(f, a) == plain(f, b) for f, a, b in fields)


def _stated(entry: Entry) -> datetime | None:
    return entry.published_at if entry.published_precision in ("exact", "minute") else None


def plain(field: str, value: Any) -> Any:
    """The value without what is noise in this field."""
    if field == "labels":
        return sorted(value)
    if field == "content_html":
        return _markup(value)
    if field == "content_text":
        return noise.text(value)
    if field == "media":
        return [msgspec.structs.replace(item, url=noise.url(_IMAGE.sub(r"\1", item.url))) for item in value]
    if field == "links":
        return [msgspec.structs.replace(item, url=noise.url(item.url)) for item in value]
    if field == "url" and value is not None:
        return noise.url(value)
    return value


@lru_cache(_MARKUPS)
def _markup(value: str) -> str:
    return noise.markup(_IMAGE.sub(r"\1", value))
