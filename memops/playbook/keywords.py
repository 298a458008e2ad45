"""The words of the dialect: those that are supported, and those of Ansible that are not yet."""

from __future__ import annotations

PLAY = (
    "name", "hosts", "vars", "vars_files", "become", "become_user", "become_method", "serial",
    "max_fail_percentage", "any_errors_fatal", "tasks", "tags", "gather_facts",
)  # fmt: skip

USE = (
    "name", "args", "when", "loop", "loop_control", "register", "tags", "become", "become_user",
    "become_method", "ignore_errors", "vars", "changed_when", "failed_when",
)  # fmt: skip

PLAY_LATER = frozenset(
    ("handlers", "roles", "pre_tasks", "post_tasks", "strategy", "order", "connection", "port",
     "remote_user", "user", "environment", "collections", "module_defaults", "vars_prompt",
     "force_handlers", "ignore_errors", "ignore_unreachable", "import_playbook", "no_log", "run_once",
     "throttle", "timeout", "check_mode", "diff", "debugger", "fact_path", "gather_subset",
     "gather_timeout", "become_exe", "become_flags")
)  # fmt: skip

USE_LATER = frozenset(
    ("notify", "listen", "block", "rescue", "always", "until", "retries", "delay", "async", "poll",
     "delegate_to", "delegate_facts", "run_once", "environment", "no_log", "check_mode", "diff",
     "throttle", "timeout", "any_errors_fatal", "ignore_unreachable", "connection", "port",
     "remote_user", "module_defaults", "collections", "debugger", "become_exe", "become_flags",
     "local_action", "action", "with_items", "with_dict", "with_list", "with_fileglob",
     "with_sequence", "with_nested", "with_together", "with_subelements", "with_indexed_items",
     "with_first_found", "with_lines", "with_random_choice")
)  # fmt: skip

TASKS_LATER = frozenset(
    ("add_host", "apt", "apt_key", "apt_repository", "assemble", "assert", "async_status",
     "blockinfile", "cron", "debug", "deb822_repository", "dnf", "dnf5", "dpkg_selections", "expect",
     "fail", "fetch", "find", "gather_facts", "get_url", "getent", "git", "group", "group_by",
     "hostname", "import_playbook", "import_role", "import_tasks", "include_role", "include_tasks",
     "include_vars", "iptables", "known_hosts", "lineinfile", "meta", "mount_facts", "package",
     "package_facts", "pause", "ping", "pip", "raw", "reboot", "replace", "rpm_key", "script",
     "service_facts", "set_fact", "set_stats", "setup", "slurp", "stat", "subversion", "systemd",
     "systemd_service", "sysvinit", "tempfile", "unarchive", "uri", "user", "validate_argument_spec",
     "wait_for", "wait_for_connection", "yum_repository")
)  # fmt: skip

FREE_FORM = ("command", "shell")
"""Tasks whose argument may be a plain string, their ``cmd``."""
