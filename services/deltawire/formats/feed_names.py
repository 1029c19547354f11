"""The names of feed elements and attributes, whatever prefix and namespace a publisher gave them.

Feeds misuse namespaces, so a name is a conventional prefix and the local name in lower case (``dc:creator``), without a
prefix for the vocabularies of RSS and Atom and for the null namespace; an unknown namespace counts by its prefix.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import cast

from lxml import etree

from deltawire.formats.base import NeedsLenient
from deltawire.formats.feed_parts import HISTORY, TOMBSTONES

XML = "http://www.w3.org/XML/1998/namespace"
_MAX_ATTRIBUTES = 100
_PREFIXES = {
    "": "",
    "http://backend.userland.com/rss": "",
    "http://blogs.law.harvard.edu/tech/rss": "",
    "http://purl.org/rss/1.0/": "",
    "http://my.netscape.com/rdf/simple/0.9/": "",
    "http://example.com/newformat#": "",
    "http://example.com/necho": "",
    "http://purl.org/echo/": "",
    "uri/of/echo/namespace#": "",
    "http://purl.org/pie/": "",
    "http://purl.org/atom/ns#": "",
    "http://www.w3.org/2005/atom": "",
    "http://purl.org/rss/1.0/modules/rss091#": "",
    "http://purl.org/rss/1.0/modules/content/": "content",
    "http://purl.org/dc/elements/1.1/": "dc",
    "http://purl.org/dc/terms/": "dcterms",
    "http://www.itunes.com/dtds/podcast-1.0.dtd": "itunes",
    "http://example.com/dtds/podcast-1.0.dtd": "itunes",
    "http://search.yahoo.com/mrss": "media",
    "http://search.yahoo.com/mrss/": "media",
    "http://www.w3.org/1999/02/22-rdf-syntax-ns#": "rdf",
    "http://www.w3.org/1999/xhtml": "xhtml",
    XML.lower(): "xml",
    HISTORY: "fh",
    TOMBSTONES: "at",
}


class Names:
    """The names of one document, each worked out once."""

    def __init__(self) -> None:
        self._names: dict[str, str] = {}

    def of(self, element: etree._Element) -> str:
        tag = element.tag
        name = self._names.get(tag)
        if name is None:
            name = self._names[tag] = _name(tag, element.prefix)
        return name


def _name(tag: str, prefix: str | None) -> str:
    namespace, local = _split(tag)
    known = "" if "backend.userland.com/rss" in namespace else _PREFIXES.get(namespace)
    if known is None:
        known = (prefix or "").lower()
    return f"{known}:{local}" if known else local


def attributes(element: etree._Element) -> dict[str, str]:
    """The attributes by name. One without a namespace wins over one that is called the same within another.

    Raises:
        NeedsLenient: there are more than any feed has.
    """
    if len(element.attrib) > _MAX_ATTRIBUTES:
        # lxml is quadratic in them.
        raise NeedsLenient("an element has too many attributes")
    found: dict[str, str] = {}
    plain: dict[str, str] = {}
    stated = cast("Mapping[str, str]", element.attrib)
    for key, value in stated.items():
        if key[0] == "{":
            namespace, local = _split(key)
            prefix = _PREFIXES.get(namespace)
            local = f"{prefix}:{local}" if prefix else local
            found[local] = value.lower() if local in ("rel", "type") else value
        else:
            local = key.lower()
            plain[local] = value.lower() if local in ("rel", "type") else value
    return found | plain


def _split(tag: str) -> tuple[str, str]:
    if tag[0] != "{":
        return "", tag.lower()
    namespace, _, local = tag[1:].partition("}")
    return namespace.lower(), local.lower()
