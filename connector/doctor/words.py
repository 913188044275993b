"""Texts that keep their words and their values apart, so that a report can show the words alone.

The words come from this source and are the same for every user. The values come from the user's
files and variables, from ssh, the service and the network, and any of them may be private. The user
sees both together. A plain string counts as one private value.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from string import Formatter
from typing import Any


class Harmless(str):
    """A value that a report may show. :mod:`.public` marks values from outside as harmless."""

    __slots__ = ()


class Words(str):
    """A text with its values in place. :meth:`without_values` returns the text for a report.

    :param template: a template of ``str.format`` with named fields only.
    :param values: numbers, strings and other texts, by the names of the fields.
    :param shown: the text for the user; by default the template with its values.
    """

    _template: str
    _values: Mapping[str, Any]

    def __new__(cls, template: str, values: Mapping[str, Any], shown: str | None = None) -> Words:
        text = super().__new__(cls, template.format(**values) if shown is None else shown)
        text._template, text._values = template, values
        return text

    def without_values(self, placeholder: Callable[[str, str], str]) -> str:
        """Return the text with placeholders for values, except harmless ones and numbers.

        :param placeholder: returns the placeholder for a field's name and value.
        """
        pieces = []
        for literal, field, spec, _ in Formatter().parse(self._template):
            pieces.append(literal)
            if field is None:
                continue
            value = self._values[field]
            if isinstance(value, Words):
                pieces.append(value.without_values(placeholder))
            elif isinstance(value, (Harmless, int, float)):
                pieces.append(format(value, spec or ""))
            else:
                pieces.append(placeholder(field, str(value)))
        return "".join(pieces)

    @property
    def capitalised(self) -> Words:
        """The text with a capital first letter, unless it begins with a value."""
        if self._template.startswith("{"):
            field = self._template[1:].partition("}")[0]
            first = self._values.get(field)
            if not isinstance(first, Words):
                return self
            return Words(self._template, {**self._values, field: first.capitalised})
        return Words(self._template[:1].upper() + self._template[1:], self._values)


def words(template: str, /, **values: Any) -> Words:
    """Return a text.

    :param template: words and ``{fields}``. It must be a literal in the source; a test checks
        every call.
    :param values: the values of the fields.
    """
    return Words(template, values)


def joined(separator: str, texts: Iterable[Words]) -> Words:
    """Return one text with a separator between the given ones. The separator has no braces."""
    values = {f"part{number}": text for number, text in enumerate(texts)}
    return Words(separator.join(f"{{{name}}}" for name in values), values)
