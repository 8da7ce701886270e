"""The acquisition functions and batch strategies, one file per family.

A new function is a new decorated function in one of these files, or in a new one: everything here
is imported, and so registered, with the package above.
"""
