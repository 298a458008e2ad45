"""The only door to PyYAML: keeps line numbers and refuses duplicate keys."""
