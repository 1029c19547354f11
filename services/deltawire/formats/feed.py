"""RSS 0.9x, 1.0, 2.0 and Atom 1.0: by libxml2 where they are well-formed, else by feedparser.

Both make the same parts of a document (``feed_parts``), and this makes entries of those. Coverage is ``window``, for a
feed lists the last N items and an item that falls off is not gone, unless the feed says that it is complete (RFC 5005).
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from typing import ClassVar, NamedTuple

import msgspec

from deltawire.formats import feed_loose, feed_strict, times
from deltawire.formats import text as texts
from deltawire.formats.assemble import as_entry, distinct, located, reading, source_id
from deltawire.formats.base import NeedsLenient, Raw
from deltawire.formats.bounds import bounded
from deltawire.formats.content import Content, from_html, from_text
from deltawire.formats.feed_cut import batched, cut
from deltawire.formats.feed_parts import Channel, Item
from deltawire.formats.hints import hints
from deltawire.formats.urls import canonical_image, canonical_url
from deltawire.model import Entry, FeedMeta, Media, Problem, Reading, Tombstone

_ROOT = re.compile(r"<(?:\w{1,20}:)?(rss|RDF|feed)(?=[\s>\[])")
_PROLOG = re.compile(r"\s*(?:<\?(?:[^?]|\?(?!>)){0,2000}\?>\s*|<!--(?:[^-]|-(?!->))*-->\s*)*")
_NEVER = datetime.min.replace(tzinfo=UTC)
MAX_TOMBSTONES = 1000
MAX_FURTHER = 10
_TOGETHER = 256 * 1024
"""Bytes of items that are parsed at once; libxml2 refuses documents of more than 10 MB."""
_URL_LIKE = re.compile(r"https?://", re.IGNORECASE)


class Canonical(NamedTuple):
    """An entry and what was odd about it; a problem that names no place belongs to the item as a whole."""

    entry: Entry
    problems: tuple[Problem, ...]


def item_name(raw: Raw) -> str | None:
    """What the items of a feed are called; null for what is no feed, judged by how it begins."""
    head = texts.decode(raw.body[:8192], raw.content_type)[0]
    start = _PROLOG.match(head)
    rest = head[start.end() :] if start else head
    root = _ROOT.match("<" + rest[9:].lstrip() if rest[:9].upper() == "<!DOCTYPE" else rest)
    return None if root is None else "entry" if root[1] == "feed" else "item"


class Feed:
    """RSS and Atom. ``Reading.format`` is ``rss`` or ``atom``."""

    name: ClassVar[str] = "feed"
    version: ClassVar[int] = 3

    def claims(self, raw: Raw) -> bool:
        return item_name(raw) is not None

    def read(self, raw: Raw) -> Reading:
        """Read a well-formed feed; only items that ``raw.memo`` does not recall are parsed.

        Raises:
            NeedsLenient: it is not well-formed, or uses its vocabulary in a way that only feedparser understands.
            Unreadable: it has too many items.
        """
        body = feed_strict.document(raw)
        try:
            found = self._read_cut(raw, body)
        except NeedsLenient:
            # The document is malformed, or was cut in the wrong places.
            found = None
        return found or self._read_whole(raw, body)

    def read_leniently(self, raw: Raw) -> Reading:
        """Read a feed that may be malformed; slow, and for hostile input not safe in a process that matters.

        Raises:
            Unreadable: it is no feed, was cut off, or cannot be read.
        """
        channel, items, problems = feed_loose.read(raw)
        site = canonical_url(channel.link, raw.url)
        entries = [_canonical(item, channel, site or raw.url) for item in items]
        return self._reading(raw, channel, entries, problems)

    def _read_whole(self, raw: Raw, body: bytes) -> Reading:
        outline = feed_strict.outline(body, feed_strict.parser())
        base = canonical_url(outline.channel.link, raw.url) or raw.url
        entries = [_canonical(outline.item(placed), outline.channel, base) for placed in outline.items]
        return self._reading(raw, outline.channel, entries)

    def _read_cut(self, raw: Raw, body: bytes) -> Reading | None:
        parts = cut(body, raw.memo.begun())
        if parts is None:
            return None
        parser = feed_strict.parser()
        frame = feed_strict.outline(parts.frame, parser)
        if [placed.scope.depth for placed in frame.items] != [parts.depth] * parts.runs:
            return None
        feed_strict.limited(len(parts.items))
        channel = frame.channel
        base = canonical_url(channel.link, raw.url) or raw.url
        stated = "\0".join((base, channel.language or "", frame.version)).encode("utf-8", "surrogatepass")
        context = hashlib.blake2b(stated + b"\0" + parts.before, digest_size=16).digest()

        def read(items: Sequence[bytes]) -> list[Canonical]:
            return [
                _canonical(item, channel, base)
                for together in batched(items, _TOGETHER)
                for item in feed_strict.items(together, parts.before, parts.after, parser)
            ]

        return self._reading(raw, channel, raw.memo.recall_all(context, parts.items, read))

    def _reading(
        self, raw: Raw, channel: Channel, entries: Iterable[Canonical], problems: Iterable[Problem] = ()
    ) -> Reading:
        noted = list(problems)
        listed = []
        for number, (entry, odd) in enumerate(entries, 1):
            listed.append(entry)
            if odd:
                noted += (
                    problem if problem.where else msgspec.structs.replace(problem, where=f"item {number}")
                    for problem in odd
                )
        tombstones = _tombstones(channel, listed, noted)
        withdrawn = {tombstone.source_id for tombstone in tombstones}
        own = canonical_url(raw.url)
        more = distinct(canonical_url(address, raw.url) for address in channel.further)
        hinted = hints(raw)
        return reading(
            format="atom" if channel.atom else "rss",
            version=self.version,
            feed=FeedMeta(
                title=_line(channel.title, plain=channel.plain_title and channel.atom),
                url=canonical_url(channel.link, raw.url),
                language=texts.line(channel.language),
                poll_hint_s=hinted.poll_hint_s,
                skip_hours=hinted.skip_hours,
                skip_days=hinted.skip_days,
            ),
            coverage="full" if channel.complete and not more else "window",
            entries=[entry for entry in listed if entry.source_id not in withdrawn],
            problems=noted,
            tombstones=tombstones,
            more=[address for address in more if address != own][:MAX_FURTHER],
            within_bounds=True,
        )


def _tombstones(channel: Channel, entries: Iterable[Entry], noted: list[Problem]) -> list[Tombstone]:
    """The withdrawals, each entry's last, the latest first, and none that the document revokes by listing the entry.

    RFC 6721: an entry whose ``updated`` is later than its tombstone's ``when`` stands, and any other is withdrawn.
    """
    if not channel.deleted:
        return []
    shown = {entry.source_id: entry for entry in entries}
    found: dict[str, Tombstone] = {}
    for ref, when in channel.deleted:
        identity = _identity(ref)
        if identity is None:
            continue
        moment = times.parse_iso(when)
        at = moment.at if moment else None
        if at is None:
            message = f"{when[:60]!r} is no time with a zone"
            noted.append(Problem(code="bad-time", message=message, where=f"the deleted-entry {identity}"))
        entry = shown.get(identity)
        known = found.get(identity)
        if entry is not None and (at is None or entry.updated_at is None or entry.updated_at > at):
            continue
        if known is None or (at is not None and (known.at is None or at > known.at)):
            found[identity] = Tombstone(source_id=identity, at=at)
    if len(found) > MAX_TOMBSTONES:
        message = f"{len(found)} entries were withdrawn; the last {MAX_TOMBSTONES} are kept"
        noted.append(Problem(code="field-cut", message=message))
    latest = sorted(found.values(), key=lambda tombstone: tombstone.at or _NEVER, reverse=True)
    return latest[:MAX_TOMBSTONES]


def _identity(stated: str) -> str | None:
    identity = source_id(stated)
    if identity is not None and _URL_LIKE.match(identity):
        return canonical_url(identity) or identity
    return identity


def _canonical(item: Item, channel: Channel, base: str) -> Canonical:
    link = canonical_url(item.link, base)
    identity = _identity(item.id)
    content, spoken = _content(item, base)
    where = identity or link
    problems = located(content.problems, where)
    # In a feed parsed from RSS "updated" is dc:date, the same clock as pubDate under another name.
    stated, changed = (item.published, item.changed) if channel.atom else (item.published or item.changed, "")
    country = times.country_of(base, channel.language)
    published, updated = times.parse(stated, country=country), times.parse(changed, country=country)
    for value, moment in ((stated, published), (changed, updated)):
        if value and moment is None:
            problems.append(Problem(code="bad-time", message=f"{value[:60]!r} is no time with a zone", where=where))
    entry = as_entry(
        content,
        published,
        updated,
        source_id=identity or link,
        url=link,
        title=_line(item.title, plain=item.plain_title and channel.atom),
        authors=distinct(name for text in item.authors if (name := texts.line(text)) and "@" not in name),
        language=spoken or texts.line(channel.language),
        labels=tuple(sorted(distinct((texts.line(term) or "").lower() for term in item.terms))),
        media=_media(item, base),
    )
    # Here, because this is remembered: what was within bounds once needs no other look.
    entry = bounded(entry, where, problems)
    return Canonical(entry, tuple(problems))


def _content(item: Item, base: str) -> tuple[Content, str | None]:
    passage = next((passage for passage in item.passages if passage.value), None)
    if passage is None:
        return Content(), None
    spoken = texts.line(passage.language)
    if passage.type == "text/plain":
        return from_text(passage.value), spoken
    return from_html(passage.value, canonical_url(passage.base or base, base) or base), spoken


def _media(item: Item, base: str) -> tuple[Media, ...]:
    found = ((canonical_image(address, base), type_) for address, type_ in item.media)
    return tuple(Media(url=url, type=type_) for url, type_ in found if url)


def _line(text: str | None, *, plain: bool) -> str | None:
    return texts.line(text, escaped=not plain)
