"""A workspace in which there is one of everything that a path can name."""

IDS = [f"item-{row}" for row in range(40)]
ITEMS = {"items": [{"id": id, "features": [row, row % 3]} for row, id in enumerate(IDS)]}
LABELS = {
    "labels": [{"id": id, "label": ("small", "large")[row % 2]} for row, id in enumerate(IDS[:30])]
}


def populate(client):
    """Make one of everything that there can be; return the ids, by the names they have in paths."""
    pool = client.post("/v1/pools", {"name": "animals"}).json["id"]
    part = client.finish(f"/v1/pools/{pool}/items", ITEMS)["result"]["part"]["id"]
    assert client.put(f"/v1/pools/{pool}/labels", LABELS).status == 200
    assert client.put(f"/v1/pools/{pool}/exclusions/held", {"ids": IDS[-1:]}).status in (200, 201)
    said = {"classes": ["small", "large"], "items": [{"id": id, "probs": [0.5, 0.5]} for id in IDS]}
    predictions = client.predictions(pool, said, kind="probs")
    trained = {"pool": pool, "estimator": {"name": "logistic_regression"}}
    model = client.finish("/v1/trainings", trained)["result"]["model"]["id"]
    job = client.finish(
        "/v1/scorings",
        {"pool": pool, "predictions": predictions, "acquisitions": [{"name": "margin"}]},
    )
    ranking = job["result"]["rankings"][0]["id"]
    lease = client.post(f"/v1/rankings/{ranking}/leases", {"n": 1, "annotator": "ann"}).json["id"]
    learner = client.post("/v1/learners", {**trained, "acquisition": {"name": "margin"}}).json["id"]
    simulated = {
        "pool": pool,
        "estimators": [trained["estimator"]],
        "functions": [{"name": "margin"}],
        "seeds": 2,
        "initial": {"size": 2},
        "budget": 1,
        "rounds": 1,
        "metrics": ["accuracy"],
    }
    simulation = client.finish("/v1/simulations", simulated)["id"]
    return {
        "pool_id": pool, "part_id": part, "name": "held", "predictions_id": predictions,
        "model_id": model, "job_id": job["id"], "ranking_id": ranking, "lease_id": lease,
        "learner_id": learner, "simulation_id": simulation,
    }  # fmt: skip
