/** The SDK's own decoder reads what is encoded here. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { EventStreamCodec } from "@smithy/core/event-streams";
import { fromUtf8, toUtf8 } from "@smithy/core/serde";
import { eventStream } from "./event-stream.ts";
import { linkShapes, type Structure } from "./shapes.ts";

const model = linkShapes({
  service: "example",
  protocol: "restJson1",
  namespace: "com.example",
  operations: { Watch: { input: "unit", output: 0 } },
  errors: {},
  shapes: [
    { kind: "union", name: "Events", members: { Piece: [1], Done: [2] } },
    { kind: "structure", name: "Piece", members: { Bytes: ["blob", { eventPayload: true }] } },
    { kind: "structure", name: "Done", members: { Code: ["string"] } },
  ],
});

test("messages of an event stream, as the SDK reads them", async () => {
  async function* events() {
    yield { Piece: { Bytes: Buffer.from("é") } };
    yield { Piece: { Bytes: Buffer.alloc(0) } };
    yield { Done: { Code: "x" } };
  }
  const union = model.operations.get("Watch")!.output as Structure;
  const codec = new EventStreamCodec(toUtf8, fromUtf8);
  const seen: [string, string, string][] = [];
  for await (const message of eventStream(union, events(), (_, event) => ["application/json", JSON.stringify(event)])) {
    const { headers, body } = codec.decode(message as Uint8Array);
    assert.equal(headers[":message-type"]!.value, "event");
    const text = (name: string) => String(headers[name]!.value);
    seen.push([text(":event-type"), text(":content-type"), Buffer.from(body).toString()]);
  }
  assert.deepEqual(seen, [
    ["Piece", "application/octet-stream", "é"],
    ["Piece", "application/octet-stream", ""],
    ["Done", "application/json", '{"Code":"x"}'],
  ]);
});
