"""RSS 0.9x, 1.0, 2.0 and Atom by libxml2, strictly: what is not well-formed is refused, never guessed at.

libxml2 reads in the main process, so nothing reaches it that could hurt: no document type, so no entities; no network;
its limits on depth and size in force (``huge_tree`` off).
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import NamedTuple

from lxml import etree

from deltawire.formats import text as texts
from deltawire.formats.base import NeedsLenient, Raw, Unreadable
from deltawire.formats.feed_elements import Elements, Scope
from deltawire.formats.feed_names import Names, attributes
from deltawire.formats.feed_parts import ATOM, HISTORY, MAX_ITEMS, TOMBSTONES, Channel, Item

_RSS_1 = "http://purl.org/rss/1.0/"
_RSS_090 = "http://my.netscape.com/rdf/simple/0.9/"
_PROLOG = re.compile(
    rb"(?:<\?xml\s(?:[^?]|\?(?!>)){0,200}\?>)?(?:\s+|<\?(?!xml\s)(?:[^?]|\?(?!>))*\?>|<!--(?:[^-]|-(?!-))*-->)*"
)
_ROOT = re.compile(rb"<(?:\w{1,20}:)?(?:rss|RDF|feed)(?=[\s>/])")
_C1 = re.compile(rb"\xc2[\x80-\x84\x86-\x9f]")
# It may stand wherever an item may, and says nothing about one.
_BETWEEN = b"<image/>"
_BETWEEN_NAME = "image"
_LONGEST_PROLOG = 64 * 1024
_FURTHER = ("next", "prev-archive")


class Placed(NamedTuple):
    """An item's element, and the scope that it stands in."""

    element: etree._Element
    scope: Scope


class Outline(NamedTuple):
    """A document with its items found but not yet read."""

    channel: Channel
    version: str
    items: list[Placed]
    names: Names

    def item(self, placed: Placed) -> Item:
        """Read one of the items.

        Raises:
            NeedsLenient: see ``feed_elements``.
        """
        stated = attributes(placed.element)
        if "href" in stated or "lastmod" in stated:
            raise NeedsLenient("an item has an href or a lastmod as in CDF")
        elements = Elements(self.names, self.version, entry=True)
        if about := stated.get("rdf:about"):
            elements.fields["id"] = about
        scope = placed.scope.within(stated)
        for child in placed.element:
            elements.read(child, scope)
        return elements.item()


def document(raw: Raw) -> bytes:
    """The root element of the document in UTF-8.

    Raises:
        NeedsLenient: there is anything but comments and instructions before it, or bytes that its encoding has not.
    """
    codec, body, wrong = texts.encoding(raw.body, raw.content_type)
    if wrong is not None:
        raise NeedsLenient(wrong)
    if codec != "utf-8":
        try:
            body = body.decode(codec).encode()
        except UnicodeError:
            raise NeedsLenient(f"the document is not in {codec}, as it claims") from None
    start = _PROLOG.match(body, 0, _LONGEST_PROLOG)
    assert start is not None
    body = body[start.end() :]
    if _ROOT.match(body) is None:
        raise NeedsLenient("the document does not begin with an rss, rdf:RDF or feed element")
    if b"\xc2" in body and _C1.search(body):
        raise NeedsLenient("the document holds control characters")
    return body


def parser() -> etree.XMLParser:
    return etree.XMLParser(
        encoding="utf-8",
        resolve_entities=False,
        no_network=True,
        huge_tree=False,
        remove_comments=True,
        remove_pis=True,
    )


def outline(body: bytes, reader: etree.XMLParser) -> Outline:
    """Parse a document or a part of one that was made whole again.

    Raises:
        NeedsLenient: it is not well-formed, or no feed of the usual shape.
        Unreadable: it has too many items.
    """
    try:
        root = etree.fromstring(body, reader)
    except etree.XMLSyntaxError as error:
        raise NeedsLenient(f"not well-formed: {error.msg}") from None
    if root is None or root.getroottree().docinfo.internalDTD is not None:
        raise NeedsLenient("the document has a document type, or no root")
    names = Names()
    name = names.of(root)
    stated = attributes(root)
    version = _version(root, name)
    head = Elements(names, version, entry=False)
    scope = Scope().within(stated)
    if scope.language and name in ("feed", "rss", "rdf:rdf"):
        head.fields["language"] = scope.language.replace("_", "-")
    items: list[Placed] = []
    holder, inner = root, scope
    if name != "feed":
        channels = [child for child in root if names.of(child) == "channel"]
        if len(channels) != 1:
            raise NeedsLenient(f"the feed has {len(channels)} channels")
        holder = channels[0]
        stated_there = attributes(holder)
        if "href" in stated_there or "lastmod" in stated_there:
            raise NeedsLenient("the channel has an href or a lastmod as in CDF")
        inner = scope.within(stated_there)
        for child in root:
            called = names.of(child)
            if called == "item":
                items.append(Placed(child, scope))
            elif child is not holder and called not in ("image", "textinput") and ":" not in called:
                raise NeedsLenient(f"a <{called[:40]}> stands outside of the channel")
    outside = len(items)
    called = "entry" if name == "feed" else "item"
    for child in holder:
        found = names.of(child)
        if found == called:
            items.append(Placed(child, inner))
            head.title_depth = -1
        elif found.endswith((":item", ":entry")):
            raise NeedsLenient(f"a <{found[:40]}> is of an unknown namespace")
        else:
            head.read(child, inner)
    if outside and len(items) > outside:
        raise NeedsLenient("there are items inside and outside of the channel")
    if not items and not len(holder):
        raise NeedsLenient("the feed says nothing")
    limited(len(items))
    return Outline(_channel(head, holder, version), version, items, names)


def items(pieces: Sequence[bytes], before: bytes, after: bytes, reader: etree.XMLParser) -> list[Item]:
    """Read items as each is between ``before`` and ``after``; several in one document, which is what parsing costs.

    The elements put between them prove that none reaches into another: they stand beside the items, each between two.

    Raises:
        NeedsLenient: one is no single item, or cannot be read.
    """
    document = before + _BETWEEN.join(pieces) + after
    together = outline(document, reader)
    apart = document.count(_BETWEEN) == len(pieces) - 1 and all(
        (other := placed.element.getnext()) is not None and together.names.of(other) == _BETWEEN_NAME
        for placed in together.items[:-1]
    )
    if len(together.items) == len(pieces) and apart:
        # What a prefix stands for is each item's own.
        return [together._replace(names=Names()).item(placed) for placed in together.items]
    if len(pieces) == 1:
        raise NeedsLenient("an item is not balanced")
    return [item for piece in pieces for item in items([piece], before, after, reader)]


def limited(items: int) -> None:
    """Refuse a feed with too many items.

    Raises:
        Unreadable: it has more than are read.
    """
    if items > MAX_ITEMS:
        raise Unreadable("too-large", f"the feed has {items} items; at most {MAX_ITEMS} are read")


def _version(root: etree._Element, name: str) -> str:
    """What kind of feed it is; ``atom10`` and ``atom`` differ in how they have XHTML, the rest does not matter."""
    declared = [uri.lower() for uri in root.nsmap.values() if uri]
    if name == "rss":
        return "rss"
    if name == "feed" and _RSS_1 not in declared and _RSS_090 not in declared:
        return "atom10" if ATOM.lower() in declared else "atom"
    if name == "rdf:rdf" and (_RSS_1 in declared or root.nsmap.get(None) == _RSS_090) and ATOM.lower() not in declared:
        return "rss"
    raise NeedsLenient("the root element declares no version of RSS or Atom, or two")


def _channel(head: Elements, holder: etree._Element, version: str) -> Channel:
    children = {child.tag for child in holder}
    deleted = [
        (ref, element.get("when", ""))
        for element in (holder.iterchildren(f"{{{TOMBSTONES}}}deleted-entry") if children else ())
        if (ref := element.get("ref"))
    ]
    return Channel(
        atom=version.startswith("atom"),
        title=head.fields.get("title"),
        plain_title=head.title_type == "text/plain",
        link=head.fields.get("link", ""),
        language=head.fields.get("language"),
        complete=f"{{{HISTORY}}}complete" in children,
        further=[link["href"] for rel in _FURTHER for link in head.links if link["rel"] == rel and "href" in link],
        deleted=deleted,
    )
