"""Texts whose words and values stay apart, so that a report can show the words alone.

The words are written in this source, and are the same for every user. The values come from the
user's files and variables, from ssh, from the service and the network: any of them may be private.
Both are joined for the user's own eyes. A text without this form counts as one value.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from string import Formatter
from typing import Any


class Harmless(str):
    """A value that a report may show: see :mod:`.public` for those that come from elsewhere."""

    __slots__ = ()


class Words(str):
    """A text with its values in place; :meth:`without_values` is the text of a report.

    :param template: as for ``str.format``, with named fields only.
    :param values: numbers, strings and other texts, by the names of the fields.
    :param shown: what the user reads; by default the template with its values.
    """

    _template: str
    _values: Mapping[str, Any]

    def __new__(cls, template: str, values: Mapping[str, Any], shown: str | None = None) -> Words:
        text = super().__new__(cls, template.format(**values) if shown is None else shown)
        text._template, text._values = template, values
        return text

    def without_values(self, placeholder: Callable[[str, str], str]) -> str:
        """Return the text with placeholders for values, except harmless ones and numbers.

        :param placeholder: of a value, from the name of its field and the value itself.
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
        """The text with a capital, if it begins with a word and not with a value."""
        if self._template.startswith("{"):
            field = self._template[1:].partition("}")[0]
            first = self._values.get(field)
            if not isinstance(first, Words):
                return self
            return Words(self._template, {**self._values, field: first.capitalised})
        return Words(self._template[:1].upper() + self._template[1:], self._values)


def words(template: str, /, **values: Any) -> Words:
    """Return a text.

    :param template: words of this source and ``{fields}``. It has to be a literal: a test of this
        package looks at every call.
    :param values: of the fields.
    """
    return Words(template, values)


def joined(separator: str, texts: Iterable[Words]) -> Words:
    """Return texts as one, with a separator between them, which has no braces."""
    values = {f"part{number}": text for number, text in enumerate(texts)}
    return Words(separator.join(f"{{{name}}}" for name in values), values)
