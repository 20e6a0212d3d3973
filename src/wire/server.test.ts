import assert from "node:assert/strict";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { test } from "node:test";
import { silentLog } from "../kernel/log.ts";
import { SeededRandom } from "../kernel/random.ts";
import { createWireServer } from "./server.ts";
import { openShapes } from "./shapes.ts";

test("an answer that HTTP cannot carry is a 500, and the server lives", async () => {
  let header = "a\r\nX-Injected: b";
  const server = createWireServer<string>({
    shapes: openShapes(join(import.meta.dirname, "../../generated/shapes")),
    authenticator: {
      required: false,
      find: () => undefined,
      stranger: () => "stranger",
      unsigned: () => "nobody",
    },
    dispatch: async () => ({}),
    front: () => async () => ({ status: 200, headers: { "x-from-a-backend": header }, body: "ok" }),
    nowMs: () => 0,
    random: new SeededRandom(1),
    log: silentLog,
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/`;
  try {
    const broken = await fetch(url);
    assert.deepEqual([broken.status, broken.headers.get("x-injected")], [500, null]);
    header = "fine";
    const fine = await fetch(url);
    assert.deepEqual([fine.status, await fine.text(), fine.headers.get("x-from-a-backend")], [200, "ok", "fine"]);
  } finally {
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  }
});
