import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { AwsError } from "../../kernel/errors.ts";
import { parseCidr } from "./conditions.ts";
import { compilePolicy } from "./document.ts";
import { compilePattern } from "./pattern.ts";

const NONE = () => undefined;

/** The obvious way, by backtracking. */
function matches(pattern: string, value: string): boolean {
  if (pattern === "") return value === "";
  if (pattern[0] === "*") return matches(pattern.slice(1), value) || (value !== "" && matches(pattern, value.slice(1)));
  return value !== "" && (pattern[0] === "?" || pattern[0] === value[0]) && matches(pattern.slice(1), value.slice(1));
}

test("patterns match what backtracking would", () => {
  const pattern = fc.string({ unit: fc.constantFrom("a", "b", "*", "?"), maxLength: 8 });
  const value = fc.string({ unit: fc.constantFrom("a", "b"), maxLength: 10 });
  fc.assert(
    fc.property(pattern, value, (pattern, value) => {
      const compiled = compilePattern(pattern, { wildcards: true, variables: false });
      assert.equal(compiled.matches(value, NONE), matches(pattern, value));
    }),
    { numRuns: 3000, seed: 1 },
  );
});

test("a variable matches its value and nothing else", () => {
  fc.assert(
    fc.property(fc.string(), fc.string(), (name, value) => {
      const compiled = compilePattern("home/${aws:username}/*", { wildcards: true, variables: true });
      assert.equal(
        compiled.matches(`home/${value}/x`, () => name),
        `home/${value}/x`.startsWith(`home/${name}/`),
      );
    }),
    { numRuns: 500, seed: 2 },
  );
});

test("any text is a policy or MalformedPolicyDocument", () => {
  const json = fc.oneof(
    fc.json(),
    fc.string(),
    fc
      .object({ key: fc.constantFrom("Version", "Statement", "Effect", "Action", "Condition", "Principal") })
      .map((value) => JSON.stringify(value)),
  );
  fc.assert(
    fc.property(json, (text) => {
      try {
        compilePolicy(text);
      } catch (error) {
        assert.ok(error instanceof AwsError && error.code === "MalformedPolicyDocument", String(error));
      }
    }),
    { numRuns: 1000, seed: 3 },
  );
});

test("address ranges", () => {
  const inside = (cidr: string, address: string) => parseCidr(cidr)?.(address);
  assert.equal(inside("10.0.0.0/8", "10.255.0.1"), true);
  assert.equal(inside("10.0.0.0/8", "11.0.0.1"), false);
  assert.equal(inside("10.0.0.0/8", "::ffff:10.0.0.1"), true);
  assert.equal(inside("2001:db8::/32", "2001:db8:1::1"), true);
  assert.equal(inside("0.0.0.0/0", "not an address"), false);
  assert.equal(inside("::1", "::1"), true);
  for (const broken of ["10.0.0.0/33", "10.0.0/8", "x", "10.0.0.0/", "::1/129"])
    assert.equal(parseCidr(broken), undefined);
});
