"""How a host forgets that it was to undo a run by itself; see `memops.engine.expiry`."""

# Arguments: the root and the run. The timer itself may be who runs this: it does not end itself.
DISARM = r"""
systemctl stop "memops-undo-$2.timer" 2>/dev/null
pid=$(cat "$1/runs/$2/expiry.pid" 2>/dev/null)
case $pid in '' | "$$" | *[!0-9]*) ;; *)
    tr '\0' ' ' <"/proc/$pid/cmdline" 2>/dev/null | grep -q memops-expiry && kill "$pid" ;;
esac
"""
