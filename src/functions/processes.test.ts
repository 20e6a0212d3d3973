import assert from "node:assert/strict";
import { test } from "node:test";
import { ownerIn } from "./processes.ts";

const line = (client: string, server: string, state: string, uid: number, inode: number) =>
  `   0: ${client} ${server} ${state} 00000000:00000000 00:00000000 00000000 ${uid}        0 ${inode} 1 0000000000000000`;

test("a connection's owner is found by both its ends: others use the same port of a client, or have just given it up", () => {
  const table = [
    "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode",
    line("0100007F:9C40", "0100007F:11D6", "06", 0, 0),
    line("0100007F:9C40", "0100007F:8AE1", "01", 200_007, 4711),
    line("0100007F:8AE1", "0100007F:9C40", "01", 0, 4712),
  ].join("\n");
  assert.deepEqual(ownerIn(table, { clientPort: 0x9c40, serverPort: 0x8ae1 }), { uid: 200_007, inode: "4711" });
  assert.equal(ownerIn(table, { clientPort: 0x9c40, serverPort: 0x8ae2 }), undefined);
});
