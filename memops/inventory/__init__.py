"""Who: inventories as Ansible reads them, patterns, and variable precedence."""

from memops.inventory.apps import parse_apps
from memops.inventory.connection import ConnectionOverrides
from memops.inventory.extra import parse_extra
from memops.inventory.inventory import Inventory, load

__all__ = ["ConnectionOverrides", "Inventory", "load", "parse_apps", "parse_extra"]
