import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { JsonPathError, parseJsonPath, readJsonPath } from "./json-path.ts";
import { policyAllows, wildcard } from "./policy.ts";
import { createThrottle } from "./throttle.ts";

const DOCUMENT = {
  a: { b: [1, 2, { c: "x" }], "odd name": true, n: null },
  list: [{ id: 1 }, { id: 2 }, { other: 3 }],
};

for (const [path, expected] of [
  ["$", DOCUMENT],
  ["$.a.b[0]", 1],
  ["$.a.b[-1].c", "x"],
  ["$['a']['odd name']", true],
  ["$.a.n", null],
  ["$.a.missing", undefined],
  ["$.a.b.c", undefined],
  ["$.list[*].id", [1, 2]],
  ["$.list[0:2].id", [1, 2]],
  ["$.list[0,2]", [{ id: 1 }, { other: 3 }]],
  ["$..id", [1, 2]],
  ["$.a['b','n']", [[1, 2, { c: "x" }], null]],
  ["a.b[1]", 2],
] as const) {
  test(`JSON path ${path}`, () => assert.deepEqual(readJsonPath(DOCUMENT, parseJsonPath(path)), expected));
}

test("paths that are not supported are refused", () => {
  for (const path of ["$.a[?(@.b)]", "$.a[", "$.a..", "$a", "$.a[(1)]"]) {
    assert.throws(() => parseJsonPath(path), JsonPathError, path);
  }
});

test("paths reach own members only", () => {
  for (const path of ["$.constructor", "$.__proto__", "$.a.toString", "$.list.length"]) {
    assert.equal(readJsonPath(DOCUMENT, parseJsonPath(path)), undefined, path);
  }
});

test("wildcards match as the regular expression that they stand for", () => {
  const text = fc.string({ unit: fc.constantFrom("a", "b", "/", "*", "?") });
  fc.assert(
    fc.property(
      text,
      text.map((one) => one.replaceAll(/[*?]/g, "a")),
      (pattern, candidate) => {
        const expression = new RegExp(`^${pattern.replaceAll("*", ".*").replaceAll("?", ".")}$`);
        assert.equal(wildcard(pattern, candidate), expression.test(candidate));
      },
    ),
  );
});

test("an authorizer's policy: a deny wins, silence denies, nonsense is told apart", () => {
  const arn = "arn:aws:execute-api:us-east-1:1:api/prod/GET/x";
  const statement = (Effect: string, Resource: unknown, Action: unknown = "execute-api:Invoke") => ({
    Effect,
    Action,
    Resource,
  });
  const read = (...Statement: object[]) => policyAllows({ Version: "2012-10-17", Statement }, arn);
  assert.equal(read(statement("Allow", "*")), true);
  assert.equal(read(statement("Allow", ["nothing", "arn:aws:execute-api:*/prod/GET/?"])), true);
  assert.equal(read(statement("Allow", "*"), statement("Deny", "*/GET/x")), false);
  assert.equal(read(statement("Allow", "*/POST/*")), false);
  assert.equal(read(statement("Allow", "*", "s3:*")), false);
  assert.equal(read(), false);
  assert.equal(policyAllows("text", arn), undefined);
  assert.equal(read(statement("Permit", "*")), undefined);
  assert.equal(read(statement("Allow", 7)), undefined);
});

test("a throttle never lets more pass than burst and rate allow", () => {
  fc.assert(
    fc.property(
      fc.integer({ min: 0, max: 20 }),
      fc.integer({ min: 0, max: 20 }),
      fc.array(fc.integer({ min: 0, max: 500 }), { maxLength: 200 }),
      (rate, burst, gaps) => {
        const throttle = createThrottle(rate, burst)!;
        let nowMs = 0;
        let passed = 0;
        for (const gap of gaps) {
          nowMs += gap;
          if (throttle.take(nowMs)) passed++;
          assert.ok(passed <= burst + (rate * nowMs) / 1000 + 1e-6);
        }
      },
    ),
  );
});

test("limits that are not given do not limit", () => {
  assert.equal(createThrottle(undefined, undefined), undefined);
  const rateOnly = createThrottle(2, undefined)!;
  assert.deepEqual(
    [rateOnly.take(0), rateOnly.take(0), rateOnly.take(0), rateOnly.take(500)],
    [true, true, false, true],
  );
});
