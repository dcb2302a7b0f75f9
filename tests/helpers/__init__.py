"""What several tests share: numbers, pictures, rows, guards. Fixtures that cost something are in conftest.py."""
