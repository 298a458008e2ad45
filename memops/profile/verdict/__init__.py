"""Where a process's memory is, and which kind of growth it has: sentences with their evidence."""
