"""The texts inside a well-formed feed, as feedparser would give them: trimmed, mended, markup written out."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import suppress
from html.entities import entitydefs
from urllib.parse import urljoin, urlsplit
from xml.sax.saxutils import escape

from lxml import etree

from deltawire.formats.base import NeedsLenient
from deltawire.formats.feed_names import Names, attributes
from deltawire.formats.feed_parts import Passage
from deltawire.formats.text import words

XHTML = "application/xhtml+xml"
_TYPES = {"text": "text/plain", "plain": "text/plain", "html": "text/html", "xhtml": XHTML}

# Markup that stands unescaped in a text. Whatever else feedparser knows by name would end the text there and then.
_INLINE = words(
    "a abbr acronym address article aside audio b big blockquote br caption center cite code col colgroup dd del "
    "details dfn div dl dt em figcaption figure font footer h1 h2 h3 h4 h5 h6 header hr i iframe img ins kbd li mark "
    "nav ol p pre q s samp section small span strike strong sub sup table tbody td tfoot th thead time tr tt u ul var "
    "video"
)
_HTML = _INLINE - {"iframe", "mark"} | words(
    "area button canvas command datagrid datalist dialog dir event-source fieldset form input keygen label legend m "
    "map menu meter multicol nextid noscript optgroup option output progress select sound source spacer textarea"
)
_CLOSING = re.compile(r"</(\w+)>")
_TAG = re.compile(r"</?(\w+)")
_REFERENCE = re.compile(r"&#?\w+;")
_NAMED = re.compile(r"&(\w+);")
_SLASHES = re.compile(r"^([A-Za-z][A-Za-z0-9+-.]*://)/*")
# The places of Windows-1252 in what is declared as Latin-1: character references to them abound.
CP1252 = {place: bytes([place]).decode("cp1252") for place in range(0x80, 0xA0) if place not in b"\x81\x8d\x8f\x90\x9d"}


def mended(text: str) -> str:
    """The text with UTF-8 that was encoded twice, and references to Windows-1252 places, put right."""
    if text.isascii():
        return text
    with suppress(UnicodeError):
        text = text.encode("iso-8859-1").decode()
    return text.translate(CP1252)


def plain(element: etree._Element, name: str) -> str:
    """The text of an element that may have nothing but text.

    Raises:
        NeedsLenient: it has elements.
    """
    if len(element):
        raise NeedsLenient(f"there is markup inside a <{name}>")
    return (element.text or "").strip()


def joined(base: str, address: str) -> str:
    if ":///" in address:
        address = _SLASHES.sub(r"\1", address)
    try:
        return urljoin(base, address)
    except ValueError:
        return ""


def based(base: str, stated: str | None) -> str:
    """The base address within an element that states ``stated`` (RFC 3986, 5.1.1; XML Base)."""
    if not stated:
        return base
    inner = joined(base, stated)
    try:
        scheme = urlsplit(inner).scheme
    except ValueError:
        scheme = "?"
    if scheme not in ("http", "https", ""):
        raise NeedsLenient("an xml:base is no web address")
    return inner


def kind(stated: str) -> str:
    """A media type, from that or from what Atom calls it."""
    stated = stated.lower()
    return _TYPES.get(stated, stated)


def passage(
    element: etree._Element,
    stated: dict[str, str],
    default: str,
    *,
    base: str,
    language: str | None,
    version: str,
    names: Names,
) -> Passage:
    """The content of an element whose attributes are ``stated``. ``version`` begins with ``atom`` in an Atom feed.

    Raises:
        NeedsLenient: it is encoded, or its markup is not that of HTML.
    """
    type_ = kind(stated.get("type", default))
    if stated.get("mode") == "base64" or not (type_.startswith("text/") or type_.endswith(("+xml", "/xml"))):
        raise NeedsLenient(f"a text is encoded, or of the type {type_[:60]!r}")
    if len(element):
        if type_ != XHTML and type_.endswith("xml"):
            raise NeedsLenient(f"a text holds XML of the type {type_[:60]!r}")
        writer = _Writer(type_, names)
        writer.inside(element)
        type_, pieces = writer.type, writer.pieces
    else:
        text = element.text or ""
        pieces = [escape(text) if type_ == XHTML else text]
    if version == "atom10" and type_ == XHTML:
        pieces = _unwrapped([piece for piece in pieces if piece])
    value = "".join(pieces).strip()
    if type_ == "text/plain" and not version.startswith("atom") and _looks_like_html(value):
        type_ = "text/html"
    spoken = language.replace("_", "-") if language else language
    return Passage(value=mended(value), type=type_, language=spoken, base=base)


class _Writer:
    """Writes the markup inside a text out again; text whose markup was not declared is XHTML from its first tag on."""

    def __init__(self, type_: str, names: Names) -> None:
        self.type = type_
        self.pieces: list[str] = []
        self._names = names

    def inside(self, element: etree._Element) -> None:
        self._text(element.text)
        for child in element:
            name = self._names.of(child)
            local = name.removeprefix("xhtml:")
            if local not in _INLINE:
                raise NeedsLenient(f"a <{name[:40]}> stands unescaped inside a text")
            if self.type != XHTML and local == "div":
                raise NeedsLenient("a <div> stands unescaped inside a text")
            self.type = XHTML
            self.pieces.append(f"<{local}{''.join(_written(attributes(child)))}>")
            self.inside(child)
            self.pieces.append(f"</{local}>")
            self._text(child.tail)

    def _text(self, text: str | None) -> None:
        if text:
            self.pieces.append(escape(text) if self.type == XHTML else text)


def _written(stated: dict[str, str]) -> Iterator[str]:
    for name, value in stated.items():
        quoted = escape(value, {'"': "&quot;"})
        yield f' {name}="{quoted}"'


def _unwrapped(pieces: list[str]) -> list[str]:
    """The pieces without the ``div`` that Atom requires around XHTML (RFC 4287, 3.1.1.3), if that holds all of them."""
    while len(pieces) > 1 and not pieces[-1].strip():
        del pieces[-1]
    while len(pieces) > 1 and not pieces[0].strip():
        del pieces[0]
    if not pieces or not (pieces[0] == "<div>" or pieces[0].startswith("<div ")) or pieces[-1] != "</div>":
        return pieces
    depth = 0
    for piece in pieces[:-1]:
        if piece.startswith("</"):
            depth -= 1
            if depth == 0:
                return pieces
        elif piece.startswith("<") and not piece.endswith("/>"):
            depth += 1
    return pieces[1:-1]


def _looks_like_html(text: str) -> bool:
    """Whether what is declared as text has HTML in it, and nothing that HTML has not."""
    if "<" not in text and "&" not in text:
        return False
    return bool(
        (_CLOSING.search(text) or _REFERENCE.search(text))
        and all(tag.lower() in _HTML for tag in _TAG.findall(text))
        and all(name in entitydefs for name in _NAMED.findall(text))
    )
