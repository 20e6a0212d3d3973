/**
 * A table's stream and the function behind it, while the machine loses power between commit and flush, after it, between reading and keeping the place,
 * and the function fails now and then. Whatever was acknowledged reaches the function, in order for each key, and nothing that never was.
 */
import assert from "node:assert/strict";
import { test } from "node:test";
import { SeededRandom } from "../../src/kernel/random.ts";
import { openTestPlatform, type TestPlatform } from "../../src/platform/testing.ts";
import { dynamodb } from "../../src/services/dynamodb/service.ts";
import { streams } from "../../src/services/dynamodb/streams/reading.ts";
import { createDynamodbstreams } from "../../src/services/dynamodbstreams/service.ts";
import { createLambda } from "../../src/services/lambda/service.ts";
import type { CheckpointRecord } from "../../src/services/lambda/state.ts";
import type { StreamEventRecord } from "../../src/services/lambda/stream-events.ts";
import { fakePorts, fakeSts } from "../../src/services/lambda/testing.ts";
import type { Service } from "../../src/services/service.ts";
import { encodeValue } from "../../src/storage/codec.ts";
import { MemoryEngine } from "../../src/storage/engines/memory.ts";
import type { Key } from "../../src/storage/keys.ts";
import { type Fault, SimulatedEngine } from "./engine.ts";

/** A fifth of the days that SQS lives through. */
const SEEDS = Math.ceil(Math.min(500, Number(process.env["VIRGA_SIMULATION_SEEDS"] ?? 100)) / 5);
const STEPS = 60;
const KEYS = 4;
const START_MS = Date.UTC(2026, 0, 1);
/** Retries are at most a minute apart. */
const REST_MS = 10 * 60_000;

/** @param forgetful plants a bug: the place that was kept is moved on by one record after each crash */
async function liveThrough(seed: number, forgetful = false): Promise<{ crashes: number; seen: number }> {
  const random = new SeededRandom(seed);
  const chance = (probability: number) => random.next() < probability;
  let faults = false;
  const nextFault = (): Fault => {
    const roll = faults ? random.next() : 1;
    return roll < 0.02 ? "before-flush" : roll < 0.04 ? "after-flush" : roll < 0.08 ? "slow" : "none";
  };
  let engine = new SimulatedEngine(new MemoryEngine(), nextFault);
  let life = 0;
  let nowMs = START_MS;
  let crashes = 0;
  let sequence = 0;
  const acknowledged = new Map<string, Set<number>>();
  const done = new Map<string, Set<number>>();
  const valuesOf = (of: Map<string, Set<number>>, key: string) => {
    let values = of.get(key);
    if (!values) of.set(key, (values = new Set()));
    return values;
  };

  const open = async (): Promise<TestPlatform> => {
    const mine = ++life;
    const ports = fakePorts();
    ports.handlers.set("worker", ({ Records }: { Records: StreamEventRecord[] }) => {
      // A machine that is gone runs nothing.
      if (mine !== life || engine.dead) return new Promise(() => {});
      const fails = faults && chance(0.2);
      const batch = new Map<string, Set<number>>();
      for (const { dynamodb: change } of Records) {
        const { NewImage } = change as unknown as { NewImage: { pk: { S: string }; n: { N: string } } };
        const key = NewImage.pk.S;
        const n = Number(NewImage.n.N);
        valuesOf(batch, key).add(n);
        for (const earlier of valuesOf(acknowledged, key))
          assert.ok(
            earlier >= n || valuesOf(done, key).has(earlier) || valuesOf(batch, key).has(earlier),
            `seed ${seed}: ${key}${n} came before ${key}${earlier}`,
          );
      }
      if (fails) throw new Error("not now");
      for (const [key, values] of batch) for (const n of values) valuesOf(done, key).add(n);
      return undefined;
    });
    return openTestPlatform({
      seed: seed * 1000 + life,
      nowMs,
      engine,
      services: [createLambda(ports), fakeSts, dynamodb, createDynamodbstreams(streams)] as unknown as Service[],
    });
  };

  let platform = await open();
  const { TableDescription } = await platform.call("dynamodb", "CreateTable", {
    TableName: "orders",
    AttributeDefinitions: [{ AttributeName: "pk", AttributeType: "S" }],
    KeySchema: [{ AttributeName: "pk", KeyType: "HASH" }],
    BillingMode: "PAY_PER_REQUEST",
    StreamSpecification: { StreamEnabled: true, StreamViewType: "NEW_IMAGE" },
  });
  await platform.call("lambda", "CreateFunction", {
    FunctionName: "worker",
    Role: "arn:aws:iam::000000000000:role/lambda",
    Runtime: "nodejs22.x",
    Handler: "index.handler",
    Code: { ZipFile: Buffer.from("zip") },
  });
  await platform.call("lambda", "CreateEventSourceMapping", {
    FunctionName: "worker",
    EventSourceArn: TableDescription!.LatestStreamArn!,
    StartingPosition: "TRIM_HORIZON",
    BatchSize: 1 + (seed % 4),
    ParallelizationFactor: 1 + (seed % 2),
    BisectBatchOnFunctionError: seed % 3 === 0,
  });
  await platform.settle();

  faults = true;
  for (let step = 0; step < STEPS; step++) {
    if (chance(0.6)) {
      const key = String.fromCharCode(97 + Math.floor(random.next() * KEYS));
      const n = ++sequence;
      const mine = life;
      void platform
        .call("dynamodb", "PutItem", { TableName: "orders", Item: { pk: { S: key }, n: { N: String(n) } } })
        .then(
          () => void (mine === life && valuesOf(acknowledged, key).add(n)),
          () => {},
        );
    }
    await turns(1 + Math.floor(random.next() * 12));
    if (!engine.dead && chance(0.4)) {
      nowMs += Math.floor(random.next() * 3000);
      platform.clock.advanceTo(nowMs);
      await turns(4);
    }
    if (chance(0.3)) engine.release();
    if (!engine.dead) continue;
    crashes++;
    faults = false;
    const survivor = engine.survivor();
    engine = new SimulatedEngine(survivor, nextFault);
    if (forgetful) await skipOne(engine);
    platform = await open();
    await turns(10);
    faults = true;
  }
  faults = false;
  engine.release();
  await platform.advance(REST_MS);
  await platform.settle();

  for (let key = 97; key < 97 + KEYS; key++) {
    const name = String.fromCharCode(key);
    for (const n of valuesOf(acknowledged, name))
      assert.ok(valuesOf(done, name).has(n), `seed ${seed}: ${name}${n} was acknowledged and never came`);
    const { Item } = await platform.call("dynamodb", "GetItem", { TableName: "orders", Key: { pk: { S: name } } });
    const last = Number(Item?.["n"]?.N ?? 0);
    for (const n of valuesOf(done, name))
      assert.ok(n <= last, `seed ${seed}: ${name}${n} came, and is on no disk: ${last} is the last`);
  }
  const seen = [...done.values()].reduce((sum, { size }) => sum + size, 0);
  await platform.close();
  return { crashes, seen };
}

const turns = async (count: number): Promise<void> => {
  for (let turn = 0; turn < count; turn++) await new Promise(setImmediate);
};

/** The bug: a place is kept before what lies there is done. */
async function skipOne(engine: SimulatedEngine): Promise<void> {
  const writes = new Map<Key, Uint8Array>();
  for (const [at, stored] of engine.range("" as Key, "\xff" as Key, {})) {
    if (!Array.isArray(stored)) continue;
    const [version, row] = stored as [number, Partial<CheckpointRecord> | undefined];
    if (row?.of !== undefined && row.consumer !== undefined && row.sequence !== undefined)
      writes.set(at, encodeValue([version, { ...row, sequence: row.sequence + 1 }]));
  }
  if (writes.size > 0) await engine.commit(writes);
}

test(`${SEEDS} lives of a stream: what was acknowledged comes, in order, and nothing else does`, async () => {
  let crashes = 0;
  let seen = 0;
  for (let seed = 1; seed <= SEEDS; seed++) {
    const outcome = await liveThrough(seed);
    crashes += outcome.crashes;
    seen += outcome.seen;
  }
  assert.ok(crashes >= SEEDS, `${crashes} crashes`);
  assert.ok(seen >= 10 * SEEDS, `${seen} records`);
});

test("a place that is kept too early is noticed", async () => {
  for (let seed = 1; seed <= 40; seed++)
    try {
      await liveThrough(seed, true);
    } catch (error) {
      assert.match((error as Error).message, /never came|came before/);
      return;
    }
  assert.fail("nobody noticed");
});
