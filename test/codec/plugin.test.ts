/** The generator as a program: names that meet, and what it refuses. */

import { afterEach, describe, expect, it } from "vitest";
import { Generated } from "../support/codec/plugin.ts";

let made: Generated | undefined;

/** Generates from these files. */
function generate(files: Readonly<Record<string, string>>, option = ""): Generated {
  made = new Generated(files, option === "" ? [] : [option]);
  return made;
}

afterEach(() => {
  made?.remove();
  made = undefined;
});

/** A file that has annotations. */
function annotated(text: string): string {
  return `syntax = "proto3"; package p; import "buf/validate/validate.proto"; ${text}`;
}

describe("protoc-gen-es-codec", () => {
  it("keeps apart what has one name: in another package, in the well-known types, in the runtime, in the language", async () => {
    const generated = generate({
      "a/a.proto": `syntax = "proto3";
        package a;
        import "b/b.proto";
        import "google/protobuf/timestamp.proto";
        message Foo { b.Foo other = 1; google.protobuf.Timestamp at = 2; Timestamp own = 3; Reader r = 4; }
        message Timestamp { string x = 1; }
        message Reader {
          message Key { string class = 1; }
          int32 end = 1; string class = 2; bytes tag = 3; map<string, Foo> key = 4; Key own = 7;
          oneof value { string start = 5; Foo error = 6; }
        }
        message Text { string text = 1; }`,
      "b/b.proto": `syntax = "proto3"; package b; message Foo { string name = 1; }`,
    });
    expect(generated.failure).toBeUndefined();
    const { createFoo, encodeFoo, decodeFoo } = await generated.load("a/a_codec.ts");
    const foo = createFoo?.({
      other: { name: "b" },
      at: { seconds: 5n, nanos: 6 },
      own: { x: "own" },
      r: {
        end: -1,
        class: "c",
        tag: Uint8Array.of(1),
        key: { __proto__: null, k: { own: { x: "k" } } },
        value: { case: "start", value: "s" },
      },
    });
    expect(decodeFoo?.(encodeFoo?.(foo))).toStrictEqual(foo);
  });

  it.each([
    ["two messages whose functions would have one name", "message Foo {} message FooInto {}", "", "FooInto"],
    ["a nested message that is named as another one", "message A { message B {} } message A_B {}", "", "A_B"],
    ["an option that is none", "message Foo {}", "speed=high", "speed=high"],
  ])("refuses %s, and says where", (_name, text, option, where) => {
    const said = generate({ "p.proto": `syntax = "proto3"; package p; ${text}` }, option).failure;
    expect(said).toContain(where);
    if (option === "") expect(said).toContain("p.proto");
  });

  it.each([
    ["a constraint in CEL of a field", 'string name = 1 [(buf.validate.field).cel = {id: "x", expression: "true"}];', "cel"],
    ["a constraint in CEL of a message", 'option (buf.validate.message).cel = {id: "x", expression: "true"};', "cel"],
    ["a format that is no pattern", "string name = 1 [(buf.validate.field).string.hostname = true];", "string.hostname"],
    ["a pattern beyond one meaning", 'string name = 1 [(buf.validate.field).string.pattern = "\\\\bx"];', "string.pattern"],
    ["rules about well-known types", "google.protobuf.Duration name = 1 [(buf.validate.field).duration.gt = {}];", "duration"],
    ["bounds that nothing meets", "string name = 1 [(buf.validate.field).string = {min_len: 2 max_len: 1}];", "min_len"],
  ])("refuses %s, and names file, message, field and rule", (_name, text, rule) => {
    const source = annotated(`import "google/protobuf/duration.proto"; message Foo { ${text} }`);
    const said = generate({ "p.proto": source }, "checks=true").failure;
    expect(said).toContain("p.proto");
    expect(said).toMatch(text.includes("name = 1") ? /field p\.Foo\.name/ : /message p\.Foo/);
    expect(said).toContain(rule);
  });

  it("says what is missing where checks are asked for and nothing has rules", () => {
    expect(generate({ "p.proto": 'syntax = "proto3"; package p; message Foo {}' }, "checks=true").failure).toContain(
      "buf/validate/validate.proto",
    );
  });
});
