"""How long the fields of an entry may be beside its body: whatever a document holds, its records stay small."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import msgspec

from deltawire.model import Entry, FeedMeta, Link, Media, Problem

MAX_LANGUAGE = 35
"""Characters; RFC 5646 (BCP 47) section 4.4.1 has that for the longest tag to be expected. A longer one is none."""

MAX_LINE = 10_000
MAX_NAME = 200
MAX_KIND = 100
MAX_AUTHORS = 50
MAX_LABELS = 100
MAX_LINKS = 500


def bounded(entry: Entry, where: str | None, problems: list[Problem]) -> Entry:
    """The entry with each field within its bounds; what that cost goes to ``problems``, at ``where``.

    A title or the text of a link is cut at 10,000 characters, the names of authors and labels at 200, media types and
    relations at 100; at most 50 authors, 100 labels, 500 links and 500 media are kept.
    """
    if _within(entry):
        return entry
    changed = msgspec.structs.replace(
        entry,
        language=_language(entry.language),
        title=_cut(entry.title, MAX_LINE),
        authors=_names(entry.authors, MAX_AUTHORS),
        labels=_names(entry.labels, MAX_LABELS),
        links=tuple(map(_link, entry.links[:MAX_LINKS])),
        media=tuple(map(_medium, entry.media[:MAX_LINKS])),
    )
    lost = [
        f"{len(before) - len(after)} of {len(before)} {name} were left out"
        for name, before, after in (
            ("authors", entry.authors, changed.authors),
            ("labels", entry.labels, changed.labels),
            ("links", entry.links, changed.links),
            ("media", entry.media, changed.media),
        )
        if len(before) > len(after)
    ]
    lost += _lost(entry, changed)
    problems.append(_noted(lost or ["a name or a description was cut"], where))
    return changed


def bounded_feed(feed: FeedMeta, problems: list[Problem]) -> FeedMeta:
    """The same for what a document says of the blog as a whole."""
    changed = msgspec.structs.replace(feed, language=_language(feed.language), title=_cut(feed.title, MAX_LINE))
    if changed != feed:
        problems.append(_noted(_lost(feed, changed), "the feed"))
    return changed


def _within(entry: Entry) -> bool:
    return (
        len(entry.language or "") <= MAX_LANGUAGE
        and len(entry.title or "") <= MAX_LINE
        and (not entry.authors or _are_names(entry.authors, MAX_AUTHORS))
        and (not entry.labels or _are_names(entry.labels, MAX_LABELS))
        and (not entry.links or _are_links(entry.links))
        and (not entry.media or _are_media(entry.media))
    )


def _are_names(names: Sequence[str], most: int) -> bool:
    return len(names) <= most and len({*names}) == len(names) and len(max(names, key=len)) <= MAX_NAME


def _are_links(links: Sequence[Link]) -> bool:
    return (
        len(links) <= MAX_LINKS
        and max([len(link.text) for link in links]) <= MAX_LINE
        and max([len(link.rel or "") for link in links]) <= MAX_KIND
    )


def _are_media(media: Sequence[Media]) -> bool:
    return (
        len(media) <= MAX_LINKS
        and max([len(medium.type or "") for medium in media]) <= MAX_KIND
        and max([len(medium.alt or "") for medium in media]) <= MAX_LINE
    )


def _lost(before: Entry | FeedMeta, after: Entry | FeedMeta) -> list[str]:
    lost = [] if before.language == after.language else [f"its language has more than {MAX_LANGUAGE} characters"]
    return lost + ([] if before.title == after.title else [f"its title was cut at {MAX_LINE} characters"])


def _noted(lost: Iterable[str], where: str | None) -> Problem:
    return Problem(code="field-cut", message=f"more than is kept: {', '.join(lost)}", where=where)


def _language(tag: str | None) -> str | None:
    return tag if tag is None or len(tag) <= MAX_LANGUAGE else None


def _cut(text: str | None, length: int) -> str | None:
    return text[:length].rstrip() if text is not None and len(text) > length else text


def _names(names: Iterable[str], most: int) -> tuple[str, ...]:
    return tuple(dict.fromkeys(_cut(name, MAX_NAME) or "" for name in names))[:most]


def _link(link: Link) -> Link:
    return Link(url=link.url, text=_cut(link.text, MAX_LINE) or "", rel=_cut(link.rel, MAX_KIND))


def _medium(medium: Media) -> Media:
    return Media(url=medium.url, type=_cut(medium.type, MAX_KIND), alt=_cut(medium.alt, MAX_LINE))
