"""A site as one file: reading and writing it, and what an import does to the rows."""
