"""Commands that must be refused, as data: what is typed on which host, and what is said."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from tests.e2e.shops import apps
from tests.lab import shop

if TYPE_CHECKING:
    from collections.abc import Mapping

ENABLE = ("enable-profiling", "--hosts", "bad")


@dataclass(frozen=True, slots=True)
class Case:
    """A command that must be refused: its exit code, and its line, in which ``...`` is anything.

    *host* are more variables of the host; *arrange* and *restore* are sh on it. ``{home}`` is a
    directory with the files below.
    """

    rc: int
    says: str
    argv: tuple[str, ...] = ENABLE
    stdin: str = ""
    env: Mapping[str, str] = field(default_factory=dict)
    host: Mapping[str, Any] = field(default_factory=dict)
    arrange: str = ""
    restore: str = ""


# A library that describes itself as jemalloc does where it was built without profiling.
PLAIN = """
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
__attribute__((constructor)) static void describe(void) {
    const char *conf = getenv("MALLOC_CONF");
    if (conf && strstr(conf, "stats_print:true"))
        puts("___ Begin jemalloc statistics ___\\nVersion: \\"5.3.0-0-g0\\"\\nconfig.prof: false");
}
"""

FILES = {
    "key": "not a key\n",
    "empty": "",
    "archive.tar.bz2": "no archive at all\n",
    "keyword.yml": "- hosts: bad\n  become: true\n  gather_fact: false\n  tasks: []\n",
    "task.yml": "- hosts: bad\n  become: true\n  tasks:\n    - name: x\n      flie:\n        path: /opt/x\n",
    "parameter.yml": "- hosts: bad\n  become: true\n  tasks:\n    - name: x\n      file:\n        path: /opt/x\n        moed: '644'\n",
    "template.yml": "- hosts: bad\n  become: true\n  tasks:\n    - name: x\n      file:\n        path: '{{ nothing }}'\n        state: directory\n",
    "syntax.yml": "- hosts: bad\n  become: true\n  tasks:\n    - name: x\n      file:\n        path: '{{ 1 +'\n        state: directory\n",
    "broken.yml": "- hosts: bad\n  tasks:\n  - name: 'x\n",
    "truncated.0.0.i0.heap": "heap_v2/524288\n  t*: 1: 4096 [0: 0]\n  t0: 1: 4096 [0: 0]\n@ 0x55d0c0ffee 0x55",
    "hostile.0.0.i0.heap": "heap_v2/99999999999999999999999999\n  t*: 1e400: -1 [0: 0]\n"
    "@ " + "0x1 " * 10000,
    "empty.0.0.i0.heap": "",
}

CASES: dict[str, Case] = {
    "unknown host": Case(
        5,
        "memops: bda: no host or group is named 'bda'; did you mean 'bad'?",
        ("ping", "--hosts", "bda"),
    ),
    "unknown host in a limit": Case(
        5,
        "memops: good: no host or group is named 'good'; memops inventory --graph shows what there is",
        ("ping", "--hosts", "bad", "--limit", "good"),
    ),
    "wrong key": Case(
        4,
        "bad: deploy@... refused us; tried {home}/other; check the user, add a key to ssh-agent, or give --private-key",
        env={"MEMOPS_SSH_CONFIG": "{home}/empty"},
        host={"ansible_ssh_private_key_file": "{home}/other"},
    ),
    "no key": Case(
        4,
        "bad: deploy@... refused us; tried no key, for there is none; check the user, add a key",
        env={"MEMOPS_SSH_CONFIG": "{home}/empty"},
        host={"ansible_ssh_private_key_file": "{home}/missing"},
    ),
    "broken key": Case(
        4,
        "bad: deploy@... refused us; tried {home}/key (cannot be read); check the user, add a key",
        env={"MEMOPS_SSH_CONFIG": "{home}/empty"},
        host={"ansible_ssh_private_key_file": "{home}/key"},
    ),
    "changed host key": Case(
        4,
        "bad: its host key has CHANGED: it shows SHA256:..., but {home}/changed:1 has ssh-ed25519 SHA256:...: ssh-keygen -R '...' -f {home}/changed",
        env={"MEMOPS_KNOWN_HOSTS": "{home}/changed"},
    ),
    "unknown host key": Case(
        4,
        "bad: its host key is unknown: ssh-ed25519 SHA256:...; compare it with the host's own, then ... or use --accept-new-host-keys",
        env={"MEMOPS_KNOWN_HOSTS": "{home}/empty"},
    ),
    "no sudo": Case(
        4,
        "bad: a password is needed to become root with sudo, and none was given; give it with --ask-become-pass, or allow plain to become root without one",
        host={"ansible_user": "plain"},
    ),
    "no password for sudo": Case(
        4,
        "bad: a password is needed to become root with sudo, and none was given; give it with --ask-become-pass",
        host={"ansible_user": "ops"},
    ),
    "wrong sudo password": Case(
        4,
        "bad: the password to become root with sudo is wrong; give the right one with --ask-become-pass",
        (*ENABLE, "-K"),
        "wrong\n",
        host={"ansible_user": "ops"},
    ),
    "unknown app": Case(
        2,
        "memops: bad: has no app 'shpo' (known: shop); describe it under memops_apps, or give --unit or --script",
        (*ENABLE, "--app", "shpo"),
    ),
    "unknown unit": Case(
        2,
        "shpo: does not run...; start it: systemctl start shpo.service",
        (*ENABLE, "--unit", "shpo.service"),
    ),
    "no compiler": Case(
        2,
        "bad: no built jemalloc for ... with glibc ...: it has no compiler; ... install gcc and make on one such host",
        env={"XDG_CACHE_HOME": "{home}/cache", "PATH": "{home}/bin"},
        arrange="for f in gcc cc make; do mv /usr/bin/$f /usr/bin/$f.away; done",
        restore="for f in gcc cc make; do mv /usr/bin/$f.away /usr/bin/$f; done",
    ),
    "wrong checksum": Case(
        2,
        "{home}/archive.tar.bz2: wrong checksum: sha256 343a6471d3b0dbb2c99805a72e86bba3182d430a42eed91cd73dadc8bdfabd3c, wanted 2db82d1e7119df3e71b7640219b6dfe84789bc0537983c3b7ac4f7189aecfeaa; get the release again",
        (*ENABLE, "--jemalloc-source", "{home}/archive.tar.bz2"),
        env={"XDG_CACHE_HOME": "{home}/cache"},
    ),
    "no archive": Case(
        2,
        "{home}/nothing.tar: No such file or directory; name the tarball, or leave it out",
        (*ENABLE, "--jemalloc-source", "{home}/nothing.tar"),
        env={"XDG_CACHE_HOME": "{home}/cache"},
    ),
    "full disk": Case(
        2,
        "/opt: 1024 KiB are free, 4 MiB are needed; make room",
        arrange="mount -t tmpfs -o size=1m tmpfs /opt",
        restore="umount /opt",
    ),
    "full disk for the journal": Case(
        2,
        "writing the journal: ...: No space left on device; free some space there and repeat",
        arrange="mkdir /var/lib/memops; mount -t tmpfs -o size=16k tmpfs /var/lib/memops",
        restore="umount /var/lib/memops; rmdir /var/lib/memops",
    ),
    "read-only /opt": Case(
        2,
        "/opt: it is mounted read-only; remount it, or name another prefix",
        arrange="mount -t tmpfs -o ro tmpfs /opt",
        restore="umount /opt",
    ),
    "no jemalloc of the distribution": Case(
        2,
        "jemalloc: the distribution's libjemalloc2 is not installed on this host; type apt-get install libjemalloc2",
        (*ENABLE, "--jemalloc", "distro"),
        arrange="for f in /usr/lib/*/libjemalloc.so.2; do mv $f $f.away; done",
        restore="for f in /usr/lib/*/libjemalloc.so.2.away; do mv $f ${f%.away}; done",
    ),
    "a jemalloc without profiling": Case(
        2,
        "/usr/lib/.../libjemalloc.so.2: it was built without profiling (config.prof: false); leave out --jemalloc distro",
        (*ENABLE, "--jemalloc", "distro"),
        arrange="for f in /usr/lib/*/libjemalloc.so.2; do mv $f $f.away; cp /run/plain.so $f; done",
        restore="for f in /usr/lib/*/libjemalloc.so.2.away; do mv $f ${f%.away}; done",
    ),
    "unknown keyword": Case(
        2,
        "memops: {home}/keyword.yml:3:3: 'gather_fact' is no keyword of a play; did you mean 'gather_facts'?",
        ("play", "{home}/keyword.yml"),
    ),
    "unknown task": Case(
        2,
        "memops: {home}/task.yml:5:7: 'flie' is no keyword of a task; did you mean 'file'?",
        ("play", "{home}/task.yml"),
    ),
    "unknown parameter": Case(
        2,
        "memops: {home}/parameter.yml:7:9: task 'file' has no parameter 'moed'; did you mean 'mode'?",
        ("play", "{home}/parameter.yml"),
    ),
    "unknown variable": Case(
        2,
        "{home}/template.yml:6:15: 'nothing' is undefined; define it, or add | default(...)",
        ("play", "{home}/template.yml"),
    ),
    "template error": Case(
        2,
        "memops: {home}/syntax.yml:6:15: the template is wrong: unexpected 'end of template'; mend the expression",
        ("play", "{home}/syntax.yml"),
    ),
    "broken playbook": Case(
        2,
        "memops: {home}/broken.yml:4:1: YAML: found unexpected end of stream; check quotes and indentation",
        ("play", "{home}/broken.yml"),
    ),
    "no playbook": Case(
        2,
        "memops: {home}/nothing.yml: no such playbook; check the path",
        ("play", "{home}/nothing.yml"),
    ),
    "truncated heap file": Case(
        2,
        "memops: {home}/truncated.0.0.i0.heap:4: cut short: it has no MAPPED_LIBRARIES ...; collect it again, or analyse the other dumps without it",
        ("analyze", "{home}/truncated.0.0.i0.heap"),
    ),
    "hostile heap file": Case(
        2,
        "memops: {home}/hostile.0.0.i0.heap:2: the header of this heap profile cannot be read; collect it again",
        ("analyze", "{home}/hostile.0.0.i0.heap"),
    ),
    "empty heap file": Case(
        2,
        "memops: {home}/empty.0.0.i0.heap:1: the file is empty; collect it again",
        ("analyze", "{home}/empty.0.0.i0.heap"),
    ),
    "no heap file": Case(
        2,
        "memops: {home}/nothing.heap: no such file; check the path",
        ("analyze", "{home}/nothing.heap"),
    ),
    "nothing collected": Case(
        2,
        "memops: analyze: nothing was collected yet; memops collect it, or name heap files",
        ("analyze",),
    ),
    "app that was not well before": Case(
        2,
        "shop: is not well as it is: http://127.0.0.1:8081/health does not answer well (...); put it right first, or its health in memops_apps",
        host=apps(
            **shop.description("unit") | {"health": [{"http": "http://127.0.0.1:8081/health"}]}
        ),
    ),
    "app that does not run": Case(
        2,
        "shop: does not run...; start it: systemctl start shop.service",
        arrange="systemctl stop shop",
        restore="systemctl start shop",
    ),
}
