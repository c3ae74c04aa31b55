"""One file a step, named by number and what it brings."""
