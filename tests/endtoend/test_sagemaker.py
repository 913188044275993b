"""SageMaker's spaces, from the list to ssh, scp, rsync and an editor's way in."""

from __future__ import annotations

import random
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from connector.emulator.api.errors import ApiError
from connector.emulator.faults.plans import How
from connector.emulator.sessions import Session

from ..manual.listed import is_listed
from .commands import CONNECTOR, Answer
from .studio import ENABLE, KIND, Studio
from .terminals import Terminal
from .test_vscode import SCRIPT
from .waiting import accepts, eventually, free_port

SPACE, QUIET = "deep-space.sagemaker", "quiet.sagemaker"


@pytest.fixture
def studio(tmp_path: Path) -> Iterator[Studio]:
    with Studio(tmp_path) as studio:
        yield studio


def refused(answer: Answer, code: int, *words: str) -> str:
    """Check the last line of a failure, and return it."""
    line = answer.stderr.decode().splitlines()[-1]
    assert answer.returncode == code, line
    for word in words:
        assert word in line, line
    assert is_listed(line.removeprefix("connector: "), code), line
    return line


# Names and the list


def test_list_shows_what_has_an_ssh_server(studio: Studio) -> None:
    studio.add("canvas", app_type="Canvas")
    studio.add("code", app_type="CodeEditor", remote_access="DISABLED")
    found = studio.list()
    assert set(found) == {"Deep-Space.sagemaker", QUIET, "code.sagemaker"}
    running = found["Deep-Space.sagemaker"]
    assert running["id"] == studio.space().arn
    assert running["state"] == "InService"
    assert running["domain"] == "Research"
    assert running["domainId"] == studio.space().domain.id
    assert (running["appType"], running["remoteAccess"]) == ("JupyterLab", True)
    assert running["instanceType"] == "ml.t3.large"
    code = found["code.sagemaker"]
    assert (code["appType"], code["remoteAccess"], code["state"]) == (
        *("CodeEditor", False, "Stopped"),
    )
    table = studio.connector("list", *KIND).stdout.decode()
    assert "\tCodeEditor\toff\t" in table


def test_same_space_name_in_two_domains_needs_the_domain(studio: Studio) -> None:
    studio.add("twin", "Research")
    domain = studio.add("other", "Shop").domain
    studio.thread.call(lambda: studio.world.model.add_space(domain, "twin"))
    assert {"twin.Research.sagemaker", "twin.Shop.sagemaker"} <= set(studio.list())
    refused(studio.connector("start", "twin.sagemaker"), 78, "twin.Shop.sagemaker")
    assert studio.connector("start", "twin.shop.sagemaker").returncode == 0
    assert studio.calls("CreateApp") == 1


@pytest.mark.parametrize(
    "form",
    [
        "{space}.{domain}.sagemaker",
        "{space}.research.US-west-2.sagemaker",
        "DEEP-space.Research.sagemaker",
        "{arn}",
        "sm_lc_{toolkit}",
        "smc_dl_{toolkit}",
        "{lower}",
    ],
)
def test_ssh_reaches_a_space_by_every_name(studio: Studio, form: str) -> None:
    space = studio.space()
    toolkit = space.arn.replace("/", "__").replace(":", "_._")
    name = form.format(
        space=space.name,
        domain=space.domain.id,
        arn=space.arn,
        toolkit=toolkit,
        lower=space.arn.lower(),
    )
    studio.configure()
    answer = studio.ssh(name, "echo $PWD")
    assert (answer.returncode, answer.stdout.decode()) == (0, f"{studio.home}\n"), answer.stderr


def test_entry_of_the_users_own_reaches_the_arn(studio: Studio) -> None:
    config = studio.commands.directory / "config"
    config.write_text(
        f"Host mine\n  HostName {studio.space().arn}\n  User sagemaker-user\n"
        f"  ProxyCommand connector proxy %h\n  UserKnownHostsFile {config}.keys\n"
        "  StrictHostKeyChecking accept-new\n"
    )
    answer = studio.ssh("-F", str(config), "mine", "echo hello")
    assert answer.stdout == b"hello\n", answer.stderr


def test_unknown_space_is_named_with_similar_ones(studio: Studio) -> None:
    refused(studio.connector("proxy", "deep-spce.sagemaker"), 68, "Deep-Space.sagemaker")


def test_other_arn_is_refused(studio: Studio) -> None:
    arn = "arn:aws:sagemaker:us-west-2:111122223333:endpoint/demo"
    refused(studio.connector("proxy", arn), 68, "There is no SageMaker space", arn)


@pytest.mark.parametrize("command", ["shell", "exec"])
def test_other_sessions_are_refused_before_any_call(studio: Studio, command: str) -> None:
    words = [command, SPACE, *(["--", "true"] if command == "exec" else [])]
    refused(studio.connector(*words), 78, f"connector ssh {SPACE}")
    assert studio.emulator.server is not None
    assert list(studio.emulator.server.requests) == []


# Bytes


def test_scp_and_rsync_copy_both_ways(studio: Studio, tmp_path: Path) -> None:
    studio.configure()
    data = random.Random(1).randbytes(300_000)
    (tmp_path / "up").write_bytes(data)
    for program, words in (("scp", ["-B"]), ("rsync", ["-e", "ssh -o BatchMode=yes"])):
        up = studio.commands.run(program, *words, str(tmp_path / "up"), f"{SPACE}:file")
        assert up.returncode == 0, up.stderr
        assert (studio.home / "file").read_bytes() == data
        down = studio.commands.run(program, *words, f"{SPACE}:file", str(tmp_path / "down"))
        assert down.returncode == 0, down.stderr
        assert (tmp_path / "down").read_bytes() == data
        (studio.home / "file").unlink()
        (tmp_path / "down").unlink()


def test_connector_cp_copies_both_ways(studio: Studio, tmp_path: Path) -> None:
    data = random.Random(2).randbytes(300_000)
    (tmp_path / "up").write_bytes(data)
    up = studio.connector("cp", str(tmp_path / "up"), f"{SPACE}:file")
    assert up.returncode == 0, up.stderr
    down = studio.connector("cp", f"{SPACE}:file", str(tmp_path / "down"))
    assert down.returncode == 0, down.stderr
    assert (tmp_path / "down").read_bytes() == data


def test_editors_way_in_starts_a_stopped_space(studio: Studio) -> None:
    space = studio.space("quiet")
    space.start_seconds = 3.0
    studio.configure()
    port = free_port()
    process = studio.commands.start(
        *("ssh", "-v", "-T", "-D", str(port), "-o", "ConnectTimeout=1", QUIET)
    )
    process.send(SCRIPT)
    process.reader.until(b"d1ce: end\n", 20)
    assert accepts(port)
    process.signal(signal.SIGTERM)
    studio.commands.wait_connectors_gone()
    assert [each.end_reason is None for each in sessions(studio)] == [False]


def sessions(studio: Studio) -> list[Session]:
    return list(studio.account.sessions.opened_by_requests())


# Start and stop


def test_messages_call_a_space_by_its_name_not_by_its_arn(studio: Studio) -> None:
    space = studio.space()
    name = f"Deep-Space.{space.domain.name}"
    for word in (SPACE, space.arn):
        told = studio.connector("start", word)
        assert told.returncode == 0, told.stderr
        assert "arn:" not in told.stdout.decode() + told.stderr.decode()
        assert told.stdout.decode().startswith("SageMaker space Deep-Space.")
    assert (
        studio.connector("start", SPACE).stdout.decode() == f"SageMaker space {name} is InService\n"
    )
    space.remote_access = "DISABLED"
    line = refused(studio.connector("proxy", "--no-start", SPACE), 75, "is off")
    assert f"`connector start --enable-remote-access {SPACE}`" in line


def test_start_uses_the_spaces_own_app_and_specification(studio: Studio) -> None:
    spec = {"InstanceType": "ml.g5.xlarge", "SageMakerImageVersionAlias": "2.8.0"}
    space = studio.add("gpu", app_type="CodeEditor", spec=spec)
    assert studio.connector("start", "gpu.sagemaker").returncode == 0
    assert space.app is not None
    assert (space.app.type, space.app.name, space.app.spec) == ("CodeEditor", "default", spec)


def test_fresh_space_is_tried_until_its_agent_is_registered(studio: Studio) -> None:
    studio.space("quiet").agent_seconds = 5.0
    answer = studio.connector("ssh", QUIET, "echo hello")
    assert (answer.returncode, answer.stdout) == (0, b"hello\n"), answer.stderr
    assert studio.calls("sagemaker:StartSession") > 2


def test_instance_that_is_too_small_is_told_before_the_start(studio: Studio) -> None:
    studio.add("small", spec={"InstanceType": "ml.t3.medium"})
    refused(studio.connector("start", "small.sagemaker"), 78, "ml.t3.medium", "8 GiB")
    assert studio.calls("CreateApp") == 0


@pytest.mark.parametrize(
    ("refusal", "code", "words"),
    [
        (
            "Image version 1.11 is not supported for remote access enabled spaces.",
            65,
            ("Image version 1.11", "SageMaker Distribution"),
        ),
        ("Something else.", 65, ("Something else",)),
    ],
)
def test_refused_start_repeats_the_services_words(
    studio: Studio, refusal: str, code: int, words: tuple[str, ...]
) -> None:
    studio.add("old", start_refusal=refusal)
    refused(studio.connector("start", "old.sagemaker"), code, *words)


@pytest.mark.parametrize(
    ("error", "code", "words"),
    [
        (("ResourceLimitExceeded", 400), 73, "limit"),
        (("ResourceInUse", 400), 75, "busy"),
        (("AccessDeniedException", 400), 77, "may not start"),
    ],
)
def test_refused_start_has_own_words(
    studio: Studio, error: tuple[str, int], code: int, words: str
) -> None:
    refusal = ApiError("the service's own words", *error)
    studio.thread.call(lambda: studio.emulator.misbehaviours.refuse("CreateApp", refusal, 9))
    refused(studio.connector("start", QUIET), code, words, "the service's own words")


def test_failed_start_tells_the_reason_and_stop_clears_it(studio: Studio) -> None:
    space = studio.space("quiet")
    space.start_failure = "InsufficientCapacity: no ml.t3.large"
    refused(studio.connector("start", QUIET), 75, "Failed", "InsufficientCapacity")
    space.start_failure = None
    refused(studio.connector("start", QUIET), 75, "Failed", "connector stop quiet.Shop.sagemaker")
    assert studio.connector("stop", "--yes", QUIET).returncode == 0
    assert studio.connector("start", QUIET).returncode == 0


def test_stop_deletes_the_app_and_ends_sessions(studio: Studio) -> None:
    studio.configure()
    process = studio.commands.start("ssh", SPACE, "echo ready; exec sleep 600")
    process.reader.until(b"ready\n", 15)
    refused(studio.connector("stop", SPACE), 78, "--yes")
    answer = studio.connector("stop", "--yes", "--wait", SPACE)
    assert answer.stdout.decode().endswith(" is Stopped\n"), answer.stderr
    assert process.wait() == 255
    assert studio.world.state("Deep-Space") == "Stopped"
    assert studio.calls("DeleteApp") == 1
    again = studio.connector("stop", "--yes", SPACE)
    assert again.stdout.decode().endswith(" is Stopped\n"), again.stderr


def test_stop_asks_at_a_terminal_with_what_is_lost(studio: Studio) -> None:
    with Terminal(24, 200) as terminal:
        process = terminal.start(studio.commands, *CONNECTOR, "stop", SPACE)
        shown = terminal.reader.until(b"[y/N] ", 15)
        assert b"unsaved work" in shown
        terminal.type(b"n\n")
        assert process.wait() == 130
    assert studio.world.state("Deep-Space") == "InService"


def test_stop_asks_even_if_sessions_may_not_be_listed(studio: Studio) -> None:
    studio.account.deny("ssm:DescribeSessions")
    with Terminal(24, 200) as terminal:
        process = terminal.start(studio.commands, *CONNECTOR, "stop", SPACE)
        terminal.reader.until(b"[y/N] ", 15)
        terminal.type(b"y\n")
        assert process.wait() == 0
    assert studio.world.state("Deep-Space") == "Stopped"


# Remote access


def test_remote_access_is_never_enabled_unasked(studio: Studio) -> None:
    studio.space().remote_access = studio.space("quiet").remote_access = "DISABLED"
    for name in (SPACE, QUIET):
        for command in ("start", "proxy", "ssh"):
            line = refused(studio.connector(command, name), 75, "Remote access", "is off")
            assert f"connector start {ENABLE}" in line
    assert studio.calls("UpdateSpace") == studio.calls("DeleteApp") == 0
    assert studio.world.state("Deep-Space") == "InService"


@pytest.mark.parametrize("name", [SPACE, QUIET])
def test_option_enables_remote_access_and_restarts(studio: Studio, name: str) -> None:
    space = studio.space("Deep-Space" if name == SPACE else "quiet")
    space.remote_access = "DISABLED"
    space.stop_seconds = space.update_seconds = space.start_seconds = 1.5
    before = space.machine_id
    assert studio.connector("start", ENABLE, name).returncode == 0
    assert space.remote_access == "ENABLED"
    assert space.machine_id != before
    assert studio.connector("ssh", name, "echo hello").stdout == b"hello\n"


@pytest.mark.parametrize("command", [("start", SPACE), ("ssh", SPACE, "echo hello")])
def test_terminal_is_asked_for_remote_access(studio: Studio, command: tuple[str, ...]) -> None:
    space = studio.space()
    space.remote_access = "DISABLED"
    with Terminal(24, 200) as terminal:
        process = terminal.start(studio.commands, *CONNECTOR, *command)
        assert b"unsaved work" in terminal.reader.until(b"[y/N] ", 15)
        terminal.type(b"n\n")
        assert process.wait() == 75
        assert space.remote_access == "DISABLED"
    with Terminal(24, 200) as terminal:
        process = terminal.start(studio.commands, *CONNECTOR, *command)
        terminal.reader.until(b"[y/N] ", 15)
        terminal.type(b"y\n")
        assert process.wait() == 0
    assert space.remote_access == "ENABLED"


# Host keys


@pytest.mark.parametrize("name", [SPACE, "Deep-Space.research.sagemaker"])
def test_new_key_of_a_new_start_is_accepted(studio: Studio, name: str) -> None:
    studio.configure()
    for number in range(3):
        for _ in range(2):
            answer = studio.ssh(name, "echo hello")
            assert (answer.returncode, answer.stdout) == (0, b"hello\n"), (number, answer.stderr)
        studio.restart(studio.space())
    lines = studio.known_hosts.read_text().splitlines()
    assert len([line for line in lines if not line.startswith("#")]) == 1


def test_key_that_changes_within_one_start_is_refused(studio: Studio) -> None:
    studio.configure()
    assert studio.ssh(SPACE, "true").returncode == 0
    app = studio.space().app
    assert app is not None
    app.number += 1000  # the SSH server's key is that of another machine
    answer = studio.ssh(SPACE, "true")
    assert answer.returncode == 255
    assert b"REMOTE HOST IDENTIFICATION HAS CHANGED" in answer.stderr
    app.number -= 1000
    assert studio.ssh(SPACE, "true").returncode == 0


def test_connector_ssh_cp_and_other_names_share_the_keys(studio: Studio, tmp_path: Path) -> None:
    studio.configure()
    (tmp_path / "file").write_text("x")
    for _ in range(2):
        for answer in (
            studio.connector("ssh", SPACE, "true"),
            studio.ssh(studio.space().arn, "true"),
            studio.ssh(SPACE, "true"),
            studio.connector("cp", str(tmp_path / "file"), f"{SPACE}:file"),
            studio.commands.run("scp", "-B", str(tmp_path / "file"), f"{SPACE}:file"),
        ):
            assert answer.returncode == 0, answer.stderr
        studio.restart(studio.space())


def test_app_of_another_type_is_another_start(studio: Studio) -> None:
    studio.configure()
    assert studio.ssh(SPACE, "true").returncode == 0
    space = studio.space()

    def change() -> None:
        model = studio.world.model
        model.delete_app(space)
        space.app_type = "CodeEditor"
        model.create_app(space, "CodeEditor", space.spec)

    studio.thread.call(change)
    answer = studio.ssh(SPACE, "true")
    assert answer.returncode == 0, answer.stderr


def test_connection_asks_about_the_app_once(studio: Studio) -> None:
    studio.list()
    assert studio.connector("ssh", SPACE, "true").returncode == 0
    before = studio.calls("DescribeApp") + studio.calls("DescribeSpace")
    studio.configure()
    assert studio.ssh(SPACE, "true").returncode == 0
    assert studio.calls("DescribeApp") + studio.calls("DescribeSpace") == before + 1


def test_hashed_names_are_recognised(studio: Studio) -> None:
    studio.configure()
    for _ in range(2):
        answer = studio.ssh("-o", "HashKnownHosts=yes", SPACE, "true")
        assert answer.returncode == 0, answer.stderr
        assert "|1|" in studio.known_hosts.read_text()
        studio.restart(studio.space())


def test_keys_stay_where_the_app_may_not_be_asked_about(studio: Studio) -> None:
    studio.configure()
    assert studio.ssh(SPACE, "true").returncode == 0
    studio.account.deny("sagemaker:DescribeApp")
    assert studio.ssh(SPACE, "true").returncode == 0
    studio.restart(studio.space())
    answer = studio.ssh(SPACE, "true")
    assert answer.returncode == 255
    assert b"REMOTE HOST IDENTIFICATION HAS CHANGED" in answer.stderr


# Sessions


@pytest.mark.parametrize("code", ["AccessDeniedException", "DoesNotExistException", "Other"])
def test_session_that_may_not_be_ended_ends_ssh_in_peace(studio: Studio, code: str) -> None:
    error = ApiError("no", code, 400)
    studio.thread.call(lambda: studio.emulator.misbehaviours.refuse("TerminateSession", error, 9))
    answer = studio.connector("ssh", SPACE, "-o", "LogLevel=ERROR", "exit 3")
    assert (answer.returncode, answer.stderr) == (3, b"")
    eventually(lambda: studio.calls("ssm:TerminateSession") > 0, "the end of the session")
    studio.commands.wait_connectors_gone()


@pytest.mark.parametrize("code", ["", "AccessDeniedException", "DoesNotExistException"])
def test_lost_link_is_rejoined_whether_or_not_resume_is_allowed(studio: Studio, code: str) -> None:
    if code:
        error = ApiError("no", code, 400)
        studio.thread.call(lambda: studio.emulator.misbehaviours.refuse("ResumeSession", error, 9))
    process = studio.commands.start(*CONNECTOR, "ssh", SPACE, "cat")
    process.send(b"one\n")
    process.reader.until(b"one\n", 15)
    gateway = studio.emulator.gateway
    assert gateway is not None
    studio.thread.call(lambda: gateway.cut_links(How.RESET))
    process.send(b"two\n")
    process.reader.until(b"two\n", 15)
    process.end_input()
    assert process.wait() == 0
    assert len(sessions(studio)) == 1


# Set-ups that are broken


def examine(studio: Studio) -> list[str]:
    """Return the lines of the doctor from the first failure on."""
    studio.configure()
    answer = studio.connector("doctor", SPACE)
    lines = answer.stdout.decode().splitlines()
    assert lines[0].startswith("ok    versions"), answer.stderr
    first = next((n for n, line in enumerate(lines) if line.startswith("FAIL")), len(lines))
    assert (answer.returncode == 0) == (first == len(lines))
    return lines[first:]


def test_doctor_finds_nothing_wrong(studio: Studio) -> None:
    assert examine(studio) == []


def test_doctor_finds_keys_that_aws_does_not_know(studio: Studio) -> None:
    studio.configure()
    studio.account.revoke(studio.account.user_key)
    lines = examine(studio)
    assert lines[0].startswith("FAIL  identity")
    assert "AWS does not accept the keys" in lines[0]


def test_doctor_names_the_permission_that_is_missing(studio: Studio) -> None:
    studio.account.deny("sagemaker:StartSession", studio.space().arn)
    lines = examine(studio)
    assert lines[0].startswith("FAIL  session")
    assert f"sagemaker:StartSession on resource: {studio.space().arn}" in lines[0]


def test_doctor_says_that_remote_access_is_off(studio: Studio) -> None:
    studio.space().remote_access = "DISABLED"
    lines = examine(studio)
    assert lines[0].startswith("FAIL  session")
    assert "Remote access to space Deep-Space is off" in lines[0]
    assert ENABLE in lines[1]


# The rest


def test_library_connects(studio: Studio, monkeypatch: pytest.MonkeyPatch) -> None:
    import connector

    for name, value in studio.commands.environ.items():
        monkeypatch.setenv(name, value)
    monkeypatch.delenv("LD_PRELOAD", raising=False)
    with connector.open_socket(SPACE) as stream:
        assert stream.recv(4) == b"SSH-"


def test_names_are_completed_after_a_list(studio: Studio) -> None:
    studio.list()
    environ = {
        **studio.commands.environ,
        "_ARGCOMPLETE": "1",
        "COMP_LINE": "connector ssh De",
        "COMP_POINT": "16",
        "_ARGCOMPLETE_STDOUT_FILENAME": str(studio.commands.directory / "words"),
    }
    studio.commands.run("connector", environ=environ)
    assert (studio.commands.directory / "words").read_text().strip() == "Deep-Space.sagemaker"


def test_whoami_tells_the_account(studio: Studio) -> None:
    answer = studio.connector("whoami", *KIND)
    assert b"user/mary" in answer.stdout, answer.stderr


def test_sessions_are_listed_and_stopped(studio: Studio) -> None:
    process = studio.commands.start(*CONNECTOR, "ssh", SPACE, "echo ready; exec sleep 600")
    process.reader.until(b"ready\n", 15)
    listed = studio.connector("sessions", "list", SPACE)
    (session,) = studio.account.sessions.opened_by_requests()
    assert session.id in listed.stdout.decode(), listed.stderr
    assert studio.connector("sessions", "stop", SPACE, session.id).returncode == 0
    eventually(lambda: session.end_reason is not None, "the end of the session")
    assert process.wait() == 255
