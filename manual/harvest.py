"""Collect every message for users from the source, as a template: ``text {field} text``.

A message is made by a call of one of the classes and functions below. The text may come from the
same function, from the module's constants or private functions, or from an argument of a private
function. This module follows all of these within one module. A text that it cannot follow is an
error: see :class:`Unseen`.
"""

from __future__ import annotations

import ast
import itertools
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import NamedTuple, TypeAlias

import connector

ROOT = Path(connector.__file__).parent

#: The base class of all errors. Its subclasses are found by name in the source.
ERROR = "ConnectorError"

#: Exceptions whose text stands within the message of an error, or is all of it.
PARTS = frozenset({"BadValue", "FileProblem", "Unusable", "BadResponse", "Unsupported"})

#: Exceptions that carry the message of an error from elsewhere, where it is collected.
_CARRIERS = frozenset({"CallFailed"})

#: The kinds of usage errors of argparse, and of lines after which the command continues.
USAGE = "usage"
_USAGES = frozenset({"argparse.ArgumentTypeError", "ArgumentTypeError", "parser.error"})
LINE = "line"
_LINES = frozenset({"say", "report", "self._report", "logger.warning", "logger.error"})

#: The function that takes a template with fields.
_TEMPLATES = "words"

#: The room without messages for users: the emulated service.
_FAR_END = "emulator"

_DEPTH = 8  # of private functions that call each other

Function: TypeAlias = "ast.FunctionDef | ast.AsyncFunctionDef"


class Unseen(Exception):
    """The text of a message cannot be followed: simplify the code that makes it."""


class Message(NamedTuple):
    """One message template.

    :param kind: the class of the error, one of PARTS, USAGE or LINE.
    :param text: the template, with a capital as the user reads it.
    :param place: ``file:line`` of the call that makes it.
    """

    kind: str
    text: str
    place: str

    @property
    def key(self) -> tuple[str, str]:
        """The identity of the message, wherever it is made."""
        return self.kind, shape(self.text)


class Harvest(NamedTuple):
    """All messages of a package.

    :param handed_on: pairs of kinds: a text of the first kind is the whole message of the second.
    """

    messages: list[Message]
    handed_on: set[tuple[str, str]]


def shape(text: str) -> str:
    """Return a template without the names of its fields, which the manual may choose."""
    pieces, rest = [], text
    while True:
        before, opened, rest = rest.partition("{")
        pieces.append(before)
        if not opened:
            return "{}".join(pieces)
        rest = rest.partition("}")[2]


def harvest(root: Path = ROOT) -> Harvest:
    """Collect all messages of a package, each once, in the order of its files.

    :raises Unseen: when the text of a message cannot be followed.
    """
    sources = {
        path: ast.parse(path.read_text())
        for path in sorted(root.rglob("*.py"))
        if path.relative_to(root).parts[0] != _FAR_END
    }
    errors = _error_classes(sources.values())
    found: dict[tuple[str, str], Message] = {}
    handed_on: set[tuple[str, str]] = set()
    for path, tree in sources.items():
        module = _Module(tree, errors, path.relative_to(root).as_posix())
        for message in module.messages():
            found.setdefault(message.key, message)
        handed_on |= module.handed_on
    return Harvest(list(found.values()), handed_on)


def _error_classes(trees: Iterable[ast.Module]) -> set[str]:
    """Return the names of ERROR and its subclasses."""
    bases = {
        node.name: {base.id for base in node.bases if isinstance(base, ast.Name)}
        for tree in trees
        for node in ast.walk(tree)
        if isinstance(node, ast.ClassDef)
    }
    found = {ERROR}
    while more := {name for name, parents in bases.items() if parents & found} - found:
        found |= more
    return found


class _Scope(NamedTuple):
    """The context of an expression: its function, the functions around it, and the arguments."""

    functions: tuple[Function, ...]
    arguments: Mapping[str, tuple[ast.expr, _Scope]]
    depth: int = 0


class _Module:
    def __init__(self, tree: ast.Module, errors: set[str], name: str) -> None:
        self.handed_on: set[tuple[str, str]] = set()
        self._errors = errors
        self._name = name
        self._constants = {
            name: value
            for node in tree.body
            if isinstance(node, (ast.Assign, ast.AnnAssign))
            for name, value in _assigned(node)
        }
        self._functions: dict[str, Function] = {}
        #: All calls, each with the functions around it (innermost first) and its class.
        self._calls: list[tuple[ast.Call, tuple[Function, ...], str]] = []
        #: The calls of each function of the module.
        self._calls_of: dict[str | None, list[tuple[ast.Call, tuple[Function, ...]]]] = {}
        self._survey(tree, (), "")
        self._raised = {id(node.exc) for node in ast.walk(tree) if isinstance(node, ast.Raise)}
        self._followed: list[ast.expr] = []

    def _survey(self, node: ast.AST, around: tuple[Function, ...], inside: str) -> None:
        for child in ast.iter_child_nodes(node):
            if isinstance(child, ast.Call):
                self._calls.append((child, around, inside))
                self._calls_of.setdefault(_bare(child.func), []).append((child, around))
            if isinstance(child, (ast.FunctionDef, ast.AsyncFunctionDef)):
                self._functions[child.name] = child
                self._survey(child, (child, *around), inside)
            elif isinstance(child, ast.ClassDef):
                self._survey(child, around, child.name)
            else:
                self._survey(child, around, inside)

    def messages(self) -> Iterator[Message]:
        for call, around, inside in self._calls:
            if _named(call.func) is None and self._mentions_an_error(call.func):
                raise self._unseen(call, "the class of the error is computed")
            for scope in self._scopes(around, 0):
                kind = self._kind(call.func, scope, inside)
                if kind is None and id(call) in self._raised and _is_handed(call.func, around):
                    raise self._unseen(call, "the class that is passed here is unknown")
                if kind is None or not call.args:
                    continue
                for text in self._texts(call.args[0], scope):
                    if kind == LINE:
                        text = text.replace("%s", "{}").replace("%d", "{}")
                    if shape(text).replace("{}", "").strip():
                        yield Message(kind, _as_read(kind, text), f"{self._name}:{call.lineno}")
                    else:
                        self._hand_on(kind, call, around)

    def _kind(self, func: ast.expr, scope: _Scope, inside: str) -> str | None:
        name = _named(func)
        if name in _LINES:
            return LINE
        if name in _USAGES:
            return USAGE
        if isinstance(func, ast.Name) and func.id in scope.arguments:
            return self._kind(*scope.arguments[func.id], inside)
        name = inside if name == "cls" else (name or "").rpartition(".")[2]
        return name if name in self._errors or name in PARTS else None

    def _hand_on(self, kind: str, call: ast.Call, around: tuple[Function, ...]) -> None:
        """Note that the message is another exception's text, if that text is known."""
        if kind == LINE:
            return
        used = {node.id for node in ast.walk(call.args[0]) if isinstance(node, ast.Name)}
        caught = {
            name.id
            for node in (ast.walk(around[0]) if around else ())
            if isinstance(node, ast.ExceptHandler) and node.name in used and node.type
            for name in ast.walk(node.type)
            if isinstance(name, ast.Name)
        }
        if not caught:
            raise self._unseen(call, "its text comes from elsewhere")
        if unknown := caught - self._errors - PARTS - _CARRIERS:
            raise self._unseen(call, f"its text is that of {', '.join(sorted(unknown))}")
        self.handed_on |= {(name, kind) for name in caught}

    def _mentions_an_error(self, func: ast.expr) -> bool:
        return any(isinstance(n, ast.Name) and n.id in self._errors for n in ast.walk(func))

    def _unseen(self, call: ast.Call, why: str) -> Unseen:
        return Unseen(f"{self._name}:{call.lineno}: {ast.unparse(call)}: {why}")

    # The arguments of a function.

    def _scopes(self, around: tuple[Function, ...], depth: int) -> list[_Scope]:
        """Return a scope for each call of a private function, else one without arguments."""
        nothing = [_Scope(around, {}, depth)]
        name = around[0].name if around else ""
        if not name.startswith("_") or name.startswith("__") or depth == _DEPTH:
            return nothing
        scopes = [
            _Scope(around, self._bound(around[0], call, outer), depth)
            for call, callers in self._calls_of.get(name, [])
            if around[0] not in callers
            for outer in self._scopes(callers, depth + 1)
        ]
        return scopes or nothing

    def _bound(
        self, function: Function, call: ast.Call, scope: _Scope
    ) -> dict[str, tuple[ast.expr, _Scope]]:
        names = [argument.arg for argument in function.args.posonlyargs + function.args.args]
        if names[:1] in (["self"], ["cls"]):
            del names[0]
        bound = {name: (value, scope) for name, value in zip(names, call.args, strict=False)}
        bound.update((word.arg, (word.value, scope)) for word in call.keywords if word.arg)
        return bound

    # The texts of an expression.

    def _texts(self, node: ast.expr, scope: _Scope) -> list[str]:
        """Return all possible texts, with fields for values that only a run knows."""
        if node in self._followed:  # ``name = f"{name}"`` and the like
            return [_field(node)]
        self._followed.append(node)
        try:
            return self._texts_within(node, scope)
        finally:
            self._followed.pop()

    def _texts_within(self, node: ast.expr, scope: _Scope) -> list[str]:
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            return [node.value]
        if isinstance(node, ast.JoinedStr):
            return _products(self._piece(part, scope) for part in node.values)
        if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add):
            return _products(self._texts(side, scope) for side in (node.left, node.right))
        if isinstance(node, ast.IfExp):
            branches = [*self._texts(node.body, scope), *self._texts(node.orelse, scope)]
            return [_field(node)] if "" in branches else branches
        if isinstance(node, ast.Name):
            return self._texts_of_name(node, scope)
        if isinstance(node, ast.Call) and _named(node.func) == _TEMPLATES and node.args:
            return self._texts(node.args[0], scope)
        if isinstance(node, ast.Call) and (function := self._functions.get(_bare(node.func) or "")):
            return self._texts_of_call(node, function, scope)
        return [_field(node)]

    def _piece(self, part: ast.expr, scope: _Scope) -> list[str]:
        if not isinstance(part, ast.FormattedValue):
            return self._texts(part, scope)
        texts = self._texts(part.value, scope)
        if isinstance(part.value, ast.Name) and isinstance(
            self._constants.get(part.value.id), ast.Constant
        ):
            return texts
        # One word is the value of a field; several words are a part of the sentence.
        return texts if any(" " in shape(text).strip() for text in texts) else [_field(part.value)]

    def _texts_of_name(self, node: ast.Name, scope: _Scope) -> list[str]:
        if node.id in scope.arguments:
            return self._texts(*scope.arguments[node.id])
        for function in scope.functions:
            values = [value for name, value in _assigned(function) if name == node.id]
            if values:
                found = [text for value in values for text in self._texts(value, scope)]
                return [_field(node)] if "" in found else list(dict.fromkeys(found))
        if scope.functions and node.id in self._constants:
            return self._texts(self._constants[node.id], _Scope((), {}, scope.depth))
        return [_field(node)]

    def _texts_of_call(self, node: ast.Call, function: Function, scope: _Scope) -> list[str]:
        results = [n.value for n in ast.walk(function) if isinstance(n, ast.Return) and n.value]
        if scope.depth == _DEPTH or not results:
            return [_field(node)]
        inner = _Scope((function,), self._bound(function, node, scope), scope.depth + 1)
        texts = [text for result in results for text in self._texts(result, inner)]
        return (
            list(dict.fromkeys(texts)) if any(shape(t) != "{}" for t in texts) else [_field(node)]
        )


def _is_handed(func: ast.expr, around: tuple[Function, ...]) -> bool:
    """Return whether the called name is an argument of the calling function."""
    names = {
        argument.arg
        for function in around[:1]
        for argument in ast.walk(function.args)
        if isinstance(argument, ast.arg)
    }
    return isinstance(func, ast.Name) and func.id in names


def _as_read(kind: str, text: str) -> str:
    """Return the text with the capital that ``ConnectorError`` adds; ``say`` adds none."""
    return text if kind in PARTS or kind in (USAGE, LINE) else text[:1].upper() + text[1:]


def _products(pieces: Iterable[list[str]]) -> list[str]:
    return ["".join(choice) for choice in itertools.product(*pieces)]


def _assigned(node: ast.AST) -> Iterator[tuple[str, ast.expr]]:
    """Yield the names that a function or a statement assigns, with their values."""
    for child in ast.walk(node):
        if isinstance(child, ast.Assign) and isinstance(child.targets[0], ast.Name):
            yield child.targets[0].id, child.value
        elif (
            isinstance(child, (ast.AnnAssign, ast.NamedExpr))
            and isinstance(child.target, ast.Name)
            and child.value
        ):
            yield child.target.id, child.value


def _named(func: ast.expr) -> str | None:
    """Return ``name`` or ``name.attribute`` as in the source."""
    if isinstance(func, ast.Name):
        return func.id
    if isinstance(func, ast.Attribute) and isinstance(func.value, ast.Name):
        return f"{func.value.id}.{func.attr}"
    return None


def _bare(func: ast.expr) -> str | None:
    """Return the name of a function of the module, or of a method of ``self`` or ``cls``."""
    owner, _, name = (_named(func) or "").rpartition(".")
    return name if owner in ("", "self", "cls") else None


def _field(node: ast.expr) -> str:
    """Return a field for a value that only a run knows, named after the expression."""
    while not isinstance(node, (ast.Name, ast.Attribute)):
        inner = (node.values if isinstance(node, ast.BoolOp) else []) + [
            child for child in ast.iter_child_nodes(node) if isinstance(child, ast.expr)
        ]
        if isinstance(node, ast.Call) and node.args:
            inner = [node.args[0]]
        if not inner:
            return "{}"
        node = inner[0]
    return f"{{{node.id if isinstance(node, ast.Name) else node.attr}}}"
