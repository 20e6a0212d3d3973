import assert from "node:assert/strict";
import {
  existsSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import yazl from "yazl";
import { createPackages } from "./packages.ts";
import { createViews } from "./views.ts";

const directory = mkdtempSync(join(tmpdir(), "virga-packages-"));
after(() => rmSync(directory, { recursive: true, force: true }));
const packages = createPackages(join(directory, "packages"));
let files = 0;

interface Put {
  readonly name: string;
  readonly content?: string | Buffer;
  readonly mode?: number;
}

/** An archive with what ours would not write. yazl checks names, so they are put in afterwards, at the same length. */
async function archive(entries: readonly Put[]): Promise<string> {
  const zip = new yazl.ZipFile();
  const renames: [string, string][] = [];
  entries.forEach(({ name, content = "", mode = 0o100644 }, index) => {
    const harmless = `${String(index).padStart(3, "0")}${"n".repeat(Math.max(0, name.length - 3))}`;
    renames.push([harmless, name]);
    zip.addBuffer(Buffer.from(content as string), harmless, { mode });
  });
  zip.end();
  const chunks: Buffer[] = [];
  for await (const chunk of zip.outputStream as AsyncIterable<Buffer>) chunks.push(chunk);
  let bytes = Buffer.concat(chunks).toString("latin1");
  for (const [from, to] of renames) {
    assert.equal(from.length, to.length);
    bytes = bytes.replaceAll(from, to);
  }
  const file = join(directory, `${files++}.zip`);
  writeFileSync(file, Buffer.from(bytes, "latin1"));
  return file;
}

test("a package is unpacked once, under its content's hash, readable and executable as a worker needs it", async () => {
  const bytes = await packages.zip({ "index.js": "1", "lib/a/b.txt": "déjà", bootstrap: "#!/bin/sh" });
  const file = join(directory, `${files++}.zip`);
  writeFileSync(file, bytes);
  const [first, second] = await Promise.all([packages.unpack(file), packages.unpack(file)]);
  assert.equal(first.directory, second.directory);
  assert.equal(first.directory, join(directory, "packages", Buffer.from(first.sha256, "base64").toString("hex")));
  assert.equal(first.packedBytes, bytes.length);
  assert.equal(first.unpackedBytes, 1 + Buffer.byteLength("déjà") + 9);
  assert.equal(readFileSync(join(first.directory, "lib/a/b.txt"), "utf8"), "déjà");
  assert.equal(statSync(join(first.directory, "index.js")).mode & 0o777, 0o644);
  assert.equal(statSync(join(first.directory, "bootstrap")).mode & 0o777, 0o755);
  for (const folder of ["", "lib", "lib/a"]) assert.equal(statSync(join(first.directory, folder)).mode & 0o777, 0o755);
  assert.deepEqual(readdirSync(join(directory, "packages", "unpacking")), []);
});

test("the same files make the same archive", async () => {
  assert.deepEqual(await packages.zip({ a: "1", b: "2" }), await packages.zip({ a: "1", b: "2" }));
});

test("a package that reaches out of its folder, or is none, is refused and leaves nothing", async () => {
  const before = readdirSync(join(directory, "packages")).length;
  const LINK = 0o120777;
  const cases: [string, Put[]][] = [
    ["upwards", [{ name: "../evil.txt" }]],
    ["upwards in the middle", [{ name: "a/../../evil" }]],
    ["absolute", [{ name: "/tmp/evil" }]],
    ["a link to elsewhere", [{ name: "link", content: "/etc/passwd", mode: LINK }]],
    ["a link upwards", [{ name: "a/link", content: "../../evil", mode: LINK }]],
    ["a file behind a link", [{ name: "dir", content: "other", mode: LINK }, { name: "dir/file" }]],
    [
      "links that lead out together",
      [
        { name: "d/e/in", content: "../..", mode: LINK },
        { name: "upp", content: "d/e/in/../..", mode: LINK },
        { name: "upp/x/evil" },
      ],
    ],
    ["a device", [{ name: "null", mode: 0o020666 }]],
    ["the same file twice", [{ name: "twice" }, { name: "twice" }]],
  ];
  for (const [what, entries] of cases)
    await assert.rejects(
      packages.unpack(await archive(entries)),
      { name: "PackageRefused", reason: "InvalidZip" },
      what,
    );
  const noZip = join(directory, `${files++}.zip`);
  writeFileSync(noZip, "PK? no.");
  await assert.rejects(packages.unpack(noZip), { name: "PackageRefused", reason: "InvalidZip" });
  assert.equal(readdirSync(join(directory, "packages")).length, before);
  assert.ok(!existsSync(join(directory, "evil.txt")) && !existsSync(join(directory, "packages", "evil.txt")));
});

test("links inside the package stay links", async () => {
  const { directory: folder } = await packages.unpack(
    await archive([
      { name: "lib/real.js", content: "1" },
      { name: "node_modules/x", content: "../lib", mode: 0o120777 },
    ]),
  );
  assert.equal(readFileSync(join(folder, "node_modules/x/real.js"), "utf8"), "1");
});

test("a package larger than 250 MB when unpacked is refused, however small it is packed", async () => {
  const megabytes = Buffer.alloc(50 * 1024 * 1024);
  const file = await archive([1, 2, 3, 4, 5, 6].map((number) => ({ name: `f${number}x`, content: megabytes })));
  assert.ok(statSync(file).size < 1024 * 1024);
  await assert.rejects(packages.unpack(file), { name: "PackageRefused", reason: "TooLarge" });
  assert.deepEqual(readdirSync(join(directory, "packages", "unpacking")), []);
});

test("what nobody needs any more is removed", async () => {
  const some = createPackages(join(directory, "some"));
  const unpacked = [];
  for (const name of ["a", "b"]) {
    const file = join(directory, `${files++}.zip`);
    writeFileSync(file, await some.zip({ name }));
    unpacked.push(await some.unpack(file));
  }
  await some.keep(new Set([unpacked[1]!.sha256]));
  assert.deepEqual(
    unpacked.map((one) => existsSync(one.directory)),
    [false, true],
  );
});

test("a view is filled with links to the package; a large one, or one of another revision, is looked at anew", async () => {
  const views = createViews(join(directory, "layers"));
  const { directory: folder } = await packages.unpack(
    await archive([
      { name: "a/b.txt", content: "b" },
      { name: "c.txt", content: "c" },
    ]),
  );
  const target = mkdtempSync(join(directory, "view-"));
  assert.ok(views.fill(target, folder, "1"));
  assert.equal(readFileSync(join(target, "a/b.txt"), "utf8"), "b");
  assert.equal(statSync(join(target, "c.txt")).ino, statSync(join(folder, "c.txt")).ino);
  writeFileSync(join(folder, "new.txt"), "");
  symlinkSync("c.txt", join(folder, "link"));
  const second = mkdtempSync(join(directory, "view-"));
  assert.ok(views.fill(second, folder, "2"));
  assert.deepEqual(readdirSync(second).sort(), ["a", "c.txt", "link", "new.txt"]);
  for (let number = 0; number < 301; number++) writeFileSync(join(folder, `many-${number}`), "");
  const third = mkdtempSync(join(directory, "view-"));
  assert.ok(!views.fill(third, folder, "3"));
  assert.deepEqual(readdirSync(third), []);
});
