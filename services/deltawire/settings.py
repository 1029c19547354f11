"""Loading the configuration: TOML file, environment, and every mistake at once with its line and its mend.

Precedence: environment (``DELTAWIRE_FETCH__TIMEOUT=5``), file, default. ``${NAME}`` in the file takes an
environment variable; in the URL of a feed or a channel it stays as it is until the request is made.
"""

from __future__ import annotations

import difflib
import os
import re
import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Literal, get_args, get_origin, get_type_hints

import msgspec

from deltawire import config_rules, variables
from deltawire.config import Config
from deltawire.toml_lines import Path as KeyPath
from deltawire.toml_lines import key_lines

DEFAULT_FILE = "deltawire.toml"
ENV_PREFIX = "DELTAWIRE_"


class Mistake(msgspec.Struct, frozen=True, kw_only=True):
    where: str
    message: str

    def __str__(self) -> str:
        return f"{self.where}: {self.message}"


class ConfigError(Exception):
    """The configuration is wrong; ``mistakes`` are all of them."""

    def __init__(self, mistakes: list[Mistake]) -> None:
        super().__init__("\n".join(map(str, mistakes)))
        self.mistakes = mistakes


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    """A valid configuration. ``origins`` says for each value that is no default where it comes from."""

    config: Config
    origins: dict[str, str]
    path: str | None
    warnings: tuple[Mistake, ...] = ()


def load(path: str | None = None, environ: Mapping[str, str] = os.environ, *, lenient: bool = False) -> Settings:
    """Read ``path``, else ``./deltawire.toml`` where it exists, else the defaults.

    ``lenient`` is for commands that only look: values whose environment variables are not set here are let through.

    Raises:
        ConfigError: with every mistake found.
    """
    if path is None and Path(DEFAULT_FILE).is_file():
        path = DEFAULT_FILE
    text, tree = _read(path)
    loader = _Loader(path or "", key_lines(text), environ)
    loader.check_keys(Config, tree, ())
    tree = loader.expand(tree, ())
    loader.take_environment(tree)
    loader.check_types(Config, tree, ())
    config = msgspec.convert(tree, Config)
    for key, message in config_rules.mistakes(config):
        loader.mistake(key, message)
    for key, message in config_rules.warnings(config):
        loader.warn(key, message)
    if lenient:
        loader.mistakes = [m for m in loader.mistakes if m not in loader.unset]
    if loader.mistakes:
        raise ConfigError(sorted(loader.mistakes, key=lambda m: loader.line(m)))
    return Settings(config=config, origins=loader.origins(tree), path=path, warnings=tuple(loader.warnings))


def _read(path: str | None) -> tuple[str, dict[str, Any]]:
    if path is None:
        return "", {}
    try:
        text = Path(path).read_text(encoding="utf-8")
        return text, tomllib.loads(text)
    except OSError as error:
        raise ConfigError([Mistake(where=path, message=f"cannot be read: {error.strerror}")]) from None
    except UnicodeDecodeError as error:
        raise ConfigError(
            [Mistake(where=path, message=f"is not UTF-8 at byte {error.start}; save it as UTF-8")]
        ) from None
    except tomllib.TOMLDecodeError as error:
        found = re.search(r"line (\d+)", str(error))
        # What is noticed only at the end of the file began with its last key at the latest.
        line = found[1] if found else max(key_lines(text).values(), default=1)
        raise ConfigError([Mistake(where=f"{path}:{line}", message=f"is not TOML: {error}")]) from None


def dotted(key: KeyPath) -> str:
    """``("feeds", 0, "url")`` as ``feeds[0].url``."""
    out = ""
    for part in key:
        out += f"[{part}]" if isinstance(part, int) else f".{part}" if out else part
    return out


class _Loader:
    def __init__(self, path: str, lines: Mapping[KeyPath, int], environ: Mapping[str, str]) -> None:
        self._path = path
        self._lines = lines
        self._environ = environ
        self._variables: dict[KeyPath, str] = {}
        self._doubtful: set[KeyPath] = set()
        self.mistakes: list[Mistake] = []
        self.unset: list[Mistake] = []
        self.warnings: list[Mistake] = []

    def line(self, mistake: Mistake) -> int:
        """The line a mistake stands at, so that mistakes can be told in the order of the file."""
        _, _, number = mistake.where.rpartition(":")
        return int(number) if number.isdigit() else 0

    def where(self, key: KeyPath) -> str:
        if key in self._variables:
            return self._variables[key]
        for length in range(len(key), 0, -1):
            if key[:length] in self._lines:
                return f"{self._path}:{self._lines[key[:length]]}"
        return self._path or "configuration"

    def mistake(self, key: KeyPath, message: str) -> None:
        """Note a mistake, unless it only follows from one at the same key that is noted already."""
        if key not in self._doubtful:
            self.mistakes.append(Mistake(where=self.where(key), message=f"{dotted(key)}: {message}"))

    def warn(self, key: KeyPath, message: str) -> None:
        """Note what is allowed, and hardly meant."""
        self.warnings.append(Mistake(where=self.where(key), message=f"{dotted(key)}: {message}"))

    def _doubt(self, key: KeyPath, message: str) -> None:
        self.mistake(key, message)
        self._doubtful.add(key)

    def check_keys(self, kind: type, tree: Any, key: KeyPath) -> None:
        """Report every key that does not exist, with the nearest that does, and drop it."""
        if not isinstance(tree, dict):
            return
        fields = get_type_hints(kind)
        for name in list(tree):
            if name not in fields:
                near = difflib.get_close_matches(name, fields, n=1, cutoff=0.5)
                hint = f"did you mean {near[0]}?" if near else f"known here: {', '.join(fields)}"
                self.mistake((*key, name), f"unknown key; {hint}")
                del tree[name]
            elif struct := _struct_in(fields[name]):
                value = tree[name]
                if isinstance(value, list):
                    for index, item in enumerate(value):
                        self.check_keys(struct, item, (*key, name, index))
                else:
                    self.check_keys(struct, value, (*key, name))

    def expand(self, value: Any, key: KeyPath) -> Any:
        """Put environment variables in; the URLs of feeds and channels keep theirs for the request."""
        if isinstance(value, dict):
            return {name: self.expand(item, (*key, name)) for name, item in value.items()}
        if isinstance(value, list):
            return [self.expand(item, (*key, index)) for index, item in enumerate(value)]
        if not isinstance(value, str):
            return value
        later = len(key) == 3 and key[0] in ("feeds", "series", "channels") and key[2] == "url"
        for name in variables.NAME.findall(value):
            if name not in self._environ:
                message = f"the environment variable {name} is not set; set it or write the value itself"
                if later:
                    self.warn(key, message)
                else:
                    self._doubt(key, message)
                    self.unset.append(self.mistakes[-1])
        if later:
            return value
        return variables.NAME.sub(lambda found: self._environ.get(found[1], ""), value)

    def take_environment(self, tree: dict[str, Any]) -> None:
        """``DELTAWIRE_<SECTION>__<KEY>`` overrides a single value."""
        sections = {n: s for n, k in get_type_hints(Config).items() if (s := _struct_in(k)) and get_origin(k) is None}
        known = {f"{ENV_PREFIX}{s}__{k}".upper(): (s, k) for s, kind in sections.items() for k in get_type_hints(kind)}
        for variable, text in self._environ.items():
            if not variable.startswith(ENV_PREFIX) or "__" not in variable:
                continue
            if variable not in known:
                near = difflib.get_close_matches(variable, known, n=1)
                hint = f"did you mean {near[0]}?" if near else "see deltawire config show"
                self.mistakes.append(Mistake(where="environment", message=f"{variable}: unknown setting; {hint}"))
                continue
            section, name = known[variable]
            kind = get_type_hints(sections[section])[name]
            try:
                value = msgspec.convert(text, kind, strict=False)
            except msgspec.ValidationError as error:
                self.mistakes.append(Mistake(where="environment", message=f"{variable}: {_plain(error, kind)}"))
                continue
            tree.setdefault(section, {})[name] = value
            self._variables[(section, name)] = f"environment {variable}"

    def check_types(self, struct: type[msgspec.Struct], table: dict[str, Any], key: KeyPath) -> None:
        """Convert each value by itself, so that one wrong value hides none of the others.

        What is wrong is noted and taken out of ``table``, or replaced where it is required: the rest can be judged.
        """
        for field in msgspec.structs.fields(struct):
            here, kind = (*key, field.name), get_type_hints(struct)[field.name]
            if field.name in table:
                if self._is_right(kind, table, field.name, here):
                    continue
                del table[field.name]
            elif field.required:
                self.mistake(key, f"lacks {field.name}")
            if field.required:
                self._doubtful.add(here)
                table[field.name] = (
                    "https://placeholder.invalid/" if field.name == "url" else f"placeholder-{id(table)}"
                )

    def _is_right(self, kind: Any, table: dict[str, Any], name: str, key: KeyPath) -> bool:
        struct, value = _struct_in(kind), table[name]
        if struct and get_origin(kind) is tuple:
            if not isinstance(value, list) or not all(isinstance(item, dict) for item in value):
                self.mistake(key, f"must be written as [[{dotted(key)}]]")
                return False
            for index, item in enumerate(value):
                self.check_types(struct, item, (*key, index))
        elif struct:
            if not isinstance(value, dict):
                self.mistake(key, f"must be a table, written as [{dotted(key)}]")
                return False
            self.check_types(struct, value, key)
        else:
            try:
                msgspec.convert(value, kind)
            except msgspec.ValidationError as error:
                self.mistake(key, _plain(error, kind))
                return False
        return True

    def origins(self, tree: Mapping[str, Any]) -> dict[str, str]:
        return {dotted(key): self.where(key) for key in _leaves(tree, ())}


def _struct_in(kind: Any) -> type[msgspec.Struct] | None:
    """The struct that a section or a list of sections is made of."""
    if isinstance(kind, type) and get_origin(kind) is None and issubclass(kind, msgspec.Struct):
        return kind
    if get_origin(kind) is tuple:
        return _struct_in(get_args(kind)[0])
    return None


def _leaves(value: Any, key: KeyPath) -> Iterator[KeyPath]:
    if isinstance(value, dict):
        for name, item in value.items():
            yield from _leaves(item, (*key, name))
    elif isinstance(value, list) and any(isinstance(item, dict) for item in value):
        for index, item in enumerate(value):
            yield from _leaves(item, (*key, index))
    else:
        yield key


def _plain(error: msgspec.ValidationError, kind: Any) -> str:
    """msgspec's sentence without its path, which the key gives already; with the values, where only some are known."""
    text = re.sub(r" - at `.*`$", "", str(error))
    known = f"; known: {', '.join(_choices(kind))}" if text.startswith("Invalid enum value") else ""
    return text[0].lower() + text[1:].replace("`", "") + known


def _choices(kind: Any) -> list[str]:
    if get_origin(kind) is Literal:
        return [str(value) for value in get_args(kind)]
    return [choice for inner in get_args(kind) for choice in _choices(inner)]
