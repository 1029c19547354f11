"""``deltawire feeds import``: the feeds of a subscription list, OPML or one URL a line."""

from __future__ import annotations

import argparse
import html
import re
import sys
from collections import Counter
from collections.abc import Collection, Iterator, Mapping
from datetime import datetime

import msgspec
from lxml import etree

from deltawire import config_rules, variables, wanted
from deltawire.cli.documents import saved
from deltawire.cli.main import Failure
from deltawire.formats import text as texts
from deltawire.formats.urls import canonical_url
from deltawire.log.port import Log
from deltawire.log.topics import Topics
from deltawire.model import Feed

MAX_BYTES = 16 * 1024 * 1024
_MAX_DEPTH = 64
_DECLARATION = re.compile(r"\s*<\?xml\b[^>]{0,200}\?>")
_DOCTYPE = re.compile(r"<!DOCTYPE\b[^<>\[]{0,1000}(>|\[)", re.IGNORECASE)
# Of what is no reference in XML, HTML knows some; all else is an ampersand that an exporter did not escape.
_NO_REFERENCE = re.compile(r"&(?!#\d{1,7};|#x[0-9a-f]{1,6};|(?:amp|lt|gt|quot|apos);)(?:\w{1,32};)?", re.IGNORECASE)
_COMMENT = re.compile(r"\s+#.*")
_FEED_SCHEME = re.compile(r"feed:(?://)?(?=https?://)|feed(?=://)", re.IGNORECASE)


class Line(msgspec.Struct, frozen=True, kw_only=True):
    """One feed of a list, or why it is none (``mistake``); ``number`` is its line, from 1."""

    number: int
    url: str
    tags: tuple[str, ...] = ()
    mistake: str | None = None


async def import_feeds(
    log: Log, topics: Topics, feeds: Mapping[str, Feed], arguments: argparse.Namespace, now: datetime
) -> None:
    """Follow every feed of the file that is not followed yet, all in one write.

    Raises:
        Failure: lines of the file name no feed; the others were imported. Or there is none in it.
    """
    lines = list(parsed(saved(arguments.file).body, arguments.file))
    if not lines:
        raise Failure(f"{arguments.file}: names no feed")
    new, known = chosen(lines, feeds, tuple(arguments.tags), now)
    await wanted.write(log, topics, new)
    bad = [line for line in lines if line.mistake]
    for line in bad:
        print(f"{arguments.file}:{line.number}: {line.mistake}", file=sys.stderr)
    for feed in new:
        print(feed.id)
    summary = f"{len(new)} added, {known} already there, {len(bad)} not understood"
    if bad:
        raise Failure(f"{summary}: mend the lines above and import the file again")
    print(summary, file=sys.stderr)


def parsed(body: bytes, name: str) -> Iterator[Line]:
    """The feeds of a list, in its order.

    Raises:
        Failure: it is markup but no OPML, or too large.
    """
    if len(body) > MAX_BYTES:
        raise Failure(f"{name}: has {len(body)} bytes; at most {MAX_BYTES} are read. Split it")
    text = texts.decode(body, None)[0].removeprefix("\ufeff")
    return _outlines(_xml(text, name)) if text.lstrip()[:1] == "<" else _plain(text)


def chosen(
    lines: Collection[Line], feeds: Mapping[str, Feed], tags: tuple[str, ...], now: datetime
) -> tuple[list[Feed], int]:
    """The feeds to add, and how many of the lines are followed already or stand there twice.

    Of more tags than a feed can have the first count: those given, then the folders from the outermost on.

    Raises:
        Failure: the tags given are too many, or too long.
    """
    addresses = {_address(feed.url) for feed in feeds.values()}
    numbers: Counter[str] = Counter()
    ids = set(feeds)
    generation = wanted.generation(now)
    new: list[Feed] = []
    if mistake := config_rules.tags_mistake(tags):
        raise Failure(mistake)
    good = [line for line in lines if line.mistake is None]
    for line in good:
        address = _address(line.url)
        if address in addresses:
            continue
        addresses.add(address)
        feed_id = base = wanted.slug(line.url)
        while feed_id in ids:
            numbers[base] += 1
            feed_id = f"{base}-{numbers[base] + 1}"
        ids.add(feed_id)
        own = tuple(dict.fromkeys((*tags, *line.tags)))[: config_rules.MOST_TAGS]
        new.append(Feed(id=feed_id, url=line.url, tags=own, generation=generation))
    return new, len(good) - len(new)


def _address(url: str) -> str:
    """What a feed is known by: without the fragment, which no server gets to see."""
    return (canonical_url(url) or url).partition("#")[0]


def _plain(text: str) -> Iterator[Line]:
    """One URL a line; empty lines and what follows a # at the beginning or after a space do not count."""
    for number, line in enumerate(re.split(r"\r\n|\r|\n", text), start=1):
        url = _COMMENT.sub("", line.strip())
        if url and not url.startswith("#"):
            yield _checked(number, url, ())


def _checked(number: int, url: str, tags: tuple[str, ...]) -> Line:
    url = _FEED_SCHEME.sub(lambda match: "" if ":" in match[0] else "http", url, count=1)
    mistake = config_rules.url_mistake(url)
    if mistake is None and (any(map(str.isspace, url)) or canonical_url(url) is None):
        mistake = "is no URL that can be asked for"
    if mistake is None and (variable := variables.NAME.search(url)):
        # Lists come from others, and nobody reads them through: one could have any variable sent to its own site.
        mistake = f"asks for the environment variable {variable[1]}, which no list may; use deltawire feeds add"
    return Line(number=number, url=url, tags=tags, mistake=mistake and f"{url[:100]!r} {mistake}")


def _xml(text: str, name: str) -> etree._Element:
    """The root of an OPML file: decoded already, whatever it declares, and with what exporters forget to escape."""
    text = _DECLARATION.sub(_line_feeds, text, count=1)
    doctype = _DOCTYPE.search(text)
    if doctype is not None:
        if doctype[1] == "[":
            # Entities have no place in OPML, and are how XML hurts.
            raise Failure(f"{name}: declares entities in its document type, which OPML has not; remove <!DOCTYPE …>")
        text = _DOCTYPE.sub(_line_feeds, text, count=1)
    text = _NO_REFERENCE.sub(_escaped, texts.clean(text))
    parser = etree.XMLParser(resolve_entities=False, no_network=True, load_dtd=False, huge_tree=False)
    try:
        root = etree.fromstring(text.encode(), parser)
    except etree.XMLSyntaxError as error:
        deep = "XML_PARSE_HUGE" in (error.msg or "")
        why = "it is nested deeper than 256 folders, or has a name or text beyond all bounds" if deep else error.msg
        raise Failure(f"{name}:{error.lineno}: is neither OPML nor a list of URLs: {why}") from None
    if _name(root) != "opml":
        raise Failure(f"{name}: is XML, but no OPML: it begins with <{etree.QName(root).localname[:60]}>")
    return root


def _line_feeds(match: re.Match[str]) -> str:
    """In place of what is taken out, so that the lines keep their numbers."""
    return "\n" * match[0].count("\n")


def _escaped(match: re.Match[str]) -> str:
    meant = html.unescape(match[0])
    return html.escape(meant if not meant.startswith("&") else match[0])


def _name(node: etree._Element) -> str:
    """The name of an element, whose case and namespace exporters do not agree on."""
    return etree.QName(node).localname.lower()


def _outlines(root: etree._Element) -> Iterator[Line]:
    """The outlines with an ``xmlUrl`` (OPML 2.0, subscription lists), with the folders around them as tags."""
    waiting: list[tuple[etree._Element, tuple[str, ...]]] = [(root, ())]
    while waiting:
        node, folders = waiting.pop()
        inside = folders
        if _name(node) == "outline":
            url = _attribute(node, "xmlurl")
            if url:
                yield _checked(_number(node), url, _tags([*folders, *_attribute(node, "category").split(",")]))
            elif _attribute(node, "type").lower() in ("rss", "atom"):
                mistake = f"the outline {_title(node)!r} has no xmlUrl"
                yield Line(number=_number(node), url="", mistake=mistake)
            else:
                inside = (*folders, _title(node))[:_MAX_DEPTH]
        waiting.extend((child, inside) for child in reversed(node) if isinstance(child.tag, str))


def _attribute(node: etree._Element, name: str) -> str:
    """An attribute by its name, whose case exporters do not agree on."""
    return next((str(value).strip() for key, value in node.attrib.items() if str(key).lower() == name), "")


def _number(node: etree._Element) -> int:
    return int(str(node.sourceline))


def _title(node: etree._Element) -> str:
    return (_attribute(node, "text") or _attribute(node, "title"))[:100]


def _tags(names: list[str]) -> tuple[str, ...]:
    """Folders and categories as tags; a category can be a path (``/news/world``), whose parts are tags."""
    parts = (part.strip()[: config_rules.LONGEST_TAG] for name in names for part in name.split("/"))
    return tuple(dict.fromkeys(part for part in parts if part))
