"""EC2 Instance Connect Endpoint as the way to instances, with real ssh, scp and rsync."""

from __future__ import annotations

import random
import subprocess
import sys
from collections.abc import Iterator

import pytest

from connector.emulator.api.ec2.model import AgentTimes, Ping

from ..forks import CONNECTOR, start
from .fleet import NODE, Fleet, User
from .sshd import USER, program
from .waiting import PATIENCE, Reader, eventually

NEAR, FAR = "eice-0a1b2c3d4e5f60718", "eice-0f1e2d3c4b5a69788"
START, INSTANCE = "ssm:StartSession", "ec2:DescribeInstances"
AGENT, ENDPOINTS = "ssm:DescribeInstanceInformation", "ec2:DescribeInstanceConnectEndpoints"
MEGABYTES = 4


@pytest.fixture(autouse=True)
def endpoint(fleet: Fleet) -> Iterator[None]:
    """The account has an endpoint, and no tunnel is left behind."""
    fleet.add_endpoint(NEAR)
    yield
    eventually(lambda: not fleet.tunnels(), "the end of all tunnels")


class Proxy:
    """A ``connector proxy`` that has given the greeting of sshd."""

    def __init__(self, user: User, *words: str) -> None:
        self.popen = start(
            [*CONNECTOR, "proxy", *words],
            env=user.environ,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
        assert self.popen.stdout is not None
        Reader(self.popen.stdout.fileno()).until(b"SSH-2.0-")

    def end(self) -> tuple[int, str]:
        """Return the exit code and the last line of stderr, once it has ended by itself."""
        assert self.popen.stdin is not None
        assert self.popen.stdout is not None
        assert self.popen.stderr is not None
        self.popen.wait(PATIENCE)
        with self.popen.stdin, self.popen.stdout, self.popen.stderr as stderr:
            return self.popen.returncode, stderr.read().decode().splitlines()[-1]

    def hang_up(self) -> None:
        self.popen.terminate()
        with self.popen:
            pass


def by_ssh(user: User, *options: str) -> None:
    """Let ssh go through the endpoint to all hosts of the kind."""
    program("ssh")
    user.config.write_text(
        "Host *.ec2\n"
        f"  ProxyCommand connector proxy --via eice --port %p {' '.join(options)} %n\n"
        + user.config.read_text()
    )


# The way that --via names


def test_ssh_needs_no_session_and_no_agent(user: User, fleet: Fleet) -> None:
    fleet.web.agent = None
    proxy = Proxy(user, "--via", "eice", fleet.web.id)
    assert fleet.calls() == [INSTANCE, ENDPOINTS]
    proxy.hang_up()
    assert fleet.world.tunnels.opened == 1
    assert fleet.living(fleet.web) == []
    assert list((user.home.parent / "cache").rglob("sessions/*")) == []  # no entry in the ledger


def test_large_files_pass_unchanged_by_scp_rsync_and_cp(user: User, fleet: Fleet) -> None:
    by_ssh(user)
    content = random.Random(11).randbytes(MEGABYTES * 1_000_000)
    (user.home / "data").write_bytes(content)
    far = user.home / "far"
    far.mkdir()
    user.says(program("scp"), "-q", "data", f"web.ec2:{far}/by-scp")
    user.says(program("rsync"), "-a", f"web.ec2:{far}/by-scp", "by-rsync")
    user.says("connector", "cp", "--via", "eice", "by-rsync", f"web.ec2:{far}/by-cp")
    for path in (far / "by-scp", user.home / "by-rsync", far / "by-cp"):
        assert path.read_bytes() == content
    assert START not in fleet.calls()


def test_concurrent_streams_of_one_connection_do_not_block(user: User) -> None:
    by_ssh(user)
    sized = f"head -c {MEGABYTES}000000 /dev/zero"
    command = f"{sized} & {sized} >&2; wait"
    ran = user.run("ssh", "web.ec2", f"({command}) 2>&1 | wc -c")
    assert ran.stdout.strip() == str(2 * MEGABYTES * 1_000_000)


@pytest.mark.parametrize("fdpass", ["yes", "no"])
def test_ssh_waits_with_its_own_timeout(user: User, fleet: Fleet, fdpass: str) -> None:
    by_ssh(user)
    options = ["-o", f"ProxyUseFdpass={fdpass}", "-o", "ConnectTimeout=20"]
    assert user.says("ssh", *options, "web.ec2", "echo hello") == "hello\n"
    assert fleet.world.tunnels.opened == 1


def test_broken_pipe_at_the_far_end_is_the_end(user: User, fleet: Fleet) -> None:
    by_ssh(user)
    ran = user.run("ssh", "web.ec2", "kill -9 $PPID; sleep 5")
    assert ran.returncode == 255
    eventually(lambda: not fleet.tunnels(), "the end of the tunnel")


def test_endpoint_of_the_subnet_is_preferred(user: User, fleet: Fleet) -> None:
    fleet.world.model.connect_endpoints.clear()
    fleet.add_endpoint(FAR, subnet_id="subnet-0")
    fleet.add_endpoint(NEAR)
    proxy = Proxy(user, "--via", "eice", "web.ec2")
    assert [tunnel.endpoint.id for tunnel in fleet.tunnels()] == [NEAR]
    proxy.hang_up()


def test_endpoint_of_another_subnet_is_used(user: User, fleet: Fleet) -> None:
    fleet.world.model.connect_endpoints.clear()
    fleet.add_endpoint("eice-0", vpc_id="vpc-0")
    fleet.add_endpoint("eice-1", state="delete-in-progress")
    fleet.add_endpoint(FAR, subnet_id="subnet-0", state="update-failed")
    proxy = Proxy(user, "--via", "eice", "web.ec2")
    assert [tunnel.endpoint.id for tunnel in fleet.tunnels()] == [FAR]
    proxy.hang_up()


def test_vpc_without_an_endpoint_is_told(user: User, fleet: Fleet) -> None:
    fleet.world.model.connect_endpoints.clear()
    line = user.fails(78, "proxy", "--via", "eice", fleet.web.id)
    assert f"The VPC of {fleet.web.id} has no EC2 Instance Connect Endpoint" in line
    assert "Create one, or leave --via eice away" in line


def test_missing_permission_to_list_endpoints_is_told(user: User, fleet: Fleet) -> None:
    fleet.account.deny(ENDPOINTS)
    line = user.fails(77, "proxy", "--via", "eice", fleet.web.id)
    assert f"not authorized to perform: {ENDPOINTS}" in line


def test_refused_tunnel_names_the_permission(user: User, fleet: Fleet) -> None:
    fleet.account.deny("ec2-instance-connect:OpenTunnel")
    line = user.fails(76, "proxy", "--via", "eice", fleet.web.id)
    assert "refused the connection (403)" in line
    assert "Check that you may ec2-instance-connect:OpenTunnel" in line
    assert "security group" in line


def test_port_that_refuses_is_told(user: User, fleet: Fleet) -> None:
    dial = fleet.world.tunnels._dial

    async def refuse(machine_id: str) -> object:
        raise ConnectionRefusedError(machine_id)

    fleet.world.tunnels._dial = refuse  # type: ignore[assignment]
    try:
        line = user.fails(74, "proxy", "--via", "eice", fleet.web.id)
    finally:
        fleet.world.tunnels._dial = dial
    assert "Unable to connect to target" in line


@pytest.mark.parametrize(
    ("words", "text"),
    [
        (("--port", "2222", "web.ec2"), "leads to the ports 22 and 3389, not to 2222"),
        ((NODE,), f"--via eice is for EC2 instances; {NODE} is a managed node"),
    ],
)
def test_what_no_endpoint_can_reach_is_refused(
    user: User, fleet: Fleet, words: tuple[str, ...], text: str
) -> None:
    assert text in user.fails(78, "proxy", "--via", "eice", *words)
    assert fleet.world.tunnels.opened == 0


def test_stopped_instance_is_told(user: User, fleet: Fleet) -> None:
    line = user.fails(75, "proxy", "--push-key", "--port", "22", fleet.db.id)
    assert line.endswith(f"Start it with `connector start {fleet.db.id}`")
    line = user.fails(75, "proxy", "--via", "eice", "--port", "22", fleet.db.id)
    assert f"{fleet.db.id}) is stopped" in line
    assert line.endswith(f"Start it with `connector start {fleet.db.id} --via eice`")


def test_started_instance_needs_no_agent(user: User, fleet: Fleet) -> None:
    fleet.db.agent = None
    told = user.says("connector", "start", "--via", "eice", fleet.db.id)
    assert told == f"Machine db ({fleet.db.id}) is running\n"
    ran = user.connector("ssh", "-v", "--via", "eice", "db.ec2", "echo started")
    assert (ran.returncode, ran.stdout) == (0, "started\n"), ran.stderr
    assert f"leads through EC2 Instance Connect Endpoint {NEAR}" in ran.stderr
    assert "X-Amz-Signature" not in ran.stderr


def test_started_instance_that_can_have_no_agent_is_not_waited_for(
    user: User, fleet: Fleet
) -> None:
    fleet.db.agent, fleet.db.profile = None, None
    Proxy(user, "--start", fleet.db.id).hang_up()
    assert fleet.world.tunnels.opened == 1


# Ends


def test_lost_connection_is_told_and_not_made_again(user: User, fleet: Fleet) -> None:
    proxy = Proxy(user, "--via", "eice", "web.ec2")
    (tunnel,) = fleet.tunnels()
    fleet.call(tunnel.break_off)
    code, line = proxy.end()
    assert code == 74
    assert "The connection broke" in line
    assert "cannot be resumed: connect again" in line
    assert fleet.world.tunnels.opened == 1


def test_end_of_the_longest_duration_is_told(user: User, fleet: Fleet) -> None:
    fleet.world.tunnels.duration_max = 1.0
    code, line = Proxy(user, "--via", "eice", "web.ec2").end()
    assert code == 74
    assert "Maximum tunnel duration was reached" in line
    assert "cannot be resumed: connect again" in line


# The way that is chosen


def test_ssh_goes_by_an_endpoint_where_the_agent_is_not_connected(user: User, fleet: Fleet) -> None:
    fleet.web.ping = Ping.LOST
    user.configure_ssh()
    before = len(fleet.calls())
    ran = user.run("ssh", fleet.web.id, "echo hello")
    assert (ran.returncode, ran.stdout) == (0, "hello\n"), ran.stderr
    assert "connector" not in ran.stderr
    assert fleet.calls()[before:] == [START, INSTANCE, AGENT, ENDPOINTS]


def test_cp_and_start_go_by_an_endpoint_too(user: User, fleet: Fleet) -> None:
    fleet.web.ping = Ping.LOST
    (user.home / "file").write_bytes(b"content")
    user.says("connector", "cp", "file", f"web.ec2:{user.home}/copied")
    assert (user.home / "copied").read_bytes() == b"content"
    assert user.says("connector", "start", "web.ec2").endswith(" is running\n")


def test_instance_that_can_have_no_agent_is_not_waited_for(user: User, fleet: Fleet) -> None:
    fleet.web.agent, fleet.web.profile = None, None
    fleet.web.launch_time = fleet.account.now()
    Proxy(user, fleet.web.id).hang_up()
    assert fleet.world.tunnels.opened == 1


def test_agent_of_a_young_instance_is_waited_for(user: User, fleet: Fleet) -> None:
    now = fleet.account.now()
    fleet.web.life.set("running")
    fleet.web.launch_time = now
    fleet.web.agent = AgentTimes(online=2.0)
    Proxy(user, fleet.web.id).hang_up()
    assert fleet.world.tunnels.opened == 0


def test_connected_agent_is_used(user: User, fleet: Fleet) -> None:
    Proxy(user, fleet.web.id).hang_up()
    assert START in fleet.calls()
    assert fleet.world.tunnels.opened == 0


@pytest.mark.parametrize("why", ["no endpoint", "other VPC", "no permission", "--via ssm"])
def test_words_about_the_agent_stay_where_there_is_no_other_way(
    user: User, fleet: Fleet, why: str
) -> None:
    fleet.web.ping = Ping.LOST
    if why == "no endpoint":
        fleet.world.model.connect_endpoints.clear()
    elif why == "other VPC":
        fleet.world.model.connect_endpoints[0].vpc_id = "vpc-0"
    elif why == "no permission":
        fleet.account.deny(ENDPOINTS)
    options = ("--via", "ssm") if why == "--via ssm" else ()
    line = user.fails(75, "proxy", *options, fleet.web.id)
    assert "is running: its SSM agent is ConnectionLost" in line
    assert "its route to the ssm endpoints" in line
    assert fleet.world.tunnels.opened == 0


@pytest.mark.parametrize("command", ["exec", "shell"])
def test_commands_without_ssh_refuse_the_endpoint(user: User, fleet: Fleet, command: str) -> None:
    words = ("--", "true") if command == "exec" else ()
    line = user.fails(78, command, "--via", "eice", fleet.web.id, *words)
    assert "--via eice carries ssh alone" in line
    assert fleet.calls() == []


@pytest.mark.parametrize("command", ["exec", "shell"])
def test_commands_without_ssh_need_the_agent(user: User, fleet: Fleet, command: str) -> None:
    fleet.web.ping = Ping.LOST
    words = ("--", "true") if command == "exec" else ()
    line = user.fails(75, command, fleet.web.id, *words)
    assert "its SSM agent is ConnectionLost" in line
    assert ENDPOINTS not in fleet.calls()


def test_library_goes_by_an_endpoint_too(user: User, fleet: Fleet) -> None:
    fleet.web.ping = Ping.LOST
    text = (
        "import connector\n"
        f"with connector.open_socket('{fleet.web.id}') as stream:\n"
        "    print(stream.recv(8).decode())\n"
    )
    assert user.says(sys.executable, "-c", text) == "SSH-2.0-\n"
    assert fleet.world.tunnels.opened == 1


# Doctor


def test_doctor_finds_nothing_wrong(user: User, fleet: Fleet) -> None:
    fleet.web.ping = Ping.LOST
    by_ssh(user)
    found = user.examine("--via", "eice", "web.ec2")
    assert (found.exit_code, found.by_status("warn")) == (0, [])
    assert (found.status("target"), found.status("greeting")) == ("ok", "ok")


def test_doctor_finds_the_other_way(user: User, fleet: Fleet) -> None:
    fleet.web.ping = Ping.LOST
    found = user.examine("web.ec2")
    assert (found.status("target"), found.status("greeting")) == ("ok", "ok")


def test_doctor_finds_a_missing_endpoint(user: User, fleet: Fleet) -> None:
    fleet.world.model.connect_endpoints.clear()
    said = user.examine("--via", "eice", "web.ec2").failure(78, "session")
    assert "has no EC2 Instance Connect Endpoint" in said


def test_key_is_pushed_on_this_way_too(user: User, fleet: Fleet) -> None:
    key = user.home / ".ssh" / "id_ed25519"
    subprocess.run([program("ssh-keygen"), "-q", "-t", "ed25519", "-N", "", "-f", key], check=True)
    words = ["--push-key", "--via", "eice", "web.ec2", "-o", f"IdentityFile={key}", "-l", USER]
    assert user.says("connector", "ssh", *words, "echo pushed") == "pushed\n"
    assert fleet.calls().count("ec2-instance-connect:SendSSHPublicKey") == 1
