"""deltawire: live blogs in, change events out."""

__version__ = "0.1.0"
