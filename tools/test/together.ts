/**
 * Several test files in one process: what they import is loaded once, which is most of a small file's time.
 *
 *     node tools/test/together.ts FILE…
 *
 * Every file is a suite of its own, named by its path, so that its hooks stay its own.
 */
import { describe } from "node:test";

for (const file of process.argv.slice(2))
  describe(file, async () => {
    await import(file);
  });
