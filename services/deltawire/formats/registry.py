"""Which format a document is in, and the reading of it. A new format is one file and one line in ``FORMATS``."""

from __future__ import annotations

import traceback
from pathlib import Path

from deltawire.formats import links
from deltawire.formats import text as texts
from deltawire.formats.aljazeera import AlJazeera
from deltawire.formats.amp import Amp
from deltawire.formats.base import Format, LenientFormat, NeedsLenient, Raw, Unreadable
from deltawire.formats.feed import Feed
from deltawire.formats.foreign import load_json
from deltawire.formats.guardian_capi import GuardianCapi
from deltawire.formats.guardian_page import GuardianPage
from deltawire.formats.guardian_poll import GuardianPoll
from deltawire.formats.jsonfeed import JsonFeed
from deltawire.formats.jsonld import JsonLd
from deltawire.formats.liveblog_html import LiveblogHtml
from deltawire.formats.microdata import Microdata
from deltawire.formats.page import describe, is_wall
from deltawire.formats.plaintext import PlainText
from deltawire.formats.quintype import Quintype
from deltawire.formats.superdesk import Superdesk
from deltawire.formats.wordpress import WordpressLiveblog
from deltawire.model import Reading

MAX_BYTES = 16 * 1024 * 1024

_FEED = Feed()
FORMATS: dict[str, Format] = {
    "rss": _FEED,
    "atom": _FEED,
    "jsonfeed": JsonFeed(),
    "guardian-capi": GuardianCapi(),
    "guardian-page": GuardianPage(),
    "guardian-poll": GuardianPoll(),
    "superdesk": Superdesk(),
    "wordpress-liveblog": WordpressLiveblog(),
    "quintype": Quintype(),
    "aljazeera": AlJazeera(),
    "amp": Amp(),
    "liveblog-html": LiveblogHtml(),
    "microdata": Microdata(),
    "jsonld": JsonLd(),
    "plain-text": PlainText(),
}
"""The formats by the names that a configuration may give, in the order in which they are asked for their claim."""


def detect(raw: Raw) -> Format:
    """The format that the document is in, by its content and headers.

    Raises:
        Unreadable: it is in none; the message says what it is instead.
    """
    # The answer to an AMP poll may be empty: nothing changed.
    if not raw.body.strip(b"\xef\xbb\xbf \t\r\n\0") and not FORMATS["amp"].claims(raw):
        raise Unreadable("empty", "the document is empty: the server sent no content")
    for candidate in FORMATS.values():
        if candidate.claims(raw):
            return candidate
    raise Unreadable("not-a-live-blog", f"{_what_it_is(raw)} is none of the known formats ({', '.join(FORMATS)})")


def read(raw: Raw, format: str = "auto", *, lenient: bool = False) -> Reading:  # noqa: A002 - as in the configuration
    """Read a document: pure computation, no I/O; for 16 MiB it can take many seconds.

    Strictly unless ``lenient``: a lenient reader costs a hundred times as much, and takes whatever it is given.

    Raises:
        Unreadable: no conclusion about entries can be drawn from it.
        NeedsLenient: it is malformed, but ``read_leniently`` may be able to read it.
        ValueError: there is no format of that name.
    """
    if format != "auto" and format not in FORMATS:
        raise ValueError(f"there is no format {format!r}; known are auto, {', '.join(FORMATS)}")
    if len(raw.body) > MAX_BYTES:
        raise Unreadable("too-large", f"the document has {len(raw.body)} bytes; at most {MAX_BYTES} are read")
    try:
        return _read(raw, format, lenient=lenient)
    except Unreadable as refusal:
        if refusal.code != "not-a-live-blog" or not (offers := links.offers(raw)):
            raise
        raise Unreadable(refusal.code, f"{refusal}; {links.described(offers)}") from None


def _read(raw: Raw, format: str, *, lenient: bool) -> Reading:  # noqa: A002
    adapter = detect(raw) if format == "auto" else FORMATS[format]
    try:
        return adapter.read_leniently(raw) if lenient and isinstance(adapter, LenientFormat) else adapter.read(raw)
    except Unreadable as refusal:
        # Every page that no other format claims ends here: without JSON-LD it has none of the formats.
        if format == "auto" and adapter is FORMATS["jsonld"] and refusal.code == "not-a-live-blog":
            raise Unreadable(refusal.code, _without_any(raw, refusal)) from None
        raise
    except NeedsLenient:
        raise
    except Exception as error:
        # The last net under hostile input. The message of a foreign exception may quote the document: it stays out.
        frame = traceback.extract_tb(error.__traceback__)[-1]
        where = f"{Path(frame.filename).name}:{frame.lineno}"
        message = f"the {adapter.name} reader failed with {type(error).__name__} at {where}"
        raise Unreadable("reader-error", message) from error


def read_leniently(raw: Raw, format: str = "auto") -> Reading:  # noqa: A002
    """Read a document that was refused with ``NeedsLenient``: the one way to a parser that can be hurt.

    Raises:
        Unreadable: no conclusion about entries can be drawn from it.
    """
    return read(raw, format, lenient=True)


def _without_any(raw: Raw, refusal: Unreadable) -> str:
    text = texts.decode(raw.body[:200_000], raw.content_type)[0]
    if is_wall(text):
        return f"the document seems to be {describe(text)}: none of the known formats was found in it"
    return f"{refusal}, and none of the other known formats was found"


def _what_it_is(raw: Raw) -> str:
    text = texts.decode(raw.body[:200_000], raw.content_type)[0].lstrip()
    if text[:1] in ("{", "["):
        document = load_json(raw).value
        if isinstance(document, dict):
            return f"a JSON object with the keys {', '.join(str(key)[:40] for key in list(document)[:12]) or '(none)'}"
        return f"a JSON {'list' if isinstance(document, list) else 'value'}"
    if text[:1] == "<":
        return describe(text)
    return (
        f"the text that begins with {texts.collapse(text[:60])!r}"
        if text.isprintable() or "\n" in text
        else "binary data"
    )
