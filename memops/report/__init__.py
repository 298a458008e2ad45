"""An analysis as text, JSON or folded stacks."""
