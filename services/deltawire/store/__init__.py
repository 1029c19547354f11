"""The store: what the events add up to, and the alerts that were raised. Shared by storage, alerting, gateway."""
