"""WSGI entry of Barbican: its own one reads its paste file below /etc alone."""

import os

from paste import deploy

application = deploy.loadapp("config:" + os.path.expanduser("~/.barbican/barbican-api-paste.ini"))
