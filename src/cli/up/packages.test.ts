import assert from "node:assert/strict";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { readdir } from "node:fs/promises";
import { dirname, join } from "node:path";
import { test } from "node:test";
import { temporaryFolder } from "../testing/command.ts";
import { copyPackages, runtimePackages } from "./packages.ts";

function tree(files: Readonly<Record<string, unknown>>): string {
  const folder = temporaryFolder();
  for (const [name, content] of Object.entries(files)) {
    mkdirSync(dirname(join(folder, name)), { recursive: true });
    writeFileSync(join(folder, name), typeof content === "string" ? content : JSON.stringify(content));
  }
  return folder;
}

const FILES = {
  "node_modules/shared/package.json": { name: "shared", version: "1.0.0" },
  "node_modules/shared/index.js": "one",
  "app/layer/package.json": { dependencies: { native: "^1" }, devDependencies: { tool: "^1" } },
  "app/layer/own.json": "{}",
  "app/layer/.git/HEAD": "x",
  "app/node_modules/tool/package.json": { name: "tool", version: "1.0.0" },
  "app/node_modules/native/package.json": {
    name: "native",
    version: "1.2.3",
    dependencies: { shared: "^1", other: "^1" },
    optionalDependencies: { "@native/here": "1", "@native/elsewhere": "1" },
  },
  "app/node_modules/native/lib/native.node": "binary",
  "app/node_modules/@native/here/package.json": { name: "@native/here", version: "1.0.0" },
  "app/node_modules/other/package.json": {
    name: "other",
    version: "1.0.0",
    dependencies: { shared: "^2", native: "^1" },
  },
  "app/node_modules/other/node_modules/shared/package.json": { name: "shared", version: "2.0.0" },
  "app/node_modules/other/node_modules/shared/index.js": "two",
};

test("what runs is taken along as it is installed: above the folder, optional where it is there, two versions of one package", async () => {
  const folder = tree(FILES);
  const packages = await runtimePackages("Layer", join(folder, "app/layer"));
  assert.deepEqual(
    packages.map(({ place, version }) => `${place} ${version}`),
    [
      "node_modules/@native/here 1.0.0",
      "node_modules/native 1.2.3",
      "node_modules/other 1.0.0",
      "node_modules/other/node_modules/shared 2.0.0",
      "node_modules/shared 1.0.0",
    ],
  );
  const target = temporaryFolder();
  await copyPackages(join(folder, "app/layer"), packages, target, new Set([".git"]));
  const all = (await readdir(target, { recursive: true, withFileTypes: true }))
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name).slice(target.length + 1))
    .sort();
  assert.deepEqual(all, [
    "nodejs/node_modules/@native/here/package.json",
    "nodejs/node_modules/native/lib/native.node",
    "nodejs/node_modules/native/package.json",
    "nodejs/node_modules/other/node_modules/shared/index.js",
    "nodejs/node_modules/other/node_modules/shared/package.json",
    "nodejs/node_modules/other/package.json",
    "nodejs/node_modules/shared/index.js",
    "nodejs/node_modules/shared/package.json",
    "nodejs/own.json",
    "nodejs/package.json",
  ]);
  assert.equal(readFileSync(join(target, "nodejs/node_modules/shared/index.js"), "utf8"), "one");
});

test("what is missing is named, with how to get it", async () => {
  const folder = tree({ "layer/package.json": { dependencies: { absent: "^1" } } });
  await assert.rejects(runtimePackages("Layer", join(folder, "layer")), {
    message: "Layer needs the package absent, which is not installed.",
  });
  await assert.rejects(runtimePackages("Layer", folder), { message: /has no package\.json/ });
});
