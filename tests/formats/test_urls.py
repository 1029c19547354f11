"""The short way to the canonical form of a simple address leads where the long one does."""

from __future__ import annotations

from hypothesis import example, given, settings
from hypothesis import strategies as st

from deltawire.formats import urls

PIECES = st.sampled_from(
    [
        *("http:", "https:", "HTTPS:", "mailto:", "//", "/", "..", ".", "/..", "/.", "/./", "?", "#", "&", "=", ";"),
        *(
            "www.press.example",
            "Press.example",
            "a",
            "b.jpg",
            "é",
            " ",
            "\t",
            "%20",
            "%",
            "[",
            "]",
            "@",
            ":443",
            ":80",
            ":8080",
        ),
        *("utm_source=live", "fbclid=1", "r=1741000000", "1741000000", "v=2", "x=1", "\0", "'", '"', "<", "~", "\n"),
    ]
)
LINKS = st.lists(PIECES, max_size=8).map("".join) | st.text(max_size=20)
BASES = st.sampled_from(
    [
        *(
            None,
            "",
            "https://press.example/live/storm?a=1#x",
            "HTTP://Ada@Press.example:80/live/",
            "http://[::1]:8080/",
        ),
        *("mailto:desk@press.example", "press.example/live", "//press.example", "/live", "ftp://press.example/a", "x:"),
        *("https://press.example", "http://[::1", "https://prés.example/", "https://press.example:443", "http:///x"),
    ]
)


@settings(max_examples=300, deadline=None)
@given(LINKS, BASES, st.booleans())
@example("//other.example/x", "https://press.example/", False)
@example("/a/../b", "https://press.example/", False)
@example("/a?utm_source=x", "https://press.example/", False)
@example("/a?", "https://press.example:443/", False)
@example("https://press.example/a/../b#", None, False)
@example("https://press.example", None, False)
@example("https://press.example:443/", None, False)
@example("http://press.example:80/x", None, False)
@example("https://press.example:8443/x", None, False)
@example("https://press.example/" + "a" * 4096, None, False)
def test_a_simple_address_is_canonical_the_same_way(link: str, base: str | None, image: bool) -> None:
    assert urls._canonical(link, base, image=image) == urls._resolved(link, base, image=image)


@settings(max_examples=200, deadline=None)
@given(st.from_regex(urls._SIMPLE, fullmatch=True), BASES | LINKS, st.booleans())
def test_every_simple_address_is_canonical_the_same_way(link: str, base: str | None, image: bool) -> None:
    assert urls._canonical(link, base, image=image) == urls._resolved(link, base, image=image)
