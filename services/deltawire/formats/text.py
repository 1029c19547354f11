"""Plain text made canonical: what every adapter does to titles, names and bodies before anything compares them."""

from __future__ import annotations

import codecs
import html
import re


def words(listed: str) -> frozenset[str]:
    """A set of names, written as one string."""
    return frozenset(listed.split())


_UNWANTED = re.compile("[\x00-\x08\x0b\x0e-\x1f\x7f-\x84\x86-\x9f\ud800-\udfff\ufeff\ufffe\uffff]")
_SPACE = re.compile(r"\s+")
_TAG = re.compile(r"</?[A-Za-z][^<>]*>")
_REFERENCE = re.compile(r"&(?:#\d{1,7}|#[xX][0-9a-fA-F]{1,6}|[A-Za-z][A-Za-z0-9]{1,31});")
_UNIT = r"(?:s|secs?|seconds?|m|mins?|minutes?|h|hrs?|hours?|d|days?|w|wks?|weeks?|months?|y|yrs?|years?)"
_RELATIVE_TIME = re.compile(
    r"\W*(?:(?:last )?(?:updated|published|posted|edited|modified)[: ]+)?"
    rf"(?:just now|right now|(?:a few )?(?:moments?|seconds?) ago"
    rf"|(?:about |around |over |almost |less than |more than )?(?:an?|\d{{1,4}}) ?{_UNIT}"
    rf"(?:,? (?:and )?\d{{1,4}} ?{_UNIT})? ago)\W*",
    re.IGNORECASE,
)

RELATIVE_TIME_LIMIT = 64
"""Characters; a longer text is never taken for a relative time."""

# The WHATWG Encoding Standard's single-byte and CJK encodings that news sites still serve, by Python's name. What is
# missing (punycode, idna, undefined, uu, utf-7) is slow, raises, or is a way around the sanitiser (reliability.md 3.1).
_CODECS = words(
    "utf-8 utf-16 utf-16-be utf-16-le utf-32 ascii iso8859-1 iso8859-2 iso8859-5 iso8859-9 iso8859-15 cp1250 cp1251 "
    "cp1252 cp1253 cp1254 cp1255 cp1256 koi8-r koi8-u shift_jis euc_jp euc_kr gbk gb2312 gb18030 big5"
)
_BOMS = ((codecs.BOM_UTF8, "utf-8"), (codecs.BOM_UTF16_LE, "utf-16-le"), (codecs.BOM_UTF16_BE, "utf-16-be"))
_STATED_CHARSET = re.compile(
    rb"""<\?xml[^>]{0,200}?encoding\s*=\s*["']([\w.:-]+)|<meta[^>]{0,200}?charset\s*=\s*["']?([\w.:-]+)""",
    re.IGNORECASE,
)
_HEADER_CHARSET = re.compile(r"""charset\s*=\s*["']?([\w.:-]+)""", re.IGNORECASE)


def clean(text: str) -> str:
    """The text without NUL, other control characters, lone surrogates and byte order marks (PostgreSQL refuses NUL)."""
    # Nothing unwanted is printable, and to ask is cheaper than to search.
    return text if text.isprintable() else _UNWANTED.sub("", text)


def collapse(text: str) -> str:
    """One line: every run of white space, no-break spaces included, is one space; none at the ends."""
    return " ".join(clean(text).split())


def has_tags(text: str) -> bool:
    return _TAG.search(text) is not None


def unescape(text: str) -> str:
    """Character references that are complete (with their semicolon) decoded, once: a bare ``&copy=1`` is text."""
    return clean(_REFERENCE.sub(lambda match: html.unescape(match[0]), text))


def line(value: object, *, escaped: bool = True) -> str | None:
    """A headline or a name as one line of text, null where there is none.

    ``escaped`` says that the source may hold markup or character references (JSON-LD and RSS do).
    """
    if not isinstance(value, str):
        return None
    text = unescape(_TAG.sub("", value)) if escaped else value
    return collapse(text) or None


def is_relative_time(text: str) -> bool:
    """Whether the text says nothing but how long ago something was ("21 mins ago"), which changes at each render."""
    return len(text) <= RELATIVE_TIME_LIMIT and _RELATIVE_TIME.fullmatch(_SPACE.sub(" ", text)) is not None


def decode(body: bytes, content_type: str | None) -> tuple[str, str | None]:
    """A body as text, and a sentence on what was wrong with its bytes, or null.

    Bytes that are invalid in their encoding are read as Windows-1252, the usual culprit.
    """
    codec, body, wrong = encoding(body, content_type)
    try:
        text = body.decode(codec)
    except UnicodeDecodeError as error:
        wrong = wrong or f"byte {error.start} is not valid {codec}; such bytes were read as Windows-1252"
        text = body.decode(codec, "deltawire-cp1252")
    return text, wrong


def encoding(body: bytes, content_type: str | None) -> tuple[str, bytes, str | None]:
    """How a body is encoded, by Python's name; the body without its byte order mark; what was wrong, or null.

    Byte order mark, then the header, then what the document states (RFC 7303 section 3); only known-harmless codecs.
    """
    name = "utf-8"
    for mark, marked in _BOMS:
        if body.startswith(mark):
            body, name = body[len(mark) :], marked
            break
    else:
        header = _HEADER_CHARSET.search(content_type or "")
        stated = _STATED_CHARSET.search(body[:2048])
        if header:
            name = header[1]
        elif stated:
            name = (stated[1] or stated[2]).decode("ascii", "replace")
    try:
        codec = codecs.lookup(name).name
    except (LookupError, ValueError):
        codec = ""
    if codec not in _CODECS:
        return "utf-8", body, f"the encoding {name[:40]!r} is unknown or not allowed; read as UTF-8"
    return "cp1252" if codec == "iso8859-1" else codec, body, None


def _as_cp1252(error: UnicodeError) -> tuple[str, int]:
    assert isinstance(error, UnicodeDecodeError)
    return error.object[error.start : error.end].decode("cp1252", "replace"), error.end


codecs.register_error("deltawire-cp1252", _as_cp1252)
