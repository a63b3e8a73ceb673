/** A page with one script, bundled from its source, on a port of this machine: what code does in a real browser. */

import { once } from "node:events";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";

const root = fileURLToPath(new URL("../..", import.meta.url));

export interface PageServer {
  readonly url: string;
  close(): void;
}

/** @param code - a module; paths are from the root of the package. @param headers - of the page. */
export async function servePage(code: string, headers: Readonly<Record<string, string>> = {}): Promise<PageServer> {
  const { outputFiles } = await build({
    stdin: { contents: code, resolveDir: root, loader: "ts" },
    bundle: true,
    write: false,
    format: "esm",
    platform: "browser",
    target: "es2022",
    alias: { "chappe/codec": `${root}/src/codec/index.ts` },
    logLevel: "error",
  });
  const script = outputFiles[0]?.text ?? "";
  const server: Server = createServer(({ url }, response) => {
    const isScript = url === "/page.js";
    response.writeHead(200, { "Content-Type": isScript ? "text/javascript" : "text/html; charset=utf-8", ...headers });
    response.end(isScript ? script : '<!doctype html><title>page</title><script type="module" src="/page.js"></script>');
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${port}/`,
    close: () => {
      server.close();
      server.closeAllConnections();
    },
  };
}
