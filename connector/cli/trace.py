"""``connector trace``: read the dialogue in a log file."""

from __future__ import annotations

import argparse
import re
from collections.abc import Iterable, Iterator
from datetime import datetime

from ..errors import ConfigError
from ..files import reason
from .output.lines import tell
from .settings import add_logging_options

DESCRIPTION = """\
Print the messages of recorded sessions, with the seconds since the first. FILE is a log file that
a command has written with -vvv and --log-file: such a log has a line for each message. Of each
message the trace shows type, sequence number, flags and sizes, never its content or a token.

The lines begin with < for a message that arrived, or > for one that left. The trace marks
retransmissions, gaps, new links and the time until an ack. At the end of each session it counts.

To record a session of ssh, put -vvv and --log-file into its ProxyCommand, such as
`connector proxy -vvv --log-file session.log %h`.
"""

EPILOG = """\
examples:
  connector trace session.log
  connector trace session.log | grep -n retransmission
"""

#: A line of a log file: its time, its process, and the line of the dialogue.
_RECORD = re.compile(
    r"(?P<time>\d{4}-\d\d-\d\d \d\d:\d\d:\d\d,\d{3}) (?P<process>\d+) \S+ "
    r"connector\.dialogue: (?P<line>.*)"
)


def configure(parser: argparse.ArgumentParser) -> None:
    parser.description = DESCRIPTION
    parser.epilog = EPILOG
    parser.add_argument("file", metavar="FILE", help="a log file, written with -vvv")
    add_logging_options(parser)


def run(options: argparse.Namespace) -> int:
    try:
        with open(options.file, encoding="utf-8", errors="replace") as file:
            sessions = _sessions(file)
    except OSError as error:
        raise ConfigError(f"the log file {options.file} cannot be read: {reason(error)}") from None
    if not sessions:
        raise ConfigError(
            f"the log file {options.file} has no messages of a session",
            "Record some with `-vvv --log-file PATH`",
        )
    for process, records in sessions.items():
        tell(*_shown(process, records))
    return 0


def _sessions(lines: Iterable[str]) -> dict[str, list[tuple[datetime, str]]]:
    """Return the records of the dialogue, each with its time, by process: sessions may overlap."""
    sessions: dict[str, list[tuple[datetime, str]]] = {}
    for text in lines:
        record = _RECORD.match(text)
        if record:
            time = datetime.strptime(record["time"], "%Y-%m-%d %H:%M:%S,%f")
            sessions.setdefault(record["process"], []).append((time, record["line"]))
    return sessions


def _shown(process: str, records: list[tuple[datetime, str]]) -> Iterator[str]:
    from ..datachannel.dialogue import parse
    from ..datachannel.trace import Trace

    began = records[0][0]
    yield f"process {process}, {began:%Y-%m-%d %H:%M:%S}"
    trace = Trace()
    for time, text in records:
        line = parse(text)
        at = (time - began).total_seconds()
        mark = trace.note(line, at) if line else ""
        yield f"{at:9.3f}  {text}{f'  ({mark})' if mark else ''}"
    yield ""
    yield from trace.totals()
    yield ""
