"""Turn the arguments of a copy into its files and directories.

The rules are scp's and cp's. If the destination is a directory, the sources go into it; several
sources need one. Symbolic links are followed. A file that cannot be copied becomes a problem with
a line of its own, and the rest is copied.
"""

from __future__ import annotations

import os
import stat
from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from ..errors import ConfigError
from .names import Place, Wish
from .packets import Attributes, Entry
from .sftp import Job, SftpError, words_of
from .sides import KINDS, Here, Side, is_hidden, is_missing, is_refusal, part_of, run_all

#: Directories that are listed at the same time.
_WALKERS = 16

#: Bytes of the longest path. No system opens a longer one, so endless directories end here.
_LONGEST_PATH = 4096

#: Why a file is not copied whose place another one of the copy takes.
SAME_TARGET = "another file of this copy has the same destination"

#: Why a file is not copied that a target may have made up.
NO_NAME = "the far end reports a name that no file can have"

#: Why a link is not followed.
LOOP = "is a symbolic link to a directory that holds it"

#: Why tar does not copy files such as those of /proc.
UNSIZED = "has content but no size, so tar would copy nothing of it"

#: Why a directory is not copied whose place is taken.
NO_DIRECTORY = "is not a directory"

Run = Callable[[Iterable[Job[None]]], None]


@dataclass
class FileCopy:
    """A file to copy.

    :ivar fresh: whether there can be no file of this name at the target yet.
    :ivar named: whether the user has named the file, not a directory that it is in.
    :ivar place: the target without links to directories. Two names can lead to the same place.
    """

    source: bytes
    target: bytes
    attributes: Attributes
    fresh: bool = False
    named: bool = False
    place: bytes = b""


@dataclass
class DirectoryCopy:
    """A directory to make. Its parent stands before it in the plan.

    :ivar parent: its parent in the plan, if that is made too.
    :ivar made: whether this copy has created it; ``failed``: whether it cannot be had,
        or its source cannot be listed.
    :ivar place: the target without links, if this was looked up.
    """

    source: bytes
    target: bytes
    attributes: Attributes
    parent: DirectoryCopy | None = None
    made: bool = False
    failed: bool = False
    place: bytes = b""
    files: list[FileCopy] = field(default_factory=list)


@dataclass
class Plan:
    """All that is to be copied.

    :ivar problems: names, and why each cannot be copied.
    """

    files: list[FileCopy] = field(default_factory=list)
    directories: list[DirectoryCopy] = field(default_factory=list)
    problems: list[tuple[bytes, str]] = field(default_factory=list)

    @property
    def size(self) -> int:
        """The bytes of all files."""
        return sum(file.attributes.size for file in self.files)


class Planner:
    """Looks at both ends, and plans the copy.

    :param recursive: whether directories are copied.
    :param run: runs jobs of both sides, many at once.
    """

    def __init__(self, source: Side, target: Side, run: Run, *, recursive: bool) -> None:
        self._source = source
        self._target = target
        self._run = run
        self._recursive = recursive
        self._plan = Plan()
        self._pending: deque[tuple[DirectoryCopy, tuple[bytes, ...]]] = deque()
        self._place = b""  # of the files that the user has named

    def plan(self, wish: Wish) -> Plan:
        """Return the plan. Directories of the target are made already.

        :raises ConfigError: when the target cannot take the sources.
        """
        into = self._is_directory(wish.target)
        self._run([self._roots(wish, into=into)])
        while self._pending:
            batch = [self._pending.popleft() for _ in range(min(_WALKERS, len(self._pending)))]
            self._run([self._walk(*each) for each in batch])
        # An empty directory would say that the source is empty, too.
        self._plan.directories = [each for each in self._plan.directories if not each.failed]
        self._run([self._make(each, wish) for each in self._plan.directories])
        for file in self._plan.files:
            file.place = os.path.join(self._place, os.path.basename(file.target))
        for directory in self._plan.directories:
            parent = directory.parent
            if parent is not None and parent.failed:
                directory.failed = True
            if not directory.place and parent is not None:
                name = os.path.basename(directory.target)
                directory.place = os.path.join(parent.place, name)
            if not directory.failed:
                for file in directory.files:
                    file.fresh = directory.made
                    file.place = os.path.join(directory.place, os.path.basename(file.target))
                self._plan.files += directory.files
            directory.files = []
        self._part_equal_names()
        return self._plan

    def hopeless(self, wish: Wish) -> list[tuple[bytes, str]]:
        """Return the sources and why none of them can be copied; empty if one may be.

        Only the sources themselves are looked at.
        """
        self._run([self._roots(wish, into=True)])
        any_left = self._plan.files or self._plan.directories
        return [] if any_left else self._plan.problems

    def _part_equal_names(self) -> None:
        """Drop files that would be written to the place of another one, or of its unfinished one.

        Two connections would write to it at once.
        """
        files: dict[bytes, FileCopy] = {}
        for file in self._plan.files:
            if file.place in files:
                self._problem(file.source, SAME_TARGET)
            else:
                files[file.place] = file
        hidden = [place for place in files if is_hidden(place)]
        if hidden:
            used = {part_of(place, kind) for place in files for kind in KINDS}
            for place in used.intersection(hidden):
                self._problem(
                    files.pop(place).source, "another file has this name until it is whole"
                )
        self._plan.files = list(files.values())

    def _problem(self, name: bytes, error: SftpError | OSError | str) -> None:
        self._plan.problems.append((name, error if isinstance(error, str) else words_of(error)))

    def _roots(self, wish: Wish, *, into: bool) -> Job[None]:
        named = wish.target.path.endswith(b"/")
        if not into and len(wish.sources) > 1:
            raise needs_directory(wish)
        for source in wish.sources:
            name = os.path.basename(source.path.rstrip(b"/"))
            is_contents = name in (b"", b".", b"..")
            place = wish.target.path
            if into and not is_contents:
                place = os.path.join(place, name)
            try:
                attributes = yield from self._source.stat(source.path)
            except (SftpError, OSError) as error:
                self._problem(source.path, error)
                continue
            if source.is_stream and into:
                raise ConfigError(
                    f"The destination {wish.target} is a directory", "Name the file to write"
                )
            elif stat.S_ISDIR(attributes.mode):
                if wish.target.is_stream:
                    self._problem(source.path, "is a directory, which cannot go to stdout")
                elif self._recursive:
                    yield from self._root(source.path, place, attributes)
                else:
                    self._problem(source.path, "is a directory: give -r to copy it")
            elif named and not into:
                raise ConfigError(
                    f"The destination {wish.target} is not a directory",
                    "Leave out the slash at its end, or create the directory first",
                )
            else:
                self._add_file(self._plan.files, source.path, place, attributes, named=True)

    def _is_directory(self, place: Place) -> bool:
        """Return whether the destination is a directory. If it is missing, its own has to exist."""
        if place.is_stream:
            return False
        modes: dict[bytes, int | None] = {}
        places: dict[bytes, bytes] = {}

        def find(path: bytes) -> Job[None]:
            places[path] = yield from self._real_place(path)

        def look(path: bytes) -> Job[None]:
            try:
                modes[path] = (yield from self._target.stat(path)).mode
            except (SftpError, OSError) as error:
                if not is_missing(error):
                    raise unusable(place, words_of(error)) from None
                modes[path] = None

        both = (place.path, place.directory)
        self._run([job for path in both for job in (look(path), find(path))])
        found, above = modes[place.path], modes[place.directory]
        # SFTP allows servers to leave the mode out.
        if found is None and (above is None or (above and not stat.S_ISDIR(above))):
            raise unusable(place, no_directory(place))
        is_directory = found is not None and stat.S_ISDIR(found)
        self._place = places[place.path if is_directory else place.directory]
        return is_directory

    def _real_place(self, path: bytes) -> Job[bytes]:
        """Return a path of the target without links, as far as the target tells it."""
        try:
            return (yield from self._target.real_path(path))
        except (SftpError, OSError):
            return os.path.normpath(path)

    def _root(self, source: bytes, place: bytes, attributes: Attributes) -> Job[None]:
        root = DirectoryCopy(source, place.rstrip(b"/") or b"/", attributes)
        self._plan.directories.append(root)
        real = yield from self._source.real_path(source)
        self._pending.append((root, (real,)))

    def _add_file(
        self,
        files: list[FileCopy],
        source: bytes,
        target: bytes,
        attributes: Attributes,
        *,
        named: bool = False,
    ) -> None:
        if stat.S_ISREG(attributes.mode):
            files.append(FileCopy(source, target, attributes, named=named))
        else:
            self._problem(source, f"is {_kind(attributes.mode)}, not a regular file")

    def _walk(self, directory: DirectoryCopy, above: tuple[bytes, ...]) -> Job[None]:
        """List a directory.

        :param above: the real paths of the directories that links on the way here lead to.
        """
        try:
            entries = yield from self._source.list_directory(directory.source)
        except (SftpError, OSError) as error:
            self._problem(directory.source, error)
            directory.failed = True
            return
        for entry in sorted(entries):
            source = os.path.join(directory.source, entry.name)
            if entry.name in (b"", b".", b"..") or b"/" in entry.name or b"\0" in entry.name:
                self._problem(source, NO_NAME)
                continue
            if len(source) > _LONGEST_PATH:
                self._problem(source, "its path is too long")
                continue
            try:
                yield from self._visit(directory, above, source, entry)
            except (SftpError, OSError) as error:
                self._problem(source, error)

    def _visit(
        self, directory: DirectoryCopy, above: tuple[bytes, ...], source: bytes, entry: Entry
    ) -> Job[None]:
        attributes = entry.attributes
        is_link = stat.S_ISLNK(attributes.mode)
        if is_link or not attributes.mode:  # SFTP allows servers to leave the mode out
            attributes = yield from self._source.stat(source)
        target = os.path.join(directory.target, entry.name)
        if not stat.S_ISDIR(attributes.mode):
            self._add_file(directory.files, source, target, attributes)
            return
        if is_link:
            real = yield from self._source.real_path(source)
            inside = yield from self._source.real_path(directory.source)
            if real in above or f"{os.fsdecode(inside)}/".startswith(f"{os.fsdecode(real)}/"):
                self._problem(source, LOOP)
                return
            above = (*above, real)
        sub = DirectoryCopy(source, target, attributes, directory)
        self._plan.directories.append(sub)
        self._pending.append((sub, above))

    def _make(self, directory: DirectoryCopy, wish: Wish) -> Job[None]:
        # Until all files are there, the directory has to be writable.
        mode = stat.S_IMODE(directory.attributes.mode) & 0o777 | 0o700
        try:
            yield from self._target.make_directory(directory.target, mode)
            directory.made = True
        except (SftpError, OSError) as error:
            try:
                found = yield from self._target.stat(directory.target)
            except (SftpError, OSError):
                found = None
            if found is None and directory.parent is None and is_refusal(error):
                raise unusable(wish.target, words_of(error)) from None
            if found is None or not stat.S_ISDIR(found.mode):
                directory.failed = True
                if directory.parent is None or not directory.parent.failed:
                    self._problem(
                        directory.target,
                        words_of(error) if found is None else NO_DIRECTORY,
                    )
        if not directory.failed and (directory.parent is None or not directory.made):
            directory.place = yield from self._real_place(directory.target)


def check_here(wish: Wish) -> None:
    """Check what this machine tells of a copy before a target is started for it.

    :raises ConfigError: when the destination cannot take the sources.
    """
    place = wish.target
    if not wish.downloads or place.is_stream or os.path.isdir(place.path):
        return
    if len(wish.sources) > 1:
        raise needs_directory(wish)
    if not os.path.exists(place.path) and not os.path.isdir(place.directory):
        raise unusable(place, no_directory(place))


def hopeless_here(wish: Wish, *, recursive: bool) -> list[tuple[bytes, str]]:
    """Return why no source on this machine can be copied, before a target is started for them."""
    if wish.downloads or wish.sources[0].is_stream:
        return []
    here = Here()
    return Planner(here, here, run_all, recursive=recursive).hopeless(wish)


def unusable(place: Place, why: str) -> ConfigError:
    """Return the error of a destination that can take no file."""
    return ConfigError(f"The destination {place} cannot be used: {why}")


def no_directory(place: Place) -> str:
    """Return in words that the directory of a place does not exist."""
    where = " at the far end" if place.host else ""
    return f"there is no directory {os.fsdecode(place.directory)}{where}"


def needs_directory(wish: Wish) -> ConfigError:
    """Return the error of several sources whose destination is no directory."""
    return ConfigError(
        f"The destination {wish.target} is not a directory",
        "Several sources need a directory as the destination",
    )


def _kind(mode: int) -> str:
    kinds = (
        (stat.S_ISFIFO, "a FIFO"),
        (stat.S_ISSOCK, "a socket"),
        (stat.S_ISBLK, "a device"),
        (stat.S_ISCHR, "a device"),
    )
    return next((words for test, words in kinds if test(mode)), "a special file")
