"""Keys from the program that a profile names."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from connector import programs
from connector.aws.keys import program as of_profile
from connector.aws.keys.source import AwsKeys
from connector.errors import CredentialsError
from connector.programs import Program

from ..endtoend.waiting import alive, eventually
from .chains import LOAD, WORK, load, program, source_of
from .sources import Sources, iso

#: Keys that have expired.
ENDED_JSON = (
    '{"Version": 1, "AccessKeyId": "AKIDP", "SecretAccessKey": "hidden", '
    '"Expiration": "2020-01-01T00:00:00Z"}'
)

HANGS = "import time\ntime.sleep(300)\n"
KEYS_JSON = '{"Version": 1, "AccessKeyId": "AKIDP", "SecretAccessKey": "hidden-p"}'


@pytest.fixture
def started(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Return the process ids of the programs that are started from now on."""
    ids: list[int] = []

    class Noted(Program):
        def __init__(self, *words: Any, **settings: Any) -> None:
            super().__init__(*words, **settings)
            ids.append(self._popen.pid)

    for module in (programs, of_profile):
        monkeypatch.setattr(module, "Program", Noted)
    return ids


def test_program_gives_keys_and_gets_no_input(
    sources: Sources, configure: Callable[[str], None], home: Path
) -> None:
    """The test's own stdin stands for that of a ProxyCommand."""
    code = f"import sys\nassert sys.stdin.read() == ''\nprint('''{KEYS_JSON}''')\n"
    configure(f"[profile work]\ncredential_process = {program(home, code)}\n")
    read, write = os.pipe()
    kept = os.dup(0)
    os.dup2(read, 0)
    try:
        os.write(write, b"SSH-2.0-bytes of the stream")
        keys = load("work")
        assert os.read(read, 100) == b"SSH-2.0-bytes of the stream"
    finally:
        os.dup2(kept, 0)
        for descriptor in (read, write, kept):
            os.close(descriptor)
    assert keys == AwsKeys("AKIDP", "hidden-p")


def test_temporary_keys_of_a_program_are_kept_until_they_expire(
    sources: Sources, configure: Callable[[str], None], home: Path
) -> None:
    """The program counts its runs in the key."""
    now = 1_790_000_000.0
    code = (
        "import json, pathlib\n"
        f"count = pathlib.Path({str(home / 'count')!r})\n"
        "number = len(count.read_text()) if count.exists() else 0\n"
        "count.write_text('x' * (number + 1))\n"
        "print(json.dumps({'Version': 1, 'AccessKeyId': f'ASIA{number}', 'SecretAccessKey': "
        f"'hidden', 'SessionToken': 't', 'Expiration': {iso(now + 3600)!r}}}))\n"
    )
    configure(f"[profile work]\ncredential_process = {program(home, code)}\n")
    later = [0.0]
    source = source_of("work", lambda: now + later[0])
    first = source.load(20)
    assert first == AwsKeys("ASIA0", "hidden", "t", now + 3600)
    later[0] = 3000
    assert source.load(20) == first
    later[0] = 3400
    assert source.load(20).access_key_id == "ASIA1"


def test_program_of_a_source_profile_that_hangs_is_ended(
    sources: Sources,
    configure: Callable[[str], None],
    home: Path,
    started: list[int],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("connector.aws.keys.chain.PROGRAM_TIMEOUT", 1)
    configure(f"[profile base]\ncredential_process = {program(home, HANGS)}\n{WORK}")
    words = ""
    for timeout in (0.5, 2, 8, 32):  # botocore begins the program later on a busy machine
        with pytest.raises(CredentialsError) as caught:
            load("work", timeout)
        words = str(caught.value)
        if started:
            break
    assert words.startswith("The credential_process of the profile base did not end within")
    assert not any(map(alive, started))


def test_program_of_a_source_profile_gets_no_input(
    sources: Sources, configure: Callable[[str], None], home: Path
) -> None:
    code = f"import sys\nassert sys.stdin.read() == ''\nprint('''{KEYS_JSON}''')\n"
    command = program(home, code)
    configure(f"[profile base]\ncredential_process = {command}\n{WORK}")
    assert load("work").access_key_id == "ASIA1"


#: What a program does, and what is said of it.
FAILURES = {
    "import sys; sys.exit('log in:\\ntoken=hidden')": 'status 1. It says "token=***"',
    "import os; os.kill(os.getpid(), 9)": "signal 9 ended it",
    "pass": "it wrote nothing to stdout",
    "import sys; print('hidden'); print('no', file=sys.stderr)": 'no JSON. It says "no"',
    "print('{\"Version\": 2}')": "the Version in its JSON is not 1",
    "print('{\"Version\": 1}')": "its JSON has no AccessKeyId",
    "print('[]')": "it wrote no JSON object",
    "import sys; sys.stdout.buffer.write(b'hidden \\xff')": "it wrote no JSON",
    'print(\'{"Version": 1, "AccessKeyId": "A", "SecretAccessKey": 5}\')': "no SecretAccessKey",
    f"print('''{ENDED_JSON}''')": "its keys have expired",
    f"print('''{ENDED_JSON.replace('2020', 'soon')}''')": "the Expiration in its JSON is no time",
    f"print('''{ENDED_JSON[:-1]}, \"SessionToken\": 5}}''')": "SessionToken in its JSON is no text",
    "print('[' * 100_000)": "it wrote no JSON",
}


@pytest.mark.parametrize(("code", "words"), FAILURES.items())
def test_failing_program_is_reported(
    sources: Sources, configure: Callable[[str], None], home: Path, code: str, words: str
) -> None:
    configure(f"[profile work]\ncredential_process = {program(home, code)}\n")
    assert words in failure("work")


def test_keys_are_taken_from_a_program_that_leaves_another_one_behind(
    sources: Sources, configure: Callable[[str], None], home: Path
) -> None:
    """A browser or an agent, which keeps the output open."""
    lives = home / "lives"
    lives.touch()
    keys = '{"Version": 1, "AccessKeyId": "AKIDP", "SecretAccessKey": "hidden"}'
    code = (
        f"import os, time\nprint('''{keys}''', flush=True)\nif os.fork() == 0:\n"
        f"    while os.path.exists({str(lives)!r}):\n        time.sleep(0.05)\n    os._exit(0)\n"
    )
    configure(f"[profile work]\ncredential_process = {program(home, code)}\n")
    try:
        assert load("work").access_key_id == "AKIDP"
    finally:
        lives.unlink()


#: A command, and what is said of it.
WRONG = {
    "": "it is empty",
    "'open": "its quotes do not match",
    "/nonexistent/program": "there is no program '/nonexistent/program'",
    "nonexistent-program": "there is no program 'nonexistent-program' in PATH",
    "~/program": "there is no program '~/program'. No shell expands ~",
    "{home}": "is a directory",
    "{home}/plain": "is not executable",
    "{home}/lost": "the interpreter in the first line of",
    "{home}/empty": "cannot be run (Exec format error)",
}


@pytest.mark.parametrize(("command", "words"), WRONG.items())
def test_command_that_cannot_be_run_is_reported(
    sources: Sources, configure: Callable[[str], None], home: Path, command: str, words: str
) -> None:
    for name, mode, text in (("plain", 0o600, ""), ("lost", 0o700, "#!/nonexistent/sh\n")):
        (home / name).write_text(text)
        (home / name).chmod(mode)
    (home / "empty").touch(0o700)
    command = command.replace("{home}", str(home))
    configure(f"[profile work]\ncredential_process = {command}\n")
    assert words in failure("work")


@pytest.mark.parametrize("command", ["", "'open", "/nonexistent/program", "/bin/false"])
def test_failing_program_of_a_source_profile_is_reported_in_the_same_words(
    sources: Sources, configure: Callable[[str], None], command: str
) -> None:
    """botocore starts it."""
    configure(f"[profile base]\ncredential_process = {command}\n{WORK}")
    assert failure("work") == failure("base")


def failure(name: str) -> str:
    """Return the words about a program that gives no keys."""
    with pytest.raises(CredentialsError) as caught:
        load(name)
    words = str(caught.value)
    assert "The credential_process of the profile " in words
    assert "hidden" not in words
    return words


@pytest.mark.parametrize("rest", ["time.sleep(300)", "while True: print('hidden' * 10000)"])
def test_program_that_does_not_end_is_killed_at_the_deadline(
    sources: Sources,
    configure: Callable[[str], None],
    home: Path,
    started: list[int],
    rest: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("connector.aws.keys.program.TIMEOUT", 0.6)
    command = program(home, f"import time\n{rest}\n")
    configure(f"[profile work]\ncredential_process = {command}\n")
    with pytest.raises(CredentialsError, match=r"credential_process .* did not end within 1 s"):
        load("work", 1)
    assert len(started) == 1
    assert not any(map(alive, started))


def test_program_may_take_longer_than_a_call(
    sources: Sources, configure: Callable[[str], None], home: Path
) -> None:
    """It may show a dialog to its user."""
    command = program(home, f"print('{KEYS_JSON}')\n")
    configure(f"[profile work]\ncredential_process = {command}\n")
    assert load("work", 0.001) == AwsKeys("AKIDP", "hidden-p")


def test_program_is_ended_with_the_command_that_needs_its_keys(
    sources: Sources, configure: Callable[[str], None], home: Path
) -> None:
    pid_file = home / "pid"
    code = (
        f"import os, time\nopen({str(pid_file)!r}, 'w').write(str(os.getpid()))\ntime.sleep(300)\n"
    )
    configure(f"[profile work]\ncredential_process = {program(home, code)}\n")
    command = subprocess.Popen(
        [sys.executable, "-c", LOAD], stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    eventually(lambda: pid_file.exists() and pid_file.read_text(), "the start of the program")
    command.send_signal(signal.SIGINT)
    command.communicate(timeout=60)
    pid = int(pid_file.read_text())
    eventually(lambda: not alive(pid), "the end of the program")
