"""HTML pages whose entries are elements of the page: the tree of the page, and pieces of it as markup again."""

from __future__ import annotations

import re
from collections.abc import Callable, Container, Iterator
from typing import TypeVar

from lxml import etree

from deltawire.formats import text as texts
from deltawire.formats.base import Memo, Raw, Unreadable
from deltawire.formats.content import tree
from deltawire.formats.page import describe
from deltawire.formats.urls import canonical_url
from deltawire.model import FeedMeta, Problem

T = TypeVar("T")

_HIDDEN = re.compile(r"<!--|<(?:script|style|template)\b", re.IGNORECASE)
_HIDDEN_END = re.compile(r"</(?:script|style|template)\s*>", re.IGNORECASE)
_ROOT = re.compile(r"</?(?:html|body)\b[^<>]*>|<!doctype[^<>]*>", re.IGNORECASE)
_LANGUAGE = re.compile(r"""<html\b[^<>]{0,2000}?\blang\s*=\s*["']?([\w-]{2,35})""", re.IGNORECASE)
_END = re.compile(r"</(?:body|html|amp-live-list)\s*>", re.IGNORECASE)
_NAME = re.compile(r"<([a-z][\w-]*)", re.IGNORECASE)
_HEADINGS = ("h1", "h2", "h3", "h4")
_AMP_TAGS = {"amp-img": "img", "amp-anim": "img", "amp-iframe": "iframe", "amp-video": "video", "amp-audio": "audio"}
_AMP_EMBEDS = {
    "amp-youtube": ("data-videoid", "iframe", "src", "https://www.youtube.com/embed/{}"),
    "amp-twitter": ("data-tweetid", "a", "href", "https://twitter.com/i/status/{}"),
}


class Page:
    """A page, parsed. ``problems`` begins with what was wrong with its bytes.

    Raises:
        Unreadable: it cannot be parsed within bounds.
    """

    def __init__(self, raw: Raw) -> None:
        self.text, wrong_bytes = texts.decode(raw.body, raw.content_type)
        self.url = raw.url
        self.problems = [Problem(code="bad-bytes", message=wrong_bytes)] if wrong_bytes else []
        root = tree(_ROOT.sub(" ", texts.clean(self.text)))
        if root is None:
            raise Unreadable("malformed", f"{describe(self.text)} is nested too deeply to be read, or breaks off")
        self.root = root

    def meta(self) -> FeedMeta:
        """What the page says of itself: its headline (``h1``, else ``og:title``, else its title) and its address."""
        stated: dict[str, str | None] = {}
        for node in self.root.iter("meta"):
            stated.setdefault(node.get("property") or node.get("name") or "", node.get("content"))
        titles = (line(node) for tag in ("h1", "title") for node in self.root.iter(tag))
        headline = next((line(node) for node in self.root.iter("h1")), None)
        canonical = next((n.get("href") for n in self.root.iter("link") if n.get("rel") == "canonical"), None)
        language = _LANGUAGE.search(self.text)
        return FeedMeta(
            title=headline or texts.line(stated.get("og:title")) or next(filter(None, titles), None),
            url=canonical_url(canonical or "", self.url),
            language=language[1] if language else None,
        )

    def require_whole(self, entry: re.Pattern[str]) -> None:
        """Refuse a page that was cut off: half an entry is no edit, and half a list no removal.

        It is whole if it ends as pages do, or if the element is closed that holds all entries, whose start tags
        ``entry`` matches.

        Raises:
            Unreadable: ``cut-off``.
        """
        shown = _visible(self.text)
        starts = [shown.rfind("<", 0, match.end()) for match in entry.finditer(shown)]
        if not starts or _END.search(shown, starts[-1]) or _closes_what_holds(shown, starts[0], starts[-1]):
            return
        raise Unreadable("cut-off", f"{describe(self.text)} was cut off: it ends inside an entry, or among them")


def _visible(html: str) -> str:
    """The markup without comments, scripts and styles, in which anything may stand. Linear in the page."""
    pieces = []
    position = 0
    while start := _HIDDEN.search(html, position):
        pieces.append(html[position : start.start()])
        if start[0] == "<!--":
            end = html.find("-->", start.end()) + 3
        else:
            closing = _HIDDEN_END.search(html, start.end())
            end = closing.end() if closing else 2
        if end < start.end():
            return "".join(pieces)
        position = end
    return "".join([*pieces, html[position:]])


def _closes_what_holds(html: str, first: int, last: int) -> bool:
    """Whether after the last entry an element of the entries' own kind ends that began before the first one."""
    name = _NAME.match(html, first)
    if name is None:
        return False
    depth = 0
    for tag in re.finditer(rf"<(/?){re.escape(name[1])}(?![\w-])[^<>]*>", html[first:], re.IGNORECASE):
        depth += -1 if tag[1] else 1
        if depth < 0:
            return first + tag.start() > last
    return False


def classes(element: etree._Element) -> list[str]:
    return (element.get("class") or "").split()


def elements(element: etree._Element) -> Iterator[etree._Element]:
    """The elements inside of one, without comments."""
    for node in element.iterdescendants():
        if isinstance(node.tag, str):
            yield node


def heading(element: etree._Element) -> etree._Element | None:
    """The first heading inside of an element."""
    return next((node for node in elements(element) if node.tag in _HEADINGS), None)


def line(element: etree._Element | None) -> str | None:
    """The text of an element as one line."""
    return None if element is None else texts.line("".join(map(str, element.itertext())), escaped=False)


def recalled(memo: Memo, context: str, element: etree._Element, read: Callable[[], T]) -> T:
    """What ``read`` makes of an element as it came; all else that it depends on is in ``context``."""
    segment = etree.tostring(element, encoding="utf-8", method="html", with_tail=False)
    return memo.recall(context.encode("utf-8", "surrogatepass") + b"\0" + segment, read)


def markup(element: etree._Element, without: Container[etree._Element] = ()) -> str:
    """The element as HTML, AMP's own elements as what they stand for. Changes the tree: nothing else reads it then.

    ``without`` are elements inside of it that are left out; the text around them stays.
    """
    for node in list(elements(element)):
        if node in without:
            drop(node)
        elif node.tag in _AMP_TAGS:
            node.tag = _AMP_TAGS[str(node.tag)]
        elif node.tag in _AMP_EMBEDS:
            name, tag, target, address = _AMP_EMBEDS[str(node.tag)]
            if value := node.get(name):
                node.tag = tag
                node.set(target, address.format(value))
                node.text = node.text or (address.format(value) if tag == "a" else None)
    return etree.tostring(element, encoding="unicode", method="html", with_tail=False)


def drop(node: etree._Element) -> None:
    """Take an element out of the tree; the text around it stays."""
    parent = node.getparent()
    assert parent is not None
    before = node.getprevious()
    tail = " " + (node.tail or "")
    if before is not None:
        before.tail = (before.tail or "") + tail
    else:
        parent.text = (parent.text or "") + tail
    parent.remove(node)
