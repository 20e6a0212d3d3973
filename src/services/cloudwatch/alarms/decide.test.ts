/** The tables of https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/alarms-and-missing-data.html: 0 is within, X beyond, - missing. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { decide, type MissingData } from "./decide.ts";

const range = (text: string) => text.split(" ").map((mark) => (mark === "-" ? undefined : mark === "X"));
const KEEP = undefined;
const ORDER: readonly MissingData[] = ["missing", "ignore", "breaching", "notBreaching"];

const TABLES = [
  // 3 of 3
  ["0 - X - X", 3, 3, 0, ["OK", "OK", "OK", "OK"]],
  ["0 - - - -", 3, 3, 2, ["OK", "OK", "OK", "OK"]],
  ["- - - - -", 3, 3, 3, ["INSUFFICIENT_DATA", KEEP, "ALARM", "OK"]],
  ["0 X X - X", 3, 3, 0, ["ALARM", "ALARM", "ALARM", "ALARM"]],
  ["- - X - -", 3, 3, 2, ["ALARM", KEEP, "ALARM", "OK"]],
  // 2 of 3
  ["0 - X - X", 3, 2, 0, ["ALARM", "ALARM", "ALARM", "ALARM"]],
  ["0 0 X 0 X", 3, 2, 0, ["ALARM", "ALARM", "ALARM", "ALARM"]],
  ["0 - X - -", 3, 2, 1, ["OK", "OK", "ALARM", "OK"]],
  ["- - - - 0", 3, 2, 2, ["OK", "OK", "ALARM", "OK"]],
  ["- - - X -", 3, 2, 2, ["ALARM", KEEP, "ALARM", "OK"]],
] as const;

for (const [text, periods, toAlarm, missing, states] of TABLES) {
  test(`${toAlarm} of ${periods}: ${text}`, () => {
    for (const [index, treat] of ORDER.entries()) {
      const decision = decide(range(text), periods, toAlarm, treat);
      assert.equal(decision.state, states[index], treat);
      assert.equal(decision.missing, missing, treat);
    }
  });
}

test("one breaching datapoint that has just come is too young for an alarm of three", () => {
  assert.equal(decide(range("- - - - X"), 3, 3, "missing").state, "OK");
});

test("older datapoints than needed are not looked at", () => {
  assert.equal(decide(range("X X 0 0 0"), 3, 2, "missing").state, "OK");
  assert.deepEqual(decide(range("X X 0 0 0"), 3, 2, "missing").evaluated, [2, 3, 4]);
});
