"""Rust's symbols of version 0, made readable.

After "v0 Symbol Format" in the rustc book (doc.rust-lang.org/rustc/symbol-mangling/v0.html). Hashes
of crates, the types of constants and lifetimes are left out.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

_BASIC = {
    "a": "i8", "b": "bool", "c": "char", "d": "f64", "e": "str", "f": "f32", "h": "u8",
    "i": "isize", "j": "usize", "l": "i32", "m": "u32", "n": "i128", "o": "u128", "p": "_",
    "s": "i16", "t": "u16", "u": "()", "v": "...", "x": "i64", "y": "u64", "z": "!",
}  # fmt: skip
_POINTERS = {"R": "&", "Q": "&mut ", "P": "*const ", "O": "*mut "}
_BASE_62 = re.compile(r"([0-9a-zA-Z]{0,11})_")
_DIGITS = "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
_LENGTH = re.compile(r"(0|[1-9]\d{0,4})_?")
_HEX = re.compile(r"([0-9a-f]{0,32})_")
_DEPTH = 64
_WORK = 5000  # names that refer back to themselves may double with each reference


def rust_v0(symbol: str) -> str:
    """The *symbol* (``_R...``) as its author wrote it; empty if it is not understood."""
    try:
        return _Reader(symbol.partition(".")[0].removeprefix("_R")).path(in_value=True)
    except (IndexError, ValueError, OverflowError):
        return ""


@dataclass
class _Reader:
    """A position in the *text* after ``_R``; every method reads what its name says from there on."""

    text: str
    at: int = 0
    depth: int = 0
    work: int = 0

    def take(self) -> str:
        self.at += 1
        return self.text[self.at - 1]

    def eat(self, char: str) -> bool:
        found = self.text.startswith(char, self.at)
        self.at += found
        return found

    def match(self, pattern: re.Pattern[str]) -> str:
        if not (found := pattern.match(self.text, self.at)):
            raise ValueError(self.at)
        self.at = found.end()
        return found[1]

    def until_end(self, one: Callable[[], str]) -> list[str]:
        found = []
        while not self.eat("E"):
            found.append(one())
        return [each for each in found if each]

    def number(self, tag: str = "") -> int:
        """A number in base 62; with a *tag*, 0 where that does not come."""
        if tag and not self.eat(tag):
            return 0
        value, digits = 0, self.match(_BASE_62)
        for digit in digits:
            value = value * 62 + _DIGITS.index(digit)
        return value + bool(digits) + bool(tag)

    def name(self) -> str:
        coded, length = self.eat("u"), int(self.match(_LENGTH))
        self.at += length
        name = self.text[self.at - length : self.at]
        if len(name) < length:
            raise ValueError(self.at)
        head, line, tail = name.rpartition("_")
        return f"{head}{'-' * bool(line)}{tail}".encode().decode("punycode") if coded else name

    def back(self, what: Callable[[], str]) -> str:
        """What stands at an earlier place, to which a reference leads."""
        here, there = self.at - 1, self.number()
        if there >= here:
            raise ValueError(there)
        after, self.at = self.at, there
        text = self.inside(what)
        self.at = after
        return text

    def inside(self, what: Callable[[], str]) -> str:
        self.depth, self.work = self.depth + 1, self.work + 1
        if self.depth > _DEPTH or self.work > _WORK:
            raise ValueError(self.depth)
        text = what()
        self.depth -= 1
        return text

    def path(self, *, in_value: bool = False) -> str:
        return self.inside(lambda: self._path(self.take(), in_value=in_value))

    def _path(self, kind: str, *, in_value: bool) -> str:
        if kind == "C":
            self.number("s")
            return self.name()
        if kind == "N":
            return self._nested(self.take(), self.path(in_value=in_value))
        if kind in "MXY":
            return self._implementation(kind)
        if kind == "I":
            path, arguments = self.path(in_value=in_value), self.until_end(self._argument)
            return path + ("::" * in_value + f"<{', '.join(arguments)}>") * bool(arguments)
        if kind == "B":
            return self.back(lambda: self.path(in_value=in_value))
        raise ValueError(kind)

    def _nested(self, space: str, parent: str) -> str:
        number, name = self.number("s"), self.name()
        if space.islower():
            return f"{parent}::{name}" if name else parent
        kind = {"C": "closure", "S": "shim"}.get(space, space)
        return f"{parent}::{{{kind}{':' * bool(name)}{name}#{number}}}"

    def _implementation(self, kind: str) -> str:
        if kind in "MX":
            self.number("s")
            self.path()  # where the impl stands, which nobody asks for
        owner = self.type()
        return f"<{owner}>" if kind == "M" else f"<{owner} as {self.path()}>"

    def _argument(self) -> str:
        if self.eat("L"):
            self.number()
            return ""
        return self.const() if self.eat("K") else self.type()

    def type(self) -> str:
        return self.inside(lambda: self._type(self.take()))

    def _type(self, kind: str) -> str:
        if kind in _BASIC:
            return _BASIC[kind]
        if kind in _POINTERS:
            self.number("L")
            return _POINTERS[kind] + self.type()
        if kind in "AS":
            item = self.type()
            return f"[{item}; {self.const()}]" if kind == "A" else f"[{item}]"
        if kind == "T":
            parts = self.until_end(self.type)
            return f"({', '.join(parts)}{',' * (len(parts) == 1)})"
        if kind in "FD":
            self.number("G")
            return self._function() if kind == "F" else self._dyn()
        if kind == "B":
            return self.back(self.type)
        self.at -= 1
        return self.path()

    def _function(self) -> str:
        head = "unsafe " * self.eat("U")
        if self.eat("K"):
            head += f'extern "{"C" if self.eat("C") else self.name().replace("_", "-")}" '
        parameters, result = self.until_end(self.type), self.type()
        return f"{head}fn({', '.join(parameters)})" + f" -> {result}" * (result != "()")

    def _dyn(self) -> str:
        traits = self.until_end(self._trait)
        self.number("L")
        return f"dyn {' + '.join(traits)}"

    def _trait(self) -> str:
        trait, bindings = self.path(), []
        while self.eat("p"):
            bindings.append(f"{self.name()} = {self.type()}")
        opened = f"{trait[:-1]}, " if trait.endswith(">") else f"{trait}<"
        return f"{opened}{', '.join(bindings)}>" if bindings else trait

    def const(self) -> str:
        return self.inside(lambda: self._const(self.take()))

    def _const(self, kind: str) -> str:
        if kind == "B":
            return self.back(self.const)
        if kind == "p":
            return "_"
        if _BASIC.get(kind, "s")[0] not in "iubc" or kind == "u":  # strings and structures
            raise ValueError(kind)
        minus, value = "-" * self.eat("n"), int(self.match(_HEX) or "0", 16)
        if kind in "bc":
            return str(bool(value)).lower() if kind == "b" else repr(chr(value))
        return f"{minus}{value}"
