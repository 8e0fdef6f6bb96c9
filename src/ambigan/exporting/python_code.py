"""An exported graph as plain Python that calls torch alone: one assignment an operation.

The operations are those that our own forward pass calls, in its order, so that results are equal
to the bit.
"""

from __future__ import annotations

import operator
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, cast

import torch
from torch import Tensor
from torch.export import ExportedProgram
from torch.fx import GraphModule, Node

INFIX = {"add": "+", "sub": "-", "mul": "*", "div": "/", "ge": ">=", "le": "<=", "gt": ">"}
"""Operations that are written with a sign, where they have two operands and nothing else."""

_BUILTIN: dict[Any, str] = {operator.add: "+", operator.sub: "-", operator.mul: "*"}
_CHECKS = ("promote_types", "_assert", "sym_constrain")
_WHOLE = (0, 9223372036854775807)
_HOP = "wrap_with_autocast"


@dataclass
class _Line:
    """An assignment: its name, its right-hand side, what that reads, and the module it is of."""

    name: str
    text: str
    reads: set[str]
    module: str
    stays: bool = False


@dataclass
class _Writer:
    """Collects the assignments of a graph and of the graphs inside it."""

    lines: list[_Line] = field(default_factory=list[_Line])
    names: set[str] = field(default_factory=lambda: {"x", "w", "aten", "torch", "check"})
    values: dict[Node, Any] = field(default_factory=dict[Node, Any])

    def write(self, graph_module: GraphModule) -> Any:
        """Writes all nodes of a graph whose inputs have values; returns what it returns."""
        for node in graph_module.graph.nodes:
            if node.op == "output":
                return self.value(node.args[0])
            if node.op == "get_attr":
                self.values[node] = getattr(graph_module, node.target)
            elif node.op == "call_function":
                self.values[node] = self._call(node)
        raise AssertionError("a graph ends in its output")

    def value(self, arg: Any) -> Any:
        """An argument with nodes replaced by their values."""
        if isinstance(arg, Node):
            return self.values[arg]
        is_several = isinstance(arg, list | tuple)
        return [self.value(each) for each in cast(list[Any], arg)] if is_several else arg

    def _call(self, node: Node) -> Any:
        target: Any = node.target
        name = target.__name__.partition(".")[0]
        args = [self.value(arg) for arg in node.args]
        if name == _HOP:  # it is off: the operations inside are written as they are
            _device, _dtype, _enabled, _cache, inner, *inputs = args
            places = [each for each in inner.graph.nodes if each.op == "placeholder"]
            self.values.update(zip(places, inputs, strict=True))
            return self.write(inner)
        if target is operator.getitem and isinstance(args[0], list):
            return cast(list[Any], args[0])[args[1]]
        if name.startswith(_CHECKS):
            return None
        if name in ("alias", "detach") or _changes_nothing(node, name):
            return args[0]
        kwargs = {key: self.value(arg) for key, arg in node.kwargs.items()}
        text = _expression(target, name, args, kwargs)
        unique = node.name
        while unique in self.names:
            unique += "_"
        self.names.add(unique)
        reads = {each.text for each in _flat([*args, *kwargs.values()])}
        self.lines.append(_Line(unique, text, reads, _module_of(node), name.endswith("_")))
        return Name(unique)


@dataclass(frozen=True)
class Name:
    """A variable, or a weight, in the code that is written."""

    text: str


def _flat(values: Any) -> list[Name]:
    if isinstance(values, Name):
        return [values]
    if not isinstance(values, list):
        return []
    return [name for each in cast(list[Any], values) for name in _flat(each)]


def _changes_nothing(node: Node, name: str) -> bool:
    """Whether a node is a conversion to the type that is there, or the slice of everything."""
    if name == "slice":
        return tuple(node.args[2:4]) == _WHOLE and len(node.args) == 4
    source: Any = node.args[0] if node.args else None
    if name not in ("to", "_to_copy") or not isinstance(source, Node):
        return False
    before, after = source.meta.get("val"), node.meta.get("val")
    if not isinstance(before, Tensor) or not isinstance(after, Tensor):
        return False
    return before.dtype == after.dtype and not set(node.kwargs) - {"dtype"}


def _module_of(node: Node) -> str:
    """The dotted name of the module that a node is of, as the weights are named."""
    stack = node.meta.get("nn_module_stack") or {"": ("", None)}
    return str([*stack.values()][-1][0]).removeprefix("method").removeprefix(".")


def _expression(target: Any, name: str, args: list[Any], kwargs: dict[str, Any]) -> str:
    texts = [as_code(arg) for arg in args]
    if target is operator.getitem:
        return f"{texts[0]}[{texts[1]}]"
    sign = _BUILTIN.get(target) or (INFIX.get(name) if isinstance(args[0], Name) else None)
    if sign and len(args) == 2 and not kwargs:
        return f"{texts[0]} {sign} {texts[1]}"
    if name == "sym_size":
        return f"{texts[0]}.shape[{texts[1]}]"
    named = [f"{key}={as_code(arg)}" for key, arg in kwargs.items() if arg is not None]
    place = "aten" if isinstance(target, torch._ops.OpOverload) else "operator"  # pyright: ignore[reportPrivateUsage]
    return f"{place}.{name}({', '.join([*texts, *named])})"


def as_code(arg: Any) -> str:
    """A value as Python writes it; a device is that of the input."""
    if isinstance(arg, Name):
        return arg.text
    if isinstance(arg, list):
        return f"[{', '.join(as_code(each) for each in cast(list[Any], arg))}]"
    if isinstance(arg, torch.device):
        return "x.device"
    if isinstance(arg, float) and (arg != arg or arg in (float("inf"), float("-inf"))):
        return f'float("{arg}")'
    if arg is None or isinstance(arg, bool | int | float):
        return repr(arg)
    if isinstance(arg, torch.dtype | torch.layout | torch.memory_format):
        return str(arg)
    raise AssertionError(f"an argument of type {type(arg)} in an exported graph")


def function_of(
    name: str, text: str, takes: Mapping[str, Any], program: ExportedProgram
) -> tuple[list[str], dict[str, Tensor]]:
    """The source of a function that computes what an exported program does, and its weights.

    Args:
        name: The function's name.
        text: Its docstring, on one line.
        takes: Type and shape of its input, which it checks first.
        program: The program, of one input.

    Returns:
        The lines, and the tensors that they read from `w`, by name.
    """
    writer, held = _Writer(), dict[str, Tensor]()
    specs = program.graph_signature.input_specs
    places = [node for node in program.graph.nodes if node.op == "placeholder"]
    for node, spec in zip(places, specs, strict=True):
        writer.values[node] = Name("x")
        if spec.target is not None:
            is_constant = spec.target in program.constants
            key = f"{name}.{spec.target}" if is_constant else spec.target.removeprefix("method.")
            writer.values[node] = Name(f'w["{key}"]')
            source: Any = program.constants if is_constant else program.state_dict
            held[f'w["{key}"]'] = source[spec.target]
    (result,) = writer.write(program.graph_module)
    live, kept = {result.text}, list[_Line]()
    for line in reversed(writer.lines):
        if line.name in live or line.stays:
            live |= line.reads
            kept.insert(0, line)
    body, module = list[str](), ""
    for line in kept:
        if line.module and line.module != module:
            body.append(f"    # {line.module}")
        module = line.module
        body.append(f"    {line.name} = {line.text}")
    head = ["@torch.no_grad()", f"def {name}(x):", f'    """{text}"""']
    head.append(f"    check(x, torch.{takes['dtype']}, {', '.join(map(str, takes['shape'][1:]))})")
    tensors = {key[3:-2]: tensor.detach() for key, tensor in held.items() if key in live}
    return [*head, *body, f"    return {result.text}"], tensors
