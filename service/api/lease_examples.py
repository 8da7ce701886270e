"""The examples of leases that the description shows."""

from service.api.examples import EARLY, LATE, POOL_ID, RANKING_ID, Example

LEASE_ID = "6c8349cc7260ae62e3b1396831a8398f"

NEW_LEASE: Example = {
    "annotator": "Ada",
    "n": 2,
    "seconds": 900,
    "exclude_sets": ["blurred"],
    "where": {"city": {"eq": "Oslo"}},
}
LEASE: Example = {
    "id": LEASE_ID,
    "pool": POOL_ID,
    "ranking": RANKING_ID,
    "annotator": "Ada",
    "overlap": 1,
    "created_at": EARLY,
    "expires_at": "2026-01-05T09:15:00.000Z",
    "items": [
        {"rank": 1, "id": "frame-7", "score": -0.002, "raw_score": 0.002},
        {"rank": 4, "id": "frame-1", "score": -0.01, "raw_score": 0.01},
    ],
}
HANDOUT: Example = {
    **LEASE,
    "returned": 2,
    "eligible": 9957,
    "available": 9950,
    "held": 7,
    "unknown_ids": [],
}
NOTHING_LEFT: Example = {
    **HANDOUT,
    "id": None,
    "expires_at": None,
    "items": [],
    "returned": 0,
    "eligible": 7,
    "available": 0,
}
LEASE_PAGE: Example = {
    "leases": [{**{k: v for k, v in LEASE.items() if k != "items"}, "held": 2}],
    "next_page_token": None,
}
COMPLETE_LEASE: Example = {"labels": [{"id": "frame-7", "label": "tram"}]}
COMPLETION: Example = {
    "id": LEASE_ID,
    "completed": 1,
    "labelled": 1,
    "held": 1,
    "expires_at": LEASE["expires_at"],
}
RELEASE: Example = {"id": LEASE_ID, "released": 1, "held": 0, "expires_at": None}
ANNOTATION_PAGE: Example = {
    "annotations": [
        {"id": "frame-7", "annotator": "Ada", "label": "tram", "lease": LEASE_ID, "at": LATE}
    ],
    "total": 1,
    "next_page_token": None,
}
