#!/usr/bin/env node
// @ts-check
/**
 * Writes docs/openapi.json from the table of routes.
 *
 *   node scripts/docs-openapi.js           brings it up to date
 *   node scripts/docs-openapi.js --check   changes nothing; exits 1 where it is stale, or no OpenAPI document
 */

import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { Validator } from "@seriousme/openapi-schema-validator";

const root = join(fileURLToPath(import.meta.url), "../..");
const path = join(root, "docs/openapi.json");
const { openApiDocument } = await import(join(root, "dist/src/node/index.js"));
const text = `${JSON.stringify(openApiDocument(), undefined, 2)}\n`;

const { valid, errors } = await new Validator().validate(JSON.parse(text));
if (!valid) {
  console.error(`it is no OpenAPI document: ${JSON.stringify(errors, undefined, 2)}`);
  process.exit(1);
}
if (!process.argv.includes("--check")) writeFileSync(path, text);
else if (!existsSync(path) || readFileSync(path, "utf8") !== text) {
  console.error("docs/openapi.json is stale: run npm run docs");
  process.exit(1);
}
