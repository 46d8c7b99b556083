"""Questions to OCI registries: does this image exist, and under which digest."""
