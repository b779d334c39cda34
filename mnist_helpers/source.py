"""A hash of code: of functions and classes and all that they reach by name: an edit never shows an old result."""

from __future__ import annotations

import dis
import hashlib
import inspect
import sys
from collections.abc import Collection, Iterator
from pathlib import Path
from types import CodeType, FunctionType, MethodType, ModuleType

import numpy as np
import torch

PACKAGE = __name__.partition(".")[0]
INSTALLED = {"site-packages", "dist-packages", Path(inspect.__file__).parent.name}
PLAIN = (str, bytes, int, float, complex, bool, type(None), type(...))
NOISE = {
    "__doc__", "__dict__", "__weakref__", "__firstlineno__", "__static_attributes__", "__module__", "__qualname__",
    "__slotnames__", "_abc_impl",
}  # fmt: skip


def digest(*roots: type | FunctionType, chosen: Collection[str] = ()) -> str:
    """16 hexadecimal digits of what the roots compile to, and every function, class and value that they reach by name.

    Of this package, a notebook and a student's own modules; libraries count by name, their versions stand in the
    environment. Comments, docstrings, layout and what is not reached decide nothing. chosen: of a table such as
    models.ACTIVATIONS only these entries count, so that a further one changes nothing. What only getattr, globals() or
    eval find is not seen.
    """
    reach = _Reach(chosen)
    return hashlib.sha256("\n".join(map(reach.of, roots)).encode()).hexdigest()[:16]


class _Reach:
    def __init__(self, chosen: Collection[str]):
        self.chosen, self.seen = (
            chosen,
            {},
        )  # id -> (number of its first visit, the value, kept so that ids stay its own)

    def of(self, value) -> str:
        """A value as text that is the same in every process."""
        if type(value) in PLAIN:
            return repr(value)
        if isinstance(value, CodeType | ModuleType):
            return value.__name__ if isinstance(value, ModuleType) else value.co_name
        if id(value) in self.seen:
            return f"<{self.seen[id(value)][0]}>"
        self.seen[id(value)] = len(self.seen), value
        if isinstance(value, dict):
            entries = {key: part for key, part in value.items() if type(key) is str and key in self.chosen} or value
            return (
                f"{type(value).__name__}({', '.join(f'{self.of(k)}: {self.of(part)}' for k, part in entries.items())})"
            )
        if isinstance(value, tuple | list | set | frozenset):
            parts = map(self.of, value)
            return (
                f"{type(value).__name__}({', '.join(sorted(parts) if isinstance(value, set | frozenset) else parts)})"
            )
        if isinstance(value, torch.Tensor | np.ndarray):
            array = value.detach().cpu().numpy() if isinstance(value, torch.Tensor) else value
            return f"{type(value).__name__}{array.dtype}{array.shape}{hashlib.sha256(array.tobytes()).hexdigest()}"
        return f"{type(value).__name__}({'; '.join(self._parts(value))})"

    def _parts(self, value) -> Iterator[str]:
        named = isinstance(value, type | FunctionType)
        if named or callable(value):
            yield f"{getattr(value, '__module__', '')}.{getattr(value, '__name__', '')}"
        if named and not _is_ours(value.__module__):
            return
        if isinstance(value, FunctionType):
            yield self.of((value.__defaults__, value.__kwdefaults__))
            yield from (self.of(cell.cell_contents) for cell in value.__closure__ or () if _is_full(cell))
            yield from self._code(value.__code__, value.__globals__, value.__doc__)
        elif isinstance(value, type):
            yield self.of((type(value), value.__bases__))
            own = sorted((key, part) for key, part in vars(value).items() if key not in NOISE and key[:8] != "__annota")
            yield from (f"{key}={self.of(part)}" for key, part in own if not key.startswith("__dataclass"))
        elif isinstance(value, MethodType | property | staticmethod | classmethod) or hasattr(value, "__wrapped__"):
            inside = ("__self__", "__func__", "__wrapped__", "fget", "fset", "fdel")
            yield from (self.of(getattr(value, key)) for key in inside if hasattr(value, key))
        else:  # any other object is what it would be pickled as
            yield self.of(type(value))
            try:
                yield self.of(value.__reduce_ex__(2))
            except Exception:  # such as a lock
                yield from (f"{key}={self.of(part)}" for key, part in sorted(getattr(value, "__dict__", {}).items()))

    def _code(self, code: CodeType, names: dict, doc: str | None) -> Iterator[str]:
        yield code.co_code.hex()
        inner = [constant for constant in code.co_consts if isinstance(constant, CodeType)]
        constants = [constant for constant in code.co_consts[1:] if not isinstance(constant, CodeType)]
        yield self.of(constants + [first for first in code.co_consts[:1] if first != doc and first not in inner])
        yield self.of((code.co_names, code.co_varnames, code.co_freevars))
        for name in dict.fromkeys(
            i.argval for i in dis.get_instructions(code) if i.opname in ("LOAD_GLOBAL", "LOAD_NAME")
        ):
            yield from self._global(names.get(name), code.co_names)
        for part in inner:
            yield from self._code(part, names, part.co_consts[0] if part.co_consts else None)

    def _global(self, value, attributes: Collection[str]) -> Iterator[str]:
        """A global; of a module of ours, what the code's attribute names find in it, and in its modules."""
        yield self.of(value)
        if isinstance(value, ModuleType) and _is_ours(value.__name__):
            for used in (getattr(value, name) for name in attributes if hasattr(value, name)):
                if not isinstance(used, ModuleType):
                    yield self.of(used)
                elif used.__name__.startswith(f"{value.__name__}."):
                    yield from self._global(used, attributes)


def _is_full(cell) -> bool:
    try:
        return cell.cell_contents is not None
    except ValueError:  # a variable that is not bound yet
        return False


def _is_ours(module: str | None) -> bool:
    if module is None or module.partition(".")[0] in (PACKAGE, "__main__"):
        return module is not None
    path = getattr(sys.modules.get(module), "__file__", None)
    return path is not None and not INSTALLED & set(Path(path).parts)


def own_modules() -> list[ModuleType]:
    """A student's own files, which may have been changed since they were imported."""
    names = [name for name in sys.modules if name.partition(".")[0] not in (PACKAGE, "__main__", "__mp_main__")]
    return [sys.modules[name] for name in names if _is_ours(name)]
