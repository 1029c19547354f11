"""Every format that the press can render, and what each can and cannot say.

A new format is one function ``draw(sheet, noise) -> str`` and one line in ``FORMATS``.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from random import Random
from typing import Literal

from deltawire.press import amp, feeds, guardian, guardian_page, markup, page, plain, quintype, superdesk, wordpress
from deltawire.press.blog import Blog
from deltawire.press.noise import Noise
from deltawire.press.shown import Sheet, shown

FormatName = Literal[
    "rss",
    "atom",
    "json-feed",
    "json-ld",
    "guardian",
    "guardian-page",
    "amp",
    "mirror",
    "express",
    "microdata",
    "superdesk",
    "wordpress",
    "quintype",
    "text",
]
Part = Literal[
    "title", "labels", "author", "id", "markup", "updated", "tombstone", "document-time", "end-mark", "polled"
]


@dataclass(frozen=True, slots=True)
class Format:
    """``coverage``: whether what is missing is gone (full) or may have scrolled off (window).

    ``carries`` are the parts that a reader can tell, besides a post's text and when it was published: of a post its
    ``title``, ``labels``, ``author``, own ``id``, ``markup`` (links, pictures), time ``updated`` and ``tombstone``;
    of the document a ``document-time`` that moves with every edit, and an ``end-mark`` without which it was cut off.
    ``polled``: pages ask for what is new, at an address that says so, and answers need not show the rest.
    ``strict``: every entry of such a document has its own id and time; sources cannot leave them out.
    """

    draw: Callable[[Sheet, Noise], str]
    suffix: str
    content_type: str
    coverage: Literal["full", "window"]
    carries: frozenset[Part]
    strict: bool = False


_POST: tuple[Part, ...] = ("title", "labels", "author", "id", "markup")
_RSS: frozenset[Part] = frozenset((*_POST, "document-time", "end-mark"))
_ATOM: frozenset[Part] = frozenset((*_POST, "updated", "tombstone", "document-time", "end-mark"))
_JSON_FEED: frozenset[Part] = frozenset((*_POST, "updated", "end-mark"))
_JSON_LD: frozenset[Part] = frozenset(("title", "author", "id", "markup", "updated", "document-time", "end-mark"))
_GUARDIAN: frozenset[Part] = frozenset((*_POST, "updated", "document-time", "end-mark"))
_GUARDIAN_PAGE: frozenset[Part] = frozenset((*_POST, "updated", "end-mark"))
_AMP: frozenset[Part] = frozenset(("title", "author", "id", "markup", "updated", "tombstone", "end-mark", "polled"))
_MARKUP: frozenset[Part] = frozenset(("title", "author", "id", "markup", "updated", "end-mark"))
_SUPERDESK: frozenset[Part] = frozenset((*_POST, "updated", "tombstone", "end-mark"))
_WORDPRESS: frozenset[Part] = frozenset(("title", "author", "id", "markup", "updated", "end-mark"))
_QUINTYPE: frozenset[Part] = frozenset(("title", "id", "markup", "updated", "end-mark"))
_TEXT: frozenset[Part] = frozenset(("updated",))

FORMATS: dict[FormatName, Format] = {
    "rss": Format(feeds.rss, ".rss", "application/rss+xml; charset=utf-8", "window", _RSS),
    "atom": Format(feeds.atom, ".atom", "application/atom+xml; charset=utf-8", "window", _ATOM),
    "json-feed": Format(feeds.json_feed, ".json", "application/feed+json", "window", _JSON_FEED),
    "json-ld": Format(page.html_page, ".html", "text/html; charset=utf-8", "window", _JSON_LD),
    "guardian": Format(guardian.content_api, "/capi.json", "application/json", "full", _GUARDIAN, strict=True),
    "guardian-page": Format(
        guardian_page.page_model, "/page.json", "application/json", "window", _GUARDIAN_PAGE, strict=True
    ),
    "amp": Format(amp.amp_page, ".amp.html", "text/html; charset=utf-8", "window", _AMP, strict=True),
    "mirror": Format(markup.mirror, "/mirror.html", "text/html; charset=utf-8", "window", _MARKUP, strict=True),
    "express": Format(markup.express, "/express.html", "text/html; charset=utf-8", "window", _MARKUP, strict=True),
    "microdata": Format(markup.microdata, "/microdata.html", "text/html; charset=utf-8", "window", _MARKUP),
    "superdesk": Format(superdesk.client_posts, "/posts.json", "application/json", "window", _SUPERDESK, strict=True),
    "wordpress": Format(wordpress.first_page, "/entries.json", "application/json", "window", _WORDPRESS, strict=True),
    "quintype": Format(quintype.story, "/story.json", "application/json", "full", _QUINTYPE, strict=True),
    "text": Format(plain.plain_text, ".txt", "text/plain; charset=utf-8", "window", _TEXT),
}


def render(blog: Blog, name: FormatName, *, noise: Random | None = None, window: int | None = None) -> bytes:
    """The blog in a format, UTF-8; only its ``window`` newest posts unless that is null.

    With ``noise`` each render differs in ways without editorial meaning.
    """
    return draw(Sheet(blog=blog, items=shown(blog.newest(window))), name, noise)


def draw(sheet: Sheet, name: FormatName, noise: Random | None = None) -> bytes:
    """A state of a page in a format, UTF-8."""
    return FORMATS[name].draw(sheet, Noise(noise)).encode()
