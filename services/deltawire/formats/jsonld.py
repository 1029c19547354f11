"""schema.org LiveBlogPosting as JSON-LD, in the scripts of an HTML page or as a document of its own.

Coverage is always ``window``: a page lists its first page's updates. ``live`` stays unknown: ``coverageEndTime`` is set
while a blog runs, by most (formats.md 1).
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from html import unescape
from typing import Any, ClassVar

from deltawire.formats import text as texts
from deltawire.formats.assemble import reading
from deltawire.formats.base import Raw, Unreadable
from deltawire.formats.foreign import Flaw, every_object, load_json, parse_json, position
from deltawire.formats.jsonld_updates import Node, address, read_updates
from deltawire.formats.page import Script, describe, jsonld_scripts
from deltawire.formats.urls import canonical_url
from deltawire.model import FeedMeta, Problem, Reading

BLOG = "LiveBlogPosting"
_LONGEST_TYPE = 40
_KEYWORDS = {"@context", "@graph", "@type"}


class JsonLd:
    name: ClassVar[str] = "jsonld"
    version: ClassVar[int] = 2

    def claims(self, raw: Raw) -> bool:
        head = raw.body[:1024].lstrip(b"\xef\xbb\xbf \t\r\n")
        if head[:1] in (b"{", b"["):
            return BLOG.encode() in raw.body and _is_jsonld(raw)
        return head[:1] == b"<" or "html" in (raw.content_type or "")

    def read(self, raw: Raw) -> Reading:
        text, wrong_bytes = texts.decode(raw.body, raw.content_type)
        problems = [Problem(code="bad-bytes", message=wrong_bytes)] if wrong_bytes else []
        broken: list[Unreadable] = []
        if _is_json(text):
            loaded = load_json(raw)
            roots = [loaded.value]
            problems = loaded.problems
        else:
            roots, broken = _load_scripts(text, problems)
        nodes = [node for root in roots for node in every_object(root)]
        blogs = [node for node in nodes if BLOG in types(node)]
        if not any("liveBlogUpdate" in blog for blog in blogs) and broken:
            raise broken[0]
        if not blogs:
            raise Unreadable("not-a-live-blog", f"{_kind(text)} has no {BLOG}: {_types_found(nodes)}")
        blog = _the_blog(blogs, raw.url)
        if blog.get("liveBlogUpdate") is None:
            raise Unreadable(
                "empty", f"{_kind(text)} has a {BLOG} without liveBlogUpdate: its entries are not in the JSON-LD"
            )
        if not blog["liveBlogUpdate"] and broken:
            raise broken[0]
        problems += [Problem(code="malformed-script", message=str(flaw)) for flaw in broken]
        by_id = {node["@id"]: node for node in nodes if isinstance(node.get("@id"), str) and len(node) > 1}
        language = texts.line(blog.get("inLanguage"))
        url = canonical_url(address(blog) or "", raw.url)
        return reading(
            format=self.name,
            version=self.version,
            feed=FeedMeta(
                title=texts.line(blog.get("headline")) or texts.line(blog.get("name")), url=url, language=language
            ),
            coverage="window",
            entries=read_updates(blog, by_id, base=url or raw.url, language=language, problems=problems, memo=raw.memo),
            problems=problems,
        )


def _is_jsonld(raw: Raw) -> bool:
    """Whether a JSON document is JSON-LD itself, and no API's answer that has some inside."""
    try:
        root = load_json(raw).value
    except Unreadable:
        return b'"@' in raw.body[:1024]
    return any(
        isinstance(node, dict) and _KEYWORDS & node.keys() for node in (root if isinstance(root, list) else [root])
    )


def _is_json(text: str) -> bool:
    return text.lstrip()[:1] in ("{", "[")


def _kind(text: str) -> str:
    """What the document is, for a refusal: to look for that takes longer than all else in a page that is known."""
    return "a JSON document" if _is_json(text) else describe(text)


def types(node: Node) -> list[str]:
    """The types of a JSON-LD node, without their vocabulary's prefix."""
    stated = node.get("@type")
    listed = stated if isinstance(stated, list) else [stated]
    return [re.split(r"[/:#]", name)[-1] for name in listed if isinstance(name, str)]


def _load_scripts(html: str, problems: list[Problem]) -> tuple[list[Any], list[Unreadable]]:
    """What the page's JSON-LD scripts hold, and for each broken one that is about the live blog why it is."""
    roots: list[Any] = []
    broken: list[Unreadable] = []
    for script in jsonld_scripts(html):
        try:
            loaded = parse_json(_unwrapped(script, problems))
        except Flaw as flaw:
            refusal = _refusal(html, script, flaw)
            if BLOG in script.text:
                broken.append(refusal)
            elif script.text.strip():
                problems.append(Problem(code="malformed-script", message=str(refusal)))
            continue
        roots.append(loaded.value)
        problems += [
            Problem(code=note.code, message=note.message, where=f"script {script.number}") for note in loaded.problems
        ]
    return roots, broken


def _unwrapped(script: Script, problems: list[Problem]) -> str:
    """The script's JSON without comment or CDATA markers; the first is blanked, so that offsets stay what they are."""
    text = script.text.rstrip()
    start = len(text) - len(text.lstrip())
    for opening, closing in (("<!--", "-->"), ("<![CDATA[", "]]>")):
        mark = next((mark for mark in (opening, f"//{opening}", f"// {opening}") if text.startswith(mark, start)), "")
        if mark:
            text = " " * (start + len(mark)) + text[start + len(mark) :]
            text = text.removesuffix(closing).rstrip().removesuffix("//")
    if '"' not in text and "&quot;" in text:
        problems.append(
            Problem(
                code="json-repaired",
                message="the JSON was entity-escaped; it was unescaped",
                where=f"script {script.number}",
            )
        )
        return unescape(text)
    return text


def _refusal(html: str, script: Script, flaw: Flaw) -> Unreadable:
    line, column = position(html, script.offset + flaw.offset)
    if not script.closed:
        return Unreadable(
            "cut-off", f"the page was cut off on the way: it ends inside JSON-LD script {script.number}, at line {line}"
        )
    return Unreadable(
        "malformed",
        f"JSON-LD script {script.number} is invalid JSON at line {line}, column {column} of the page: {flaw}",
    )


def _the_blog(blogs: Sequence[Node], url: str) -> Node:
    """The one live blog of the document: copies of it count once, and the copy with the most updates wins.

    Raises:
        Unreadable: there are several, and none is at the document's own address.
    """
    filled = [blog for blog in blogs if blog.get("liveBlogUpdate")]
    named = {address(blog) or texts.line(blog.get("headline")) or "" for blog in filled}
    if len(named - {""}) > 1:
        own = [blog for blog in filled if canonical_url(address(blog) or "", url) == canonical_url(url)]
        if not own:
            listed = ", ".join(sorted(named - {""})[:5])
            raise Unreadable(
                "ambiguous", f"the document holds {len(named)} live blogs ({listed}): give the address of one of them"
            )
        filled = own
    stated = filled or [blog for blog in blogs if blog.get("liveBlogUpdate") is not None] or blogs
    return max(stated, key=_size)


def _size(blog: Mapping[str, Any]) -> int:
    updates = blog.get("liveBlogUpdate")
    return sum(len(item) if isinstance(item, list) else 1 for item in updates) if isinstance(updates, list) else 1


def _types_found(nodes: Sequence[Node]) -> str:
    found = sorted({texts.line(name[:_LONGEST_TYPE]) or "" for node in nodes for name in types(node)} - {""})
    return f"its JSON-LD is about {', '.join(found[:12])}" if found else "it has no JSON-LD"
