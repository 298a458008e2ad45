"""Plan, check, apply, journal, settle, roll back; fleets in waves."""
