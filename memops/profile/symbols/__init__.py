"""From an address to a name, and the reason where there is none."""
