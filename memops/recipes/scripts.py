"""What runs where a library is built: constant POSIX sh, given its arguments, never text of its own.

Lines that begin with ``memops-`` are for memops, all others are the log. A build needs about 30 MB of
disk and 250 MB of memory for each compiler (measured with gcc 12 on jemalloc 5.3.0).
"""

from __future__ import annotations

# Standard input: a gzipped tarball. Arguments: configure's. Standard output: the log, then
# "memops-library SIZE" and the library's bytes. The scratch directory goes whatever happens: a trap
# removes it, and should the shell be killed outright, a process in a session of its own does.
BUILD = r"""
LC_ALL=C
export LC_ALL
unset LD_PRELOAD MALLOC_CONF MAKEFLAGS MFLAGS MAKELEVEL CDPATH
umask 077
fail() { printf '\nmemops-failed %s\n' "$*"; exit 1; }
dir='' why='scratch'
trap 'cd /; [ -z "$dir" ] || rm -rf "$dir"' EXIT
trap 'exit 1' HUP INT TERM PIPE
for base in "${TMPDIR:-/var/tmp}" /var/tmp /tmp; do
    dir=$(mktemp -d "$base/memops-build.XXXXXX" 2>/dev/null) || { dir=''; continue; }
    free=$(df -Pk "$dir" | { read -r _; read -r _ _ _ free _; echo "$free"; })
    printf '#!/bin/sh\nexit 0\n' >"$dir/try" && chmod 700 "$dir/try"
    if [ "$free" -lt 65536 ]; then why='space'
    elif "$dir/try" 2>/dev/null; then break
    fi
    rm -rf "$dir"
    dir=''
done
[ -n "$dir" ] || fail "$why"
if command -v setsid >/dev/null; then
    # shellcheck disable=SC2016
    setsid sh -c 'while [ -d "$2" ] && kill -0 "$1"; do sleep 1; done; rm -rf "$2"; sleep 1
        rm -rf "$2"' \
        memops-build $$ "$dir" </dev/null >/dev/null 2>&1 &
fi
cd "$dir" || fail scratch
gzip -dc >source.tar || fail unpack
tar xf source.tar 2>&1 || fail unpack
rm -f source.tar
cd ./*/ || fail unpack
[ -f configure ] || fail autoconf
memory=0
while read -r key size _; do
    case $key in MemAvailable:) memory=$size ;; esac
done 2>/dev/null </proc/meminfo
cores=$(getconf _NPROCESSORS_ONLN 2>/dev/null || echo 1)
fits=$((memory / 307200))
[ "$memory" -eq 0 ] && fits=1
[ "$fits" -ge 1 ] || fail memory
[ "$cores" -le "$fits" ] || cores=$fits
[ "$cores" -le 8 ] || cores=8
gently='nice -n 19'
ionice -c 3 true 2>/dev/null && gently="$gently ionice -c 3"
echo 'memops-phase configure'
EXTRA_CFLAGS=-g0 $gently sh ./configure "$@" 2>&1 </dev/null || fail configure
defined=include/jemalloc/internal/jemalloc_internal_defs.h
grep -Eq '^#define JEMALLOC_PROF_(LIBGCC|LIBUNWIND)' $defined || fail unwinder
case " $* " in # asked for it, configure takes libgcc where it finds no libunwind, and says nothing
*' --enable-prof-libunwind '*) grep -q '^#define JEMALLOC_PROF_LIBUNWIND' $defined || fail libunwind ;;
esac
# Half of the work of a build is a first pass that finds the internal names to prefix. That matters
# to a static library alone: here they are hidden, but for these two.
names=include/jemalloc/internal/private_namespace.gen.h
for name in test_hooks_arena_new_hook test_hooks_libc_hook; do
    echo "#define $name JEMALLOC_N($name)"
done >$names
echo "memops-phase compile $(make -n -o $names build_lib_shared 2>/dev/null | grep -c ' -c ')"
$gently make -j"$cores" -o $names build_lib_shared EXTRA_LDFLAGS=-s \
    ${MEMOPS_LIBS:+"LIBS=$MEMOPS_LIBS"} 2>&1 </dev/null || fail make
library=$(echo lib/libjemalloc*.so.2)
[ -f "$library" ] || fail make
printf '\nmemops-library %s\n' "$(wc -c <"$library")"
cat "$library"
"""

# Argument: the version. Standard output: the distribution's own tarball of it, which apt has checked
# against the signed index; or "memops-failed WHY". apt works in a directory of its own, with the
# machine's own sources turned into sources of source: nothing of the machine changes.
APT_SOURCE = r"""
LC_ALL=C
export LC_ALL
dir=''
fail() { printf 'memops-failed %s\n' "$*"; exit 1; }
command -v apt-get >/dev/null || fail 'there is no apt-get'
trap 'cd /; [ -z "$dir" ] || rm -rf "$dir"' EXIT
trap 'exit 1' HUP INT TERM PIPE
dir=$(mktemp -d "${TMPDIR:-/tmp}/memops-source.XXXXXX") || fail 'no scratch directory'
chmod 755 "$dir"
cd "$dir" || fail 'no scratch directory'
mkdir -p parts lists/partial cache/archives/partial out
for file in /etc/apt/sources.list /etc/apt/sources.list.d/*.list; do
    [ -r "$file" ] && sed -n 's/^ *deb\([[ ]\)/deb-src\1/p' "$file" >"parts/${file##*/}"
done
for file in /etc/apt/sources.list.d/*.sources; do
    [ -r "$file" ] && sed 's/^Types:.*/Types: deb-src/' "$file" >"parts/${file##*/}"
done
quiet() {
    command=$1
    shift
    "$command" -q -o Dir::Etc::sourcelist=/dev/null -o Dir::Etc::sourceparts="$dir/parts" \
        -o Dir::State::lists="$dir/lists" -o Dir::Cache="$dir/cache" \
        -o Acquire::Retries=1 -o Acquire::http::Timeout=15 -o Acquire::https::Timeout=15 \
        "$@" 2>&1 </dev/null
}
quiet apt-get update >update.log
found=''
for each in $(quiet apt-cache showsrc --only-source jemalloc | sed -n 's/^Version: //p'); do
    case $each in "$1"-* | "$1"+*) found=$each ;; esac
done
[ -n "$found" ] || fail "apt knows no source package jemalloc $1: $(
    grep -E '^(E|W|Err)' update.log | head -n 1)"
cd out || fail 'no scratch directory'
quiet apt-get source --download-only --tar-only "jemalloc=$found" >../source.log
set -- jemalloc_*.orig.tar.*
[ -f "$1" ] || fail "apt did not get it: $(grep -E '^(E|W|Err)' ../source.log | head -n 1)"
cat "$1"
"""
