"""Publishing: objects under the SHA-256 of their content, and a manifest that is written last and commits them."""
