"""The Content API's ``fields.body``: a whole live blog as one string of HTML, a ``div.block`` for each entry."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, NamedTuple

from deltawire.formats import text as texts
from deltawire.formats import times
from deltawire.formats.assemble import as_entry, distinct, located, source_id
from deltawire.formats.base import Unreadable
from deltawire.formats.content import from_html
from deltawire.formats.guardian_blocks import block_url
from deltawire.model import Entry, Problem

# Every repetition is bounded or stops at the next "<", so that no body makes the search quadratic.
_DIV = re.compile(r"<div\b([^<>]*)>|</div\s*>", re.IGNORECASE)
_ATTRIBUTE = re.compile(r"""([\w-]+)\s*=\s*(?:"([^"]*)"|'([^']*)')""")
_CLASSED = (
    r"""<{tag}\b[^<>]{{0,300}}?\bclass=["'][^"'<>]{{0,200}}?\b{name}\b[^<>]{{0,300}}>(.{{0,{most}}}?)</{tag}\s*>"""
)
_PUBLISHED, _UPDATED, _TITLE = (
    re.compile(_CLASSED.format(tag=tag, name=name, most=most), re.IGNORECASE | re.DOTALL)
    for tag, name, most in (("p", "published-time", 400), ("p", "updated-time", 400), ("h2", "block-title", 2000))
)
_DATETIME = re.compile(r"""<time\b[^<>]*\bdatetime=["']([^"'<>]+)""", re.IGNORECASE)


class _Block(NamedTuple):
    attributes: Mapping[str, str]
    inner: str


def read_body(body: str, page: str | None, people: Mapping[str, Any], problems: list[Problem]) -> list[Entry]:
    """The entries of the body, in its order.

    Raises:
        Unreadable: ``not-a-live-blog`` if it has no blocks, ``cut-off`` if it ends inside one or inside a tag.
    """
    blocks = _blocks(body)
    if not blocks:
        raise Unreadable(
            "not-a-live-blog", "fields.body of the Content API answer has no block: it is an article, no live blog"
        )
    return [_entry(block, page, people, problems) for block in blocks]


def contributor(profile: str, people: Mapping[str, Any]) -> str | None:
    """The name behind a contributor's tag: its title among the item's tags, else what its id spells."""
    return texts.line(people.get(profile)) or texts.line(profile.removeprefix("profile/").replace("-", " ").title())


def _blocks(body: str) -> list[_Block]:
    blocks: list[_Block] = []
    opened: list[dict[str, str] | None] = []
    start = end = 0
    for match in _DIV.finditer(body):
        if match[1] is not None:
            attributes = {name.lower(): double or single for name, double, single in _ATTRIBUTE.findall(match[1])}
            is_block = "block" in attributes.get("class", "").split()
            if is_block and any(opened):
                break
            start = match.end() if is_block else start
            opened.append(attributes if is_block else None)
        elif opened and (attributes_of := opened.pop()) is not None:
            blocks.append(_Block(attributes_of, body[start : match.start()]))
            end = match.end()
    unclosed = next((attributes for attributes in opened if attributes is not None), None)
    if unclosed is not None:
        name = source_id(unclosed.get("id")) or "without id"
        at = _datetime(_PUBLISHED, body[start:]) or "at an unknown time"
        raise Unreadable("cut-off", f"fields.body was cut off: it ends inside block {name} (published {at})")
    rest = body[end:]
    if rest.rfind("<") > rest.rfind(">"):
        raise Unreadable("cut-off", f"fields.body was cut off: it ends inside a tag after {len(blocks)} blocks")
    return blocks


def _entry(block: _Block, page: str | None, people: Mapping[str, Any], problems: list[Problem]) -> Entry:
    identity = source_id(block.attributes.get("id"))
    where = identity or "a block without id"
    title = _TITLE.search(block.inner)
    published, updated = (times.parse(_datetime(clock, block.inner)) for clock in (_PUBLISHED, _UPDATED))
    if published is None:
        problems.append(
            Problem(code="bad-time", message="the block has no time of publication that can be read", where=where)
        )
    content = from_html(_elements(block.inner), page)
    problems += located(content.problems, where)
    return as_entry(
        content,
        published,
        updated,
        source_id=identity,
        url=block_url(page, identity),
        title=texts.line(title[1]) if title else None,
        authors=distinct([contributor(block.attributes.get("data-block-contributor", ""), people)]),
    )


def _elements(inner: str) -> str:
    """The block without its clocks and its title: ``div.block-elements`` and whatever stands beside it."""
    for known in (_PUBLISHED, _UPDATED, _TITLE):
        inner = known.sub("", inner, count=1)
    return inner


def _datetime(clock: re.Pattern[str], html: str) -> str | None:
    found = clock.search(html)
    stated = _DATETIME.search(found[1]) if found else None
    return stated[1] if stated else None
