"""Hostile files, made by these modules: each has functions that make bytes, and a list of files."""
