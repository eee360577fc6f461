from tests.clients.conftest import serve

__all__ = ["serve"]
