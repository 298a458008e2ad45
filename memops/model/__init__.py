"""Frozen values that every layer of the fleet half speaks in; no behaviour beyond their own form."""
