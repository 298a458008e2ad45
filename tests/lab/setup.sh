#!/bin/sh
# setup.sh WHAT...: install the system packages that WHAT needs and this machine lacks, through apt-get.
#   python  a virtual environment        lab    the real SSH hosts of the tests and the demo
#   tests   what tests run on this side  jdk    the JDK that the lab's hosts borrow
#   bench   what memops is measured beside
# Where it may not install anything, it prints the one command to type and fails.
set -eu
missing=

lacks() { ! command -v "$1" >/dev/null 2>&1 && [ ! -x "/usr/sbin/$1" ] && [ ! -x "/sbin/$1" ]; }
need() { if lacks "$1"; then missing="$missing $2"; fi; }

if [ "$(id -u)" = 0 ]; then
    as_root=
elif command -v sudo >/dev/null 2>&1 && sudo -n true 2>/dev/null; then
    as_root="sudo -n"
else
    as_root=no
fi

for what; do
    case $what in
    python)
        if ! python3 -c 'import sys; sys.exit(sys.version_info < (3, 11))'; then
            echo "setup: python3 is older than 3.11; install a newer one and try again" >&2
            exit 1
        fi
        if ! python3 -c 'import venv, ensurepip' 2>/dev/null; then missing="$missing python3-venv"; fi
        ;;
    lab)
        need ssh openssh-client
        if [ "$as_root" != no ]; then # without root there are only plain sshd processes
            need systemd-nspawn systemd-container
            need ip iproute2
            need mmdebstrap mmdebstrap
            need ps procps
        fi
        ;;
    tests)
        need gcc gcc
        need g++ g++
        need make make
        need busybox busybox-static
        need zstd zstd
        need strace strace
        need nc netcat-openbsd
        need sshd openssh-server
        [ -e /usr/lib/x86_64-linux-gnu/libjemalloc.so.2 ] || [ -e /usr/lib/aarch64-linux-gnu/libjemalloc.so.2 ] ||
            missing="$missing libjemalloc2"
        find /usr/include -maxdepth 2 -name libunwind.h | grep -q . || missing="$missing libunwind-dev"
        need readelf binutils
        need perl perl
        need dwz dwz
        need bzip2 bzip2
        need git git
        need chromium chromium
        if [ "$as_root" != no ]; then need sudo sudo; fi
        [ -e /usr/include/stdio.h ] || missing="$missing libc6-dev"
        ;;
    bench)
        need g++ g++
        need jeprof libjemalloc-dev
        need chromium chromium
        need openssl openssl
        ;;
    jdk) need javac default-jdk-headless ;;
    *)
        echo "setup: what is '$what'?" >&2
        exit 2
        ;;
    esac
done
[ -n "$missing" ] || exit 0

# shellcheck disable=SC2086  # a list of names, split on purpose
missing=$(printf '%s\n' $missing | sort -u | tr '\n' ' ')
if [ "$as_root" = no ] || lacks apt-get; then
    echo "setup: this machine lacks: $missing" >&2
    echo "setup: type as root, then try again:  apt-get install --no-install-recommends $missing" >&2
    exit 1
fi

log=$(mktemp)
trap 'rm -f "$log"' EXIT
quietly() {
    if ! $as_root env DEBIAN_FRONTEND=noninteractive apt-get -q -y "$@" >"$log" 2>&1 </dev/null; then
        cat "$log" >&2
        echo "setup: apt-get $1 failed (above)" >&2
        exit 1
    fi
}
echo "setup: installing $missing(apt-get; under a minute)" >&2
quietly update
$as_root mkdir -p /usr/share/man/man1 # slim images lack it, and a JDK's installation fails without
# shellcheck disable=SC2086  # a list of names, split on purpose
quietly install --no-install-recommends $missing
