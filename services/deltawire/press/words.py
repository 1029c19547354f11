"""Random prose for the random publisher: invented places and people, figures, names, quotations, awkward characters."""

from __future__ import annotations

from random import Random

_PLACES = ("Ostrava Quay", "Lower Fenwick", "Brackwater", "the Tolmer bridge", "St Hild’s", "Kestrel Point", "Märsby")
_PEOPLE = ("Ines Calloway", "Tom Ferreby", "Dr Aoife Rennick", "Sgt Paul Obi", "Märta Lindqvist", "Yusuf Haddon")
_SUBJECTS = ("homes", "people", "passengers", "boats", "trains", "volunteers", "sandbags", "pupils", "votes")
_VERBS = ("moved", "counted", "delayed", "checked", "reported missing", "found safe", "brought ashore")
_NUMBERS = ("two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve")
_TRAILERS = (
    "The council’s café has opened as a rest centre &amp; will stay open all night.",
    "The gauge stood at <strong>2.4 metres</strong>, 0.3 &lt; the 2.7 metres of the wall.",
    "Temperatures fell to −3°C; “worse than forecast”, the office said — again.",
    "Buses replace trains between 6.30pm and 9pm.",
)

AUTHORS = ("Mara Quill", "Devi Okonjo", "Jonas Æble")


def figure(rng: Random) -> str:
    """A number, written or in digits."""
    return rng.choice(_NUMBERS) if rng.random() < 0.5 else str(rng.randint(13, 4000))


def sentence(rng: Random) -> str:
    """One sentence as HTML, with one figure between ``<b>`` and ``</b>`` that an edit can find again."""
    return (
        f"At {rng.choice(_PLACES)} <b>{figure(rng)}</b> {rng.choice(_SUBJECTS)} were {rng.choice(_VERBS)}, "
        f"said {rng.choice(_PEOPLE)}."
    )


def person(rng: Random) -> str:
    return rng.choice(_PEOPLE)


def headline(rng: Random) -> str:
    return f"{rng.choice(_PLACES).removeprefix('the ')}: {figure(rng)} {rng.choice(_SUBJECTS)} {rng.choice(_VERBS)}"


def paragraph(rng: Random) -> str:
    """One HTML block: a paragraph, a quotation, a list, a picture or a paragraph with a link."""
    match rng.randrange(8):
        case 0:
            return f"<blockquote><p>{sentence(rng)}</p></blockquote>"
        case 1:
            return f"<ul><li>{sentence(rng)}</li><li>{sentence(rng)}</li></ul>"
        case 2:
            return f'<p>{sentence(rng)} <a href="{target(rng)}">More on this</a>.</p>'
        case 3:
            return f'<p><img src="https://img.example/{rng.getrandbits(32):08x}.jpg" alt="Flooded street"></p>'
        case 4:
            return f"<p>{rng.choice(_TRAILERS)}</p>"
        case _:
            return f"<p>{sentence(rng)}</p>"


def target(rng: Random) -> str:
    """The address of a page that a post may link to."""
    return f"https://news.example/story/{rng.getrandbits(32):08x}"


def body(rng: Random) -> tuple[str, ...]:
    """A body of one to four blocks; the first holds a figure."""
    return (f"<p>{sentence(rng)}</p>", *(paragraph(rng) for _ in range(rng.randrange(4))))
