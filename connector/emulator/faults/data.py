"""Fault plans as data: dictionaries that JSON and TOML files can hold.

``docs/emulator-for-tests.md`` lists the keys. Values that are defaults may be left out, and
:func:`plan_to_data` leaves them out.
"""

from __future__ import annotations

import json
import math
import sys
from collections.abc import Callable, Mapping
from enum import Enum
from pathlib import Path
from typing import Any, TypeVar

from .plans import (
    AgentCut,
    At,
    Close,
    Cut,
    Direction,
    Effect,
    Fault,
    FaultPlan,
    FrameFault,
    How,
    Pause,
    Restart,
    Scope,
)

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

Value = TypeVar("Value")
Word = TypeVar("Word", bound=Enum)

#: Converts a value that stands at a place (the second argument), or raises PlanError.
Reader = Callable[[object, str], Value]

#: Close codes that RFC 6455, section 7.4, lets a peer send.
_CODES = range(1000, 5000)


class PlanError(ValueError):
    """Data that is no fault plan. The text is one line: the place and the problem."""


def plan_from_data(data: object) -> FaultPlan:
    """Return the plan that ``data`` describes.

    :raises PlanError: if a key or a value is not one that a plan has.
    """
    table = _Table(data, "")
    seed = table.get("seed", _whole(), 0)
    faults = table.find("faults", _faults)
    table.check_keys()
    return FaultPlan(faults or (), seed=seed)


def plan_to_data(plan: FaultPlan) -> dict[str, Any]:
    """Return the data from which :func:`plan_from_data` makes an equal plan."""
    return {"seed": plan.seed, "faults": [_fault_to_data(fault) for fault in plan.faults]}


def read_plan(path: Path) -> FaultPlan:
    """Return the plan of a JSON or TOML file. A file that begins with ``{`` is JSON.

    :raises OSError: if the file cannot be read.
    :raises PlanError: if it is neither JSON nor TOML, or holds no plan.
    """
    try:
        text = path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError:
        raise PlanError("the file is not UTF-8") from None
    is_json = text.lstrip().startswith("{")
    try:
        data = json.loads(text) if is_json else tomllib.loads(text)
    except (ValueError, RecursionError) as error:
        name = "JSON" if is_json else "TOML"
        raise PlanError(f"the file is not {name}: {' '.join(str(error).split())}") from None
    return plan_from_data(data)


def _fault_to_data(fault: Fault) -> dict[str, Any]:
    if isinstance(fault, FrameFault):
        start, end = fault.span
        return {
            "fault": "frames",
            "effect": _word_of(fault.effect),
            "direction": _word_of(fault.direction),
            **({"odds": fault.odds} if fault.odds else {}),
            **({"numbers": sorted(fault.numbers)} if fault.numbers else {}),
            **({"scope": _word_of(fault.scope)} if fault.scope is not Scope.STREAM else {}),
            "seconds": fault.seconds,
            **({"start": start} if start else {}),
            **({"end": end} if end != math.inf else {}),
        }
    at = {
        name: _word_of(value) if isinstance(value, Enum) else value
        for name, value in vars(fault.at).items()
        if value is not None
    }
    if isinstance(fault, Cut):
        return {"fault": "cut", "at": at, "how": _word_of(fault.how), "code": fault.code}
    if isinstance(fault, Pause):
        return {"fault": "pause", "at": at, "seconds": fault.seconds, "text": fault.text}
    if isinstance(fault, Restart):
        return {"fault": "restart", "at": at, "seconds": fault.seconds}
    if isinstance(fault, AgentCut):
        return {"fault": "agent-cut", "at": at}
    return {"fault": "close", "at": at, "output": fault.output}


# Reading


class _Table:
    """A dictionary whose keys are read one by one.

    :param where: its place in the plan, such as ``faults[2].at``.
    """

    def __init__(self, data: object, where: str) -> None:
        if not isinstance(data, Mapping):
            raise PlanError(f"{where or 'the plan'} is not a table")
        self._data = data
        self._where = where
        self._known: list[str] = []

    def find(self, key: str, read: Reader[Value]) -> Value | None:
        """Return the value of a key, ``None`` if it is missing or null."""
        self._known.append(key)
        value = self._data.get(key)
        return None if value is None else read(value, self._place(key))

    def get(self, key: str, read: Reader[Value], default: Value) -> Value:
        """Return the value of a key, or the default if it is missing or null."""
        value = self.find(key, read)
        return default if value is None else value

    def need(self, key: str, read: Reader[Value]) -> Value:
        """Return the value of a key.

        :raises PlanError: if it is missing or null.
        """
        value = self.find(key, read)
        if value is None:
            raise PlanError(f"{self._place(key)} is missing")
        return value

    def check_keys(self) -> None:
        """:raises PlanError: if there are keys that were not read."""
        unknown = [str(key) for key in self._data if key not in self._known]
        if unknown:
            where = f"{self._where} has" if self._where else "the plan has"
            known = ", ".join(self._known)
            raise PlanError(f"{where} the key {unknown[0]!r}, which is not one of: {known}")

    def _place(self, key: str) -> str:
        return f"{self._where}.{key}" if self._where else key


def _faults(value: object, where: str) -> tuple[Fault, ...]:
    if not isinstance(value, list):
        raise PlanError(f"{where} is not a list")
    return tuple(_fault(item, f"{where}[{number}]") for number, item in enumerate(value))


def _fault(value: object, where: str) -> Fault:
    table = _Table(value, where)
    name = table.need("fault", _text)
    if name not in _FAULTS:
        raise PlanError(f"{where}.fault is {name!r}, not one of: {', '.join(_FAULTS)}")
    fault = _FAULTS[name](table)
    table.check_keys()
    return fault


def _frame_fault(table: _Table) -> FrameFault:
    return FrameFault(
        table.need("effect", _word(Effect)),
        table.need("direction", _word(Direction)),
        table.get("odds", _number(1.0), 0.0),
        table.get("numbers", _numbers, frozenset()),
        table.get("scope", _word(Scope), Scope.STREAM),
        table.get("seconds", _number(), 0.05),
        (table.get("start", _number(), 0.0), table.get("end", _number(), math.inf)),
    )


_FAULTS: dict[str, Callable[[_Table], Fault]] = {
    "frames": _frame_fault,
    "cut": lambda table: Cut(
        table.need("how", _word(How)),
        table.need("at", _at),
        table.get("code", _whole(_CODES.start, _CODES.stop - 1), 1001),
    ),
    "pause": lambda table: Pause(
        table.need("at", _at), table.need("seconds", _number()), table.get("text", _flag, False)
    ),
    "restart": lambda table: Restart(table.need("at", _at), table.need("seconds", _number())),
    "agent-cut": lambda table: AgentCut(table.need("at", _at)),
    "close": lambda table: Close(table.need("at", _at), table.get("output", _text, "")),
}


def _at(value: object, where: str) -> At:
    table = _Table(value, where)
    seconds = table.find("seconds", _number())
    count = table.find("bytes", _whole(1))
    direction = table.find("direction", _word(Direction))
    table.check_keys()
    if (seconds is None) == (count is None):
        raise PlanError(f"{where} needs either seconds or bytes")
    return At(seconds, count, direction)


def _text(value: object, where: str) -> str:
    if not isinstance(value, str):
        raise PlanError(f"{where} is not a string")
    return value


def _flag(value: object, where: str) -> bool:
    if not isinstance(value, bool):
        raise PlanError(f"{where} is not true or false")
    return value


def _number(maximum: float = math.inf) -> Reader[float]:
    def read(value: object, where: str) -> float:
        if isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value <= maximum:
            return float(value)
        bound = "of 0 or more" if maximum == math.inf else f"from 0 to {maximum:g}"
        raise PlanError(f"{where} is not a number {bound}")

    return read


def _whole(minimum: int = 0, maximum: float = math.inf) -> Reader[int]:
    def read(value: object, where: str) -> int:
        if isinstance(value, int) and not isinstance(value, bool) and minimum <= value <= maximum:
            return value
        bound = f"of {minimum} or more" if maximum == math.inf else f"from {minimum} to {maximum}"
        raise PlanError(f"{where} is not a whole number {bound}")

    return read


def _numbers(value: object, where: str) -> frozenset[int]:
    if not isinstance(value, list):
        raise PlanError(f"{where} is not a list")
    read = _whole()
    return frozenset(read(item, f"{where}[{index}]") for index, item in enumerate(value))


def _word(words: type[Word]) -> Reader[Word]:
    def read(value: object, where: str) -> Word:
        for member in words:
            if value == _word_of(member):
                return member
        known = ", ".join(map(_word_of, words))
        raise PlanError(f"{where} is not one of: {known}")

    return read


def _word_of(member: Enum) -> str:
    """Return the word for an enum's member in data, such as ``to-agent``."""
    return member.name.lower().replace("_", "-")
