/** Time to live: the settings, and items that really expire. Texts as AWS answers, from catalogues of live answers. */
import assert from "node:assert/strict";
import { afterEach, beforeEach, describe, it } from "node:test";
import { type Dynamo, N, openDynamo, S } from "../testing.ts";
import type { AttributeMap } from "../values/attribute-value.ts";

const START_MS = Date.UTC(2026, 0, 1);
const START = START_MS / 1000;
let dynamo: Dynamo;
beforeEach(async () => {
  dynamo = await openDynamo({ nowMs: START_MS });
});
afterEach(() => dynamo.platform.close());

const set = (Enabled: boolean, AttributeName: string, TableName = "range") => ({
  TableName,
  TimeToLiveSpecification: { Enabled, AttributeName },
});
const enable = () => dynamo.call("UpdateTimeToLive", set(true, "expires"));
const item = (sk: string, seconds: number | string, more: object = {}): AttributeMap => ({
  pk: S("p"),
  sk: S(sk),
  expires: N(seconds),
  ...more,
});
const left = async () => (await dynamo.all("range")).map(({ sk }) => sk!.S).join("");

describe("the settings", () => {
  it("are refused when they say nothing, or what is so already", async () => {
    const path = "timeToLiveSpecification";
    const cases: [object, string][] = [
      [
        { TableName: "range" },
        `1 validation error detected: Value null at '${path}' failed to satisfy constraint: Member must not be null`,
      ],
      [
        { TableName: "range", TimeToLiveSpecification: {} },
        `2 validation errors detected: Value null at '${path}.enabled' failed to satisfy constraint: Member must not be null; Value null at '${path}.attributeName' failed to satisfy constraint: Member must not be null`,
      ],
      [
        set(true, ""),
        `1 validation error detected: Value '' at '${path}.attributeName' failed to satisfy constraint: Member must have length greater than or equal to 1`,
      ],
      [set(false, "expires"), "TimeToLive is already disabled"],
    ];
    for (const [input, message] of cases) await dynamo.refuses("UpdateTimeToLive", input, message);
    await enable();
    await dynamo.refuses("UpdateTimeToLive", set(true, "expires"), "TimeToLive is already enabled");
    await dynamo.refuses(
      "UpdateTimeToLive",
      set(true, "x"),
      "TimeToLive is active on a different AttributeName: current AttributeName is expires",
    );
    await dynamo.refuses(
      "UpdateTimeToLive",
      set(false, "x"),
      "TimeToLive is active on a different AttributeName: current AttributeName is expires",
    );
    await dynamo.refuses(
      "UpdateTimeToLive",
      set(true, "x", "gone"),
      "Requested resource not found: Table: gone not found",
      "ResourceNotFoundException",
    );
    await dynamo.refuses(
      "DescribeTimeToLive",
      { TableName: "gone" },
      "Requested resource not found: Table: gone not found",
      "ResourceNotFoundException",
    );
  });
  it("are described", async () => {
    const described = async () =>
      (await dynamo.call("DescribeTimeToLive", { TableName: "range" })).TimeToLiveDescription;
    assert.deepEqual(await described(), { TimeToLiveStatus: "DISABLED" });
    assert.deepEqual(await enable(), { TimeToLiveSpecification: { Enabled: true, AttributeName: "expires" } });
    assert.deepEqual(await described(), { TimeToLiveStatus: "ENABLED", AttributeName: "expires" });
    await dynamo.call("UpdateTimeToLive", set(false, "expires"));
    assert.deepEqual(await described(), { TimeToLiveStatus: "DISABLED" });
  });
});

describe("items", () => {
  it("expire at their times, from indexes and counters too", async () => {
    await enable();
    await dynamo.put(
      "range",
      item("b", START + 20, { g: S("g") }),
      item("a", START + 10, { g: S("g") }),
      item("c", START + 30),
      { pk: S("p"), sk: S("z") },
    );
    await dynamo.platform.advance(9_999);
    assert.equal(await left(), "abcz");
    await dynamo.platform.advance(1);
    assert.equal(await left(), "bcz");
    await dynamo.platform.advance(15_000);
    assert.equal(await left(), "cz");
    assert.deepEqual(await dynamo.all("range", "gsi"), []);
    await dynamo.platform.advance(60_000);
    assert.equal(await left(), "z");
    assert.equal((await dynamo.call("DescribeTable", { TableName: "range" })).Table!.ItemCount, 1);
  });
  it("live as long as their last word says", async () => {
    await enable();
    await dynamo.put("range", item("a", START + 10), item("b", START + 10), item("c", START + 100));
    const update = (sk: string, UpdateExpression: string, value?: object) =>
      dynamo.call("UpdateItem", {
        TableName: "range",
        Key: { pk: S("p"), sk: S(sk) },
        UpdateExpression,
        ...(value && { ExpressionAttributeValues: { ":v": value } }),
      });
    await update("a", "SET expires = :v", N(START + 50));
    await update("b", "REMOVE expires");
    await update("c", "SET expires = :v", N(START + 5));
    await dynamo.platform.advance(20_000);
    assert.equal(await left(), "ab");
    await dynamo.platform.advance(30_000);
    assert.equal(await left(), "b");
  });
  it("that were there when it was enabled expire as well", async () => {
    await dynamo.put(
      "range",
      ...Array.from({ length: 450 }, (_, i) => item(`${i}`.padStart(3, "0"), START + (i % 2 === 0 ? 60 : 7200))),
    );
    await enable();
    await dynamo.platform.advance(60_000);
    assert.equal((await dynamo.all("range")).length, 225);
  });
  it("stay when it was disabled, and expire late when it is enabled again", async () => {
    await enable();
    await dynamo.put("range", item("a", START + 10), item("b", START + 1000));
    await dynamo.call("UpdateTimeToLive", set(false, "expires"));
    await dynamo.platform.advance(60_000);
    assert.equal(await left(), "ab");
    await enable();
    await dynamo.platform.settle();
    assert.equal(await left(), "b");
  });
  const kept: [string, AttributeMap][] = [
    ["text", { pk: S("p"), sk: S("a"), expires: S(String(START + 10)) }],
    ["a time more than five years back", item("a", START - 5 * 365 * 86400 - 10)],
    ["milliseconds", item("a", START_MS)],
    ["a number of another world", item("a", "1e125")],
  ];
  for (const [name, kind] of kept) {
    it(`stay when their time is ${name}`, async () => {
      await enable();
      await dynamo.put("range", kind);
      await dynamo.platform.advance(3600_000);
      assert.equal(await left(), "a");
    });
  }
  it("whose time is past go at once", async () => {
    await enable();
    await dynamo.put("range", item("a", START - 10), item("b", `${START - 1}.5`));
    await dynamo.platform.settle();
    assert.equal(await left(), "");
  });
  it("of a deleted table do not touch a new one of its name", async () => {
    await enable();
    await dynamo.put("range", item("a", START + 10));
    const { Table } = await dynamo.call("DescribeTable", { TableName: "range" });
    await dynamo.call("DeleteTable", { TableName: "range" });
    await dynamo.call("CreateTable", {
      TableName: "range",
      KeySchema: Table!.KeySchema,
      AttributeDefinitions: Table!.AttributeDefinitions!.slice(0, 2),
      BillingMode: "PAY_PER_REQUEST",
    });
    await dynamo.put("range", item("a", START + 10));
    await dynamo.platform.advance(60_000);
    assert.equal(await left(), "a");
  });
});
