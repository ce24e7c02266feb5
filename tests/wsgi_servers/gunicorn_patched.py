"""gunicorn's configuration for gevent with --preload: what was loaded before the patching keeps real locks."""

from gevent import monkey

monkey.patch_all()
