import assert from "node:assert/strict";
import { test } from "node:test";
import { SeededRandom, SystemRandom } from "./random.ts";

test("a UUID is of version 4, lower case, and another each time", () => {
  for (const random of [new SeededRandom(7), new SystemRandom()]) {
    const ids = Array.from({ length: 5000 }, () => random.uuid());
    for (const id of ids) assert.match(id, /^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
    assert.equal(new Set(ids).size, ids.length);
  }
});

test("the same seed makes the same history, another seed another", () => {
  const drawn = (seed: number) => {
    const random = new SeededRandom(seed);
    return [random.uuid(), random.next(), random.integer(1000), random.bytes(4).toString("hex")];
  };
  assert.deepEqual(drawn(3), drawn(3));
  assert.notDeepEqual(drawn(3), drawn(4));
});
