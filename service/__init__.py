"""The HTTP face of Shortlist, and the domain it stands on."""
