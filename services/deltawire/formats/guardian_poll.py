"""What the Guardian's page asks for while it is open: ``<page>.json?lastUpdate=block-<id>`` (formats.md 2.2).

The answer holds at most five blocks that are newer than the cursor, as HTML, and never an edit or a deletion.
"""

from __future__ import annotations

from functools import partial
from typing import Any, ClassVar
from urllib.parse import urlsplit

from lxml import etree

from deltawire.formats import times
from deltawire.formats.assemble import Read, as_entry, located, reading, source_id
from deltawire.formats.base import Raw, Unreadable
from deltawire.formats.content import from_html
from deltawire.formats.dom import Page, classes, elements, heading, line, markup, recalled
from deltawire.formats.foreign import load_json, opening
from deltawire.formats.guardian_blocks import block_url, without_auto_links
from deltawire.model import Entry, FeedMeta, Problem, Reading


class GuardianPoll:
    name: ClassVar[str] = "guardian-poll"
    version: ClassVar[int] = 1

    def claims(self, raw: Raw) -> bool:
        head = opening(raw)
        return head[:1] == b"{" and all(key in raw.body for key in (b'"numNewBlocks"', b'"html"'))

    def read(self, raw: Raw) -> Reading:
        loaded = load_json(raw)
        answer = loaded.value if isinstance(loaded.value, dict) else {}
        html = answer.get("html")
        if not isinstance(html, str) or "numNewBlocks" not in answer:
            raise Unreadable("not-a-live-blog", "the JSON is no answer to a Guardian poll: it has no html")
        problems = loaded.problems
        url = _page(raw.url)
        entries: list[Entry] = []
        if html.strip():
            page = Page(Raw(body=html.encode("utf-8", "replace"), url=url or raw.url))
            for node in page.root.iter("article", "div"):
                # Appeals for donations stand among the blocks.
                if "block" not in classes(node) or "is-epic" in classes(node):
                    continue
                entry, found = recalled(raw.memo, f"{self.name}\0{url or ''}", node, partial(_entry, node, url))
                entries.append(entry)
                problems += found
        if not entries and _counted(answer):
            raise Unreadable(
                "malformed", f"the Guardian's answer counts {answer['numNewBlocks']} blocks and shows none"
            )
        return reading(
            format=self.name,
            version=self.version,
            feed=FeedMeta(url=url),
            coverage="delta",
            entries=entries,
            problems=problems,
        )


def _counted(answer: dict[str, Any]) -> bool:
    count = answer["numNewBlocks"]
    return isinstance(count, int) and count > 0


def _page(poll: str) -> str | None:
    """The address of the page that polls there."""
    parts = urlsplit(poll)
    if parts.scheme not in ("http", "https") or not parts.path.endswith(".json"):
        return None
    host = "www.theguardian.com" if (parts.hostname or "").endswith(".guardianapps.co.uk") else parts.netloc
    return f"{parts.scheme}://{host}{parts.path.removesuffix('.json')}"


def _entry(node: etree._Element, page: str | None) -> Read:
    identity = source_id(node.get("id"))
    where = identity or "a block without id"
    problems = []
    clock = next((part for part in elements(node) if part.tag == "time" and part.get("datetime")), None)
    published = times.parse_iso(clock.get("datetime") or "") if clock is not None else None
    if published is None:
        problems.append(
            Problem(code="bad-time", message="the block has no time of publication that can be read", where=where)
        )
    title = heading(node)
    headline = line(title)
    around = [part for part in elements(node) if part.tag in ("header", "footer")]
    outside = [] if title is None or any(part in around for part in title.iterancestors()) else [title]
    content = from_html(without_auto_links(markup(node, without=[*around, *outside])), page)
    return as_entry(
        content,
        published,
        source_id=identity,
        url=block_url(page, identity),
        title=headline,
    ), (*problems, *located(content.problems, where))
