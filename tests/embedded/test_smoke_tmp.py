import time


def test_db():
    time.sleep(100)
