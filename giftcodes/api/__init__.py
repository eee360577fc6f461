"""The API for programs, under `/api/v1/`. It calls the services that the pages call.

`door.py` receives each request: it checks the token, the limits and the `Idempotency-Key`. The
rest of this package, except `problems.py`, is imported only by the first request that gets in or
asks for the description, because django-ninja and pydantic need much memory.
Nothing outside of this package may import more of it than `door.py`.
"""
