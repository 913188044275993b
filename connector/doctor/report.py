"""A report: findings without private values, which users can show to others.

A report consists of words from this source, numbers, and values that are known to be harmless. A
placeholder such as ``<host-1>`` replaces every other value; its name is the name of the field. In
one report, equal values have equal placeholders.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from .findings import Finding
from .words import Harmless, Words


class Report:
    """One report, with the placeholders that it has used so far."""

    def __init__(self) -> None:
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
        if not value:
            return ""
        if value not in self._placeholders:
            number = self._counts[name] = self._counts.get(name, 0) + 1
            self._placeholders[value] = f"<{name}-{number}>"
        return self._placeholders[value]
