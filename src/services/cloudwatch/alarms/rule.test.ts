import assert from "node:assert/strict";
import { test } from "node:test";
import { alarmsOf, holds, parseRule, RuleError } from "./rule.ts";
import type { StateValue } from "./state.ts";

const STATE: Readonly<Record<string, StateValue>> = {
  a: "ALARM",
  b: "OK",
  c: "INSUFFICIENT_DATA",
  "two words": "ALARM",
};

for (const [text, expected] of [
  ["ALARM(a)", true],
  ['ALARM("a")', true],
  ["ALARM('two words') AND OK(b)", true],
  ["ALARM(b) OR INSUFFICIENT_DATA(c)", true],
  ["NOT ALARM(a)", false],
  ["NOT (ALARM(b) OR OK(a))", true],
  // AND before OR
  ["TRUE OR FALSE AND FALSE", true],
  ["(TRUE OR FALSE) AND FALSE", false],
  ["ALARM(arn:aws:cloudwatch:us-east-1:000000000000:alarm:a)", true],
  ["AT_LEAST(1, ALARM, (a, b, c))", true],
  ["AT_LEAST(2, ALARM, (a, b, c))", false],
  ["AT_LEAST(2, NOT ALARM, (a, b, c))", true],
  ["AT_LEAST(50%, OK, (a, b))", true],
  ["ALARM(unknown)", false],
] as const) {
  test(text, () =>
    assert.equal(
      holds(parseRule(text), (name) => STATE[name]),
      expected,
    ),
  );
}

for (const text of [
  "",
  "ALARM",
  "ALARM()",
  "ALARM(a",
  "ALARM(a) ALARM(b)",
  "AND ALARM(a)",
  "FINE(a)",
  "AT_LEAST(3, ALARM, (a))",
]) {
  test(`is no rule: ${text}`, () => assert.throws(() => parseRule(text), RuleError));
}

test("the alarms that a rule names, once each", () => {
  assert.deepEqual(alarmsOf(parseRule("ALARM(a) OR (OK(b) AND NOT ALARM(a)) OR AT_LEAST(1, OK, (c, b))")), [
    "a",
    "b",
    "c",
  ]);
});
