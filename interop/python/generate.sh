#!/bin/sh
# Writes the Python code of the schema into gen/. Needs the repository's node_modules (protoc comes from there).
set -eu
here=$(cd "$(dirname "$0")" && pwd)
root=$(cd "$here/../.." && pwd)
rm -rf "$here/gen"
mkdir -p "$here/gen"
# The constraints stay in the descriptors, where chappe_client/constraints.py reads them: hence buf/validate too.
"$root/node_modules/.bin/protoc" \
  --proto_path="$root/proto" --proto_path="$root/vendor/protovalidate" \
  --python_out="$here/gen" --pyi_out="$here/gen" \
  $(cd "$root/proto" && ls chappe/v1/*.proto) buf/validate/validate.proto
