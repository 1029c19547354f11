"""The alerting service: rules over events, and what they owe to channels."""
