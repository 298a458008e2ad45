"""YAML and Jinja2 to plays, in the dialect of Ansible."""
