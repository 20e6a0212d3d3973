/** Every listed service through boto3; the tours are the Python files in `boto3/`, and each of their tests is one here. */
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { join } from "node:path";
import { test } from "node:test";
import { promisify } from "node:util";
import { servePlatform } from "../../src/platform/serving.ts";

interface Line {
  readonly name: string;
  readonly error: string | null;
}

test("boto3", async (t) => {
  const platform = await servePlatform({ ephemeral: false });
  t.after(() => platform.close());
  const main = join(import.meta.dirname, "boto3", "main.py");
  const { stdout } = await promisify(execFile)("python3", ["-B", main, `http://127.0.0.1:${platform.port}`], {
    maxBuffer: 16 * 1024 * 1024,
    timeout: 300_000,
  });
  const lines = stdout
    .trim()
    .split("\n")
    .map((line): Line => JSON.parse(line));
  for (const { name, error } of lines) {
    await t.test(name, () => {
      if (error) throw new Error(error);
    });
  }
  assert.ok(lines.length > 0);
  await t.test("nothing went wrong inside", () => assert.deepEqual(platform.logged, []));
});
