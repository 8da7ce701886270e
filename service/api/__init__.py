"""One module a resource. A view parses, calls one operation, and dumps what it returned."""
