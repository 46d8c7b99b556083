"""One page on a run, made from its directory alone: for a browser, a CI summary and a terminal."""
