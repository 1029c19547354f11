"""A live blog as its own editors see it: posts, and the operations on them. Pure; times are aware, in UTC."""

from __future__ import annotations

import html
import re
from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Literal

Label = Literal["key-event", "pinned", "summary"]

_BLOCK_END = re.compile(r"</(?:p|li|ul|blockquote|figure|figcaption)>|<br>")
_TAG = re.compile(r"<[^>]+>")


def bare_text(body: Iterable[str]) -> str:
    """HTML blocks without markup, whitespace collapsed."""
    bare = _TAG.sub("", _BLOCK_END.sub(" ", " ".join(body)))
    return " ".join(html.unescape(bare).split())


@dataclass(frozen=True, slots=True, kw_only=True)
class Post:
    """``body`` holds one HTML element a paragraph, quotation, list or figure. ``updated_at`` is the editor's stamp."""

    id: str
    title: str | None
    body: tuple[str, ...]
    author: str
    created_at: datetime
    updated_at: datetime | None = None
    labels: frozenset[Label] = frozenset()

    @property
    def text(self) -> str:
        """The body without markup, whitespace collapsed."""
        return bare_text(self.body)


@dataclass(frozen=True, slots=True, kw_only=True)
class Blog:
    """``posts`` are newest first by creation. ``withdrawn`` are kept so that they can be restored."""

    key: str
    title: str
    url: str
    section: str
    standfirst: str
    publication: str
    modified_at: datetime
    language: str = "en-GB"
    posts: tuple[Post, ...] = ()
    withdrawn: tuple[Post, ...] = ()
    ended: bool = False

    def post(self, post_id: str) -> Post:
        for post in self.posts:
            if post.id == post_id:
                return post
        raise ValueError(f"the blog {self.key!r} shows no post {post_id!r}")

    def newest(self, window: int | None) -> tuple[Post, ...]:
        """What a page that shows only ``window`` posts shows; all of them for null."""
        return self.posts[:window]


@dataclass(frozen=True, slots=True, kw_only=True)
class Add:
    post: str
    body: tuple[str, ...]
    author: str
    title: str | None = None
    labels: frozenset[Label] = frozenset()


@dataclass(frozen=True, slots=True, kw_only=True)
class Edit:
    """Null leaves a part as it is. A ``silent`` edit does not move the editor's stamp."""

    post: str
    body: tuple[str, ...] | None = None
    title: str | None = None
    silent: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Mark:
    """Give a post exactly these labels (pin it, say). The editor's stamp does not move."""

    post: str
    labels: frozenset[Label]


@dataclass(frozen=True, slots=True, kw_only=True)
class Withdraw:
    post: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Restore:
    """Show a withdrawn post again, in its old place and as it was."""

    post: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Retitle:
    title: str


@dataclass(frozen=True, slots=True, kw_only=True)
class End:
    title: str | None = None


Operation = Add | Edit | Mark | Withdraw | Restore | Retitle | End


def apply(blog: Blog, operation: Operation, now: datetime) -> Blog:
    """The blog after the operation.

    Raises:
        ValueError: the operation names a post that is not there (or, for ``Add``, one that is).
    """
    return replace(_applied(blog, operation, now), modified_at=now)


def _applied(blog: Blog, operation: Operation, now: datetime) -> Blog:
    match operation:
        case Add():
            if any(post.id == operation.post for post in blog.posts + blog.withdrawn):
                raise ValueError(f"the blog {blog.key!r} already has a post {operation.post!r}")
            added = Post(
                id=operation.post,
                title=operation.title,
                body=operation.body,
                author=operation.author,
                created_at=now,
                labels=operation.labels,
            )
            return replace(blog, posts=in_order((*blog.posts, added)))
        case Edit():
            old = blog.post(operation.post)
            new = replace(
                old,
                body=old.body if operation.body is None else operation.body,
                title=old.title if operation.title is None else operation.title,
                updated_at=old.updated_at if operation.silent else now,
            )
            return _with(blog, new)
        case Mark():
            return _with(blog, replace(blog.post(operation.post), labels=operation.labels))
        case Withdraw():
            gone = blog.post(operation.post)
            kept = tuple(post for post in blog.posts if post is not gone)
            return replace(blog, posts=kept, withdrawn=(*blog.withdrawn, gone))
        case Restore():
            for back in blog.withdrawn:
                if back.id == operation.post:
                    kept = tuple(post for post in blog.withdrawn if post is not back)
                    return replace(blog, posts=in_order((*blog.posts, back)), withdrawn=kept)
            raise ValueError(f"the blog {blog.key!r} has withdrawn no post {operation.post!r}")
        case Retitle():
            return replace(blog, title=operation.title)
        case End():
            return replace(blog, title=operation.title or blog.title, ended=True)


def in_order(posts: Iterable[Post]) -> tuple[Post, ...]:
    """Newest first by creation."""
    return tuple(sorted(posts, key=lambda post: post.created_at, reverse=True))


def _with(blog: Blog, new: Post) -> Blog:
    return replace(blog, posts=tuple(new if post.id == new.id else post for post in blog.posts))
