"""From Ansible's connection variables, and the command line above them, to a `Host`."""

from __future__ import annotations

import re
import shlex
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, cast

from memops import yaml
from memops.errors import UsageError
from memops.inventory.draft import nearest
from memops.model.host import Become, Host
from memops.secret import Secret

if TYPE_CHECKING:
    from memops.yaml import Map

Render = Callable[[Any, Mapping[str, Any]], Any]
Method = Literal["sudo", "su", "doas"]

_METHODS = ("sudo", "su", "doas")
_CONNECTIONS = {"ssh": "ssh", "smart": "ssh", "paramiko": "ssh", "local": "local", "fake": "fake"}
_SSH_KEYS = {"proxyjump": "proxy_jump", "proxycommand": "proxy_command"}
_TRUE, _FALSE = ("yes", "true", "on", "1", "y", "t"), ("no", "false", "off", "0", "n", "f", "")
_TEMPLATE = re.compile(r"\{\{|\{%")
_SECRET_NAMES = frozenset(
    ("ansible_password", "ansible_ssh_pass", "ansible_ssh_password", "ansible_become_password",
     "ansible_become_pass", "ansible_sudo_pass", "ansible_su_pass", "ansible_sudo_password")
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class ConnectionOverrides:
    """What the operator said on the command line; None leaves it to the inventory."""

    user: str | None = None
    port: int | None = None
    key_file: str | None = None
    password: Secret | None = None
    connection: Literal["ssh", "local", "fake"] | None = None
    become: bool | None = None
    become_user: str | None = None
    become_method: Method | None = None
    become_password: Secret | None = None


def connect(
    name: str,
    variables: Map,
    overrides: ConnectionOverrides,
    groups: tuple[str, ...],
    extra: Mapping[str, Any],
    render: Render | None,
) -> Host:
    """The `Host` that *variables* describe; *extra* (``-e``) beats *overrides*, they the rest."""
    reader = _Reader(name, variables, extra, render)
    proxies, elevation = _ssh_args(reader), _elevation(reader, overrides)
    return Host(
        name=name,
        address=reader.text("ansible_host", "ansible_ssh_host"),
        port=reader.port(overrides.port),
        user=reader.text("ansible_user", "ansible_ssh_user", above=overrides.user),
        key_file=reader.text(
            "ansible_ssh_private_key_file", "ansible_private_key_file", above=overrides.key_file
        ),
        password=reader.secret(
            "ansible_password", "ansible_ssh_pass", "ansible_ssh_password", above=overrides.password
        ),
        connection=_connection(reader, overrides),
        proxy_jump=proxies.get("proxy_jump"),
        proxy_command=proxies.get("proxy_command"),
        become=elevation if reader.truth("ansible_become", above=overrides.become) else None,
        groups=groups,
        vars=variables,
        elevation=elevation,
    )


def hide_passwords(variables: Map) -> None:
    """Make every password of a connection in *variables* a `Secret`; a template is none yet."""
    for key in _SECRET_NAMES & variables.keys():
        value = variables[key]
        if value is not None and not isinstance(value, Secret) and not _TEMPLATE.search(str(value)):
            variables[key] = Secret(str(value))


class _Reader:
    """One host's variables, read by Ansible's names and their older twins."""

    def __init__(
        self, name: str, variables: Map, extra: Mapping[str, Any], render: Render | None
    ) -> None:
        self._name = name
        self._variables = variables
        self._extra = extra
        self._render = render

    def where(self, key: str) -> str:
        return yaml.place(self._variables, key, f"{self._name}: {key}")

    def value(self, *keys: str, above: Any = None) -> tuple[str, Any]:
        """The first of *keys* that is set, and its value; *above* unless ``-e`` has the last word."""
        for key in keys:
            if key in self._extra:
                return key, self._plain(key, self._extra[key])
        if above is not None:
            return keys[0], above
        for key in keys:
            if self._variables.get(key) is not None:
                return key, self._plain(key, self._variables[key])
        return keys[0], None

    def _plain(self, key: str, value: Any) -> Any:
        if not isinstance(value, str) or not _TEMPLATE.search(value):
            return value
        if self._render is None:
            raise UsageError(self.where(key), f"{key} holds a template", "write its value")
        return self._render(value, {**self._variables, "inventory_hostname": self._name})

    def text(self, *keys: str, above: Any = None) -> str | None:
        key, value = self.value(*keys, above=above)
        if value is None or value == "":
            return None
        if isinstance(value, bool) or not isinstance(value, str | int | float):
            raise UsageError(self.where(key), f"{key} must be text, not {value!r:.60}", "quote it")
        if any(ord(letter) < ord(" ") for letter in str(value)):
            raise UsageError(self.where(key), f"{key} holds a control character", "remove it")
        return str(value)

    def secret(self, *keys: str, above: Secret | None) -> Secret | None:
        _, value = self.value(*keys, above=above)
        if value is None or isinstance(value, Secret):
            return value
        return Secret(str(value))

    def port(self, above: int | None) -> int | None:
        key, value = self.value("ansible_port", "ansible_ssh_port", above=above)
        if value is None:
            return None
        if not re.fullmatch(r"\d{1,5}", str(value)) or not 0 < int(value) < 1 << 16:
            raise UsageError(self.where(key), f"{key} {value!r} is no port", "write 1 to 65535")
        return int(value)

    def truth(self, *keys: str, above: bool | None) -> bool:
        key, value = self.value(*keys, above=above)
        word = str(value).lower()
        if value is None or word in _FALSE:
            return False
        if word not in _TRUE:
            raise UsageError(
                self.where(key), f"{key} must be true or false, not {value!r}", "mend it"
            )
        return True

    def choice(self, key: str, known: tuple[str, ...], above: str | None) -> str | None:
        _, value = self.value(key, above=above)
        word = None if value is None else str(value).removeprefix("ansible.builtin.")
        if word is not None and word not in known:
            raise UsageError(
                self.where(key),
                f"{key} {word!r} is not supported",
                nearest(word, known) or f"use {', '.join(known)}",
            )
        return word


def _connection(reader: _Reader, overrides: ConnectionOverrides) -> Literal["ssh", "local", "fake"]:
    word = reader.choice("ansible_connection", tuple(_CONNECTIONS), overrides.connection) or "ssh"
    return cast('Literal["ssh", "local", "fake"]', _CONNECTIONS[word])


def _elevation(reader: _Reader, overrides: ConnectionOverrides) -> Become:
    """How to become; neither a user, a method nor a password implies that it is done."""
    method = reader.choice("ansible_become_method", _METHODS, overrides.become_method) or "sudo"
    password = reader.secret(
        "ansible_become_password", "ansible_become_pass", f"ansible_{method}_pass",
        above=overrides.become_password,
    )  # fmt: skip
    user = reader.text("ansible_become_user", f"ansible_{method}_user", above=overrides.become_user)
    return Become(user or "root", cast("Method", method), password)


def _ssh_args(reader: _Reader) -> dict[str, str]:
    """The proxy that the ssh arguments name; of two, the first counts, as in ssh."""
    found: dict[str, str] = {}
    for key in ("ansible_ssh_args", "ansible_ssh_common_args", "ansible_ssh_extra_args"):
        text = reader.text(key)
        if text:
            for name, value in _parse_args(text, key, reader.where(key)):
                found.setdefault(name, value)
    return found


def _parse_args(text: str, key: str, where: str) -> list[tuple[str, str]]:
    try:
        words = shlex.split(text)
    except ValueError as error:
        raise UsageError(where, f"quotes of {key} do not match", "close the quote") from error
    found = []
    while words:
        word = words.pop(0)
        flag, value = word[:2], word[2:]
        if flag not in ("-o", "-J") or not (value or words):
            raise _refused(word, key, where)
        value = value or words.pop(0)
        found.append(("proxy_jump", value) if flag == "-J" else _option(value, key, where))
    return found


def _option(text: str, key: str, where: str) -> tuple[str, str]:
    name, value = re.match(r"\s*(\w*)\s*[=\s]?\s*(.*)", text, re.DOTALL).groups()  # type: ignore[union-attr]  # every part may be empty
    if name.lower() not in _SSH_KEYS or not value:
        raise _refused(f"-o {text}", key, where)
    return _SSH_KEYS[name.lower()], value


def _refused(argument: str, key: str, where: str) -> UsageError:
    """Host keys, config files and timeouts have options of their own, which are safer."""
    word = argument.lower()
    if "stricthostkeychecking" in word:
        remedy = "--accept-new-host-keys accepts hosts seen for the first time"
    elif "knownhostsfile" in word:
        remedy = "use --known-hosts FILE"
    elif word.startswith("-f"):
        remedy = "use --ssh-config FILE"
    else:
        remedy = "put it into ~/.ssh/config, or keep only -o ProxyJump=, -o ProxyCommand= and -J"
    return UsageError(where, f"{argument!r} in {key} is not supported", remedy)
