"""Whatever encoding a document or its server claims: an answer at once, and never an exception."""

from __future__ import annotations

import time

import pytest

from deltawire.formats import text as texts
from deltawire.formats.base import Raw
from deltawire.formats.registry import read
from formats.docs import RSS, URL, read_doc, read_either_way
from formats.test_robustness import DOCUMENTS

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


UTF_8 = RSS.replace("Gusts", "Böen")
WIDE = ("utf-16", "UTF-16LE", "utf-16-be", "utf-32", "ucs-2", "unicode")


@WHERE
@pytest.mark.parametrize("codec", WIDE)
def test_utf_8_that_claims_to_be_utf_16_is_read_all_the_same(codec: str, where: str) -> None:
    raw = claiming(UTF_8, codec, where)
    reading = read(raw)
    assert reading.entries[1].content_text == "Böen of 60 knots."
    assert reading.problems == ()


def test_a_page_and_a_json_feed_that_claim_to_be_utf_16_are_read_all_the_same() -> None:
    for name in ("jsonld", "jsonfeed", "liveblog-html", "plain-text"):
        body = DOCUMENTS[name]
        said = read(Raw(body=body, url=URL, content_type="text/plain; charset=utf-16"))
        assert said == read(Raw(body=body, url=URL)), name


@WHERE
@pytest.mark.parametrize("claimed", ["utf-8", "iso-8859-1", "utf-16"])
@pytest.mark.parametrize("codec", ["utf-16-le", "utf-16-be", "utf-32-le", "utf-32-be"])
@pytest.mark.parametrize("mark", ["", "\ufeff"])
def test_utf_16_and_32_are_known_by_their_bytes(mark: str, codec: str, claimed: str, where: str) -> None:
    raw = claiming(UTF_8, claimed, where)
    wide = Raw(body=(mark + raw.body.decode()).encode(codec), url=raw.url, content_type=raw.content_type)
    assert read(wide).entries[1].content_text == "Böen of 60 knots."


@pytest.mark.parametrize(
    ("claimed", "codec", "words"),
    [
        ("gb2312", "gb18030", "朱镕基"),
        ("gbk", "gb18030", "€"),
        ("shift_jis", "cp932", "①髙"),
        ("windows-31j", "cp932", "①髙"),
        ("euc-kr", "cp949", "똠방각하"),
        ("ks_c_5601-1987", "cp949", "똠방각하"),
        ("big5", "big5hkscs", "啫喱"),
        ("iso-8859-9", "cp1254", "“ğ”"),
        ("us-ascii", "cp1252", "“ö”"),
        ("tis-620", "cp874", "“ไทย”"),
        ("macintosh", "mac-roman", "“ö”"),
        ("ibm866", "cp866", "Привет"),
        ("iso-8859-8-i", "iso8859-8", "שלום"),
        ("windows-1258", "cp1258", "“đ”"),
    ],
)
def test_a_name_stands_for_the_set_that_browsers_read_it_as(claimed: str, codec: str, words: str) -> None:
    document = RSS.replace("–", "-").replace("Gusts", words).replace('encoding="utf-8"', f'encoding="{claimed}"')
    reading = read_doc(document.encode(codec))
    assert reading.entries[1].content_text.startswith(words)
    assert reading.problems == ()


def test_a_server_that_says_latin_1_of_all_it_has_does_not_garble_what_says_and_is_utf_8() -> None:
    for header in ("text/xml; charset=ISO-8859-1", "text/xml; charset=us-ascii", "text/xml; charset=windows-1252"):
        assert read_doc(UTF_8, content_type=header).entries[1].content_text == "Böen of 60 knots."
        latin = UTF_8.replace("–", "-").encode("latin-1")
        assert read_doc(latin, content_type=header).entries[1].content_text == "Böen of 60 knots."


def test_an_unknown_encoding_in_the_header_leaves_the_word_to_the_document() -> None:
    document = RSS.replace("–", "-").replace("Gusts", "Привет").replace('encoding="utf-8"', 'encoding="koi8-r"')
    reading = read_doc(document.encode("koi8-r"), content_type="text/xml; charset=none")
    assert reading.entries[1].content_text.startswith("Привет")


def test_what_a_feed_quotes_says_nothing_about_its_own_encoding() -> None:
    quoting = UTF_8.replace("<title>", '<!-- x --><title><![CDATA[<meta charset="windows-1251">]]>', 1)
    for document in (quoting, quoting.partition("?>")[2]):
        assert read_doc(document).entries[1].content_text == "Böen of 60 knots."
    assert texts.decode('{"x": "<meta charset=utf-16>é"}'.encode(), None) == ('{"x": "<meta charset=utf-16>é"}', None)


def test_windows_1252_in_the_guise_of_control_characters_is_mended() -> None:
    assert read_doc(RSS.replace("Wind rises", "Wind\x92s up")).entries[1].title == "Wind’s up"
    assert read_doc(RSS.replace("Wind rises", "Wind&#146;s up")).entries[1].title == "Wind’s up"
