"""`shortlist simulate`: a simulation of a file, without a server."""
