"""The Liveblog plugin for WordPress: ``get-entries/<page>/<stamp>`` and ``entries/<from>/<to>`` (formats.md 7).

Its entries are a log of rows: an edit or a deletion is a row of its own, which names the entry that it is about.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import partial
from typing import Any, ClassVar
from urllib.parse import urlsplit, urlunsplit

from deltawire.formats import text as texts
from deltawire.formats import times
from deltawire.formats.assemble import Read, as_entry, distinct, located, reading, source_id
from deltawire.formats.base import Raw, Unreadable
from deltawire.formats.content import from_html
from deltawire.formats.foreign import load_json, mapping, objects, opening, string
from deltawire.formats.memo import recalled
from deltawire.formats.urls import canonical_url
from deltawire.model import Coverage, Entry, FeedMeta, Problem, Reading, Tombstone

_PAGE = re.compile(r"(?P<before>.*/get-entries/)\d+(?P<after>(?:/.*)?)")
_STATES = {"archive": False, "enable": True}
Row = Mapping[str, Any]


class WordpressLiveblog:
    """A page of entries is a ``window``, ``full`` if it is the only one; the answer to a poll is a ``delta``."""

    name: ClassVar[str] = "wordpress-liveblog"
    version: ClassVar[int] = 2

    def claims(self, raw: Raw) -> bool:
        if opening(raw)[:1] != b"{" or b'"entries"' not in raw.body:
            return False
        paged = b'"pages"' in raw.body and (b'"page"' in raw.body or b'"latest_timestamp"' in raw.body)
        return paged or b'"entry_time"' in raw.body

    def read(self, raw: Raw) -> Reading:
        loaded = load_json(raw)
        answer = mapping(loaded.value)
        if not isinstance(answer.get("entries"), list):
            raise Unreadable("not-a-live-blog", "the JSON has no entries, so it is no answer of a WordPress liveblog")
        problems = loaded.problems
        rows = _latest(objects(answer["entries"]))
        entries: list[Entry] = []
        tombstones: list[Tombstone] = []
        for row in rows:
            identity = _identity(row)
            if row.get("type") == "delete":
                at = times.parse_epoch(row.get("timestamp"))
                tombstones += [Tombstone(source_id=identity, at=at.at if at else None)] if identity else []
            elif row.get("status", "publish") == "publish":
                entry, found = recalled(
                    raw.memo, f"{self.name}\0{raw.url}", _read_of(row), partial(_entry, row, raw.url)
                )
                entries.append(entry)
                problems += found
        return reading(
            format=self.name,
            version=self.version,
            feed=FeedMeta(url=_blog(raw.url), live=_STATES.get(string(answer, "state"))),
            coverage=_coverage(answer),
            entries=entries,
            problems=problems,
            tombstones=tombstones,
            more=_older(answer, raw.url),
        )


def _identity(row: Row) -> str | None:
    """The entry that a row is about: itself, or the one that it replaces."""
    return source_id(row.get("replaces")) or source_id(row.get("id"))


def _latest(rows: list[Row]) -> list[Row]:
    """Of several rows about one entry the last one; rows without an identity stay."""
    latest: dict[object, Row] = {}
    for number, row in enumerate(rows):
        key = _identity(row) or number
        known = latest.get(key)
        if known is None or _order(row) > _order(known):
            latest[key] = row
    return list(latest.values())


def _order(row: Row) -> tuple[float, bool, bool]:
    """When the row was written; of one second what is more final."""
    stamp = times.parse_epoch(row.get("timestamp"))
    return stamp.at.timestamp() if stamp else 0.0, row.get("type") == "delete", row.get("type") == "update"


def _coverage(answer: Row) -> Coverage:
    if "page" not in answer:
        return "delta"
    return "full" if answer["page"] == 1 and answer.get("pages") in (0, 1) else "window"


def _older(answer: Row, here: str) -> list[str]:
    page, pages = answer.get("page"), answer.get("pages")
    parts = urlsplit(here)
    found = _PAGE.fullmatch(parts.path)
    if not isinstance(page, int) or not isinstance(pages, int) or page >= pages or found is None or not parts.hostname:
        return []
    return [urlunsplit(parts._replace(path=f"{found['before']}{page + 1}{found['after']}"))]


def _blog(here: str) -> str | None:
    """The post that the liveblog is in; of answers of the REST interface its address is not known."""
    parts = urlsplit(here)
    path, found, _ = parts.path.partition("/liveblog/")
    return canonical_url(urlunsplit(parts._replace(path=f"{path}/", query="", fragment=""))) if found else None


def _entry(row: Row, base: str) -> Read:
    identity = _identity(row)
    where = identity or "a row without id"
    problems: list[Problem] = []
    content = from_html(string(row, "render") or string(row, "content"), base)
    stamp = times.parse_epoch(row.get("timestamp"))
    published = times.parse_epoch(row.get("entry_time")) or times.inferred(stamp)
    if published is None:
        problems.append(Problem(code="bad-time", message="the row has no entry_time that is a time", where=where))
    key = str(row.get("key_event")).lower() in ("true", "1")
    return as_entry(
        content,
        published,
        stamp,
        source_id=identity,
        url=canonical_url(string(row, "share_link"), base) if row.get("share_link") else None,
        title=texts.line(row.get("headline")),
        authors=distinct([texts.line(person.get("name")) for person in objects(row.get("authors"))])
        or distinct([texts.line(row.get("author_link"))]),
        labels=("key-event",) if key else (),
    ), (*problems, *located(content.problems, where))


def _read_of(row: Row) -> list[Any]:
    """The parts of a row that are read; the picture of its author is none of them."""
    people = [person.get("name") for person in objects(row.get("authors"))]
    keys = ("id", "replaces", "headline", "render", "content", "timestamp", "entry_time", "key_event", "share_link")
    return [people, row.get("author_link"), *(row.get(key) for key in keys)]
