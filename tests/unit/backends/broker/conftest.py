"""TqSDK opens the root logger and names its own kind of logger when it is imported, and every library's debug lines come with it:
numba alone writes thousands. What these tests import is imported here once, and the log put back as it was.
"""

import logging

_level, _kind = logging.root.level, logging.getLoggerClass()
import tqsdk  # noqa: E402, F401 - the level has to be read before

logging.root.setLevel(_level)
logging.setLoggerClass(_kind)
