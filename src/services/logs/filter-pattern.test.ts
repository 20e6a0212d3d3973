import assert from "node:assert/strict";
import { test } from "node:test";
import { parseFilterPattern } from "./filter-pattern.ts";

// The examples of AWS's documentation, and the corners around them.
// https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/FilterAndPatternSyntax.html (read 2026-11)

const lines = [
  "[ERROR 400] BAD REQUEST",
  "[ERROR 401] UNAUTHORIZED REQUEST",
  "[ERROR 419] MISSING ARGUMENTS",
  "[ERROR 420] INVALID ARGUMENTS",
  "[ERROR 500] INTERNAL SERVER ERROR",
  "[SUCCESS 200] AUTHORIZED REQUEST",
];
const numbers = (pattern: string) => {
  const matches = parseFilterPattern(pattern);
  return lines.filter(matches).map((line) => line.match(/\d+/)![0]);
};

const terms: readonly (readonly [string, readonly string[]])[] = [
  ["", ["400", "401", "419", "420", "500", "200"]],
  ['" "', ["400", "401", "419", "420", "500", "200"]],
  ["ERROR", ["400", "401", "419", "420", "500"]],
  ["error", []],
  ["ERROR ARGUMENTS", ["419", "420"]],
  ["?SUCCESS ?ARGUMENTS", ["419", "420", "200"]],
  ["?ERROR ?ARGUMENTS REQUEST", ["400", "401", "200"]],
  ['"INTERNAL SERVER ERROR"', ["500"]],
  ["ERROR -ARGUMENTS", ["400", "401", "500"]],
  ['-"INTERNAL SERVER" -REQUEST', ["419", "420"]],
  ["%AUTHORIZED%", ["401", "200"]],
  ["%4[0-1][0-9]%", ["400", "401", "419"]],
  ["%^.SUCC%", ["200"]],
];
for (const [pattern, expected] of terms) {
  test(`terms: ${pattern || "(empty)"}`, () => assert.deepEqual(numbers(pattern), expected));
}

const trail = {
  eventType: "UpdateTrail",
  sourceIPAddress: "111.111.111.111",
  arrayKey: ["value", "another value"],
  objectList: [
    { name: "a", id: 1 },
    { name: "b", id: 2 },
  ],
  SomeObject: null,
  "cluster.name": "c",
  flag: true,
  latency: 51.5,
  user: { id: 1, email: "John.Stiles@example.com" },
  coordinates: [
    [0, 1, 2],
    [4, 5, 6],
  ],
  number: [1000],
};

const json: readonly (readonly [string, boolean])[] = [
  ['{ $.eventType = "UpdateTrail" }', true],
  ["{$.eventType=UpdateTrail}", true],
  ["{ $.eventType = Update* }", true],
  ["{ $.eventType = *Trail }", true],
  ["{ $.eventType = *date*ai* }", true],
  ["{ $.eventType = Update }", false],
  ["{ $.sourceIPAddress != 123.123.* }", true],
  ["{ $.sourceIPAddress = 111.111.* }", true],
  ['{ $.arrayKey[0] = "value" }', true],
  ['{ $.arrayKey[1] = "value" }', false],
  ["{ $.arrayKey = value }", false],
  ["{ $.eventType = %Trail% }", true],
  ["{ $.eventType != %Trail% }", false],
  ["{ $.arrayKey[*] = %val.{2}% }", true],
  ["{ $.* = %111\\.111\\.111\\.1[0-9]{1,2}% }", true],
  ["{ $.['cluster.name'] = \"c\" }", true],
  ["{ $.SomeObject IS NULL }", true],
  ["{ $.eventType IS NULL }", false],
  ["{ $.flag IS TRUE }", true],
  ["{ $.flag IS FALSE }", false],
  ["{ $.SomeOtherObject NOT EXISTS }", true],
  ["{ $.SomeObject NOT EXISTS }", false],
  ["{ $.latency > 51 }", true],
  ["{ $.latency <= 51 }", false],
  ["{ $.number[0] = 1e+3 }", true],
  ["{ $.number[0] != 1e-3 }", true],
  ["{ $.latency != 51.5 }", false],
  ["{ $.missing != 1 }", false],
  ['{ ($.user.id = 1) && ($.user.email = "John.Stiles@example.com") }', true],
  ['{ $.user.email = "John.Stiles@example.com" || $.coordinates[0][1] = "nonmatch" && $.flag IS FALSE }', true],
  ['{ ($.user.email = "John.Stiles@example.com" || $.coordinates[0][1] = "nonmatch") && $.flag IS FALSE }', false],
  ["{ $.coordinates[1][2] = 6 }", true],
  ["{ $.objectList[*].name = b }", true],
];
for (const [pattern, expected] of json) {
  test(`JSON: ${pattern}`, () => assert.equal(parseFilterPattern(pattern)(JSON.stringify(trail)), expected));
}

test("JSON patterns match no other text", () => {
  const matches = parseFilterPattern("{ $.a NOT EXISTS }");
  assert.equal(matches("plain text"), false);
  assert.equal(matches("7"), false);
  assert.equal(matches("{}"), true);
});

const access = '127.0.0.1 Prod frank [10/Oct/2000:13:25:15 -0700] "GET /index.html HTTP/1.0" 404 1534';
const delimited: readonly (readonly [string, string, boolean])[] = [
  ["[ip=%127\\.0\\.0\\.[1-9]%, user, username, timestamp, request =*.html*, status_code = 4*, bytes]", access, true],
  ["[ip, user, username, timestamp, request =*.gif*, status_code = 4*, bytes]", access, false],
  ["[..., request =*.html*, status_code = 4*, bytes]", access, true],
  ["[..., status_code = 404 || status_code = 410, bytes]", access, true],
  ["[ip, user, username, timestamp, request, status_code, bytes > 1000]", access, true],
  ["[ip, user, username, timestamp, request, status_code, bytes > 2000]", access, false],
  ["[ip=127.0.0.1, ..., bytes]", access, true],
  ["[w1=ERROR, w2]", "ERROR 09/25/2014 12:00:02 Failed to process request", true],
  ["[w1=ERROR, w2]", "WARNING 09/25/2014 12:00:02 Invalid user request", false],
  ["[w1=ERROR || w1=WARNING, w2]", "WARNING 09/25/2014 12:00:02 Invalid user request", true],
  ["[w1!=ERROR && w1!=WARNING, w2]", "INFO 09/25/2014 12:00:00 GET /service/resource/67 1200", true],
  ["[w1!=ERROR && w1!=WARNING, w2]", "ERROR 09/25/2014 12:00:02 Failed", false],
  ["[a, b, c]", "one two", false],
];
for (const [pattern, message, expected] of delimited) {
  test(`space-delimited: ${pattern} on ${message.slice(0, 24)}`, () =>
    assert.equal(parseFilterPattern(pattern)(message), expected));
}

for (const pattern of [
  "{ $.a }",
  "{ a = 1 }",
  "{ $.a = 1",
  "{ $.a = 1 } x",
  "{ $.a IS NOT NULL }",
  "{ $.a EXISTS }",
  "{ $.*.b.* = 1 }",
  "{ $.a > text }",
  "[a, ..., b, ...]",
  "%(a)%",
  "%a%%b%%c%",
  '"open',
]) {
  test(`refused: ${pattern}`, () =>
    assert.throws(() => parseFilterPattern(pattern), {
      code: "InvalidParameterException",
      message: "Invalid filter pattern",
    }));
}
