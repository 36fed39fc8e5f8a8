"""Damaged, foreign and forged model files: a clear error each; nothing is run, allocated or written, or read wrong."""

import collections
import io
import itertools
import json
import os
import tracemalloc
import zipfile
import zlib

import numpy as np
import pytest
from forging import entries_of, forged, junk_in, packed, with_schema
from models import data, fitted
from mutations import BYTES, mutated
from sklearn.dummy import DummyClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline

import skzsl
from skzsl.exceptions import ModelIntegrityError, UntrustedModelError

MODELS = ["ridge", "temporal attention", "global-local", "normalized ridge", "events of tagger"]
N_MUTATIONS = int(os.environ.get("SKZSL_MUTATIONS", "100"))  # of each model
_CLEAR = (ModelIntegrityError, UntrustedModelError)


@pytest.fixture(scope="module")
def saved(tmp_path_factory):
    """Content of a file of each model, and what the model answers."""
    path = tmp_path_factory.mktemp("saved") / "model.skzsl"
    found = {}
    for name in MODELS:
        model = fitted(name, "one")
        skzsl.save(model, path)
        found[name] = path.read_bytes(), model.decision_function(data("one")[0])
    return found


@pytest.fixture
def outcome(tmp_path):
    """Write content, load it, and say what came of it: "equal", "other" or the name of the error."""
    path = tmp_path / "model.skzsl"

    def load(content, expected=None):
        path.write_bytes(content)
        tracemalloc.start()
        try:
            model = skzsl.load(path)
        except _CLEAR as error:
            found = type(error).__name__ if str(path) in str(error) else f"no path in {error}"
        else:
            answers = model.decision_function(data("one")[0]) if hasattr(model, "decision_function") else None
            found = "equal" if np.array_equal(answers, expected) else "other"
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert peak < 30e6 + 10 * len(content)
        assert list(tmp_path.iterdir()) == [path]
        return found

    load(packed({"format": 1}, {}))  # what loading imports is not counted
    return load


def test_no_mutation_of_a_file_is_read_as_another_model(saved, outcome, record_property):
    found = collections.Counter()
    for number, name in enumerate(MODELS):
        content, expected = saved[name]
        for names, damaged in mutated(content, BYTES, N_MUTATIONS, seed=number):
            result = outcome(damaged, expected)
            assert result != "other", names
            found["unchanged" if damaged == content else result] += 1
    record_property("damaged files", {f"saved models: {what}": count for what, count in found.items()})
    assert found["ModelIntegrityError"] > 0.8 * N_MUTATIONS * len(MODELS)


def test_forged_schemas_end_in_an_error_or_in_a_model(saved, outcome, record_property):
    rng, found = np.random.default_rng(0), collections.Counter()
    for name in MODELS:
        content, expected = saved[name]
        for _ in range(N_MUTATIONS // 5):
            try:
                found[outcome(with_schema(content, lambda schema: junk_in(schema, rng)), expected)] += 1
            except Exception:  # the model is made, and does not answer
                found["made, and useless"] += 1
    record_property("damaged files", {f"forged schemas of models: {what}": count for what, count in found.items()})
    assert found["ModelIntegrityError"] > 0
    assert set(found) <= {"ModelIntegrityError", "UntrustedModelError", "made, and useless", "equal", "other"}


def swapped(header, entries):
    arrays = [name for name in entries if name.endswith(".npy")]
    return header, {**entries, arrays[0]: entries[arrays[1]], arrays[1]: entries[arrays[0]]}


def listed_as_before(change):
    """A change that leaves the list of the header as it was."""

    def changed(content):
        header, entries = entries_of(content)
        return packed(*change(header, entries))

    return changed


def an_array(header, entries, array_header):
    """The first array with another header, as numpy writes it."""
    name = next(name for name in entries if name.endswith(".npy"))
    content = io.BytesIO()
    np.lib.format.write_array_header_1_0(content, array_header)
    return header, {**entries, name: content.getvalue() + bytes(64)}


def claiming(shape, descr="<f4"):
    return lambda content: forged(
        content, lambda h, e: an_array(h, e, {"descr": descr, "fortran_order": False, "shape": shape})
    )


def object_array(content):
    pickled = io.BytesIO()
    np.save(pickled, np.array([print], dtype=object), allow_pickle=True)
    name = next(name for name in entries_of(content)[1] if name.endswith(".npy"))
    return forged(content, lambda h, e: (h, {**e, name: pickled.getvalue()}))


def foreign_zip(content):
    file = io.BytesIO()
    np.savez(file, X=np.eye(3), y=np.arange(3))
    return file.getvalue()


def with_entry(name, content=b"x", **options):
    return lambda saved: forged(saved, lambda h, e: (h, {**e, name: content}), **options)


def bomb(content):
    return forged(content, lambda h, e: (h, {**e, "schema.json": b'"' + b" " * (300 << 20) + b'"'}))


def overlapping(content):
    """An entry that lies inside another one: a file that unpacks to more than its own size."""
    data, file = bytes(10_000), io.BytesIO()
    inner = zipfile.ZipInfo("inner.bin")
    inner.file_size = inner.compress_size = len(data)
    inner.CRC = zlib.crc32(data)
    outer = inner.FileHeader() + data
    header, entries = entries_of(content)
    del header["entries"]
    whole = packed(header, {**entries, "outer.bin": outer, "inner.bin": data})
    with zipfile.ZipFile(io.BytesIO(whole)) as old, zipfile.ZipFile(file, "w") as new:
        new.comment = old.comment
        for info in old.infolist():
            if info.filename != "inner.bin":
                new.writestr(zipfile.ZipInfo(info.filename), old.read(info), info.compress_type)
        inner.header_offset = new.start_dir - len(outer)
        new.filelist.append(inner)
    return file.getvalue()


_ids = itertools.count(10**15)  # of objects that are no others of the file


def node(loader, module, name, **more):
    return {"__class__": name, "__module__": module, "__loader__": loader, "__id__": next(_ids), **more}


def plain(text):
    return node("JsonNode", "builtins", "str", content=json.dumps(text), is_json=True)


def a_tuple(*items):
    return node("TupleNode", "builtins", "tuple", content=list(items))


def a_dict(**items):
    keys = node("ListNode", "builtins", "list", content=[node("TypeNode", "builtins", "str")] * len(items))
    return node("DictNode", "builtins", "dict", content=items, key_types=keys)


def in_threshold(thing, **entries):
    """A model whose threshold is something else."""

    def changed(header, old):
        schema = json.loads(old["schema.json"])
        schema["content"]["content"]["threshold"] = thing
        return header, {**old, **entries, "schema.json": json.dumps(schema).encode()}

    return lambda content: forged(content, changed)


def doubled(depth):
    """A list of twice a list of twice a list..., where each second one is named only."""
    thing = plain(1)
    for _ in range(depth):
        thing = node("ListNode", "builtins", "list", content=[thing, {"__id__": thing["__id__"]}])
    return thing


def array_bytes(values):
    file = io.BytesIO()
    np.save(file, values)
    return file.getvalue()


def sized(name):
    """A number that a type of numpy takes for a size."""
    thing = node("NdArrayNode", "numpy", name, type="numpy", file="size.npy")
    return in_threshold(thing, **{"size.npy": array_bytes(np.array(10**9))})


def read_often(content):
    things = [node("BytesNode", "builtins", "bytes", file="more.bin") for _ in range(200)]
    return in_threshold(node("ListNode", "builtins", "list", content=things), **{"more.bin": bytes(10**6)})(content)


def keyed_by(kind):
    kinds = node("ListNode", "builtins", "list", content=[kind])
    return in_threshold({**a_dict(executed=plain(1)), "key_types": kinds})


def keyed_by_another_part(content):
    """Types of keys that are a harmless list, but for the part that has been made of their id before."""
    called = node("ListNode", "builtins", "list", content=[node("FunctionNode", "sklearn.metrics", "get_scorer")])
    harmless = node("ListNode", "builtins", "list", content=[node("TypeNode", "builtins", "str")])
    keyed = {**a_dict(executed=plain(1)), "key_types": {**harmless, "__id__": called["__id__"]}}
    return in_threshold(a_tuple(called, keyed))(content)


def random_state(position):
    state = {"key": node("NdArrayNode", "numpy", "ndarray", type="numpy", file="key.npy"), "pos": plain(position)}
    content = a_dict(bit_generator=plain("MT19937"), state=a_dict(**state), has_gauss=plain(0), gauss=plain(0.0))
    thing = node("RandomStateNode", "numpy.random.mtrand", "RandomState", content=content)
    return in_threshold(thing, **{"key.npy": array_bytes(np.arange(624, dtype=np.uint32))})


def slow_seeds(content):
    """A Generator whose seeds are mixed in a time of the square of a size."""
    state = a_dict(entropy=plain(1), pool_size=plain(10**6))
    parts = {"bit_generator": a_dict(bit_generator=plain("PCG64")), "seed_seq": state}
    return in_threshold(node("RandomGeneratorNode", "numpy.random._generator", "Generator", content=parts))(content)


def wide_schema(content):
    text = b"[" + b"[]," * (4 << 20) + b"[]]"
    return forged(content, lambda h, e: (h, {**e, "schema.json": text}))


FORGED = {
    "entries that overlap": overlapping,
    "parts of parts, twice each": in_threshold(doubled(100)),
    "sizes as void": sized("void"),
    "sizes as bytes": sized("bytes_"),
    "an entry read by many parts": read_often,
    "keys that a function makes": keyed_by(node("FunctionNode", "sklearn.metrics", "get_scorer")),
    "keys that a net makes": keyed_by(node("TypeNode", "skzsl.nets.bilinear", "BilinearModule")),
    "keys of a part that is another": keyed_by_another_part,
    "position of a RandomState": random_state(-(2**30)),
    "seeds that take long": slow_seeds,
    "schema of 12 MB in 13 kB": wide_schema,
    "older protocol": lambda content: with_schema(content, lambda schema: {**schema, "protocol": 1}),
    "entries swapped": listed_as_before(swapped),
    "an entry is missing": listed_as_before(lambda h, e: (h, dict(list(e.items())[:-1]))),
    "an entry too many": listed_as_before(lambda h, e: (h, {**e, "more.npy": b""})),
    "name with ..": with_entry("../../outside.npy"),
    "absolute name": with_entry("/tmp/outside.bin"),
    "name that leaves the folder, of a kind that is read": with_entry("../outside.bin"),
    "unknown kind of entry": with_entry("run.py"),
    "pickle": with_entry("model.pkl"),
    "zip in it": with_entry("matrix.npz"),
    "packed array": with_entry("big.npy", bytes(10_000), compress=("schema.json", "big.npy")),
    "schema that unpacks to 300 MB": bomb,
    "huge array": claiming((10**12,)),
    "huge array of many dimensions": claiming((2**31, 2**31, 2**31)),
    "negative shape": claiming((-1,)),
    "array of other size": claiming((17,)),
    "array of objects": object_array,
    "type of objects": claiming((8,), "|O"),
    "no array": with_entry("none.npy", b"\x93NUMPY\x09\x00"),
    "header that is no JSON": lambda content: forged(content, lambda h, e: (b"{", e)),
    "header that is a list": lambda content: forged(content, lambda h, e: (b"[]", e)),
    "deep header": lambda content: forged(content, lambda h, e: (b"[" * 100_000, e)),
    "header without a list of entries": lambda content: forged(content, lambda h, e: (b'{"format": 1}', e)),
    "list of entries of another kind": lambda content: forged(content, lambda h, e: ({**h, "entries": 3}, e)),
    "format that is no number": lambda content: forged(content, lambda h, e: ({**h, "format": "new"}, e)),
    "deep schema": lambda content: forged(content, lambda h, e: (h, {**e, "schema.json": b"[" * 100_000})),
    "schema that is no JSON": lambda content: forged(content, lambda h, e: (h, {**e, "schema.json": b"\xff"})),
    "no schema": lambda content: forged(content, lambda h, e: (h, {k: v for k, v in e.items() if k != "schema.json"})),
    "no comment": lambda content: forged(content, lambda h, e: None, comment=b""),
    "comment of another header": lambda content: forged(
        content, lambda h, e: None, comment=b"skzsl sha256 " + b"0" * 64
    ),
    "npz of numpy": foreign_zip,
}


@pytest.mark.parametrize("name", FORGED)
def test_forged_files_are_refused(name, saved, outcome):
    assert outcome(FORGED[name](saved["ridge"][0])) == "ModelIntegrityError"


def test_two_entries_of_one_name_are_refused(saved, outcome):
    file = io.BytesIO(saved["ridge"][0])
    with zipfile.ZipFile(file, "a") as archive, pytest.warns(UserWarning, match="Duplicate name"):
        archive.writestr("schema.json", b"{}")
    assert outcome(file.getvalue()) == "ModelIntegrityError"


def test_a_file_without_its_forgery_is_read(saved, outcome):
    content, expected = saved["ridge"]
    assert outcome(forged(content, lambda header, entries: None), expected) == "equal"
    assert outcome(with_schema(content, lambda schema: None), expected) == "equal"


def test_entries_that_overlap_are_named(saved, tmp_path):
    path = tmp_path / "model"
    path.write_bytes(overlapping(saved["ridge"][0]))
    with pytest.raises(ModelIntegrityError, match="its entries overlap"):
        skzsl.load(path)


@pytest.mark.skipif(os.name != "posix", reason="devices of POSIX")
@pytest.mark.parametrize("read", [skzsl.load, skzsl.read_header])
def test_folders_and_devices_are_not_read(read, tmp_path):
    for path in (tmp_path, "/dev/null", "/dev/zero"):  # of which the last has no end
        with pytest.raises(OSError, match=f"'{path}' is no file"):
            read(path)


def test_a_schema_that_packs_better_than_others_is_kept_unpacked(tmp_path):
    path = tmp_path / "model"
    constant = [[0] * 20_000]
    skzsl.save(DummyClassifier(constant=constant), path)
    assert skzsl.load(path).constant == constant


def test_a_model_that_holds_one_thing_often_is_kept(tmp_path):
    path = tmp_path / "model"
    values = np.arange(5.0)
    shared = [values, {"values": values, 1: b"bytes"}]
    skzsl.save(DummyClassifier(constant=[shared, shared, b"bytes"]), path)
    first, second, _ = skzsl.load(path).constant
    assert first is second
    assert first[1]["values"] is first[0]
    np.testing.assert_array_equal(first[0], values)


def test_generators_are_kept_but_for_those_that_draw_from_any_position(tmp_path):
    path = tmp_path / "model"
    skzsl.save(DummyClassifier(random_state=np.random.default_rng(0)), path)
    assert skzsl.load(path).random_state.random() == np.random.default_rng(0).random()
    with pytest.raises(TypeError, match="files keep those of default_rng only"):
        skzsl.save(DummyClassifier(random_state=np.random.Generator(np.random.MT19937(0))), tmp_path / "other")
    assert list(tmp_path.iterdir()) == [path]


def test_a_newer_format_asks_for_a_newer_skzsl(saved, tmp_path):
    path = tmp_path / "model"
    path.write_bytes(forged(saved["ridge"][0], lambda header, entries: ({**header, "format": 2}, entries)))
    with pytest.raises(ModelIntegrityError, match=r"has format 2, of skzsl .*pip install --upgrade skzsl"):
        skzsl.load(path)
    with pytest.raises(ModelIntegrityError, match="format 2"):
        skzsl.read_header(path)


MARK = "executed"
# What would make a file, were it called.
MALICE = {
    "called": node("ConstructorFromReduceNode", "builtins", "open", content=a_tuple(plain(MARK), plain("w"))),
    "system": node("ConstructorFromReduceNode", "posix", "system", content=a_tuple(plain(f"touch {MARK}"))),
    "process": node("ConstructorFromReduceNode", "subprocess", "Popen", content=a_tuple(plain(f"touch {MARK}"))),
    "writer of ours": node(
        "ConstructorFromReduceNode",
        "skzsl.datasets._audacity",
        "write_audacity_labels",
        content=a_tuple(a_dict(), plain(MARK)),
    ),
    "estimator of ours called": node(
        "ConstructorFromReduceNode", "skzsl.text._hashing", "HashingEncoder", content=a_tuple(plain(3))
    ),
    "net of ours called": node(
        "ConstructorFromReduceNode",
        "skzsl.nets.bilinear",
        "BilinearModule",
        content=a_tuple(plain(10**6), plain(10**6)),
    ),
    "type named": node("TypeNode", "os", "system"),
    "function named": node("FunctionNode", "os", "system"),
    "function of ours named": node("FunctionNode", "skzsl.datasets._audacity", "write_audacity_labels"),
    "our save named": node("FunctionNode", "skzsl.persistence._files", "save"),
    "estimator of ours as key": node("TypeNode", "skzsl.text._hashing", "HashingEncoder"),
    "object of another": node("ObjectNode", "os", "_Environ", content=a_dict(x=plain(1))),
    "object of a private class": node("ObjectNode", "skzsl.datasets._tfrecord", "Reader", content=a_dict(x=plain(1))),
    "partial": node(
        "PartialNode",
        "functools",
        "partial",
        content={
            "func": node("FunctionNode", "builtins", "open"),
            "args": a_tuple(plain(MARK)),
            "kwds": a_dict(),
            "namespace": a_dict(),
        },
    ),
    "method": node(
        "MethodNode", "pathlib", "Path", content={"func": "touch", "obj": node("TypeNode", "pathlib", "Path")}
    ),
    "operator": node("OperatorFuncNode", "operator", "methodcaller", attrs=a_tuple(plain("x"))),
    "bytes of nowhere": node("BytesNode", "builtins", "bytes", file="/etc/passwd"),
    "array of nowhere": node("NdArrayNode", "numpy", "ndarray", type="numpy", file="../../x.npy"),
    "unknown loader": node("PickleNode", "builtins", "object", content="gASVAAAA"),
    "import of a module": node("TypeNode", "antigravity", "x"),
    "key that is called": {
        **a_dict(executed=plain(1)),
        "key_types": node("ListNode", "builtins", "list", content=[node("TypeNode", "builtins", "open")]),
    },
}


@pytest.mark.parametrize("place", ["alone", "as a parameter"])
@pytest.mark.parametrize("name", MALICE)
def test_nothing_that_a_file_names_is_run(name, place, saved, outcome, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)

    def forge(schema):
        if place == "alone":
            return {**MALICE[name], "protocol": schema["protocol"], "_skops_version": schema["_skops_version"]}
        schema["content"]["content"]["threshold"] = MALICE[name]
        return schema

    assert outcome(with_schema(saved["ridge"][0], forge)) in ("ModelIntegrityError", "UntrustedModelError")


@pytest.mark.parametrize(
    "thing",
    [
        node("FunctionNode", "skzsl.metrics._ranking", "mean_average_precision"),
        node("TypeNode", "skzsl.nets.bilinear", "BilinearModule"),
        node("ListNode", "builtins", "list", content=[plain(1)]),
    ],
    ids=["function", "type", "list"],
)
def test_what_a_file_holds_is_an_estimator(thing, saved, tmp_path):
    path = tmp_path / "model"
    path.write_bytes(with_schema(saved["ridge"][0], lambda schema: {**thing, "protocol": schema["protocol"]}))
    with pytest.raises(ModelIntegrityError, match=r"they make \w+, no estimator"):
        skzsl.load(path)


def test_types_of_other_packages_are_named(saved, tmp_path):
    path = tmp_path / "model"
    path.write_bytes(
        with_schema(saved["ridge"][0], lambda schema: {**MALICE["system"], "protocol": schema["protocol"]})
    )
    with pytest.raises(UntrustedModelError, match=r"holds \['posix.system'\].*pass trusted"):
        skzsl.load(path)


def test_weights_of_another_size_than_their_net_are_refused(saved, tmp_path):
    """A forged size of a layer allocates nothing."""
    path = tmp_path / "model"

    def huge(schema):
        text = json.dumps(schema)
        assert '"content": "8"' in text
        return json.loads(text.replace('"content": "8"', f'"content": "{10**9}"'))

    path.write_bytes(with_schema(saved["temporal attention"][0], huge))
    with pytest.raises(ModelIntegrityError, match=r"size mismatch|copying a param"):
        skzsl.load(path)


def test_other_packages_models_are_kept_in_a_pipeline_but_trees_need_trust(tmp_path):
    from sklearn.ensemble import RandomForestClassifier

    X, y = data("one")
    X = X.mean(axis=1)
    path = tmp_path / "model"
    skzsl.save(make_pipeline(LogisticRegression()).fit(X, y), path)
    assert skzsl.load(path).score(X, y) > 0
    with pytest.warns(skzsl.exceptions.UntrustedTypeWarning, match="Tree"):
        skzsl.save(RandomForestClassifier(2, random_state=0).fit(X, y), path)
    with pytest.raises(UntrustedModelError, match=r"sklearn\.tree\._tree\.Tree"):
        skzsl.load(path)
