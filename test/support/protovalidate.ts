/** protovalidate, as the reference for what the annotations of a schema mean. */

import { execFileSync } from "node:child_process";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { createFileRegistry, type DescMessage, type FileRegistry, fromBinary, type Message } from "@bufbuild/protobuf";
import { FileDescriptorSetSchema } from "@bufbuild/protobuf/wkt";
import { createValidator } from "@bufbuild/protovalidate";

const root = fileURLToPath(new URL("../..", import.meta.url));

/** Where a rule is broken, and which; keys of maps are left out of the path. */
export interface Broken {
  readonly field: string;
  readonly rule: string;
}

/** A schema with its annotations, which generated descriptors leave out. */
export interface Annotated {
  readonly registry: FileRegistry;
  /** What protovalidate finds wrong, in its order. */
  violations(message: Message): Broken[];
}

/** The schema in a folder, as `buf` reads it. */
export function annotated(folder: string = root): Annotated {
  const buf = join(root, "node_modules/.bin/buf");
  const image = execFileSync(buf, ["build", "-o", "-"], { cwd: folder, maxBuffer: 2 ** 26 });
  const registry = createFileRegistry(fromBinary(FileDescriptorSetSchema, image));
  const validator = createValidator({ registry });
  return {
    registry,
    violations(message) {
      const result = validator.validate(registry.getMessage(message.$typeName) as DescMessage, message);
      if (result.kind === "error") throw result.error;
      return (result.kind === "invalid" ? result.violations : []).map(({ field, ruleId }) => {
        let path = "";
        for (const step of field) {
          if (step.kind === "field") path += `${path === "" ? "" : "."}${step.name}`;
          else if (step.kind === "oneof") path += step.name;
          else if (step.kind === "list_sub") path += `[${step.index}]`;
        }
        return { field: path, rule: ruleId };
      });
    },
  };
}
