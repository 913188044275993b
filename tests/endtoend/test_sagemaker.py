"""SageMaker's spaces, from the list to ssh, scp, rsync and an editor's way in."""

from __future__ import annotations

import signal

import pytest

from connector.emulator.faults.plans import How

from .commands import CONNECTOR
from .studio import ENABLE, Studio
from .terminals import Terminal
from .test_vscode import SCRIPT
from .waiting import accepts, eventually, free_port

SPACE, QUIET = "deep-space.sagemaker", "quiet.sagemaker"


# Names and the list


def test_list_shows_what_has_an_ssh_server(studio: Studio) -> None:
    studio.add("canvas", app_type="Canvas")
    studio.add("code", app_type="CodeEditor", remote_access="DISABLED")
    found = studio.named()
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
    table = studio.run("list", "--kind", "sagemaker").stdout.decode()
    assert "\tCodeEditor\toff\t" in table


def test_same_space_name_in_two_domains_needs_the_domain(studio: Studio) -> None:
    studio.add("twin", "Research")
    domain = studio.add("other", "Shop").domain
    studio.call(lambda: studio.world.model.add_space(domain, "twin"))
    assert {"twin.Research.sagemaker", "twin.Shop.sagemaker"} <= set(studio.named())
    studio.refuses(78, "start", "twin.sagemaker", told=("twin.Shop.sagemaker",))
    assert studio.run("start", "twin.shop.sagemaker").returncode == 0
    assert studio.calls("CreateApp") == 1


def test_ssh_reaches_a_space_by_every_name(studio: Studio) -> None:
    space = studio.space()
    toolkit = space.arn.replace("/", "__").replace(":", "_._")
    names = [
        f"{space.name}.research.US-west-2.sagemaker",
        f"smc_dl_{toolkit}",
        space.arn.lower(),
        f"DEEP-space.{space.domain.id}.sagemaker",
        f"sm_lc_{toolkit}",
        space.arn,
    ]
    studio.configure()
    for name in names:
        told = studio.ssh("-G", name).stdout
        assert b" proxy --known-hosts=~/.ssh/known_hosts_sagemaker %n\n" in told
    for name in names[:3]:
        answer = studio.ssh(name, "echo $PWD")
        assert (answer.returncode, answer.stdout.decode()) == (0, f"{studio.home}\n"), answer.stderr


def test_entry_of_the_users_own_reaches_the_arn(studio: Studio) -> None:
    config = studio.commands.directory / "config"
    keys = config.with_name("keys")
    config.write_text(
        f"Host mine\n  HostName {studio.space().arn}\n  User sagemaker-user\n"
        f"  ProxyCommand connector proxy --known-hosts {keys} %h\n"
        f"  UserKnownHostsFile {keys}\n  StrictHostKeyChecking accept-new\n"
    )
    for _ in range(2):
        answer = studio.ssh("-F", str(config), "mine", "echo hello")
        assert answer.stdout == b"hello\n", answer.stderr
        studio.restart(studio.space())
    assert not studio.known_hosts.exists()


def test_unknown_space_is_named_with_similar_ones(studio: Studio) -> None:
    studio.refuses(68, "proxy", "deep-spce.sagemaker", told=("Deep-Space.sagemaker",))


def test_other_arn_is_refused(studio: Studio) -> None:
    arn = "arn:aws:sagemaker:us-west-2:111122223333:endpoint/demo"
    studio.refuses(
        68,
        "proxy",
        arn,
        told=(
            "There is no SageMaker space",
            arn,
        ),
    )


@pytest.mark.parametrize("command", ["shell", "exec"])
def test_other_sessions_are_refused_before_any_call(studio: Studio, command: str) -> None:
    words = [command, SPACE, *(["--", "true"] if command == "exec" else [])]
    studio.refuses(78, *words, told=(f"connector ssh {SPACE}",))
    assert studio.emulator.server is not None
    assert list(studio.emulator.server.requests) == []


def test_editors_way_in_starts_a_stopped_space(studio: Studio) -> None:
    space = studio.space("quiet")
    space.start_seconds = 3.0
    studio.configure()
    port = free_port()
    process = studio.commands.start(
        *("ssh", "-v", "-T", "-D", str(port), "-o", "ConnectTimeout=1", QUIET)
    )
    process.send(SCRIPT)
    process.reader.until(b"d1ce: end\n")
    assert accepts(port)
    process.signal(signal.SIGTERM)
    studio.commands.wait_connectors_gone()
    assert [each.end_reason is None for each in studio.sessions] == [False]


# Start and stop


def test_messages_call_a_space_by_its_name_not_by_its_arn(studio: Studio) -> None:
    space = studio.space()
    name = f"Deep-Space.{space.domain.name}"
    for word in (SPACE, space.arn):
        told = studio.run("start", word)
        assert told.returncode == 0, told.stderr
        assert "arn:" not in told.stdout.decode() + told.stderr.decode()
        assert told.stdout.decode().startswith("SageMaker space Deep-Space.")
    assert studio.run("start", SPACE).stdout.decode() == f"SageMaker space {name} is InService\n"
    space.remote_access = "DISABLED"
    line = studio.fails(75, "proxy", "--no-start", SPACE)
    assert "is off" in line
    assert f"`connector start --enable-remote-access {SPACE}`" in line


def test_start_uses_the_spaces_own_app_and_specification(studio: Studio) -> None:
    spec = {"InstanceType": "ml.g5.xlarge", "SageMakerImageVersionAlias": "2.8.0"}
    space = studio.add("gpu", app_type="CodeEditor", spec=spec)
    assert studio.run("start", "gpu.sagemaker").returncode == 0
    assert space.app is not None
    assert (space.app.type, space.app.name, space.app.spec) == ("CodeEditor", "default", spec)


def test_fresh_space_is_tried_until_its_agent_is_registered(studio: Studio) -> None:
    studio.refuse("sagemaker:StartSession", "InternalFailure", status=500, times=3)
    answer = studio.run("ssh", QUIET, "echo hello")
    assert (answer.returncode, answer.stdout) == (0, b"hello\n"), answer.stderr
    assert studio.calls("sagemaker:StartSession") > 3


def test_instance_that_is_too_small_is_told_before_the_start(studio: Studio) -> None:
    studio.add("small", spec={"InstanceType": "ml.t3.medium"})
    studio.refuses(
        78,
        "start",
        "small.sagemaker",
        told=(
            "ml.t3.medium",
            "8 GiB",
        ),
    )
    assert studio.calls("CreateApp") == 0


def test_refused_start_repeats_the_services_words(studio: Studio) -> None:
    old = "Image version 1.11 is not supported for remote access enabled spaces."
    studio.add("old", start_refusal=old)
    words = ("Image version 1.11", "SageMaker Distribution")
    studio.refuses(65, "start", "old.sagemaker", told=words)
    studio.add("odd", start_refusal="Something else.")
    studio.refuses(65, "start", "odd.sagemaker", told=("Something else",))


@pytest.mark.parametrize(
    ("error", "code", "words"),
    [
        ("ResourceLimitExceeded", 73, "limit"),
        ("AccessDeniedException", 77, "may not start"),
    ],
)
def test_refused_start_has_own_words(studio: Studio, error: str, code: int, words: str) -> None:
    studio.refuse("CreateApp", error, "the service's own words", times=9)
    studio.refuses(
        code,
        "start",
        QUIET,
        told=(
            words,
            "the service's own words",
        ),
    )


def test_failed_start_tells_the_reason_and_stop_clears_it(studio: Studio) -> None:
    space = studio.space("quiet")
    space.start_failure = "InsufficientCapacity: no ml.t3.large"
    studio.refuses(
        75,
        "start",
        QUIET,
        told=(
            "Failed",
            "InsufficientCapacity",
        ),
    )
    space.start_failure = None
    studio.refuses(
        75,
        "start",
        QUIET,
        told=(
            "Failed",
            "connector stop quiet.Shop.sagemaker",
        ),
    )
    assert studio.run("stop", "--yes", QUIET).returncode == 0
    assert studio.run("start", QUIET).returncode == 0


def test_stop_deletes_the_app_and_ends_sessions(studio: Studio) -> None:
    studio.configure()
    process = studio.commands.start("ssh", SPACE, "echo ready; exec sleep 600")
    process.reader.until(b"ready\n")
    studio.refuses(78, "stop", SPACE, told=("--yes",))
    answer = studio.run("stop", "--yes", "--wait", SPACE)
    assert answer.stdout.decode().endswith(" is Stopped\n"), answer.stderr
    assert process.wait() == 255
    assert studio.world.state("Deep-Space") == "Stopped"
    assert studio.calls("DeleteApp") == 1
    again = studio.run("stop", "--yes", SPACE)
    assert again.stdout.decode().endswith(" is Stopped\n"), again.stderr


def test_stop_asks_at_a_terminal_with_what_is_lost(studio: Studio) -> None:
    with Terminal(24, 200) as terminal:
        process = terminal.start(studio.commands, *CONNECTOR, "stop", SPACE)
        shown = terminal.reader.until(b"[y/N] ")
        assert b"unsaved work" in shown
        terminal.type(b"n\n")
        assert process.wait() == 130
    assert studio.world.state("Deep-Space") == "InService"


def test_stop_asks_even_if_sessions_may_not_be_listed(studio: Studio) -> None:
    studio.account.deny("ssm:DescribeSessions")
    with Terminal(24, 200) as terminal:
        process = terminal.start(studio.commands, *CONNECTOR, "stop", SPACE)
        terminal.reader.until(b"[y/N] ")
        terminal.type(b"y\n")
        assert process.wait() == 0
    assert studio.world.state("Deep-Space") == "Stopped"


# Sessions


def test_session_that_may_not_be_ended_ends_ssh_in_peace(studio: Studio) -> None:
    studio.refuse("TerminateSession", "AccessDeniedException", times=9)
    answer = studio.run("ssh", SPACE, "-o", "LogLevel=ERROR", "exit 3")
    assert (answer.returncode, answer.stderr) == (3, b"")
    eventually(lambda: studio.calls("ssm:TerminateSession") > 0, "the end of the session")
    studio.commands.wait_connectors_gone()


@pytest.mark.parametrize("code", ["", "AccessDeniedException"])
def test_lost_link_is_rejoined_whether_or_not_resume_is_allowed(studio: Studio, code: str) -> None:
    if code:
        studio.refuse("ResumeSession", code, times=9)
    process = studio.commands.start(*CONNECTOR, "ssh", SPACE, "cat")
    process.send(b"one\n")
    process.reader.until(b"one\n")
    gateway = studio.emulator.gateway
    assert gateway is not None
    studio.call(lambda: gateway.cut_links(How.RESET))
    process.send(b"two\n")
    process.reader.until(b"two\n")
    process.end_input()
    assert process.wait() == 0
    assert len(studio.sessions) == 1


# Set-ups that are broken


def test_doctor_finds_keys_that_aws_does_not_know(studio: Studio) -> None:
    studio.account.revoke(studio.account.user_key)
    assert "AWS does not accept the keys" in studio.examine(SPACE).failure(77, "identity")


def test_doctor_names_the_permission_that_is_missing(studio: Studio) -> None:
    arn = studio.space().arn
    studio.account.deny("sagemaker:StartSession", arn)
    said = studio.examine(SPACE).failure(77, "session")
    assert f"sagemaker:StartSession on resource: {arn}" in said


def test_doctor_says_that_remote_access_is_off(studio: Studio) -> None:
    studio.space().remote_access = "DISABLED"
    said = studio.examine(SPACE).failure(75, "session")
    assert "Remote access to space Deep-Space is off" in said
    assert ENABLE in said
