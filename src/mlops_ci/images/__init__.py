"""Images and environments: the catalogue of layers, content keys, what exists already, and building what does not."""
