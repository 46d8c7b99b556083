"""The graph as files that GitLab CI users include, and as CI/CD components."""
