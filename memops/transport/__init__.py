"""The ways to a host: ssh, the controller itself, a fake for tests, and an overlay for checks."""

from __future__ import annotations

from memops.transport.open import connect

__all__ = ["connect"]
