"""What is on a host: queries and their pure parsers."""
