"""Ways of learning a representation."""

from ..core.callable_package import make_callable

make_callable(__name__)  # `regard.create(...)` is the verb
