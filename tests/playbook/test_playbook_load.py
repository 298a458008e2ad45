# ruff: noqa: ARG001 - the tasks here are read for their signatures alone
from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

import pytest

from memops.errors import UsageError
from memops.model.app import App
from memops.playbook import load
from memops.playbook.arguments import decode

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from memops.playbook.read import Tasks


def copy(
    probe: object,
    *,
    dest: str,
    content: str | None = None,
    mode: str | int | None = None,
    force: bool = True,
    kind: Literal["a", "b"] = "a",
    retries: int = 1,
    limit: float = 1.0,
    lines: list[str] | None = None,
    env: Mapping[str, str] | None = None,
) -> Iterator[object]:
    raise AssertionError("a task never runs while a playbook is read")


def command(probe: object, *, cmd: str | None = None, chdir: str | None = None) -> Iterator[object]:
    raise AssertionError("a task never runs while a playbook is read")


def fresh(probe: object, *, app: App) -> Iterator[object]:
    raise AssertionError("a task never runs while a playbook is read")


TASKS: Tasks = {"copy": copy, "command": command, "fresh": fresh}


def read(directory: Path, text: str, **extra: Any) -> Any:
    (directory / "p.yml").write_text(text)
    return load(directory / "p.yml", TASKS, extra)


FULL = """\
- name: Everything
  hosts: "{{ where | default('web') }}"
  gather_facts: false
  vars: {v: 1, nested: {a: "{{ v }}"}}
  vars_files: [more.yml]
  become: true
  become_user: app
  become_method: su
  serial: [1, "10%", "{{ last }}"]
  max_fail_percentage: 25
  any_errors_fatal: yes
  tags: one,two
  tasks:
    - command: ls -l "a b"
    - name: second
      ansible.builtin.copy:
        dest: /x/{{ item }}
        mode: 0644
      when:
        - v == 1
        - true
      loop: [a, b]
      loop_control: {loop_var: each}
      register: result
      tags: [three]
      become: false
      ignore_errors: true
      vars: {w: 2}
      changed_when: false
      failed_when: result.rc > 1
    - command:
      args: {cmd: ls, chdir: /tmp}
    - fresh: {app: "{{ app }}"}
"""


def test_a_whole_play_is_read(tmp_path: Path) -> None:
    (tmp_path / "more.yml").write_text("v: 7\nlast: 50%\n")
    (play,) = read(tmp_path, FULL)
    assert (play.name, play.hosts, play.where) == ("Everything", "web", f"{tmp_path}/p.yml:1:3")
    assert play.vars == {"v": 7, "nested": {"a": "{{ v }}"}, "last": "50%"}
    assert (play.become, play.become_user, play.become_method) == (True, "app", "su")
    assert (play.serial, play.max_fail_percentage) == ((1, "10%", "50%"), 25.0)
    assert play.any_errors_fatal is True
    assert play.tags == ("one", "two")
    first, second, third, fourth = play.tasks
    assert (first.task, first.name, first.args) == ("command", "command", {"cmd": 'ls -l "a b"'})
    assert (second.task, second.name) == ("copy", "second")
    assert second.args == {"dest": "/x/{{ item }}", "mode": 0o644}
    assert second.when == ("v == 1", "True")
    assert (second.loop, second.loop_var) == (["a", "b"], "each")
    assert (second.register, second.tags, second.become) == ("result", ("three",), False)
    assert (second.ignore_errors, second.vars) == (True, {"w": 2})
    assert (second.changed_when, second.failed_when) == (("False",), ("result.rc > 1",))
    assert second.where == f"{tmp_path}/p.yml:15:7"
    assert third.args == {"cmd": "ls", "chdir": "/tmp"}
    assert fourth.become is None


def test_extra_variables_beat_the_plays(tmp_path: Path) -> None:
    (tmp_path / "more.yml").write_text("last: 1\n")
    (play,) = read(tmp_path, FULL, where=["a:b", "c[0:1]"], last=3)
    assert (play.hosts, play.serial) == ("a,b,c[0:1]", (1, "10%", 3))


WRONG: list[tuple[str, str]] = [
    ("stategy: free", "3:3: 'stategy' is no keyword of a play"),
    ("handlers: []", "3:3: `handlers` is not supported yet"),
    ("gather_facts: true", "3:17: gather_facts: true is not supported"),
    ("serial: x", "3:11: 'x' is no size of a wave"),
    ("max_fail_percentage: 101", "3:24: 101 is no percentage"),
    ("max_fail_percentage: '{{ x }}'", "3:24: 'x' is undefined"),
    ("become: 'yes'", "3:11: become must be true or false"),
    ("become_user: '{{ u }}'", "3:16: a template in become_user is not supported yet"),
    ("become_method: runas", "3:18: become_method 'runas' is not supported"),
    ("vars: [a]", "3:9: vars must be a mapping"),
    ("vars: {a-b: 1}", "3:10: 'a-b' is no name of a variable"),
    ("vars: {a: '{{ x | nope }}'}", "3:13: there is no filter 'nope'"),
    ("vars_files: nope.yml", "nope.yml: cannot be read"),
    ("tasks: {}", "3:10: tasks must be a list"),
    ("tasks: [ls]", "3:11: a task must be a mapping, not 'ls'"),
    ("tasks: [{name: x}]", "3:11: there is no task here; name one of copy, command, fresh"),
    ("tasks: [{comand: ls}]", "3:12: 'comand' is no keyword of a task; did you mean 'command'?"),
    ("tasks: [{command: ls, notify: x}]", "3:25: `notify` is not supported yet"),
    ("tasks: [{command: ls, until: x}]", "3:25: `until` is not supported yet"),
    ("tasks: [{command: ls, with_items: x}]", "3:25: `with_items` is not supported yet"),
    ("tasks: [{block: []}]", "3:12: `block` is not supported yet"),
    ("tasks: [{debug: }]", "3:12: `debug` is not supported yet"),
    ("tasks: [{ansible.builtin.debug: }]", "`ansible.builtin.debug` is not supported yet"),
    ("tasks: [{community.general.x: }]", "'community.general.x' is no keyword of a task"),
    ("tasks: [{command: ls, whn: x}]", "3:25: 'whn' is no keyword of a task; did you mean 'when'?"),
    ("tasks: [{command: ls, copy: {dest: /}}]", "3:25: a task is one of 'command' and 'copy'"),
    ("tasks: [{copy: dest=/x}]", "3:18: the arguments of 'copy' must be a mapping"),
    ("tasks: [{copy: {dst: /x, dest: /y}}]", "3:19: task 'copy' has no parameter 'dst'; did you mean 'dest'?"),
    ("tasks: [{copy: {}}]", "3:18: task 'copy' needs 'dest'; add dest: ..."),
    ("tasks: [{copy: {dest: [a]}}]", "3:25: dest must be text in quotes, not ['a']"),
    ("tasks: [{copy: {dest: /x, force: 3}}]", "3:36: force must be true or false, not 3"),
    ("tasks: [{copy: {dest: /x, kind: c}}]", "3:35: kind must be one of a, b"),
    ("tasks: [{copy: {dest: /x, retries: 1.5}}]", "retries must be a whole number, not 1.5"),
    ("tasks: [{copy: {dest: /x, limit: fast}}]", "limit must be a number, not 'fast'"),
    ("tasks: [{copy: {dest: /x, lines: a}}]", "lines must be a list"),
    ("tasks: [{copy: {dest: /x, lines: [[]]}}]", "lines must be a list, each text in quotes"),
    ("tasks: [{copy: {dest: /x, env: 3}}]", "env must be a mapping"),
    ("tasks: [{copy: {dest: '{{ x | nop }}'}}]", "3:25: there is no filter 'nop'"),
    ("tasks: [{fresh: {app: [a]}}]", "app must be the name of an app"),
    ("tasks: [{fresh: }]", "task 'fresh' needs 'app'"),
    ("tasks: [{command: ls creates=/x}]", "options in the command itself are not supported"),
    ("tasks: [{command: ls, args: [a]}]", "args must be a mapping"),
    ("tasks: [{command: ls, when: '{{ x }}'}]", "3:31: the condition '{{ x }}' has braces"),
    ("tasks: [{command: ls, when: a ==}]", "3:31: the template is wrong"),
    ("tasks: [{command: ls, when: 3}]", "3:31: when 3 is no condition"),
    ("tasks: [{command: ls, loop: 3}]", "3:31: loop must be a list, not 3"),
    ("tasks: [{command: ls, loop: x}]", "3:31: loop must be a list, not 'x'"),
    ("tasks: [{command: ls, loop: [], loop_control: {label: x}}]", "`loop_control.label` is not supported yet"),
    ("tasks: [{command: ls, loop: [], loop_control: {loop_var: 'a b'}}]", "loop_var 'a b' is no name"),
    ("tasks: [{command: ls, register: a b}]", "3:35: register 'a b' is no name"),
    ("tasks: [{command: ls, ignore_errors: 1}]", "ignore_errors must be true or false"),
    ("tasks: [{command: ls, tags: '{{ t }}'}]", "a template in tags is not supported yet"),
    ("tasks: [{command: ls, tags: {}}]", "tags must be text, or a list of it"),
    ("tasks: [{command: ls, vars: 3}]", "vars must be a mapping"),
]  # fmt: skip


@pytest.mark.parametrize(("line", "message"), WRONG)
def test_what_is_wrong_is_refused_with_its_place(line: str, message: str, tmp_path: Path) -> None:
    with pytest.raises(UsageError) as caught:
        read(tmp_path, f"- hosts: web\n  name: x\n  {line}\n")
    assert str(caught.value).startswith(f"{tmp_path}/")
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


FILES = [
    ("", "is no playbook: a list of plays"),
    ("hosts: web", "is no playbook"),
    ("- web", "p.yml:1:3: a play must be a mapping, not 'web'"),
    ("- tasks: []", "p.yml:1:3: a play needs hosts"),
    ("- hosts: 3", "p.yml:1:10: a play needs hosts"),
    ("- hosts: '{{ hosst }}'", "p.yml:1:10: 'hosst' is undefined"),
    ("- import_playbook: x\n  hosts: a", "`import_playbook` is not supported yet"),
    ("- hosts: web\n  hosts: db", "key 'hosts' stands twice"),
]


@pytest.mark.parametrize(("text", "message"), FILES)
def test_what_is_no_play_is_refused(text: str, message: str, tmp_path: Path) -> None:
    with pytest.raises(UsageError) as caught:
        read(tmp_path, text)
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


def test_all_mistakes_are_told_at_once(tmp_path: Path) -> None:
    with pytest.raises(UsageError) as caught:
        read(
            tmp_path,
            "- hosts: web\n  serial: x\n  tasks:\n    - comand: ls\n    - copy: {dst: 1}\n",
        )
    lines = str(caught.value).splitlines()
    assert len(lines) == 4
    assert all(line.startswith(f"{tmp_path}/p.yml:") for line in lines)
    assert caught.value.exit_code == 2


DECODED: list[tuple[dict[str, Any], dict[str, Any]]] = [
    ({"force": "no", "retries": "3", "limit": "1.5"}, {"force": False, "retries": 3, "limit": 1.5}),
    ({"mode": 420, "content": 5}, {"mode": 420, "content": "5"}),
    (
        {"mode": "0644", "content": None, "kind": "b"},
        {"mode": "0644", "content": None, "kind": "b"},
    ),
    ({"lines": ["a", 1], "env": {"A": "b"}}, {"lines": ["a", "1"], "env": {"A": "b"}}),
]


@pytest.mark.parametrize(("args", "expected"), DECODED)
def test_rendered_arguments_become_what_the_task_declares(
    args: dict[str, Any], expected: dict[str, Any]
) -> None:
    assert decode(copy, args, "p.yml:1:1") == expected


def test_a_rendered_argument_of_the_wrong_type_is_refused() -> None:
    with pytest.raises(UsageError, match=r"p\.yml:1:1: force must be true or false, not 'perhaps'"):
        decode(copy, {"force": "perhaps"}, "p.yml:1:1")
    assert decode(fresh, {"app": App("x")}, "p") == {"app": App("x")}


def test_shipped_playbooks_are_good() -> None:
    from memops.data import packaged
    from memops.engine.bind import signatures

    for path in sorted(packaged("playbooks").glob("*.yml")):
        assert load(path, signatures(), {"hosts": "all"})[0].hosts == "all"
