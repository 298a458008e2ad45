#!/bin/sh
# Brings up one systemd host: its own cgroups, an overlay root with a bounded tmpfs as its disk,
# and systemd as pid 1. The caller gives a private mount namespace; all of it ends with this process.
#   LAB_HOME  the host's directory on the controller: seed/ is copied into its root, hook is sourced
#   LAB_LOWER the lower directories of its root; LAB_DISK the size of its disk
#   LAB_CGROUPS, LAB_NETNS, LAB_NAME; LAB_BINDS: more options of systemd-nspawn
set -eu
for group in $LAB_CGROUPS; do
    mkdir -p "$group"
    echo $$ >"$group/cgroup.procs"
done
root=$LAB_HOME/root
mount -t tmpfs -o "size=$LAB_DISK,mode=755" memops-lab "$LAB_HOME/disk"
mkdir "$LAB_HOME/disk/upper" "$LAB_HOME/disk/work"
mount -t overlay overlay \
    -o "lowerdir=$LAB_LOWER,upperdir=$LAB_HOME/disk/upper,workdir=$LAB_HOME/disk/work" "$root"
cp -a "$LAB_HOME/seed/." "$root/"
cd "$root"
# shellcheck source=/dev/null
if [ -f "$LAB_HOME/hook" ]; then . "$LAB_HOME/hook"; fi
cd /
export SYSTEMD_NSPAWN_UNIFIED_HIERARCHY=1
while :; do
    rc=0
    # shellcheck disable=SC2086  # options, split on purpose
    systemd-nspawn --quiet -D "$root" --boot --machine="$LAB_NAME" --register=no --keep-unit \
        --network-namespace-path="$LAB_NETNS" --resolv-conf=off --timezone=off --link-journal=no \
        --capability=CAP_NET_ADMIN --settings=no --console=pipe $LAB_BINDS </dev/null || rc=$?
    # With --keep-unit a reboot inside the host is left to the caller, as exit code 133.
    if [ "$rc" != 133 ]; then exit "$rc"; fi
    echo "--- $LAB_NAME reboots"
done
