"""Patches gevent before anything else is imported, as the service's entry points do."""

from gevent import monkey

monkey.patch_all()
