"""The effective settings as frozen dataclasses, one module per table of `mlops.toml`. The docstring below a field is its
documentation everywhere: in the schema, in the commented file that `init` writes, and in the docs."""
