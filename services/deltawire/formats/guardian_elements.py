"""The elements of a block of a Guardian page as HTML: only what an editor chose, not how it is to be shown."""

from __future__ import annotations

from collections.abc import Mapping
from html import escape
from typing import Any

Element = Mapping[str, Any]


def element_html(element: Element) -> str | None:
    """The element as HTML; null for a kind that has neither text nor an address.

    Pictures are one file each: which sizes of it the page offers changes from render to render.
    """
    kind = str(element.get("_type")).rpartition(".")[2].removesuffix("BlockElement")
    if kind == "Image":
        return _picture(element)
    if kind == "MultiImage":
        return "".join(_picture(image) for image in _objects(element.get("images")))
    if kind == "RichLink":
        label = f"{_text(element, 'prefix')}<a{_attribute('href', element, 'url')}>{escape(_text(element, 'text'))}</a>"
        return f"<aside><p>{label}</p></aside>"
    if kind.startswith("Youtube"):
        asset = _text(element, "assetId")
        address = f"https://www.youtube.com/embed/{asset}" if asset else ""
        title = _attribute("title", element, "mediaTitle")
        return f'<iframe src="{escape(address)}"{title}></iframe>' if address else ""
    if markup := _text(element, "html"):
        return markup
    for key in ("embedUrl", "url", "originalUrl"):
        if address := _text(element, key):
            name = _text(element, "title") or _text(element, "alt")
            frame = f'<iframe src="{escape(address)}" title="{escape(name)}"></iframe>'
            return frame + _caption(_text(element, "caption"), "")
    return None


def _picture(element: Element) -> str:
    data = element.get("data")
    words: Element = data if isinstance(data, dict) else {}
    media = element.get("media")
    best = max(_objects(media.get("allImages") if isinstance(media, dict) else None), key=_rank, default={})
    address = _text(best, "url") or _source(element)
    picture = f'<img src="{escape(address)}"{_attribute("alt", words, "alt")}>' if address else ""
    return f"<figure>{picture}{_caption(_text(words, 'caption'), _text(words, 'credit'))}</figure>"


def _caption(caption: str, credit: str) -> str:
    credit = escape(credit)
    return f"<figcaption>{caption} {credit}</figcaption>" if caption or credit else ""


def _rank(file: Element) -> tuple[bool, int, str]:
    """The original first, then the widest."""
    fields = file.get("fields")
    known: Element = fields if isinstance(fields, dict) else {}
    width = str(known.get("width"))
    return str(known.get("isMaster")).lower() == "true", int(width) if width.isdecimal() else 0, _text(file, "url")


def _source(element: Element) -> str:
    """An address of the picture without the parameters that size it."""
    offered = [source for group in _objects(element.get("imageSources")) for source in _objects(group.get("srcSet"))]
    return next((address.partition("?")[0] for source in offered if (address := _text(source, "src"))), "")


def _attribute(name: str, element: Element, key: str) -> str:
    value = _text(element, key)
    return f' {name}="{escape(value)}"' if value else ""


def _objects(value: Any) -> list[Element]:
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []


def _text(element: Element, key: str) -> str:
    value = element.get(key)
    return value if isinstance(value, str) else ""
