"""Which code a figure ran: the files of skzsl and the definitions of these scripts that a call reaches.

Imports are followed by name, those inside functions too: ``from skzsl import ZeroShotRidge`` is the file of this class,
not all of skzsl. Docstrings, comments and types do not count.
"""

import ast
import hashlib
from functools import cache, cached_property
from pathlib import Path

HERE = Path(__file__).parent
UNUSED = {
    "online": "skzsl.nets",
    "minibatch": "skzsl.solvers",
}  # the room that a solver of ZeroShotBilinear never loads
TYPES = {"annotation", "returns"}  # fields of the syntax


class House:
    """The code of a folder that holds skzsl, with the scripts of this folder."""

    def __init__(self, folder=HERE.parent):
        self.folder = Path(folder)
        for method in ("hash", "said", "next_places", "definitions", "imports", "file", "tree"):
            setattr(self, method, cache(getattr(self, method)))  # the files are read once

    def hash(self, *roots):
        """Hash what the roots reach; "NAME without ROOM" stays out of a room."""
        said = "\n".join(map(self.said, sorted(self.closure(*roots))))
        return hashlib.sha256(said.encode()).hexdigest()[:12]

    def said(self, place):
        """What a place says, but for docstrings, comments and types."""
        return "\n".join(f"{place} {dump(part)}" for part in self.parts(place))

    def closure(self, *roots):
        """Files of skzsl, as ``skzsl.metrics._f1``, and definitions of scripts, as ``esc50.search``."""
        found = set()
        for root in roots:
            name, _, room = root.partition(" without ")
            reached, ahead = set(), [self.home(name)]
            while ahead:
                place = ahead.pop()
                if place and place not in reached and not (room and f"{place}.".startswith(f"{room}.")):
                    reached.add(place)
                    ahead += self.next_places(place)
            found |= reached
        return found

    def home(self, name):
        """The place of a dotted name; None where it is not of this house."""
        module, _, last = name.rpartition(".")
        if self.file(name):
            return name if name.startswith("skzsl") else None
        if not module or not self.file(module):
            return None
        if not module.startswith("skzsl"):
            return name if last in self.definitions(module) else None
        if self.file(module).stem != "__init__":
            return module
        exported = self.imports(module).get(last) or f"{self.homes[last]}.{last}"
        return self.home(exported)

    def next_places(self, place):
        """The places that a place names."""
        if place.startswith("skzsl"):
            return [self.home(name) for name in self.imports(place).values()]
        module = place.rpartition(".")[0]
        imports, own = self.imports(module), self.definitions(module)
        found = []
        for name in (name for part in self.parts(place) for name in free_names(part)):
            first, _, rest = name.partition(".")
            if first in own:
                found.append(f"{module}.{first}")
            elif first in imports:
                found.append(self.home(f"{imports[first]}.{rest}") if rest else None)
                found.append(None if found[-1] else self.home(imports[first]))
        return found

    def parts(self, place):
        """The syntax of a place."""
        module, _, name = place.rpartition(".")
        return [self.tree(place)] if place.startswith("skzsl") else self.definitions(module)[name]

    def definitions(self, module):
        """What a script defines at its top level: name -> statements."""
        found = {}
        for part in self.tree(module).body:
            targets = part.targets if isinstance(part, ast.Assign) else []
            names = [node.id for target in targets for node in ast.walk(target) if isinstance(node, ast.Name)]
            for name in [part.name] if isinstance(part, (ast.FunctionDef, ast.ClassDef)) else names:
                found.setdefault(name, []).append(part)
        return found

    def imports(self, module):
        """Local name -> dotted name of all that is imported, inside functions too."""
        found, package = {}, module.split(".")
        package = package if self.file(module).stem == "__init__" else package[:-1]
        for part in ast.walk(self.tree(module)):
            if isinstance(part, ast.ImportFrom):
                source = [*package[: len(package) + 1 - part.level], part.module] if part.level else [part.module]
                source = ".".join(filter(None, source))
                found |= {alias.asname or alias.name: f"{source}.{alias.name}" for alias in part.names}
            elif isinstance(part, ast.Import):
                found |= {alias.asname or alias.name: alias.name for alias in part.names}
        return found

    def file(self, module):
        """The file of a module, if it is of this house."""
        path = (self.folder if module.startswith("skzsl") else HERE).joinpath(*module.split("."))
        return next((file for file in (path.parent / f"{path.name}.py", path / "__init__.py") if file.is_file()), None)

    def tree(self, module):
        """The syntax of a module."""
        return ast.parse(self.file(module).read_text())

    @cached_property
    def homes(self):
        """Public name -> room, as skzsl keeps them."""
        names = ast.parse((self.folder / "skzsl" / "__init__.pyi").read_text()).body
        homes = [part for part in names if isinstance(part, ast.ImportFrom) and part.module]
        return {alias.name: f"skzsl.{part.module}" for part in homes for alias in part.names}


def free_names(node, local=frozenset()):
    """Names that a piece of code uses and does not assign itself, with the attribute taken of each."""
    if isinstance(node, (ast.FunctionDef, ast.Lambda)):
        local = local | {each.arg for each in ast.walk(node.args) if isinstance(each, ast.arg)} | set(assigned(node))
    if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
        names = [node.value.id, node.attr]
    elif isinstance(node, ast.Name):
        names = [node.id]
    else:
        for child in ast.iter_child_nodes(node):
            yield from free_names(child, local)
        return
    if names[0] not in local:
        yield ".".join(names)


def assigned(function):
    """Names that a function assigns, but for those of functions and comprehensions inside."""
    for child in ast.iter_child_nodes(function):
        if isinstance(child, ast.Name) and isinstance(child.ctx, ast.Store):
            yield child.id
        elif isinstance(child, ast.FunctionDef):
            yield child.name
        elif not isinstance(child, (ast.Lambda, ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp)):
            yield from assigned(child)


def is_for_types(node):
    """Say whether a statement serves type checkers only."""
    if isinstance(node, ast.ImportFrom):
        return node.module in ("__future__", "typing")
    return isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING"


def dump(node):
    """Write syntax without docstrings and types, the same for every Python, which ``ast.dump`` does not."""
    if isinstance(node, list):
        return f"[{' '.join(map(dump, (part for part in node if not is_for_types(part))))}]"
    if not isinstance(node, ast.AST):
        return repr(node)
    fields = {name: value for name, value in ast.iter_fields(node) if value not in (None, []) and name not in TYPES}
    if (
        isinstance(node, (ast.Module, ast.ClassDef, ast.FunctionDef))
        and ast.get_docstring(node, clean=False) is not None
    ):
        fields["body"] = node.body[1:]
    return f"{type(node).__name__}({' '.join(f'{name}={dump(value)}' for name, value in fields.items())})"
