"""A hash of code: of functions and classes and all that they reach by name: an edit never shows an old result."""

import dis
import hashlib
import inspect
import sys
from collections.abc import Collection, Iterable, Iterator
from pathlib import Path
from types import CodeType, FunctionType, ModuleType

import numpy as np
import torch

PACKAGE = __name__.partition(".")[0]
INSTALLED = {"site-packages", "dist-packages", Path(inspect.__file__).parent.name}
PLAIN = (str, bytes, int, float, complex, bool, type(None), type(...))
WRAPPED = ("__wrapped__", "fget", "fset", "fdel")


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
        self.chosen = chosen
        self.seen: dict = {}  # id -> (number of its first visit, the value, kept so that ids stay its own)

    def of(self, value) -> str:
        """A value as text that is the same in every process."""
        if type(value) in PLAIN:
            return repr(value)
        if isinstance(value, CodeType | ModuleType):
            return value.__name__ if isinstance(value, ModuleType) else value.co_name
        if id(value) in self.seen:
            return f"<{self.seen[id(value)][0]}>"
        self.seen[id(value)] = len(self.seen), value
        return f"{type(value).__name__}({'; '.join(self._parts(value))})"

    def _parts(self, value) -> Iterable[str]:
        if isinstance(value, set | frozenset):
            return sorted(map(self.of, value))
        if isinstance(value, tuple | list):
            return map(self.of, value)
        if isinstance(value, dict):
            entries = {key: part for key, part in value.items() if type(key) is str and key in self.chosen} or value
            return (f"{self.of(key)}: {self.of(part)}" for key, part in entries.items())
        if isinstance(value, torch.Tensor | np.ndarray):
            array = value.detach().cpu().numpy() if isinstance(value, torch.Tensor) else value
            return f"{array.dtype}{array.shape}", hashlib.sha256(array.tobytes()).hexdigest()
        return self._of_code(value) if isinstance(value, type | FunctionType) else self._of_object(value)

    def _of_code(self, value: type | FunctionType) -> Iterator[str]:
        yield f"{value.__module__}.{value.__name__}"
        if not _is_ours(value.__module__):
            return
        if isinstance(value, FunctionType):
            yield self.of((value.__defaults__, value.__kwdefaults__))
            yield from (self.of(cell.cell_contents) for cell in value.__closure__ or () if _is_full(cell))
            yield from self._code(value.__code__, value.__globals__, value.__doc__)
        else:
            yield self.of((type(value), value.__bases__))
            own = (
                key for key, part in vars(value).items() if key[:2] != "__" or callable(getattr(part, "__func__", part))
            )
            yield from (f"{key}={self.of(vars(value)[key])}" for key in sorted(own) if key[:8] != "__annota")

    def _of_object(self, value) -> Iterator[str]:
        """What it wraps, and what it would be pickled as."""
        yield self.of(type(value))
        yield from (self.of(getattr(value, key)) for key in WRAPPED if hasattr(value, key))
        try:
            yield self.of(value.__reduce_ex__(2))
        except Exception:  # such as a lock
            yield self.of({key: part for key, part in getattr(value, "__dict__", {}).items() if key[:2] != "__"})

    def _code(self, code: CodeType, names: dict, doc: str | None) -> Iterator[str]:
        inner = [constant for constant in code.co_consts if isinstance(constant, CodeType)]
        constants = [constant for constant in code.co_consts if constant not in inner and constant != doc]
        yield code.co_code.hex()
        yield self.of((constants, code.co_names, code.co_varnames, code.co_freevars))
        loaded = (i.argval for i in dis.get_instructions(code) if i.opname in ("LOAD_GLOBAL", "LOAD_NAME"))
        for name in dict.fromkeys(loaded):
            yield from self._global(names.get(name), code.co_names)
        for part in inner:
            first = next(iter(part.co_consts), None)
            has_doc = isinstance(first, str) and part.co_name[0] != "<"  # which a comprehension has not
            yield from self._code(part, names, first if has_doc else None)

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
    not_own = (PACKAGE, "__main__", "__mp_main__")
    return [sys.modules[name] for name in list(sys.modules) if name.partition(".")[0] not in not_own and _is_ours(name)]
