"""EC2 instances and managed nodes, by every command, with real ssh, scp and rsync."""

from __future__ import annotations

import json
import subprocess

import pytest

from connector.emulator.api.ec2.model import AgentTimes, Ping, Status

from .fleet import NODE, Fleet, User
from .sshd import USER, program
from .waiting import eventually

LIST = ("connector", "list", "--kind", "ec2")
START, END = "ssm:StartSession", "ssm:TerminateSession"
LOOK = ["ec2:DescribeInstances", "ssm:DescribeInstanceInformation"]


# Lists and names


def test_list_shows_instances_and_managed_nodes(user: User, fleet: Fleet) -> None:
    lines = [line.split("\t") for line in user.says(*LIST).splitlines()]
    names = [line[:5] for line in lines]
    assert names == [
        ["build-server.ec2", "Online", "build-server", "us-west-2", NODE],
        ["db.ec2", "stopped", "db", "us-west-2", fleet.db.id],
        ["web.ec2", "running", "web", "us-west-2", fleet.web.id],
    ]
    assert [line[5:] for line in lines] == [
        ["Online", "managed node", "192.168.7.20", "Ubuntu 24.04"],
        ["-", "t3.medium", "10.0.0.6", "Amazon Linux 2023"],
        ["Online", "t3.medium", "10.0.0.5", "Amazon Linux 2023"],
    ]
    assert fleet.calls() == LOOK


def test_list_tells_an_agent_that_is_offline(user: User, fleet: Fleet) -> None:
    fleet.web.ping = Ping.LOST
    listed = {each["name"]: each for each in json.loads(user.says(*LIST, "--json"))}
    assert listed["web"]["state"] == "running"
    assert listed["web"]["agent"] == "ConnectionLost"
    assert listed["web"]["stateReason"] == "its SSM agent is ConnectionLost"
    assert (listed["db"]["agent"], listed["db"]["stateReason"]) == (None, None)


def test_list_of_all_regions_asks_the_enabled_ones(user: User, fleet: Fleet) -> None:
    assert len(user.says(*LIST, "--region", "all").splitlines()) == 3
    calls = fleet.calls()
    assert calls[0] == "ec2:DescribeRegions"
    assert calls.count("ec2:DescribeInstances") == 16


def test_list_needs_no_permission_for_agents(user: User, fleet: Fleet) -> None:
    fleet.account.deny("ssm:DescribeInstanceInformation")
    lines = user.says(*LIST).splitlines()
    assert [line.split("\t")[:2] for line in lines] == [
        ["db.ec2", "stopped"],
        ["web.ec2", "running"],
    ]


def test_list_names_the_missing_permission(user: User, fleet: Fleet) -> None:
    fleet.account.deny("ec2:DescribeInstances")
    line = user.fails(77, "list", "--kind", "ec2")
    assert "You may not list the EC2 instances in us-west-2" in line
    assert "ec2:DescribeInstances" in line


def test_name_finds_the_instance(user: User) -> None:
    user.write(
        ".aws/config", "[default]", "region = us-west-2", "[profile work]", "region = us-west-2"
    )
    config = (user.home / ".aws" / "credentials").read_text()
    user.write(".aws/credentials", config + config.replace("default", "work"))
    address = "ip-10-0-0-5.us-west-2.compute.internal"
    for name in ("web.us-west-2.work.ec2", "10.0.0.5.ec2", f"{address}.ec2"):
        assert user.says("connector", "exec", name, "--", "echo", "here") == "here\n"


def test_ambiguous_name_is_refused_with_candidates(user: User, fleet: Fleet) -> None:
    twin = fleet.call(lambda: fleet.world.model.add_instance("us-west-2", "web"))
    try:
        line = user.fails(78, "exec", "web.ec2", "--", "true")
        assert f"{fleet.web.id}.ec2" in line
        assert f"{twin.id}.ec2" in line
        assert user.says("connector", "exec", twin.id, "--", "echo", "twin") == "twin\n"
    finally:
        fleet.call(lambda: fleet.world.model.remove(twin))


@pytest.mark.parametrize("form", ["aws-ec2-{id}", "{id}.us-west-2.ec2"])
def test_id_makes_one_call_for_a_session(user: User, fleet: Fleet, form: str) -> None:
    name = form.format(id=fleet.web.id)
    assert user.says("connector", "exec", name, "--", "echo", "one call") == "one call\n"
    assert fleet.calls() == [START, END]


def test_managed_node_is_reached_by_its_names(user: User) -> None:
    for name in ("build-server.ec2", "build01.example.com.ec2"):
        assert user.says("connector", "exec", name, "--", "echo", "node") == "node\n"


def test_unknown_id_is_told(user: User, fleet: Fleet) -> None:
    line = user.fails(68, "exec", "i-0123456789abcdef0", "--", "true")
    assert "machine i-0123456789abcdef0: EC2 does not know it" in line
    assert fleet.calls() == [START, "ec2:DescribeInstances"]


def test_eight_digits_of_an_id_are_enough(user: User, fleet: Fleet) -> None:
    for name in (fleet.web.id[:10], f"{fleet.web.id[:13]}.ec2"):
        assert user.says("connector", "exec", name, "--", "echo", "found") == "found\n"
    line = user.fails(68, "start", "i-0000000f.ec2")
    assert "There is no machine 'i-0000000f'" in line


# Sessions


def test_configured_ssh_and_rsync_need_one_call_for_an_id(user: User, fleet: Fleet) -> None:
    user.configure_ssh()
    before = len(fleet.calls())
    content = bytes(range(256)) * 4000
    (user.home / "data").write_bytes(content)
    user.says(program("rsync"), "-a", f"{fleet.web.id}:{user.home}/data", "by-rsync")
    assert (user.home / "by-rsync").read_bytes() == content
    eventually(lambda: fleet.calls()[-1] == END, "the end of the session")
    assert fleet.calls()[before:] == [START, END]
    assert (user.home / ".ssh" / "known_hosts_ec2").exists()
    port = fleet.sshd.port
    assert user.says("ssh", "-p", str(port), "web.ec2", "echo port") == "port\n"
    (session,) = fleet.call(lambda: fleet.account.sessions.opened_by_requests())[-1:]
    assert session.port == port


def test_config_ssh_knows_users_and_touches_ids_only_if_asked(user: User) -> None:
    id = "i-0123456789abcdef0"
    before = user.says("ssh", "-G", id)
    user.says("connector", "config-ssh", "--yes")
    assert user.says("ssh", "-G", id) == before
    user.says("connector", "config-ssh", "--kind", "ec2", "--yes")
    asked = {name: user.says("ssh", "-G", name) for name in ("web.ec2", "build-server.ec2", id)}
    users = {name: f"\n{text}".split("\nuser ")[1].split()[0] for name, text in asked.items()}
    assert users == {"web.ec2": "ec2-user", "build-server.ec2": "ubuntu", id: USER}
    assert all("\nproxycommand " in text for text in asked.values())
    assert "i-*" not in (user.home / ".ssh" / "config").read_text()


def test_exec_has_exact_bytes_and_status(user: User) -> None:
    program_text = r"cat; printf '\000\377\r\n' >&2; exit 7"
    ran = subprocess.run(
        ["connector", "exec", "web.ec2", "--", "sh", "-c", program_text],
        env=user.environ,
        input=bytes(range(256)),
        capture_output=True,
        timeout=60,
    )
    assert (ran.returncode, ran.stdout) == (7, bytes(range(256)))
    assert ran.stderr.endswith(b"\x00\xff\r\n")


def test_shell_runs_on_a_managed_node(user: User) -> None:
    ran = user.connector("shell", NODE, input="echo $((40+2))\nexit\n")
    assert ran.returncode == 0
    assert "42" in ran.stdout


# Start and stop


def test_no_session_starts_an_instance_unasked(user: User, fleet: Fleet) -> None:
    line = user.fails(75, "exec", "db.ec2", "--", "true")
    assert f"machine db ({fleet.db.id}) is stopped" in line.lower()
    assert "Start it with `connector start db.ec2`" in line
    assert "ec2:StartInstances" not in fleet.calls()


@pytest.mark.parametrize("how", ["option", "setting"])
def test_session_starts_an_instance_when_asked(user: User, fleet: Fleet, how: str) -> None:
    fleet.db.agent = AgentTimes(online=1.0, sessions=2.0)
    options = ["--start"] if how == "option" else []
    if how == "setting":
        (user.home / ".config" / "connector").mkdir(parents=True)
        user.write(".config/connector/config.toml", "start = true")
    words = ("exec", *options, fleet.db.id, "--", "echo", "started")
    assert user.says("connector", *words) == "started\n"
    calls = fleet.calls()
    assert calls.count("ec2:StartInstances") == 1
    assert calls.count(START) >= 2  # refused at first


def test_start_waits_until_the_agent_is_online(user: User, fleet: Fleet) -> None:
    fleet.db.agent = AgentTimes(online=1.5)
    told = user.says("connector", "start", "db.ec2")
    assert told == f"Machine db ({fleet.db.id}) is running\n"
    assert fleet.call(lambda: fleet.world.model.ping(fleet.db)) is Ping.ONLINE


def test_start_without_permission_is_explained(user: User, fleet: Fleet) -> None:
    fleet.account.deny("ec2:StartInstances")
    line = user.fails(77, "start", "db.ec2")
    assert "You may not start machine db" in line
    assert "ec2:StartInstances on resource: arn:aws:ec2:us-west-2:111122223333:instance/i-" in line


def test_stop_warns_and_asks(user: User, fleet: Fleet) -> None:
    line = user.fails(78, "stop", "web.ec2")
    assert "loses data of instance stores and the public address" in line
    assert fleet.web.status is Status.RUNNING


@pytest.mark.parametrize("verb", ["start", "stop"])
def test_managed_node_cannot_be_started_or_stopped(user: User, fleet: Fleet, verb: str) -> None:
    if verb == "start":
        fleet.node.ping = Ping.LOST
        line = user.fails(75, "start", NODE)
        assert f"machine build-server ({NODE}) is ConnectionLost" in line.lower().replace(
            "connectionlost", "ConnectionLost"
        )
        assert "Check that the machine is on" in line
    else:
        line = user.fails(65, "stop", "--yes", NODE)
        assert f"AWS cannot stop {NODE}, which is a managed node" in line


# Agents that are not connected


def test_agent_that_never_registered_is_explained(user: User, fleet: Fleet) -> None:
    fleet.web.agent, fleet.web.profile = None, None
    line = user.fails(75, "exec", "web.ec2", "--", "true")
    assert "is running: no SSM agent has registered" in line
    assert "It has no instance profile" in line


def test_agent_that_is_offline_is_explained(user: User, fleet: Fleet) -> None:
    fleet.web.ping = Ping.LOST
    line = user.fails(75, "exec", fleet.web.id, "--", "true")
    assert "is running: its SSM agent is ConnectionLost" in line
    assert "its route to the ssm endpoints" in line


def test_agent_that_comes_back_is_waited_for(user: User, fleet: Fleet) -> None:
    now = fleet.account.now
    fleet.web.life.set("running")  # another client has started it
    fleet.web.launch_time = now()
    fleet.web.agent = AgentTimes(online=1e6)
    target = user.examine(fleet.web.id).legs["target"]
    assert target["status"] == "warn"
    assert target["text"].endswith("is running: its SSM agent is ConnectionLost")
    assert "ssh waits for it" in target["hint"]
    fleet.web.agent = AgentTimes(online=2.0)
    fleet.web.launch_time = now()
    assert user.says("connector", "exec", fleet.web.id, "--", "echo", "up") == "up\n"
    assert "ec2:StartInstances" not in fleet.calls()


def test_terminated_instance_cannot_be_used(user: User, fleet: Fleet) -> None:
    fleet.call(lambda: fleet.world.set_state("db", "terminated"))
    line = user.fails(75, "exec", "--start", fleet.db.id, "--", "true")
    assert "is terminated" in line
    assert "It cannot be used any more" in line


# Doctor


def test_doctor_finds_nothing_wrong_with_a_name_of_the_users_own(user: User) -> None:
    section = "Host mine\n  ProxyCommand connector proxy web.ec2\n  ConnectTimeout 900\n"
    user.config.write_text(section + user.config.read_text())
    found = user.examine("mine")
    assert (found.exit_code, found.by_status("warn")) == (0, [])
    assert (found.status("greeting"), found.status("ssh-login")) == ("ok", "ok")


def test_doctor_finds_a_stopped_instance(user: User) -> None:
    found = user.examine("db.ec2")
    assert (found.exit_code, found.status("target")) == (0, "warn")
    assert "is stopped" in found.text("target")
    assert "connector start db.ec2" in found.text("target")


def test_doctor_finds_an_agent_that_is_offline(user: User, fleet: Fleet) -> None:
    fleet.web.agent = None
    assert "no SSM agent has registered" in user.examine("web.ec2").failure(75, "target")


def test_doctor_finds_a_missing_permission(user: User, fleet: Fleet) -> None:
    fleet.account.deny("ssm:StartSession", "*document/AWS-StartSSHSession")
    said = user.examine("web.ec2").failure(77, "session")
    assert "ssm:StartSession" in said
    assert "document/AWS-StartSSHSession" in said
