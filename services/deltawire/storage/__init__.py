"""The storage service: events into the store."""
