from tests.providers.conftest import serve

__all__ = ["serve"]
