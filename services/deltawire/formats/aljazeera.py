"""Al Jazeera's GraphQL answers: a live blog that only lists its updates, and the updates one by one (formats.md 7)."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC
from typing import Any, ClassVar

import orjson

from deltawire.formats import text as texts
from deltawire.formats import times
from deltawire.formats.assemble import Read, as_entry, distinct, located, reading, source_id
from deltawire.formats.base import Raw, Unreadable
from deltawire.formats.content import from_html
from deltawire.formats.foreign import items, load_json, mapping, objects, opening, string
from deltawire.formats.memo import recalled
from deltawire.formats.urls import asking, canonical_url
from deltawire.grammar import counted
from deltawire.model import Entry, FeedMeta, Problem, Reading

SITE = "https://www.aljazeera.com/"

_DATA = re.compile(rb'\{\s*"data"\s*:\s*\{')
_NUMBER = re.compile(r"\d{1,19}", re.ASCII)
Node = Mapping[str, Any]


class AlJazeera:
    """A blog names its updates and holds none, an update is one entry: a ``delta`` either way.

    Ids are numbers in one list and text in another, and do not grow in the order of the updates.
    """

    name: ClassVar[str] = "aljazeera"
    version: ClassVar[int] = 3

    def claims(self, raw: Raw) -> bool:
        if _DATA.match(opening(raw)) is None:
            return False
        shell = b'"article"' in raw.body and b'"children"' in raw.body
        return shell or (b'"posts"' in raw.body and b'"liveblog-update"' in raw.body)

    def read(self, raw: Raw) -> Reading:
        loaded = load_json(raw)
        data = mapping(mapping(loaded.value).get("data"))
        blog, post = mapping(data.get("article")), mapping(data.get("posts"))
        problems = loaded.problems
        entries: list[Entry] = []
        if "children" not in blog and post.get("postType") != "liveblog-update":
            raise Unreadable(
                "not-a-live-blog", "the answer has neither the children of a live blog nor an update of one"
            )
        if post:
            entry, found = recalled(raw.memo, self.name, dict(post), lambda: _entry(post))
            entries.append(entry)
            problems += found
        children = _children(blog)
        more = [address for child in children if (address := _address(raw.url, child))]
        if children and not more:
            listed = counted(len(children), "update")
            message = f"the document lists {listed}, each a document of its own, which run asks for"
            problems.append(Problem(code="updates-elsewhere", message=message))
        live = blog.get("isLive")
        return reading(
            format=self.name,
            version=self.version,
            feed=FeedMeta(
                title=texts.line(blog.get("replacementHeadline")) or texts.line(blog.get("title")),
                url=canonical_url(string(blog, "link") or string(post, "link"), SITE),
                live=live if isinstance(live, bool) else None,
                time_zone="UTC" if post else None,
            ),
            coverage="delta",
            entries=entries,
            problems=problems,
            more=more,
        )


def _children(blog: Node) -> list[str]:
    """The ids of a blog's updates, in its order; they stand in two lists, of which either can be missing."""
    children = blog.get("children")
    listed = [source_id(child) for child in children] if isinstance(children, list) else []
    return list(distinct([*listed, *(source_id(child.get("id")) for child in objects(blog.get("childrenMeta")))]))


def _address(here: str, child: str) -> str | None:
    """Where the site's own page asks for an update: at the same place, by another operation."""
    if not _NUMBER.fullmatch(child):
        return None
    variables = {"postID": int(child), "postType": "liveblog-update", "preview": "", "isAmp": False}
    asked = orjson.dumps(variables).decode()
    return asking(here, operationName="LiveBlogUpdateQuery", variables=asked, extensions="{}")


def _entry(post: Node) -> Read:
    identity = source_id(post.get("id"))
    where = identity or "an update without id"
    problems: list[Problem] = []
    content = from_html(string(post, "content"), SITE)
    # Without an offset, and in UTC: childrenMeta has the same instant as an epoch.
    published, updated = (_moment(post.get(key)) for key in ("date", "modified_gmt"))
    if published is None:
        problems.append(
            Problem(code="bad-time", message="the update has no time of publication that can be read", where=where)
        )
    names = [person.get("name") for person in objects(post.get("author"))]
    names += [post.get("writeInAuthor"), mapping(post.get("writeInCoAuthor")).get("name")]
    labels = [texts.line(label) or texts.line(mapping(label).get("name")) for label in items(post.get("postLabel"))]
    return as_entry(
        content,
        published,
        updated,
        source_id=identity,
        title=None if post.get("shouldDisplayTitle") is False else texts.line(post.get("title")),
        authors=distinct(map(texts.line, names)),
        labels=distinct(labels),
    ), (*problems, *located(content.problems, where))


def _moment(value: object) -> times.Moment | None:
    return times.parse_iso(value, UTC) if isinstance(value, str) else None
