from __future__ import annotations

from typing import TYPE_CHECKING

from memops.model.action import File, Put, Read
from memops.model.host import ConnectOptions, Host
from memops.transport.local import LocalConnection

if TYPE_CHECKING:
    from pathlib import Path

    from memops.model.host import Become
    from memops.transport.shell import Stream


class _Counted(LocalConnection):
    logins = 0

    def _greet(self, become: Become | None) -> tuple[Stream, int]:
        self.logins += 1
        return super()._greet(become)


def test_sessions_of_one_user_log_in_once_whatever_their_run_directories(tmp_path: Path) -> None:
    with _Counted(Host("here", connection="local"), ConnectOptions()) as connection:
        plain, run = connection.session(), connection.session(run_dir=str(tmp_path / "run"))
        assert plain.run_dir != run.run_dir
        for number, session in enumerate((plain, run, plain)):
            content, path = str(number).encode(), f"{tmp_path}/f"
            assert session.act([Put(path, File(content))])[0].rc == 0
            assert session.look([Read(path)])[0].stdout == content
        assert connection.logins == 1


def test_a_connection_that_was_closed_logs_in_anew() -> None:
    connection = _Counted(Host("here", connection="local"), ConnectOptions())
    for logins in (1, 2):
        assert connection.session().look([Read("/proc/self/comm")])[0].rc == 0
        connection.close()
        assert connection.logins == logins
