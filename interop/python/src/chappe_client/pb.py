"""The generated messages under short names.

protoc writes one module for each .proto file, with enum values as plain integers at module level.
"""

from chappe.v1.chat_pb2 import *  # noqa: F403
from chappe.v1.error_pb2 import *  # noqa: F403
from chappe.v1.frame_pb2 import *  # noqa: F403
from chappe.v1.liveness_pb2 import *  # noqa: F403
from chappe.v1.presence_pb2 import *  # noqa: F403
from chappe.v1.room_pb2 import *  # noqa: F403
from chappe.v1.session_pb2 import *  # noqa: F403
from chappe.v1.signal_pb2 import *  # noqa: F403
from chappe.v1.typing_pb2 import *  # noqa: F403
