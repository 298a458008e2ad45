#!/bin/sh
# Runs inside a fresh root (chroot): accounts, sudo, sshd and only the units that a lab host needs.
set -eu
export PATH=/usr/sbin:/usr/bin:/sbin:/bin

for user in deploy ops plain; do
    id "$user" >/dev/null 2>&1 || useradd --create-home --shell /bin/bash "$user"
    usermod --password '*' "$user"    # "*", not "!": sshd refuses a locked account even with a key
done
id shop >/dev/null 2>&1 || useradd --system --home-dir /srv/shop --shell /usr/sbin/nologin shop
echo ops:opspw | chpasswd
usermod --shell /bin/bash root
echo 'deploy ALL=(ALL:ALL) NOPASSWD:ALL' >/etc/sudoers.d/deploy
echo 'ops ALL=(ALL:ALL) ALL' >/etc/sudoers.d/ops
chmod 440 /etc/sudoers.d/deploy /etc/sudoers.d/ops

rm -f /etc/ssh/ssh_host_* /var/lib/dbus/machine-id /root/.bashrc /root/.profile
: >/etc/machine-id    # empty: every host gets its own on first boot
cat >/etc/ssh/sshd_config <<'SSHD'
HostKey /etc/ssh/ssh_host_ed25519_key
UsePAM yes
UseDNS no
PermitRootLogin prohibit-password
PasswordAuthentication no
KbdInteractiveAuthentication no
AuthorizedKeysFile /etc/ssh/lab_keys
MaxStartups 100:30:300
MaxSessions 64
PrintMotd no
LogLevel VERBOSE
Subsystem sftp internal-sftp
SSHD

systemctl enable ssh.service >/dev/null 2>&1
systemctl disable ssh.socket >/dev/null 2>&1 || true
for unit in apt-daily.timer apt-daily-upgrade.timer dpkg-db-backup.timer e2scrub_all.timer \
    e2scrub_reap.service fstrim.timer systemd-resolved.service systemd-timesyncd.service \
    systemd-networkd.service systemd-hwdb-update.service systemd-update-utmp.service \
    systemd-update-utmp-runlevel.service getty.target console-getty.service systemd-pstore.service \
    postgresql.service docker.service containerd.service cron.service; do
    systemctl mask "$unit" >/dev/null 2>&1 || true
done
systemctl set-default multi-user.target >/dev/null 2>&1
mkdir -p /etc/systemd/journald.conf.d
printf '[Journal]\nStorage=volatile\nRuntimeMaxUse=8M\n' >/etc/systemd/journald.conf.d/lab.conf
