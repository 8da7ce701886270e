"""What `shortlist` starts, watches and stops: the embedded server, the API and the workers."""
