from gevent import monkey

monkey.patch_all()

import sys  # noqa: E402  Whatever is imported from here on must see the patched modules.

from app.simulators.provider.server import main  # noqa: E402  As above.

sys.exit(main())
