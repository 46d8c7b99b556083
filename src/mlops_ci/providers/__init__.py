"""Where the pipeline runs: a terminal, GitHub Actions, GitLab CI, Argo. All escaping is here."""
