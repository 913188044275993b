"""Parse the usual arguments of a ProxyCommand without argparse.

argparse is a slow import, and it makes a parser slowly.

Saves 6 ms of CPU time a connection: ``python -m benchmarks.tricks quick``.
"""

from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace

from .typed import Any

_ACTIONS = ("store", "store_true", "store_false", "count")


class QuickParser:
    """The part of ``argparse.ArgumentParser`` that parses whole options and one name.

    It does not parse ``--help``, abbreviations, wrong arguments, or commands with other kinds of
    argument: the caller then uses argparse.
    """

    description: str | None = None
    epilog: str | None = None

    def __init__(self) -> None:
        self._values: dict[str, Any] = {}
        self._options: dict[str, tuple[str, str, Any]] = {}
        self._positional = ""
        self._able = True

    def add_argument(
        self,
        *names: str,
        dest: str = "",
        action: str = "store",
        nargs: str | None = None,
        type: Callable[[str], Any] = str,
        default: Any = None,
        metavar: str | None = None,
        help: str = "",
        **more: Any,
    ) -> None:
        long = next((name for name in names if name.startswith("--")), names[0])
        dest = dest or long.lstrip("-").replace("-", "_")
        self._values.setdefault(dest, default)
        if not long.startswith("-"):
            self._able &= nargs == "?" and type is str and not self._positional
            self._positional = dest
        else:
            self._able &= nargs is None and action in _ACTIONS and not isinstance(default, str)
            self._options.update(dict.fromkeys(names, (dest, action, type)))
        self._able &= not more

    def add_argument_group(self, title: str) -> QuickParser:
        return self

    def set_defaults(self, **values: Any) -> None:
        self._values.update(values)

    def parse(self, words: list[str]) -> SimpleNamespace | None:
        """Return the options as argparse would, or ``None`` if the caller has to use argparse."""
        values, left = dict(self._values), list(reversed(words))
        named = False
        while left and self._able:
            word = left.pop()
            if not word.startswith("-"):
                if named or not self._positional:
                    return None
                named, values[self._positional] = True, word
                continue
            option, equals, value = word.partition("=")
            if option not in self._options or (equals and not option.startswith("--")):
                return None
            dest, action, convert = self._options[option]
            if action != "store":
                if equals:
                    return None
                values[dest] = values[dest] + 1 if action == "count" else action == "store_true"
                continue
            if not equals:
                if not left or left[-1].startswith("-"):
                    return None
                value = left.pop()
            try:
                values[dest] = convert(value)
            except Exception:  # noqa: BLE001 - argparse reports what is wrong
                return None
        return SimpleNamespace(**values) if self._able else None
