"""Targets of a regional API with the real program: ssh, lost links, expired keys, orphans.

The kind lives in the tests (``tests/targets/regional/lamp.py``), so that its base is tested alone.
"""

from __future__ import annotations

import json
import os
import random
import signal
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from connector.emulator.agent.behaviour import REAL
from connector.emulator.api.account import Role
from connector.emulator.faults.plans import FaultPlan, random_cuts
from connector.emulator.gateway.gateway import Rejoin
from connector.targets import registry
from connector.targets.model import SSH_SESSION, StartSettings

from ..targets.regional import lamp
from ..targets.regional.works import Lampworks, write_config
from .breaking import DATA, DIGEST, SIZE, TO_AGENT, send_digest
from .commands import Process
from .lampuser import LampUser
from .matrix import FAST
from .resuming import TunnelThread
from .sshd import USER, Sshd, program
from .targets import GREETING, TcpService
from .terminals import Terminal
from .waiting import eventually


@pytest.fixture
def user(lamp_user: LampUser) -> LampUser:
    return lamp_user


def hang_up(process: Process) -> None:
    process.hang_up()
    assert process.wait() == 0


# Commands


@pytest.mark.usefixtures("desk")
def test_list_start_stop_and_state(user: LampUser, lampworks: Lampworks) -> None:
    lampworks.world.add_lamp("floor", region="eu-west-1", state="OFF")
    told = user.says("list", "--kind", "lamp", "--region", "us-west-2,eu-west-1")
    assert [line.split("\t")[:2] for line in told.splitlines()] == [
        ["floor.eu-west-1.lamp", "OFF"],
        ["desk.lamp", "ON"],
    ]
    assert "is ON" in user.says("start", "floor.eu-west-1.lamp")
    assert "is OFF" in user.says("stop", "desk.lamp", "--yes")


@pytest.mark.usefixtures("lampworks")
def test_error_is_one_line_with_its_exit_code(user: LampUser) -> None:
    answer = user.run("start", "desk.lamp")
    assert answer.returncode == 68
    assert answer.stderr == (
        b"connector: There is no lamp 'desk' in us-west-2. See `connector list --kind lamp`\n"
    )


@pytest.mark.usefixtures("desk")
def test_known_name_in_small_letters_reaches_its_target(
    user: LampUser, lampworks: Lampworks
) -> None:
    user.says("list", "--kind", "lamp")
    before = len(lampworks.operations())
    hang_up(user.proxy("DESK.lamp"))
    called = lampworks.operations()[before:]
    assert sorted(called) == ["DescribeLamp", "StartSession", "TerminateSession"]


def test_ssh_reaches_a_lamp_through_its_configuration(
    user: LampUser, the_sshd: Sshd, tmp_path: Path
) -> None:
    with Lampworks(tmp_path / "works", the_sshd.port) as works:
        works.world.add_lamp("desk")
        user.reaches(works)
        options = [
            *(f"IdentityFile {the_sshd.user_key}", "IdentitiesOnly yes", "BatchMode yes"),
            *(f"UserKnownHostsFile {the_sshd.known_hosts}", f"HostKeyAlias {the_sshd.alias}"),
            *("ProxyCommand connector proxy %n", "ProxyUseFdpass yes", "LogLevel ERROR"),
        ]
        words = [word for option in options for word in ("-o", option)]
        command = [program("ssh"), "-F", "none", "-l", USER, *words]
        answer = user.commands.run(*command, "desk.us-west-2.lamp", "cat", input=b"a\0b\n")
        assert (answer.returncode, answer.stdout) == (0, b"a\0b\n"), answer.stderr
        eventually(lambda: works.living() == [], "the end of all sessions")


@pytest.mark.usefixtures("desk")
def test_shell_and_exec(user: LampUser, lampworks: Lampworks) -> None:
    assert "a42b" in user.says("shell", "desk.lamp", input=b"echo a$((40+2))b\n")
    documents = [each.origin.document for each in lampworks.sessions() if each.origin]
    assert documents == ["SSM-SessionManagerRunShell"]


# Keys that the user is asked for


@pytest.mark.usefixtures("desk")
@pytest.mark.parametrize(
    "words", [("shell", "desk.lamp"), ("exec", "desk.lamp", "--", "echo", "hi")]
)
def test_code_is_asked_for_on_the_terminal_before_a_session_takes_it(
    user: LampUser, lampworks: Lampworks, words: tuple[str, ...]
) -> None:
    role = lampworks.call(lambda: lampworks.account.add_role("Admin", mfa_code="123456"))
    environ = user.commands.environ
    key, secret = environ.pop("AWS_ACCESS_KEY_ID"), environ.pop("AWS_SECRET_ACCESS_KEY")
    write_config(
        environ,
        f"[profile base]\naws_access_key_id = {key}\naws_secret_access_key = {secret}\n"
        f"[default]\nrole_arn = {role.arn}\nmfa_serial = {role.mfa_serial}\n"
        "source_profile = base\nregion = us-west-2\n",
    )
    with Terminal(24, 80) as terminal:
        process = terminal.start(user.commands, *user.program, *words)
        terminal.reader.until(b"Enter MFA code")
        assert lampworks.sessions() == []
        terminal.type(b"123456\n")
        eventually(lambda: len(lampworks.sessions()) == 1, "a session")
        process.signal(signal.SIGTERM)
        assert process.wait() == 143


# Imports


RUN = """\
import sys
bare = set(sys.modules)
sys.path.insert(0, {root!r})
from tests.targets.regional import lamp
from connector.targets import registry
registry.KINDS.append(lamp.ROW)
opened = []
sys.addaudithook(lambda event, words: opened.append(str(words[0])) if event == "open" else None)
from connector.__main__ import main
written = sys.argv.pop(1)
code = main()
with open(written, "w") as file:
    print(*sorted(set(sys.modules) - bare), file=file)
    print(*(path for path in opened if "/.aws/" in path), file=file)
sys.exit(code)
"""


#: Modules that no connection to an id with keys in the environment may import.
HEAVY = {
    *("botocore", "boto3", "asyncio", "dataclasses", "http", "logging", "typing", "hmac", "random"),
    *("datetime", "configparser", "shlex", "subprocess", "urllib.request", "difflib", "bisect"),
    *("functools.cached_property", "email", "argparse", "concurrent"),
    *(
        f"connector.targets.regional.{name}"
        for name in ("account", "doctor", "listing", "naming", "pages", "refusals", "remembered")
    ),
    *("connector.targets.names", "connector.targets.startup", "connector.targets.sweeping"),
    *("connector.aws.sdk", "connector.aws.keys.chain", "connector.aws.sso", "connector.doctor"),
}


@pytest.mark.usefixtures("desk")
def test_connection_to_an_id_imports_only_what_it_needs(user: LampUser, tmp_path: Path) -> None:
    written = tmp_path / "modules"
    environ = dict(user.commands.environ)
    del environ["PYTHONWARNINGS"], environ["CONNECTOR_LOG_FILE"]
    script = RUN.format(root=str(Path(__file__).parents[2]))
    words = ("-c", script, str(written), "proxy", "lamp-000abc00")
    process = user.commands.start(sys.executable, *words, environ=environ)
    process.reader.until(GREETING)
    hang_up(process)
    modules = written.read_text().partition("\n")[0].split()
    assert "connector.targets.regional.sessions" in modules
    heavy = {name for name in modules if any(f"{name}.".startswith(f"{each}.") for each in HEAVY)}
    assert heavy == set()


@pytest.mark.usefixtures("desk")
@pytest.mark.parametrize("words", ["proxy lamp-000abc00", "proxy desk.us-west-2.lamp", "list"])
def test_files_of_aws_are_read_once(user: LampUser, tmp_path: Path, words: str) -> None:
    written = tmp_path / "opened"
    environ = dict(user.commands.environ)
    write_config(environ, "[default]\nregion = us-west-2\n")
    keys = {name: environ.pop(name) for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY")}
    lines = [f"{name.lower()} = {value}" for name, value in keys.items()]
    files = [user.home / ".aws" / name for name in ("config", "credentials")]
    files[1].write_text("\n".join(["[default]", *lines]))
    command = words.split() if words != "list" else ["list", "--kind", "lamp"]
    script = RUN.format(root=str(Path(__file__).parents[2]))
    process = user.commands.start(
        sys.executable, "-c", script, str(written), *command, environ=environ
    )
    if words != "list":
        process.reader.until(GREETING)
        process.hang_up()
    assert process.wait() == 0
    assert sorted(written.read_text().split("\n")[1].split()) == list(map(str, files))


# Lost links


@pytest.fixture
def judged(user: LampUser, tmp_path: Path) -> Iterator[Lampworks]:
    """Lamps whose port answers with the digest of what it got."""
    with TcpService(send_digest) as service, Lampworks(tmp_path / "works", service.port) as works:
        works.world.add_lamp("desk")
        user.reaches(works)
        yield works
        eventually(lambda: works.living() == [], "the end of all sessions")


def tunnel_to(works: Lampworks, name: str = "desk.lamp") -> TunnelThread:
    target = works.target(name)
    source = target.source(SSH_SESSION, StartSettings(allowed=False))
    return TunnelThread(source, Path(works.environ["AWS_CA_BUNDLE"]))


def wait_for_resumes(works: Lampworks, count: int) -> None:
    """Wait for the calls of ResumeSession: the last byte may arrive before the last cut."""
    eventually(lambda: works.operations().count("ResumeSession") >= count, "the resumes")


@pytest.fixture
def in_process(user: LampUser, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let this process have the user's files and variables."""
    monkeypatch.setattr(registry, "KINDS", [*registry.KINDS, lamp.ROW])
    for name in ("HOME", "XDG_CACHE_HOME"):
        monkeypatch.setenv(name, str(user.home))


@pytest.mark.usefixtures("in_process")
@pytest.mark.parametrize("rejoin", [Rejoin.FRESH_TOKEN, Rejoin.FRESH_URL])
def test_lost_links_are_resumed_with_fresh_tokens(judged: Lampworks, rejoin: Rejoin) -> None:
    plan = random_cuts(random.Random(5), 3, SIZE, TO_AGENT)
    judged.behave(faults=FaultPlan(tuple(plan.faults)), rejoin=rejoin, agent=FAST)
    with tunnel_to(judged) as tunnel:
        tunnel.reader.until(GREETING)
        tunnel.send_in_background(DATA)
        assert tunnel.reader.until(b"\n") == DIGEST
        wait_for_resumes(judged, 3)
        tunnel.hang_up()
        assert tunnel.wait() == 0
    assert judged.operations().count("ResumeSession") >= 3
    assert tunnel.notices == []


@pytest.mark.usefixtures("in_process")
def test_hourly_close_loses_no_byte(judged: Lampworks) -> None:
    judged.behave(rejoin=Rejoin.FRESH_TOKEN, agent=REAL, link_lifetime=0.5)
    with tunnel_to(judged) as tunnel:
        tunnel.reader.until(GREETING)
        judged.behave(link_lifetime=None)
        half = SIZE // 2
        tunnel.send_in_background(DATA[:half])
        eventually(lambda: "ResumeSession" in judged.operations(), "a call of ResumeSession")
        tunnel.send_in_background(DATA[half:])
        assert tunnel.reader.until(b"\n") == DIGEST
        wait_for_resumes(judged, 1)
        tunnel.hang_up()
        assert tunnel.wait() == 0
    assert judged.operations().count("ResumeSession") == 1


@pytest.mark.usefixtures("in_process")
def test_old_token_resumes_where_the_caller_may_not_ask_for_another(judged: Lampworks) -> None:
    judged.account.deny("ssm:ResumeSession")
    plan = random_cuts(random.Random(5), 3, SIZE, TO_AGENT)
    judged.behave(faults=FaultPlan(tuple(plan.faults)), rejoin=Rejoin.SAME_TOKEN, agent=FAST)
    with tunnel_to(judged) as tunnel:
        tunnel.reader.until(GREETING)
        tunnel.send_in_background(DATA)
        assert tunnel.reader.until(b"\n") == DIGEST
        wait_for_resumes(judged, 1)
        tunnel.hang_up()
        assert tunnel.wait() == 0
    assert judged.operations().count("ResumeSession") == 1


@pytest.mark.usefixtures("in_process")
def test_keys_that_expire_in_mid_session_are_renewed(judged: Lampworks, user: LampUser) -> None:
    """The profile's program gives keys that the service lets expire earlier than it says."""
    role = Role("arn:aws:iam::111122223333:role/lamplighter")

    def give(seconds: float) -> None:
        key = judged.call(lambda: judged.account.add_role_key(role, "mary", seconds))
        document = {
            "Version": 1,
            "AccessKeyId": key.id,
            "SecretAccessKey": key.secret,
            "SessionToken": key.token,
            "Expiration": "2099-01-01T00:00:00Z",
        }
        (user.home / "keys.json").write_text(json.dumps(document))

    give(60)
    program = f"/bin/cat {user.home / 'keys.json'}"
    environ = dict(judged.environ, HOME=str(user.home))
    write_config(environ, f"[default]\ncredential_process = {program}\nregion = us-west-2\n")
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        del judged.environ[name]
    plan = random_cuts(random.Random(5), 2, SIZE, TO_AGENT)
    judged.behave(faults=FaultPlan(tuple(plan.faults)), rejoin=Rejoin.FRESH_TOKEN, agent=FAST)
    with tunnel_to(judged) as tunnel:
        tunnel.reader.until(GREETING)
        sessions = judged.account.sessions
        judged.call(lambda: setattr(sessions, "now", lambda: time.time() + 120))
        give(3600)
        tunnel.send_in_background(DATA)
        assert tunnel.reader.until(b"\n") == DIGEST
        wait_for_resumes(judged, 3)
        tunnel.hang_up()
        assert tunnel.wait() == 0
    assert judged.operations().count("ResumeSession") >= 3  # one was refused


# A program that waits for its user

#: The line that tells of the wait.
WAITS = "Waiting for the credential_process of your AWS profile, which may wait for you"


@pytest.fixture
def fifo(user: LampUser) -> Path:
    """A fifo. The program of the profile writes keys once the user has written into it."""
    path, keys, environ = user.home / "fifo", user.home / "keys.json", user.commands.environ
    os.mkfifo(path)
    names = {"AccessKeyId": "AWS_ACCESS_KEY_ID", "SecretAccessKey": "AWS_SECRET_ACCESS_KEY"}
    found = {name: environ.pop(variable) for name, variable in names.items()}
    keys.write_text(json.dumps({"Version": 1, **found}))
    program = f"/bin/cat {path} {keys}"
    write_config(environ, f"[default]\ncredential_process = {program}\nregion = us-west-2\n")
    return path


@pytest.mark.usefixtures("desk")
def test_user_reads_that_a_program_is_waited_for(user: LampUser, fifo: Path) -> None:
    process = user.commands.start(*user.program, "proxy", "desk.lamp")
    eventually(lambda: WAITS in process.stderr(), "the line")
    fifo.write_text("\n")
    process.reader.until(GREETING)
    hang_up(process)


@pytest.mark.usefixtures("desk")
def test_user_whose_ssh_hides_stderr_reads_it_on_the_terminal(user: LampUser, fifo: Path) -> None:
    words = (
        "/bin/sh",
        "-c",
        '(exec "$@" 2>/dev/null); exit',
        "sh",
        user.path,
        "proxy",
        "desk.lamp",
    )
    with Terminal(24, 200) as terminal:
        process = terminal.start(user.commands, *words)
        terminal.reader.until(WAITS.encode())
        process.hang_up()
    process.wait()


@pytest.mark.usefixtures("desk")
def test_every_command_says_that_a_program_is_waited_for(user: LampUser, fifo: Path) -> None:
    """Commands that start a session have their own test, as has the doctor."""
    for words in (("list", "--kind", "lamp"), ("whoami", "--kind", "lamp"), ("start", "desk.lamp")):
        process = user.commands.start(*user.program, *words)
        while WAITS not in process.stderr():
            time.sleep(0.02)
        fifo.write_text("\n")
        process.wait()


@pytest.mark.usefixtures("desk")
def test_end_of_ssh_ends_the_wait_for_a_program(user: LampUser, fifo: Path) -> None:
    process = user.commands.start(*user.program, "proxy", "desk.lamp")
    eventually(lambda: "Waiting for" in process.stderr(), "the line")
    process.hang_up()
    assert process.wait() == 0
    said = process.stderr()
    assert "but the credential_process of your AWS profile still runs" in said
    with pytest.raises(OSError, match="No such device"):  # ENXIO: nothing reads the fifo any more
        os.open(fifo, os.O_WRONLY | os.O_NONBLOCK)


def test_doctor_waits_for_a_program(user: LampUser, lampworks: Lampworks, fifo: Path) -> None:
    lampworks.world.add_lamp("desk", state="OFF")  # so no session is started
    process = user.commands.start(*user.program, "doctor", "desk.lamp", "--json")
    eventually(lambda: WAITS in process.stderr(), "the line")
    fifo.write_text("\n")
    legs = {leg["name"]: leg for leg in json.loads(process.reader.rest())["legs"]}
    assert legs["keys"]["status"] == "ok"


# Orphans


@pytest.mark.usefixtures("desk")
def test_next_connection_ends_the_session_of_a_killed_one(
    user: LampUser, lampworks: Lampworks
) -> None:
    first = user.proxy("desk.lamp")
    eventually(lambda: len(user.ledger()) == 1, "the entry")
    first.signal(signal.SIGKILL)
    first.wait()
    (left,) = lampworks.living()
    key = lampworks.call(lambda: lampworks.account.add_user("mary"))  # a newer one
    user.commands.environ |= {"AWS_ACCESS_KEY_ID": key.id, "AWS_SECRET_ACCESS_KEY": key.secret}
    second = user.proxy("lamp-000abc00")
    eventually(lambda: left not in lampworks.living(), "the sweep")
    assert len(lampworks.living()) == 1
    hang_up(second)
    eventually(lambda: user.ledger() == [], "the end of all entries")
