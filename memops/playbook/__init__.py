"""YAML and Jinja2 to plays, in the dialect of Ansible."""

from memops.playbook.load import load
from memops.playbook.play import Play, Use

__all__ = ["Play", "Use", "load"]
