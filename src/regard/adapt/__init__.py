"""Another domain, with few labels or none."""

from ..core.callable_package import make_callable

make_callable(__name__)  # `regard.adapt(...)` is the verb
