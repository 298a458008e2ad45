"""The shell functions that memops speaks through on a host.

They are sent once to each shell of a session, and written into every ``undo.sh``. They need POSIX
``sh`` (tried in dash, bash and busybox) with coreutils or busybox, and /proc. Each call is made in a subshell
of its own, so their variables never meet; every name begins with ``memops_``.
"""

LOOKS = r"""
memops_format='%f %a %u %g %s %Y %U:%G'

# The ten fields of path $1, whose line of stat is $2; with $3, the digest of a file too.
memops_fields() {
    memops_path=$1 memops_names=${2#* * * * * * } memops_digest=$3
    set -f
    # shellcheck disable=SC2086
    set -- $2
    memops_owner=${memops_names%%:*} memops_group=${memops_names#*:} memops_target='' memops_sha=''
    [ "$memops_owner" != UNKNOWN ] || memops_owner=$3
    [ "$memops_group" != UNKNOWN ] || memops_group=$4
    case $1 in
    8???)
        memops_kind='file'
        [ -z "$memops_digest" ] || memops_sha=$(sha256sum <"$memops_path")
        memops_sha=${memops_sha%% *}
        ;;
    4???) memops_kind=dir ;;
    a???)
        memops_kind='link'
        memops_target=$(readlink -n "$memops_path" && echo .)
        memops_target=${memops_target%.}
        ;;
    *) memops_kind=other ;;
    esac
    printf '%s\0%s\0%s\0%s\0%s\0%s\0%s\0%s\0%s\0%s\0' "$memops_kind" "$2" "$3" "$4" \
        "$memops_owner" "$memops_group" "$5" "$6" "$memops_target" "$memops_sha"
}

# What path $1 itself is; with $2, the digest of a file too.
memops_stat() {
    memops_line=$(stat -c "$memops_format" "$1") || return 1
    memops_fields "$1" "$memops_line" "$2"
}

# The same for each path, with its name in front; one path that is not there says nothing matched.
memops_glob() {
    [ -e "$1" ] || [ -L "$1" ] || return 0
    if memops_lines=$(stat -c "$memops_format" "$@" 2>/dev/null); then
        printf '%s\n' "$memops_lines" | while IFS= read -r memops_line; do
            printf '%s\0' "${1##*/}"
            memops_fields "$1" "$memops_line" ''
            shift
        done
        return 0
    fi
    for memops_each; do # something vanished meanwhile, or there are too many for one command line
        memops_line=$(stat -c "$memops_format" "$memops_each" 2>/dev/null) || continue
        printf '%s\0' "${memops_each##*/}"
        memops_fields "$memops_each" "$memops_line" ''
    done
}

# At most $2 bytes of the file $1.
memops_read() {
    if [ -p "$1" ]; then
        printf '%s: a named pipe, which is not read\n' "$1" >&2
        return 1
    fi
    exec head -c "$2" "$1"
}
"""

ENTRIES = r"""
memops_refuse() {
    printf '%s\n' "$1" >&2
    return 1
}

# Renames $1 to $2, whatever stands there but a directory; an old busybox has no mv -T.
memops_rename() {
    mv -f -T "$1" "$2" 2>/dev/null && return 0
    if [ -L "$2" ]; then
        rm -f "$2" || return 1
    elif [ -d "$2" ]; then
        memops_refuse "$2: a directory stands there"
        return 1
    fi
    mv -f "$1" "$2"
}

# Sets $memops_temp: a name beside $1 that nobody can foresee.
memops_beside() {
    [ -n "${memops_random-}" ] || memops_random=$(od -An -v -N8 -tx1 /dev/urandom | tr -d ' \n')
    memops_temp=${1%/*}/.memops.$memops_random
    trap 'rm -f "$memops_temp" 2>/dev/null' EXIT
    trap 'exit 1' HUP INT TERM PIPE
}

# The new file $memops_temp, written and complete, becomes $1.
memops_place() {
    memops_rename "$memops_temp" "$1" && trap - EXIT
}

# Standard input to descriptor 9, synced; $1 is its sha256 where known.
memops_write() {
    memops_said=$(dd bs=65536 conv=notrunc,fsync 2>&1 >&9) || {
        memops_refuse "$(printf '%s\n' "$memops_said" | sed -e '/ records /d' -e '/ copied/d' -e q)"
        return 1
    }
    [ -n "$1" ] || return 0
    memops_sha=$(sha256sum </proc/self/fd/9)
    [ "${memops_sha%% *}" = "$1" ] || memops_refuse "not the bytes that were meant (sha256 differs)"
}

# Open files (/proc/self/fd/N) get the mode $1 and the owner:group $2. A name is never followed, so
# that whoever may write the directory cannot lead us elsewhere.
memops_own() {
    memops_mode=$1 memops_owner=$2
    shift 2
    for memops_each; do
        [ -f "$memops_each" ] || memops_refuse 'not the file that was made' || return 1
    done
    [ "$memops_owner" = : ] || chown "$memops_owner" "$@" || return 1
    chmod "$memops_mode" "$@"
}

# Whether a file may come to stand at $1.
memops_may() {
    if [ -L "$1" ]; then
        memops_refuse "$1: a symbolic link stands there"
    elif [ -e "$1" ] && [ ! -f "$1" ]; then
        memops_refuse "$1: something other than a file stands there"
    elif [ ! -d "${1%/*}/" ]; then
        memops_refuse "${1%/*}: no such directory"
    fi
}

# Descriptor 9, a new file, gets mode $1 and owner $2 and then the bytes of standard input, sha256
# $3; but first the bytes where the owner may not read and write, or with bits that a write clears.
memops_filled() {
    case $1 in
    0[67]??) memops_own "$1" "$2" /proc/self/fd/9 && memops_write "$3" ;;
    *) memops_own 600 : /proc/self/fd/9 && memops_write "$3" && memops_own "$1" "$2" /proc/self/fd/9 ;;
    esac
}

# Standard input becomes the file $1: mode $2, owner:group $3, sha256 $4 where known.
memops_file() {
    memops_may "$1" || return 1
    umask 077
    memops_beside "$1"
    set -C # > opens nothing that exists
    memops_filled "$2" "$3" "$4" 9>"$memops_temp" && memops_place "$1"
}

# Syncs open files (/proc/self/fd/N): in one process where sync takes files, which coreutils before
# 8.24 does not: there it would wait for all the disks of the host.
memops_sync() {
    if [ "${memops_syncs-}" = files ]; then
        sync "$@"
        return
    fi
    for memops_each; do
        dd conv=notrunc,fsync </dev/null 2>/dev/null 1>&"${memops_each##*/}" || return 1
    done
}

# $1 becomes a directory: mode $2, owner:group $3.
memops_dir() {
    if [ -L "$1" ] || { [ -e "$1" ] && [ ! -d "$1" ]; }; then
        memops_refuse "$1: something other than a directory stands there"
        return 1
    fi
    if [ ! -d "$1" ] && [ "$3" = : ]; then
        mkdir -m "$2" "$1"
        return
    fi
    [ -d "$1" ] || mkdir -m 700 "$1" || return 1
    [ "$3" = : ] || chown -h "$3" "$1" || return 1
    chmod "$2" "$1"
}

# $1 becomes a symbolic link to $2, owner:group $3.
memops_link() {
    if [ ! -L "$1" ] && [ -d "$1" ]; then
        memops_refuse "$1: a directory stands there"
        return 1
    fi
    memops_beside "$1"
    ln -s -- "$2" "$memops_temp" || return 1
    [ "$3" = : ] || chown -h "$3" "$memops_temp" || return 1
    memops_place "$1"
}

# $1 becomes absent; with $2, all below it too.
memops_remove() {
    case $1 in
    / | '' | [!/]* | */)
        memops_refuse "$1: not a path that memops removes"
        return 1
        ;;
    esac
    if [ -L "$1" ] || [ ! -d "$1" ]; then
        rm -f "$1"
    elif [ -n "$2" ]; then
        rm -rf "$1"
    else
        rmdir "$1"
    fi
}
"""

PROCESSES = r"""
# The processes below $1, and itself first.
memops_tree() {
    memops_tree=" $1 "
    while :; do
        memops_before=$memops_tree
        for memops_stat in /proc/[0-9]*/stat; do
            { IFS= read -r memops_line <"$memops_stat"; } 2>/dev/null || continue
            memops_each=${memops_stat#/proc/} memops_each=${memops_each%/stat}
            case $memops_tree in *" $memops_each "*) continue ;; esac
            memops_line=${memops_line##*) ? } memops_line=${memops_line%% *}
            case $memops_tree in *" $memops_line "*) memops_tree="$memops_tree$memops_each " ;; esac
        done
        [ "$memops_tree" != "$memops_before" ] || break
    done
    printf '%s\n' "$memops_tree"
}

# Signal $1 to the processes $2 (a list) and to the groups they lead.
memops_kill() {
    for memops_each in $2; do
        kill "-$1" "-$memops_each" 2>/dev/null
        kill "-$1" "$memops_each" 2>/dev/null
    done
    return 0
}
"""

RUN = r"""
memops_setsid() {
    if command -v setsid >/dev/null 2>&1; then exec setsid "$@"; else exec "$@"; fi
}

# Ends process $1 with all below it after $2 seconds; exits with 143 when told to end before.
memops_deadline() {
    trap 'kill $!; exit 143' TERM
    sleep "$2" &
    wait $!
    trap '' TERM
    memops_all=$(memops_tree "$1")
    memops_kill TERM "$memops_all"
    for memops_try in 1 2; do
        # a group outlives its leader: ask for the group as well
        kill -0 "-$1" 2>/dev/null || kill -0 "$1" 2>/dev/null || break
        sleep 1
    done
    [ "$memops_try" = 1 ] || memops_kill KILL "$memops_all"
    exit 124
}

# Runs a command for at most $1 seconds in directory $2 (empty: here); 124 when the time was up.
# The command stays in the foreground of its own process group: what a shell starts with & would
# ignore SIGINT and SIGQUIT for ever, which a JVM restarted so must not.
memops_run() {
    memops_seconds=$1
    [ -z "$2" ] || cd "$2" || return 126
    shift 2
    {
        {
            (
                read -r memops_pid _ </proc/self/stat
                printf '%s\n' "$memops_pid" >&9
                memops_setsid "$@" 7<&- 8>&- 9>&-
            ) 9>&1 >&8
            printf '%s\n' "$?"
        } | {
            exec 8>&-
            read -r memops_pid
            memops_deadline "$memops_pid" "$memops_seconds" </dev/null >/dev/null 2>&1 &
            memops_watch=$!
            read -r memops_rc
            kill "$memops_watch" 2>/dev/null
            { wait "$memops_watch"; } 2>/dev/null
            [ $? != 124 ] || memops_rc=124
            exit "$memops_rc"
        }
    } 8>&1
}
"""

FRAMES = r"""
memops_nl='
'
memops_locale=${LC_ALL-}
for memops_each in /usr/local/sbin /usr/local/bin /usr/sbin /usr/bin /sbin /bin; do
    case :$PATH: in *":$memops_each:"*) ;; *) PATH=$PATH:$memops_each ;; esac
done
LC_ALL=C
export LC_ALL PATH
unset ENV BASH_ENV CDPATH
umask 022
cd 2>/dev/null || cd /

# A frame on both streams: the nonce of the batch, and a word.
memops_mark() {
    printf '\n%s %s\n' "$memops_nonce" "$1"
    printf '\n%s %s\n' "$memops_nonce" "$1" >&2
}

# Ends an item: its exit code, then those that are well.
memops_end() {
    memops_mark "$1"
    memops_rc=$1
    shift
    for memops_ok; do [ "$memops_rc" != "$memops_ok" ] || return 0; done
    return 1
}

# Sets $memops_syncs, once, to what `sync` can do here.
memops_syncing() {
    [ -z "${memops_syncs-}" ] || return 0
    case $(sync --help 2>&1) in *'[FILE]...'*) memops_syncs='files' ;; *) memops_syncs='all' ;; esac
}

# Asks for the payload, $1 bytes on standard input, and passes on exactly these.
memops_take() {
    printf '\n%s want\n' "$memops_nonce" >&2
    [ "$1" -lt 65536 ] || dd bs=65536 count=$(($1 / 65536)) iflag=fullblock 2>/dev/null || return
    [ $(($1 % 65536)) = 0 ] || dd bs=$(($1 % 65536)) count=1 iflag=fullblock 2>/dev/null
}

# The locale that the login had, for what a user's own command starts.
memops_restore() {
    if [ -n "$memops_locale" ]; then LC_ALL=$memops_locale; else unset LC_ALL; fi
}
"""

FETCH = r"""
# The file $1 from byte $2 on.
memops_cat() {
    if [ ! -f "$1" ]; then
        [ -e "$1" ] && memops_why='not a regular file' || memops_why='no such file'
        printf '%s: %s\n' "$1" "$memops_why" >&2
        return 1
    fi
    if [ "$2" = 0 ]; then exec cat "$1"; else exec tail -c "+$(($2 + 1))" "$1"; fi
}

# What makes digests here: the sha256 of openssl is five times as quick as that of coreutils 9.1,
# the BLAKE2b of coreutils (since 8.26) three times.
memops_hasher() {
    for memops_hasher in openssl b2sum; do
        command -v "$memops_hasher" >/dev/null 2>&1 && break
        memops_hasher=sha256sum
    done
}

# The digest of each file, a line each; a line with "-" for one that cannot be read. One process
# for all where nothing stands in the way.
memops_digests() {
    memops_hasher
    case $memops_hasher in
    openssl) memops_lines=$(openssl dgst -sha256 -r "$@" 2>/dev/null) ;;
    *) memops_lines=$("$memops_hasher" "$@" 2>/dev/null) ;;
    esac || memops_lines=''
    memops_count=$(printf '%s\n' "$memops_lines" | wc -l)
    if [ "$((memops_count))" = $# ] && [ -n "$memops_lines" ]; then
        printf '%s\n' "$memops_lines" | sed 's/^[^0-9a-f]//; s/ .*//'
        return 0
    fi
    [ "$memops_hasher" != openssl ] || memops_hasher=sha256sum
    for memops_each; do
        memops_sha=$("$memops_hasher" <"$memops_each") 2>/dev/null || memops_sha=-
        printf '%s\n' "${memops_sha%% *}"
    done
}

# The first $2 bytes of $1.
memops_head() {
    head -c "$2" "$1"
}
"""

ALL = LOOKS + ENTRIES + PROCESSES + RUN
