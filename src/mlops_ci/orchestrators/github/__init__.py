"""The graph as reusable GitHub workflows. YAML holds no logic: each job sets up, calls the tool, hands the run on."""
