"""Bytes that have yet to be made, made once for all like hosts."""
