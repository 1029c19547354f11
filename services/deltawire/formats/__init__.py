"""Wire formats: one file each. A format says whether a document is its own, and reads it into entries."""
