"""The elements of a well-formed feed or of one of its items, understood as feedparser does.

It is a walk in document order with a little memory, because feeds say things twice and in three vocabularies: of two
titles the outer one counts, a second description is the content, a permanent ``guid`` is a link until there is one.
Where a rule would reach further than a feed in use goes, the walk refuses and feedparser itself is asked.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import NamedTuple

from lxml import etree

from deltawire.formats import feed_text as ft
from deltawire.formats.base import NeedsLenient
from deltawire.formats.feed_names import Names, attributes
from deltawire.formats.feed_parts import Item, Passage

_SUMMARISED = {"text/plain", "text/html", ft.XHTML}
_HTML_TYPES = {"text/html", ft.XHTML}
_BARE_REFERENCE = re.compile(r"&([A-Za-z0-9_]+);")
_EMAIL = re.compile(
    r"(([a-zA-Z0-9\_\-\.\+]+)@((\[[0-9]{1,3}\.[0-9]{1,3}\.[0-9]{1,3}\.)|(([a-zA-Z0-9\-]+\.)+))([a-zA-Z]{2,4}|[0-9]{1,3})"
    r"(\]?))(\?subject=\S+)?"
)
_PERSON = {"name", "itunes:name", "email", "itunes:email", "uri", "url", "homepage"}
_IMAGE = {"title", "link", "description", "url", "href", "width", "height"}
_MAX_DEPTH = 100
_LONGEST_ADDRESS = 500


class Scope(NamedTuple):
    """Where an element stands: its number of ancestors and itself, and what ``xml:base`` and ``xml:lang`` say there."""

    depth: int = 0
    base: str = ""
    language: str | None = None

    def within(self, stated: dict[str, str]) -> Scope:
        """The scope of an element with these attributes that stands in this one."""
        if self.depth >= _MAX_DEPTH:
            raise NeedsLenient(f"the feed is nested deeper than {_MAX_DEPTH} levels")
        if not stated:
            return Scope(self.depth + 1, self.base, self.language)
        language = stated.get("xml:lang", stated.get("lang"))
        return Scope(
            self.depth + 1,
            ft.based(self.base, stated.get("xml:base", stated.get("base"))),
            self.language if language is None else language or None,
        )


Handler = Callable[["Elements", etree._Element, str, dict[str, str], Scope], None]


class Elements:
    """What the elements of a feed (``entry`` false) or of one item say, as far as they were given to ``read``."""

    def __init__(self, names: Names, version: str, *, entry: bool) -> None:
        self.fields: dict[str, str] = {}
        self.passages: list[Passage] = []
        self.summary: Passage | None = None
        self.title_type = ""
        self.authors: list[str] = []
        self.terms: list[str] = []
        self.links: list[dict[str, str]] = []
        self.media: list[tuple[str, str | None]] = []
        self.title_depth = -1
        self._names = names
        self._version = version
        self._entry = entry
        self._depths: dict[str, int] = {}
        self._has_content = False

    def item(self) -> Item:
        enclosures = [_medium(link) for link in self.links if link["rel"] == "enclosure"]
        return Item(
            id=self.fields.get("id", ""),
            link=self.fields.get("link", ""),
            title=self.fields.get("title"),
            plain_title=self.title_type == "text/plain",
            published=self.fields.get("published", ""),
            changed=self.fields.get("updated", ""),
            passages=self.passages + ([self.summary] if self.summary else []),
            authors=self.authors,
            terms=self.terms,
            media=enclosures + self.media,
        )

    def read(self, element: etree._Element, scope: Scope) -> None:
        """Take in an element that stands in ``scope``.

        Raises:
            NeedsLenient: it is used in a way that is not understood here.
        """
        name = self._names.of(element)
        stated = attributes(element) if element.attrib else {}
        within = scope.within(stated)
        handler = _HANDLERS.get(name)
        if handler is not None:
            handler(self, element, name, stated, within)
        else:
            for child in element:
                self.read(child, within)

    def _store(self, field: str, value: str, depth: int) -> None:
        """Of values at several depths the outermost is kept, of those at one depth the last."""
        known = self._depths.get(field)
        if self._entry and known is not None and depth > known:
            return
        self._depths[field] = depth
        self.fields[field] = value

    def _time(self, element: etree._Element, name: str, _: dict[str, str], scope: Scope) -> None:
        self._store(_TIMES[name], ft.mended(ft.plain(element, name)), scope.depth)

    def _date(self, element: etree._Element, name: str, stated: dict[str, str], _: Scope) -> None:
        self.fields["updated"] = "" if stated else ft.mended(ft.plain(element, name))

    def _language(self, element: etree._Element, name: str, _: dict[str, str], scope: Scope) -> None:
        self._store("language", ft.mended(ft.plain(element, name)), scope.depth)

    def _id(self, element: etree._Element, name: str, stated: dict[str, str], scope: Scope) -> None:
        is_link = stated.get("ispermalink", "true") == "true"
        value = ft.plain(element, name)
        if value and is_link:
            value = ft.joined(scope.base, value)
        value = ft.mended(value)
        self._store("id", value, scope.depth)
        if is_link:
            self.fields.setdefault("link", value)

    def _link(self, element: etree._Element, name: str, stated: dict[str, str], scope: Scope) -> None:
        stated.setdefault("rel", "alternate")
        stated.setdefault("type", "application/atom+xml" if stated["rel"] == "self" else "text/html")
        href = stated.get("url", stated.get("uri", stated.get("href"))) or stated.get("href")
        self.links.append(stated)
        if href is not None:
            stated["href"] = ft.joined(scope.base, href)
            if stated["rel"] == "alternate" and ft.kind(stated["type"]) in _HTML_TYPES:
                self.fields["link"] = stated["href"]
            return
        text = ft.plain(element, name)
        text = ft.mended(ft.joined(scope.base, text) if text else "")
        if self._entry:
            text = text.replace("&amp;", "&")
        self.fields["link"] = text = _BARE_REFERENCE.sub(r"&\1", text)
        if text or not self._entry:
            stated["href"] = text

    def _enclosure(self, _: etree._Element, __: str, stated: dict[str, str], ___: Scope) -> None:
        href = stated.get("url", stated.get("uri", stated.get("href")))
        if href:
            stated["href"] = href
        stated["rel"] = "enclosure"
        self.links.append(stated)

    def _media_content(self, element: etree._Element, _: str, stated: dict[str, str], scope: Scope) -> None:
        self.media.append(_medium(stated))
        for child in element:
            self.read(child, scope)

    def _title(self, element: etree._Element, name: str, stated: dict[str, str], scope: Scope) -> None:
        text = self._passage(element, stated, "text/plain", scope)
        if not -1 < self.title_depth <= scope.depth:
            self._store("title", text.value, scope.depth)
            self.title_type = text.type
        if text.value and name != "media:title":
            self.title_depth = scope.depth

    def _description(self, element: etree._Element, name: str, stated: dict[str, str], scope: Scope) -> None:
        if "summary" in self.fields and not self._has_content and name != "abstract":
            self._content(element, "content", stated, scope)
            return
        default = "text/plain" if name in ("summary", "itunes:summary", "abstract") else "text/html"
        text = self._passage(element, stated, default, scope)
        if self._entry:
            self._store("summary", text.value, scope.depth)
            self.summary = text
        elif name in ("summary", "itunes:summary"):
            self.fields["summary"] = text.value

    def _content(self, element: etree._Element, name: str, stated: dict[str, str], scope: Scope) -> None:
        if not self._entry:
            # It would change how the first item is understood.
            raise NeedsLenient("the feed as a whole has content")
        default = "text/plain" if name == "content" else "text/html"
        if name in ("body", "xhtml:body"):
            default = ft.XHTML
        else:
            self._has_content = True
        text = self._passage(element, stated, default, scope)
        self.passages.append(text)
        if text.type in _SUMMARISED:
            self.fields.setdefault("summary", text.value)

    def _passage(self, element: etree._Element, stated: dict[str, str], default: str, scope: Scope) -> Passage:
        return ft.passage(
            element,
            stated,
            default,
            base=scope.base,
            language=scope.language,
            version=self._version,
            names=self._names,
        )

    def _category(self, element: etree._Element, name: str, stated: dict[str, str], scope: Scope) -> None:
        term = stated.get("text" if name == "itunes:category" else "term")
        children = [child for child in element if self._names.of(child) == name == "itunes:category"]
        if len(children) < len(element):
            raise NeedsLenient(f"there is markup inside a <{name}>")
        texts = [element.text or "", *(child.tail or "" for child in children)]
        self.terms += filter(None, (term, ft.mended("".join(texts).strip())))
        for child in children:
            self.read(child, scope)

    def _keywords(self, element: etree._Element, name: str, stated: dict[str, str], _: Scope) -> None:
        if not stated or name == "tags":
            self.terms += (term.strip() for term in ft.mended(ft.plain(element, name)).split(","))

    def _author(self, element: etree._Element, name: str, _: dict[str, str], scope: Scope) -> None:
        person: dict[str, str] = {}
        texts = [element.text or ""]
        for child in element:
            part = self._names.of(child)
            if part not in _PERSON or len(child):
                raise NeedsLenient(f"a <{part[:40]}> stands inside a <{name}>")
            person[part.removeprefix("itunes:")] = (child.text or "").strip()
            texts.append(child.tail or "")
        self._store("author", ft.mended("".join(texts).strip()), scope.depth)
        spelled = person.get("name") if person else _named(self.fields["author"])
        if spelled:
            self.authors.append(spelled)

    def _aside(self, element: etree._Element, name: str, _: dict[str, str], __: Scope) -> None:
        """Something with a title of its own: a picture, an input, where an entry came from."""
        children = [self._names.of(child) for child in element]
        if name == "image" and self._entry and children:
            raise NeedsLenient("an item has an <image> with elements")
        if name == "image" and not {child for child in children if ":" not in child} <= _IMAGE:
            raise NeedsLenient("an <image> holds what no image has")
        if any(self._names.of(inner) in _NESTED for inner in element.iterdescendants()):
            raise NeedsLenient(f"a <{name}> holds an item or content")
        self.title_depth = -1

    def _people_aside(self, element: etree._Element, name: str, _: dict[str, str], __: Scope) -> None:
        if any(self._names.of(child) not in _PERSON for child in element):
            raise NeedsLenient(f"a <{name}> holds more than a name and addresses")
        if self._entry and name == "itunes:owner" and len(element):
            raise NeedsLenient("an item has an <itunes:owner> of its own")

    def _skip(self, *_: object) -> None:
        """Nothing in it is read."""

    def _refuse(self, _: etree._Element, name: str, __: dict[str, str], ___: Scope) -> None:
        raise NeedsLenient(f"a <{name}> stands where none belongs")


def _medium(stated: dict[str, str]) -> tuple[str, str | None]:
    return stated.get("href") or stated.get("url") or "", stated.get("type") or stated.get("medium")


def _named(text: str) -> str:
    """The name in the "mail@address (Name)" and "Name <mail@address>" that RSS has."""
    # The pattern, which is feedparser's, is quadratic.
    match = _EMAIL.search(text) if "@" in text and len(text) <= _LONGEST_ADDRESS else None
    if match is None:
        return text
    text = text.replace(match[0], "").replace("()", "").replace("<>", "").replace("&lt;&gt;", "").strip()
    return text.removeprefix("(").removesuffix(")").strip()


_TIMES = {
    **dict.fromkeys(("published", "issued", "pubdate", "dcterms:issued"), "published"),
    **dict.fromkeys(("updated", "modified", "lastbuilddate", "dc:date", "dcterms:modified"), "updated"),
}
_NESTED = {"item", "entry", "channel", "feed", "rss", "rdf:rdf", "source", "content", "content:encoded", "image"}
_HANDLERS: dict[str, Handler] = {
    **dict.fromkeys(_TIMES, Elements._time),
    "date": Elements._date,
    **dict.fromkeys(("language", "dc:language"), Elements._language),
    **dict.fromkeys(("guid", "id"), Elements._id),
    "link": Elements._link,
    "enclosure": Elements._enclosure,
    "media:content": Elements._media_content,
    **dict.fromkeys(("title", "dc:title", "media:title"), Elements._title),
    **dict.fromkeys(
        ("description", "dc:description", "media:description", "summary", "itunes:summary", "abstract"),
        Elements._description,
    ),
    **dict.fromkeys(("content", "content:encoded", "fullitem", "body", "xhtml:body"), Elements._content),
    **dict.fromkeys(("category", "keywords", "dc:subject", "media:category", "itunes:category"), Elements._category),
    **dict.fromkeys(("tags", "itunes:keywords", "media:keywords"), Elements._keywords),
    **dict.fromkeys(("author", "managingeditor", "dc:author", "dc:creator", "itunes:author"), Elements._author),
    **dict.fromkeys(("image", "textinput", "source"), Elements._aside),
    **dict.fromkeys(
        ("contributor", "dc:contributor", "webmaster", "dc:publisher", "itunes:owner"), Elements._people_aside
    ),
    **dict.fromkeys(
        ("subtitle", "itunes:subtitle", "tagline", "rights", "copyright", "dc:rights", "info", "at:deleted-entry"),
        Elements._skip,
    ),
    **dict.fromkeys(
        (*("item", "entry", "channel", "feed", "rss", "rdf:rdf"), *("authors", "links", "enclosures", "media_content")),
        Elements._refuse,
    ),
}
