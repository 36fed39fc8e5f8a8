import json

import pytest

from skzsl.datasets import load_audioset_ontology, load_audioset_vggish, select_leaf_labels


def node(number, name, children=(), restrictions=()):
    return {
        "id": f"/m/{number}",
        "name": name,
        "description": f"All about {name}.",
        "citation_uri": "",
        "positive_examples": [],
        "child_ids": [f"/m/{child}" for child in children],
        "restrictions": list(restrictions),
    }


NODES = [
    node(0, "Sounds", [1, 4], ["abstract"]),
    node(1, "Animal", [2, 3]),
    node(2, "Dog", [5]),
    node(3, "Cowbell"),
    node(4, "Music", [3, 6]),
    node(5, "Bark"),
    node(6, "Sidetone", [], ["blacklist"]),
]
NAMES = [entry["name"] for entry in NODES]


def write(folder, nodes):
    path = folder / "ontology.json"
    path.write_text(json.dumps(nodes))
    return path


@pytest.fixture
def ontology(tmp_path):
    return load_audioset_ontology(write(tmp_path, NODES))


def test_ontology_tells_names_meanings_and_relatives(ontology):
    assert ontology.names["/m/2"] == "Dog"
    assert ontology.descriptions["Dog"] == "All about Dog."
    assert ontology.parents["Cowbell"] == ["Animal", "Music"]
    assert ontology.parents["Sounds"] == []
    assert ontology.children["Animal"] == ["Dog", "Cowbell"]
    assert ontology.restrictions["Sidetone"] == ["blacklist"]
    assert set(ontology.parents) == set(ontology.children) == set(ontology.restrictions) == set(NAMES)


def test_leaves_have_one_parent_and_no_restriction(ontology):
    assert select_leaf_labels(ontology, NAMES) == ["Bark"]


def test_leaf_is_a_label_without_children_among_the_labels(ontology):
    labels = ["Music", "Dog", "Animal", "Cowbell"]
    assert select_leaf_labels(ontology, labels) == select_leaf_labels(ontology, iter(labels)) == ["Dog"]
    assert select_leaf_labels(ontology, ["Music", "Animal"]) == ["Music", "Animal"]


def test_labels_of_other_names_are_found_by_their_identifiers(ontology):
    assert select_leaf_labels(ontology, ["a dog", "animals"], mids=["/m/2", "/m/1"]) == ["a dog"]


@pytest.mark.parametrize(
    ("labels", "mids", "message"),
    [
        ("Dog", None, "is one string; pass a list"),
        (["Dog", "Unicorn"], None, "'Unicorn' is not in the ontology; name it as there, or pass mids"),
        (["Dog"], ["/m/2", "/m/3"], "2 identifiers for 1 labels"),
        (["Dog"], ["/m/99"], "Identifier '/m/99' is not in the ontology"),
    ],
    ids=["string", "unknown label", "lengths", "unknown identifier"],
)
def test_labels_outside_the_ontology_are_refused(ontology, labels, mids, message):
    with pytest.raises(ValueError, match=message):
        select_leaf_labels(ontology, labels, mids=mids)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("", "is damaged or is no JSON"),
        ("[{", "is damaged or is no JSON"),
        ("{}", "is no list of nodes"),
        ("[]", "is no list of nodes"),
        ("[3]", "a node without .*: 3; pass"),
        (json.dumps([{"id": "/m/0", "name": "Dog"}]), r"a node without \['description', 'child_ids', 'restrictions'\]"),
        (json.dumps([node(0, "Dog"), node(0, "Cat")]), "2 nodes of id '/m/0'"),
        (json.dumps([node(0, "Dog"), node(1, "Dog")]), "2 nodes of name 'Dog'"),
        (json.dumps([node(0, "Dog", [7])]), "no node for the child '/m/7'"),
    ],
    ids=["empty", "cut", "object", "no nodes", "no node", "other keys", "same id", "same name", "lost child"],
)
def test_damaged_and_foreign_files_are_refused_by_name(tmp_path, content, message):
    path = tmp_path / "broken.json"
    path.write_text(content)
    with pytest.raises(ValueError, match=f"broken.json' .*{message}"):
        load_audioset_ontology(path)


def test_missing_file_is_named(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"absent\.json"):
        load_audioset_ontology(tmp_path / "absent.json")


def test_released_ontology_leaves_365_labels_of_audioset(data):
    ontology = load_audioset_ontology(data / "audioset_ontology.json")
    audioset = load_audioset_vggish(data / "audioset_vggish_eval.npz")
    labels = list(audioset.y.columns)
    leaves = select_leaf_labels(ontology, labels)
    assert len(leaves) == 365
    assert leaves == [label for label in labels if label in set(leaves)]
    assert leaves == select_leaf_labels(ontology, audioset.y.columns, mids=audioset.mids)
    assert not {"Speech", "Animal", "Cowbell"} & set(leaves)
    assert audioset.y[leaves].shape == (20371, 365)
