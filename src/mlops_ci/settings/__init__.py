"""The effective settings as frozen dataclasses, one module per table of `mlops.toml`.

They are the one declaration: the docstring below a field is its documentation in the schema, in the commented file that
`init` writes and in the docs; its type and marks are what the configuration is checked against.
"""
