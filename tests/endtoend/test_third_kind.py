"""A third kind, which has options, ids, users, costs and warnings of its own."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from pathlib import Path

import pytest

import connector
from connector.targets import registry
from connector.targets.kind import Kind

from ..targets import doll, toy
from .cloud import Cloud
from .commands import Commands
from .shop import Shop, User
from .sshd import USER, Sshd, program
from .targets import GREETING, TcpService, greeting_echo
from .terminals import Terminal

ANNA = doll.IDS["anna"]


@pytest.fixture
def shop(cloud: Cloud) -> Iterator[Shop]:
    shop = Shop(cloud)
    shop.toys |= dict.fromkeys(doll.IDS.values(), "ON")
    yield shop
    shop.close()


@pytest.fixture
def user(commands: Commands, shop: Shop, tmp_path: Path) -> User:
    return User(commands, shop, tmp_path)


def names(text: str) -> list[str]:
    return [line.split("\t")[0] for line in text.splitlines()]


def test_dolls_fulfil_the_contract() -> None:
    kind: Kind = doll.KIND  # which mypy checks
    assert kind.ssh.user == ""


def test_list_shows_the_kinds_that_are_asked_for(user: User) -> None:
    dolls, toys = ["anna.doll", "berta.doll"], ["bear.toy", "train.toy"]
    assert names(user.says("list", "--kind", "doll")) == dolls
    assert names(user.says("list", "--kind", "toy,doll")) == toys + dolls
    assert names(user.says("list", "--kind", "doll", "--kind", "TOY")) == toys + dolls
    assert names(user.says("list"))[-4:] == toys + dolls
    answer = user.run("list", "--kind", "boat")
    assert answer.returncode == 2
    assert b"there is no kind 'boat': there are codecatalyst, " in answer.stderr


def test_list_says_the_kind_in_json(user: User) -> None:
    listed = json.loads(user.says("list", "--json", "--kind", "toy,doll"))
    assert [each["kind"] for each in listed] == ["toy", "toy", "doll", "doll"]
    assert listed[2]["doll"] == "anna"


def test_place_narrows_a_list_to_the_kinds_that_have_it(user: User) -> None:
    assert "\tlow" in user.says("list", "--shelf", "low")
    assert names(user.says("list", "--shelf", "low")) == ["anna.doll", "berta.doll"]
    answer = user.run("list", "--shelf", "low", "--kind", "toy")
    assert answer.returncode == 78
    assert b"--shelf does not go with --kind toy" in answer.stderr


def test_kind_without_keys_is_left_out_unless_it_is_asked_for(user: User) -> None:
    user.commands.environ["DOLLS_HIDE"] = "1"
    answer = user.run("list")
    assert (answer.returncode, answer.stderr) == (0, b"")
    assert b".doll" not in answer.stdout
    answer = user.run("list", "--kind", "doll")
    assert answer.returncode == 77
    assert b"no key to the dolls' house" in answer.stderr


def test_list_of_no_kind_names_the_first_reason(user: User) -> None:
    del user.commands.environ["AWS_BEARER_TOKEN_CODECATALYST"]
    user.commands.environ["DOLLS_HIDE"] = "1"
    answer = user.run("list", "--kind", "codecatalyst,doll")
    assert answer.returncode == 77
    assert len(answer.stderr.splitlines()) == 1
    assert b"connector login" in answer.stderr


@pytest.mark.parametrize("scope", ["sso:account:access", "codecatalyst:read_write"])
def test_login_for_other_services_is_none_for_this_one(user: User, scope: str) -> None:
    """`aws configure sso` makes such a login, which a service with tokens of its own refuses."""
    del user.commands.environ["AWS_BEARER_TOKEN_CODECATALYST"]
    aws = Path(user.commands.environ["HOME"], ".aws")
    cache = aws / "sso" / "cache"
    cache.mkdir(parents=True)
    (aws / "config").write_text(
        "[default]\nsso_session = corp\n[sso-session corp]\nsso_region = us-east-1\n"
        f"sso_start_url = https://corp.awsapps.com/start\nsso_registration_scopes = {scope}\n"
    )
    token = {"accessToken": "refused", "expiresAt": "2999-01-01T00:00:00Z"}
    digest = hashlib.sha1(b"corp", usedforsecurity=False).hexdigest()
    (cache / f"{digest}.json").write_text(json.dumps(token))
    answer = user.run("list", "--kind", "codecatalyst")
    assert answer.returncode == 77
    assert b"does not accept the token" in answer.stderr
    answer = user.run("list")
    assert names(answer.stdout.decode())[-2:] == ["anna.doll", "berta.doll"]
    of_this_service = scope.startswith("codecatalyst")
    assert (answer.returncode, bool(answer.stderr)) == (
        (77, True) if of_this_service else (0, False)
    )


def test_cp_uses_the_port_and_user_that_ssh_knows(
    user: User, shop: Shop, sshd: Sshd, tmp_path: Path
) -> None:
    sent, got = tmp_path / "sent file", tmp_path / "got"
    sent.write_bytes(b"abc" * 1000)
    options = [f"IdentityFile={sshd.user_key}", "IdentitiesOnly=yes", f"User={USER}", "Port=2222"]
    words = [word for option in (*options, f"UserKnownHostsFile={got}s") for word in ("-o", option)]
    user.says("cp", "-j", "1", "--hair", "long", *words, f"anna.doll:{sent}", str(got))
    assert got.read_bytes() == sent.read_bytes()
    assert {"port": "2222", "as": USER, "hair": "long"} in shop.options


def test_empty_lists_are_told_in_one_line(user: User, shop: Shop) -> None:
    shop.toys.clear()
    answer = user.run("list", "--kind", "toy,doll")
    assert (answer.returncode, answer.stdout) == (0, b"")
    assert answer.stderr == b"connector: You have no toys or dolls here\n"


def test_tables_of_kinds_stand_below_each_other(user: User) -> None:
    with Terminal(30, 100) as terminal:
        terminal.start(user.commands, *user.program, "list", "--kind", "toy,doll")
        shown = terminal.reader.rest().decode()
    assert shown.index("MADE OF") < shown.index("train.toy") < shown.index("SHELF")


def test_whoami_asks_the_service_of_a_kind(user: User) -> None:
    assert "child of dolls" in user.says("whoami", "--kind", "doll")
    assert "child of dolls" not in user.says("whoami", "--kind", "toy")
    assert user.run("whoami", "--kind", "boat").returncode == 2


def test_target_that_costs_money_starts_only_when_asked(user: User, shop: Shop) -> None:
    shop.toys[ANNA] = "OFF"
    answer = user.run("proxy", "anna.doll")
    assert answer.returncode == 75
    assert shop.toys[ANNA] == "OFF"
    user.says("start", "anna.doll")
    assert shop.toys[ANNA] == "ON"


@pytest.mark.parametrize("how", ["option", "variable"])
def test_target_that_costs_money_starts_for_a_session_if_allowed(
    user: User, shop: Shop, cloud: Cloud, how: str
) -> None:
    shop.toys[ANNA] = "OFF"
    if how == "variable":
        user.commands.environ["CONNECTOR_START"] = "yes"
    with TcpService(greeting_echo) as service:
        cloud.port = service.port
        options = ["--start"] if how == "option" else []
        process = user.commands.start(*user.program, "proxy", *options, ANNA)
        process.reader.until(GREETING)
        process.hang_up()
        assert process.wait() == 0
    assert shop.toys[ANNA] == "ON"


def test_stop_that_costs_something_needs_a_yes(user: User, shop: Shop) -> None:
    answer = user.run("stop", "anna.doll")
    assert answer.returncode == 78
    assert b"anna forgets what she wears. Give --yes to stop it" in answer.stderr
    assert shop.toys[ANNA] == "ON"
    assert user.says("stop", "anna.doll", "--yes") == "Doll anna is OFF\n"
    assert shop.toys[ANNA] == "OFF"


@pytest.mark.parametrize("typed", ["y", "n"])
def test_stop_asks_on_a_terminal_and_says_what_is_lost(user: User, shop: Shop, typed: str) -> None:
    with Terminal(30, 100) as terminal:
        terminal.start(user.commands, *user.program, "stop", "anna.doll")
        shown = terminal.reader.until(b"Stop it? [y/N] ")
        assert b"Anna forgets what she wears." in shown
        terminal.type(f"{typed}\n".encode())
        terminal.reader.rest()
    assert shop.toys[ANNA] == ("OFF" if typed == "y" else "ON")


def test_form_that_the_service_lacks_is_refused_before_anything_starts(
    user: User, shop: Shop
) -> None:
    shop.toys[ANNA] = "OFF"
    for words, hint in (
        (("shell", "--start", "anna.doll"), b"Use `connector ssh anna.doll`\n"),
        (
            ("exec", "--start", "anna.doll", "--", "true"),
            b"Use `connector ssh anna.doll -- COMMAND`\n",
        ),
    ):
        answer = user.run(*words)
        assert answer.returncode == 78
        assert len(answer.stderr.splitlines()) == 1
        assert answer.stderr.endswith(hint)
    assert shop.toys[ANNA] == "OFF"


def test_options_are_checked_by_their_type(user: User) -> None:
    for words, said in (
        (("--port", "0"), b"'0' is no port from 1 to 65535"),
        (("--port", "22x"), b"'22x' is no port"),
        (("--hair", "blue"), b"'blue' is none of long, short"),
    ):
        answer = user.run("proxy", *words, "anna.doll")
        assert answer.returncode == 2
        assert said in answer.stderr
    answer = user.run("proxy", "--gently", "bear.toy")
    assert answer.returncode == 78
    assert b"--gently does not go with the name 'bear.toy'" in answer.stderr


def test_commands_have_the_options_that_they_need(user: User) -> None:
    def told(command: str) -> set[str]:
        words = user.says(command, "--help").replace("[", " ").replace("]", " ").split()
        return {"--shelf", "--port", "--gently", "--hair", "--as"} & set(words)

    assert told("list") == told("stop") == {"--shelf"}
    assert told("start") == told("shell") == {"--shelf", "--gently"}
    assert told("ssh") == told("cp") == {"--shelf", "--gently", "--hair"}
    assert told("proxy") == {"--shelf", "--gently", "--hair", "--port", "--as"}


def fake_ssh(user: User, body: str) -> None:
    """Let the user's ssh be a script that knows ``-G`` as the real one does."""
    path = Path(user.path).with_name("ssh")
    path.write_text(f'#!/bin/sh\ncase "$*" in -G*) exec {program("ssh")} "$@";; esac\n{body}\n')
    path.chmod(0o755)


def test_ssh_gets_the_user_of_the_target_and_tells_what_it_knows(user: User, sshd: Sshd) -> None:
    fake_ssh(user, f'exec {program("ssh")} -G "$@"')
    told = user.says("ssh", "--hair", "short", "--gently", "anna.doll", "-p", "2222")
    settings = dict(line.partition(" ")[::2] for line in told.splitlines())
    assert settings["user"] == "anna-user"
    assert settings["hostkeyalias"] == ANNA
    command = settings["proxycommand"]
    assert " proxy anna.doll --gently --hair short " in command
    assert command.endswith(" --port %p --as %r")
    told = user.says("ssh", "berta.doll", "-l", "me")
    assert "\nuser me\n" in f"\n{told}"


def test_users_of_targets_do_not_share_a_file(user: User) -> None:
    fake_ssh(user, "exit 0")
    for name in ("anna.doll", "berta.doll", "bear.toy"):
        user.says("ssh", name)
    cache = Path(user.commands.environ["HOME"], ".cache/devenv-connector")
    files = {path.name: path.read_text() for path in cache.glob("*ssh_config")}
    assert set(files) == {
        "doll_anna-user_ssh_config",
        "doll_berta-user_ssh_config",
        "toy_ssh_config",
    }
    assert "    User berta-user\n" in files["doll_berta-user_ssh_config"]


class Configuration:
    """What config-ssh writes for a user."""

    def __init__(self, user: User) -> None:
        self.user = user
        self.directory = Path(user.commands.environ["HOME"], ".ssh")
        self.config = self.directory / "config"

    def change(self, *words: str) -> str:
        return self.user.says("config-ssh", "--yes", *words, "--ssh-config", str(self.config))

    def names(self) -> set[str]:
        return {path.name for path in self.directory.iterdir()}

    def settings(self, host: str, *words: str) -> dict[str, str]:
        command = [program("ssh"), "-F", str(self.config), "-G", *words, host]
        done = self.user.commands.run(*command)
        assert done.returncode == 0, done.stderr
        return dict(line.partition(" ")[::2] for line in done.stdout.decode().splitlines())


@pytest.fixture
def configuration(user: User) -> Configuration:
    return Configuration(user)


def test_config_ssh_sets_up_a_kind_only_when_asked(configuration: Configuration) -> None:
    configuration.change()
    assert configuration.names() == {"config", "codecatalyst_config"}
    assert "proxycommand" not in configuration.settings(ANNA)
    configuration.change("--kind", "doll")
    assert configuration.names() == {"config", "codecatalyst_config", "doll_config"}
    assert "doll" not in configuration.change()  # what was asked for once stays
    configuration.change("--remove", "--kind", "doll")
    assert configuration.names() == {"config", "codecatalyst_config"}
    configuration.change("--kind", "doll", "--kind", "toy")
    configuration.change("--remove")
    assert not configuration.names() & {"doll_config", "toy_config", "codecatalyst_config"}


def test_config_ssh_alone_keeps_the_kinds_of_earlier_runs(configuration: Configuration) -> None:
    configuration.change("--kind", "doll")
    assert configuration.names() == {"config", "doll_config"}
    configuration.change("--no-compression")
    assert configuration.names() == {"config", "doll_config"}
    assert "\n    Compression" not in (configuration.directory / "doll_config").read_text()


def test_config_ssh_names_user_port_and_key_of_each_target(configuration: Configuration) -> None:
    configuration.change("--kind", "doll", "--profile", "play")
    found = configuration.settings("berta.doll", "-p", "2022")
    assert found["user"] == "berta-user"
    assert found["hostkeyalias"] == doll.IDS["berta"]
    command = found["proxycommand"]
    assert command.endswith(" proxy --profile play --port %p --as %r berta.doll")
    of_id = configuration.settings(ANNA)
    assert of_id["proxycommand"].endswith(" --port %p --as %r %n")
    assert of_id["user"] not in ("anna-user", "berta-user")
    assert configuration.change().startswith("Nothing to change")  # the profile stays
    assert configuration.settings("me@anna.doll")["user"] == "me"


def test_config_ssh_keeps_the_users_of_targets_that_cannot_be_listed(
    configuration: Configuration,
) -> None:
    configuration.change("--kind", "doll")
    configuration.user.commands.environ["DOLLS_HIDE"] = "1"
    assert configuration.change().startswith("Nothing to change")
    assert configuration.settings("berta.doll")["user"] == "berta-user"


def test_hosts_of_the_user_that_look_like_ids_are_left_alone(
    configuration: Configuration,
) -> None:
    configuration.directory.mkdir()
    configuration.config.write_text(
        "Host d-love-cats\n  User felix\n  HostName cats.example\nHost d-*\n  Port 9\n"
    )
    words = ("config-ssh", "--yes", "--kind", "doll", "--ssh-config", str(configuration.config))
    answer = configuration.user.run(*words)
    assert answer.returncode == 0, answer.stderr
    assert b"Host d-* stays as it is" in answer.stderr
    assert b"d-love-cats" not in answer.stderr
    found = configuration.settings("d-love-cats")
    assert (found["user"], found["hostname"]) == ("felix", "cats.example")
    assert "proxycommand" not in found
    assert configuration.settings(ANNA)["port"] == "9"


def test_file_of_another_program_matters_only_if_the_kind_is_asked_for(
    configuration: Configuration,
) -> None:
    configuration.directory.mkdir()
    other = configuration.directory / "doll_config"
    other.write_text("Host mine\n")
    configuration.change()
    configuration.change("--remove")
    words = ("config-ssh", "--yes", "--kind", "doll", "--ssh-config", str(configuration.config))
    answer = configuration.user.run(*words)
    assert answer.returncode == 78
    assert b"was not written by the connector" in answer.stderr
    assert other.read_text() == "Host mine\n"


def test_configured_ssh_reaches_a_doll(configuration: Configuration, sshd: Sshd) -> None:
    configuration.change("--kind", "doll")
    options = [f"IdentityFile {sshd.user_key}", "IdentitiesOnly yes", "BatchMode yes"]
    words = [word for option in (*options, f"User {USER}") for word in ("-o", option)]
    command = [program("ssh"), "-F", str(configuration.config), *words, ANNA, "echo hello"]
    answer = configuration.user.commands.run(*command)
    assert (answer.returncode, answer.stdout) == (0, b"hello\n"), answer.stderr


def test_completion_offers_kinds_and_values(user: User, tmp_path: Path) -> None:
    def offered(line: str) -> set[str]:
        out = tmp_path / "offered"
        environ = {"_ARGCOMPLETE": "1", "_ARGCOMPLETE_STDOUT_FILENAME": str(out)}
        environ |= {"COMP_LINE": line, "COMP_POINT": str(len(line)), "_ARGCOMPLETE_IFS": "\n"}
        user.commands.run(*user.program, environ={**user.commands.environ, **environ})
        return {word.split(":")[0].strip() for word in out.read_text().split("\n")}

    assert "anna.doll" in offered("connector start a")
    assert offered("connector list --shelf ") == {"top", "low"}
    assert offered("connector list --kind d") == {"doll"}
    assert offered("connector whoami --kind d") == {"doll"}
    assert offered("connector ssh --hair l") == {"long"}
    assert offered("connector help do") == {"doctor", "doll"}


@pytest.mark.usefixtures("library")
def test_library_starts_a_target_that_costs_money_only_when_asked(
    shop: Shop, cloud: Cloud, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TOY_URL", shop.url)
    monkeypatch.setattr(registry, "KINDS", [*registry.KINDS, toy.ROW, doll.ROW])
    shop.toys[ANNA] = "OFF"
    with pytest.raises(connector.TargetNotReady):
        connector.open_socket(ANNA)
    with TcpService(greeting_echo) as service:
        cloud.port = service.port
        with connector.open_socket("anna.doll", start=True) as stream:
            assert stream.recv(len(GREETING)) == GREETING
    assert shop.toys[ANNA] == "ON"


def test_library_refuses_a_region_of_a_kind_without_regions() -> None:
    with pytest.raises(connector.ConfigError, match="--region"):
        connector.open_socket("anna.codecatalyst", region="eu-west-1")


def test_doctor_examines_a_doll_and_its_options(user: User, sshd: Sshd) -> None:
    answer = user.run("doctor", "anna.doll", "--hair", "long", "--json")
    legs = {leg["name"]: leg for leg in json.loads(answer.stdout)["legs"]}
    assert legs["toy"]["text"] == "It is ON"
    for name in ("session", "greeting", "session-end"):
        assert legs[name]["status"] == "ok", legs[name]
