#!/bin/sh
# Brings up one lean host: busybox and dropbear in namespaces of its own, on a bounded tmpfs overlay.
# The environment is that of systemd-host.sh. Given a private mount namespace, it makes the others itself.
set -eu
if [ "${1:-}" != inside ]; then
    for group in $LAB_CGROUPS; do
        mkdir -p "$group"
        echo $$ >"$group/cgroup.procs"
    done
    exec nsenter --net="$LAB_NETNS" unshare --mount --uts --pid --ipc --fork --kill-child=KILL \
        --propagation private sh "$0" inside
fi
root=$LAB_HOME/root
mount -t tmpfs -o "size=$LAB_DISK,mode=755" memops-lab "$LAB_HOME/disk"
mkdir "$LAB_HOME/disk/upper" "$LAB_HOME/disk/work"
mount -t overlay overlay \
    -o "lowerdir=$LAB_LOWER,upperdir=$LAB_HOME/disk/upper,workdir=$LAB_HOME/disk/work" "$root"
cp -a "$LAB_HOME/seed/." "$root/"
cd "$root"
chown -R 1000:1000 home/deploy
chroot . /usr/bin/dropbearconvert openssh dropbear /etc/dropbear/hostkey.openssh /etc/dropbear/hostkey
rm etc/dropbear/hostkey.openssh
mount -t proc proc proc
mount -t sysfs -o ro sysfs sys
mount -t tmpfs -o mode=755,size=4m tmpfs dev
mkdir dev/pts dev/shm
for device in null:3 zero:5 full:7 random:8 urandom:9; do
    mknod -m 666 "dev/${device%:*}" c 1 "${device#*:}"
done
mknod -m 666 dev/tty c 5 0
ln -s pts/ptmx dev/ptmx
ln -s /proc/self/fd dev/fd
for stream in stdin:0 stdout:1 stderr:2; do
    ln -s "/proc/self/fd/${stream#*:}" "dev/${stream%:*}"
done
# A devpts of its own with gid=5: without it a session of another user than root gets no terminal.
mount -t devpts -o newinstance,gid=5,mode=620,ptmxmode=666 devpts dev/pts
mount -t tmpfs -o mode=1777 tmpfs dev/shm
mount -t tmpfs -o mode=755,size=16m tmpfs run
hostname "$LAB_NAME"
# shellcheck source=/dev/null
if [ -f "$LAB_HOME/hook" ]; then . "$LAB_HOME/hook"; fi
mount -t tmpfs tmpfs mnt
mkdir mnt/old
pivot_root . mnt/old
cd /
exec env -i PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin HOME=/root TERM=xterm \
    /bin/sh -c '
        umount -l /mnt/old; umount /mnt
        # -E: log to the console; -s: keys only; -F: stay in the foreground
        /usr/sbin/dropbear -E -F -s -r /etc/dropbear/hostkey -P /run/dropbear.pid &
        while :; do wait; sleep 3600 & done'
