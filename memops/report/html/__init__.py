"""The report as one page of HTML that needs no network: opened from a disk, sent by mail."""

from __future__ import annotations

from memops.report.html.page import html

__all__ = ["html"]
