"""Heap profiles as values and their algebra; knows no fleet."""
