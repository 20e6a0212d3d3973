import assert from "node:assert/strict";
import { existsSync, readFileSync } from "node:fs";
import { test } from "node:test";
import { compat } from "./compat.ts";

test("COMPAT.md says what the operation tables say", () => {
  const path = new URL("../COMPAT.md", import.meta.url);
  assert.ok(existsSync(path), "write it: npm run compat");
  // Not compared by assert.equal: the difference of two long texts helps nobody.
  assert.ok(readFileSync(path, "utf8") === compat(), "COMPAT.md is out of date: npm run compat");
});
