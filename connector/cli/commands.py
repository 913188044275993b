"""Which commands there are."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import argparse

#: Command -> its one line in the overview. The module of a command is imported only when
#: it is the one that runs.
COMMANDS = {
    "proxy": "the ProxyCommand: start a session of a Dev Environment, and carry ssh to it",
    "list": "list your Dev Environments, with their names for ssh",
    "ssh": "start a Dev Environment, wait until it runs, and call ssh",
    "shell": "a shell in a Dev Environment, without ssh",
    "exec": "run a command in a Dev Environment, without ssh",
    "start": "start a Dev Environment, and wait until it runs",
    "stop": "stop a Dev Environment",
    "sessions": "list or stop the sessions of a Dev Environment",
    "attach": "carry ssh to a session that something else has started",
    "login": "get a token: AWS Builder ID or IAM Identity Center, by way of a browser",
    "logout": "end the token, here and at the service",
    "doctor": "look at each leg of the way to a Dev Environment by itself",
    "whoami": "whose the token is, and when it expires",
    "config-ssh": "have ssh, scp, rsync and VS Code reach Dev Environments by name",
    "emulator": "a Dev Environment on this machine",
    "completion": "have a shell complete commands, options and names",
    "config": "show the settings, and where each comes from",
    "demo": "ssh and scp through the connector to an emulated Dev Environment",
}

#: The one line of ``help``, which is no command: ``help start`` stands for ``start --help``.
HELP = "options and examples of a command"

#: Another name -> the command.
ALIASES = {"ls": "list"}

#: Command -> its module, where that has another name.
_MODULES = {"exec": "execute"}

#: Commands that run one at the far end, which follows a "--".
RUNNERS = {"exec"}


def configure_command(name: str, parser: argparse.ArgumentParser) -> None:
    """Give a parser the options of a command, or of an alias of one."""
    command = ALIASES.get(name, name)
    module = _MODULES.get(command, command.replace("-", ""))
    import_module(f".{module}", __package__).configure(parser)
