"""Compiles the package's protobuf schemas into one descriptor set: ``make proto``. Needs grpcio-tools, which only developers have."""

import sys
import tempfile
from importlib.resources import files
from pathlib import Path

from google.protobuf.descriptor_pb2 import FileDescriptorSet
from grpc_tools import protoc

from tradepit.wire.proto_messages import COMPILED

SCHEMAS = Path(str(files("tradepit.wire.proto")))


def compile_schemas() -> FileDescriptorSet:
    """The schemas and what they import. Raises SystemExit where one of them is wrong; the compiler has said why."""
    schemas = sorted(str(path.relative_to(SCHEMAS)) for path in SCHEMAS.rglob("*.proto"))
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / COMPILED
        known = str(files("grpc_tools") / "_proto")
        words = ["protoc", f"-I{SCHEMAS}", f"-I{known}", "--include_imports", f"--descriptor_set_out={out}", *schemas]
        if protoc.main(words) != 0:
            sys.exit(1)
        return FileDescriptorSet.FromString(out.read_bytes())


if __name__ == "__main__":
    (SCHEMAS / COMPILED).write_bytes(compile_schemas().SerializeToString(deterministic=True))
