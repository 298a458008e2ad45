"""As ``ansible-playbook --list-tasks`` of ansible-core 2.21.5 selects them."""

from __future__ import annotations

import pytest

from memops.playbook.select import selected

TASKS = {
    "plain": (),
    "a": ("a",),
    "ab": ("a", "b"),
    "always": ("always",),
    "always_a": ("always", "a"),
    "never": ("never",),
    "never_a": ("never", "a"),
}

CASES = [
    ((), (), "plain a ab always always_a"),
    (("a",), (), "a ab always always_a never_a"),
    (("b",), (), "ab always always_a"),
    (("all",), (), "plain a ab always always_a"),
    (("tagged",), (), "a ab always always_a"),
    (("untagged",), (), "plain always always_a"),
    (("never",), (), "always always_a never never_a"),
    ((), ("a",), "plain always"),
    ((), ("always",), "plain a ab"),
    ((), ("all",), "always always_a"),
    ((), ("tagged",), "plain"),
    ((), ("untagged",), "a ab always always_a"),
    (("a",), ("b",), "a always always_a never_a"),
    (("all",), ("always", "all"), ""),
    (("a", "never"), (), "a ab always always_a never never_a"),
    (("nope",), (), "always always_a"),
]


@pytest.mark.parametrize(("only", "skip", "names"), CASES)
def test_selects_as_ansible(only: tuple[str, ...], skip: tuple[str, ...], names: str) -> None:
    assert [name for name, tags in TASKS.items() if selected(tags, only, skip)] == names.split()
