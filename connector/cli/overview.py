"""The text of ``connector --help``: the commands in groups, and first examples."""

from __future__ import annotations

from collections.abc import Mapping

#: Heading -> its commands, in the order in which a new user needs them.
GROUPS = {
    "first steps": ("login", "list", "config-ssh", "ssh"),
    "every day": ("start", "stop", "shell", "exec", "sessions"),
    "when something fails": ("doctor", "whoami", "logout", "trace"),
    "settings": ("config", "completion"),
    "without an AWS account": ("demo", "emulator"),
    "for other programs to call": ("proxy", "attach"),
}

USAGE = """\
connector COMMAND [options]
       connector help COMMAND    show the options and examples of a command
       connector --version"""

_ABOUT = """\
Treat a cloud development environment as an SSH host: for ssh, scp, rsync, git and VS Code.
"""

EPILOG = """\
examples:
  connector demo            # try it without an AWS account
  connector login
  connector list
  connector ssh my-env
  connector config-ssh      # once: then ssh, scp, rsync, git and VS Code work
"""


def description(commands: Mapping[str, str]) -> str:
    """Return what the program does, and its commands in groups.

    :param commands: command -> its line.
    """
    rows = [_ABOUT]
    width = max(map(len, commands))
    for heading, names in GROUPS.items():
        lines = [f"    {name:{width}}  {commands[name]}" for name in names if name in commands]
        if lines:
            rows.append("\n".join((f"{heading}:", *lines, "")))
    return "\n".join(rows)
