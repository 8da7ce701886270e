"""What the documents say is so: their tables, their links, their commands and their examples."""

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest
import yaml

from service.acquisition import REGISTRY
from service.operations.pools import MEDIA_TYPES
from service.problems import every_error
from service.records import Model, Part, Pool, Predictions, new_id
from service.schemas.scorings import NewScoringSchema
from service.settings import PREFIX, Settings

ROOT = Path(__file__).resolve().parents[2]
HOUSE = [*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md")]
DOCUMENTS = {str(path.relative_to(ROOT)): path.read_text() for path in HOUSE}
README = DOCUMENTS["README.md"]
WALKS = [name for name in DOCUMENTS if name != "README.md" and "\n```bash\n" in DOCUMENTS[name]]
PICTURES = ROOT / "docs" / "pictures"
PICTURE_BYTES = 12_000
CURL = pytest.mark.skipif(shutil.which("curl") is None, reason="curl is not installed here")
NODE = pytest.mark.skipif(shutil.which("node") is None, reason="node is not installed here")


def blocks(name, language):
    """The code blocks of a document in one language."""
    return re.findall(rf"^```{language}\n(.*?)^```$", DOCUMENTS[name], re.MULTILINE | re.DOTALL)


def masked(words):
    """Words without what differs from run to run: ids, tokens, and the last digits of numbers."""
    words = re.sub(r"\b[0-9a-f]{32}\b", "ID", words)
    words = re.sub(r'("next_page_token": ?)"[\w-]+"', r'\1"TOKEN"', words)
    return re.sub(r"(\d\.\d{6})\d+", r"\1", words)


def in_bash(script, live, directory=ROOT):
    """What a script prints that talks to a service."""
    open_way = {k: v for k, v in os.environ.items() if not k.lower().endswith("_proxy")}
    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", script],  # noqa: S607 - the user's own bash
        cwd=directory,
        env={**open_way, "URL": live.url},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def flowers(live, tmp_path_factory):
    """A directory with the pool and the model that the page on clients makes."""
    directory = tmp_path_factory.mktemp("flowers")
    [maker] = blocks("docs/clients.md", "sh")
    in_bash(maker.replace("/tmp/flowers", str(directory)), live)  # noqa: S108 - the page's own
    return directory


@pytest.fixture
def wilted(flowers, tmp_path):
    """A directory with the same model, and a pool that the service refuses."""
    shutil.copy(flowers / "model.skops", tmp_path)
    (tmp_path / "flowers.csv").write_text("id,x\nrose,1\ntulip,red\n")
    return tmp_path


def pools_left(live):
    """How many pools of the documents' name there are."""
    return [pool["name"] for pool in live.get("/v1/pools").json["pools"]].count("flowers")


@pytest.fixture(scope="module")
def generated(tmp_path_factory):
    """All that the documents' generator writes, by name."""
    directory = tmp_path_factory.mktemp("docs")
    subprocess.run([sys.executable, "-m", "docs.generator", directory], check=True, cwd=ROOT)
    written = (path for path in directory.rglob("*") if path.is_file())
    return {str(path.relative_to(directory)): path.read_text() for path in written}


@pytest.mark.parametrize("name", ["acquisitions.md", "settings.md", "errors.md"])
def test_a_generated_page_is_current(generated, name):
    assert DOCUMENTS[f"docs/{name}"] == generated[name], "run `make docs`"


def test_every_picture_is_current(generated):
    there = {f"pictures/{path.name}": path.read_text() for path in PICTURES.iterdir()}
    drawn = {name: text for name, text in generated.items() if name.startswith("pictures/")}
    assert there == drawn, "run `make docs`"


def test_every_setting_is_explained():
    settings = {PREFIX + name.upper() for name in Settings.__dataclass_fields__}
    explained = re.findall(r"^\| `(SHORTLIST_\w+)`", DOCUMENTS["docs/settings.md"], re.MULTILINE)
    assert set(explained) == settings


def test_every_limit_is_marked_as_one():
    marked = re.findall(r"^\| `SHORTLIST_(\w+)` \*", DOCUMENTS["docs/settings.md"], re.MULTILINE)
    assert {name.lower() for name in marked} == Settings().limits().keys()


def test_every_error_is_explained():
    explained = re.findall(r"^\| \d{3} \| `(\w+)` \|", DOCUMENTS["docs/errors.md"], re.MULTILINE)
    assert sorted(explained) == sorted(every_error())


def test_every_acquisition_function_is_explained():
    explained = re.findall(r"^### (\w+)$", DOCUMENTS["docs/acquisitions.md"], re.MULTILINE)
    assert sorted(explained) == sorted(REGISTRY)


@pytest.mark.parametrize("name", REGISTRY)
def test_every_acquisition_function_has_a_picture_that_says_what_it_shows(name):
    picture = (PICTURES / f"{name}.svg").read_text()
    title = ET.fromstring(picture).find("{http://www.w3.org/2000/svg}title")  # noqa: S314 - ours
    assert title.text == REGISTRY[name].summary
    assert len(picture) < PICTURE_BYTES
    shown = DOCUMENTS["docs/acquisitions.md"].split(f"\n### {name}\n")[1].split("\n### ")[0]
    assert f"](pictures/{name}.svg)" in shown


def test_what_was_drawn_is_how_a_client_would_ask_for_it():
    examples = [json.loads(block) for block in blocks("docs/acquisitions.md", "json")]
    drawn = [example for example in examples if "name" in example]
    assert sorted(function["name"] for function in drawn) == sorted(REGISTRY)
    loaded = NewScoringSchema().load({"pool": "any", "acquisitions": drawn})
    assert [function.name for function in loaded.functions] == [each["name"] for each in drawn]


@pytest.mark.parametrize("name", ["docs/acquisitions.md", "docs/choosing.md"])
def test_the_examples_of_scorings_are_valid(client, backend, name):
    asked = [json.loads(block) for block in blocks(name, "json")]
    scorings = [example for example in asked if "acquisitions" in example]
    ids = known(backend)
    for scoring in scorings:
        named = {member: ids[member] for member in scoring if member in ids}
        answer = client.post("/v1/scorings?validate_only=true", json=scoring | named)
        assert answer.status_code == 200, answer.json
    assert scorings


def known(backend):
    """Ids of a pool with metadata, an ensemble, and predictions of objects, as records alone."""
    part = Part(id=new_id(), job=new_id(), rows=5_000, bytes=1, sha256="0")
    metadata = {"cost": "number", "city": "string"}
    pool = Pool(id=new_id(), parts=(part,), item_shape=(8,), dtype="float32", metadata=metadata)
    forest = Model(
        id=new_id(),
        format="skops",
        bytes=1,
        estimator="RandomForestClassifier",
        classes=(0, 1),
        item_values=8,
        probabilities=True,
        members=10,
    )
    objects = Predictions(
        id=new_id(),
        job=new_id(),
        pool=pool.id,
        form="objects",
        parts=(part.id,),
        total=5_000,
        items=5_000,
        whole=True,
        classes=("car", "bus"),
        members=None,
        dtype="float64",
        empty=7,
        bytes=1,
        sha256="0",
    )
    for record in (pool, forest, objects):
        backend.storage.add(record)
    return {
        "pool": pool.id,
        "model": forest.id,
        "committee": [forest.id, forest.id],
        "predictions": objects.id,
    }


def test_every_format_is_explained():
    rows = re.findall(r"^\| \[.*?\) \| `(.+?)`", DOCUMENTS["docs/formats.md"], re.MULTILINE)
    assert sorted(rows) == sorted(MEDIA_TYPES)


@pytest.mark.parametrize("name", DOCUMENTS)
def test_every_link_leads_somewhere(name):
    for target in re.findall(r"\]\(([^)]+)\)", DOCUMENTS[name]):
        if target.startswith("https://"):
            continue
        file, _, heading = target.partition("#")
        path = (ROOT / name).parent / file if file else ROOT / name
        assert path.exists(), target
        if heading:
            titles = re.findall(r"^#+ (.+)$", path.read_text(), re.MULTILINE)
            kept = {re.sub(r"[^\w -]", "", title.lower()).replace(" ", "-") for title in titles}
            assert heading in kept, target


@pytest.mark.parametrize("name", DOCUMENTS)
def test_every_make_target_is_there(name):
    named = re.findall(r"(?:^|`)make (\w+)", DOCUMENTS[name], re.MULTILINE)
    targets = re.findall(r"^(\w+):", (ROOT / "Makefile").read_text(), re.MULTILINE)
    assert set(named) <= set(targets)


@pytest.mark.parametrize("name", DOCUMENTS)
def test_every_path_of_the_api_is_there(name):
    described = yaml.safe_load((ROOT / "openapi.yaml").read_text())["paths"]
    known = [re.compile(re.sub(r"\{\w+\}", "[^/]+", path)) for path in described]
    for path in re.findall(r"/v1(?:/[\w{}$\[\].-]*[\w}\]])+", DOCUMENTS[name]):
        assert any(pattern.fullmatch(path) for pattern in known), path


@pytest.mark.parametrize("name", DOCUMENTS)
def test_every_variable_is_a_setting(name):
    settings = {PREFIX + field.upper() for field in Settings.__dataclass_fields__}
    assert set(re.findall(r"SHORTLIST_[A-Z_]*[A-Z]", DOCUMENTS[name])) <= settings


def test_every_directory_of_the_readme_is_there():
    layout = README.split("## Where things are")[1].split("```")[1]
    parent = ""
    for indent, entry in re.findall(r"^( *)([\w.]+/?)", layout, re.MULTILINE):
        parent = parent if indent else entry
        assert (ROOT / (parent + entry if indent else entry)).exists(), entry


def test_the_readme_and_the_script_hold_the_same_loop():
    _, _, script = (ROOT / "examples" / "curl.sh").read_text().partition("set -euo pipefail\n\n")
    assert "\n".join(blocks("README.md", "bash")) == script


@CURL
def test_the_readme_shows_what_its_commands_print(live):
    printed = in_bash("\n".join(blocks("README.md", "bash")), live)
    assert masked(printed) == masked("".join(blocks("README.md", "text")))


@CURL
@pytest.mark.parametrize("name", WALKS)
def test_a_page_shows_what_its_commands_print(live, name):
    printed = in_bash("\n".join(blocks(name, "bash")), live)
    assert masked(printed) == masked("".join(blocks(name, "text")))


def test_every_page_of_the_learning_loop_with_requests_can_be_pasted():
    loop = README.split("## The learning loop")[1].split("\n## ")[0]
    pages = re.findall(r"\]\((docs/\w+\.md)\)", loop)
    assert {page for page in pages if page != "docs/labels.md"} <= set(WALKS)


@pytest.mark.parametrize("name", DOCUMENTS)
def test_every_json_can_be_read(name):
    for block in blocks(name, "json"):
        json.loads(block)


@CURL
def test_what_the_pages_stand_on_says_why_a_piece_is_not_there(live):
    script = """
. examples/flowers.sh
! curl -sS $URL/v1/pools/none | pick "['id']" 2>&1
! curl -sS $URL/v1/pools/none/items | person 2>&1
! curl -sS $URL/v1/pools/$POOL | pick "['result']['model']" 2>&1
curl -sS -X DELETE $URL/v1/pools/$POOL
"""
    refused, nobody, missing = in_bash(script, live).splitlines()
    assert refused.startswith("refused: There is no pool none")
    assert nobody.startswith("no items to label: There is no pool none")
    assert missing.startswith("not there, or not yet: {")


@CURL
def test_the_script_of_the_loop_runs_twice_and_leaves_nothing(live):
    for _ in range(2):
        in_bash("examples/curl.sh", live)
    assert pools_left(live) == 0


@CURL
@pytest.mark.parametrize(
    ("answer", "shown"),
    [
        ("/v1/pools/none", "refused: "),
        ("/v1/scorings --json {}", "refused: .*\n  /pool .*\n  /acquisitions "),
    ],
)
def test_the_loop_shows_what_the_service_refuses(live, answer, shown):
    pick = blocks("README.md", "bash")[0]
    said = in_bash(f"{pick}\n! curl -sS $URL{answer} | pick \"['id']\" 2>&1", live)
    assert re.match(shown, said)
    assert "Traceback" not in said


def run_client(language, live, directory):
    """Run a client of the page on clients in a directory."""
    [program] = blocks("docs/clients.md", language)
    name = {"python": "loop.py", "javascript": "loop.mjs"}[language]
    (directory / name).write_text(program)
    return subprocess.run(
        [sys.executable if language == "python" else "node", name],
        cwd=directory,
        env={**os.environ, "URL": live.url, "no_proxy": "*"},
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.parametrize("language", ["python", pytest.param("javascript", marks=NODE)])
def test_a_client_reads_the_top_three_and_leaves_no_pool(live, flowers, language):
    done = run_client(language, live, flowers)
    assert (done.returncode, done.stderr) == (0, "")
    assert re.fullmatch(r"(\d flower-\d{3} -0\.\d+\n){3}", done.stdout)
    assert pools_left(live) == 0


@pytest.mark.parametrize("language", ["python", pytest.param("javascript", marks=NODE)])
def test_a_client_shows_what_is_wrong_and_leaves_no_pool(live, wilted, language):
    done = run_client(language, live, wilted)
    assert (done.returncode, done.stdout) == (1, "")
    assert re.match(r'Item "tulip" .*\n  row 3, column "x": ', done.stderr)
    assert pools_left(live) == 0


@pytest.mark.parametrize(
    ("language", "type"),
    [("json", "application/json"), ("ndjson", "application/x-ndjson"), ("csv", "text/csv")],
)
def test_the_examples_of_text_formats_are_taken(live, language, type):
    [example] = blocks("docs/formats.md", language)
    pool = live.pool(example.encode(), type)
    assert [item["id"] for item in live.get(f"/v1/pools/{pool}/items").json["items"]] == [
        "frame-1",
        "frame-2",
    ]


def test_the_examples_of_binary_formats_are_taken(live, tmp_path):
    for program in blocks("docs/formats.md", "python"):
        subprocess.run([sys.executable, "-c", program], cwd=tmp_path, check=True)
    types = {
        "frames.npy": "application/x-npy",
        "frames.npz": "application/x-npz",
        "frames.parquet": "application/vnd.apache.parquet",
        "frames.arrows": "application/vnd.apache.arrow.stream",
    }
    assert {path.name for path in tmp_path.iterdir()} == types.keys()
    for name, type in types.items():
        pool = live.pool((tmp_path / name).read_bytes(), type)
        assert live.get(f"/v1/pools/{pool}").json["total"] == 2


@CURL
def test_the_multipart_example_is_taken(live, tmp_path):
    subprocess.run(
        [sys.executable, "-c", blocks("docs/formats.md", "python")[0]], cwd=tmp_path, check=True
    )
    (tmp_path / "ids.txt").write_text("frame-1\nframe-2\n")
    (tmp_path / "metadata.json").write_text(json.dumps({"city": ["Oslo", "Bergen"]}))
    pool = live.post("/v1/pools", {}).json["id"]
    [command] = [block for block in blocks("docs/formats.md", "sh") if "curl" in block]
    answer = in_bash(f"POOL={pool}\n{command}", live, tmp_path)
    assert live.ended(json.loads(answer)["id"])["state"] == "succeeded"


def test_the_acquisition_function_of_the_guide_registers_and_scores():
    program = """
import numpy as np
from service.acquisition.registry import REGISTRY, Array, acquisition
exec(open(0).read())
print(REGISTRY["gini"].score({"probs": np.array([[0.5, 0.25, 0.25], [0.75, 0.25, 0]])}).tolist())
"""
    done = subprocess.run(
        [sys.executable, "-c", program],
        input=blocks("CONTRIBUTING.md", "python")[0],
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout == f"{[0.625, 0.375]}\n"
