"""The API for programs, under `/api/v1/`. It calls the services that the pages call.

`door.py` receives each request: it checks the token, the limits and the `Idempotency-Key`. Only
then is the rest of this package imported, because django-ninja and pydantic need much memory.
Nothing outside of this package may import more of it than `door.py`.
"""
