"""``python -m fuzz [--seconds N] [TARGET ...]``: fuzz each target in its own process.

The fuzzer is guided by coverage, and keeps its corpus in build/fuzz. It writes an input that fails
there as crash-*; ``python -m fuzz TARGET --replay FILE`` runs the target with that input.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
from pathlib import Path

CORPORA = Path("build/fuzz")


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m fuzz", description=__doc__)
    parser.add_argument("targets", nargs="*", metavar="TARGET", help="default: all")
    parser.add_argument(
        "--seconds", type=int, default=60, help="time for each target (default: 60)"
    )
    parser.add_argument("--replay", metavar="FILE", help="run one target once with this input")
    parser.add_argument("--inside", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.inside:
        _fuzz(options.targets[0], options.seconds)
        return 0
    from .targets import TARGETS

    unknown = set(options.targets) - set(TARGETS)
    if unknown or (options.replay and len(options.targets) != 1):
        parser.error(f"the targets are {', '.join(TARGETS)}")
    if options.replay:
        TARGETS[options.targets[0]](Path(options.replay).read_bytes())
        return 0
    failed = [name for name in options.targets or TARGETS if not _run(name, options.seconds)]
    print("failed:", ", ".join(failed) or "none")
    return 1 if failed else 0


def _run(name: str, seconds: int) -> bool:
    """Fuzz one target in its own process, which libFuzzer ends."""
    print(f"== {name}, {seconds} s", flush=True)
    command = [sys.executable, "-m", "fuzz", "--inside", "--seconds", str(seconds), name]
    return subprocess.run(command, check=False).returncode == 0


def _fuzz(name: str, seconds: int) -> None:
    import atheris

    with atheris.instrument_imports(include=["connector", "json", "configparser", "urllib"]):
        from .targets import SEEDS, TARGETS

    corpus = CORPORA / name
    corpus.mkdir(parents=True, exist_ok=True)
    for number, seed in enumerate(SEEDS[name]):
        (corpus / f"seed-{number}").write_bytes(seed)
    atheris.Setup(
        [
            name,
            f"-max_total_time={seconds}",
            "-max_len=4096",
            "-timeout=10",
            "-rss_limit_mb=1024",
            "-verbosity=0",
            "-use_value_profile=1",
            "-print_final_stats=1",
            f"-artifact_prefix={corpus}-",
            str(corpus),
        ],
        TARGETS[name],
    )
    atheris.Fuzz()


if __name__ == "__main__":
    sys.exit(main())
