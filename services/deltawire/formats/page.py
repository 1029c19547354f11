"""HTML pages: what can be had from one without believing its structure: its JSON-LD scripts and its title."""

from __future__ import annotations

import re
from typing import NamedTuple

from deltawire.formats import text as texts
from deltawire.formats.base import Unreadable

_START = re.compile(r"<!--|<script\b([^<>]*)>", re.IGNORECASE)
_END = re.compile(r"</script", re.IGNORECASE)
_JSONLD = re.compile(r"""\btype\s*=\s*["']?\s*application/ld\+json""", re.IGNORECASE)
_TITLE = re.compile(r"<title[^<>]*>([^<]*)", re.IGNORECASE)
_WALL = re.compile(
    r"captcha|just a moment|attention required|are you (?:a robot|human)|verify (?:that )?you are (?:a )?human"
    r"|access denied|checking your browser|unusual traffic|enable javascript and cookies",
    re.IGNORECASE,
)
_JSONLD_UPDATES = re.compile(rb"liveBlogUpdate(?:\"|&quot;)\s*:")
_HEAD = 100_000
_MAX_SCRIPTS = 500


class Script(NamedTuple):
    """A JSON-LD script: its place among the page's JSON-LD scripts (from 1), where its text starts, and the text.

    ``closed`` is false if the page ends inside of it.
    """

    number: int
    offset: int
    text: str
    closed: bool


def jsonld_scripts(html: str) -> list[Script]:
    """The page's ``application/ld+json`` scripts, those in comments left out. Linear in the page.

    Raises:
        Unreadable: there are more than 500.
    """
    scripts: list[Script] = []
    position = 0
    while match := _START.search(html, position):
        if match[0] == "<!--":
            end = html.find("-->", match.end())
            if end < 0:
                break
            position = end + 3
            continue
        close = _END.search(html, match.end())
        end = close.start() if close else len(html)
        if _JSONLD.search(match[1]):
            scripts.append(Script(len(scripts) + 1, match.end(), html[match.end() : end], close is not None))
            if len(scripts) > _MAX_SCRIPTS:
                raise Unreadable("malformed", f"the page has more than {_MAX_SCRIPTS} JSON-LD scripts")
        position = end
        if close is None:
            break
    return scripts


def is_markup(body: bytes) -> bool:
    return body[:512].lstrip(b"\xef\xbb\xbf \t\r\n\0")[:1] == b"<"


def has_jsonld_updates(body: bytes) -> bool:
    """Whether the page tells its entries as JSON-LD too, at a glance."""
    return _JSONLD_UPDATES.search(body) is not None


def describe(html: str) -> str:
    """What kind of page this is, for an error message: its title, and whether it looks like a bot wall."""
    title = _title(html)
    if is_wall(html):
        named = f' titled "{title[:120]}"' if title else ""
        return f"a captcha page (or another block of automated visitors){named}"
    return f'an HTML page titled "{title[:120]}"' if title else "an HTML page without a title"


def is_wall(html: str) -> bool:
    """Whether the page looks like what keeps automated visitors out: a captcha, or a refusal."""
    head = html[:_HEAD]
    return bool(_WALL.search(_title(html) or "") or (len(html) < _HEAD and _WALL.search(texts.line(head) or "")))


def _title(html: str) -> str | None:
    found = _TITLE.search(html[:_HEAD])
    return texts.line(found[1]) if found else None
