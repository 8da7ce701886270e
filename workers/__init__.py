"""The hands of Shortlist: RQ workers that open what clients sent."""
