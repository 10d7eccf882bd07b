"""The routers, one in each file."""
