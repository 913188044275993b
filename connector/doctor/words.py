"""Texts that keep their words and their values apart, and reports that show the words alone.

The words come from this source and are the same for every user. The values come from the user's
files and variables, from ssh, the service and the network, and any of them may be private. The user
sees both together. A plain string counts as one private value.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import replace
from string import Formatter
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .findings import Finding


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


class Report:
    """One report: findings without private values, which users can show to others.

    It consists of words from this source, numbers, and values that are known to be harmless. A
    placeholder such as ``<host-1>`` replaces every other value; its name is the name of the field.
    In one report, equal values have equal placeholders.

    :param states: of the kind's targets. They are harmless wherever they stand.
    """

    def __init__(self, states: Collection[str] = ()) -> None:
        self._states = states
        self._placeholders: dict[str, str] = {}
        self._counts: dict[str, int] = {}

    def finding(self, finding: Finding) -> Finding:
        """Return the finding without private values."""
        result = finding.result
        return replace(
            finding,
            result=replace(
                result,
                text=self.value("text", result.text),
                hint=self.value("hint", result.hint),
                facts={name: self.value(name, value) for name, value in result.facts.items()},
            ),
        )

    def value(self, name: str, value: Any) -> Any:
        """Return a value of a JSON document without private parts.

        :param name: the value's name in this source. It names the placeholder.
        """
        if value is None or isinstance(value, (bool, int, float)):
            return value
        if isinstance(value, Words):
            return value.without_values(self._placeholder)
        if isinstance(value, Harmless):
            return str(value)
        if isinstance(value, dict):
            return {member: self.value(member, item) for member, item in value.items()}
        if isinstance(value, (list, tuple)):
            return [self.value(name, item) for item in value]
        return self._placeholder(name, str(value))

    def _placeholder(self, name: str, value: str) -> str:
        if not value or value in self._states:
            return value
        if value not in self._placeholders:
            number = self._counts[name] = self._counts.get(name, 0) + 1
            self._placeholders[value] = f"<{name}-{number}>"
        return self._placeholders[value]
