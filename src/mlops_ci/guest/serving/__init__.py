"""The server of an inference image: a model behind `/predict`, `/health` and `/metrics`, standard library only."""
