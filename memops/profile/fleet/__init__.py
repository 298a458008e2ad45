"""Several lives of an app side by side: over restarts, over hosts, before and after a change."""
