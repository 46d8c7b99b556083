"""May this node train in this image? Small checks, each with a status, a cause and an advice; nothing is changed."""
