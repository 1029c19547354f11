"""The elements of a block of a Guardian page as HTML: only what an editor chose, not how it is to be shown."""

from __future__ import annotations

from collections.abc import Mapping
from html import escape
from typing import Any

from deltawire.formats.foreign import mapping, objects, string

Element = Mapping[str, Any]


def element_html(element: Element) -> str | None:
    """The element as HTML; null for a kind that has neither text nor an address.

    Pictures are one file each: which sizes of it the page offers changes from render to render.
    """
    kind = str(element.get("_type")).rpartition(".")[2].removesuffix("BlockElement")
    if kind == "Image":
        return _picture(element)
    if kind == "MultiImage":
        return "".join(_picture(image) for image in objects(element.get("images")))
    if kind == "RichLink":
        link = f"<a{_attribute('href', element, 'url')}>{escape(string(element, 'text'))}</a>"
        return f"<aside><p>{string(element, 'prefix')}{link}</p></aside>"
    if kind.startswith("Youtube"):
        asset = string(element, "assetId")
        address = f"https://www.youtube.com/embed/{asset}" if asset else ""
        title = _attribute("title", element, "mediaTitle")
        return f'<iframe src="{escape(address)}"{title}></iframe>' if address else ""
    if markup := string(element, "html"):
        return markup
    for key in ("embedUrl", "url", "originalUrl"):
        if address := string(element, key):
            name = string(element, "title") or string(element, "alt")
            frame = f'<iframe src="{escape(address)}" title="{escape(name)}"></iframe>'
            return frame + _caption(string(element, "caption"), "")
    return None


def _picture(element: Element) -> str:
    words = mapping(element.get("data"))
    best = max(objects(mapping(element.get("media")).get("allImages")), key=_rank, default={})
    address = string(best, "url") or _source(element)
    picture = f'<img src="{escape(address)}"{_attribute("alt", words, "alt")}>' if address else ""
    return f"<figure>{picture}{_caption(string(words, 'caption'), string(words, 'credit'))}</figure>"


def _caption(caption: str, credit: str) -> str:
    credit = escape(credit)
    return f"<figcaption>{caption} {credit}</figcaption>" if caption or credit else ""


def _rank(file: Element) -> tuple[bool, int, str]:
    """The original first, then the widest."""
    fields = mapping(file.get("fields"))
    width = str(fields.get("width"))
    return str(fields.get("isMaster")).lower() == "true", int(width) if width.isdecimal() else 0, string(file, "url")


def _source(element: Element) -> str:
    """An address of the picture without the parameters that size it."""
    offered = [source for group in objects(element.get("imageSources")) for source in objects(group.get("srcSet"))]
    return next((address.partition("?")[0] for source in offered if (address := string(source, "src"))), "")


def _attribute(name: str, element: Element, key: str) -> str:
    value = string(element, key)
    return f' {name}="{escape(value)}"' if value else ""
