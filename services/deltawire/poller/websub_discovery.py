"""Where a document says that it can be subscribed to (WebSub, 4): Link headers, links in its head, JSON Feed hubs."""

from __future__ import annotations

import html
import re
from collections.abc import Iterator
from urllib.parse import urljoin, urlsplit

import msgspec

from deltawire.formats import text as texts
from deltawire.poller.outcome import Fetched
from deltawire.poller.websub import Offer

_LONGEST_HEAD = 64 * 1024
_LONGEST_HEADER = 16 * 1024
_LONGEST_URL = 2000
_LARGEST_JSON = 4 * 1024 * 1024
_header_link = re.compile(r"<([^<>]{1,2000})>((?>\s*;\s*[\w!#$&+.^`|~*-]+(?>\s*=\s*(?>\"[^\"]*\"|[^\s;,\"]+))?)*+)")
_parameter = re.compile(r";\s*rel\s*=\s*(?:\"([^\"]*)\"|([^\s;,\"]+))", re.IGNORECASE)
_head_ends = re.compile(r"<(?:(?:\w{1,20}:)?(?:item|entry)[\s>]|/head\b|body\b)", re.IGNORECASE)
_link = re.compile(r"<(?:\w{1,20}:)?link\s([^<>]{1,4000})>", re.IGNORECASE)
_attribute = re.compile(r"([\w:-]{1,40})\s*=\s*(?:\"([^\"]*)\"|'([^']*)'|([^\s\"'<>=]+))")


class _JsonHub(msgspec.Struct, frozen=True):
    type: str = ""
    url: str = ""


class _JsonFeed(msgspec.Struct, frozen=True):
    feed_url: str = ""
    hubs: list[_JsonHub] = []


def offer(fetched: Fetched) -> Offer | None:
    """The hub and the topic of a document; null unless it names both. Each from the headers, if they name it.

    Of several hubs one behind TLS: only such a one signs what it delivers.
    """
    in_headers, in_document = _in_headers(fetched.links), _in_document(fetched)
    hubs = list(_usable(in_headers, "hub", fetched.url)) or list(_usable(in_document, "hub", fetched.url))
    topic = next(_usable([*in_headers, *in_document], "self", fetched.url), None)
    return Offer(min(hubs, key=lambda hub: not hub.startswith("https:")), topic) if hubs and topic else None


def _usable(links: list[tuple[str, str]], rel: str, base: str) -> Iterator[str]:
    """The usable addresses with that relation, absolute."""
    for rels, url in links:
        if rel in rels.lower().split():
            try:
                absolute = urljoin(base, url.strip())
                parts = urlsplit(absolute)
                usable = parts.scheme in ("http", "https") and bool(parts.hostname) and (parts.port or 1) > 0
            except ValueError:
                continue
            if usable and len(absolute) <= _LONGEST_URL and not re.search(r"[^!-~]|\$\{", absolute):
                yield absolute


def _in_headers(links: str) -> list[tuple[str, str]]:
    """RFC 8288, 3."""
    return [
        ((rel[1] or rel[2] or ""), found[1])
        for found in _header_link.finditer(links[:_LONGEST_HEADER])
        if (rel := _parameter.search(found[2]))
    ]


def _in_document(fetched: Fetched) -> list[tuple[str, str]]:
    start = fetched.body[:1024].lstrip(b"\xef\xbb\xbf \t\r\n")
    if start.startswith(b"{"):
        return _in_json(fetched.body)
    if not start.startswith(b"<"):
        return []
    text = texts.decode(fetched.body[:_LONGEST_HEAD], fetched.content_type)[0]
    text = _without(_without(text, "<!--", "-->"), "<![CDATA[", "]]>")
    end = _head_ends.search(text)
    found: list[tuple[str, str]] = []
    for tag in _link.finditer(text, 0, end.start() if end else len(text)):
        said = {name.lower(): html.unescape(a or b or c) for name, a, b, c in _attribute.findall(tag[1])}
        found.append((said.get("rel", ""), said.get("href", "")))
    return found


def _without(text: str, start: str, end: str) -> str:
    """The text without what stands between the two, in time that grows with its length only."""
    first, *others = text.split(start)
    return first + "".join(other.partition(end)[2] for other in others)


def _in_json(body: bytes) -> list[tuple[str, str]]:
    """JSON Feed 1.1: ``hubs``, and ``feed_url`` for rel=self."""
    if len(body) > _LARGEST_JSON or b'"hubs"' not in body:
        return []
    try:
        feed = msgspec.json.decode(body, type=_JsonFeed)
    except (msgspec.MsgspecError, UnicodeError, RecursionError):
        return []
    hubs = [("hub", hub.url) for hub in feed.hubs if hub.type.lower() == "websub"]
    return [("self", feed.feed_url), *hubs]
