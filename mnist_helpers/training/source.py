"""A hash of code: of functions and classes and all that they reach by name: an edit never shows an old result."""

from __future__ import annotations

import hashlib
import inspect
import sys
from collections.abc import Collection, Iterator
from functools import partial
from pathlib import Path
from types import CodeType, FunctionType, ModuleType

PACKAGE = __name__.partition(".")[0]
INSTALLED = {"site-packages", "dist-packages", Path(inspect.__file__).parent.name}


def digest(*roots: type | FunctionType, chosen: Collection[str] = ()) -> str:
    """16 hexadecimal digits of what the roots compile to, and every function, class and value of ours that they reach.

    Ours are this package, a notebook and a student's own modules; libraries count by name, their versions stand in the
    environment. Comments, docstrings, layout and what is not reached decide nothing. chosen: of a table such as
    models.ACTIVATIONS only these entries count, so that a further one changes nothing.
    """
    text = "\n".join(_Reach(chosen).of(root) for root in roots)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


class _Reach:
    def __init__(self, chosen: Collection[str]):
        self.chosen, self.seen = chosen, {}  # id -> what has been described, kept so that ids stay its own

    def of(self, value) -> str:
        """A value as text that is the same in every process."""
        if isinstance(value, str | bytes | int | float | complex | None | type(...)):
            return repr(value)
        if isinstance(value, CodeType | ModuleType):
            return value.co_name if isinstance(value, CodeType) else value.__name__
        if isinstance(value, dict):
            entries = {key: part for key, part in value.items() if key in self.chosen} or value
            return f"{{{', '.join(sorted(f'{self.of(key)}: {self.of(part)}' for key, part in entries.items()))}}}"
        if isinstance(value, tuple | list):
            return f"({', '.join(map(self.of, value))})"
        if isinstance(value, set | frozenset):
            return f"({', '.join(sorted(map(self.of, value)))})"
        if isinstance(value, partial):
            return f"partial{self.of((value.func, value.args, value.keywords))}"
        if isinstance(value, property | staticmethod | classmethod):
            return self.of(value.fget if isinstance(value, property) else value.__func__)
        value = inspect.unwrap(value) if callable(value) else value
        name = f"{getattr(value, '__module__', '')}.{getattr(value, '__qualname__', type(value).__qualname__)}"
        if id(value) in self.seen or not _is_ours(getattr(value, "__module__", None)):
            return name
        self.seen[id(value)] = value
        return f"{name}({'; '.join(self._parts(value))})"

    def _parts(self, value) -> Iterator[str]:
        if isinstance(value, FunctionType):
            yield self.of((value.__defaults__, value.__kwdefaults__))
            yield from (self.of(cell.cell_contents) for cell in value.__closure__ or ())
            yield from self._code(value.__code__, value.__globals__, value.__doc__)
            return
        if isinstance(value, type):
            yield self.of(value.__bases__)
        for name, part in sorted(vars(value).items() if hasattr(value, "__dict__") else ()):
            if not name.startswith("__") or isinstance(part, FunctionType):
                yield f"{name}={self.of(part)}"

    def _code(self, code: CodeType, names: dict, doc: str | None) -> Iterator[str]:
        yield code.co_code.hex()
        inner = [constant for constant in code.co_consts if isinstance(constant, CodeType)]
        yield self.of([constant for constant in code.co_consts if constant not in inner and constant != doc])
        yield self.of((code.co_names, code.co_varnames, code.co_freevars))
        for name in code.co_names:
            value = names.get(name)
            yield self.of(value)
            if isinstance(value, ModuleType) and _is_ours(value.__name__):
                used = [getattr(value, other) for other in code.co_names if hasattr(value, other)]
                yield from (self.of(part) for part in used if not isinstance(part, ModuleType))
        for part in inner:
            yield from self._code(part, names, None)


def _is_ours(module: str | None) -> bool:
    if module is None or module.partition(".")[0] in (PACKAGE, "__main__"):
        return module is not None
    path = getattr(sys.modules.get(module), "__file__", None)
    return path is not None and not INSTALLED & set(Path(path).parts)
