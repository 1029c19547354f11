"""The words that turn a statement, in English, German, French and Spanish, and those that are two ways to write one."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping


def words(text: str) -> frozenset[str]:
    return frozenset(text.split())


def kinds(listed: Mapping[str, str]) -> dict[str, str]:
    """Each word with its kind, of kinds with their words."""
    return {word: kind for kind, text in listed.items() for word in text.split()}


NEGATIONS = words(
    "no not never none nobody nothing neither nor without cannot nowhere denied denies deny denying refuted"
    " refutes refute refuting disputed disputes rejected rejects reject retracted withdrew false untrue nicht kein"
    " keine keinen keiner keinem nie niemals niemand nichts ohne dementiert dementierte bestreitet bestritt ne pas"
    " jamais aucun aucune rien sans dément démenti réfute nunca jamás nada nadie ninguno ninguna ningún sin niega"
    " negó desmiente desmintió tampoco"
)
SPEECH = words(
    "say says said saying tell tells told state states stated claim claims claimed report reports reported"
    " reportedly according allegedly alleged alleges apparently purportedly supposedly announced announces sources"
    " rumoured rumored sagt sagte laut zufolge angeblich angaben berichtet berichten quellen mutmaßlich dit disent"
    " selon affirme affirmé rapporte prétendument présumé dijo dice dicen según presunto presuntamente"
    " supuestamente fuentes afirma afirmó informó"
)
MODALS = kinds(
    {
        "will": "will would shall wird werden würde",
        "may": (
            "may might could possibly perhaps maybe probably likely expected"
            " kann könnte könnten dürfte möglicherweise vielleicht wahrscheinlich"
            " peut peuvent pourrait pourraient peut-être probablement"
            " puede pueden podría podrían quizás quizá probablemente"
        ),
        "must": "must should ought muss müssen soll sollte sollen doit doivent devrait debe deben debería",
        "confirmed": "confirmed confirms confirm bestätigt confirmé confirma confirmó",
    }
)
OUTCOMES = kinds(
    {
        "dead": "dead died dies killed kills tot getötet gestorben mort morts tué tués muerto muertos murió",
        "hurt": "injured hurt wounded verletzt blessé blessés herido heridos",
        "missing": "missing vermisst disparu disparus desaparecido desaparecidos",
        "safe": "safe alive rescued survived survives gerettet sauvé sauvés rescatado rescatados",
        "held": "arrested detained jailed charged verhaftet festgenommen arrêté arrêtés detenido detenidos",
        "free": "released freed acquitted cleared freigelassen libéré libérés liberado liberados",
        "guilty": "convicted guilty sentenced",
        "won": "won wins win victory gewonnen gagné ganó",
        "lost": "lost loses lose defeat verloren perdu perdió",
        "drawn": "drew drawn draw tied",
        "passed": "passed approved adopted upheld accepted backed agreed",
        "failed": "failed blocked overturned scrapped abandoned cancelled canceled postponed suspended",
        "open": "open opened reopened opens",
        "shut": "shut closed closes evacuated",
        "up": "rose rises risen grew gained increased",
        "down": "fell falls fallen shrank dropped decreased",
        "before": "began begins begun started starts",
        "after": "ended ends finished stopped",
    }
)
"""How things turned out; another kind in the place of one is another statement."""

ROLES = words(
    "president minister chancellor premier king queen prince princess mayor governor senator secretary ambassador"
    " general admiral commissioner pope archbishop bishop judge captain coach manager chairman ceo speaker former"
    " deputy vice acting präsident präsidentin kanzler kanzlerin ministre président présidente presidente ministro"
    " ministra"
)
HONORIFICS = words("mr mrs ms miss dr sir dame lord lady prof professor herr frau m mme señor señora breaking")
RELATIVE_DAYS = words("yesterday today tomorrow tonight overnight gestern heute morgen hier demain ayer hoy mañana")
WEEKDAYS = {
    name: number
    for number, names in enumerate(
        (
            "monday montag lundi lunes",
            "tuesday tues tue dienstag mardi martes",
            "wednesday weds mittwoch mercredi miércoles",
            "thursday thurs thu donnerstag jeudi jueves",
            "friday fri freitag vendredi viernes",
            "saturday samstag sonnabend samedi sábado",
            "sunday sonntag dimanche domingo",
        )
    )
    for name in names.split()
}
MONTHS_ABROAD = {
    name: number
    for number, names in enumerate(
        (
            "januar janvier enero",
            "februar février febrero",
            "märz mars marzo",
            "avril abril",
            "mai mayo",
            "juni juin junio",
            "juli juillet julio",
            "août agosto",
            "septembre septiembre",
            "oktober octobre octubre",
            "novembre noviembre",
            "dezember décembre diciembre",
        ),
        1,
    )
    for name in names.split()
}
UNITS = kinds(
    {
        "%": "% percent pct pc prozent",
        "£": "£ pounds pound gbp quid",
        "$": "$ dollars dollar usd",
        "€": "€ euros euro eur",
        "¥": "¥ yen yuan",
        "₹": "₹ rupees rs",
        "km": "km kms kilometre kilometres kilometer kilometers kilomètres kilómetros",
        "mile": "mile miles",
        "metre": "metre metres meter meters mètres metros",
        "cm": "cm centimetre centimetres centimeters",
        "mm": "mm millimetre millimetres millimeters",
        "foot": "foot feet ft",
        "kg": "kg kilo kilos kilogram kilograms kilogrammes",
        "tonne": "tonne tonnes ton tons tonnen",
        "mph": "mph",
        "kmh": "kmh kph",
        "degree": "degree degrees °",
        "second": "seconds secs sec sekunden secondes segundos",
        "minute": "minute minutes mins min minuten minutos",
        "hour": "hour hours hrs hr stunde stunden heure heures hora horas",
        "day": "day days tag tage tagen jour jours día días",
        "week": "week weeks woche wochen semaine semaines semana semanas",
        "month": "month months monat monate monaten mois mes meses",
        "year": "year years yr yrs jahr jahre jahren ans année années año años",
        "goal": "goal goals",
        "point": "point points pts",
        "vote": "vote votes",
    }
)
OPENERS = words(
    "a about after again all along also although amid among an and another any are as at back because before both"
    " but by can could despite did do does during each earlier even every everyone few finally following for from"
    " had has have he her here his how however i if in inside into is it its just last late later like live many"
    " meanwhile more most much my new next no not now of officials on once one only or other our out over people"
    " police please read residents see several she shortly since so some soon still such than that the their them"
    " then there these they this those though through to today together tomorrow under until up update updated us"
    " was watch we well were what when where whether which while who why will with workers yesterday yet you your"
    " breaking exclusive correction clarification der die das den dem ein eine einen er sie es wir ich und aber"
    " auch auf aus bei mit nach von vor zu im am für wie le la les un une des il elle ils elles nous et mais dans"
    " sur pour par avec selon ce cette en au aux du de el los las uno una unos unas y pero por para con sin según"
    " su sus se al del"
)
"""Words that open sentences and are no names, whatever their capital."""

GERMAN = words("der das und ist nicht eine einen dem für wurde wurden sich auf mit sind zum zur haben nach bei")
"""Words that show a text to be German, where every noun has a capital."""

_PHRASES = {
    ("prime", "minister"): "pm",
    ("united", "kingdom"): "uk",
    ("united", "states"): "us",
    ("united", "nations"): "un",
    ("european", "union"): "eu",
    ("per", "cent"): "percent",
    ("percentage", "points"): "points",
    ("percentage", "point"): "points",
    ("member", "of", "parliament"): "mp",
    ("members", "of", "parliament"): "mps",
    ("can", "not"): "cannot",
}
PHRASE_OPENERS = frozenset(first for first, *_ in _PHRASES)
LONGEST_PHRASE = 3
_SAME = {
    "centre": "center",
    "theatre": "theater",
    "metre": "meter",
    "litre": "liter",
    "fibre": "fiber",
    "defence": "defense",
    "offence": "offense",
    "licence": "license",
    "practise": "practice",
    "programme": "program",
    "programmes": "programs",
    "cheque": "check",
    "grey": "gray",
    "tyre": "tire",
    "tyres": "tires",
    "towards": "toward",
    "whilst": "while",
    "amongst": "among",
    "aluminium": "aluminum",
    "storey": "story",
    "plough": "plow",
    "sceptical": "skeptical",
    "judgement": "judgment",
    "ageing": "aging",
    "kerb": "curb",
    "manoeuvre": "maneuver",
    "dialogue": "dialog",
    "catalogue": "catalog",
    "adviser": "advisor",
    "advisers": "advisors",
    "kiev": "kyiv",
    "ok": "okay",
    "usa": "us",
}
_VARIED = re.compile(r"our|[iy]s|ll")
_OUR = re.compile(r"(?<=[a-z]{3})our(?=$|s$|ed$|ing$|ite|able|ful|hood)|(?<=lab|hon|col|hum|rum|arm)our")
_ISE = re.compile(r"(?<=[a-z]{4})([iy])s(?=e$|ed$|es$|er$|ers$|ing$|ation$|ations$)")
_LL = re.compile(r"(?<=[a-z]{4})ll(?=ed$|ing$|er$|ers$|or$|ors$)")


def phrase(words: list[str], at: int) -> tuple[str, int] | None:
    """What the words at a place are written short: "prime minister" is "pm"; and how many words it takes."""
    if at >= len(words) or words[at] not in PHRASE_OPENERS:
        return None
    for length in range(LONGEST_PHRASE, 1, -1):
        short = _PHRASES.get(tuple(words[at : at + length]))
        if short is not None:
            return short, length
    return None


def spelling(word: str) -> str:
    """One form for the British and the American spelling of a word, without accents. For comparison only."""
    if not word.isascii():
        word = "".join(c for c in unicodedata.normalize("NFKD", word) if not unicodedata.combining(c))
    word = _SAME.get(word, word)
    if _VARIED.search(word) is None:
        return word
    return _LL.sub("l", _ISE.sub(r"\1z", _OUR.sub("or", word)))
