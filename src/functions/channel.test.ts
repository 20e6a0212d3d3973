import assert from "node:assert/strict";
import { test } from "node:test";
import { encodeFrame, type FromWorker, frameReader } from "./channel.ts";

test("frames survive any cut of the stream", () => {
  const frames = [
    encodeFrame({ kind: "invoke", requestId: "1", invokedArn: "a", remainingMs: 1 }, Buffer.from("body")),
    encodeFrame({ kind: "invoke", requestId: "2", invokedArn: "a", remainingMs: 1 }),
    encodeFrame({ kind: "invoke", requestId: "3", invokedArn: "a", remainingMs: 1 }, Buffer.alloc(1000, "x")),
  ];
  const stream = Buffer.concat(frames);
  for (const size of [1, 2, 7, 8, 9, 100, stream.length]) {
    const seen: [string, number][] = [];
    const read = frameReader((header: FromWorker, body) =>
      seen.push([(header as { requestId: string }).requestId, body.length]),
    );
    for (let at = 0; at < stream.length; at += size) read(stream.subarray(at, at + size));
    assert.deepEqual(seen, [
      ["1", 4],
      ["2", 0],
      ["3", 1000],
    ]);
  }
});

test("what is no frame is refused, not waited for", () => {
  const read = frameReader(() => assert.fail("no frame"));
  assert.throws(() => read(Buffer.from("printed on the wrong descriptor\n")), /not a frame/);
});
