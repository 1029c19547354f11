"""The short way through a body: laid out while its tags go by, without a tree of nodes.

It takes what nearly every publisher writes, which is inline markup inside of blocks. Whatever would need to be looked
at twice (a block inside of an inline element, what is left out, a relative time) it leaves to ``content._Reader`` and
``layout.Layout``, and what it does itself comes out as they have it, to the byte.
"""

from __future__ import annotations

import html
import re
from typing import NamedTuple

from deltawire.formats import text as texts
from deltawire.formats.layout import BLOCKS, BOUNDARIES, DROPPED, INLINE, RENAMED, SOURCES, WRAPS, Line, lines, may_hold
from deltawire.formats.urls import canonical_image, canonical_url
from deltawire.model import Link, Media

_DEEPEST = 20
_BLOCK = re.compile(rf"<(/?)({'|'.join(sorted(BLOCKS | BOUNDARIES))})((?: [^<>]*)?/?)>")
_TAG = re.compile(r"<([^<>]*)>")
_NAME = re.compile(r"[a-z][a-z0-9:_-]*")
_ATTRIBUTE = re.compile(r' ([\w:.@-]+)="([^"]*)"')
# An element that holds nothing but words, without space at its ends: comes out as it is, but for its name and address.
_EVEN = re.compile(
    rf"<(?:({'|'.join(sorted((INLINE | RENAMED.keys()) - {'a', 'br', 'img'}))})"
    r"""|a(?: (?!href=)[\w:.@-]+="[^"]*")*+(?: href="([^" ]*)")?+(?: (?!href=)[\w:.@-]+="[^"]*")*+)"""
    r">([^<> ](?:[^<>]*[^<> ])?)</(?(1)\1|a)>"
)
_APART = BLOCKS | BOUNDARIES | DROPPED


class Unusual(Exception):
    """A body that takes the long way."""


class Body:
    """A body, laid out from what its tree is as XML. ``html`` is in pieces, and not sanitised yet.

    Raises:
        Unusual: it has to take the long way.
    """

    def __init__(self, markup: str, base: str | None) -> None:
        self.html: list[str] = []
        self.text: list[str] = []
        self.links: list[Link] = []
        self.media: list[Media] = []
        self._base = base
        self._tag = ""
        self._wrap = True
        self._bare = False
        self._aside = 0
        self._blocks: list[_Block] = []
        self._inlines: list[_Inline] = []
        # The text as it stood, and at most as many letters as that is long without white space.
        self._raw: list[str] = []
        self._letters = 0
        self._read(_BLOCK.split(_one_spaced(markup)))

    def _read(self, parts: list[str]) -> None:
        """Take in inline markup and, between two pieces of it each, the tag of a block in three parts."""
        if parts[0]:
            self._run(parts[0])
        closings, names, rests, runs = parts[1::4], parts[2::4], parts[3::4], parts[4::4]
        for closing, name, rest, run in zip(closings, names, rests, runs, strict=True):
            if not closing:
                self._begin(name)
            if closing or rest[-1:] == "/":
                self._end(name)
            if run:
                self._run(run)

    def _begin(self, name: str) -> None:
        if len(self._blocks) > _DEEPEST:
            raise Unusual
        self._blocks.append((name, self._tag, self._wrap, self._bare, len(self.html), len(self._raw), self._letters))
        if name == "p":
            self._wrap = True
        elif name == "hr":
            self.html.append("<hr>")
        elif name in BLOCKS:
            self.html.append(f"<{name}>")
            self._tag, self._wrap, self._bare = name, name in WRAPS, False
        elif name == "aside":
            self._aside += 1

    def _end(self, name: str) -> None:
        _, around, self._wrap, bare, pieces, raw, letters = self._blocks.pop()
        if self._letters - letters <= texts.RELATIVE_TIME_LIMIT:
            self._refuse_time(raw)
        if name == "hr":
            self._bare = False
        elif name == "aside":
            self._aside -= 1
        elif name in BLOCKS and name != "p":
            self._tag = around
            if len(self.html) == pieces + 1:
                self.html.pop()
                self._bare = bare
                return
            if not may_hold(around, name):
                raise Unusual
            self.html.append(f"</{name}>")
            self._bare = False

    def _run(self, run: str) -> None:
        """Take in what stands between the tags of two blocks."""
        if run == " ":
            self._raw.append(run)
            return
        markup, text = self._even(run) or self._uneven(run)
        if not markup:
            return
        if self._tag in ("table", "tr") or (len(markup) <= texts.RELATIVE_TIME_LIMIT and texts.is_relative_time(text)):
            raise Unusual
        if not self._wrap:
            self.html += ["<br>", markup] if self._bare else [markup]
            self._bare = True
        elif may_hold(self._tag, "p"):
            self.html.append(f"<p>{markup}</p>")
            self._bare = False
        else:
            raise Unusual
        self.text += lines(text)

    def _even(self, run: str) -> tuple[str, str] | None:
        """The markup and the text of a run whose spaces stand where they belong; null for any other."""
        if run[0] == " " or run[-1] == " ":
            return None
        if "<" not in run:
            return run, self._said(run)
        pieces = _EVEN.split(run)
        between = pieces[::4]
        if "<" in "".join(between):
            return None
        said, written = [between[0]], [between[0]]
        for name, stated, words, after in zip(pieces[1::4], pieces[2::4], pieces[3::4], between[1:], strict=True):
            plain = _plain(words)
            if texts.is_relative_time(plain):
                raise Unusual
            address = None if name else canonical_url(_plain(stated or ""), self._base)
            said += words, after
            if address is not None:
                self.links.append(Link(url=address, text=plain, rel="related" if self._aside else None))
                written.append(f'<a href="{attribute(address)}">{words}</a>{after}')
            elif name:
                shown = RENAMED.get(name, name)
                written.append(f"<{shown}>{words}</{shown}>{after}")
            else:
                written += words, after
        return "".join(written), self._said("".join(said))

    def _said(self, raw: str) -> str:
        text = _plain(raw)
        self._raw.append(raw)
        self._letters += len(text)
        return text

    def _uneven(self, run: str) -> tuple[str, str]:
        """The markup and the text of any run."""
        line = Line()
        for place, token in enumerate(_TAG.split(run)):
            if place % 2:
                self._tagged(token, line)
            elif token:
                self._raw.append(token)
                words = token.strip(" ")
                plain = _plain(words)
                self._letters += len(plain)
                line.write(words, plain, before=token[0] == " ", after=token[-1] == " ")
        if self._inlines:
            raise Unusual
        return "".join(line.html), "".join(line.text)

    def _tagged(self, token: str, line: Line) -> None:
        if token[:1] == "/":
            self._close(token[1:], line)
            return
        name = token.partition(" ")[0]
        if name in ("br", "br/"):
            line.break_()
        elif name == "img":
            self._image(_attributes(token), line)
        elif name in _APART or token[-1:] == "/" or not _NAME.fullmatch(name) or len(self._inlines) > _DEEPEST:
            raise Unusual
        else:
            self._open(name, token, line)

    def _open(self, name: str, token: str, line: Line) -> None:
        address = None
        if name == "a":
            address = canonical_url(_address(_attributes(token).get("href")), self._base)
            if address is not None and any(inline.address for inline in self._inlines):
                raise Unusual
        tag = RENAMED.get(name, name)
        shown = tag in INLINE and (tag != "a" or address is not None)
        if shown:
            line.begin(tag, f' href="{attribute(address)}"' if address is not None else "")
        self._inlines.append(_Inline(name, shown, address, len(self._raw), len(line.text)))

    def _close(self, name: str, line: Line) -> None:
        inline = self._inlines.pop() if self._inlines else None
        if inline is None or inline.name != name:
            raise Unusual
        self._refuse_time(inline.raw)
        if inline.address is not None:
            said = " ".join(lines("".join(line.text[inline.said :])))
            self.links.append(Link(url=inline.address, text=said, rel="related" if self._aside else None))
        if inline.shown:
            line.end(RENAMED.get(name, name))

    def _image(self, stated: dict[str, str], line: Line) -> None:
        for name in SOURCES:
            url = canonical_image(_address(stated.get(name)), self._base)
            if url is not None and not url.startswith("mailto:"):
                alt = texts.collapse(_plain(stated.get("alt", "")))
                self.media.append(Media(url=url, type="image", alt=alt or None))
                line.picture(f' alt="{attribute(alt)}" src="{attribute(url)}"')
                return
        line.write("", "", before=True, after=True)

    def _refuse_time(self, since: int) -> None:
        """Raise if what was said since then is a relative time, which is left out."""
        said = "".join(self._raw[since:])
        if texts.may_be_relative(said) and texts.is_relative_time(" ".join(_plain(said).split())):
            raise Unusual


_Block = tuple[str, str, bool, bool, int, int, int]
"""An open block: its name, the tag, wrapping and bareness around it, and how much there was before it: pieces of HTML,
of text, and letters."""


class _Inline(NamedTuple):
    """An open inline element: whether it is written, where it leads to, and how much there was before it."""

    name: str
    shown: bool
    address: str | None
    raw: int
    said: int


def attribute(value: str) -> str:
    """Escaped as nh3 writes it."""
    return html.escape(value, quote=False).replace('"', "&quot;")


def _one_spaced(markup: str) -> str:
    """The markup with one space wherever it had white space."""
    if not texts.is_printable(markup) or "  " in markup:
        if texts.clean(markup) != markup or "\ue000" in markup:
            raise Unusual
        markup = " ".join(markup.split())
    # What is left of white space behind a reference is bare.
    if "&#" in markup:
        raise Unusual
    return markup


def _plain(escaped: str) -> str:
    """What was written as XML, read again."""
    if "&" not in escaped:
        return escaped
    escaped = escaped.replace("&lt;", "<").replace("&gt;", ">").replace("&quot;", '"')
    return escaped.replace("&amp;", "&")


def _address(stated: str | None) -> str:
    if stated is None:
        return ""
    if " " in stated:
        # It may have been more than one, or something else.
        raise Unusual
    return _plain(stated)


def _attributes(token: str) -> dict[str, str]:
    found = _ATTRIBUTE.findall(token)
    read = sum(len(name) + len(value) for name, value in found) + 4 * len(found)
    if read != len(token.removesuffix("/").removesuffix(" ")) - len(token.partition(" ")[0].removesuffix("/")):
        # A name has quotes or signs of equality of its own.
        raise Unusual
    return dict(found)
