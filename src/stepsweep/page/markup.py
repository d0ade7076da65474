"""HTML in which every text is escaped."""

import string
from collections.abc import Iterable, Mapping, Sequence
from html import escape
from typing import Any, LiteralString, Self


class Markup(str):
    """Text that is HTML already. Jinja takes it as such too."""

    __slots__ = ()

    def __html__(self) -> Self:
        return self


class _Escaping(string.Formatter):
    def format_field(self, value: Any, format_spec: str) -> str:
        text = super().format_field(value, format_spec)
        return text if isinstance(value, Markup) else escape(text)

    def convert_field(self, value: Any, conversion: str | None) -> Any:
        if conversion is not None:
            raise ValueError("a conversion would lose what is markup")
        return value


_ESCAPING = _Escaping()


def markup(template: LiteralString, *values: object, **named: object) -> Markup:
    """Returns a template of `str.format` with its values, all of which are escaped unless they are markup."""
    return Markup(_ESCAPING.vformat(template, values, named))


def of_file(text: str, values: Mapping[str, object]) -> Markup:
    """Returns a template that is a file of ours, as `markup` does."""
    return Markup(_ESCAPING.vformat(text, (), values))


def joined(parts: Iterable[object], separator: str = "") -> Markup:
    """Returns the parts one after the other; those that are no markup are escaped."""
    return Markup(separator.join(each if isinstance(each, Markup) else escape(str(each)) for each in parts))


def prose(text: str) -> Markup:
    """Returns a sentence, in which what stands in backticks is code."""
    parts = text.split("`")
    if len(parts) % 2 == 0:  # one of them has no partner
        return joined([text])
    return joined([markup("<code>{}</code>", each) if at % 2 else each for at, each in enumerate(parts)])


def some_of(parts: Sequence[object], at_most: int) -> Markup:
    """Returns the first parts with commas, and the number of the others."""
    more = f" and {len(parts) - at_most:,} more" if len(parts) > at_most else ""
    return Markup(joined(parts[:at_most], ", ") + more)


NOTHING = Markup("")
