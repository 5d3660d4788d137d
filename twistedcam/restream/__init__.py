"""
The ways out: what is done with frames outside of this process.
"""
