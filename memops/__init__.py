"""Find native memory leaks in production fleets over plain SSH, and leave no trace."""

__version__ = "0.1.0"
