"""The updates of a LiveBlogPosting, and how far what they say of themselves can be trusted."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from functools import partial
from itertools import pairwise
from typing import Any

import msgspec

from deltawire.formats import text as texts
from deltawire.formats import times
from deltawire.formats.assemble import as_entry, distinct, located, source_id, unique_or_next
from deltawire.formats.base import Forgetful, Memo, Unreadable
from deltawire.formats.content import Content, from_markup
from deltawire.formats.memo import recalled
from deltawire.formats.urls import canonical_image, canonical_url, fragment
from deltawire.model import Entry, Media, Problem

Node = Mapping[str, Any]

_BODIES = ("articleBody", "text", "description")
_FORGETFUL = Forgetful()
_NUMBERED = re.compile(r"(\D*)(\d{1,6})")


class _Body(msgspec.Struct, kw_only=True):
    """A body, what was odd about it, and the entry that it stood in last.

    An entry that stands is then the very object of the last look, into which nobody has to look again.
    """

    content: Content
    odd: list[Problem]
    entry: Entry | None = None


def address(node: Node) -> str | None:
    """The address a node gives itself: ``url``, ``@id``, or that of the page it is the main entity of."""
    page = node.get("mainEntityOfPage")
    for value in (node.get("url"), node.get("@id"), page, page.get("@id") if isinstance(page, dict) else None):
        if isinstance(value, str) and value.strip():
            return value.strip()
    return None


def read_updates(
    blog: Node,
    by_id: Mapping[str, Node],
    *,
    base: str,
    language: str | None,
    problems: list[Problem],
    memo: Memo = _FORGETFUL,
) -> list[Entry]:
    """The entries of a blog that has a ``liveBlogUpdate``, in document order; doubts go to ``problems``.

    Only bodies that ``memo`` does not recall are read: all else in an update costs next to nothing.

    Raises:
        Unreadable: there are updates, but none is an object.
    """
    updates = list(_flatten(blog["liveBlogUpdate"], by_id, problems))
    if not updates and blog["liveBlogUpdate"]:
        raise Unreadable(
            "malformed", "the liveBlogUpdate of the LiveBlogPosting holds no object, so no update can be read"
        )
    published, modified = (_times(updates, blog, key, problems) for key in ("datePublished", "dateModified"))
    titles = _titles(updates, blog, problems)
    urls = [canonical_url(value, base) if (value := _text(update.get("url"))) else None for update in updates]
    oldest_first = _rising([moment.at for moment in published if moment])
    ids = _identities(updates, urls, base)
    if _positional(ids) and not oldest_first:
        message = "the updates are numbered by their place on the page, which is no identity"
        problems.append(Problem(code="positional-ids", message=message))
        ids = [None] * len(ids)
        urls = [_placeless(url) for url in urls]
    blog_images = {medium.url for medium in _images(blog.get("image"), base)}
    entries = []
    for number, update in enumerate(updates):
        where = ids[number] or f"update {number + 1}"
        page = urls[number] or base
        stated = [update.get(key) for key in _BODIES]
        body = recalled(memo, f"jsonld\0{page}", stated, partial(_content, stated, page))
        content = body.content
        problems += located((*body.odd, *content.problems), where)
        own = [medium for medium in _images(update.get("image"), base)[:1] if medium.url not in blog_images]
        at, changed = published[number], modified[number]
        entry = as_entry(
            content,
            at,
            changed,
            source_id=ids[number],
            url=urls[number],
            title=titles[number],
            authors=distinct(_names(update.get("author"))),
            language=texts.line(update.get("inLanguage")) or language,
            media=[*own, *_videos(update.get("video"), base)],
        )
        if body.entry is None or body.entry != entry:
            body.entry = entry
        entries.append(body.entry)
    return entries


def _flatten(value: Any, by_id: Mapping[str, Node], problems: list[Problem]) -> Iterator[Node]:
    """The update objects of a list, a list of lists or a single object; references are looked up in the graph."""
    for item in value if isinstance(value, list) else [value]:
        if isinstance(item, list):
            yield from _flatten(item, by_id, problems)
        elif isinstance(item, dict):
            yield by_id.get(item["@id"], item) if len(item) == 1 and isinstance(item.get("@id"), str) else item
        else:
            problems.append(
                Problem(code="bad-update", message="an item of liveBlogUpdate is no object and was left out")
            )


def _times(updates: Sequence[Node], blog: Node, key: str, problems: list[Problem]) -> list[times.Moment | None]:
    """Each update's time, or none at all where they are the article's (the Guardian's are, formats.md 2)."""
    moments = [times.parse_iso(value) if isinstance(value := update.get(key), str) else None for update in updates]
    unread = sum(1 for update, moment in zip(updates, moments, strict=True) if update.get(key) and moment is None)
    if unread:
        problems.append(
            Problem(code="bad-time", message=f"{unread} updates have a {key} that is no time with an offset")
        )
    stated = _text(blog.get(key))
    of_blog = times.parse_iso(stated) if stated else None
    same_headline = texts.line(updates[0].get("headline")) == texts.line(blog.get("headline")) if updates else False
    if of_blog is None or set(moments) != {of_blog} or (len(updates) == 1 and not same_headline):
        return moments
    problems.append(
        Problem(
            code="untrusted-times",
            message=f"the {key} of each update is the article's, so it says nothing of the update",
        )
    )
    return [None] * len(updates)


def _titles(updates: Sequence[Node], blog: Node, problems: list[Problem]) -> list[str | None]:
    titles = [texts.line(update.get("headline")) or texts.line(update.get("name")) for update in updates]
    own = texts.line(blog.get("headline"))
    if own and set(titles) == {own}:
        problems.append(
            Problem(
                code="untrusted-titles",
                message="the headline of each update is the article's, so the updates have none",
            )
        )
        return [None] * len(titles)
    return titles


def _identities(updates: Sequence[Node], urls: Sequence[str | None], base: str) -> list[str | None]:
    """formats.md 8, rule 6: ``@id``, else the address's fragment, else the address, each only where it is unique."""
    page = base.partition("#")[0]

    def stated(index: int) -> str | None:
        value = source_id(updates[index].get("@id"))
        if value is None or ":/" not in value:
            return value.removeprefix("#") if value else None
        url = canonical_url(value, base)
        return None if url is None or url == page else source_id(fragment(url)) or url

    def by_fragment(index: int) -> str | None:
        url = urls[index]
        return source_id(fragment(url)) if url else None

    def by_address(index: int) -> str | None:
        url = urls[index]
        return url if url and url.partition("#")[0] != page else None

    return unique_or_next([stated, by_fragment, by_address], len(updates))


def _positional(ids: Sequence[str | None]) -> bool:
    """Whether the ids count the updates from the top (``#post1``, ``#post2``, …): a new update would shift them all."""
    matches = [_NUMBERED.fullmatch(value or "") for value in ids]
    if not matches or not all(matches):
        return False
    numbered = [(match[1], int(match[2])) for match in matches if match]
    first = numbered[0][1]
    return first in (0, 1) and numbered == [(numbered[0][0], first + index) for index in range(len(numbered))]


def _placeless(url: str | None) -> str | None:
    """The address without a fragment that only counts: it would be another one with every new update."""
    return url.partition("#")[0] if url and _NUMBERED.fullmatch(fragment(url) or "") else url


def _rising(moments: Sequence[datetime]) -> bool:
    return bool(moments) and moments[0] < moments[-1] and all(a <= b for a, b in pairwise(moments))


def _content(stated: Sequence[Any], base: str) -> _Body:
    problems: list[Problem] = []
    return _Body(content=from_markup(_body(stated, problems), base), odd=problems)


def _body(stated: Sequence[Any], problems: list[Problem]) -> str:
    for key, value in zip(_BODIES, stated, strict=True):
        if isinstance(value, dict):
            inner = _text(value.get("@value")) or _text(value.get("text"))
            problems.append(
                Problem(code="odd-body", message=f"{key} is an object{'' if inner else ' without text'}, no string")
            )
            value = inner
        if isinstance(value, list):
            value = "\n".join(part for part in value if isinstance(part, str))
        if isinstance(value, str) and value.strip():
            return value
    return ""


def _names(author: Any) -> Iterator[str | None]:
    for person in author if isinstance(author, list) else [author]:
        if isinstance(person, list):
            yield from _names(person)
        else:
            yield texts.line(person.get("name") if isinstance(person, dict) else person)


def _images(image: Any, base: str) -> list[Media]:
    found = []
    for item in image if isinstance(image, list) else [image]:
        url = _text(item.get("url") or item.get("contentUrl")) if isinstance(item, dict) else _text(item)
        canonical = canonical_image(url, base) if url else None
        if canonical:
            found.append(
                Media(
                    url=canonical, type="image", alt=texts.line(item.get("caption")) if isinstance(item, dict) else None
                )
            )
    return found


def _videos(video: Any, base: str) -> list[Media]:
    found = []
    for item in video if isinstance(video, list) else [video]:
        if isinstance(item, dict):
            url = next((text for key in ("contentUrl", "embedUrl", "url") if (text := _text(item.get(key)))), None)
            canonical = canonical_image(url, base) if url else None
            if canonical:
                found.append(Media(url=canonical, type="video", alt=texts.line(item.get("name"))))
    return found


def _text(value: Any) -> str | None:
    return value if isinstance(value, str) and value.strip() else None
