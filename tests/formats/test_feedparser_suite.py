"""feedparser's own test documents through our feed adapter: what it gives for them is what we give.

The documents come with feedparser's source distribution, which ``make test`` fetches once, in the version that is
locked. Entries, identities, links, times and texts are compared with what feedparser makes of the same bytes, texts
after our canonicalisation, because how a body is sanitised is ours to say.
"""

from __future__ import annotations

import calendar
import io
import re
import tarfile
import warnings
from collections.abc import Iterator
from importlib.metadata import version
from pathlib import Path
from typing import Any

import feedparser
import pytest

from deltawire.formats import registry
from deltawire.formats import text as texts
from deltawire.formats.assemble import source_id
from deltawire.formats.base import NeedsLenient, Raw, Unreadable
from deltawire.formats.content import from_html, from_text
from deltawire.formats.urls import canonical_url
from formats.docs import URL, read_either_way

ARCHIVE = Path(__file__).parents[2] / "var" / "feedparser" / f"feedparser-{version('feedparser')}.tar.gz"
CONTENT_TYPE = re.compile(rb"^\s*Header:\s*content-type:\s*(\S[^\r\n]*)", re.IGNORECASE | re.MULTILINE)


Document = tuple[str, bytes, str | None]

EXCEPTIONS = {
    ("not-a-live-blog", "the Channel Definition Format, which no news site serves"): {
        "wellformed/base/cdf_item_abstract_xml_base.xml",
        "wellformed/cdf/item_abstract_map_description.xml",
        "wellformed/cdf/item_abstract_map_summary.xml",
        "wellformed/cdf/item_href_map_link.xml",
        "wellformed/cdf/item_href_map_links.xml",
        "wellformed/cdf/item_lastmod.xml",
        "wellformed/cdf/item_lastmod_parsed.xml",
        "wellformed/cdf/item_title.xml",
    },
    ("cut-off", "the last bytes are missing, and a document that was cut off is never read as a shorter one"): {
        "entities/hex_entity_x_lowercase.xml",
        "entities/hex_entity_x_uppercase.xml",
        "entities/query_variable_entry.xml",
        "illformed/rdf_channel_empty_textinput.xml",
        "illformed/rss_incomplete_cdata.xml",
        "illformed/rss_item_link_corrupted_ampersands.xml",
    },
    ("title text", "an encoding that is not declared is not guessed from how often letters occur"): {
        "illformed/chardet/eucjp.xml",
        "illformed/chardet/euckr.xml",
        "illformed/chardet/shiftjis.xml",
    },
    ("title", "the same"): {"illformed/chardet/gb2312.xml"},
    ("text", "the same; in the second, bytes that are no UTF-8 are Windows-1252 each by itself"): {
        "illformed/chardet/tis620.xml",
        "encoding/bozo_linenoise.xml",
    },
    ("id", "entities that a document declares are not expanded"): {"wellformed/rss/entity_in_doctype.xml"},
}
"""What differs, why, and where."""


def documents() -> Iterator[Document]:
    with tarfile.open(ARCHIVE) as archive:
        for member in archive:
            name = member.name.partition("/tests/")[2]
            file = archive.extractfile(member) if name.endswith(".xml") else None
            if file is not None:
                body = file.read()
                header = CONTENT_TYPE.search(body)
                yield name, body, header[1].decode() if header else None


@pytest.fixture(scope="module")
def suite() -> list[Document]:
    if not ARCHIVE.exists():
        pytest.skip(f"feedparser's source distribution is not at {ARCHIVE}; make test fetches it")
    found = list(documents())
    assert len(found) >= 2242
    return found


def theirs(body: bytes, content_type: str | None) -> list[dict[str, Any]]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        parsed = feedparser.parse(
            io.BytesIO(body),
            response_headers={"content-type": content_type} if content_type else {},
            sanitize_html=False,
            resolve_relative_uris=False,
        )
    atom = parsed.version.startswith("atom")
    base = canonical_url(parsed.feed.get("link") or "", URL) or URL
    return [expected(entry, base, atom=atom) for entry in parsed.entries]


def expected(entry: Any, base: str, *, atom: bool) -> dict[str, Any]:
    link = canonical_url(entry.get("link") or "", base)
    identity = source_id(entry.get("id"))
    if identity and re.match("https?:", identity, re.IGNORECASE):
        identity = canonical_url(identity) or identity
    details = [*entry.get("content", ()), entry.get("summary_detail") or {}]
    detail: Any = next((detail for detail in details if detail.get("value")), {})
    read = from_text if detail.get("type") == "text/plain" else from_html
    plain = atom and (entry.get("title_detail") or {}).get("type") == "text/plain"
    published = dict.get(entry, "published_parsed")
    updated = dict.get(entry, "updated_parsed")
    if not atom:
        published, updated = published if dict.get(entry, "published") else updated, None
    return {
        "id": identity or link,
        "url": link,
        "title": texts.line(entry.get("title"), escaped=not plain),
        "text": read(detail.get("value", "")).text,
        "published": calendar.timegm(published) if published else None,
        "updated": calendar.timegm(updated) if updated else None,
    }


def ours(body: bytes, content_type: str | None) -> list[dict[str, Any]]:
    reading = read_either_way(Raw(body=body, url=URL, content_type=content_type), "rss")
    return [
        {
            "id": entry.source_id,
            "url": entry.url,
            "title": entry.title,
            "text": entry.content_text,
            "published": int(entry.published_at.timestamp()) if entry.published_at else None,
            "updated": int(entry.updated_at.timestamp()) if entry.updated_at else None,
        }
        for entry in reading.entries
    ]


def difference(body: bytes, content_type: str | None) -> str | None:
    """Null where both give the same, else in what they differ."""
    their = sorted(theirs(body, content_type), key=repr)
    try:
        our = sorted(ours(body, content_type), key=repr)
    except Unreadable as refusal:
        return refusal.code if their else None
    if len(their) != len(our):
        return "number"
    pairs = list(zip(their, our, strict=True))
    return " ".join(key for key in their[0] if any(a[key] != b[key] for a, b in pairs)) if pairs else None


def test_all_that_feedparser_reads_of_its_own_documents_is_read_alike(suite: list[Document]) -> None:
    differing = {name: found for name, body, type_ in suite if (found := difference(body, type_))}
    assert differing == {name: found for (found, _), names in EXCEPTIONS.items() for name in names}
    assert sum(len(theirs(body, type_)) for _, body, type_ in suite[::10]) > 100


def test_what_the_strict_reader_takes_it_reads_like_the_lenient_one(suite: list[Document]) -> None:
    taken = 0
    for name, body, type_ in suite:
        raw = Raw(body=body, url=URL, content_type=type_)
        try:
            strict = registry.read(raw, "rss")
        except (NeedsLenient, Unreadable):
            continue
        taken += 1
        lenient = registry.read_leniently(raw, "rss")
        assert strict == lenient, name
    assert taken > 1500
