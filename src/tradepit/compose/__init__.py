"""The composition root: from settings to connected services; nothing else names a backend."""
