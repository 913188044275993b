"""What ``connector --help`` says: the commands in groups, and how to begin."""

from __future__ import annotations

from collections.abc import Mapping

#: Heading -> its commands, in the order in which one needs them.
GROUPS = {
    "first steps": ("login", "list", "config-ssh", "ssh"),
    "every day": ("start", "stop", "shell", "exec", "sessions"),
    "when something is wrong": ("doctor", "whoami", "logout", "trace"),
    "to suit yourself": ("config", "completion"),
    "without an AWS account": ("demo", "emulator"),
    "what other programs call": ("proxy", "attach"),
}

USAGE = """\
connector COMMAND [options]
       connector help COMMAND    options and examples of a command, as COMMAND --help
       connector --version"""

_ABOUT = """\
Treat an Amazon CodeCatalyst Dev Environment as an SSH host: for ssh, scp, rsync, git and VS Code.
"""

EPILOG = """\
examples:
  connector demo            # see it work, without an AWS account
  connector login
  connector list
  connector ssh my-env
  connector config-ssh      # once, for ssh, scp, rsync, git and VS Code by themselves
"""


def description(commands: Mapping[str, str]) -> str:
    """What the program is, and its commands.

    :param commands: each with its one line.
    """
    rows = [_ABOUT]
    width = max(map(len, commands))
    for heading, names in GROUPS.items():
        lines = [f"    {name:{width}}  {commands[name]}" for name in names if name in commands]
        if lines:
            rows.append("\n".join((f"{heading}:", *lines, "")))
    return "\n".join(rows)
