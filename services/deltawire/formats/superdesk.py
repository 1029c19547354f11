"""Sourcefabric's Live Blog, formerly Superdesk: what ``/api/client_blogs/<id>/posts`` answers (formats.md 5)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from functools import partial
from itertools import pairwise
from typing import Any, ClassVar
from urllib.parse import parse_qsl, urlsplit, urlunsplit

import msgspec

from deltawire.formats import text as texts
from deltawire.formats import times
from deltawire.formats.assemble import Read, as_entry, distinct, located, reading, source_id
from deltawire.formats.base import Raw, Unreadable
from deltawire.formats.content import from_html
from deltawire.formats.foreign import items, load_json, mapping, objects, opening, string
from deltawire.formats.memo import recalled
from deltawire.formats.urls import asking
from deltawire.model import Coverage, Entry, FeedMeta, Problem, Reading, Tombstone

_LIVE = {"open": True, "closed": False}
Post = Mapping[str, Any]


class Superdesk:
    """A page of posts, one post (``client_posts/<id>``, a ``delta``), or the blog itself, which names its posts.

    A page with all posts is ``full``, one in order a ``window``, a selection by time a ``delta``.
    """

    name: ClassVar[str] = "superdesk"
    version: ClassVar[int] = 2

    def claims(self, raw: Raw) -> bool:
        if opening(raw)[:1] != b"{":
            return False
        envelope = b'"_items"' in raw.body and b'"_meta"' in raw.body
        # A blog without posts is told by its address in the envelope.
        is_posts = b'"post_status"' in raw.body or (b"client_blogs" in raw.body and envelope)
        return (is_posts and (envelope or b'"groups"' in raw.body)) or b'"blog_status"' in raw.body

    def read(self, raw: Raw) -> Reading:
        loaded = load_json(raw)
        document = mapping(loaded.value)
        if isinstance(document.get("_items"), list) or "posts" not in document:
            page, blog = document, document
        else:
            page, blog = mapping(document["posts"]), document
        posts, coverage, more = _posts(page, raw.url)
        problems = loaded.problems
        entries: list[Entry] = []
        for post in posts:
            if _is_shown(post, raw.fetched_at):
                entry, found = recalled(
                    raw.memo, f"{self.name}\0{raw.url}", _read_of(post), partial(_entry, post, raw.url)
                )
                entries.append(entry)
                problems += found
        read = reading(
            format=self.name,
            version=self.version,
            feed=FeedMeta(
                title=texts.line(blog.get("title")),
                url=string(blog, "public_url") or None,
                live=_LIVE.get(string(blog, "blog_status")),
            ),
            coverage=coverage,
            entries=entries,
            problems=problems,
            tombstones=_tombstones(posts),
            more=more,
        )
        return _reaching(read, [_time(post, "_updated") for post in posts]) if coverage == "window" else read


def _posts(page: Post, here: str) -> tuple[list[Post], Coverage, list[str]]:
    """The posts of the document, what they cover, and where there are more.

    Raises:
        Unreadable: it holds none and is no blog either.
    """
    if isinstance(page.get("_items"), list):
        posts = objects(page["_items"])
        meta = mapping(page.get("_meta"))
        number, total = meta.get("page", 1), meta.get("total")
        if _selects_by_time(here):
            return posts, "delta", []
        if number == 1 and isinstance(total, int) and total <= len(posts):
            return posts, "full", []
        # The server's own link leaves out what else was asked for, so it is only a sign that there is a next page.
        if not isinstance(number, int) or "next" not in mapping(page.get("_links")):
            return posts, "window", []
        following = asking(here, page=str(number + 1))
        return posts, "window", [following] if following else []
    if isinstance(page.get("groups"), list):
        return [page], "delta", []
    if "blog_status" in page:
        parts = urlsplit(here)
        below = f"{parts.path.rstrip('/')}/posts"
        return [], "delta", [urlunsplit(parts._replace(path=below))] if parts.scheme in ("http", "https") else []
    raise Unreadable("not-a-live-blog", "the JSON has neither posts of a Superdesk Live Blog nor a blog's status")


def _selects_by_time(address: str) -> bool:
    """Whether only posts that changed lately were asked for: those that are missing did not change."""
    asked = dict(parse_qsl(urlsplit(address).query))
    return "where" in asked or '"range"' in asked.get("source", "")


def _reaching(read: Reading, changed: Sequence[datetime | None]) -> Reading:
    """The window with what says nothing about its reach set aside.

    Unless asked otherwise the posts stand by ``_updated``, newest first: all that was published since the last one's
    ``_updated`` is there, and an older one only because it was touched.
    """
    known = [at for at in changed if at is not None]
    if not known or len(known) < len(changed) or any(later > earlier for earlier, later in pairwise(known)):
        return read
    aside = [n for n, entry in enumerate(read.entries) if entry.published_at and entry.published_at < known[-1]]
    if len(aside) == len(read.entries):
        return msgspec.structs.replace(read, coverage="delta")
    order = "newest-first" if read.feed.order == "unordered" else read.feed.order
    return msgspec.structs.replace(
        read,
        feed=msgspec.structs.replace(read.feed, order=order),
        aside=tuple(sorted({*read.aside, *aside})),
    )


def _is_shown(post: Post, now: datetime | None) -> bool:
    if post.get("deleted") is True or post.get("post_status", "open") != "open" or _is_advert(post):
        return False
    published, changed = _time(post, "published_date"), _time(post, "_updated")
    if now is None or published is None or published <= now:
        return True
    # Our clock may be behind the server's: a post for later is one whose time was to come when the server wrote it.
    return changed is not None and published <= changed


def _is_advert(post: Post) -> bool:
    kinds = [string(item, "item_type").lower() for item in _items(post)]
    return bool(kinds) and all(kind.startswith("advertisement") for kind in kinds)


def _tombstones(posts: Sequence[Post]) -> list[Tombstone]:
    """The posts that were deleted, or unpublished after they had been published."""
    found = []
    for post in posts:
        identity = source_id(post.get("_id"))
        deleted = post.get("deleted") is True
        unpublished = post.get("post_status", "open") != "open" and _time(post, "unpublished_date") is not None
        if identity is not None and (deleted or unpublished):
            at = _time(post, "_updated" if deleted else "unpublished_date")
            found.append(Tombstone(source_id=identity, at=at))
    return found


def _items(post: Post) -> list[Post]:
    """The content of a post. An edited post gets new items, so these are never asked for their identity."""
    groups = [group for group in objects(post.get("groups")) if group.get("id") != "root"]
    return [mapping(ref.get("item")) for group in groups for ref in objects(group.get("refs"))]


def _entry(post: Post, base: str) -> Read:
    identity = source_id(post.get("_id"))
    where = identity or "a post without _id"
    problems: list[Problem] = []
    content = from_html("\n".join(_html(item) for item in _items(post)), base)
    published = times.parse(post.get("published_date")) or times.inferred(times.parse(post.get("_created")))
    # _updated moves too when a post is pinned, highlighted or put elsewhere.
    updated = times.parse(post.get("content_updated_date")) or times.parse(post.get("_updated"))
    if published is None:
        problems.append(
            Problem(code="bad-time", message="the post has no time of publication that can be read", where=where)
        )
    labels = [
        "key-event" if post.get("lb_highlight") is True or post.get("highlight") is True else None,
        "pinned" if post.get("sticky") is True else None,
        *(_tag(tag) for tag in items(post.get("tags"))),
    ]
    return as_entry(
        content,
        published,
        updated,
        source_id=identity,
        title=texts.line(post.get("headline")),
        authors=distinct([texts.line(post.get("byline")) or texts.line(mapping(post.get("publisher")).get("byline"))]),
        language=texts.line(post.get("language")),
        labels=distinct(labels),
    ), (*problems, *located(content.problems, where))


def _html(item: Post) -> str:
    text = string(item, "text")
    return text if texts.has_tags(text) else f"<p>{text}</p>"


def _tag(tag: object) -> str | None:
    return texts.line(tag) or texts.line(mapping(tag).get("name"))


def _read_of(post: Post) -> list[Any]:
    """The parts of a post that are read, without the account of whoever wrote it."""
    keys = ("_id", "headline", "byline", "language", "published_date", "_created", "content_updated_date", "_updated")
    publisher = mapping(post.get("publisher")).get("byline")
    content = [item.get("text") for item in _items(post)]
    return [
        content,
        publisher,
        post.get("tags"),
        *(post.get(k) for k in (*keys, "lb_highlight", "highlight", "sticky")),
    ]


def _time(post: Post, key: str) -> datetime | None:
    moment = times.parse(post.get(key))
    return moment.at if moment else None
