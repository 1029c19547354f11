"""The Guardian's Content API: an item, or a search answer with exactly one live blog (formats.md 2.1)."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any, ClassVar

from deltawire.formats import text as texts
from deltawire.formats import times
from deltawire.formats.assemble import Read, as_entry, distinct, located, reading, source_id
from deltawire.formats.base import Raw, Unreadable
from deltawire.formats.content import from_html, from_text
from deltawire.formats.foreign import items, load_json, mapping, objects, opening, string
from deltawire.formats.guardian_blocks import block_url
from deltawire.formats.guardian_body import contributor, read_body
from deltawire.formats.memo import recalled
from deltawire.formats.urls import canonical_url
from deltawire.model import Coverage, Entry, FeedMeta, Problem, Reading

_CONTIGUOUS = re.compile(r"body:(?:latest|oldest|published-since)\b.*")
_LABELS = {"keyEvent": "key-event", "summary": "summary", "pinned": "pinned"}


class GuardianCapi:
    """Content API answers.

    Coverage is ``full`` for all blocks (``blocks.body``, ``fields.body``), ``window`` for one unbroken run of them, and
    ``delta`` for a selection (key events, pinned), where a block that is missing says nothing.
    """

    name: ClassVar[str] = "guardian-capi"
    version: ClassVar[int] = 2

    def claims(self, raw: Raw) -> bool:
        head = opening(raw)
        if head[:1] != b"{":
            return False
        gateway = len(raw.body) < 2048 and re.match(rb'\{\s*"message"\s*:', head) is not None
        return gateway or re.match(rb'\{\s*"response"\s*:\s*\{', head) is not None

    def read(self, raw: Raw) -> Reading:
        loaded = load_json(raw)
        item = _item(loaded.value)
        problems = loaded.problems
        fields = mapping(item.get("fields"))
        url = canonical_url(string(item, "webUrl"), raw.url)
        people = {
            str(tag.get("id")): tag.get("webTitle")
            for tag in objects(item.get("tags"))
            if tag.get("type") == "contributor"
        }
        blocks = mapping(item.get("blocks"))
        coverage: Coverage
        if isinstance(blocks.get("body"), list):
            shown = objects(blocks["body"])
            coverage = "full" if _total(blocks, len(shown)) <= len(shown) else "window"
            entries = _entries(raw, shown, url, people, problems)
        elif isinstance(blocks.get("requestedBodyBlocks"), dict):
            shown, coverage = _requested(blocks["requestedBodyBlocks"], _total(blocks, -1))
            entries = _entries(raw, shown, url, people, problems)
        elif string(fields, "body").strip():
            entries, coverage = read_body(string(fields, "body"), url, people, problems), "full"
        else:
            raise Unreadable(
                "empty",
                "the Content API answer has no blocks: add show-blocks=all (or show-fields=body) to the request",
            )
        return reading(
            format=self.name,
            version=self.version,
            feed=FeedMeta(
                title=texts.line(fields.get("headline")) or texts.line(item.get("webTitle")),
                url=url,
                language=texts.line(fields.get("lang")),
                live=_flag(fields.get("liveBloggingNow")),
            ),
            coverage=coverage,
            entries=entries,
            problems=problems,
        )


def _item(document: Any) -> Mapping[str, Any]:
    """The content of the answer.

    Raises:
        Unreadable: the API refused (in its own words), or the answer is not about exactly one live blog.
    """
    whole = mapping(document)
    response = mapping(whole.get("response"))
    if not response and isinstance(whole.get("message"), str):
        raise Unreadable(
            "source-error", f"the Content API refused the request: {texts.collapse(whole['message'])[:300]}"
        )
    if response.get("status") == "error":
        words = texts.line(response.get("message")) or "no reason given"
        raise Unreadable("source-error", f"the Content API refused the request: {words[:300]}")
    if isinstance(response.get("content"), dict):
        return mapping(response["content"])
    if not isinstance(response.get("results"), list):
        raise Unreadable("not-a-live-blog", "the Content API answer has neither content nor results")
    results = objects(response["results"])
    found = [item for item in results if item.get("type") == "liveblog"]
    if len(found) > 1:
        listed = ", ".join(str(item.get("id"))[:120] for item in found[:3])
        raise Unreadable(
            "ambiguous",
            f"the search answer holds {len(found)} live blogs ({listed}, …): ask for one by its item address",
        )
    if not found:
        raise Unreadable("not-a-live-blog", f"none of the {len(results)} results of the search answer is a live blog")
    return found[0]


def _requested(requested: Mapping[str, Any], total: int) -> tuple[list[Mapping[str, Any]], Coverage]:
    """The blocks of all requested selections, each once, newest first, and what their union covers."""
    selections = {name: objects(blocks) for name, blocks in requested.items() if isinstance(blocks, list)}
    union: dict[str, Mapping[str, Any]] = {}
    for number, block in enumerate(block for blocks in selections.values() for block in blocks):
        union.setdefault(source_id(block.get("id")) or f"\0{number}", block)
    blocks = list(union.values())
    if 0 <= total <= len(blocks):
        return blocks, "full"
    runs = [shown for name, shown in selections.items() if _CONTIGUOUS.fullmatch(name)]
    if len(runs) == 1 and len(runs[0]) == len(blocks):
        return blocks, "window"
    return blocks, "delta"


def _entries(
    raw: Raw,
    blocks: Sequence[Mapping[str, Any]],
    page: str | None,
    people: Mapping[str, Any],
    problems: list[Problem],
) -> list[Entry]:
    """The entries of the blocks that are published; only those that the memo does not recall are read."""
    context = f"capi\0{page}\0{people}"
    entries = []
    for block in blocks:
        if block.get("published") is not False:
            entry, odd = recalled(raw.memo, context, block, partial(_entry, block, page, people))
            entries.append(entry)
            problems += odd
    return entries


def _entry(block: Mapping[str, Any], page: str | None, people: Mapping[str, Any]) -> Read:
    identity = source_id(block.get("id"))
    where = identity or "a block without id"
    attributes = mapping(block.get("attributes"))
    body = block.get("bodyHtml")
    if not isinstance(body, str):
        elements = (mapping(element.get("textTypeData")) for element in objects(block.get("elements")))
        body = "".join(string(element, "html") for element in elements)
    content = from_html(body, page) if body else from_text(string(block, "bodyTextSummary"))
    problems = located(content.problems, where)
    created = times.inferred(times.parse(block.get("createdDate")))
    published = times.parse(block.get("firstPublishedDate") or block.get("publishedDate")) or created
    updated = times.parse(block.get("lastModifiedDate"))
    if published is None:
        problems.append(
            Problem(code="bad-time", message="the block has no time of publication that can be read", where=where)
        )
    return as_entry(
        content,
        published,
        updated,
        source_id=identity,
        url=block_url(page, identity),
        title=texts.line(block.get("title")) or texts.line(attributes.get("title")),
        authors=distinct(_author(person, people) for person in items(block.get("contributors"))),
        labels=tuple(label for key, label in _LABELS.items() if _flag(attributes.get(key))),
    ), tuple(problems)


def _author(person: Any, people: Mapping[str, Any]) -> str | None:
    """A contributor by name. createdBy and lastModifiedBy, staff accounts with e-mail addresses, are not read."""
    if isinstance(person, str):
        return contributor(person, people)
    return texts.line(mapping(person).get("webTitle")) or texts.line(mapping(person).get("name"))


def _total(blocks: Mapping[str, Any], default: int) -> int:
    total = blocks.get("totalBodyBlocks")
    return total if isinstance(total, int) else default


def _flag(value: Any) -> bool | None:
    """The API writes booleans of ``fields`` as strings."""
    return {"true": True, "false": False}.get(str(value).lower())
