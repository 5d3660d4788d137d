"""
Players that people have, at the servers of this package: programs, not tests, since they
take their time.
"""
