/** The example as a newcomer gets it: one command builds its image and deploys it; a request reaches a task; from zero, too; a change is another image. */
import assert from "node:assert/strict";
import { cpSync, readFileSync, writeFileSync } from "node:fs";
import { request } from "node:http";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { setTimeout as pause } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { ECS } from "@aws-sdk/client-ecs";
import { launch, type Running, temporaryFolder } from "../../src/cli/testing/command.ts";
import { enterOwnNetwork, type Podman, startPodman, withoutPodman } from "../../tools/podman.ts";

const skip = withoutPodman();
if (skip === undefined) await enterOwnNetwork();

const EXAMPLE = fileURLToPath(new URL("../../examples/web-service", import.meta.url));
/** An image is built and a stack deployed. */
const UP_MS_MAX = 180_000;
const PATIENCE_MS = 90_000;

describe("virga up examples/web-service", { skip: skip ?? false }, () => {
  const folder = temporaryFolder();
  let podman: Podman;
  let up: Running;
  let ecs: ECS;
  let endpoint: URL;
  let outputs: Record<string, string>;

  /** By the load balancer's name, which `.localhost` makes a name of this machine. */
  const ask = (path: string): Promise<{ status: number; text: string }> =>
    new Promise((resolve, reject) => {
      const { host } = new URL(outputs["Url"]!);
      const sent = request(
        { hostname: endpoint.hostname, port: endpoint.port, path, headers: { host } },
        (response) => {
          let text = "";
          response.setEncoding("utf8").on("data", (chunk) => (text += chunk));
          response.on("end", () => resolve({ status: response.statusCode!, text }));
        },
      );
      sent.on("error", reject).end();
    });
  const service = async () =>
    (await ecs.describeServices({ cluster: outputs["Cluster"]!, services: [outputs["Service"]!] })).services![0]!;
  const until = async (holds: () => Promise<boolean>) => {
    for (const fromMs = performance.now(); !(await holds()); await pause(100)) {
      const { events } = await service();
      const said = events!.slice(0, 3).map(({ message }) => message);
      if (performance.now() - fromMs > PATIENCE_MS) throw new Error(`waited in vain: ${said.join("\n")}`);
    }
  };

  before(async () => {
    podman = await startPodman();
    await podman.nodeImage();
    cpSync(EXAMPLE, join(folder, "web-service"), { recursive: true });
    up = launch(undefined, folder, [
      ...["up", "web-service", "--port", "0", "--data", "data", "--container-socket", podman.socket],
      ...["--parameter", "MinCapacity=0", "--json"],
    ]);
    const [text] = await up.says(/\{\n[\s\S]*\n\}\n/, UP_MS_MAX);
    const told = JSON.parse(text!) as {
      endpoint: string;
      applications: { outputs: { name: string; value: string }[] }[];
    };
    endpoint = new URL(told.endpoint);
    outputs = Object.fromEntries(told.applications[0]!.outputs.map(({ name, value }) => [name, value]));
    const credentials = { accessKeyId: "test", secretAccessKey: "test" };
    ecs = new ECS({ endpoint: told.endpoint, region: "us-east-1", credentials });
  });

  after(async () => {
    await up?.end();
    await podman?.close();
  });

  test("builds the image and answers through the load balancer", async () => {
    const { status, text } = await ask("/");
    assert.equal(status, 200);
    assert.match(text, /^Answered by /);
    const { taskDefinition } = (await ecs.describeTaskDefinition({
      taskDefinition: (await service()).taskDefinition!,
    }))!;
    assert.match(taskDefinition!.containerDefinitions![0]!.image!, /^virga\/web-service-task:[0-9a-f]{16}$/);
  });

  test("at zero, a request wakes it and is answered", async () => {
    await ecs.updateService({ cluster: outputs["Cluster"]!, service: outputs["Service"]!, desiredCount: 0 });
    await until(async () => !(await podman.run("ps", "--format", "{{.Image}}")).includes("web-service"));
    const { status, text } = await ask("/work?ms=1");
    assert.deepEqual([status, /^Worked for 1 ms on /.test(text)], [200, true]);
    assert.equal((await service()).desiredCount, 1);
  });

  test("a change of its source is built and takes its place, without a request lost", async () => {
    const path = join(folder, "web-service/app/server.mjs");
    writeFileSync(path, readFileSync(path, "utf8").replace("Answered by", "Answered anew by"));
    const statuses = new Set<number>();
    await until(async () => {
      const { status, text } = await ask("/");
      statuses.add(status);
      return text.startsWith("Answered anew by");
    });
    assert.deepEqual([...statuses], [200]);
  });
});
