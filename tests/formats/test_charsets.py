"""Whatever encoding a document or its server claims: an answer at once, and never an exception."""

from __future__ import annotations

import time

import pytest

from deltawire.formats import text as texts
from deltawire.formats.base import Raw
from formats.docs import RSS, read_doc, read_either_way

NOT_ALLOWED = (
    *("punycode", "idna", "utf-7", "rot13", "rot_13", "undefined", "uu", "hex", "base64", "zlib", "bz2", "mbcs", "oem"),
    *("unicode_escape", "raw_unicode_escape", "nope", "", "\0", "a" * 300),
)
WHERE = pytest.mark.parametrize("where", ["header", "declaration", "both"])


def claiming(document: str, codec: str, where: str) -> Raw:
    body = document.replace('encoding="utf-8"', f'encoding="{codec}"') if where != "header" else document
    header = f"application/rss+xml; charset={codec}" if where != "declaration" else None
    return Raw(body=body.encode(), url="https://x.example/feed", content_type=header)


@WHERE
@pytest.mark.parametrize("codec", NOT_ALLOWED)
def test_a_codec_that_is_not_allowed_is_never_asked(codec: str, where: str) -> None:
    reading = read_either_way(claiming(RSS.replace("Gusts", "Böen"), codec, where), "rss")
    assert reading.entries[1].content_text == "Böen of 60 knots."


@WHERE
def test_no_codec_takes_longer_than_its_text_justifies(where: str) -> None:
    long = RSS.replace("Gusts", "Gusts öffnen " * 50_000)
    for codec in NOT_ALLOWED:
        raw = claiming(long, codec, where)
        before = time.process_time()
        assert "öffnen" in texts.decode(raw.body, raw.content_type)[0]
        # Punycode would take 20 s.
        assert time.process_time() - before < 2


@pytest.mark.parametrize(
    "codec", ["utf-16", "utf-16-le", "utf-8-sig", "iso-8859-1", "windows-1252", "shift_jis", "gb2312"]
)
def test_a_declared_encoding_is_read(codec: str) -> None:
    words = "港" if codec in ("shift_jis", "gb2312") else "“ö”" if codec == "windows-1252" else "ö"
    document = RSS.replace("–", "-").replace("Gusts", words).replace('encoding="utf-8"', f'encoding="{codec}"')
    in_declaration = read_doc(document.encode(codec)) if not codec.startswith("utf-16-") else None
    in_header = read_doc(document.encode(codec), content_type=f"text/xml; charset={codec}")
    for reading in filter(None, (in_declaration, in_header)):
        assert reading.entries[1].content_text.startswith(words)
        assert reading.problems == ()


def test_windows_1252_in_the_guise_of_control_characters_is_mended() -> None:
    assert read_doc(RSS.replace("Wind rises", "Wind\x92s up")).entries[1].title == "Wind’s up"
    assert read_doc(RSS.replace("Wind rises", "Wind&#146;s up")).entries[1].title == "Wind’s up"
