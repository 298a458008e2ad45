"""Hosts as something with two verbs, look and act; over SSH, on this machine, or made up."""
