"""All kinds of targets: what tells them apart, as plain data.

A name or an option leads to a kind, and only the module of that kind is imported.
"""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module

from ..errors import ConfigError, quoted
from ..fast.plain import is_id
from ..fast.records import NamedTuple
from ..fast.typed import TYPE_CHECKING, cast
from .model import COMMAND, SHELL, SSH, Query, Words

if TYPE_CHECKING:
    from .kind import Kind
    from .model import HelpTexts


#: What an option of a kind is about, and so which commands have it. A place: all that look for
#: targets. TARGET: all that need one. START: those that may start it. WAY: these, and doctor.
#: SESSION: those that open a session for ssh. STREAM: `proxy` alone, since ssh tells the value to
#: its ProxyCommand.
PLACE, TARGET, START, WAY = "place", "target", "start", "way"
SESSION, STREAM = "session", "stream"


#: The roles of the options of a command, where these are not PLACE and TARGET.
_ROLES_OF = {
    "start": (PLACE, TARGET, START, WAY),
    "shell": (PLACE, TARGET, START, WAY),
    "exec": (PLACE, TARGET, START, WAY),
    "ssh": (PLACE, START, WAY, SESSION),
}


class KindOption(NamedTuple):
    """An option that belongs to one or more kinds of target.

    :param type: of its values: ``text``, ``region``, ``uuid``, ``port``, ``choice`` or ``flag``.
    :param variables: of the environment. The kind reads them itself. An option with variables is
        also a setting of the user's file; one without has to be given each time.
    :param role: one of the words above.
    :param choices: the values of a ``choice``.
    """

    name: str
    type: str
    help: str
    variables: tuple[str, ...] = ()
    role: str = PLACE
    choices: tuple[str, ...] = ()

    @property
    def dest(self) -> str:
        """The name of the option's value, as argparse makes it."""
        return self.name.replace("-", "_")


class LoginFacts(NamedTuple):
    """What ``connector login`` and ``logout`` have to know of a kind.

    :param profile: of the login, when no option or variable names one.
    :param scope: that a token needs for the service's API.
    :param token_variables: variables whose token is used instead of the login's.
    """

    profile: str
    scope: str
    token_variables: tuple[str, ...]


class KindRow(NamedTuple):
    """One kind.

    :param module: has the kind as ``KIND``.
    :param help_module: has the texts of `connector help` as ``HELP``.
    :param prefixes: of host names that are this kind's alone; ``suffixes`` likewise, in any case.
    :param id_prefixes: likewise, if 8 or 17 hexadecimal digits and nothing else follow, as in the
        ids of machines: ``i-0123456789abcdef0``.
    :param forms: the forms of a session that the service can start.
    :param starts_unasked: whether a command that needs a stopped target starts it. Otherwise, only
        ``--start``, the setting and `connector start` do.
    :param has_list: whether the service tells which targets there are, and which of them run.
    :param copies_by_tar: whether `connector cp` runs tar in commands, for targets that rarely have
        an SSH server. Otherwise it speaks SFTP over the user's ssh.
    :param example: names of such targets, for the line of the kind in help texts.
    :param endpoint_variables: variables that name another API than the service's own.
    :param login: ``None`` for a kind that needs no login of the connector.
    """

    name: str
    module: str
    help_module: str
    words: Words
    prefixes: tuple[str, ...]
    suffixes: tuple[str, ...]
    options: tuple[KindOption, ...]
    endpoint_variables: tuple[str, ...]
    login: LoginFacts | None = None
    id_prefixes: tuple[str, ...] = ()
    forms: tuple[str, ...] = (SSH, SHELL, COMMAND)
    starts_unasked: bool = True
    has_list: bool = True
    copies_by_tar: bool = False
    example: str = ""

    def recognises(self, name: str) -> bool:
        """Return whether a host name is this kind's by its spelling."""
        return (
            name.startswith(self.prefixes)
            or name.lower().endswith(self.suffixes)
            or any(is_id(name, prefix) for prefix in self.id_prefixes)
        )

    def option(self, name: str) -> KindOption | None:
        """Return the option of this name, or None where the kind has none."""
        return next((option for option in self.options if option.name == name), None)

    def command(self, query: Query, *words: str) -> str:
        """Return the command line of the connector with these words, about a target of this kind.

        It has those options of the query that the command takes, in the order that it takes.
        """
        own = [(self.option(name), value) for name, value in query.options]
        roles = _ROLES_OF.get(words[0], (PLACE, TARGET))
        kept = tuple((each.name, value) for each, value in own if each and each.role in roles)
        query = query._replace(options=kept)
        if words[0] != "ssh":
            return query.command(*words)
        # All words after the name are arguments of ssh.
        return query._replace(name="").command(*words, after=(query.name,))

    def require(self, form: str, query: Query) -> None:
        """Check that the service can start a session of this form.

        :raises ConfigError: when it cannot. The hint has a command that works for the target.
        """
        if form in self.forms:
            return
        name = query.name
        if not (name.isprintable() and 0 < len(name) <= 60 and " " not in name):
            query = query._replace(name="NAME")
        if form == SSH:
            raise ConfigError(
                f"{self.words.service} starts no sessions for ssh in {self.words.nouns}",
                f"Use `{self.command(query, 'shell')}`",
            )
        raise ConfigError(
            f"{self.words.service} starts only sessions for ssh in {self.words.nouns}",
            f"Use `{self.command(query, 'ssh')}{' -- COMMAND' if form == COMMAND else ''}`",
        )

    def narrowed(self, query: Query, environ: Mapping[str, str]) -> Query:
        """Return the query with the places that variables name, where no option does."""
        found = tuple(
            (option.name, value)
            for option in self.options
            for value in [next(filter(None, map(environ.get, option.variables)), None)]
            if value and option.role == PLACE and not query.option(option.name)
        )
        return query._replace(options=(*query.options, *found))

    def load(self) -> Kind:
        """Import the kind."""
        return cast("Kind", import_module(self.module).KIND)

    def load_help(self) -> HelpTexts:
        """Import the texts of `connector help`."""
        return cast("HelpTexts", import_module(self.help_module).HELP)


#: Options that several kinds have.
REGION = KindOption(
    "region",
    "region",
    "the Region of AWS; in `connector list`, several with commas, or all",
    ("AWS_REGION", "AWS_DEFAULT_REGION"),
)
PORT = KindOption("port", "port", "the port of the SSH server; 22 without it", role=STREAM)
#: Of kinds whose targets have an SSH host key of their own for each start.
KNOWN_HOSTS = KindOption(
    "known-hosts",
    "text",
    "ssh's UserKnownHostsFile, to remove the host keys of a target's earlier starts from",
    role=STREAM,
)

_CODECATALYST = KindRow(
    name="codecatalyst",
    module="connector.targets.codecatalyst.kind",
    help_module="connector.targets.codecatalyst.help",
    words=Words("Dev Environment", "Dev Environments", "CodeCatalyst", "the CodeCatalyst console"),
    prefixes=("codecatalyst-dev-env=", "aws-devenv-"),
    suffixes=(".codecatalyst",),
    example="my-env.codecatalyst or my-env",
    options=(
        KindOption("space", "text", "the space's name", ("SPACE_NAME",)),
        KindOption("project", "text", "the project's name", ("PROJECT_NAME",)),
        KindOption("id", "uuid", "the Dev Environment's id", ("DEVENV_ID",), TARGET),
    ),
    endpoint_variables=("AWS_ENDPOINT_URL_CODECATALYST", "CODECATALYST_ENDPOINT"),
    # The profile of AWS's guide. The first variable is botocore's, the second one the toolkit's.
    login=LoginFacts(
        "codecatalyst",
        "codecatalyst:read_write",
        ("AWS_BEARER_TOKEN_CODECATALYST", "BEARER_TOKEN_LOCATION"),
    ),
)

CODEBUILD = KindRow(
    name="codebuild",
    module="connector.targets.codebuild.kind",
    help_module="connector.targets.codebuild.help",
    words=Words("sandbox", "CodeBuild sandboxes", "CodeBuild", "the CodeBuild console"),
    prefixes=("codebuild-sandbox-ssh=", "arn:aws:codebuild:", "arn:aws-cn:codebuild:"),
    suffixes=(".codebuild",),
    example="my-project.codebuild",
    options=(
        REGION,
        KindOption(
            "new",
            "flag",
            "start a new sandbox of the project, which costs money until it is stopped",
            role=START,
        ),
    ),
    endpoint_variables=("AWS_ENDPOINT_URL_CODEBUILD", "AWS_ENDPOINT_URL_SSM"),
)

EC2 = KindRow(
    name="ec2",
    module="connector.targets.ec2.kind",
    help_module="connector.targets.ec2.help",
    words=Words("machine", "EC2 instances", "EC2", "the EC2 console"),
    prefixes=("aws-ec2-",),
    suffixes=(".ec2",),
    id_prefixes=("i-", "mi-"),
    starts_unasked=False,
    example="web.ec2 or i-0123456789abcdef0",
    options=(
        REGION,
        PORT,
        KindOption(
            "push-key", "flag", "push your public key by EC2 Instance Connect first", role=SESSION
        ),
        KindOption(
            "via",
            "choice",
            "the way to the SSH server: Systems Manager, or EC2 Instance Connect Endpoint",
            role=WAY,
            choices=("ssm", "eice"),
        ),
        KindOption("user", "text", "the user for --push-key, as ssh tells it", role=STREAM),
        KindOption(
            "public-key",
            "text",
            "the public key for --push-key, as `connector ssh` tells it",
            role=STREAM,
        ),
    ),
    endpoint_variables=("AWS_ENDPOINT_URL_EC2", "AWS_ENDPOINT_URL_SSM"),
)

ECS = KindRow(
    name="ecs",
    module="connector.targets.ecs.kind",
    help_module="connector.targets.ecs.help",
    words=Words("ECS container", "ECS tasks", "ECS", "the ECS console"),
    prefixes=("arn:aws:ecs:", "arn:aws-cn:ecs:", "arn:aws-us-gov:ecs:", "ecs:"),
    suffixes=(".ecs",),
    example="app.web.prod.ecs or app.ecs",
    options=(REGION, PORT),
    endpoint_variables=("AWS_ENDPOINT_URL_ECS", "AWS_ENDPOINT_URL_SSM"),
    copies_by_tar=True,
)

SAGEMAKER = KindRow(
    name="sagemaker",
    module="connector.targets.sagemaker.kind",
    help_module="connector.targets.sagemaker.help",
    words=Words("SageMaker space", "SageMaker spaces", "SageMaker", "SageMaker Studio"),
    prefixes=(
        *(f"arn:{each}:sagemaker:" for each in ("aws", "aws-cn", "aws-us-gov")),
        *("sm_lc_", "sm_dl_", "smc_lc_", "smc_dl_"),
    ),
    suffixes=(".sagemaker",),
    example="my-space.sagemaker",
    forms=(SSH,),
    options=(
        REGION,
        KindOption(
            "enable-remote-access",
            "flag",
            "turn remote access to the space on if it is off; this restarts the space",
            role=START,
        ),
        KNOWN_HOSTS,
    ),
    endpoint_variables=("AWS_ENDPOINT_URL_SAGEMAKER", "AWS_ENDPOINT_URL_SSM"),
)

SSM = KindRow(
    name="ssm",
    module="connector.targets.ssm.kind",
    help_module="connector.targets.ssm.help",
    words=Words("target", "other targets of Systems Manager", "Systems Manager", "the AWS console"),
    prefixes=(
        *("sagemaker-cluster:", "sagemaker-training-job:", "sagemaker-endpoint:", "codebuild:"),
        *("gameliftstreams:", "arn:aws:gameliftstreams:"),
    ),
    suffixes=(".ssm",),
    has_list=False,
    example="sagemaker-training-job.my-job_algo-1.ssm",
    options=(REGION, PORT),
    endpoint_variables=("AWS_ENDPOINT_URL_SSM", "AWS_ENDPOINT_URL_GAMELIFTSTREAMS"),
)

#: The first kind has the names that no spelling and no option gives to another kind.
KINDS = [_CODECATALYST, CODEBUILD, EC2, ECS, SAGEMAKER, SSM]


def row_of(query: Query) -> KindRow:
    """Return the row of the kind that a query is about.

    :raises ConfigError: when an option belongs to another kind than the name, or to several.
    """
    row = next((row for row in KINDS if query.name and row.recognises(query.name)), None)
    if row is None:
        return _by_options(query)
    for option, _ in query.options:
        if row.option(option) is None:
            raise ConfigError(f"--{option} does not go with the name {quoted(query.name)}")
    return row


def _by_options(query: Query) -> KindRow:
    """Return the row of a query whose name tells no kind."""
    rows = rows_of(query)
    if len(rows) == 1 or rows[0] is KINDS[0] or not query.name:
        return rows[0]
    *names, last = [f"{query.name}{suffix}" for row in rows for suffix in row.suffixes[:1]]
    raise ConfigError(
        f"The name {quoted(query.name)} does not say which kind of target it is",
        f"Write {', '.join(names)} or {last}",
    )


def kind_of(query: Query) -> Kind:
    """Import the kind that a query is about; raises what :func:`row_of` raises."""
    return row_of(query).load()


def rows_of(query: Query) -> list[KindRow]:
    """Return the rows of all kinds that a query without a name can be about.

    :raises ConfigError: when no kind has all options of the query.
    """
    rows = [row for row in KINDS if all(row.option(name) for name, _ in query.options)]
    if not rows:
        given = " and ".join(f"--{name}" for name, _ in query.options)
        raise ConfigError(f"{given} do not go together: no kind of target has them all")
    return rows


def login_facts() -> LoginFacts:
    """Return the facts of the first kind that needs a login."""
    return next(row.login for row in KINDS if row.login)


def names_target(query: Query, environ: Mapping[str, str]) -> bool:
    """Return whether a query names a target, by itself or by variables of its kind.

    An empty option, as of a script whose own variable is not set, must not become another target.

    :raises ConfigError: as of :func:`row_of`.
    """
    if query.name:
        return True
    own = [option for option in row_of(query).options if option.role == TARGET]
    given = [value for option in own if (value := query.option(option.name)) is not None]
    return any(given or (environ.get(name) for option in own for name in option.variables))


def require_name(query: Query, environ: Mapping[str, str]) -> None:
    """:raises ConfigError: when nothing names a target."""
    if not names_target(query, environ):
        raise ConfigError("No target is named", "Give a name that `connector list` shows")


def started_if_asked() -> str:
    """Return the targets that only ``--start``, the setting and `connector start` start."""
    return " and ".join(row.words.nouns for row in KINDS if not row.starts_unasked)


def has_gap(name: str) -> bool:
    """Return whether a name has an empty part: a dot at an end, or two in a row."""
    return "" in name.split(".")


def check_parts(name: str) -> None:
    """:raises ConfigError: when a name has an empty part."""
    if has_gap(name):
        raise ConfigError(
            f"The name {quoted(name)} has a dot at an end, or two in a row",
            "Write one dot between two parts",
        )


def other_kinds_hint(query: Query) -> str:
    """Return how to name a target of another kind than the first.

    A name that tells no kind is looked for among the targets of the first kind alone. Empty where
    the query tells a kind.
    """
    name = query.name
    if not name or query.options or KINDS[0].recognises(name):
        return ""
    for row in KINDS:
        for prefix in row.id_prefixes:
            digits = name.lower().removeprefix(prefix)
            if digits != name.lower() and not digits.strip("0123456789abcdef"):
                whole = f"{name}{row.suffixes[0]}"
                return f"If {name} is a part of an id of {row.words.service}, write {whole}"
    *endings, last = [row.suffixes[0] for row in KINDS[1:]]
    nouns = KINDS[0].words.nouns
    return f"Names of other targets than {nouns} end in {', '.join(endings)} or {last}"
