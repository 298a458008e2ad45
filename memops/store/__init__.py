"""Artifacts on the controller: files by content, catalogued by app, host, life and time."""
