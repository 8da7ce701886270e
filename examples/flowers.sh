# What the commands in docs/ stand on. Read it in, in the repository's directory:
#
#     . examples/flowers.sh
#
# It makes a pool of 150 flowers, every tenth of them labelled, and leaves behind
#
#     $URL      where the service is, unless that was set before
#     $POOL     the pool's id
#     $work     a directory for files, gone when the shell ends
#     pick      prints a piece of an answer, or why it is not there
#     person    answers for the items of an answer: their labels, as requests take them

URL=${URL:-http://127.0.0.1:8000}
work=${work:-$(mktemp -d)}
trap 'rm -rf "$work"' EXIT

pick() { .venv/bin/python -c "
import json, sys
answer = json.loads(sys.stdin.read() or sys.exit(1))
if 'code' in answer:
    wrong = [each['pointer'] + ' ' + each['detail'] for each in answer['errors']]
    sys.exit('\n  '.join(['refused: ' + answer['detail'], *wrong]))
try:
    found = answer$1
except (KeyError, IndexError, TypeError):
    sys.exit('not there, or not yet: ' + json.dumps(answer)[:500])
print(found if type(found) is str else json.dumps(found, indent=2))"; }

person() { .venv/bin/python -c "
import json, sys
answer = json.loads(sys.stdin.read() or sys.exit(1))
if not answer.get('items'):
    sys.exit('no items to label: ' + answer.get('detail', 'the answer has none'))
species = {id: int(id.removeprefix('flower-')) // 50 for id in (i['id'] for i in answer['items'])}
names = 'setosa', 'versicolor', 'virginica'
print(json.dumps({'labels': [{'id': id, 'label': names[each]} for id, each in species.items()]}))"; }

flowers() { .venv/bin/python -c "
import json
from sklearn.datasets import load_iris
items = enumerate(load_iris().data.tolist())
print(json.dumps({'items': [{'id': f'flower-{row:03}', 'features': x} for row, x in items]}))"; }

every_tenth() { .venv/bin/python -c "
import json
print(json.dumps({'items': [{'id': f'flower-{row:03}'} for row in range(0, 150, 10)]}))"; }

POOL=$(curl -sS "$URL/v1/pools" --json '{"name": "150 flowers"}' | pick "['id']")
flowers | curl -sS "$URL/v1/pools/$POOL/items" -H 'Prefer: wait=30' --json @- \
  | pick "['result']['rows']" > /dev/null
every_tenth | person | curl -sS -X PUT "$URL/v1/pools/$POOL/labels" --json @- \
  | pick "['labelled']" > /dev/null
