"""Keys from the sources that only botocore knows, each a real server or program."""

from __future__ import annotations

import hashlib
import json
import os
import shlex
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from botocore.tokens import SSOTokenProvider

from connector.aws.keys import AwsKeys, KeySource
from connector.aws.profile import load_profile, with_credentials
from connector.errors import ConfigError, ConnectorError, CredentialsError, NoKeys
from connector.transport.trust import Trust

from .recording import Recorder
from .sources import ROLE, Sources, iso, serving

BASE = "[profile base]\naws_access_key_id = AKIDX\naws_secret_access_key = hidden-x\n"
WORK = f"[profile work]\nrole_arn = {ROLE}\nsource_profile = base\nregion = eu-west-1\n"
CORP = """\
[profile sso]
sso_session = corp
sso_account_id = 123456789012
sso_role_name = Role
[sso-session corp]
sso_start_url = https://x.awsapps.com/start
sso_region = us-east-1
"""


@pytest.fixture
def sources(monkeypatch: pytest.MonkeyPatch, home: Path) -> Iterator[Sources]:
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    (home / ".aws").mkdir()
    # botocore expands ~ when it is imported.
    monkeypatch.setattr(SSOTokenProvider, "_SSO_TOKEN_CACHE_DIR", str(home / ".aws/sso/cache"))
    with serving() as sources:
        monkeypatch.setenv("AWS_ENDPOINT_URL_STS", sources.url)
        monkeypatch.setenv("AWS_ENDPOINT_URL_SSO", sources.url)
        yield sources


@pytest.fixture
def configure(home: Path) -> Callable[[str], None]:
    def write(text: str) -> None:
        (home / ".aws/config").write_text(text)

    return write


def source_of(name: str | None, now: Callable[[], float] = time.time) -> KeySource:
    profile = with_credentials(load_profile(name, os.environ), os.environ)
    return KeySource(profile, os.environ, Trust().connect, named=name is not None, now=now)


def load(name: str | None, timeout: float = 20) -> AwsKeys:
    return source_of(name).load(timeout)


def log_in(home: Path, end: float) -> None:
    """Write the token of an SSO login, as ``aws sso login`` does."""
    cache = home / ".aws/sso/cache"
    cache.mkdir(parents=True, exist_ok=True)
    token = {"accessToken": "a-token", "expiresAt": iso(end), "startUrl": "https://x"}
    (cache / f"{hashlib.sha1(b'corp').hexdigest()}.json").write_text(json.dumps(token))


def program(home: Path, code: str) -> str:
    """Write a program for ``credential_process``; return the command that runs it."""
    file = home / "program.py"
    file.write_text(code)
    return shlex.join([sys.executable, str(file)])


def aws(*words: str) -> subprocess.CompletedProcess[str]:
    """Run the real AWS CLI."""
    return subprocess.run(
        [sys.executable, "-m", "awscli", *words], capture_output=True, text=True, timeout=60
    )


def test_role_is_assumed_once_and_then_taken_from_the_cache(
    sources: Sources, configure: Callable[[str], None], home: Path
) -> None:
    configure(BASE + WORK)
    first = load("work")
    assert first.access_key_id == "ASIA1"
    assert first.expires_at is not None
    assert load("work") == first
    assert sources.asked == ["AssumeRole"]
    assert sources.forms[0]["RoleArn"] == ROLE
    (file,) = (home / ".aws/cli/cache").iterdir()
    assert file.stat().st_mode & 0o777 == 0o600


def test_aws_cli_uses_the_role_that_we_have_assumed(
    sources: Sources, configure: Callable[[str], None]
) -> None:
    configure(BASE + WORK)
    load("work")
    done = aws("sts", "get-caller-identity", "--profile", "work")
    assert done.returncode == 0, done.stderr
    assert sources.asked == ["AssumeRole", "GetCallerIdentity"]


def test_role_that_the_aws_cli_has_assumed_needs_no_call(
    sources: Sources, configure: Callable[[str], None]
) -> None:
    mfa = "mfa_serial = arn:aws:iam::1:mfa/m\nexternal_id = an id\nduration_seconds = 7200\n"
    configure(BASE + WORK + mfa)
    done = subprocess.run(
        [sys.executable, "-m", "awscli", "sts", "get-caller-identity", "--profile", "work"],
        input="123456\n",
        start_new_session=True,  # without a terminal, getpass reads stdin
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    assert sources.asked == ["AssumeRole", "GetCallerIdentity"]
    assert load("work").access_key_id == "ASIA1"
    assert sources.asked == ["AssumeRole", "GetCallerIdentity"]


def test_endpoint_of_sts_with_tls_is_called_with_our_certificates(
    configure: Callable[[str], None], sources: Sources, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    configure(BASE + WORK)
    _, answer = sources.answer("POST", "/", "Action=AssumeRole")
    with Recorder(home, answer.encode()) as peer:
        monkeypatch.setenv("AWS_ENDPOINT_URL_STS", f"https://localhost:{peer.port}")
        profile = with_credentials(load_profile("work", os.environ), os.environ)
        trust = Trust(str(peer.ca_file))
        keys = KeySource(profile, os.environ, trust.connect, named=True).load(20)
        assert keys.access_key_id == "ASIA1"
        assert b"eu-west-1/sts/aws4_request" in peer.requests[0]
        for file in (home / ".aws/cli/cache").iterdir():
            file.unlink()
        with pytest.raises(ConnectorError, match="signed by an unknown CA"):
            load("work")


def test_role_of_an_sso_login(
    sources: Sources, configure: Callable[[str], None], home: Path
) -> None:
    configure(CORP)
    log_in(home, time.time() + 3600)
    first = load("sso")
    assert first.access_key_id == "ASIA1"
    assert load("sso") == first
    assert sources.asked == ["GetRoleCredentials"]


@pytest.mark.parametrize("end", [-10, None])
def test_missing_sso_login_is_reported(
    sources: Sources, configure: Callable[[str], None], home: Path, end: float | None
) -> None:
    configure(CORP)
    if end is not None:
        log_in(home, time.time() + end)
    with pytest.raises(CredentialsError, match="Run `aws sso login --profile sso`"):
        load("sso")


def test_refused_sso_login_is_reported(
    sources: Sources, configure: Callable[[str], None], home: Path
) -> None:
    configure(CORP)
    log_in(home, time.time() + 3600)
    sources.refusal = 401, "UnauthorizedException"
    with pytest.raises(CredentialsError, match="SSO login of the profile sso has expired"):
        load("sso")


#: Keys that have expired.
ENDED_JSON = (
    '{"Version": 1, "AccessKeyId": "AKIDP", "SecretAccessKey": "hidden", '
    '"Expiration": "2020-01-01T00:00:00Z"}'
)
KEYS_JSON = '{"Version": 1, "AccessKeyId": "AKIDP", "SecretAccessKey": "hidden-p"}'


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


def test_failing_program_of_a_source_profile_is_reported(
    sources: Sources, configure: Callable[[str], None], home: Path
) -> None:
    command = program(home, "import sys; sys.exit('hidden words')")
    configure(f"[profile base]\ncredential_process = {command}\n{WORK}")
    with pytest.raises(
        CredentialsError, match="credential_process of the profile work failed"
    ) as c:
        load("work")
    assert "hidden" not in str(c.value)


def test_program_of_a_source_profile_that_hangs_is_ended(
    sources: Sources,
    configure: Callable[[str], None],
    home: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("connector.aws.chain.PROGRAM_TIMEOUT", 3)
    pid_file = home / "pid"
    code = (
        f"import os, time\nopen({str(pid_file)!r}, 'w').write(str(os.getpid()))\ntime.sleep(300)\n"
    )
    configure(f"[profile base]\ncredential_process = {program(home, code)}\n{WORK}")
    with pytest.raises(CredentialsError, match=r"credential_process .* did not end within 3 s"):
        load("work", 1)
    _wait_gone(int(pid_file.read_text()))


def test_program_of_a_source_profile_gets_no_input(
    sources: Sources, configure: Callable[[str], None], home: Path
) -> None:
    code = f"import sys\nassert sys.stdin.read() == ''\nprint('''{KEYS_JSON}''')\n"
    command = program(home, code)
    configure(f"[profile base]\ncredential_process = {command}\n{WORK}")
    assert load("work").access_key_id == "ASIA1"


@pytest.mark.parametrize(
    "code",
    [
        "import sys; sys.exit('hidden words')",
        "print('hidden words')",
        "print('{\"Version\": 2}')",
        "print('{\"Version\": 1}')",
        "print('[]')",
        "import sys; sys.stdout.buffer.write(b'hidden \\xff')",
        'print(\'{"Version": 1, "AccessKeyId": "A", "SecretAccessKey": 5}\')',
        f"print('''{ENDED_JSON}''')",
        f"print('''{ENDED_JSON.replace('2020', 'soon')}''')",
        f"print('''{ENDED_JSON.replace('1', '2', 1)}''')",
        "print('[' * 100_000)",
    ],
)
def test_failing_program_is_reported(
    sources: Sources, configure: Callable[[str], None], home: Path, code: str
) -> None:
    configure(f"[profile work]\ncredential_process = {program(home, code)}\n")
    with pytest.raises(
        CredentialsError, match="credential_process of the profile work failed"
    ) as c:
        load("work")
    assert "hidden" not in str(c.value)


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


@pytest.mark.parametrize(
    ("command", "words"), [("", "it is empty"), ("'open", "its quotes do not match")]
)
def test_command_that_is_none_is_reported(
    sources: Sources, configure: Callable[[str], None], command: str, words: str
) -> None:
    configure(f"[profile work]\ncredential_process = {command}\n")
    with pytest.raises(CredentialsError, match=f"profile work failed .{words}"):
        load("work")


def test_wrong_clock_is_reported_where_a_role_is_refused_for_it(
    sources: Sources, configure: Callable[[str], None]
) -> None:
    configure(BASE + WORK)
    sources.refusal = 403, "SignatureDoesNotMatch"
    sources.said = "Signature expired: 20261130T000000Z is now earlier than 20261130T010000Z"
    with pytest.raises(CredentialsError, match="Check the clock of this machine"):
        load("work")


def test_missing_program_is_reported(sources: Sources, configure: Callable[[str], None]) -> None:
    configure("[profile work]\ncredential_process = /nonexistent/program\n")
    with pytest.raises(CredentialsError, match=r"profile work failed \(FileNotFoundError\)"):
        load("work")


# Nine megabytes in all, of which one is kept. Without a rest it would only heat the machine.
@pytest.mark.parametrize(
    "rest", ["time.sleep(300)", "while True: time.sleep(0.02); print('hidden' * 10000)"]
)
def test_program_that_does_not_end_is_killed_at_the_deadline(
    sources: Sources,
    configure: Callable[[str], None],
    home: Path,
    rest: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("connector.aws.program.TIMEOUT", 3)
    pid_file = home / "pid"
    code = f"import os, time\nopen({str(pid_file)!r}, 'w').write(str(os.getpid()))\n{rest}\n"
    configure(f"[profile work]\ncredential_process = {program(home, code)}\n")
    with pytest.raises(CredentialsError, match=r"credential_process .* did not end within 3 s"):
        load("work", 1)
    _wait_gone(int(pid_file.read_text()))


def test_program_may_take_longer_than_a_call(
    sources: Sources, configure: Callable[[str], None], home: Path
) -> None:
    """It may show a dialog to its user."""
    go = home / "go"
    code = (
        "import os, time\n"
        f"while not os.path.exists({str(go)!r}): time.sleep(0.02)\n"
        f"print('''{KEYS_JSON}''')\n"
    )
    configure(f"[profile work]\ncredential_process = {program(home, code)}\n")
    timer = threading.Timer(1, go.touch)
    timer.start()
    assert load("work", 0.2) == AwsKeys("AKIDP", "hidden-p")
    timer.join()


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
    while not (pid_file.exists() and pid_file.read_text()):
        time.sleep(0.02)
    command.send_signal(signal.SIGINT)
    command.communicate(timeout=60)
    _wait_gone(int(pid_file.read_text()))


def _wait_gone(pid: int) -> None:
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        try:
            os.kill(pid, 0)
        except ProcessLookupError:
            return
        time.sleep(0.02)
    os.kill(pid, signal.SIGKILL)
    pytest.fail("the program still runs")


def test_container_gives_keys(sources: Sources, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_CONTAINER_CREDENTIALS_FULL_URI", f"{sources.url}/container")
    assert load(None).access_key_id == "ASIA1"
    assert sources.asked == ["container"]


def test_instance_gives_keys(sources: Sources, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "false")
    monkeypatch.setenv("AWS_EC2_METADATA_SERVICE_ENDPOINT", sources.url)
    assert load(None).access_key_id == "ASIA1"
    assert sources.asked == ["metadata"]


def test_silent_metadata_address_ends_at_the_deadline(
    sources: Sources, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "false")
    monkeypatch.setenv("AWS_EC2_METADATA_SERVICE_ENDPOINT", sources.url)
    monkeypatch.setenv("AWS_METADATA_SERVICE_TIMEOUT", "50")
    sources.silent = True
    with pytest.raises(CredentialsError, match="keys of the profile default did not come within"):
        load(None, 1)


def test_web_identity_gives_keys(
    sources: Sources, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (home / "token").write_text("a-web-token")
    monkeypatch.setenv("AWS_WEB_IDENTITY_TOKEN_FILE", str(home / "token"))
    monkeypatch.setenv("AWS_ROLE_ARN", ROLE)
    assert load(None).access_key_id == "ASIA1"
    assert sources.asked == ["AssumeRoleWithWebIdentity"]
    assert sources.forms[0]["WebIdentityToken"] == "a-web-token"


@pytest.mark.parametrize(
    ("name", "config", "error", "words"),
    [
        (None, "", NoKeys, "There are no AWS keys for the profile default"),
        ("work", "[profile work]\n", NoKeys, "no AWS keys for the profile work"),
        ("nosuch", BASE, ConfigError, "There is no AWS profile nosuch"),
        (
            *("work", "[profile work]\naws_access_key_id = AKIDX\n", CredentialsError),
            "profile work are incomplete: aws_secret_access_key is missing",
        ),
        (
            *("work", f"[profile work]\nrole_arn = {ROLE}\n", CredentialsError),
            "incomplete: source_profile or credential_source is missing",
        ),
        ("work", WORK, ConfigError, 'source_profile "base" referenced in the profile "work"'),
        (
            *("work", f"[profile work]\nrole_arn = {ROLE}\nsource_profile = work\n", ConfigError),
            "Infinite loop",
        ),
        ("sso", CORP.partition("[sso-session")[0], ConfigError, "sso-session does not exist"),
    ],
)
def test_unusable_settings_are_reported(
    sources: Sources,
    configure: Callable[[str], None],
    name: str | None,
    config: str,
    error: type[ConnectorError],
    words: str,
) -> None:
    configure(config)
    with pytest.raises(error, match=words) as caught:
        load(name)
    assert type(caught.value) is error


def test_unknown_profile_of_a_variable_is_reported_before_keys_of_variables(
    sources: Sources, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_PROFILE", "nosuch")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIDE")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "hidden-e")
    with pytest.raises(ConfigError, match="There is no AWS profile nosuch"):
        load(None)


def test_refused_role_is_reported_without_the_services_words(
    sources: Sources, configure: Callable[[str], None]
) -> None:
    configure(BASE + WORK)
    sources.refusal = 403, "AccessDenied"
    with pytest.raises(CredentialsError, match=r"profile work \(AccessDenied\)") as caught:
        load("work")
    assert "hidden" not in str(caught.value)


def test_keys_are_replaced_before_they_expire(
    sources: Sources, configure: Callable[[str], None], home: Path
) -> None:
    configure(CORP)
    log_in(home, time.time() + 90_000)
    later = [0.0]
    source = source_of("sso", lambda: time.time() + later[0])
    first = source.load(20)
    later[0] = 3600 - 600
    assert source.load(20) == first
    later[0] = 3600 - 200
    for file in (home / ".aws/cli/cache").iterdir():
        file.unlink()  # its keys are fresh by the real clock
    second = source.load(20)
    assert second.access_key_id == "ASIA2"


def test_keys_that_expire_soon_are_used_while_there_are_no_newer_ones(
    sources: Sources, configure: Callable[[str], None], home: Path
) -> None:
    configure(CORP)
    log_in(home, time.time() + 90_000)
    later = [0.0]
    source = source_of("sso", lambda: time.time() + later[0])
    first = source.load(20)
    for file in (home / ".aws/cli/cache").iterdir():
        file.unlink()
    sources.refusal = 500, "InternalServerException"
    later[0] = 3600 - 200
    assert source.load(20) == first
    later[0] = 3700
    with pytest.raises(CredentialsError):
        source.load(20)


def test_refused_keys_of_a_role_are_renewed_past_the_cache(
    sources: Sources, configure: Callable[[str], None]
) -> None:
    configure(BASE + WORK)
    source = source_of("work")
    first = source.load(20)
    source.renew(first)
    second = source.load(20)
    assert second.access_key_id == "ASIA2"
    source.renew(first)  # a slower thread
    assert source.load(20) == second
    assert load("work") == second
    assert sources.asked == ["AssumeRole", "AssumeRole"]


def test_refused_keys_of_a_file_are_read_again(
    sources: Sources, configure: Callable[[str], None]
) -> None:
    configure(BASE)
    source = source_of("base")
    first = source.load(20)
    configure(BASE.replace("AKIDX", "AKIDY"))
    assert source.load(20) == first
    source.renew(first)
    assert source.load(20).access_key_id == "AKIDY"


def test_known_keys_need_no_time(sources: Sources, configure: Callable[[str], None]) -> None:
    """A caller whose deadline has passed gets what is there."""
    configure(BASE)
    source = source_of("base")
    assert source.load(-1.5) == source.load(20)


def test_threads_share_one_search(sources: Sources, configure: Callable[[str], None]) -> None:
    configure(BASE + WORK)
    source = source_of("work")
    found: list[AwsKeys] = []
    threads = [threading.Thread(target=lambda: found.append(source.load(20))) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(set(found)) == 1
    assert sources.asked == ["AssumeRole"]


class CountingLock:
    """A lock that counts the threads that have asked for it."""

    def __init__(self) -> None:
        self.asked = 0
        self._lock = threading.Lock()
        self.release = self._lock.release

    def acquire(self, timeout: float) -> bool:
        self.asked += 1
        return self._lock.acquire(timeout=timeout)


def test_threads_share_one_failing_search(
    sources: Sources, configure: Callable[[str], None], home: Path
) -> None:
    """The others wait while the program of the first runs."""
    runs, go = home / "runs", home / "go"
    code = (
        "import os, time\n"
        f"open({str(runs)!r}, 'a').write('run ')\n"
        f"while not os.path.exists({str(go)!r}): time.sleep(0.02)\n"
        "raise SystemExit(1)\n"
    )
    configure(f"[profile work]\ncredential_process = {program(home, code)}\n")
    source = source_of("work")
    lock: Any = CountingLock()
    source._lock = lock
    found: list[str] = []

    def ask() -> None:
        try:
            source.load(60)
        except CredentialsError as error:
            found.append(str(error))

    threads = [threading.Thread(target=ask) for _ in range(4)]
    for thread in threads:
        thread.start()
    while lock.asked < 4:
        time.sleep(0.02)
    go.touch()
    for thread in threads:
        thread.join()
    assert len(found) == 4
    assert len(set(found)) == 1
    assert runs.read_text() == "run "
    with pytest.raises(CredentialsError):
        source.load(60)
    assert runs.read_text() == "run run "


MFA = f"{BASE}{WORK}mfa_serial = arn:aws:iam::123456789012:mfa/mary\n"


def test_code_is_not_asked_for_without_a_terminal(
    sources: Sources, configure: Callable[[str], None]
) -> None:
    configure(MFA)
    read, write = os.pipe()
    kept = os.dup(0)
    os.dup2(read, 0)
    try:
        os.write(write, b"123456\n")
        with pytest.raises(CredentialsError, match="needs an MFA code") as caught:
            load("work")
        assert os.read(read, 100) == b"123456\n"
    finally:
        os.dup2(kept, 0)
        for descriptor in (read, write, kept):
            os.close(descriptor)
    assert "`aws sts get-caller-identity --profile work`" in str(caught.value)
    assert sources.asked == []


LOAD = """\
import os, sys
from connector.aws.keys import KeySource
from connector.aws.profile import load_profile, with_credentials
from connector.transport.trust import Trust

profile = with_credentials(load_profile("work", os.environ), os.environ)
source = KeySource(profile, os.environ, Trust().connect, named=True)
try:
    keys = source.load(3)
except Exception as error:
    print("error:", error)
    raise SystemExit
print("found", keys.access_key_id)
source.renew(keys)
try:
    source.load(3)
except Exception as error:
    print("later:", error)
"""


def on_terminal(typed: bytes) -> str:
    """Run a program on a terminal, type a line when it asks, and return what it prints."""
    import pty

    pid, master = pty.fork()
    if pid == 0:
        os.execv(sys.executable, [sys.executable, "-c", LOAD])
    output = b""
    try:
        while b"MFA code" not in output:
            output += os.read(master, 1000)
        os.write(master, typed)
        while piece := _read(master):
            output += piece
    finally:
        os.close(master)
        os.waitpid(pid, 0)
    return output.decode()


def _read(master: int) -> bytes:
    try:
        return os.read(master, 1000)
    except OSError:  # EIO: the program has ended
        return b""


def test_code_is_asked_for_on_a_terminal_and_once_only(
    sources: Sources, configure: Callable[[str], None]
) -> None:
    configure(MFA)
    output = on_terminal(b"123456\n")
    assert "Enter MFA code for arn:aws:iam::123456789012:mfa/mary: " in output
    assert "123456\r" not in output  # the terminal does not echo it
    assert "found ASIA1" in output
    assert sources.forms[0]["TokenCode"] == "123456"
    assert "later: The role of the profile work needs an MFA code" in output


def test_empty_code_is_refused(sources: Sources, configure: Callable[[str], None]) -> None:
    configure(MFA)
    assert "error: No MFA code was entered" in on_terminal(b"\n")
    assert sources.asked == []


@pytest.mark.parametrize(("text", "profile"), [(CORP, "sso"), (BASE + WORK, "work")])
def test_login_and_keys_never_cross_the_network_in_clear(
    sources: Sources,
    configure: Callable[[str], None],
    home: Path,
    monkeypatch: pytest.MonkeyPatch,
    text: str,
    profile: str,
) -> None:
    configure(text)
    log_in(home, time.time() + 3600)
    for service in ("SSO", "STS"):
        monkeypatch.setenv(f"AWS_ENDPOINT_URL_{service}", "http://portal.example.com:1")
    with pytest.raises(ConfigError, match="is not an https:// URL"):
        load(profile)
