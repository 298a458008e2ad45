"""Every way in which memops refuses, as one tree.

    MemopsError                 exit 1
    ├── UsageError              exit 2   the command line, an inventory, a playbook or a file is wrong
    │   └── NoHostsError        exit 5   the pattern matched no host
    ├── HostError               exit 2   something went wrong on one host; the others go on
    │   ├── StepFailed                   a look or an action ended badly
    │   ├── ProofFailed                  the app did not come up with the profiler on
    │   ├── DriftError                   somebody changed a file after us
    │   └── LockedError                  another operator works on this host
    ├── Unreachable             exit 4   no connection, wrong key, changed host key, wrong password
    └── Interrupted             exit 130

Only `MemopsError` is caught at the top; anything else is a bug and shows its trace.
A message is one line: *where: what is wrong, what to do next*.
"""

from __future__ import annotations


class MemopsError(Exception):
    """What a person did, or a host is, that memops refuses; says what to do next."""

    exit_code = 1

    def __init__(self, where: str, what: str, remedy: str = "") -> None:
        super().__init__(where, what, remedy)
        self.where = where
        self.what = what
        self.remedy = remedy

    def __str__(self) -> str:
        head = f"{self.where}: {self.what}" if self.where else self.what
        return f"{head}; {self.remedy}" if self.remedy else head


class UsageError(MemopsError):
    """The command line, an inventory, a playbook or a given file is wrong."""

    exit_code = 2


class NoHostsError(UsageError):
    """A pattern matched no host."""

    exit_code = 5


class HostError(MemopsError):
    """Something went wrong on one host; *where* is its inventory name."""

    exit_code = 2


class StepFailed(HostError):
    """A look or an action ended badly; *output* holds the last lines it said."""

    def __init__(self, where: str, what: str, remedy: str = "", output: str = "") -> None:
        super().__init__(where, what, remedy)
        self.output = output


class ProofFailed(HostError):
    """The app did not come up, or came up without the profiler."""


class DriftError(HostError):
    """A file is no longer what memops wrote, so memops will not touch it."""


class LockedError(HostError):
    """Another run holds the lock of this host."""


class Unreachable(MemopsError):
    """No connection: network, key, host key, or the password of become."""

    exit_code = 4


class Interrupted(MemopsError):
    """The operator pressed Ctrl-C."""

    exit_code = 130
