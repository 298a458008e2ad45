"""The dead-man's switch: a host undoes its runs by itself when the time is up.

A timer on the host (systemd's where it runs, else a detached `sh`) runs the same ``undo.sh``, with or
without a controller; an app that its control script starts from there outlives it
(``KillMode=process``, man 5 systemd.kill). The file ``expiry`` in the run's directory says ``SECONDS DUE``, so that collecting
can move the time by as much again; undoing a run takes its timer away.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from memops.engine.disarm import DISARM
from memops.errors import StepFailed
from memops.model.action import Run
from memops.model.step import Query

if TYPE_CHECKING:
    from memops.engine.journal import Place
    from memops.model.action import Action, Output
    from memops.transport.base import Session

# A run under way holds the host's lock: the undo waits for it.
_WAIT = r"""
while [ -d "$1/lock" ]; do
    until=$(cut -d" " -f1 "$1/lock/owner" 2>/dev/null)
    [ "${until:-0}" -gt "$(date +%s)" ] || break
    sleep 5
done
exec sh "$1/runs/$2/undo.sh"
"""

# Arguments: the root, what waits and undoes, and the seconds; without seconds, each run's own again.
_ARM = (
    "disarm() {"
    + DISARM
    + r"""}
root=$1 wait=$2
cd "$root/runs" 2>/dev/null || exit 0
for run in *; do
    [ -f "$run/undo.sh" ] || continue
    seconds=$3
    if [ -z "$seconds" ]; then
        [ -f "$run/expiry" ] || continue
        read -r seconds _ <"$run/expiry"
    fi
    due=$(($(date +%s) + seconds))
    disarm "$root" "$run"
    if [ -d /run/systemd/system ] && command -v systemd-run >/dev/null; then
        systemd-run --quiet --unit "memops-undo-$run" --on-active "$seconds" \
            --timer-property AccuracySec=1s --property KillMode=process sh -c "$wait" memops-expiry "$root" "$run" || exit
    else
        # shellcheck disable=SC2016  # for the other shell to expand
        nohup sh -c 'while [ "$(date +%s)" -lt "$3" ]; do sleep 2; done; eval "$4"' \
            memops-expiry "$root" "$run" "$due" "$wait" \
            </dev/null >/dev/null 2>&1 &
        echo $! >"$run/expiry.pid"
    fi
    echo "$seconds $due" >"$run/expiry"
    echo "$run"
done
"""
)

_DUE = 'cat -- "$1"/runs/*/expiry 2>/dev/null; date +%s'


def arm(session: Session, place: Place, seconds: int | None = None) -> tuple[str, ...]:
    """Let the host undo its open runs in *seconds*, or each in its own time again; their names.

    Only runs that have a time of their own are moved where *seconds* is None.
    """
    given = "" if seconds is None else str(max(1, seconds))
    output = session.act((_arm(place, given),))[0]
    if output.rc != 0:
        said = output.stderr.decode("utf-8", "replace").strip().splitlines()
        raise StepFailed(
            session.host, f"cannot set the time to undo: {said[-1] if said else output.rc}",
            "undo by hand: memops rollback",
        )  # fmt: skip
    return tuple(output.text.split())


def due(place: Place) -> Query[float | None]:
    """Seconds until the host begins to undo by itself, None where it will not."""
    return Query((Run(("sh", "-c", _DUE, "memops-look", place.root)),), _parse_due)


def _arm(place: Place, seconds: str) -> Action:
    return Run(("sh", "-c", _ARM, "memops-expiry", place.root, _WAIT, seconds))


def _parse_due(outputs: tuple[Output, ...]) -> float | None:
    *lines, now = outputs[0].text.splitlines() or ["0"]
    times = [
        int(line.split()[1]) for line in lines if line.split()[1:2] and line.split()[1].isdigit()
    ]
    return max(0.0, min(times) - float(now)) if times else None
