"""What the members of a model that is a committee say, in every class of ensemble that is taken."""

import numpy as np
import pytest
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.ensemble import (
    BaggingClassifier,
    ExtraTreesClassifier,
    RandomForestClassifier,
    VotingClassifier,
)
from sklearn.linear_model import LogisticRegression, Perceptron, RidgeClassifier
from sklearn.model_selection import GridSearchCV
from sklearn.naive_bayes import GaussianNB
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler
from sklearn.svm import LinearSVC
from sklearn.tree import DecisionTreeClassifier

from service.errors import InvalidOutput
from service.records import Model
from service.settings import Settings
from tests.models import (
    FITTED_ROWS,
    NAMES,
    features,
    fitted,
    inspect,
    irises,
    items_for,
    quietly,
    run,
    saved,
    silence,
)
from workers.admission import Artifact, model_of
from workers.untrusted.artifacts import committees
from workers.untrusted.artifacts.sklearn import classifier_of
from workers.untrusted.models import MOST_VALUES, at_once, predict_parts

WEIGHTS = np.linspace(0.0, 3.0, 150)
WORDS = np.array(["iris setosa", "iris versicolor", "iris virginica"])[irises().labels]


def voters():
    return [("bayes", GaussianNB()), ("regression", LogisticRegression(max_iter=500))]


def forest(kind=RandomForestClassifier, **settings):
    return kind(12, random_state=0, **settings)


def bagging(estimator=None, **settings):
    return BaggingClassifier(estimator, n_estimators=9, random_state=0, **settings)


COMMITTEES = {
    "forest": (forest, 12),
    "forest of subsamples": (lambda: forest(max_samples=0.2), 12),
    "balanced forest": (lambda: forest(class_weight="balanced_subsample"), 12),
    "extra trees": (lambda: forest(ExtraTreesClassifier), 12),
    "extra trees, bootstrapped": (lambda: forest(ExtraTreesClassifier, bootstrap=True), 12),
    "bagged trees": (bagging, 9),
    "bagged neighbours": (lambda: bagging(KNeighborsClassifier(3)), 9),
    "bagging that leaves classes out": (lambda: bagging(KNeighborsClassifier(1), max_samples=3), 9),
    "bagging of columns": (lambda: bagging(max_features=2), 9),
    "bagging of columns drawn twice": (
        lambda: bagging(GaussianNB(), max_features=3, bootstrap_features=True),
        9,
    ),
    "bagging of columns that leaves classes out": (
        lambda: bagging(KNeighborsClassifier(1), max_samples=3, max_features=2),
        9,
    ),
    "bagged pipelines": (lambda: bagging(make_pipeline(StandardScaler(), GaussianNB())), 9),
    "bagged forests": (lambda: bagging(forest()), 9),
    "bagging of what only votes": (lambda: bagging(LinearSVC()), 9),
    "bagged perceptrons that leave classes out": (lambda: bagging(Perceptron(), max_samples=9), 9),
    "soft voting": (lambda: VotingClassifier(voters(), voting="soft"), 2),
    "soft voting of a forest": (
        lambda: VotingClassifier([*voters(), ("forest", forest())], voting="soft"),
        3,
    ),
    "pipeline with a forest": (lambda: make_pipeline(StandardScaler(), forest()), 12),
    "pipeline in a pipeline": (
        lambda: make_pipeline(StandardScaler(), make_pipeline("passthrough", bagging())),
        9,
    ),
    "pipeline of a forest alone": (lambda: make_pipeline(forest()), 12),
    "pipeline of sparse columns": (
        lambda: make_pipeline(OneHotEncoder(handle_unknown="ignore"), bagging(max_features=0.5)),
        9,
    ),
    "forest in a search": (lambda: GridSearchCV(forest(), {"max_depth": [1, 2]}, cv=2), 12),
}
LABELS = {"numbers": irises().labels, "words": WORDS, "booleans": irises().labels > 0}


@pytest.mark.parametrize("labels", LABELS)
@pytest.mark.parametrize("name", COMMITTEES)
def test_the_mean_of_the_members_is_what_the_model_gives(name, labels):
    build, members = COMMITTEES[name]
    model = quietly(build().fit, irises().items, LABELS[labels])
    committee = classifier_of(model)
    found = quietly(committee.predict_members, irises().items)

    assert committee.members == members
    assert found.shape == (members, 150, len(model.classes_))
    assert found.dtype == np.float64
    assert np.abs(found.sum(axis=2) - 1).max() < 1e-12
    assert np.abs(found.mean(axis=0) - model.predict_proba(irises().items)).max() < 1e-12


@pytest.mark.parametrize("build", [forest, bagging, lambda: bagging(Perceptron(), max_samples=9)])
def test_so_it_is_where_items_were_weighed(build):
    model = quietly(build().fit, irises().items, WORDS, WEIGHTS)
    found = classifier_of(model).predict_members(irises().items)
    assert np.abs(found.mean(axis=0) - model.predict_proba(irises().items)).max() < 1e-12


def test_each_member_of_a_forest_is_one_of_its_trees():
    model = forest().fit(irises().items, WORDS)
    found = classifier_of(model).predict_members(irises().items)
    for member, tree in zip(found, model.estimators_, strict=True):
        assert (member == tree.predict_proba(irises().items)).all()


def test_a_class_that_a_member_was_not_shown_has_probability_zero():
    model = bagging(KNeighborsClassifier(1), max_samples=3).fit(irises().items, WORDS)
    known = [set(member.classes_) for member in model.estimators_]
    assert min(map(len, known)) < 3

    for member, classes in zip(
        classifier_of(model).predict_members(irises().items), known, strict=True
    ):
        assert set(np.flatnonzero(member.any(axis=0))) <= classes


def test_members_that_only_vote_are_certain():
    model = bagging(RidgeClassifier()).fit(irises().items, WORDS)
    found = classifier_of(model).predict_members(irises().items)
    assert set(np.unique(found)) == {0.0, 1.0}


def test_weights_of_voters_are_left_out():
    model = VotingClassifier(voters(), voting="soft", weights=[3, 1])
    model.fit(irises().items, WORDS)
    first, second = classifier_of(model).predict_members(irises().items)

    whole = model.predict_proba(irises().items)
    assert np.abs((3 * first + second) / 4 - whole).max() < 1e-12
    assert np.abs((first + second) / 2 - whole).max() > 0.01


def test_a_voter_that_was_dropped_is_no_member():
    model = VotingClassifier([*voters(), ("left out", "drop")], voting="soft")
    assert classifier_of(model.fit(irises().items, WORDS)).members == 2


def test_a_hard_vote_has_members_that_vote_and_no_probabilities():
    model = VotingClassifier(voters(), voting="hard").fit(irises().items, WORDS)
    committee = classifier_of(model)
    found = committee.predict_members(irises().items)

    assert (committee.probabilities, committee.members) == (False, 2)
    for member, voter in zip(found, model.estimators_, strict=True):
        assert (member.argmax(axis=1) == voter.predict(irises().items)).all()
        assert (np.sort(member, axis=1) == [0, 0, 1]).all()


ALONE = {
    "a tree": lambda: DecisionTreeClassifier(random_state=0),
    "a forest of one tree": lambda: RandomForestClassifier(1, random_state=0),
    "a soft vote of what only votes": lambda: VotingClassifier(
        [*voters(), ("svc", LinearSVC())], voting="soft"
    ),
    "a pipeline of one alone": lambda: make_pipeline(StandardScaler(), GaussianNB()),
}


@pytest.mark.parametrize("name", ALONE)
def test_one_alone_is_no_committee(name):
    model = quietly(ALONE[name]().fit, irises().items, WORDS)
    assert classifier_of(model).members is None


THE_ENSEMBLES = {
    "random_forest": 10,
    "extra_trees": 10,
    "bagging": 4,
    "voting": 2,
    "projected_forest": 10,
    "named_digits_forest": 10,
    "parallel_forest": 10,
}
"""Members of those classifiers that are committees; boosting, stacking and calibration are not."""


@pytest.mark.parametrize("format", ["skops", "joblib"])
@pytest.mark.parametrize("name", NAMES)
def test_a_saved_model_says_how_many_members_it_has(name, format, tmp_path):
    content = saved(fitted(name), format)
    assert inspect(content, format, tmp_path)["members"] == THE_ENSEMBLES.get(name)


def asked(model, parts, folder, *, send=silence, block=64, **wanted):
    """The files that the sandbox leaves of some parts, by name."""
    arguments = {"format": "joblib", "parts": [f"p{k}" for k in range(len(parts))], "block": block}
    contents = {f"part_{k}": features(items) for k, items in enumerate(parts)}
    contents["model"] = saved(model, "joblib")
    run(predict_parts, arguments | wanted, contents, folder, send=send)
    return {path.stem: np.load(path) for path in (folder / "scratch").glob("*.npy")}


@pytest.mark.parametrize("name", sorted(THE_ENSEMBLES))
def test_members_are_written_block_by_block_with_the_items_first(name, tmp_path):
    model, items = fitted(name), items_for(name)[-FITTED_ROWS:]
    found = asked(model, [items[:100], items[:0], items[100:]], tmp_path, members=True)

    whole = classifier_of(model).predict_members(items).swapaxes(0, 1)
    members = THE_ENSEMBLES[name]
    assert [found[f"member_probs_{k}"].shape[:2] for k in range(3)] == [
        (100, members),
        (0, members),
        (200, members),
    ]
    again = np.concatenate([found[f"member_probs_{k}"] for k in range(3)])
    assert again.dtype == np.float64
    assert np.abs(again - whole).max() < 1e-12
    probs = np.concatenate([found[f"probs_{k}"] for k in range(3)])
    assert np.abs(probs - again.mean(axis=1)).max() < 1e-12


def test_what_is_not_asked_for_is_not_written(tmp_path):
    model, items = fitted("random_forest"), items_for("random_forest")[:5]
    for folder in ("own", "members"):
        (tmp_path / folder).mkdir()
    assert set(asked(model, [items], tmp_path / "own")) == {"probs_0"}
    found = asked(model, [items], tmp_path / "members", probs=False, members=True)
    assert set(found) == {"member_probs_0"}


def test_a_models_own_probabilities_are_the_same_bits_beside_its_members(tmp_path):
    model, items = fitted("voting"), items_for("voting")
    for folder in ("own", "both"):
        (tmp_path / folder).mkdir()
    own = asked(model, [items], tmp_path / "own", block=500)
    both = asked(model, [items], tmp_path / "both", block=500, members=True)
    assert own["probs_0"].tobytes() == both["probs_0"].tobytes()


def test_progress_counts_an_item_once_it_is_passed_for_the_last_time(tmp_path):
    model, items, sent = fitted("random_forest"), items_for("random_forest")[:100], []
    asked(model, [items], tmp_path, send=sent.append, block=50, members=True)
    assert [message["done"] for message in sent] == [25, 50, 75, 100]

    sent.clear()
    asked(model, [items], tmp_path, send=sent.append, block=50, passes=4)
    assert [message["done"] for message in sent] == [12, 25]


def test_many_members_and_classes_make_smaller_blocks():
    assert at_once(4_096, (64,), (10,)) == 4_096
    assert at_once(4_096, (64,), (500, 10)) == MOST_VALUES // 5_000
    assert at_once(4_096, (64,), (1_000, 100_000)) == 1
    assert at_once(4_096, (0,), (3,)) == 4_096


def test_one_alone_is_refused_where_members_are_asked_for(tmp_path):
    with pytest.raises(InvalidOutput, match="DecisionTreeClassifier is no committee"):
        asked(fitted("decision_tree"), [items_for("decision_tree")], tmp_path, members=True)


class Unsure(ClassifierMixin, BaseEstimator):
    """Gives more classes than it was fitted on."""

    def fit(self, items, labels):
        self.classes_ = np.unique(labels)
        return self

    def predict_proba(self, items):
        return np.ones((len(items), len(self.classes_) + 1))


def test_a_member_that_gives_other_classes_fails_the_model(tmp_path):
    model = VotingClassifier([("a", Unsure()), ("b", GaussianNB())], voting="soft")
    model.fit(irises().items, irises().labels)
    with pytest.raises(InvalidOutput, match="failed on items 0 to 63 of part p0"):
        asked(model, [irises().items], tmp_path, probs=False, members=True)


def test_items_of_another_width_fail_the_model(tmp_path):
    for place, name in enumerate(("random_forest", "bagging", "voting")):
        folder = tmp_path / str(place)
        folder.mkdir()
        with pytest.raises(InvalidOutput, match="failed on items 0 to 63 of part p0: ValueError"):
            asked(fitted(name), [irises().items], folder, probs=False, members=True)


def test_items_of_many_dimensions_are_flattened():
    committee = classifier_of(fitted("random_forest"))
    items = items_for("random_forest")[:20]
    images = items.reshape(20, 8, 8)
    assert (committee.predict_members(images) == committee.predict_members(items)).all()


@pytest.mark.parametrize("members", [-1, 0, 1, "many", [2]])
def test_a_sandbox_that_tells_of_no_committee_is_not_believed(members, tmp_path):
    said = inspect(saved(fitted("random_forest"), "skops"), "skops", tmp_path)
    artifact = Artifact(tmp_path / "model", "skops", "m", 1, "")
    assert model_of(artifact, said, Settings()).members == 10
    with pytest.raises(InvalidOutput):
        model_of(artifact, said | {"members": members}, Settings())


def test_a_model_from_before_there_were_members_has_none():
    document = Model(id="m", format="skops", bytes=1).document()
    del document["members"]
    assert Model.from_document(document).members is None


def test_a_search_that_kept_no_best_is_no_committee():
    search = GridSearchCV(forest(), {"max_depth": [1]}, cv=2, refit=False)
    search.fit(irises().items, irises().labels)
    assert committees.committee_of(search) is None
