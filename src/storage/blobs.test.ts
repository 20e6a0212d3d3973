import assert from "node:assert/strict";
import { existsSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Readable } from "node:stream";
import { after, test } from "node:test";
import { SeededRandom } from "../kernel/random.ts";
import { BLOB_DROPPED, dropBlob, FileBlobs, keepBlob } from "./blobs.ts";
import { MemoryEngine } from "./engines/memory.ts";
import { Store } from "./store.ts";

const folder = mkdtempSync(join(tmpdir(), "virga-blobs-"));
after(() => rmSync(folder, { recursive: true, force: true }));
const random = new SeededRandom(3);
const open = () => FileBlobs.open(folder, random, { durable: true });

test("a body is written, read whole and in part", async () => {
  const blobs = await open();
  const seen: number[] = [];
  const blob = await blobs.write(Readable.from([Buffer.from("hello "), Buffer.from("world")]), {
    onChunk: (chunk) => void seen.push(chunk.length),
  });
  assert.equal(blob.bytes, 11);
  assert.equal(
    seen.reduce((a, b) => a + b),
    11,
  );
  assert.equal((await blobs.readAll(blob)).toString(), "hello world");
  const part = await blobs.read(blob, { start: 6, end: 8 });
  assert.equal(Buffer.concat(await part.toArray()).toString(), "wor");
  await blobs.discard(blob);
  assert.equal(existsSync(blobs.path(blob)), false);
});

test("a body that is too long, or breaks off, leaves nothing", async () => {
  const blobs = await open();
  await assert.rejects(
    blobs.write(Buffer.alloc(10), { bytesMax: 9, tooLarge: () => new Error("too large") }),
    /too large/,
  );
  const broken = Readable.from(
    (async function* () {
      yield Buffer.from("some");
      throw new Error("gone");
    })(),
  );
  await assert.rejects(blobs.write(broken), /gone/);
  const store = new Store({ engine: new MemoryEngine(), soon: setImmediate });
  assert.equal(await (await open()).sweep(store), 0);
});

test("what no record keeps is swept at the next start; what is kept stays until its last reference goes", async () => {
  const blobs = await open();
  const dropped: string[] = [];
  const store = new Store({
    engine: new MemoryEngine(),
    soon: setImmediate,
    hook: (events) => {
      for (const { type, detail } of events) if (type === BLOB_DROPPED) dropped.push((detail as { id: string }).id);
      return { rows: [], committed: () => {} };
    },
  });
  const kept = await blobs.write(Buffer.from("kept"));
  const orphan = await blobs.write(Buffer.from("orphan"));
  await store.write((tx) => {
    keepBlob(tx, kept);
    keepBlob(tx, kept);
  });
  await assert.rejects(
    store.write((tx) => {
      keepBlob(tx, orphan);
      throw new Error("refused");
    }),
  );
  assert.equal(await (await open()).sweep(store), 1);
  assert.equal(existsSync(blobs.path(orphan)), false);
  await store.write((tx) => dropBlob(tx, kept));
  assert.deepEqual(dropped, []);
  await store.write((tx) => dropBlob(tx, kept));
  assert.deepEqual(dropped, [kept.id]);
  assert.equal((await blobs.readAll(kept)).toString(), "kept");
});
