"""What the page of acquisition functions says of all of them, before it tells of each."""

OPENING = """# Acquisition functions

Which function when: [choosing.md](choosing.md). The same catalogue, with a JSON Schema of the
parameters of each, is at `GET /v1/acquisitions`.

[How to ask](#how-to-ask) · [What every answer holds to](#what-every-answer-holds-to) ·
[How to read the pictures](#how-to-read-the-pictures) · [What it costs](#what-it-costs) ·
[What functions need](#what-functions-need) · [All functions](#all-functions)

## How to ask

Functions are named in `POST /v1/scorings`; with `?validate_only=true` it only says what is wrong.
Those named together share one pass of the model, and each makes a ranking of its own. What a
client leaves out has its default.

**A score for each item.** Run `random` beside another function: it is the baseline to beat.

```json
{
  "pool": "…",
  "model": "…",
  "acquisitions": [{"name": "margin"}, {"name": "random", "parameters": {"seed": 7}}]
}
```

Predictions come from one source: a `model`, several models as a `committee`, or `predictions` that
you [uploaded](predictions.md). A model that is an ensemble, such as a forest, is a committee by
itself. Some functions need none of them.

```json
{
  "pool": "…",
  "committee": ["…", "…"],
  "acquisitions": [{"name": "bald"}, {"name": "vote_entropy"}]
}
```

**A score for each object**, made one of the item. `of` names a function of class probabilities,
which scores each object; `empty` says what becomes of an item without any.

```json
{
  "pool": "…",
  "predictions": "…",
  "acquisitions": [
    {
      "name": "per_object",
      "parameters": {"aggregation": "max", "empty": "score", "empty_score": -1},
      "of": [{"name": "margin"}]
    }
  ]
}
```

**Functions of functions.** `of` may hold such a function again, four deep in all.

```json
{
  "pool": "…",
  "model": "…",
  "acquisitions": [
    {
      "name": "per_cost",
      "parameters": {"column": "cost"},
      "of": [
        {
          "name": "weighted_product",
          "parameters": {"strengths": [1, 0.5]},
          "of": [{"name": "entropy"}, {"name": "density", "parameters": {"k": 10}}]
        }
      ]
    }
  ]
}
```

What builds on a function gets its score less the least that it can be, so that nothing is negative:
of `margin`, whose score is `-1` at least, one minus the gap. Where no least is known, as of
`upper_confidence_bound`, it is the least in the pool; `per_cost` and `power`, to which that would
mean nothing, refuse such a function.

**A batch**, whose items are chosen for one another. It needs `batch`: how many (`n`), and what not
to take (ids in `exclude`, names of sets in `exclude_sets`) or only to take (`where`), because
leaving an item out of a selection afterwards does not put another one in its place. Labelled items
are left out unless `include_labelled` is true.

```json
{
  "pool": "…",
  "model": "…",
  "acquisitions": [
    {"name": "dmbal"},
    {"name": "k_center", "of": [{"name": "entropy"}], "candidates": 2000},
    {"name": "group_cap", "parameters": {"column": "city", "most": 3}, "of": [{"name": "margin"}]}
  ],
  "batch": {"n": 50, "where": {"city": {"eq": "Oslo"}}}
}
```

`candidates` lets a strategy choose among so many of the best by `of` only: it joins any function
with any strategy, and costs less.

## What every answer holds to

- **Higher is sooner.** A `score` is a finite float64, and the higher is always labelled sooner.
  `raw_score` is the field's own quantity; of some functions it is read the other way, which is said
  of each below and in the ranking (`raw_direction`).
- **Nothing is made up.** Predictions with NaN or infinity are refused. An item of which nothing can
  be said (no predictions, no votes, no tokens) has no score and is not in the ranking, neither
  first nor last: `total` counts the pool, `ranked` the items in the ranking. A function that
  comes to NaN all the same fails the job, and the error names the item.
- **0 and 1 are probabilities.** 0 log 0 is 0: of an item with a probability of 1 the entropy is 0,
  not nearly 0 and not NaN.
- **Ties** are in pool order, in rankings and in batches. Forests and votes leave many.
- **The same request, the same answer.** What draws has a `seed`, 0 unless given, and the ranking
  repeats it. `random`, `power`, `gibbs` and `soft_rank` draw by the item's id: a pool that grows
  does not reshuffle what was there.
- **A score of one item alone** does not depend on how a pool was uploaded, in how many parts, or on
  what else is scored with it.
- **A batch** holds distinct items, also among copies, in the order in which they were picked, as
  many as asked for or all that there are (fewer where a strategy says so). `score` is that of the
  step, in the strategy's own unit.

## How to read the pictures

Each shows the same {items} made-up items in a plane: three classes, one dense and one sparse, six
near copies of one item left of the middle, five outliers. Squares are labelled, one of them wrongly
(the third from the right). The stronger a dot, the higher its score, or that of the function that a
strategy builds on; rings are unscored. The numbers are the first eight that a reading without the
labelled items gives, or a batch of eight.

The model takes each class to lie around its labelled items; dotted lines are where it hesitates
between two. The committee's members place the classes elsewhere. Objects and tokens lie around
their item; of several labels one is on the left, one at the top, one around a spot right of the
middle; the predicted number is two hills, the higher one on the right, and less sure far from
labels; costs rise from left to right; groups are squares. Items or targets that a request names are
ringed. Below each function stands what was asked for in its picture; where parameters are not the
defaults, it is often because a plane is not an embedding.

## What it costs

A function that looks at each item by itself costs as much as reading what it needs. Of the others,
the cost is given in multiplications for a pool of 100,000 items with vectors of 64 values, 1,000 of
them labelled, 10 classes, 10 members, a batch of 100 and default parameters. What would take more
than {limit} (`max_scoring_work` in `GET /v1/limits`) is refused beforehand, with the estimate. In
the growth of the cost `candidates` are the items among which a batch is chosen, `n` is its size and
`width` the length of the vectors. k-means looks at all vectors together up to four million values,
and beyond that learns from batches drawn by the seed.

## What functions need

A request that lacks what a function needs is refused, and the answer says how to give it. The
*pool* gives ids, feature vectors and metadata columns; the *labels* are the pool's own, or, for
`annotations`, uploaded `votes` that `annotations` names in the request.
"""
