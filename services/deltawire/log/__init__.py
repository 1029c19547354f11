"""The log: durable topics with partitions, behind one port with several engines."""
