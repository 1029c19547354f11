"""JSON that others wrote: loaded with bounds, its errors told as an editor's line and column."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

import orjson

from deltawire.formats import text as texts
from deltawire.formats.base import Raw, Unreadable
from deltawire.model import Problem

MAX_DEPTH = 64
"""Levels of nesting; deeper than any feed goes and shallow enough for every walk in Python."""

_LONGEST_NUMBER = 1024


class Loaded(NamedTuple):
    value: Any
    problems: list[Problem]


class Flaw(Exception):
    """Why a text is no JSON. ``offset`` is in characters, ``at_end`` whether it simply stops too early."""

    def __init__(self, what: str, offset: int, *, at_end: bool) -> None:
        super().__init__(what)
        self.offset = offset
        self.at_end = at_end


def opening(raw: Raw) -> bytes:
    """How a document begins: up to 512 bytes, without a byte order mark and blanks."""
    return raw.body[:512].lstrip(b"\xef\xbb\xbf \t\r\n")


def load_json(raw: Raw) -> Loaded:
    """The whole document as JSON.

    Raises:
        Unreadable: it is none (``malformed`` with line and column, ``cut-off`` where it just ends).
    """
    text, wrong_bytes = texts.decode(raw.body, raw.content_type)
    noted = [Problem(code="bad-bytes", message=wrong_bytes)] if wrong_bytes else []
    try:
        loaded = parse_json(text)
    except Flaw as flaw:
        line, column = position(text, flaw.offset)
        if flaw.at_end:
            raise Unreadable(
                "cut-off", f"the JSON was cut off on the way: it ends at line {line}, column {column}"
            ) from flaw
        raise Unreadable("malformed", f"the JSON is invalid at line {line}, column {column}: {flaw}") from flaw
    return Loaded(loaded.value, noted + loaded.problems)


def parse_json(text: str) -> Loaded:
    """JSON as it is found in the wild: raw control characters and lone surrogates are let through, and noted.

    Raises:
        Flaw: it is no JSON, or nested deeper than 64 levels.
    """
    problems = []
    try:
        value = orjson.loads(text.encode("utf-8", "replace"))
    except orjson.JSONDecodeError:
        value = _lenient(text)
        problems.append(
            Problem(code="json-repaired", message="the JSON holds characters that JSON forbids; they were let through")
        )
    too_deep, vast = _measured(value)
    if too_deep:
        raise Flaw(f"it is nested deeper than {MAX_DEPTH} levels", 0, at_end=False)
    if vast and not problems:
        # orjson makes a float of a whole number beyond 64 bits, and an identity must be exact.
        value = _lenient(text)
    return Loaded(value, problems)


def position(text: str, offset: int) -> tuple[int, int]:
    """Line and column of an offset, both from 1."""
    return text.count("\n", 0, offset) + 1, offset - (text.rfind("\n", 0, offset) + 1) + 1


def strings(value: object) -> Iterator[str]:
    """The strings among the items of a list; none for anything else."""
    yield from (item for item in items(value) if isinstance(item, str))


def items(value: object) -> list[Any]:
    """The items of a list; none of anything else."""
    return value if isinstance(value, list) else []


def mapping(value: object) -> Mapping[str, Any]:
    """The value if it is an object, else an empty one."""
    return value if isinstance(value, dict) else {}


def objects(value: object) -> list[Mapping[str, Any]]:
    """The objects among the items of a list; none for anything else."""
    return [item for item in items(value) if isinstance(item, dict)]


def every_object(value: object) -> Iterator[dict[str, Any]]:
    """All objects of a loaded document, each before those inside of it, in document order."""
    pending = [value]
    while pending:
        item = pending.pop()
        if isinstance(item, dict):
            yield item
        children = item.values() if isinstance(item, dict) else items(item)
        pending += reversed([child for child in children if isinstance(child, dict | list)])


def string(item: Mapping[str, Any], key: str) -> str:
    """The text that a key has, empty where it has none."""
    value = item.get(key)
    return value if isinstance(value, str) else ""


def segment(value: Any) -> bytes:
    """A part of a loaded document as bytes: equal for equal values, what a memo is asked with."""
    try:
        return orjson.dumps(value, option=orjson.OPT_SORT_KEYS)
    except TypeError:  # a whole number beyond 64 bits, or half of a surrogate pair
        return repr(value).encode("utf-8", "surrogatepass")


def _lenient(text: str) -> Any:
    try:
        return json.loads(text, strict=False, parse_constant=lambda _: None, parse_int=_whole)
    except json.JSONDecodeError as error:
        raise Flaw(_what(text, error), error.pos, at_end=_ends(text, error)) from None
    except (RecursionError, ValueError):
        raise Flaw("it is nested too deeply or holds an absurd number", 0, at_end=False) from None


def _whole(digits: str) -> int | float:
    return int(digits) if len(digits) <= _LONGEST_NUMBER else float(digits)


def _ends(text: str, error: json.JSONDecodeError) -> bool:
    return error.pos >= len(text.rstrip()) or error.msg.startswith("Unterminated string")


def _what(text: str, error: json.JSONDecodeError) -> str:
    """The error in words for whoever made the document."""
    before = text[: error.pos].rstrip()
    found = text[error.pos : error.pos + 1]
    if found == "]" and error.msg.startswith("Expecting property name"):
        return "an object that is not closed before ']'" + (", and a trailing comma" if before.endswith(",") else "")
    if found in ("}", "]") and before.endswith(","):
        return f"a trailing comma before {found!r}"
    return error.msg[0].lower() + error.msg[1:]


def _measured(value: object) -> tuple[bool, bool]:
    """Whether the document is nested too deeply, and whether it has a float beyond the whole numbers of 64 bits."""
    level, vast = [value], False
    for _ in range(MAX_DEPTH + 1):
        below: list[Any] = []
        for one in level:
            if isinstance(one, dict):
                below += one.values()
            elif isinstance(one, list):
                below += one
            elif isinstance(one, float) and abs(one) >= 2**63:
                vast = True
        if not below:
            return False, vast
        level = below
    return True, vast
