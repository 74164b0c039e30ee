"""Take typed fields out of one TOML table; every complaint names the file, the field and what is wrong."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from enum import StrEnum
from typing import Any, TypeVar

from placement.errors import CatalogError

Word = TypeVar("Word", bound=StrEnum)
Value = TypeVar("Value")

_NAMES = {str: "a text", int: "a whole number", bool: "true or false", list: "a list", dict: "a table"}


class Fields:
    """The fields of one table, taken one by one; `finish` complains about those nobody took."""

    def __init__(self, file: str, values: Mapping[str, Any], path: str = "") -> None:
        self.file = file
        self._left = dict(values)
        self._path = path

    def wrong(self, name: str, what: str) -> CatalogError:
        return CatalogError(f"{self.file}: {self._path}{name}: {what}")

    def text(self, name: str, default: str | None = None) -> str:
        value: str = self._take(name, str, default)
        return value.strip()

    def number(self, name: str, *, low: int, high: int, default: int) -> int:
        value: int = self._take(name, int, default)
        return self._between(name, value, low, high)

    def number_or_none(self, name: str, *, high: int = 10_000_000) -> int | None:
        value: int | None = self._take(name, int, None, optional=True)
        return None if value is None else self._between(name, value, 1, high)

    def flag(self, name: str, default: bool = False) -> bool:
        value: bool = self._take(name, bool, default)
        return value

    def flag_or_none(self, name: str) -> bool | None:
        value: bool | None = self._take(name, bool, None, optional=True)
        return value

    def texts(self, name: str) -> tuple[str, ...]:
        values: list[Any] = self._take(name, list, [])
        return tuple(self._entry(name, index, value) for index, value in enumerate(values))

    def word(self, name: str, words: type[Word], default: Word | None = None) -> Word:
        text = self.text(name, default)
        return self.checked(name, text, lambda value: _member(words, value))

    def word_or_none(self, name: str, words: type[Word]) -> Word | None:
        return self.word(name, words) if name in self._left else None

    def words(self, name: str, words: type[Word]) -> tuple[Word, ...]:
        return self.each(name, lambda value: _member(words, value))

    def each(self, name: str, convert: Callable[[str], Value]) -> tuple[Value, ...]:
        """A list of texts, each converted; a ValueError of `convert` is told with the entry's number."""
        values = self.texts(name)
        return tuple(self.checked(f"{name}[{i}]", value, convert) for i, value in enumerate(values))

    def checked(self, name: str, value: str, convert: Callable[[str], Value]) -> Value:
        try:
            return convert(value)
        except ValueError as error:
            raise self.wrong(name, f"{value!r} {error}") from error

    def table(self, name: str) -> Fields | None:
        values: dict[str, Any] | None = self._take(name, dict, None, optional=True)
        return None if values is None else Fields(self.file, values, f"{self._path}{name}.")

    def tables(self, name: str) -> tuple[Fields, ...]:
        entries: list[Any] = self._take(name, list, [])
        if not all(isinstance(entry, dict) for entry in entries):
            raise self.wrong(name, f"must be written as [[{name}]] tables")
        return tuple(Fields(self.file, entry, f"{self._path}{name}[{i}].") for i, entry in enumerate(entries))

    def texts_or_tables(self, name: str) -> tuple[str | Fields, ...]:
        """A list that mixes plain texts with inline tables."""
        entries: list[Any] = self._take(name, list, [])
        return tuple(
            Fields(self.file, entry, f"{self._path}{name}[{index}].")
            if isinstance(entry, dict)
            else self._entry(name, index, entry)
            for index, entry in enumerate(entries)
        )

    def finish(self) -> None:
        if not self._left:
            return
        name = next(iter(self._left))
        raise self.wrong(name, "is no field of the catalogue: a typing error, or a newer file?")

    def _take(self, name: str, kind: type, default: Any, *, optional: bool = False) -> Any:
        if name not in self._left:
            if default is None and not optional:
                raise self.wrong(name, "is missing")
            return default
        value = self._left.pop(name)
        # bool is a subclass of int: `port = true` is no port.
        if not isinstance(value, kind) or (kind is int and isinstance(value, bool)):
            raise self.wrong(name, f"must be {_NAMES[kind]}, not {value!r}")
        if kind is str and default is None and not str(value).strip():
            raise self.wrong(name, "is empty")
        return value

    def _between(self, name: str, value: int, low: int, high: int) -> int:
        if not low <= value <= high:
            raise self.wrong(name, f"{value} is not between {low} and {high}")
        return value

    def _entry(self, name: str, index: int, value: object) -> str:
        if not isinstance(value, str) or not value.strip():
            raise self.wrong(f"{name}[{index}]", f"must be a text, not {value!r}")
        return value


def _member(words: type[Word], value: str) -> Word:
    try:
        return words(value)
    except ValueError as error:
        raise ValueError(f"is unknown; known are {', '.join(words)}") from error
