"""When: timers and cron lines rendered, never a daemon."""
