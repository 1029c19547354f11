"""Plain text made canonical: what every adapter does to titles, names and bodies before anything compares them."""

from __future__ import annotations

import codecs
import html
import re


def words(listed: str) -> frozenset[str]:
    """A set of names, written as one string."""
    return frozenset(listed.split())


_UNWANTED = re.compile("[\x00-\x08\x0b\x0e-\x1f\x7f-\x84\x86-\x9f\ud800-\udfff\ufeff\ufffe\uffff]")
_UNWANTED_ASCII = bytes(code for code in range(128) if _UNWANTED.match(chr(code)))
_UNPRINTABLE_ASCII = bytes(code for code in range(128) if not chr(code).isprintable())
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

# The WHATWG Encoding Standard's encodings that news sites still serve, by Python's name. What is missing (punycode,
# idna, undefined, uu, utf-7, iso-2022-jp) is slow, raises, or is a way around the sanitiser (reliability.md 3.1).
_CODECS = words(
    "utf-8 utf-16 utf-16-be utf-16-le utf-32 utf-32-be utf-32-le ascii iso8859-1 iso8859-2 iso8859-3 iso8859-4 "
    "iso8859-5 iso8859-6 iso8859-7 iso8859-8 iso8859-9 iso8859-10 iso8859-11 iso8859-13 iso8859-14 iso8859-15 "
    "iso8859-16 cp866 cp874 cp1250 cp1251 cp1252 cp1253 cp1254 cp1255 cp1256 cp1257 cp1258 koi8-r koi8-u mac-roman "
    "mac-cyrillic tis-620 "
    "shift_jis cp932 euc_jp euc_kr cp949 gbk gb2312 gb18030 big5 big5hkscs"
)
# What Python has no name for.
_LABELS = {
    **dict.fromkeys(("windows-31j", "x-sjis", "ms_kanji"), "cp932"),
    **dict.fromkeys(("x-gbk", "gb_2312-80", "gb_2312"), "gb18030"),
    **dict.fromkeys(("windows-949", "ks_c_5601-1989"), "cp949"),
    **dict.fromkeys(("windows-874", "dos-874"), "cp874"),
    **dict.fromkeys(("unicode-1-1-utf-8", "x-unicode20utf8", "utf-8-sig"), "utf-8"),
    **dict.fromkeys(("unicode", "ucs-2", "iso-10646-ucs-2", "csunicode"), "utf-16"),
    **dict.fromkeys(("macintosh", "x-mac-roman", "mac"), "mac-roman"),
    **dict.fromkeys(("x-mac-cyrillic", "x-mac-ukrainian"), "mac-cyrillic"),
    "iso-8859-8-i": "iso8859-8",
}
# What is declared under these names holds characters that only the larger set has, and the standard reads it as that.
_LARGER = {
    **dict.fromkeys(("ascii", "iso8859-1"), "cp1252"),
    **dict.fromkeys(("gb2312", "gbk"), "gb18030"),
    **dict.fromkeys(("tis-620", "iso8859-11"), "cp874"),
    "iso8859-9": "cp1254",
    "shift_jis": "cp932",
    "euc_kr": "cp949",
    "big5": "big5hkscs",
}
_BOMS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32-le"),
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
_WIDE: dict[tuple[bool, ...], str] = {
    (True, False, True, False): "utf-16-le",
    (False, True, False, True): "utf-16-be",
    (True, False, False, False): "utf-32-le",
    (False, False, False, True): "utf-32-be",
}
"""What the first four bytes tell, by which of them are not NUL (XML 1.0, appendix F.1)."""

_SHOWN = 512
_XML_ENCODING = re.compile(rb"""[^<]{0,200}<\?xml[^>]{0,200}?encoding\s*=\s*["']([\w.:-]+)""")
_META_CHARSET = re.compile(rb"""<meta[^>]{0,200}?charset\s*=\s*["']?([\w.:-]+)""", re.IGNORECASE)
_FEED_ROOT = re.compile(rb"<(?:\w{1,20}:)?(?:rss|RDF|feed)[\s>]")
_HEADER_CHARSET = re.compile(r"""charset\s*=\s*["']?([\w.:-]+)""", re.IGNORECASE)


def clean(text: str) -> str:
    """The text without NUL, other control characters, lone surrogates and byte order marks (PostgreSQL refuses NUL)."""
    if text.isascii():
        kept = text.encode().translate(None, _UNWANTED_ASCII)
        return text if len(kept) == len(text) else kept.decode()
    # Nothing unwanted is printable, and to ask is cheaper than to search.
    return text if text.isprintable() else _UNWANTED.sub("", text)


def is_printable(text: str) -> bool:
    """As ``str.isprintable``, which says of white space that only the space is; several times as fast for ASCII."""
    if text.isascii():
        return len(text.encode().translate(None, _UNPRINTABLE_ASCII)) == len(text)
    return text.isprintable()


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
    return (
        len(text) <= RELATIVE_TIME_LIMIT
        and may_be_relative(text)
        and _RELATIVE_TIME.fullmatch(_SPACE.sub(" ", text)) is not None
    )


def may_be_relative(text: str) -> bool:
    """Whether the text has a word that every relative time has; quicker to tell than that it is none."""
    folded = text.lower()
    return "ago" in folded or "now" in folded


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
    What the bytes themselves disprove is not believed: UTF-16 or 32 where they are none, and the other way round.
    """
    for mark, marked in _BOMS:
        if body.startswith(mark):
            return marked, body[len(mark) :], None
    wide = _WIDE.get(tuple(map(bool, body[:4])))
    if wide is not None:
        return wide, body, None
    header = _HEADER_CHARSET.search(content_type or "")
    stated = _stated(body)
    wrong = None
    for name in filter(None, (header and header[1], stated)):
        codec = _codec(name)
        if codec is None:
            wrong = wrong or f"the encoding {name[:40]!r} is unknown or not allowed; read as UTF-8"
            continue
        if codec.startswith(("utf-16", "utf-32")) and _is_narrow(body):
            continue
        if codec == "cp1252" and stated and _codec(stated) == "utf-8" and _is_utf8(body):
            # A server that says the same of everything it has.
            return "utf-8", body, None
        return {"utf-16": "utf-16-le", "utf-32": "utf-32-le"}.get(codec, codec), body, None
    return "utf-8", body, wrong


def _stated(body: bytes) -> str | None:
    """The encoding that a document states; a feed does so in its XML declaration, and quotes pages that do."""
    head = body[:2048]
    found = _XML_ENCODING.match(head)
    if found is None and head.lstrip()[:1] == b"<":
        found = _META_CHARSET.search(head)
        if found is not None and _FEED_ROOT.search(head, 0, found.start()):
            return None
    return found[1].decode("ascii", "replace") if found else None


def _codec(name: str) -> str | None:
    """The codec for an encoding of that name, by Python's name; null if it is unknown or not allowed."""
    try:
        codec = codecs.lookup(_LABELS.get(name.lower(), name)).name
    except (LookupError, ValueError):
        return None
    return _LARGER.get(codec, codec) if codec in _CODECS else None


def _is_narrow(body: bytes) -> bool:
    """Whether a body cannot be UTF-16 or 32: these have a NUL in every space and every character of markup."""
    shown = body[:_SHOWN]
    return b"\0" not in shown and _is_utf8(shown, whole=len(body) <= _SHOWN)


def _is_utf8(body: bytes, *, whole: bool = True) -> bool:
    try:
        codecs.getincrementaldecoder("utf-8")().decode(body, whole)
    except UnicodeDecodeError:
        return False
    return True


def _as_cp1252(error: UnicodeError) -> tuple[str, int]:
    assert isinstance(error, UnicodeDecodeError)
    return error.object[error.start : error.end].decode("cp1252", "replace"), error.end


codecs.register_error("deltawire-cp1252", _as_cp1252)
