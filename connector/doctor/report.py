"""A report: what was found, for the eyes of others.

It is made of the words of this source, of numbers, and of values that are known to be harmless.
For every other value stands a placeholder such as ``<host-1>``, whose name is that of the field.
The same value has the same placeholder wherever it stands in one report.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from .findings import Finding
from .words import Harmless, Words


class Report:
    """Knows the placeholders that were given so far."""

    def __init__(self) -> None:
        self._placeholders: dict[str, str] = {}
        self._counts: dict[str, int] = {}

    def finding(self, finding: Finding) -> Finding:
        """Return a finding that holds nothing private."""
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
        """Return a value of any type that JSON knows.

        :param name: of the value, in our source; so are the names of members in a document.
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
        if not value:
            return ""
        if value not in self._placeholders:
            number = self._counts[name] = self._counts.get(name, 0) + 1
            self._placeholders[value] = f"<{name}-{number}>"
        return self._placeholders[value]
