"""``python -m memops``."""
