"""Files that boxes give the hub over HTTP."""
