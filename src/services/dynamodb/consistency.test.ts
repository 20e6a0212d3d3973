/** What must hold after any sequence of writes: indexes, counters and expiries say the same as the items; and nothing of it is lost by a restart. */
import assert from "node:assert/strict";
import { it } from "node:test";
import fc from "fast-check";
import { openTestPlatform } from "../../platform/testing.ts";
import { MemoryEngine } from "../../storage/engines/memory.ts";
import { type Dynamo, dynamoOn, keySchema, N, openDynamo, S, tableInput } from "./testing.ts";
import type { AttributeMap, AttributeValue } from "./values/attribute-value.ts";
import { itemSize } from "./values/size.ts";

const sorted = (items: readonly AttributeMap[]): string[] =>
  items.map((item) => JSON.stringify(Object.entries(item).sort(([a], [b]) => (a < b ? -1 : 1)))).sort();

/** Projections of the indexes of the table `range`, by hand. */
const INDEXES: Readonly<Record<string, { readonly keys: readonly string[]; readonly keeps?: readonly string[] }>> = {
  lsi: { keys: ["l"] },
  lsik: { keys: ["l"], keeps: ["pk", "sk", "l"] },
  gsi: { keys: ["g"] },
  gsir: { keys: ["g", "n"], keeps: ["pk", "sk", "g", "n", "inc"] },
};

async function auditTable(dynamo: Dynamo, expected: readonly AttributeMap[]): Promise<void> {
  const items = await dynamo.all("range");
  assert.deepEqual(sorted(items), sorted(expected));
  const { Table } = await dynamo.call("DescribeTable", { TableName: "range" });
  assert.deepEqual(
    [Table!.ItemCount, Table!.TableSizeBytes],
    [items.length, items.reduce((sum, item) => sum + itemSize(item), 0)],
  );
  for (const [name, { keys, keeps }] of Object.entries(INDEXES)) {
    const wanted = items
      .filter((item) => keys.every((key) => item[key]))
      .map((item) => (keeps ? Object.fromEntries(Object.entries(item).filter(([key]) => keeps.includes(key))) : item));
    const entries = await dynamo.all("range", name);
    assert.deepEqual(sorted(entries), sorted(wanted), name);
    const described = [...Table!.LocalSecondaryIndexes!, ...Table!.GlobalSecondaryIndexes!].find(
      (index) => index.IndexName === name,
    )!;
    assert.deepEqual(
      [described.ItemCount, described.IndexSizeBytes],
      [entries.length, entries.reduce((sum, item) => sum + itemSize(item), 0)],
      name,
    );
  }
}

const optional = (value: fc.Arbitrary<AttributeValue>) => fc.option(value, { nil: undefined });
const text = fc.constantFrom(S("a"), S("b"), S("ccc"));
const attributes = fc.record({
  l: optional(text),
  g: optional(text),
  n: optional(fc.constantFrom(N(1), N(-2))),
  inc: optional(text),
  misc: optional(text),
});
const command = fc.record({
  kind: fc.constantFrom("put", "update", "delete", "batch", "transact"),
  pk: fc.constantFrom("p", "q"),
  sk: fc.constantFrom("1", "2", "3"),
  attributes,
});

it("indexes and counters follow every write", async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(command, { minLength: 5, maxLength: 40 }), async (commands) => {
      const dynamo = await openDynamo();
      const model = new Map<string, AttributeMap>();
      for (const { kind, pk, sk, attributes: given } of commands) {
        const Key = { pk: S(pk), sk: S(sk) };
        const set = Object.fromEntries(
          Object.entries(given).filter(([, value]) => value !== undefined),
        ) as AttributeMap;
        const Item = { ...Key, ...set };
        const id = `${pk}/${sk}`;
        if (kind === "delete") {
          await dynamo.call("DeleteItem", { TableName: "range", Key });
          model.delete(id);
        } else if (kind === "update") {
          const names = Object.keys(given);
          const clause = (word: string, parts: string[]) => (parts.length > 0 ? `${word} ${parts.join(", ")} ` : "");
          const values = Object.fromEntries(Object.entries(set).map(([name, value]) => [`:${name}`, value]));
          await dynamo.call("UpdateItem", {
            TableName: "range",
            Key,
            UpdateExpression:
              clause(
                "SET",
                Object.keys(set).map((name) => `${name} = :${name}`),
              ) +
              clause(
                "REMOVE",
                names.filter((name) => !set[name]),
              ),
            ...(Object.keys(values).length > 0 && { ExpressionAttributeValues: values }),
          });
          const rest = Object.fromEntries(
            Object.entries(model.get(id) ?? {}).filter(([name]) => !names.includes(name)),
          );
          model.set(id, { ...rest, ...Item });
        } else {
          if (kind === "put") await dynamo.put("range", Item);
          if (kind === "batch")
            await dynamo.call("BatchWriteItem", { RequestItems: { range: [{ PutRequest: { Item } }] } });
          if (kind === "transact")
            await dynamo.call("TransactWriteItems", { TransactItems: [{ Put: { TableName: "range", Item } }] });
          model.set(id, Item);
        }
      }
      await auditTable(dynamo, [...model.values()]);
      await dynamo.platform.close();
    }),
    { numRuns: 15, seed: 11 },
  );
});

it("what was begun goes on after a restart: filling an index, expiring items, sweeping a table", async () => {
  const nowMs = Date.UTC(2026, 0, 1);
  const engine = new MemoryEngine();
  const first = dynamoOn(await openTestPlatform({ engine, nowMs }));
  await first.call("CreateTable", tableInput("kept", { pk: "S" }, ["pk"]));
  await first.call("CreateTable", tableInput("gone", { pk: "S" }, ["pk"]));
  for (let i = 0; i < 300; i++)
    await first.put("kept", { pk: S(`${i}`), g: S("g"), ttl: N(nowMs / 1000 + (i % 2 === 0 ? 100 : 10_000)) });
  await first.put("gone", { pk: S("a") });
  await first.call("UpdateTimeToLive", {
    TableName: "kept",
    TimeToLiveSpecification: { Enabled: true, AttributeName: "ttl" },
  });
  await first.call("UpdateTable", {
    TableName: "kept",
    AttributeDefinitions: [{ AttributeName: "g", AttributeType: "S" }],
    GlobalSecondaryIndexUpdates: [
      { Create: { IndexName: "gsi", KeySchema: keySchema(["g"]), Projection: { ProjectionType: "ALL" } } },
    ],
  });
  await first.call("DeleteTable", { TableName: "gone" });
  // As after a crash: the engine as it is at this moment, whatever was under way.
  const crashed = engine.snapshot();
  await first.platform.close();

  const second = dynamoOn(await openTestPlatform({ engine: crashed, nowMs: nowMs + 50_000 }));
  await second.platform.settle();
  assert.equal((await second.all("kept", "gsi")).length, 300);
  await second.platform.advance(60_000);
  assert.equal((await second.all("kept")).length, 150);
  assert.equal((await second.all("kept", "gsi")).length, 150);
  const { Table } = await second.call("DescribeTable", { TableName: "kept" });
  assert.deepEqual([Table!.ItemCount, Table!.GlobalSecondaryIndexes![0]!.ItemCount], [150, 150]);
  await second.refuses("DescribeTable", { TableName: "gone" }, /not found/, "ResourceNotFoundException");
  await second.platform.close();
});
