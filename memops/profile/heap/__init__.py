"""Heap profiles as their files have them: values, parsers, and the files of a process."""
