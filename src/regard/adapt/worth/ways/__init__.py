"""The four ways to use a deep network on another domain, in one table."""
