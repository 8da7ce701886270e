"""Pools as workers leave them, without any worker."""

import json
from itertools import pairwise

import numpy as np

from service.files import part_name
from service.ids import build_index, hash_ids, pack
from service.records import Labelling, Part, Pool, new_id, now


def stored_pool(backend, features, labels=None, parts=1):
    """A pool whose ids are its rows, of so many parts; its labels by row."""
    id, shape, dtype = new_id(), tuple(features.shape[1:]), str(features.dtype)
    ends = np.linspace(0, len(features), parts + 1).astype(int).tolist()
    own = [stored_part(backend, id, features[start:stop], start) for start, stop in pairwise(ends)]
    pool = Pool(id=id, parts=tuple(own), item_shape=shape, dtype=dtype)
    backend.storage.add(pool)
    return label(backend, pool, labels or {})


def stored_part(backend, pool_id, features, start):
    """A part of a pool, from a row on."""
    part = Part(id=new_id(), job=new_id(), rows=len(features), bytes=1, sha256="0")
    packed = pack([str(row) for row in range(start, start + len(features))])
    index = build_index(hash_ids(packed))
    path = backend.files.path(part_name(pool_id, part.id))
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
    return part


def label(backend, pool, labels):
    """Label rows of a pool; return it."""
    said = {row: Labelling(json.dumps(each), "test", now()) for row, each in labels.items()}
    if said:
        backend.labels.put(pool.id, said)
    return pool
