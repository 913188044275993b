"""Run a command in a Dev Environment, by paramiko.

    python examples/paramiko_exec.py my-env 'uname -a'

This starts a stopped Dev Environment. Output goes to stdout, and the exit status is the command's.
"""

import sys
from pathlib import Path

import paramiko

import connector

#: The file of host keys. The first key of a Dev Environment is saved, and a changed one refused.
KNOWN_HOSTS = Path("~/.ssh/known_hosts_codecatalyst").expanduser()


def main(name: str, command: str) -> int:
    KNOWN_HOSTS.parent.mkdir(mode=0o700, exist_ok=True)
    KNOWN_HOSTS.touch()
    stream = None
    try:
        with connector.open_socket(name, on_waiting=show) as stream, paramiko.SSHClient() as client:
            client.load_host_keys(str(KNOWN_HOSTS))
            client.set_missing_host_key_policy(paramiko.AutoAddPolicy())
            # paramiko tries the keys of your agent and of ~/.ssh first.
            client.connect(name, username="mde-user", password="", sock=stream)
            _, stdout, _ = client.exec_command(command)
            stdout.channel.set_combine_stderr(True)
            for block in iter(lambda: stdout.channel.recv(65536), b""):
                sys.stdout.buffer.write(block)
                sys.stdout.buffer.flush()
            return stdout.channel.recv_exit_status()
    except connector.ConnectorError as error:
        return fail(error)
    except (paramiko.SSHException, EOFError) as error:
        # paramiko may hide why the stream failed.
        return fail((stream and stream.error) or error)


def show(waiting: connector.Waiting) -> None:
    print(f"{waiting.status} for {waiting.elapsed:.0f} s", file=sys.stderr)


def fail(error: Exception) -> int:
    print(error or "the SSH server has closed the connection", file=sys.stderr)
    return 1


if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    sys.exit(main(*sys.argv[1:]))
