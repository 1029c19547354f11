"""One state of a page: the posts as a document shows them, which need not be as the editors wrote them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from deltawire.press.blog import Blog, Label, Post, bare_text


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    """A post in a document. ``post`` is whose it is and is never served; null marks what is no post (an advert).

    ``id`` is the identity that the document states, null for none; ``created_at`` is null where it states no time.
    ``revision`` counts the states that the post has had.
    """

    post: str | None
    id: str | None
    title: str | None
    body: tuple[str, ...]
    author: str
    created_at: datetime | None
    updated_at: datetime | None = None
    labels: frozenset[Label] = frozenset()
    revision: int = 0

    @property
    def text(self) -> str:
        """The body without markup, whitespace collapsed."""
        return bare_text(self.body)


@dataclass(frozen=True, slots=True, kw_only=True)
class Sheet:
    """``items`` are in document order. ``below`` exist and are not shown: they are beyond the window.

    ``gone`` are the withdrawn posts; ``tombstones`` names them (post, stated id, when), for formats that can say so.
    """

    blog: Blog
    items: tuple[Shown, ...]
    gone: frozenset[str] = frozenset()
    tombstones: tuple[tuple[str, str, datetime], ...] = ()
    below: tuple[Shown, ...] = ()

    @property
    def posts(self) -> frozenset[str]:
        return frozenset(item.post for item in self.items if item.post is not None)


def shown(posts: Iterable[Post]) -> tuple[Shown, ...]:
    """The posts as they are."""
    return tuple(
        Shown(
            post=post.id,
            id=post.id,
            title=post.title,
            body=post.body,
            author=post.author,
            created_at=post.created_at,
            updated_at=post.updated_at,
            labels=post.labels,
        )
        for post in posts
    )
