"""The table of commands."""

from __future__ import annotations

from importlib import import_module

from ..fast.typed import TYPE_CHECKING, cast

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


#: Command -> its line in the overview. Only the module of the command that runs is imported.
COMMANDS = {
    "proxy": "connect ssh to a target: the ProxyCommand",
    "list": "list your targets with their names for ssh",
    "ssh": "start a target, wait until it runs, and call ssh",
    "cp": "copy files over several connections at once",
    "shell": "open a shell on a target, without ssh",
    "exec": "run a command on a target, without ssh",
    "start": "start a target, and wait until it runs",
    "stop": "stop a target",
    "sessions": "list or stop the sessions of a target",
    "attach": "connect stdin and stdout to a session that another program started",
    "login": "log in with AWS Builder ID or IAM Identity Center, in a browser",
    "logout": "log out: remove the token and revoke it",
    "doctor": "check each step of the way to a target, and say what to fix",
    "trace": "read the messages of a recorded session, with gaps and retransmissions",
    "whoami": "show which user the token or the keys belong to, and when they expire",
    "config-ssh": "set up ssh, scp, rsync and VS Code to reach targets by name",
    "emulator": "run emulated targets on this machine",
    "completion": "set up your shell to complete commands, options and names",
    "config": "show the settings and where each comes from",
    "demo": "try ssh and scp with an emulated target",
}

#: The line of ``help``, which is no command: ``help start`` means ``start --help``.
HELP = "show the options and examples of a command"

#: Alias -> its command.
ALIASES = {"ls": "list"}

#: Command -> its module, if the module has another name.
_MODULES = {"exec": "execute"}

#: Commands that run a remote command, which follows a "--".
RUNNERS = {"exec"}


def load_command(name: str) -> Command:
    """Return the module of a command or of an alias."""
    command = ALIASES.get(name, name)
    module = _MODULES.get(command, command.replace("-", ""))
    return cast("Command", import_module(f".{module}", __package__))


def configure_command(name: str, parser: argparse.ArgumentParser) -> None:
    """Add the options of a command or of an alias to a parser."""
    load_command(name).configure(parser)
