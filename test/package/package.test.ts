/** The package as a stranger gets it: packed, installed alone into an empty folder, and used there. */
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { readdirSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { before, test } from "node:test";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { folderOf, launch, temporaryFolder, writeFiles } from "../../src/cli/testing/command.ts";

const root = fileURLToPath(new URL("../../", import.meta.url));
/** The Node.js that runs this test comes first: packages' commands ask for `node`. */
const env = { ...process.env, PATH: `${dirname(process.execPath)}:${process.env["PATH"]}`, NO_COLOR: "1" };
const PACKED_BYTES_MAX = 12 * 1024 * 1024;

const npm = async (cwd: string, ...args: string[]): Promise<string> =>
  (await promisify(execFile)("npm", args, { cwd, env, maxBuffer: 16 * 1024 * 1024 })).stdout;

const project = temporaryFolder();
let packed: { filename: string; size: number; files: { path: string }[] };

before(async () => {
  writeFiles(project, { "package.json": '{"name":"project","private":true}' });
  // Scripts may speak before the list.
  const told = await npm(root, "pack", "--json", "--pack-destination", project);
  [packed] = JSON.parse(told.slice(told.search(/^\[$/m)));
  await npm(project, "install", "--no-audit", "--no-fund", "--prefer-offline", `./${packed.filename}`);
});

test("it holds the command, the shapes, the licences, and neither tests nor sources", () => {
  const paths = packed.files.map(({ path }) => path);
  for (const needed of [
    "dist/virga.js",
    "dist/shapes/index.json",
    "dist/LICENSES.txt",
    "LICENSE",
    "README.md",
    "COMPAT.md",
  ]) {
    assert.ok(paths.includes(needed), needed);
  }
  assert.deepEqual(
    paths.filter((path) => /\.ts$|\.test\.|^src\//.test(path)),
    [],
  );
  assert.ok(packed.size < PACKED_BYTES_MAX, `${packed.size} bytes`);
});

test("npx virga --version says the version", async () => {
  const { version } = JSON.parse(readFileSync(join(root, "package.json"), "utf8")) as { version: string };
  const { stdout } = await promisify(execFile)("npx", ["--no-install", "virga", "--version"], { cwd: project, env });
  assert.equal(stdout.trim(), version);
});

test("npx virga up deploys somebody's project, with a TypeScript function", async (t) => {
  const folder = folderOf(t, {
    "template.yaml": `
Transform: AWS::Serverless-2016-10-31
Resources:
  Greeter:
    Type: AWS::Serverless::Function
    Metadata: { BuildMethod: esbuild, BuildProperties: { EntryPoints: [greeter.ts] } }
    Properties: { CodeUri: ., Handler: greeter.handler, Runtime: nodejs22.x }
Outputs:
  Name: { Value: !Ref Greeter }
`,
    "greeter.ts": "export const handler = async (event: { name: string }) => `Hello ${event.name}`;\n",
  });
  const command = [join(project, "node_modules", "virga", "dist", "virga.js")];
  const up = launch(t, folder, ["up", "--port", "0", "--ephemeral", "--no-watch", "--json"], command);
  const [, endpoint] = await up.says(/"endpoint": "([^"]+)"/);
  await up.says(/"name": "Name"/);
  const invoke = launch(t, folder, ["invoke", "Greeter", "-e", '{"name":"Ada"}', "--endpoint", endpoint!], command);
  await invoke.says(/"Hello Ada"/);
  const { code } = await up.end();
  assert.equal(code, 0);
  assert.deepEqual(readdirSync(folder).sort(), [".virga", "greeter.ts", "template.yaml"]);
});
