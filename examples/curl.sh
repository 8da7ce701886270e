#!/bin/bash
# The loop of README.md, against a running service, from the directory that holds `.venv`:
# URL=http://127.0.0.1:8000 examples/curl.sh
# It is written there block by block; a test keeps the two equal. It wants curl 7.82 or newer.
set -euo pipefail

URL=${URL:-http://127.0.0.1:8000}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
pick() { .venv/bin/python -c "
import json, sys
answer = json.loads(sys.stdin.read() or sys.exit(1))
if 'code' in answer:
    wrong = [each['pointer'] + ' ' + each['detail'] for each in answer['errors']]
    sys.exit('\n  '.join(['refused: ' + answer['detail'], *wrong]))
if answer.get('state') in ('queued', 'running'):
    sys.exit('not done yet: poll ' + answer['links']['self'])
answer = answer$1
print(answer if type(answer) is str else json.dumps(answer, indent=2))"; }

.venv/bin/python - "$work" <<'python'
import sys
import skops.io
from sklearn.datasets import load_iris
from sklearn.linear_model import LogisticRegression

flowers, species = load_iris(return_X_y=True)
with open(sys.argv[1] + "/flowers.csv", "w") as file:
    print("id,sepal_length,sepal_width,petal_length,petal_width", file=file)
    for number, flower in enumerate(flowers):
        print(f"flower-{number:03}", *flower, sep=",", file=file)

model = LogisticRegression(max_iter=1000).fit(flowers[::10], species[::10])
skops.io.dump(model, sys.argv[1] + "/model.skops")
python
head -3 "$work/flowers.csv"

POOL=$(curl -sS "$URL/v1/pools" --json '{"name": "flowers"}' | pick "['id']")
curl -sS "$URL/v1/pools/$POOL/items" -H 'Prefer: wait=30' \
  -H 'Content-Type: text/csv' --data-binary "@$work/flowers.csv" | pick "['progress']['done']"

MODEL=$(curl -sS "$URL/v1/models?format=skops" -H 'Prefer: wait=30' \
  --data-binary "@$work/model.skops" | pick "['result']['model']['id']")
curl -sS "$URL/v1/models/$MODEL" | pick "['estimator']"

RANKING=$(curl -sS "$URL/v1/scorings" -H 'Prefer: wait=30' --json '{
    "pool": "'"$POOL"'", "model": "'"$MODEL"'", "acquisitions": [{"name": "entropy"}]
  }' | pick "['result']['rankings'][0]['id']")

curl -sS "$URL/v1/rankings/$RANKING/items?n=2" | pick ""

curl -sS -X PUT "$URL/v1/pools/$POOL/labels" --json '{
    "labels": [{"id": "flower-085", "label": "versicolor"}]
  }'
curl -sS -X PUT "$URL/v1/pools/$POOL/exclusions/wilted" --json '{"ids": ["flower-065"]}'
curl -sS "$URL/v1/rankings/$RANKING/items?n=1&exclude_set=wilted&exclude=flower-000"

BATCH=$(curl -sS "$URL/v1/scorings" -H 'Prefer: wait=30' --json '{
    "pool": "'"$POOL"'", "model": "'"$MODEL"'",
    "acquisitions": [{"name": "dmbal"}], "batch": {"n": 3, "exclude_sets": ["wilted"]}
  }' | pick "['result']['rankings'][0]['id']")
curl -sS "$URL/v1/rankings/$BATCH/items" | pick "['ranked']"

printf 'id,setosa,versicolor,virginica\nflower-003,0.9,0.1,0\nflower-120,0,0.45,0.55\n' \
  > "$work/probabilities.csv"
PREDICTIONS=$(curl -sS "$URL/v1/pools/$POOL/predictions?kind=probs" -H 'Prefer: wait=30' \
  -H 'Content-Type: text/csv' --data-binary "@$work/probabilities.csv" \
  | pick "['result']['predictions']")
MARGIN=$(curl -sS "$URL/v1/scorings" -H 'Prefer: wait=30' --json '{
    "pool": "'"$POOL"'", "predictions": "'"$PREDICTIONS"'", "acquisitions": [{"name": "margin"}]
  }' | pick "['result']['rankings'][0]['id']")
curl -sS "$URL/v1/rankings/$MARGIN/items?n=1" | pick "['items'][0]['id']"

curl -sS -X DELETE "$URL/v1/pools/$POOL"
curl -sS -X DELETE "$URL/v1/models/$MODEL"
