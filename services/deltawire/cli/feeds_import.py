"""``deltawire feeds import``: the feeds of a subscription list, OPML or one URL a line."""

from __future__ import annotations

import argparse
import sys
from collections import Counter
from collections.abc import Collection, Iterator, Mapping
from datetime import datetime

import msgspec
from lxml import etree

from deltawire import config_rules, wanted
from deltawire.cli.documents import saved
from deltawire.cli.main import Failure
from deltawire.formats import text as texts
from deltawire.formats.urls import canonical_url
from deltawire.log.port import Log
from deltawire.log.topics import Topics
from deltawire.model import Feed

MAX_BYTES = 16 * 1024 * 1024
_MAX_DEPTH = 64


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
        Failure: lines of the file name no feed; the others were imported.
    """
    lines = list(parsed(saved(arguments.file).body, arguments.file))
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
    text = texts.decode(body, None)[0]
    return _outlines(_xml(body, name)) if text.lstrip("\ufeff \t\r\n")[:1] == "<" else _plain(text)


def chosen(
    lines: Collection[Line], feeds: Mapping[str, Feed], tags: tuple[str, ...], now: datetime
) -> tuple[list[Feed], int]:
    """The feeds to add, and how many of the lines are followed already or stand there twice."""
    addresses = {canonical_url(feed.url) for feed in feeds.values()}
    numbers: Counter[str] = Counter()
    ids = set(feeds)
    generation = wanted.generation(now)
    new: list[Feed] = []
    good = [line for line in lines if line.mistake is None]
    for line in good:
        address = canonical_url(line.url)
        if address in addresses:
            continue
        addresses.add(address)
        feed_id = base = wanted.slug(line.url)
        while feed_id in ids:
            numbers[base] += 1
            feed_id = f"{base}-{numbers[base] + 1}"
        ids.add(feed_id)
        own = tuple(dict.fromkeys((*tags, *line.tags)))
        new.append(Feed(id=feed_id, url=line.url, tags=own, generation=generation))
    return new, len(good) - len(new)


def _plain(text: str) -> Iterator[Line]:
    """One URL a line; empty lines and what begins with # do not count."""
    for number, line in enumerate(text.removeprefix("\ufeff").splitlines(), start=1):
        url = line.strip()
        if url and not url.startswith("#"):
            yield _checked(number, url, ())


def _checked(number: int, url: str, tags: tuple[str, ...]) -> Line:
    mistake = config_rules.url_mistake(url)
    if mistake is None and (any(map(str.isspace, url)) or canonical_url(url) is None):
        mistake = "is no URL that can be asked for"
    return Line(number=number, url=url, tags=tags, mistake=mistake and f"{url[:100]!r} {mistake}")


def _xml(body: bytes, name: str) -> etree._Element:
    # Entities and DTDs have no place in OPML, and are how XML hurts.
    parser = etree.XMLParser(resolve_entities=False, no_network=True, load_dtd=False, huge_tree=False)
    try:
        root = etree.fromstring(body, parser)
    except etree.XMLSyntaxError as error:
        raise Failure(f"{name}:{error.lineno}: is neither OPML nor a list of URLs: {error.msg}") from None
    if root.tag != "opml":
        raise Failure(f"{name}: is XML, but no OPML: it begins with <{str(root.tag)[:60]}>")
    if root.getroottree().docinfo.internalDTD is not None:
        raise Failure(f"{name}: has a document type, which OPML has not; remove <!DOCTYPE …>")
    return root


def _outlines(root: etree._Element) -> Iterator[Line]:
    """The outlines with an ``xmlUrl`` (OPML 2.0, subscription lists), with the folders around them as tags."""
    waiting: list[tuple[etree._Element, tuple[str, ...]]] = [(root, ())]
    while waiting:
        node, folders = waiting.pop()
        inside = folders
        if node.tag == "outline":
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
    parts = (part.strip()[:100] for name in names for part in name.split("/"))
    return tuple(dict.fromkeys(part for part in parts if part))
