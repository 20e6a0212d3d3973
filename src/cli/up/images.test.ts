import assert from "node:assert/strict";
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { Failure } from "../failure.ts";
import { folderOf, run } from "../testing/command.ts";
import { buildImage, type ImageEngine, type LocalImage, localImages, placeImage } from "./images.ts";
import { readTemplate, renderTemplate } from "./template.ts";

const TEMPLATE = (metadata: string, containers = "[{ Name: web, Image: !Ref Image }]") => `
Resources:
  Task:
    Type: AWS::ECS::TaskDefinition
    Metadata: ${metadata}
    Properties: { Family: web, ContainerDefinitions: ${containers} }
`;

const template = (t: TestContext, text: string) => {
  const folder = folderOf(t, {
    "template.yaml": text,
    "app/Dockerfile": "FROM scratch\n",
    "app/other.docker": "FROM scratch\n",
    "app/server.mjs": "1",
  });
  return readTemplate(join(folder, "template.yaml"));
};

/** Holds what it built. */
function fakeEngine() {
  const built: [string, Parameters<ImageEngine["build"]>[1]][] = [];
  const engine: ImageEngine = {
    holds: async (name) => built.some(([known]) => known === name),
    async build(name, build) {
      built.push([name, build]);
    },
  };
  return { engine, built };
}

test("a task definition's folder becomes an image, and its container runs that", async (t) => {
  const read = template(t, TEMPLATE("{ DockerContext: ./app, DockerTag: v1, DockerBuildArgs: { NODE: 24 } }"));
  const { engine, built } = fakeEngine();
  const [image] = localImages(read);
  const result = await buildImage(image!, "My-Shop", engine);
  assert.match(result.name, /^virga\/my-shop-task:v1-[0-9a-f]{16}$/);
  const folder = join(read.directory, "app");
  assert.deepEqual(built, [[result.name, { folder, dockerfile: "Dockerfile", args: { NODE: "24" } }]]);
  assert.deepEqual(result.inputs, [folder]);
  placeImage(read, image!, result);
  assert.match(renderTemplate(read), new RegExp(`Name: web, Image: ${result.name} `));
});

test("the same content is the same image, and is built once; any change is another", async (t) => {
  const read = template(t, TEMPLATE("{ DockerContext: app }"));
  const { engine, built } = fakeEngine();
  const build = async (changes: Partial<LocalImage> = {}) =>
    (await buildImage({ ...localImages(read)[0]!, ...changes }, "shop", engine)).name;
  const first = await build();
  assert.equal(await build(), first);
  assert.equal(built.length, 1);
  writeFileSync(join(read.directory, "app/server.mjs"), "2");
  const names = new Set([
    first,
    await build(),
    await build({ args: { A: "1" } }),
    await build({ dockerfile: "other.docker" }),
  ]);
  assert.equal(names.size, 4);
  assert.equal(built.length, 4);
});

test("of several containers one is named", (t) => {
  const containers = "[{ Name: sidecar, Image: x }, { Name: web, Image: y }]";
  const [image] = localImages(template(t, TEMPLATE("{ DockerContext: app, ContainerName: web }", containers)));
  assert.equal(image!.container, 1);
});

test("other metadata asks for no image", (t) => {
  assert.deepEqual(localImages(template(t, TEMPLATE("{ Author: me }"))), []);
});

for (const [metadata, message, containers] of [
  ["{ DockerContext: nowhere }", /^Task: Metadata.DockerContext names nowhere, and \S+nowhere is no folder\.$/],
  ["{ Dockerfile: Dockerfile }", /^Task: \S+ has no Dockerfile\.$/],
  ["{ DockerContext: app, Dockerfile: ../template.yaml }", /^Task: \S+app has no \.\.\/template\.yaml\.$/],
  ["{ DockerContext: !Ref Folder }", /^Task: Metadata.DockerContext is not a text\.$/],
  ["{ DockerContext: app, DockerBuildArgs: [a] }", /^Task: Metadata.DockerBuildArgs is not a map\.$/],
  ["{ DockerContext: app, DockerBuildArgs: { a: [] } }", /^Task: Metadata.DockerBuildArgs.a is not a text\.$/],
  [
    "{ DockerContext: app, ContainerName: db }",
    /^Task: Metadata.ContainerName is db, and no container is called that\.$/,
  ],
  [
    "{ DockerContext: app }",
    /^Task: an image is to be built, and there are 2 containers\.$/,
    "[{ Name: a }, { Name: b }]",
  ],
] as const) {
  test(`refused: ${metadata} ${containers ?? ""}`, (t) => {
    assert.throws(
      () => localImages(template(t, TEMPLATE(metadata, containers))),
      (error) => error instanceof Failure && message.test(error.message) && error.remedy !== undefined,
    );
  });
}

test("what the engine says of a failed build is told", async (t) => {
  const [image] = localImages(template(t, TEMPLATE("{ DockerContext: app }")));
  const engine: ImageEngine = {
    holds: async () => false,
    build: async () => {
      throw new Error("STEP 2: COPY nothing /\nno such file\n");
    },
  };
  await assert.rejects(buildImage(image!, "shop", engine), (error) => {
    assert.ok(error instanceof Failure);
    assert.match(
      error.message,
      /^Task: the container engine could not build \S+app\.\n\nSTEP 2: COPY nothing \/\nno such file$/,
    );
    return true;
  });
});

test("virga up without an engine says what wants one, and how to get it", async (t) => {
  const folder = folderOf(t, { "shop/template.yaml": TEMPLATE("{ DockerContext: app }") });
  mkdirSync(join(folder, "shop/app"));
  writeFileSync(join(folder, "shop/app/Dockerfile"), "FROM scratch\n");
  const socket = join(folder, "none.sock");
  const { code, stderr } = await run(
    t,
    folder,
    ...["up", "shop", "--no-watch", "--port", "0", "--data", "data", "--container-socket", socket],
  );
  assert.equal(code, 1);
  assert.match(stderr, /Task runs a container image that is built from \S+app, which takes a container engine\./);
  assert.match(stderr, /none\.sock does not answer/);
  assert.match(stderr, /Install Docker .* or Podman/);
});
