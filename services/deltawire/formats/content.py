"""The body of an entry made canonical: the same HTML, text, links and media however the publisher rendered it.

The tree is rebuilt from an allow-list of elements, so that attribute order, ids, classes, white space, wrapper
elements, tracking parameters and relative times leave no trace, and nh3 sanitises what comes out. Rebuilding first also
bounds the nesting that nh3 sees, in which it is quadratic (reliability.md 3.3).
"""

from __future__ import annotations

import html
import re
from collections.abc import Iterator

import msgspec
import nh3
from lxml import etree

from deltawire.formats import text as texts
from deltawire.formats.layout import BLOCKS, BOUNDARIES, DROPPED, INLINE, RENAMED, SOURCES, Layout, Node
from deltawire.formats.streamed import Body, Unusual, attribute
from deltawire.formats.urls import canonical_image, canonical_url
from deltawire.model import Link, Media, Problem

CONTENT_VERSION = 3
"""Raised whenever the same body comes out differently; part of every adapter's version."""

MAX_HTML = 4 * 1024 * 1024
"""Characters of one entry's HTML that are read."""

_CUT = Problem(code="content-cut", message=f"the body is longer than {MAX_HTML} characters and was cut")
_SIMPLIFIED = Problem(
    code="content-simplified", message="the body's markup is too deep or incomplete; only its text was kept"
)

MAX_DEPTH = 64
MOST_READINGS = 6
"""Of a body that is no regular HTML, the first aside; so far none has needed more than three."""

_READ_AGAIN = 1024 * 1024
"""Characters of it in all these readings: one that is longer costs too much as it is."""

_LONG_TAG = 4096
_MAX_ATTRIBUTES = 2000
_SENTINEL = "\ue000end\ue000"

# Made once: that costs as much as cleaning an entry.
_CLEANER = nh3.Cleaner(
    tags=BLOCKS | INLINE,
    attributes={"a": {"href"}, "img": {"src", "alt"}},
    url_schemes={"http", "https", "mailto"},
    link_rel=None,
)
_MARKUP = re.compile(r"<(?:/?[a-z][a-z0-9-]*(?:\s[^<>]*)?/?)>", re.IGNORECASE)
_BLOCK_MARKUP = re.compile(r"<(?:p|div|br|ul|ol|li|blockquote|h[1-6]|table|figure|section)\b", re.IGNORECASE)
_ESCAPED_MARKUP = re.compile(r"&lt;/?[a-z](?:(?!&[lg]t;).)*&gt;", re.IGNORECASE | re.DOTALL)
_HIDDEN = re.compile(r"<!--.*?(?:-->|\Z)|<(script|style)\b.*?(?:</\1\s*>|\Z)", re.IGNORECASE | re.DOTALL)
_DOCUMENT = re.compile(r"</?(?:html|body)\b[^<>]*>|<!doctype[^<>]*>", re.IGNORECASE)
_TAG_START = re.compile(r"<[a-z/!?]", re.IGNORECASE)
_ANY_TAG = re.compile(r"<[/!?a-z][^<>]*(?:>|\Z)", re.IGNORECASE)


class Content(msgspec.Struct, frozen=True, kw_only=True):
    """A canonical body. In ``text`` a line is a block or a forced line break."""

    html: str = ""
    text: str = ""
    links: tuple[Link, ...] = ()
    media: tuple[Media, ...] = ()
    problems: tuple[Problem, ...] = ()


def from_html(source: str, base: str | None = None) -> Content:
    """Canonicalise HTML. Relative addresses are resolved against ``base``; what cannot be resolved loses its link.

    HTML past 4 Mi characters is cut, and markup that is nested or built so that parsing it would be a denial of service
    becomes plain text; a problem says so in both cases.
    """
    cut = source[:MAX_HTML]
    if cut == source:
        return _canonical(source, base)
    content = _canonical(cut.removesuffix("<"), base)
    if not (content.html or content.media):
        # All that was read was one tag or comment.
        content = from_text(_text_of(source))
    return msgspec.structs.replace(content, problems=(_CUT, *(flaw for flaw in content.problems if flaw != _CUT)))


def from_text(source: str) -> Content:
    """Canonicalise plain text: each line that is not blank becomes a paragraph."""
    source = source.strip()
    lines = [line for part in texts.clean(source[:MAX_HTML]).splitlines() if (line := texts.collapse(part))]
    return Content(
        html=_sanitise("".join(f"<p>{html.escape(line, quote=False)}</p>" for line in lines)),
        text="\n".join(lines),
        problems=(_CUT,) if len(source) > MAX_HTML else (),
    )


def from_markup(source: str, base: str | None = None) -> Content:
    """Canonicalise a body that may be text, HTML, or either with its special characters escaped once more.

    JSON-LD declares ``articleBody`` as text and gets all of them.
    """
    if not _MARKUP.search(source) and _ESCAPED_MARKUP.search(source):
        source = html.unescape(source)
    if not _MARKUP.search(source):
        return from_text(texts.unescape(source))
    if not _BLOCK_MARKUP.search(source):
        source = source.strip().replace("\n", "<br>")
    return from_html(source, base)


def _canonical(source: str, base: str | None) -> Content:
    """The body as it comes out however often it is read again; a body that never stands still becomes text."""
    first, regular = _once(source, base)
    if regular:
        return first
    content, readings, left = first, 0, _READ_AGAIN
    while not regular:
        readings, left = readings + 1, left - len(content.html)
        if readings > MOST_READINGS or left < 0:
            content = _as_text(content.text)
            return msgspec.structs.replace(
                first, html=content.html, text=content.text, problems=(*first.problems, _SIMPLIFIED)
            )
        again, _ = _once(content.html, base)
        regular = (again.html, again.text) == (content.html, content.text)
        content = again
    return msgspec.structs.replace(first, html=content.html, text=content.text)


def _once(source: str, base: str | None) -> tuple[Content, bool]:
    """A body as one reading leaves it, and whether another would leave it as it is."""
    source = _finished(_DOCUMENT.sub(" ", _cleaned(source)))
    root = tree(source)
    if root is None:
        return msgspec.structs.replace(_as_text(_text_of(source)), problems=(_SIMPLIFIED,)), True
    try:
        return _straight(Body(etree.tostring(root, encoding="unicode"), base)), True
    except Unusual:
        return _at_length(root, base)


def _straight(body: Body) -> Content:
    """The content of a body that was laid out as it went by.

    Raises:
        Unusual: it is not what the sanitiser would leave.
    """
    laid_out = "".join(body.html)
    if _sanitise(laid_out) != laid_out:
        raise Unusual
    return Content(
        html=laid_out,
        text="\n".join(body.text),
        links=tuple(dict.fromkeys(body.links)),
        media=tuple(dict.fromkeys(body.media)),
    )


def _at_length(root: etree._Element, base: str | None) -> tuple[Content, bool]:
    reader = _Reader(base)
    layout = Layout()
    layout.flow(reader.children(root, 0)[0], wrap=True)
    laid_out = "".join(layout.html)
    content = Content(
        html=_sanitise(_cleaned(laid_out)),
        text=_cleaned("\n".join(layout.text)),
        links=tuple(dict.fromkeys(reader.links)),
        media=tuple(dict.fromkeys(reader.media)),
    )
    return content, layout.regular and reader.regular and content.html == laid_out


def _cleaned(text: str) -> str:
    """Also done to what comes out: character references may have brought in what the source itself did not have."""
    return texts.clean(text).replace("\ue000", "")


def _as_text(text: str) -> Content:
    """Text in place of markup, without what would be left out if it were read as such."""
    lines = _cleaned(text).splitlines()
    return from_text("\n".join(line for line in lines if not texts.is_relative_time(texts.collapse(line))))


def _text_of(source: str) -> str:
    """What is left without markup, however broken that is; a tag is a line break."""
    return html.unescape(_ANY_TAG.sub("\n", _HIDDEN.sub("", source)))


def _sanitise(canonical: str) -> str:
    # nh3 is quadratic in the ampersands of one text: U+FFFF, which no cleaned text has, stands in for them.
    return _CLEANER.clean(canonical.replace("&amp;", "\uffff")).replace("\uffff", "&amp;")


def tree(source: str) -> etree._Element | None:
    """The tree of some HTML, or null if libxml2 gave up on the way (a depth of 256) or would take too long."""
    # libxml2 is quadratic in the attributes of an element.
    if len(source) > _LONG_TAG and any(
        tag.count("=") > _MAX_ATTRIBUTES for tag in _tags_longer_than(source, _LONG_TAG)
    ):
        return None
    parser = etree.HTMLParser(encoding="utf-8", no_network=True, remove_comments=True, remove_pis=True)
    # The sentinel comes out as the last text unless the parser stopped early: it reports that only as one of many
    # recoverable errors, of which it keeps the first hundred.
    document = f"<html><body><div>{source}</div><p>{_SENTINEL}</p></body></html>"
    try:
        root = etree.fromstring(document.encode(), parser)
    except etree.XMLSyntaxError:
        return None
    if root is None:
        return None
    last = next((node for node in root.iter("p") if node.text == _SENTINEL), None)
    if last is None:
        return None
    parent = last.getparent()
    assert parent is not None
    parent.remove(last)
    return root


def _finished(source: str) -> str:
    """The source without a comment or a tag that its end cuts in two, as a browser would have it."""
    comment = source.rfind("<!--")
    if comment >= 0 and source.find("-->", comment) < 0:
        source = source[:comment]
    tag = source.rfind("<")
    return source[:tag] if tag > source.rfind(">") and _TAG_START.match(source, tag) else source


def _tags_longer_than(source: str, length: int) -> Iterator[str]:
    start = source.find("<")
    while start >= 0:
        following = source.find("<", start + 1)
        end = following if following >= 0 else len(source)
        if end - start > length:
            closing = source.find(">", start, end)
            yield source[start : closing if closing >= 0 else end]
        start = following


class _Reader:
    """Turns a parsed tree into the nodes of a layout, and collects the links and media on the way."""

    def __init__(self, base: str | None) -> None:
        self.base = base
        self.links: list[Link] = []
        self.media: list[Media] = []
        self.regular = True

    def children(
        self, element: etree._Element, depth: int, *, aside: bool = False
    ) -> tuple[list[Node | str], str | None]:
        """The nodes inside an element, and all its text while that is short enough to be a relative time."""
        nodes: list[Node | str] = [element.text] if element.text else []
        raw = _short("", element.text or "")
        for child in element:
            if isinstance(child.tag, str):
                links, media = len(self.links), len(self.media)
                inner, short = self._element(child, depth + 1, aside=aside or child.tag == "aside")
                timely = short is not None and texts.is_relative_time(short)
                # What is left around it may be another, and so may be what is not left out for its media.
                self.regular = self.regular and not timely
                if timely and len(self.media) == media:
                    del self.links[links:]
                    nodes.append(" ")
                else:
                    nodes += inner
                raw = _short(raw, short)
            if child.tail:
                nodes.append(child.tail)
                raw = _short(raw, child.tail)
        return nodes, raw

    def _element(self, element: etree._Element, depth: int, *, aside: bool) -> tuple[list[Node | str], str | None]:
        tag = str(element.tag).lower()
        tag = RENAMED.get(tag, tag)
        if tag in DROPPED:
            self._embedded(element, tag)
            return [" "], ""
        if tag == "img":
            return self._image(element), ""
        if tag in ("br", "hr"):
            return [Node(tag, "", [])], ""
        self.regular = self.regular and depth < MAX_DEPTH
        first = len(self.links)
        nodes, raw = self.children(element, depth, aside=aside)
        if tag == "a":
            return self._link(element, nodes, first, aside=aside), raw
        if tag in BOUNDARIES or (tag in BLOCKS and depth > MAX_DEPTH):
            return [Node("", "", nodes)], raw
        if tag in BLOCKS or (tag in INLINE and depth <= MAX_DEPTH):
            return [Node(tag, "", nodes)], raw
        return nodes, raw

    def _link(self, element: etree._Element, nodes: list[Node | str], first: int, *, aside: bool) -> list[Node | str]:
        href = canonical_url(element.get("href") or "", self.base)
        # HTML has no link in a link; libxml2 lets some through, and the inner one is the one that works.
        if href is None or len(self.links) > first:
            return nodes
        layout = Layout()
        layout.flow(nodes, wrap=False)
        self.links.append(Link(url=href, text=" ".join(layout.text), rel="related" if aside else None))
        return [Node("a", f' href="{attribute(href)}"', nodes)]

    def _image(self, element: etree._Element) -> list[Node | str]:
        for name in SOURCES:
            url = canonical_image(element.get(name) or "", self.base)
            if url is not None and not url.startswith("mailto:"):
                alt = texts.collapse(element.get("alt") or "")
                self.media.append(Media(url=url, type="image", alt=alt or None))
                return [Node("img", f' alt="{attribute(alt)}" src="{attribute(url)}"', [])]
        return [" "]

    def _embedded(self, element: etree._Element, tag: str) -> None:
        """Players and frames are not shown, but that there is one, and which, is content."""
        if tag not in ("audio", "video", "iframe", "embed"):
            return
        for node in (element, *element.iter("source")):
            url = canonical_image(node.get("src") or "", self.base)
            if url is not None and not url.startswith("mailto:"):
                kind = node.get("type") or (tag if tag in ("audio", "video") else "embed")
                self.media.append(
                    Media(url=url, type=texts.collapse(kind), alt=texts.line(element.get("title"), escaped=False))
                )
                return


def _short(raw: str | None, more: str | None) -> str | None:
    if raw is None or more is None:
        return None
    text = raw + more
    if len(text) <= texts.RELATIVE_TIME_LIMIT:
        return text
    # White space leaves no trace, here neither. A text with more words than that is long, however short they are.
    words = text.split(None, texts.RELATIVE_TIME_LIMIT // 2)
    before, after = " " * text[:1].isspace(), " " * text[-1:].isspace()
    text = f"{before}{' '.join(words)}{after}"
    return text if len(text) <= texts.RELATIVE_TIME_LIMIT else None
