/** Schemas that are legal and odd: each message of them is encoded, decoded and made as protobuf-es does it. */

import { create, type DescFile, type DescMessage, fromBinary, type Message, toBinary } from "@bufbuild/protobuf";
import { nestedTypes } from "@bufbuild/protobuf/reflect";
import fc from "fast-check";
import { afterAll, describe, expect, it } from "vitest";
import { unlimited } from "../support/codec/adapter.ts";
import { arbitraryMessage } from "../support/codec/arbitrary.ts";
import { difference } from "../support/codec/difference.ts";
import { Generated } from "../support/codec/plugin.ts";

const files: Readonly<Record<string, string>> = {
  "names.proto": `syntax = "proto3";
    // Without a package, with the names of what code is made of.
    message Object { string value = 1; Uint8Array array = 2; }
    message Uint8Array { bytes bytes = 1; bigint bigint = 2; }
    message bigint { int64 number = 1; }
    message Map { map<string, Map> map = 1; map<int32, Set> set = 2; }
    message Set { repeated Map m = 1; oneof b { Map r = 2; bytes p = 3; } }
    message Reader { string end = 1; string outer = 2; string tag = 3; string message = 4; string init = 5; }
    message function { string function = 1; string class = 2; string default = 3; string new = 4; string await = 5; }
    message Fields {
      string constructor = 1; string to_string = 2; string has_own_property = 3; string value_of = 4;
      string type_name = 5; string _leading = 6; string trailing_ = 7; string a__b = 8; string x1y = 9; string UPPER = 10;
      optional string to_json = 11;
      oneof case { string case_ = 12; string prototype = 13; }
    }
    message Numbers { string last = 536870911; int32 first = 1; repeated sint64 before_reserved = 18999; double behind = 20000; }
    message Nothing {}
    enum Aliased { option allow_alias = true; ZERO = 0; NULL = 0; NEGATIVE = -1; MOST = 2147483647; LEAST = -2147483648; }
    message Enums { Aliased one = 1; repeated Aliased many = 2; map<string, Aliased> by = 3; optional Aliased maybe = 4; }`,
  "old.proto": `syntax = "proto2";
    package old.v1;
    message Group {
      required int32 id = 1;
      optional group Inner = 2 { required string name = 1; repeated group Deep = 2 { optional bool flag = 1 [default = true]; } }
      oneof choice { group Chosen = 5 { optional bytes data = 1 [default = "\\001\\377"]; } double other = 6 [default = -inf]; }
      extensions 100 to max;
    }
    enum Closed { FIRST = 3; SECOND = 5; }
    enum Zero { NONE = 0; SOME = 4; }
    message Defaults {
      optional Closed closed = 1; repeated Closed list = 2 [packed = true]; map<int32, Zero> map = 3;
      optional Closed other = 4 [default = SECOND]; optional uint64 most = 5 [default = 18446744073709551615];
      optional int64 text = 6 [jstype = JS_STRING, default = -9223372036854775808]; optional float nan = 7 [default = nan];
      optional string quoted = 8 [default = "\\"\\n\\\\é"];
      oneof kind { Closed picked = 9; }
    }
    message Set { option message_set_wire_format = true; extensions 4 to max; }
    message Holder { optional Set set = 1; }
    message Item { extend Set { optional Item item = 7; } optional int32 number = 1; }
    extend Group { optional string more = 100; }`,
  "new.proto": `edition = "2023";
    package new.v1;
    option features.field_presence = IMPLICIT;
    option features.message_encoding = DELIMITED;
    option features.repeated_field_encoding = EXPANDED;
    option features.utf8_validation = NONE;
    message Mixed {
      string lenient = 1; string strict = 2 [features.utf8_validation = VERIFY];
      int32 explicit = 3 [features.field_presence = EXPLICIT, default = 7]; Mixed delimited = 4;
      Mixed prefixed = 5 [features.message_encoding = LENGTH_PREFIXED];
      repeated int32 expanded = 6; repeated int32 packed = 7 [features.repeated_field_encoding = PACKED];
      Choice choice = 8 [features.field_presence = EXPLICIT];
      oneof one { Mixed member = 9; string text = 10; }
      map<string, Mixed> map = 11;
      int32 needed = 12 [features.field_presence = LEGACY_REQUIRED];
    }
    enum Choice { option features.enum_type = CLOSED; CHOICE_UNSPECIFIED = 0; CHOICE_A = 1; }`,
};

interface Case {
  readonly desc: DescMessage;
  readonly codec: Readonly<Record<string, (value: unknown, options?: unknown) => unknown>>;
}

const generations = ["straight", "compact"].map(
  (form) => [form, new Generated(files, form === "straight" ? [] : ["compact=all"])] as const,
);
afterAll(() => {
  for (const [, generated] of generations) generated.remove();
});

/** The messages of a generation. */
async function casesOf(generated: Generated): Promise<Case[]> {
  if (generated.failure !== undefined) throw new Error(generated.failure);
  const found: Case[] = [];
  for (const path of Object.keys(files)) {
    const name = path.replace(".proto", "");
    const types: Readonly<Record<string, unknown>> = await generated.load(`${name}_pb.ts`);
    const codec = (await generated.load(`${name}_codec.ts`)) as Case["codec"];
    const file = types[`file_${name}`] as DescFile;
    for (const desc of nestedTypes(file)) if (desc.kind === "message") found.push({ desc, codec });
  }
  return found;
}

describe.each(generations)("%s", async (_, generated) => {
  const cases = await casesOf(generated);

  it.each(cases.map((each) => [each.desc.typeName, each] as const))("%s", (typeName, { desc, codec }) => {
    const name = typeName.replace(/^(old|new)\.v1\./, "").replaceAll(".", "_");
    const [encode, decode, make] = [codec[`encode${name}`], codec[`decode${name}`], codec[`create${name}`]];
    if (encode === undefined || decode === undefined || make === undefined) throw new Error(`${typeName} has no codec`);
    expect(difference(make({}) as Message, create(desc))).toBeUndefined();
    fc.assert(
      fc.property(arbitraryMessage(desc), (message) => {
        const bytes = toBinary(desc, message);
        expect(Buffer.from(encode(message) as Uint8Array).toString("hex")).toBe(Buffer.from(bytes).toString("hex"));
        expect(difference(decode(bytes, unlimited) as Message, fromBinary(desc, bytes))).toBeUndefined();
      }),
      { numRuns: 60 },
    );
  });
});
