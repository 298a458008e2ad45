#!/bin/sh
# lean-base.sh PARTS ROOT: a root with busybox and dropbear alone, from unpacked packages in PARTS.
# No bash, no python, no GNU tools, no sftp, no sudo.
set -eu
parts=$1
root=$2
mkdir -p "$root"
cd "$root"
mkdir -p bin sbin usr/bin usr/sbin usr/local/bin etc/dropbear root/.ssh home/deploy/.ssh \
    proc sys dev run tmp mnt opt srv var/lib var/log lib lib64
chmod 700 root root/.ssh home/deploy/.ssh
chmod 1777 tmp
chown -R 1000:1000 home/deploy
printf 'root:*:0:0:root:/root:/bin/sh\ndeploy:*:1000:1000::/home/deploy:/bin/sh\n' >etc/passwd
printf 'root:x:0:\ndeploy:x:1000:\n' >etc/group
printf '/bin/sh\n' >etc/shells
cp "$parts/bin/busybox" bin/busybox
chroot . /bin/busybox --install -s
cp "$parts/usr/sbin/dropbear" usr/sbin/dropbear
cp "$parts/usr/lib/dropbear/dropbearconvert" usr/bin/dropbearconvert
libs=$(LD_LIBRARY_PATH=$(find "$parts" -name '*.so.*' -exec dirname {} + | sort -u | tr '\n' ':') \
    ldd usr/sbin/dropbear | grep -o '/[^ ]*')
for lib in $libs; do
    case $lib in
    */ld-linux*) cp -L "$lib" "lib64/${lib##*/}" ;;
    *) cp -L "$lib" "lib/${lib##*/}" ;;
    esac
done
