from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from memops.errors import UsageError
from memops.playbook.template import (
    HostText,
    condition,
    from_host,
    is_template,
    render_file,
    render_value,
)
from memops.secret import Secret

if TYPE_CHECKING:
    from pathlib import Path

VARS: dict[str, Any] = {
    "a": "{{ b }}",
    "b": "{{ c }}",
    "c": 3,
    "d": {"x": "{{ a }}", "l": ["{{ c }}", 1]},
    "host": from_host({"evil": "{{ c }}", "lines": ["{{ 1 }}", "{% raw %}"], "rc": 0}),
    "loop1": "{{ loop2 }}",
    "loop2": "{{ loop1 }}",
    "none": None,
    "flag": "true",
    "word": "{{ c > 1 }}",
    "ansible_password": Secret("hunter2"),
}

RENDERED: list[tuple[Any, Any]] = [
    ("{{ a }}", 3),
    ("x{{ a }}", "x3"),
    ("{{ d.x + 1 }}", 4),
    ("{{ d }}", {"x": 3, "l": [3, 1]}),
    ("{{- a -}}", 3),
    ("{{ a }}{{ b }}", "33"),
    ("{{ none }}", None),
    ("a {{ none }} b", "a  b"),
    ("{{ nope.deep.er | default(2) }}", 2),
    ("{{ range(3) }}", [0, 1, 2]),
    ("{{ [1, 2] | map('string') }}", ["1", "2"]),
    ("{% if a == 3 %}yes{% endif %}\n", "yes"),
    ("line\n", "line\n"),
    ({"{{ a }}": "{{ a }}"}, {"{{ a }}": 3}),
    (["{{ a }}", {"k": ("{{ b }}",)}], [3, {"k": [3]}]),
    (7, 7),
    ("{{ host.evil }}", "{{ c }}"),
    ("{{ host.evil | trim | upper }}", "{{ C }}"),
    ("{{ host.lines }}", ["{{ 1 }}", "{% raw %}"]),
    ("got {{ host.evil }}", "got {{ c }}"),
    ("{{ '{{' }} c }}", "{{ c }}"),
    ("{{ '/a/b.c' | basename }} {{ '/a/b.c' | dirname }}", "b.c /a"),
    ("{{ {'b': 1, 'a': [2]} | to_json }}", '{"b": 1, "a": [2]}'),
    ("{{ {'b': 1, 'a': 2} | to_nice_json }}", '{\n    "a": 2,\n    "b": 1\n}'),
    ('{{ "it\'s" | quote }}', "'it'\"'\"'s'"),
    ("{{ 'yes' | bool }}", True),
    ("{{ 'nope' | bool }}", False),
    ("{{ '12' | int + 1 }}", 13),
    ("{{ 'a.b.c' | regex_replace('[.](\\\\w)', '-\\\\1') }}", "a-b-c"),
    ("{{ 'foo123' | regex_search('[0-9]+') }}", "123"),
    ("{{ 'foo' | regex_search('[0-9]+') }}", None),
    ("{{ 'k=v' | regex_search('(\\\\w)=(\\\\w)', '\\\\2', '\\\\1') }}", ["v", "k"]),
    ("{{ 'hé' | b64encode | b64decode }}", "hé"),
    ("{{ (c == 3) | ternary('a', 'b') }}", "a"),
    ("{{ '[1, 2]' | from_json }}", [1, 2]),
    ("pw={{ ansible_password }}", "pw=***"),
]


@pytest.mark.parametrize(("value", "expected"), RENDERED)
def test_renders(value: Any, expected: Any) -> None:
    rendered = render_value(value, VARS)
    assert rendered == expected
    assert render_value(rendered, VARS) == expected  # rendered once, it is a template no more


REFUSED = [
    ("{{ xyzzy }}", "'xyzzy' is undefined; define it, or add | default(...)"),
    ("{{ hosst }}", "'hosst' is undefined; did you mean 'host'?"),
    ("{{ [nope] }}", "'nope' is undefined"),
    ("{{ d.nope }}", "has no attribute 'nope'"),
    ("{{ a | to_jsn }}", "there is no filter 'to_jsn'; did you mean 'to_json'"),
    ("{{ a is chnged }}", "there is no test 'chnged'; did you mean 'changed'?"),
    ("{{ loop1 }}", "'loop1' needs itself (loop1 -> loop2 -> loop1)"),
    ("{{ a", "the template is wrong"),
    ("{% for %}", "the template is wrong"),
    ("{{ 1 / 0 }}", "division by zero"),
    ("{{ ''.__class__.__mro__ }}", "unsafe"),
    ("{{ host.clear() }}", "failed"),
    ("{{ 'a' | regex_search('(') }}", "failed"),
    ("{% include '/etc/passwd' %}", "failed"),
    ("{{ lookup('pipe', 'id') }}", "'lookup' is undefined"),
    ("{{ 'x' is changed }}", "not a registered result"),
]


@pytest.mark.parametrize(("value", "message"), REFUSED)
def test_refuses_with_place_and_reason(value: str, message: str) -> None:
    with pytest.raises(UsageError) as caught:
        render_value(value, VARS, "p.yml:3:5")
    assert str(caught.value).startswith("p.yml:3:5: ")
    assert message in str(caught.value)


CONDITIONS = [
    ("a == 3", True),
    ("c > 1 and not host.rc", True),
    ("true", True),
    ("False", False),
    ("nope is defined", False),
    ("word", True),
    ("host.evil == '{{' ~ ' c }}'", True),
    ("host is not changed", True),
    ("flag | bool", True),
    ("host.evil is match('.. c')", True),
]


@pytest.mark.parametrize(("expression", "holds"), CONDITIONS)
def test_conditions(expression: str, holds: object) -> None:
    assert condition(expression, VARS) is holds


@pytest.mark.parametrize("expression", ["a", "flag", "host", "none", "''", "d.l", "host.rc"])
def test_a_condition_must_be_a_boolean(expression: str) -> None:
    with pytest.raises(UsageError, match=r"not true or false; compare it, or add \| bool"):
        condition(expression, VARS)


HOSTILE = st.one_of(
    st.text(),
    st.sampled_from(
        [
            "{{ c }}",
            "{{ lookup('pipe', 'id') }}",
            "{% set x = 1 %}",
            "{# #}",
            "}}{{",
            "{{ ''.__class__ }}",
        ]
    ),
    st.tuples(st.text(), st.just("{{ c }}"), st.text()).map("".join),
)


@given(HOSTILE)
def test_text_of_a_host_is_never_rendered(text: str) -> None:
    variables = {
        "r": from_host({"stdout": text, "lines": [text]}),
        "c": "!",
        "via": "{{ r.stdout }}",
    }
    assert render_value("{{ r.stdout }}", variables) == text
    assert render_value("{{ via }}", variables) == text
    assert render_value("<{{ r.lines | first }}>", variables) == f"<{text}>"
    assert render_value(["{{ r.lines }}"], variables) == [[text]]
    item = render_value("{{ r.lines | map('trim') | list }}", variables)[0]
    assert render_value("{{ item }}", {**variables, "item": item}) == text.strip()
    assert condition("r.stdout == via", variables)


def test_a_rendered_file_keeps_its_last_newline_and_trims_blocks(tmp_path: Path) -> None:
    path = tmp_path / "t.j2"
    path.write_text(
        "l1 {{ a }}\n{% for i in [1, 2] %}\n  {{ i }} {{ host.evil }}\n{% endfor %}\nend\n"
    )
    assert render_file(path, VARS) == "l1 3\n  1 {{ c }}\n  2 {{ c }}\nend\n"


FILES = [
    ("ok\n\n{{ nope }}\n", ":3: 'nope' is undefined"),
    ("a\n{% if %}\n", ":2: the template is wrong"),
    ("a\n\n{{ a | nop }}\n", ":3: there is no filter 'nop'"),
    ("#jinja2: trim_blocks:False\n", ":1: a #jinja2: header is not supported"),
    ("{% for x in [1] %}\n\n{{ 1 / 0 }}{% endfor %}", ":3: the template failed: division by zero"),
]


@pytest.mark.parametrize(("text", "message"), FILES)
def test_a_file_that_cannot_be_rendered_names_the_line(
    text: str, message: str, tmp_path: Path
) -> None:
    path = tmp_path / "t.j2"
    path.write_text(text)
    with pytest.raises(UsageError) as caught:
        render_file(path, VARS)
    assert str(caught.value).startswith(f"{path}{message}")


def test_host_text_is_kept_through_nesting() -> None:
    value = from_host({"a": ["{{ x }}", {"b": "{% y %}"}], "n": 1})
    assert not is_template(value)
    assert isinstance(value["a"][0], HostText)
    assert is_template({"k": ["{{ x }}"]})
    assert not is_template({"{{ k }}": 1})
