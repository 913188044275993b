"""Which commands there are."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, cast

if TYPE_CHECKING:
    import argparse
    from typing import Protocol

    class Command(Protocol):
        """What the module of a command offers."""

        def configure(self, parser: argparse.ArgumentParser) -> None:
            """Add the description and the options of the command to its parser."""

        def run(self, options: argparse.Namespace) -> int:
            """Run the command, and return its exit code.

            :param options: the settled options; ``report_line`` tells the user what went wrong.
            :raises ConnectorError: main prints it and exits with its exit code.
            """


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
    "trace": "read the messages of a recorded session, with gaps and retransmissions",
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


def load_command(name: str) -> Command:
    """Return the module of a command or of an alias."""
    command = ALIASES.get(name, name)
    module = _MODULES.get(command, command.replace("-", ""))
    return cast("Command", import_module(f".{module}", __package__))


def configure_command(name: str, parser: argparse.ArgumentParser) -> None:
    """Add the options of a command or of an alias to a parser."""
    load_command(name).configure(parser)
