"""Pools as workers leave them, without any worker."""

import json

import numpy as np

from service.files import part_name
from service.ids import build_index, hash_ids, pack
from service.records import Labelling, Part, Pool, new_id, now


def stored_pool(backend, features, labels=None):
    """A pool of one part whose ids are its rows; its labels by row."""
    part = Part(id=new_id(), job=new_id(), rows=len(features), bytes=1, sha256="0")
    shape, dtype = tuple(features.shape[1:]), str(features.dtype)
    pool = Pool(id=new_id(), parts=(part,), item_shape=shape, dtype=dtype)
    packed = pack([str(row) for row in range(len(features))])
    index = build_index(hash_ids(packed))
    path = backend.files.path(part_name(pool.id, part.id))
    path.mkdir(parents=True)
    arrays = {
        "features": features,
        "ids": packed.blob,
        "id_ends": packed.ends,
        "id_hashes": index.hashes,
        "id_rows": index.rows,
    }
    for name, array in arrays.items():
        np.save(path / f"{name}.npy", array)
    backend.storage.add(pool)
    return label(backend, pool, labels or {})


def label(backend, pool, labels):
    """Label rows of a pool; return it."""
    said = {row: Labelling(json.dumps(each), "test", now()) for row, each in labels.items()}
    if said:
        backend.labels.put(pool.id, said)
    return pool
