"""``connector config``: show the settings and where each comes from."""

from __future__ import annotations

import argparse
import os
from collections.abc import Iterator
from typing import TYPE_CHECKING

from ..targets.registry import login_facts
from .output.lines import tell, tell_json
from .settings import add_setting, warn_of_missing_profile

if TYPE_CHECKING:
    from ..settings.table import Found, Setting, Value

DESCRIPTION = """\
Show the settings and where each comes from. An option wins over a variable, a variable over
the file config.toml, and the file over the default.
"""

SHOW = f"""\
Show each setting and where it comes from. Give the options of another command to see the
settings that it would use. The file is optional. It is TOML: each line has a name that is
shown here, = and a value. It has no tables, and secrets do not belong in it.

Without a profile, the commands use `default` if that has an sso_session, otherwise
`{login_facts().profile}`, which `connector login` writes. login and logout always use
`{login_facts().profile}`.
Without an endpoint-url, the one of the profile is used if it has one.
"""


EPILOG = """\
examples:
  connector config show
  connector config show --json
  CONNECTOR_WAIT=300 connector config show --no-start    # as another command would use them

example of a config.toml:
  profile = "work"
  space = "MySpace"
  wait = 300
"""


def configure(parser: argparse.ArgumentParser) -> None:
    from ..settings.table import SETTINGS

    parser.description = DESCRIPTION
    parser.epilog = EPILOG
    actions = parser.add_subparsers(title="actions", metavar="{show}", required=True)
    show = actions.add_parser(
        "show",
        help="show the settings and where each comes from",
        description=SHOW,
        formatter_class=parser.formatter_class,
    )
    show.add_argument("--json", action="store_true", help="print JSON")
    for name in SETTINGS:
        add_setting(show, name)


def run(options: argparse.Namespace) -> int:
    warn_of_missing_profile(options.profile)
    rows = list(_rows(options))
    path = options.settings_file
    if options.json:
        settings = [_document(*row) for row in rows]
        document = {"file": str(path), "exists": os.path.exists(path), "settings": settings}
        tell_json(document)
        return 0
    shown = [(row[0].name, _shown(row[1]), _origin(*row)) for row in rows]
    widths = [max(len(row[column]) for row in shown) for column in (0, 1)]
    for name, value, origin in shown:
        tell(f"{name:{widths[0]}}  {value:{widths[1]}}  {origin}")
    tell("")
    tell(f"file: {path}" if os.path.exists(path) else f"file: {path} (does not exist)")
    return 0


def _rows(options: argparse.Namespace) -> Iterator[tuple[Setting, Value | None, Found | None]]:
    """Yield each setting, its value, and where it was found (``None``: in an option)."""
    from ..settings.table import SETTINGS

    for setting in SETTINGS.values():
        found: Found | None = options.found.get(setting.name)
        yield setting, getattr(options, setting.dest) if found is None else found.value, found


def _shown(value: Value | None) -> str:
    if value is None:
        return "-"
    if isinstance(value, bool):
        return str(value).lower()
    return f"{value:g}" if isinstance(value, float) else str(value)


def _origin(setting: Setting, value: Value | None, found: Found | None) -> str:
    if found is None:
        return f"option {_option(setting, value)}"
    if found.variable is not None:
        return f"variable {found.variable}"
    if found.file is not None:
        return found.file.place(setting.name)
    if setting.varies:
        return f"default: yes {setting.varies}"
    return "not set" if found.value is None else "default"


def _option(setting: Setting, value: Value | None) -> str:
    return f"--no-{setting.name}" if value is False else f"--{setting.name}"


def _document(setting: Setting, value: Value | None, found: Found | None) -> dict[str, object]:
    source: dict[str, object]
    if found is None:
        source = {"kind": "option", "option": _option(setting, value)}
    elif found.variable is not None:
        source = {"kind": "variable", "variable": found.variable}
    elif found.file is not None:
        line = found.file.line(setting.name)
        source = {"kind": "file", "file": str(found.file.path), "line": line}
    else:
        source = {"kind": "default"}
    return {"name": setting.name, "value": value, "source": source}
