import assert from "node:assert/strict";
import { chmodSync, linkSync, mkdtempSync, renameSync, rmSync, utimesSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { setTimeout as wait } from "node:timers/promises";
import { createFolders } from "./folders.ts";

const folder = mkdtempSync(join(tmpdir(), "virga-folders-"));
const elsewhere = mkdtempSync(join(tmpdir(), "virga-folders-"));
const folders = createFolders(() => true);
after(() => {
  folders.close();
  for (const path of [folder, elsewhere]) rmSync(path, { recursive: true, force: true });
});

/** The system reports changes a moment later. */
async function revisionAfter(change: () => void): Promise<string> {
  change();
  await wait(200);
  return folders.revision(folder);
}

test("a revision changes with the content, and with nothing else", async () => {
  const file = join(folder, "index.mjs");
  writeFileSync(file, "one");
  const past = new Date(Date.now() - 60_000);
  utimesSync(file, past, past);
  await wait(50);
  const first = folders.revision(folder);
  await wait(200);

  assert.equal(
    await revisionAfter(() => linkSync(file, join(elsewhere, "linked"))),
    first,
    "linked into a worker's view",
  );
  assert.equal(await revisionAfter(() => chmodSync(file, 0o644)), first, "made readable");

  const second = await revisionAfter(() => writeFileSync(file, "two"));
  assert.notEqual(second, first, "written");
  assert.equal(
    await revisionAfter(() => linkSync(file, join(elsewhere, "again"))),
    second,
    "linked after it was written",
  );

  const third = await revisionAfter(() => {
    writeFileSync(join(elsewhere, "new"), "three");
    utimesSync(join(elsewhere, "new"), past, past);
    renameSync(join(elsewhere, "new"), file);
  });
  assert.notEqual(third, second, "replaced by an older file");
  assert.notEqual(await revisionAfter(() => writeFileSync(join(folder, "more.mjs"), "x")), third, "a file more");
});
