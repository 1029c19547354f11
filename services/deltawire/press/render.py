"""Every format that the press can render, and what each can and cannot say."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from random import Random
from typing import Literal

from deltawire.press import feeds, guardian, page, plain
from deltawire.press.blog import Blog, Post
from deltawire.press.noise import Noise

FormatName = Literal["rss", "atom", "json-feed", "json-ld", "guardian", "text"]
Part = Literal["title", "labels", "author"]


@dataclass(frozen=True, slots=True)
class Format:
    """``coverage``: whether what is missing is gone (full) or may have scrolled off (window).

    ``carries`` are the parts of a post that a reader can tell, besides its text and when it was published.
    """

    draw: Callable[[Blog, tuple[Post, ...], Noise], str]
    suffix: str
    content_type: str
    coverage: Literal["full", "window"]
    carries: frozenset[Part]


_ALL: frozenset[Part] = frozenset(("title", "labels", "author"))

FORMATS: dict[FormatName, Format] = {
    "rss": Format(feeds.rss, ".rss", "application/rss+xml; charset=utf-8", "window", _ALL),
    "atom": Format(feeds.atom, ".atom", "application/atom+xml; charset=utf-8", "window", _ALL),
    "json-feed": Format(feeds.json_feed, ".json", "application/feed+json", "window", _ALL),
    "json-ld": Format(page.html_page, ".html", "text/html; charset=utf-8", "window", frozenset(("title", "author"))),
    "guardian": Format(guardian.content_api, "/capi.json", "application/json", "full", _ALL),
    "text": Format(plain.plain_text, ".txt", "text/plain; charset=utf-8", "window", frozenset()),
}


def render(blog: Blog, name: FormatName, *, noise: Random | None = None, window: int | None = None) -> bytes:
    """The blog in a format, UTF-8; only its ``window`` newest posts unless that is null.

    With ``noise`` each render differs in ways without editorial meaning.
    """
    return FORMATS[name].draw(blog, blog.newest(window), Noise(noise)).encode()
