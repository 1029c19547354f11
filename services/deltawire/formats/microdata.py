"""schema.org LiveBlogPosting as microdata: ``itemscope``, ``itemtype`` and ``itemprop`` in the page's own markup.

Read into the shape of JSON-LD, whose adapter knows how far such updates can be trusted.
"""

from __future__ import annotations

import re
from typing import Any, ClassVar

from lxml import etree

from deltawire.formats import text as texts
from deltawire.formats.assemble import reading
from deltawire.formats.base import Raw, Unreadable
from deltawire.formats.dom import Page, line, markup
from deltawire.formats.jsonld_updates import read_updates
from deltawire.formats.page import describe, has_jsonld_updates, is_markup
from deltawire.formats.urls import canonical_url
from deltawire.model import FeedMeta, Reading

_TYPE = re.compile(rb"""\bitemtype\s*=\s*["']?[^"'<>]{0,200}?\bLiveBlogPosting\b""", re.IGNORECASE)
_UPDATE = re.compile(r"""\bitemprop\s*=\s*["']?[^"'<>]{0,200}?\bliveBlogUpdate\b""", re.IGNORECASE)
_ADDRESSES = {
    "a": "href",
    "area": "href",
    "link": "href",
    "img": "src",
    "audio": "src",
    "video": "src",
    "iframe": "src",
}
_MARKUP = ("articleBody", "text", "description")


class Microdata:
    """Coverage is ``window``, as for JSON-LD, which is read instead where a page has both."""

    name: ClassVar[str] = "microdata"
    version: ClassVar[int] = 1

    def claims(self, raw: Raw) -> bool:
        return is_markup(raw.body) and not has_jsonld_updates(raw.body) and _TYPE.search(raw.body) is not None

    def read(self, raw: Raw) -> Reading:
        page = Page(raw)
        blogs = [node for node in page.root.iter("*") if _is_blog(node)]
        if not blogs:
            raise Unreadable("not-a-live-blog", f"{describe(page.text)} has no LiveBlogPosting in its microdata")
        page.require_whole(_UPDATE)
        blog = max((_item(node) for node in blogs), key=lambda item: len(item.get("liveBlogUpdate", ())))
        if "liveBlogUpdate" not in blog:
            raise Unreadable("empty", f"{describe(page.text)} has a LiveBlogPosting without liveBlogUpdate")
        meta = page.meta()
        stated = {key: value[0] for key, value in blog.items() if key != "liveBlogUpdate"}
        url = canonical_url(str(stated.get("url") or ""), raw.url) or meta.url
        language = texts.line(stated.get("inLanguage")) or meta.language
        updates = [_single(item) if isinstance(item, dict) else item for item in blog["liveBlogUpdate"]]
        return reading(
            format=self.name,
            version=self.version,
            feed=FeedMeta(title=texts.line(stated.get("headline")) or meta.title, url=url, language=language),
            coverage="window",
            entries=read_updates(
                {**stated, "liveBlogUpdate": updates},
                {},
                base=url or raw.url,
                language=language,
                problems=page.problems,
            ),
            problems=page.problems,
        )


def _is_blog(node: etree._Element) -> bool:
    return "itemscope" in node.attrib and re.search(r"\bLiveBlogPosting\b", node.get("itemtype") or "") is not None


def _item(node: etree._Element) -> dict[str, list[Any]]:
    """The properties of an item (HTML Living Standard, 5.2.4): those inside of it that are in no other item."""
    found: dict[str, list[Any]] = {}
    if identity := node.get("itemid") or node.get("id"):
        found["@id"] = [identity]
    pending = list(reversed(node))
    while pending:
        child = pending.pop()
        for name in (child.get("itemprop") or "").split():
            found.setdefault(name, []).append(_value(child, name))
        if "itemscope" not in child.attrib:
            pending += reversed(child)
    return found


def _single(item: dict[str, list[Any]]) -> dict[str, Any]:
    return {key: value[0] if len(value) == 1 else value for key, value in item.items()}


def _value(node: etree._Element, name: str) -> Any:
    if "itemscope" in node.attrib:
        inner = _item(node)
        return inner if name == "liveBlogUpdate" else {key: value[0] for key, value in inner.items()}
    for attribute in ("content", "datetime" if node.tag == "time" else _ADDRESSES.get(str(node.tag), "content")):
        if (value := node.get(attribute)) is not None:
            return value
    return markup(node) if name in _MARKUP else line(node)
