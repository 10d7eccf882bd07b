"""The routers, one a file."""
