"""The press: a simulated publisher of live blogs, with an exact record of what it served.

It imports nothing else of deltawire: it is the independent truth that the demo shows and the tests compare with.
"""
