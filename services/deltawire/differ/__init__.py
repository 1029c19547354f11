"""The differ: is a look fresh, which entry is which, what changed, what it means. Pure, but for ``service``."""
