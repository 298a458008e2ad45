from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from memops.errors import NoHostsError, UsageError
from memops.inventory import ini, load
from memops.inventory.draft import Draft

if TYPE_CHECKING:
    from pathlib import Path

INI = [
    ("[a:hosts]\nx\n[b:varz]\ny", "hosts:3: section [b:varz] has an unknown kind; did you mean 'vars'?"),
    ("[a b]\nx", "hosts:1: '[a b]' is no section"),
    ("[a\n", "hosts:1: '[a' has a [ without a range"),
    ("x\nh:", "hosts:2: host 'h:' ends with a colon"),
    ("[wbe:vars]\nx=1\n[web]\n", "hosts:1: group 'wbe' is nowhere defined; did you mean 'web'?"),
    ("[a:children]\nb\n", "hosts:2: group 'b' is nowhere defined; add a section [b]"),
    ("h x", "hosts:1: 'x' is no variable; write key=value after the host"),
    ("h a='b", "hosts:1: quotes do not match"),
    ("w[3:1]", "hosts:1: range [3:1] is empty"),
    ("w[01:3]", "hosts:1: range [01:3] has ends of unequal width"),
    ("w[1:]", "hosts:1: range [1:] has no end"),
    ("w[1:3:0]", "hosts:1: range [1:3:0] has a step that is not a number above 0"),
    ("w[a:3]", "hosts:1: range [a:3] is not of numbers or letters"),
    ("w[1:99999999]", "hosts:1: range [1:99999999] names over 1000000 hosts"),
    ("w[1:9999][1:9999]", "hosts:1: 'w[1:9999][1:9999]' names over 1000000 hosts"),
    ("a:b:c", "hosts:1: 'a:b:c' is not a host name"),
    ("[a:vars]\nfoo\n[a]", "hosts:2: 'foo' is no variable"),
    ("[a]\n[a:vars]\nansible_group_priority=x", "hosts:3: ansible_group_priority 'x' is not a whole"),
    ("[a:children]\na", "hosts:2: group 'a' cannot be a child of 'a'"),
    ("[a:children]\nb\n[b:children]\na", "hosts:4: group 'a' cannot be a child of 'b'"),
    ("[a:children]\nb c\n[b]", "hosts:2: 'b c' is no group name"),
    ("[x]\n--- x", "hosts:2: looks like YAML in an INI file"),
]  # fmt: skip


@pytest.mark.parametrize(("text", "message"), INI)
def test_ini_errors_name_the_line(text: str, message: str, tmp_path: Path) -> None:
    (tmp_path / "hosts").write_text(text)
    with pytest.raises(UsageError) as caught:
        load([str(tmp_path / "hosts")])
    assert str(caught.value).startswith(f"{tmp_path}/{message}")


YAML = [
    ("web: {hots: {}}", "h.yml:1:7: 'hots' in group 'web' is none of hosts, vars, children; did you mean 'hosts'?"),
    ("web:\n  hosts:\n    - a", "h.yml:3:5: hosts must be a mapping, not seq"),
    ("- a", "h.yml: an inventory must be a mapping"),
    ("web: {hosts: {a: 1}}", "h.yml:1:15: host 'a' must be a mapping, not int"),
    ("web: {hosts: {1: }}", "h.yml:1:15: 1 is no name; quote it"),
    ("web: {children: {web: }}", "h.yml:1:18: group 'web' cannot be a child of 'web'"),
    ("web: {vars: [1]}", "h.yml:1:13: vars must be a mapping"),
    ("web: {vars: {ansible_group_priority: hi}}", "h.yml:1:14: ansible_group_priority 'hi'"),
    ("web: {hosts: {'w[1:2': }}", "h.yml:1:15: 'w[1:2' is not a host name"),
    ("web:\nweb:\n", "h.yml:2:1: key 'web' stands twice"),
]  # fmt: skip


@pytest.mark.parametrize(("text", "message"), YAML)
def test_yaml_errors_name_the_place(text: str, message: str, tmp_path: Path) -> None:
    (tmp_path / "h.yml").write_text(text)
    with pytest.raises(UsageError) as caught:
        load([str(tmp_path / "h.yml")])
    assert str(caught.value).startswith(f"{tmp_path}/{message}")


SCRIPTS = [
    ("echo nope", "printed no JSON"),
    ("echo oops >&2; exit 3", "ended with 3 (oops)"),
    ("echo '[]'", "its answer must be a mapping"),
    ("echo '{\"g\": 3}'", "group 'g' must be a mapping"),
    ('echo \'{"g": {"hosts": "x"}}\'', "hosts of 'g' must be a list of names"),
    ("kill -9 $$", "ended with -9"),
]


@pytest.mark.parametrize(("body", "message"), SCRIPTS)
def test_a_program_that_fails_is_named(body: str, message: str, tmp_path: Path) -> None:
    script = tmp_path / "inv"
    script.write_text(f"#!/bin/sh\n{body}\n")
    script.chmod(0o755)
    with pytest.raises(UsageError) as caught:
        load([str(script)])
    assert str(caught.value).startswith(f"{script} --list")
    assert message in str(caught.value)


def test_a_program_without_meta_is_asked_for_each_host(tmp_path: Path) -> None:
    script = tmp_path / "inv"
    script.write_text(
        '#!/bin/sh\n[ "$1" = --list ] && echo \'{"g": ["a", "b"]}\' || echo "{\\"me\\": \\"$2\\"}"\n'
    )
    script.chmod(0o755)
    assert load([str(script)]).vars("b") == {"me": "b"}


def test_a_missing_source_and_toml_are_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no such inventory; check -i"):
        load([str(tmp_path / "nope")])
    (tmp_path / "x.toml").write_text("[web]")
    with pytest.raises(UsageError, match="TOML inventories are not supported"):
        load([str(tmp_path / "x.toml")])


def test_a_variable_file_that_is_no_mapping_is_named(tmp_path: Path) -> None:
    (tmp_path / "group_vars").mkdir()
    (tmp_path / "group_vars" / "all.yml").write_text("- a\n")
    (tmp_path / "hosts").write_text("h\n")
    with pytest.raises(UsageError, match=r"group_vars/all\.yml: must hold a mapping"):
        load([str(tmp_path / "hosts")])


NOBODY = [
    ("wbe", None, "no host or group is named 'wbe'; did you mean 'web'?"),
    ("WEB", None, "did you mean 'web'?"),
    ("all:!databse", None, "no host or group is named 'databse'; did you mean 'database'?"),
    ("web[5]", None, "matches no host"),
    ("web:&database", None, "matches no host"),
    ("web", "database", "web and database: matches no host"),
    ("web", "nope", "no host or group is named 'nope'"),
    ("x*", None, "matches no host"),
]


@pytest.mark.parametrize(("pattern", "limit", "message"), NOBODY)
def test_nobody_is_an_error_with_the_nearest_names(
    pattern: str, limit: str | None, message: str, tmp_path: Path
) -> None:
    (tmp_path / "hosts").write_text("[web]\nw1\n[database]\nd1\n")
    with pytest.raises(NoHostsError) as caught:
        load([str(tmp_path / "hosts")]).select(pattern, limit)
    assert caught.value.exit_code == 5
    assert message in str(caught.value)


@pytest.mark.parametrize(
    ("pattern", "message"),
    [
        ("", "is empty"),
        (":", "is empty"),
        ("~(", "no regular expression"),
        ("web[0-1]", r"write web\[0:1\]"),
    ],
)
def test_bad_patterns_are_refused(pattern: str, message: str, tmp_path: Path) -> None:
    (tmp_path / "hosts").write_text("[web]\nw1\n")
    with pytest.raises(UsageError, match=message):
        load([str(tmp_path / "hosts")]).select(pattern)


@given(st.text(alphabet="[]:=#;ab1 0-\"'\\\n\t,{}()TrueNone.\x00é", max_size=80))
def test_any_ini_is_an_inventory_or_a_usage_error(text: str) -> None:
    draft = Draft()
    try:
        ini.read(text, "hosts", draft)
    except UsageError as error:
        assert error.where.startswith("hosts:")  # noqa: PT017
    else:
        draft.settle()
        assert set(draft.hosts) == {host for group in draft.groups.values() for host in group.hosts}
