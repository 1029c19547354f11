"""What people and programs see: a JSON API, an event stream and one web page."""
