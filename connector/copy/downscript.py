"""The script at the target of a download by tar.

It sends, for each source::

    TOKEN loop|gone|denied NAME    for what is left out of a directory; the name is in base64
    TOKEN file|directory|missing|denied|circles|unsized
    TOKEN special p|S|b|c          for other kinds of files, by the letter of test
    the archive, for a file, and for a directory if those are copied
    TOKEN end sSTATUS CHECKSUM

The checksum is that of the archive, made at the target by a second reader of it. So a file that
grows meanwhile, such as a log, is copied as tar has read it.
"""

from __future__ import annotations

import os

from .checksums import PROGRAMS
from .digests import LOCKED, plain
from .names import Place

#: ``w`` looks for what tar must not follow in directory $1: links to a directory that holds them,
#: where it would never end, links that lead nowhere, and what may not be read. $2 has the real
#: paths of the links on the way to $1, each between two pairs of slashes. ``y`` tells whether a
#: directory may be read. ``x`` tells why path $2 is left out ($1), and adds an option for tar to
#: the variable a. Its pattern, without wildcards, is the variable x1, x2… The small tar of some
#: images has no such option: the variable y says whether it would never end.
_OMISSIONS = r"""
x(){ n=$((n+1)) s=$2 q=;echo "$t $1" $(printf %s "$2"|base64)
while [ "$s" ];do c=${s%"${s#?}"} s=${s#?};case $c in [][*?\\]) c="\\$c";;esac;q=$q$c;done
eval "x$n=\$q";a="$a --exclude=\"\$x$n\"";}
p(){ (cd -P "$1" 2>/dev/null&&pwd -P)||echo //;}
y(){ [ -r "$1" ]&&[ -x "$1" ];}
w(){ for e in "$1"/* "$1"/.[!.]* "$1"/..?*;do
if [ -d "$e" ];then
if ! y "$e";then x denied "$e"
elif [ ! -h "$e" ];then w "$e" "$2"
else l=$(p "$e") i=$(p "$1")
case $i/$2 in "${l%/}"/*|*"//$l//"*)y=1;x loop "$e";;*)w "$e" "$2//$l//";;esac;fi
elif [ -f "$e" ];then [ -r "$e" ]||x denied "$e"
elif [ -h "$e" ]&&[ ! -e "$e" ];then x gone "$e";fi;done;}
"""

SCRIPT = f"""\
set -f;t=$1 r=$2;shift 2;m=;h=none
for x in base64 dd tr tar;do command -v $x >/dev/null||m="$m $x";done
[ ! "$m" ]||{{ echo "$t lacks$m";exit 3;}}
exec 3>&1
if [ -w /dev/fd/3 ]&&command -v tee >/dev/null;then
for x in {" ".join(PROGRAMS)};do command -v $x >/dev/null&&h=$x&&break;done;fi
echo "$t sums $h"{_OMISSIONS}{LOCKED}\
o(){{ k=special;if ! cd "$1" 2>/dev/null;then k=missing;b "$1"&&k=denied
elif [ -d "./$2" ];then k=directory;[ ! $r ]||y "./$2"||k=denied
elif [ -f "./$2" ];then k=file;if [ ! -r "./$2" ];then k=denied
elif [ ! -s "./$2" ]&&[ "$(dd "if=./$2" bs=1 count=1 2>/dev/null|base64)" ];then k=unsized;fi
elif [ ! -e "./$2" ];then k=missing
else for y in p S b c;do [ ! -$y "./$2" ]||k="special $y";done;fi
a= n=0 y=;case $k$r in file*);;directory?)
set +f;w "./$2" "//$(p "./$2")//";set -f;;*)echo "$t $k";return;;esac
if [ "$a" ]&&! tar cf - --exclude=x /dev/null >/dev/null 2>&1;then
a=;[ ! $y ]||{{ echo "$t circles";return;}};fi;echo "$t $k"
c="LC_ALL=C tar chf - $a \\"./\\$2\\" 3>&-"
if [ $h = none ];then eval "$c";d=s$?
else d=$({{ {{ eval "$c 4>&-";echo s$? >&4;}}|tee /dev/fd/3|$h 3>&- 4>&-;}} 4>&1);fi
echo "$t end" $d;}}
while [ $# -gt 0 ];do (o "$1" "$2");shift 2;done"""


def words_for(sources: tuple[Place, ...]) -> list[str]:
    """Return the script's words for the sources: the directory and the name of each."""
    words: list[str] = []
    for source in sources:
        path = source.path.rstrip(b"/") or b"/"
        directory, name = os.path.split(path)
        if name in (b"", b".", b".."):
            directory, name = path, b"."
        words += map(os.fsdecode, (plain(directory or b"."), name))
    return words
