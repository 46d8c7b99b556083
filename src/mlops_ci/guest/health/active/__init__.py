"""Active checks: what only work on a device shows. torch and the device are arguments; `cpu` runs the same lines."""
