"""Whatever the bytes: a reading or a refusal, the same each time, and never zero entries from a damaged document."""

from __future__ import annotations

import contextlib
import json
import time
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from deltawire.formats.base import Format, LenientFormat, NeedsLenient, Raw, Unreadable
from deltawire.formats.registry import FORMATS, detect
from deltawire.model import Reading
from formats.docs import ATOM, JSON_FEED, RSS, URL, block, blog, capi, page, read_either_way
from formats.guardian_docs import dcr, dcr_block, text
from formats.page_docs import MIRROR_ENTRIES, amp, listed, microdata, poll, polled_block
from formats.plaintext_docs import DAY
from formats.test_guardian_capi import BODY
from formats.vendor_docs import card, quintype, row, rows, shell, superdesk, superdesk_post, update

PAGE = dcr(dcr_block(2), dcr_block(1), pinnedPost=dcr_block(1), keyEvents=[dcr_block(2)])
CAPI = capi(blocks={"body": [block(2, attributes={"keyEvent": True}), block(1)]})
DOCUMENTS: dict[str, bytes] = {
    name: document.encode() if isinstance(document, str) else json.dumps(document).encode()
    for name, document in {
        "rss": RSS,
        "atom": ATOM,
        "jsonfeed": JSON_FEED,
        "jsonld": page({"@type": "WebPage"}, blog()),
        "guardian-capi": CAPI,
        "guardian-body": capi(fields={"body": BODY}),
        "guardian-page": PAGE,
        "guardian-poll": poll(polled_block(9), polled_block(8)),
        "superdesk": superdesk(superdesk_post(2, deleted=True), superdesk_post(1), total=9),
        "wordpress-liveblog": rows(row(2), row(1, type="delete")),
        "quintype": quintype(card(1), card(2)),
        "aljazeera": update(1),
        "amp": amp(),
        "liveblog-html": listed(MIRROR_ENTRIES),
        "microdata": microdata(),
        "plain-text": DAY,
    }.items()
}
NOISE = st.sampled_from(
    [
        *(
            b"<",
            b">",
            b"&",
            b'"',
            b"\0",
            b"\xff",
            b"]]>",
            b"<![CDATA[",
            b"<!--",
            b"-->",
            b"</",
            b"&#xD800;",
            b"{",
            b"}",
        ),
        *(b"[", b"]", b"null", b"1e999", b"\\ud800", b"\\u0000", b"[[[[", b"9" * 400, b"<!DOCTYPE x [", b"12.30pm GMT"),
        *(b"http://[", b"\xe2\x80"),
    ]
)
VALUES: st.SearchStrategy[Any] = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False)
    | st.text(max_size=8)
    | st.sampled_from(
        ["2025-03-03T10:00:00Z", "0001-01-01T00:00:00+14:00", "https://x.example/#a", "#", "//[", "block-" + "a" * 24]
    ),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["@id", "name", "url", "text", "x"]), inner, max_size=3)
    ),
    max_leaves=6,
)


def read_with(adapter: Format, raw: Raw) -> Reading:
    try:
        return adapter.read(raw)
    except NeedsLenient:
        assert isinstance(adapter, LenientFormat)
        return adapter.read_leniently(raw)


def attempt(name: str, body: bytes) -> Reading | None:
    """Read with the adapter itself, without the registry's last net, and with what the registry would choose."""
    raw = Raw(body=body, url=URL)
    adapter = FORMATS["guardian-capi" if name == "guardian-body" else name]
    adapter.claims(raw)
    with contextlib.suppress(Unreadable):
        detect(raw)
    try:
        reading = read_with(adapter, raw)
    except Unreadable:
        return None
    assert read_with(adapter, raw) == reading
    repr(reading).encode()
    return reading


@st.composite
def damaged(draw: st.DrawFn) -> tuple[str, bytes]:
    name = draw(st.sampled_from(sorted(DOCUMENTS)))
    body = bytearray(DOCUMENTS[name])
    for _ in range(draw(st.integers(1, 4))):
        at = draw(st.integers(0, max(0, len(body) - 1)))
        match draw(st.sampled_from(["flip", "insert", "delete", "copy", "cut"])):
            case "flip":
                body[at : at + 1] = bytes([draw(st.integers(0, 255))])
            case "insert":
                body[at:at] = draw(NOISE)
            case "delete":
                del body[at : at + draw(st.integers(1, 40))]
            case "copy":
                other = draw(st.integers(0, len(body)))
                body[at:at] = body[other : other + draw(st.integers(1, 200))]
            case "cut":
                del body[at:]
    return name, bytes(body)


@settings(max_examples=400, deadline=None)
@given(damaged())
def test_no_damage_makes_an_adapter_raise(case: tuple[str, bytes]) -> None:
    attempt(*case)


@settings(max_examples=150, deadline=None)
@given(
    st.sampled_from(sorted(DOCUMENTS)),
    st.binary(max_size=200) | st.text(max_size=200).map(lambda text: text.encode("utf-8", "replace")),
)
def test_no_bytes_make_an_adapter_raise(name: str, body: bytes) -> None:
    attempt(name, body)


@settings(max_examples=300, deadline=None)
@given(st.data())
def test_no_value_of_another_type_makes_a_json_adapter_raise(data: st.DataObject) -> None:
    originals = [
        ("jsonfeed", JSON_FEED),
        ("jsonld", blog()),
        ("guardian-capi", CAPI),
        ("guardian-page", PAGE),
        *((name, json.loads(DOCUMENTS[name])) for name in ("superdesk", "wordpress-liveblog", "quintype", "aljazeera")),
        ("aljazeera", shell(2, "1", childrenMeta=[{"id": "3"}])),
    ]
    name, original = data.draw(st.sampled_from(originals))
    document = json.loads(json.dumps(original))
    places: list[tuple[Any, Any]] = []
    pending = [document]
    while pending:
        node = pending.pop()
        for key, child in list(node.items() if isinstance(node, dict) else enumerate(node)):
            places.append((node, key))
            pending += [child] if isinstance(child, dict | list) else []
    for node, key in data.draw(st.lists(st.sampled_from(places), min_size=1, max_size=3)):
        node[key] = data.draw(VALUES)
    attempt(name, json.dumps(document).encode())


BOMBS: dict[str, str] = {
    "clocks of blocks": json.dumps(
        capi(fields={"body": '<div class="block">' + '<p class="published-time">' * 50_000 + "</div>"})
    ),
    "attributes of clocks": json.dumps(
        capi(fields={"body": '<div class="block"><p ' + 'class="x ' * 100_000 + "></div>"})
    ),
    "divs": json.dumps(capi(fields={"body": "<div " * 200_000})),
    "comments of a list": "<amp-live-list>" + "<!--" * 100_000 + "<div data-sort-time=1>",
    "attributes of an item": "<amp-live-list><div items><p " + "data-sort-time=1 " * 100_000 + "></amp-live-list>",
    "lists": "<amp-live-list><div items>" * 50_000,
    "entries in entries": '<div class="live-event-entry" id="1">' * 50_000,
    "nested entries": '<div><div class="live-event-entry" id="1">' * 100 + "</div></div>" * 100 + "</body>",
    "class of an entry": '<div class="' + "live-event-entry " * 100_000 + '">',
    "items in items": '<p itemscope itemtype="LiveBlogPosting" itemprop="liveBlogUpdate">' * 50_000,
    "links of the tagger": json.dumps(
        dcr(dcr_block(1, text("<a " + 'data-component="auto-linked-tag" ' * 100_000 + ">x")))
    ),
    "scripts": '<script type="application/ld+json">{</script>' * 20_000,
    "script starts": "<script " * 100_000,
    "comments": "<!--" * 200_000,
    "titles": "<html>" + "<title" * 100_000,
    "spaces in a script": '<script type="application/ld+json">{' + " " * 500_000 + "x</script>",
    "escaped markup": json.dumps(blog(liveBlogUpdate=[{"articleBody": "&lt;a" * 100_000}])),
    "endless time": json.dumps(blog(liveBlogUpdate=[{"datePublished": "1" * 500_000}])),
    "processing instructions": "<?a?>" * 100_000 + "<rss>",
    "document types": "<!DOCTYPE rss [" * 50_000,
    "sections": "<rss>" + "<![CDATA[" * 100_000,
    "brackets": "[" * 500_000,
    "objects": '{"a":' * 200_000,
    "words": "Updated at 9.00am GMT at " * 20_000,
}


@pytest.mark.parametrize("document", BOMBS.values(), ids=BOMBS.keys())
def test_no_document_takes_more_than_its_size_justifies(document: str) -> None:
    before = time.process_time()
    with contextlib.suppress(Unreadable):
        read_either_way(Raw(body=document.encode(), url=URL))
    assert time.process_time() - before < 3


@pytest.mark.parametrize("name", sorted(DOCUMENTS))
def test_a_cut_document_never_reads_as_fewer_entries_unless_it_is_text(name: str) -> None:
    body = DOCUMENTS[name]
    whole = attempt(name, body)
    assert whole is not None
    if name == "plain-text":
        return
    for length in range(0, len(body), max(1, len(body) // 60)):
        reading = attempt(name, body[:length])
        assert reading is None or reading.entries == whole.entries, length
