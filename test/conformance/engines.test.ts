/** One suite over every storage engine. */
import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, describe, test } from "node:test";
import { VirtualClock } from "../../src/kernel/clock.ts";
import { SeededRandom } from "../../src/kernel/random.ts";
import { encodeValue } from "../../src/storage/codec.ts";
import type { Engine } from "../../src/storage/engine.ts";
import { LmdbEngine } from "../../src/storage/engines/lmdb.ts";
import { MemoryEngine } from "../../src/storage/engines/memory.ts";
import { RelaxedEngine } from "../../src/storage/engines/relaxed.ts";
import { KEY_BYTES_MAX, type Key, key } from "../../src/storage/keys.ts";

const folder = mkdtempSync(join(tmpdir(), "virga-engines-"));
after(() => rmSync(folder, { recursive: true, force: true }));

let files = 0;
const engines: Record<string, () => Engine> = {
  memory: () => new MemoryEngine(),
  lmdb: () => new LmdbEngine(join(folder, `${files++}.mdb`)),
  "relaxed over lmdb": () => new RelaxedEngine(new LmdbEngine(join(folder, `${files++}.mdb`)), new VirtualClock(0)),
};

const value = (text: string) => encodeValue(text);
const keysOf = (engine: Engine, start: Key, end: Key, reverse = false) =>
  [...engine.range(start, end, { reverse })].map(([k]) => k);

for (const [name, create] of Object.entries(engines)) {
  describe(name, () => {
    test("reads what was committed, and nothing deleted", async () => {
      const engine = create();
      await engine.commit(
        new Map([
          [key("a"), value("1")],
          [key("b"), value("2")],
        ]),
      );
      assert.deepEqual(engine.get(key("a")), "1");
      await engine.commit(new Map([[key("a"), null]]));
      assert.equal(engine.get(key("a")), undefined);
      assert.equal(engine.get(key("b")), "2");
      await engine.close();
    });

    test("ranges are half open, in both directions", async () => {
      const engine = create();
      const keys = [1, 2, 3, 4, 5].map((n) => key("k", n));
      await engine.commit(new Map(keys.map((k) => [k, value("v")])));
      assert.deepEqual(keysOf(engine, keys[1]!, keys[3]!), [keys[1], keys[2]]);
      assert.deepEqual(keysOf(engine, keys[1]!, keys[3]!, true), [keys[2], keys[1]]);
      assert.deepEqual(keysOf(engine, key("a"), key("z")), keys);
      assert.deepEqual(keysOf(engine, key("a"), key("z"), true), [...keys].reverse());
      assert.deepEqual(keysOf(engine, key("k", 2.5), key("k", 3.5)), [keys[2]]);
      assert.deepEqual(keysOf(engine, key("k", 2.5), key("k", 3.5), true), [keys[2]]);
      assert.deepEqual(keysOf(engine, key("x"), key("z")), []);
      assert.deepEqual(keysOf(engine, key("x"), key("z"), true), []);
      await engine.close();
    });

    test("keys may hold any byte, up to their greatest length", async () => {
      const engine = create();
      const head = [Buffer.from([0, 255, 1, 254, 0]), "\u0000é𝒳", -0.5];
      const odd = key(...head, "a".repeat(KEY_BYTES_MAX - key(...head, "").length));
      assert.equal(odd.length, KEY_BYTES_MAX);
      await engine.commit(new Map([[odd, value("x")]]));
      assert.deepEqual(keysOf(engine, key(Buffer.alloc(0)), key("z")), [odd]);
      await engine.close();
    });

    test("agrees with a plain map through random history", async () => {
      const engine = create();
      const random = new SeededRandom(7);
      const model = new Map<Key, string>();
      for (let round = 0; round < 60; round++) {
        const writes = new Map<Key, Uint8Array | null>();
        for (let n = 0; n < 20; n++) {
          const k = key("r", random.integer(300));
          const value = random.next() < 0.3 ? null : String(random.integer(1e9));
          writes.set(k, value === null ? null : encodeValue(value));
          if (value === null) model.delete(k);
          else model.set(k, value);
        }
        await engine.commit(writes);
        const [start, end] = [key("r", random.integer(300)), key("r", random.integer(300))];
        const expected = [...model.keys()].filter((k) => k >= start && k < end).sort();
        assert.deepEqual(keysOf(engine, start, end), expected);
        assert.deepEqual(keysOf(engine, start, end, true), expected.reverse());
      }
      for (const [k, v] of model) assert.equal(engine.get(k), v);
      await engine.close();
    });
  });
}

test("lmdb has everything back after it was closed", async () => {
  const path = join(folder, "again.mdb");
  const first = new LmdbEngine(path);
  await first.commit(new Map([[key("a", 1), value("kept")]]));
  await first.close();
  const second = new LmdbEngine(path);
  assert.equal(second.get(key("a", 1)), "kept");
  await second.close();
});

test("relaxed keeps back a tenth of a second, and everything once it is closed", async () => {
  const clock = new VirtualClock(0);
  const below = new MemoryEngine();
  const engine = new RelaxedEngine(below, clock);
  await engine.commit(new Map([[key("a"), value("1")]]));
  assert.equal(engine.get(key("a")), "1");
  assert.equal(below.get(key("a")), undefined);
  clock.advance(100);
  assert.equal(below.get(key("a")), "1");
  await engine.commit(new Map([[key("a"), null]]));
  assert.equal(engine.get(key("a")), undefined);
  assert.equal(below.get(key("a")), "1");
  await engine.close();
  assert.equal(below.get(key("a")), undefined);
});

test("relaxed accepts nothing more once the disk has refused", async () => {
  const clock = new VirtualClock(0);
  const below = new MemoryEngine();
  below.commit = () => {
    throw new Error("the disk is full");
  };
  const engine = new RelaxedEngine(below, clock);
  await engine.commit(new Map([[key("a"), value("1")]]));
  clock.advance(100);
  await assert.rejects(engine.commit(new Map([[key("b"), value("1")]])), /disk is full/);
});
