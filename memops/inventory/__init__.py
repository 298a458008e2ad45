"""Who: inventories as Ansible reads them, patterns, and variable precedence."""

from memops.inventory.connection import ConnectionOverrides
from memops.inventory.inventory import Inventory, load

__all__ = ["ConnectionOverrides", "Inventory", "load"]
