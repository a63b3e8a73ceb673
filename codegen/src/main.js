#!/usr/bin/env node
// @ts-check
/** The plugin as a program: reads a CodeGeneratorRequest from stdin, writes a CodeGeneratorResponse to stdout. */

import { runNodeJs } from "@bufbuild/protoplugin";
import { plugin } from "./plugin.js";

runNodeJs(plugin);
