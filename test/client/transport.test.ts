import { describe, expect, it } from "vitest";
import { type WebSocketLike, webSocketConnect } from "../../src/client/transport.ts";

describe("webSocketConnect", () => {
  class FakeSocket implements WebSocketLike {
    static last: FakeSocket | undefined;
    binaryType = "";
    protocol = "chappe.v1";
    onopen: WebSocketLike["onopen"] = null;
    onmessage: WebSocketLike["onmessage"] = null;
    onclose: WebSocketLike["onclose"] = null;
    onerror: WebSocketLike["onerror"] = null;
    readonly did: string[] = [];
    constructor() {
      FakeSocket.last = this;
    }
    send(data: Uint8Array | string): void {
      this.did.push(`send ${data.length}`);
    }
    close(code?: number): void {
      this.did.push(`close ${code}`);
    }
    fire(name: "onopen" | "onmessage" | "onclose", event: object): void {
      (this[name] as ((event: object) => void) | null)?.(event);
    }
  }

  it("passes messages of either kind, tells one end, and nothing after its own close", () => {
    const told: string[] = [];
    const transport = webSocketConnect(FakeSocket)("ws://x/", ["chappe.v1"], {
      open: (subprotocol) => told.push(subprotocol),
      message: (data) => told.push(typeof data === "string" ? data : `bytes ${data.length}`),
      close: (code) => told.push(`close ${code}`),
    });
    const socket = FakeSocket.last;
    socket?.fire("onopen", {});
    socket?.fire("onmessage", { data: new ArrayBuffer(3) });
    socket?.fire("onmessage", { data: "text" });
    transport.send(new Uint8Array(2));
    transport.close(1000, "");
    socket?.fire("onclose", { code: 1000 });
    transport.send(new Uint8Array(2));
    expect(told).toEqual(["chappe.v1", "bytes 3", "text"]);
    expect(socket?.did).toEqual(["send 2", "close 1000"]);
    expect(socket?.binaryType).toBe("arraybuffer");
  });
});
