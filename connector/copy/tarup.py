"""The upload half of a copy by tar: an archive of numbered files, and a script as its last member.

The script of the command unpacks the archive into a private directory beside the destination, and
runs the last member. That compares each file's checksum and gives the file its name. So no file
of the target is ever half written. It answers with lines that begin with the token.
"""

from __future__ import annotations

import errno
import os
import stat
import tarfile
import time
from collections.abc import Callable

from .checks import DIFFERENT
from .checksums import PROGRAMS, Checksum
from .command import Command
from .digests import LOCKED, plain, quoted
from .jobs import CHANGED, IS_DIRECTORY, IS_SPECIAL, PERMISSIONS
from .names import Wish
from .packets import NO_SUCH_FILE, PERMISSION_DENIED, Attributes
from .plan import NO_DIRECTORY, UNSIZED, DirectoryCopy, FileCopy, Plan
from .sftp import BLOCK, Job, SftpError, words_of
from .sides import File, Here, HereFile, at_once

#: The end of a session sends SIGHUP twice, and SIGPIPE since the reader of stdout has ended too.
#: ``a`` prints an answer: echo would turn backslashes in the words of programs into line ends.
SCRIPT = f"""\
set -f;t=$1;m=;h=none
for x in base64 dd tr stty tar mkdir mv rm chmod;do command -v $x >/dev/null||m="$m $x";done
[ ! "$m" ]||{{ echo "$t lacks$m";exit 3;}}
for x in {" ".join(PROGRAMS)};do command -v $x >/dev/null&&h=$x&&break;done
if [ -d "$2" ];then k=directory p=$2;else k=missing p=$3;[ ! -e "$2" ]||k=file;fi
{LOCKED}if [ $k = missing ];then case $(LC_ALL=C dd "if=$2" count=0 2>&1) in
*name\\ too\\ long)echo "$t refused File name too long";exit 4;;esac;fi
[ -d "$p" ]||{{ b "$p"&&echo "$t refused Permission denied"||echo "$t nodirectory";exit 4;}}
s=$p/.connector-$t
q(){{ trap '' HUP INT TERM PIPE;rm -rf "$s";}}
trap q EXIT;trap 'q;exit 5' HUP INT TERM PIPE
a(){{ printf '%s\\n' "$t $*";}}
e=$(mkdir "$s" 2>&1)||{{ a refused $e;exit 4;}}
chmod 700 "$s"
echo "$t ready $k $h"
if tar -C "$s" -xf -;then . "$s/commit";else echo "$t tar";fi;echo "$t end\""""

#: ``u`` takes the umask from a mode, ``d`` makes directory $1, ``m`` gives file $1 its name, and
#: ``z`` gives directory $1 its mode and time. The caller's variables are s, t and h.
_COMMIT = b"""\
u(){ printf %o $((0$1&~0$(umask)));}
d(){ [ -d "$2" ]||{ e=$(mkdir "$2" 2>&1)&&n="$n $1 "||a nodir $1 $e;};}
m(){ x=;[ $h = none ]||x=$($h <"$s/$1")
case "$h ${x%% *}" in none*|"sha256sum $3"|"cksum $3");;*)echo "$t bad $1";return;;esac
p=$4;[ ! -h "$p" ]||p=$(readlink -f "$p");o=$2
if [ -d "$p" ];then echo "$t isdir $1";return;fi
if [ -e "$p" ];then
if [ ! -f "$p" ];then echo "$t special $1";return;fi
[ $k ]||{ o=$(stat -c %a "$p" 2>/dev/null)&&o=$(printf %o $((0$o&0777)));}||o=$2
fi
e=$({ chmod "$o" "$s/$1"&&mv -f "$s/$1" "$p";} 2>&1)&&a done $1||a failed $1 $e;}
z(){ if [ ! $k ];then case $n in *" $1 "*);;*)return;;esac;fi
e=$({ chmod "$2" "$3"&&{ [ ! $k ]||touch -d "@$4" "$3";};} 2>&1)||a nodir $1 $e;}
n=
"""

#: Reasons of the system that copies by SFTP have words for.
_REASONS = {
    "No such file or directory": str(SftpError(NO_SUCH_FILE, "")),
    "Permission denied": str(SftpError(PERMISSION_DENIED, "")),
    "Operation not permitted": str(SftpError(PERMISSION_DENIED, "")),
    "File exists": NO_DIRECTORY,
    "File name too long": "file name too long at the far end",
}

#: Bytes of a tape's record, which fills the end of an archive.
_RECORD = tarfile.RECORDSIZE


def words_for(wish: Wish) -> list[str]:
    """Return the script's words for the destination, and for the directory that it is in."""
    return [os.fsdecode(plain(path)) for path in (wish.target.path, wish.target.directory)]


class Announced(Here):
    """The target of an upload, as the script has announced it.

    :param kind: of the destination: ``directory``, ``file`` or ``missing``.
    :param path: of the destination. The script has made sure of its directory.
    """

    def __init__(self, kind: str, path: bytes) -> None:
        super().__init__()
        self._kind = kind
        self._path = path

    def stat(self, path: bytes) -> Job[Attributes]:
        yield from ()
        if path == self._path and self._kind == "missing":
            raise OSError(errno.ENOENT, os.strerror(errno.ENOENT))
        is_directory = path != self._path or self._kind == "directory"
        return Attributes(0, stat.S_IFDIR if is_directory else stat.S_IFREG, 0, 0)

    def real_path(self, path: bytes) -> Job[bytes]:
        """Return the path as it is: links of the target are not known."""
        yield from ()
        return os.path.normpath(path)

    def make_directory(self, path: bytes, mode: int) -> Job[None]:
        """Do nothing: the last member of the archive makes all directories."""
        yield from ()


class Spooled(Here):
    """stdin as the source of an upload: tar has to know the size of a file before it.

    :param content: a file of this machine with all that stdin had.
    """

    def __init__(self, content: bytes) -> None:
        super().__init__()
        self._content = content

    def stat(self, path: bytes) -> Job[Attributes]:
        yield from ()
        found = os.stat(self._content)
        return Attributes(found.st_size, stat.S_IFREG | 0o666, int(found.st_mtime), 0)

    def open_source(self, path: bytes) -> Job[File]:
        yield from ()
        return HereFile(os.open(self._content, os.O_RDONLY | os.O_CLOEXEC))


class Sender:
    """Sends the files of a plan, and takes note of what the target has done with them.

    :param program: makes the checksums at the target.
    :param progress: called with the number of bytes that are sent.
    :ivar done: files that have their names.
    """

    def __init__(
        self,
        command: Command,
        plan: Plan,
        source: Here,
        program: str,
        progress: Callable[[int], None],
        *,
        preserve: bool,
    ) -> None:
        self.done = 0
        self.problems: list[tuple[bytes, str]] = []
        self._command = command
        self._plan = plan
        self._source = source
        self._program = program
        self._progress = progress
        self._preserve = preserve
        self._tar_failed = False
        self._failed: set[bytes] = set()  # directories
        self._sent: dict[int, str] = {}  # checksums, by number

    def send(self) -> None:
        """Send the archive.

        :raises CommandLost: when the target reads no more.
        """
        for number, file in enumerate(self._plan.files):
            try:
                opened = at_once(self._source.open_source(file.source))
            except OSError as error:
                self.problems.append((file.source, words_of(error)))
                continue
            try:
                if self._has_size(file, opened):
                    self._send_file(number, file, opened)
            finally:
                opened.close()
        script = self._commit()
        self._head("commit", len(script), 0)
        self._command.write(script + b"\0" * _padding(len(script)))
        self._command.write(b"\0" * 2 * _RECORD)
        self._command.end_input()

    def _has_size(self, file: FileCopy, opened: File) -> bool:
        try:
            unsized = (
                not file.attributes.size
                and not at_once(opened.status().wait()).size
                and at_once(opened.read(0, 1).wait())
            )
        except OSError as error:
            self.problems.append((file.source, words_of(error)))
            return False
        if unsized:
            self.problems.append((file.source, UNSIZED))
        return not unsized

    def _send_file(self, number: int, file: FileCopy, opened: File) -> None:
        known, sum = file.attributes, Checksum(self._program)
        self._head(str(number), known.size, known.mtime if self._preserve else int(time.time()))
        left, problem = known.size, ""
        while left:
            try:
                data = at_once(opened.read(known.size - left, min(left, BLOCK)).wait())
            except OSError as error:
                data, problem = b"", words_of(error)
            if not data:
                break
            sum.update(data)
            self._command.write(data)
            self._progress(len(data))
            left -= len(data)
        seen = at_once(opened.status().wait())
        if left or (seen.size == known.size and seen.mtime != known.mtime):
            self.problems.append((file.source, problem or CHANGED))
        else:
            self._sent[number] = sum.text()
        while left:  # the archive has promised these bytes
            filling = min(left, BLOCK)
            self._command.write(bytes(filling))
            left -= filling
        self._command.write(bytes(_padding(known.size)))

    def _head(self, name: str, size: int, mtime: int) -> None:
        member = tarfile.TarInfo(name)
        member.size, member.mtime, member.mode = size, mtime, 0o600
        self._command.write(member.tobuf(tarfile.GNU_FORMAT))

    def _commit(self) -> bytes:
        lines = [_COMMIT, b"k=%s\n" % (b"yes" if self._preserve else b"")]
        directories = list(enumerate(self._plan.directories))
        lines += [b"d %d %s\n" % (each, _word(made.target)) for each, made in directories]
        # Without the sticky bit, others could remove files from a directory that all may write to.
        kept = PERMISSIONS | stat.S_ISVTX if self._preserve else PERMISSIONS
        modes = {_mode(self._plan.files[number].attributes) for number in self._sent}
        modes |= {_mode(each.attributes, kept) for _, each in directories}
        for mode in sorted(modes):
            lines.append(b"m%s=%s\n" % (mode, mode if self._preserve else b"$(u %s)" % mode))
        for number, sum in self._sent.items():
            file = self._plan.files[number]
            mode = _mode(file.attributes)
            lines.append(b"m %d $m%s %s %s\n" % (number, mode, sum.encode(), _word(file.target)))
        for each, made in reversed(directories):
            found = made.attributes
            place = _word(made.target)
            lines.append(b"z %d $m%s %s %d\n" % (each, _mode(found, kept), place, found.mtime))
        return b"".join(lines)

    # The answers.

    @property
    def most_answers(self) -> int:
        """How many lines the script prints before its end: at most two a directory, one a file."""
        return 1 + 2 * len(self._plan.directories) + len(self._plan.files)

    def take(self, what: str, words: list[str]) -> None:
        """Take note of an answer: what was done, the number of a file, and words."""
        if what == "tar":
            self._tar_failed = True
            return
        # isdigit() is true of characters that int() refuses, which also limits the digits.
        digits = words[0] if words and len(words[0]) < 10 else ""
        number = int(digits) if digits.isdecimal() else -1
        if what == "nodir":
            self._refused(self._plan.directories, number, plain_words(words[1:]))
        elif what == "done" and number in self._sent:
            del self._sent[number]
            self.done += 1
        elif number in self._sent:
            del self._sent[number]
            fixed = {"bad": DIFFERENT, "isdir": IS_DIRECTORY, "special": IS_SPECIAL}
            file, text = self._plan.files[number], fixed.get(what)
            if text:
                self.problems.append((file.source, text))
            elif os.path.dirname(file.target) not in self._failed:
                self.problems.append((file.target, plain_words(words[1:])))

    def _refused(self, directories: list[DirectoryCopy], number: int, words: str) -> None:
        if 0 <= number < len(directories):
            directory = directories[number]
            directory.failed = True
            self._failed.add(directory.target)
            if directory.parent is None or not directory.parent.failed:
                self.problems.append((directory.target, words))

    def end(self) -> None:
        """Wait for the end of the command, and take note of the files that are left."""
        self._command.status()
        said = self._command.said()
        words = f"tar at the target: {said[-1] if said else 'it has failed'}"
        for number in self._sent:
            text = words if self._tar_failed else "the target has not told what became of it"
            self.problems.append((self._plan.files[number].source, text))


def plain_words(words: list[str]) -> str:
    """Return why a program of the target has failed, as a copy by SFTP tells it."""
    text = " ".join(words)
    return _REASONS.get(text.rpartition(": ")[2], text)


def _mode(found: Attributes, kept: int = PERMISSIONS) -> bytes:
    return b"%o" % (stat.S_IMODE(found.mode) & kept)


def _word(path: bytes) -> bytes:
    return quoted(plain(path))


def _padding(size: int) -> int:
    return -size % tarfile.BLOCKSIZE
