"""The version of how Shortlist lays out its data directory, manifests and backups."""

FORMAT = 1
"""Every version reads what those before it wrote; a greater one is refused."""
