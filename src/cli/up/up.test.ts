import assert from "node:assert/strict";
import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { Failure } from "../failure.ts";
import { folderOf, run, writeFiles } from "../testing/command.ts";
import { addressesOf } from "./addresses.ts";
import { concerns, createBuilder } from "./build.ts";
import { localCode } from "./code.ts";
import { declaredParameters, readTemplate, renderTemplate, stackNameOf } from "./template.ts";
import { watchFolders } from "./watch.ts";

const template = (t: TestContext, text: string, files: Readonly<Record<string, string>> = {}) => {
  const folder = folderOf(t, { "template.yaml": text, ...files });
  return readTemplate(join(folder, "template.yaml"));
};

const FUNCTION = (properties: string, metadata = "") => `
Transform: AWS::Serverless-2016-10-31
Resources:
  F:
    Type: AWS::Serverless::Function
    Properties: { Handler: src/app.handler, Runtime: nodejs22.x, ${properties} }
${metadata}`;

test("a template keeps its short forms, versions and quotes when it is rendered", (t) => {
  const text = [
    'AWSTemplateFormatVersion: "2010-09-09"',
    "Conditions:",
    "  Big: !Equals [!Ref Size, big]",
    "Resources:",
    "  Q:",
    "    Type: AWS::SQS::Queue",
    "    Properties:",
    '      QueueName: !Sub "${AWS::StackName}-q"',
    "      DelaySeconds: !If [Big, 1, !GetAtt Other.Value]",
    "      Policy: {Version: 2012-10-17}",
    "",
  ].join("\n");
  const rendered = renderTemplate(template(t, text));
  for (const kept of [
    '"2010-09-09"',
    "!Equals [ !Ref Size, big ]",
    '!Sub "${AWS::StackName}-q"',
    "!If [ Big, 1, !GetAtt Other.Value ]",
    "Version: 2012-10-17",
  ]) {
    assert.ok(rendered.includes(kept), `${kept}\n${rendered}`);
  }
});

test("JSON is a template too; a broken one is refused with its place", (t) => {
  assert.deepEqual(
    declaredParameters(template(t, '{"Parameters":{"A":{"Type":"String"}},"Resources":{"Q":{"Type":"X"}}}')),
    ["A"],
  );
  assert.throws(() => template(t, "Resources:\n  A: {"), /template\.yaml:2:\d+: /);
  assert.throws(() => template(t, "Outputs: {}"), /has no Resources section/);
});

test("stack names come from folders", () => {
  assert.equal(stackNameOf("/a/contact-form"), "contact-form");
  assert.equal(stackNameOf("/a/My_App 2!"), "My-App-2");
  assert.equal(stackNameOf("/a/42"), "app");
});

test("local code is found where AWS's own packaging finds it, and only there", (t) => {
  const text = `
Globals: { Function: { CodeUri: shared } }
Resources:
  Own: { Type: AWS::Serverless::Function, Properties: { CodeUri: own/ } }
  Inherits: { Type: AWS::Serverless::Function, Properties: { Handler: a.b } }
  Inline: { Type: AWS::Serverless::Function, Properties: { InlineCode: x } }
  Uploaded: { Type: AWS::Serverless::Function, Properties: { CodeUri: s3://bucket/key } }
  Bucket: { Type: AWS::Serverless::Function, Properties: { CodeUri: { Bucket: b, Key: k } } }
  Computed: { Type: AWS::Serverless::Function, Properties: { CodeUri: !Ref Where } }
  Plain: { Type: AWS::Lambda::Function, Properties: { Code: own } }
  PlainInline: { Type: AWS::Lambda::Function, Properties: { Code: { ZipFile: x } } }
  Layer: { Type: AWS::Serverless::LayerVersion, Properties: { ContentUri: layer.zip } }
`;
  const found = localCode(template(t, text, { "own/a.js": "", "shared/a.js": "", "layer.zip": "" }));
  assert.deepEqual(
    found.map(({ logicalId, source, kind }) => [logicalId, source.split("/").at(-1), kind]),
    [
      ["Own", "own", "function"],
      ["Inherits", "shared", "function"],
      ["Plain", "own", "function"],
      ["Layer", "layer.zip", "layer"],
    ],
  );
  assert.throws(
    () => localCode(template(t, FUNCTION("CodeUri: nowhere"))),
    /F: CodeUri names nowhere, and .* does not exist/,
  );
});

test("build properties: SAM's defaults, and what is unknown is refused by name", (t) => {
  const metadata = (text: string) => localCode(template(t, FUNCTION("CodeUri: .", `    Metadata: ${text}`)))[0]!;
  assert.equal(metadata("{}").esbuild, undefined);
  assert.deepEqual(metadata("{ BuildMethod: esbuild }").esbuild, {
    entryPoints: ["src/app"],
    external: [],
    target: "es2020",
    format: "cjs",
    minify: true,
    sourcemap: false,
    sourcesContent: true,
    mainFields: ["main", "module"],
    loader: {},
    outExtension: {},
    banner: {},
  });
  const given = metadata(
    "{ BuildMethod: esbuild, BuildProperties: { EntryPoints: [a.ts], Minify: false, Format: esm, OutExtension: [.js=.mjs], External: ['@aws-sdk/*'], Loader: ['.txt=text'] } }",
  ).esbuild!;
  assert.deepEqual(
    [given.entryPoints, given.minify, given.format, given.outExtension, given.external, given.loader],
    [["a.ts"], false, "esm", { ".js": ".mjs" }, ["@aws-sdk/*"], { ".txt": "text" }],
  );
  assert.throws(() => metadata("{ BuildMethod: makefile }"), /F: Virga does not know the build method makefile/);
  assert.throws(() => metadata("{ BuildMethod: esbuild, BuildProperties: { Mangle: true } }"), /has Mangle/);
  assert.throws(() => metadata("{ BuildMethod: esbuild, BuildProperties: { Minify: perhaps } }"), /Minify/);
});

test("esbuild: bundled for the handler, named by content, rebuilt from what changed", async (t) => {
  const built = template(t, FUNCTION("CodeUri: .", "    Metadata: { BuildMethod: esbuild }"), {
    "src/app.ts":
      'import { greet } from "./greet.ts";\nexport const handler = async (): Promise<string> => greet("Ada");\n',
    "src/greet.ts": "export const greet = (name: string): string => `Hello ${name}`;\n",
  });
  const [code] = localCode(built);
  const builder = createBuilder(join(built.directory, ".virga", "builds", "s"));
  t.after(() => builder.close());

  const first = await builder.build(code!);
  const { handler } = (await import(join(first.path, "app.js"))) as { handler: () => Promise<string> };
  assert.equal(await handler(), "Hello Ada");
  assert.ok(concerns(first.inputs, join(built.directory, "src/greet.ts")));
  assert.ok(!concerns(first.inputs, join(built.directory, "other.txt")));

  assert.equal((await builder.build(code!)).path, first.path);
  writeFileSync(
    join(built.directory, "src/greet.ts"),
    "export const greet = (name: string): string => `Bye ${name}`;\n",
  );
  const second = await builder.build(code!);
  assert.notEqual(second.path, first.path);
  assert.ok(existsSync(first.path), "what runs is left alone");
  assert.match(readFileSync(join(second.path, "app.js"), "utf8"), /Bye/);

  writeFileSync(join(built.directory, "src/greet.ts"), "export const greet = (\n");
  await assert.rejects(builder.build(code!), (error: Failure) => {
    assert.ok(error instanceof Failure);
    assert.match(error.message, /F could not be built[\s\S]*greet\.ts:2/);
    return true;
  });
  await builder.sweep("F", [second.path]);
  assert.deepEqual(readdirSync(join(built.directory, ".virga/builds/s/F")), [second.hash]);
});

test("a folder is copied as it is: modes and links kept, named by content and not by time", async (t) => {
  const built = template(t, FUNCTION("CodeUri: code"), { "code/bootstrap": "#!/bin/sh\n", "code/lib/a.txt": "a" });
  const source = join(built.directory, "code");
  symlinkSync("lib/a.txt", join(source, "link"));
  mkdirSync(join(source, ".git"));
  const [code] = localCode(built);
  const builder = createBuilder(join(built.directory, "builds"));
  const first = await builder.build(code!);
  assert.deepEqual(readdirSync(first.path).sort(), ["bootstrap", "lib", "link"]);
  assert.equal(readFileSync(join(first.path, "link"), "utf8"), "a");
  utimesSync(join(source, "bootstrap"), 1, 1);
  assert.equal((await builder.build(code!)).hash, first.hash);
  writeFiles(source, { "lib/b.txt": "" });
  const second = await builder.build(code!);
  assert.notEqual(second.hash, first.hash);
  rmSync(join(source, "lib/b.txt"));
  assert.equal((await builder.build(code!)).hash, first.hash);
});

test("layers and zip files become archives with the same name for the same content", async (t) => {
  const built = template(
    t,
    "Resources: { L: { Type: AWS::Serverless::LayerVersion, Properties: { ContentUri: layer } } }",
    {
      "layer/nodejs/node_modules/x/index.js": "module.exports = 1;",
    },
  );
  const [code] = localCode(built);
  const builder = createBuilder(join(built.directory, "builds"));
  const first = await builder.build(code!);
  assert.match(first.path, /\/L\/[0-9a-f]{32}\.zip$/);
  assert.equal(readFileSync(first.path).subarray(0, 2).toString("latin1"), "PK");
  assert.equal((await builder.build(code!)).path, first.path);
});

test("addresses: websites first, APIs by their hosts, on the platform's port", (t) => {
  const application = template(
    t,
    "Resources: { W: { Type: AWS::S3::Bucket, Properties: { WebsiteConfiguration: {} } }, B: { Type: AWS::S3::Bucket } }",
  );
  const resource = (LogicalResourceId: string, ResourceType: string, PhysicalResourceId: string) => ({
    LogicalResourceId,
    ResourceType,
    PhysicalResourceId,
    Timestamp: new Date(0),
    ResourceStatus: "CREATE_COMPLETE" as const,
  });
  assert.deepEqual(
    addressesOf(
      application,
      [
        resource("Api", "AWS::ApiGatewayV2::Api", "abc"),
        resource("B", "AWS::S3::Bucket", "plain"),
        resource("W", "AWS::S3::Bucket", "site"),
        resource("Rest", "AWS::ApiGateway::RestApi", "xyz"),
        resource("RestProd", "AWS::ApiGateway::Stage", "Prod"),
      ],
      "http://localhost:4567",
    ).map(({ url }) => url),
    [
      "http://site.s3-website.localhost:4567/",
      "http://abc.execute-api.localhost:4567/",
      "http://xyz.execute-api.localhost:4567/Prod/",
    ],
  );
});

test("changes are told together, new folders included, builds and packages not", async (t) => {
  const folder = folderOf(t, { "src/a.ts": "", "node_modules/x/i.js": "" });
  const told: string[] = [];
  let wake = () => {};
  const watcher = watchFolders([folder], (paths) => {
    told.push(...paths.map((path) => path.slice(folder.length + 1)));
    wake();
  });
  t.after(() => watcher.close());
  const until = async (name: string) => {
    while (!told.includes(name))
      await new Promise<void>((resolve) => {
        wake = resolve;
      });
  };
  writeFiles(folder, { "node_modules/x/i.js": "1", ".virga/builds/y": "1", "src/a.ts": "1" });
  await until("src/a.ts");
  writeFiles(folder, { "src/new/b.ts": "1" });
  await until("src/new");
  writeFiles(folder, { "src/new/b.ts": "2" });
  await until("src/new/b.ts");
  assert.ok(
    told.every((path) => !/node_modules|\.virga/.test(path)),
    told.join(),
  );
});

test("build: a template and code that AWS's tools can package, and nothing else is ever emptied", async (t) => {
  const folder = folderOf(t, {
    "app/template.yaml": FUNCTION("CodeUri: .", "    Metadata: { BuildMethod: esbuild }"),
    "app/src/app.ts": "export const handler = async () => 1;",
    "precious/file": "x",
  });
  const app = join(folder, "app");
  const out = join(folder, "out");
  for (let time = 0; time < 2; time++) assert.equal((await run(t, folder, "build", "app", "--out", out)).code, 0);
  assert.deepEqual(readdirSync(out).sort(), [".virga-build", "F", "template.yaml"]);
  assert.deepEqual(readdirSync(join(out, "F")), ["app.js"]);
  const built = localCode(readTemplate(join(out, "template.yaml")));
  assert.deepEqual(
    built.map(({ source, esbuild }) => [source, esbuild]),
    [[join(out, "F"), undefined]],
  );
  for (const wrong of [app, folder, join(folder, "precious")]) {
    assert.equal((await run(t, folder, "build", "app", "--out", wrong)).code, 2, wrong);
  }
  assert.ok(existsSync(join(folder, "precious/file")));
});
