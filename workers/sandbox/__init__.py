"""The sandbox: clients' bytes are opened here, in confined children of a zygote without secrets."""
