"""One file per command: parse, wire, print. Nobody else prints."""
