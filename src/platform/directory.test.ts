import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readFileSync, rmSync, truncateSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { LmdbEngine } from "../storage/engines/lmdb.ts";
import { key } from "../storage/keys.ts";
import { DataRefused, openDirectory } from "./directory.ts";

const folders: string[] = [];
after(() => {
  for (const folder of folders) rmSync(folder, { recursive: true, force: true });
});

/** A data folder with a store in it, closed again. */
async function filled(): Promise<string> {
  const path = mkdtempSync(join(tmpdir(), "virga-directory-"));
  folders.push(path);
  const place = openDirectory(path);
  const engine = new LmdbEngine(place.storePath);
  for (let n = 0; n < 50; n++) await engine.commit(new Map([[key("k", n), Buffer.alloc(1000, n)]]));
  await engine.close();
  place.unlock();
  return path;
}

/** Opening is refused with words that say what, where and what to do; and nothing is changed. */
function refused(path: string, words: RegExp): void {
  const before = readFileSync(join(path, "data.mdb"));
  assert.throws(
    () => openDirectory(path),
    (error: Error) => {
      assert.ok(error instanceof DataRefused, error.stack);
      assert.match(error.message, words);
      assert.ok(error.message.includes(path));
      assert.match(error.message, /--data|Update Virga/);
      return true;
    },
  );
  assert.ok(readFileSync(join(path, "data.mdb")).equals(before));
}

test("a folder is made, held by one, and free again", async () => {
  const path = await filled();
  const place = openDirectory(path);
  assert.throws(() => openDirectory(path), { name: "DirectoryLocked", message: new RegExp(`process ${process.pid}`) });
  place.unlock();
  openDirectory(path).unlock();
});

test("the lock of a process that was killed holds nobody up", async () => {
  const path = await filled();
  const script = `const { openDirectory } = await import(${JSON.stringify(join(import.meta.dirname, "directory.ts"))}); openDirectory(${JSON.stringify(path)}); console.log("held"); setInterval(() => {}, 1000);`;
  const child = spawn(process.execPath, ["--input-type=module", "-e", script], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  await once(child.stdout!, "data");
  assert.throws(() => openDirectory(path), {
    name: "DirectoryLocked",
    message: new RegExp(`process ${child.pid}.*kill ${child.pid}`),
  });
  const ended = once(child, "exit");
  child.kill("SIGKILL");
  await ended;
  openDirectory(path).unlock();
});

test("data of a newer Virga is refused", async () => {
  const path = await filled();
  writeFileSync(join(path, "virga.json"), JSON.stringify({ product: "virga", format: 99 }));
  refused(path, /format 99, written by a newer Virga/);
});

test("damaged data is refused", async () => {
  const cut = await filled();
  truncateSync(join(cut, "data.mdb"), 40_000);
  refused(cut, /it ends after 40000 of \d+ bytes/);

  const foreign = await filled();
  writeFileSync(join(foreign, "data.mdb"), "this is not a store".repeat(1000));
  refused(foreign, /not an LMDB file/);

  const short = await filled();
  writeFileSync(join(short, "data.mdb"), "x");
  refused(short, /too short/);

  const facts = await filled();
  writeFileSync(join(facts, "virga.json"), "{");
  refused(facts, /virga.json cannot be read/);

  const none = await filled();
  rmSync(join(none, "virga.json"));
  refused(none, /virga.json is missing/);
});
