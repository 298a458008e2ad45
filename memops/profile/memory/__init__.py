"""What the kernel, a JVM and the allocators say of the memory of a process."""
