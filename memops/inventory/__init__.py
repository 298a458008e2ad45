"""Who: inventories as Ansible reads them, patterns, and variable precedence."""
