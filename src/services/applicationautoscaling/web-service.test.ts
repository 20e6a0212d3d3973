/** The template of `examples/web-service` through a day in which everything moves its count: what `docs/web-service.svg` shows of a real run. */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { test } from "node:test";
import { openTestPlatform } from "../../platform/testing.ts";
import { fakePorts as fakeEcsPorts } from "../ecs/testing.ts";

const EXAMPLE = new URL("../../../examples/web-service/template.yaml", import.meta.url);
/** A Thursday; seven in Berlin. */
const START_MS = Date.UTC(2026, 0, 1, 6, 0);
const MINUTE_MS = 60_000;
const IMAGE = "web-service:latest";
const MIB = 1024 ** 2;
const IDLE = { cores: 0.001, memoryBytes: 30 * MIB };

test("processor, network, quiet, memory and the clock each move the count, to zero as well", async () => {
  const server = createServer((_request, response) => response.end("ok"));
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const published = { "8080/tcp": (server.address() as AddressInfo).port };
  const ecs = fakeEcsPorts({
    prepare: ({ programs }) =>
      programs.set(IMAGE, (container) => {
        container.published = published;
        return new Promise((resolve) => container.told.signal.addEventListener("abort", () => resolve(0)));
      }),
  });
  const platform = await openTestPlatform({ nowMs: START_MS, ports: { ecs } });
  try {
    await platform.call("cloudformation", "CreateStack", {
      StackName: "web",
      TemplateBody: readFileSync(EXAMPLE, "utf8"),
      Capabilities: ["CAPABILITY_IAM"],
      Parameters: [
        { ParameterKey: "MinCapacity", ParameterValue: "0" },
        { ParameterKey: "MaxCapacity", ParameterValue: "6" },
      ],
    });
    await platform.advance(2 * MINUTE_MS);
    const { Stacks } = await platform.call("cloudformation", "DescribeStacks", { StackName: "web" });
    assert.equal(Stacks![0]!.StackStatus, "CREATE_COMPLETE");
    const output = (name: string) => Stacks![0]!.Outputs!.find(({ OutputKey }) => OutputKey === name)!.OutputValue!;
    const counts = async () => {
      const service = { cluster: output("Cluster"), services: [output("Service")] };
      const { services } = await platform.call("ecs", "DescribeServices", service);
      assert.equal(ecs.engine.live().filter(({ spec }) => spec.image === IMAGE).length, services![0]!.runningCount);
      return [services![0]!.desiredCount!, services![0]!.runningCount!];
    };
    /** Minutes in which every task uses so much. */
    const pass = async (minutes: number, use: object, sentBytesPerSecond?: number) => {
      for (let minute = 0; minute < minutes; minute++) {
        for (let half = 0; half < 2; half++) {
          for (const container of ecs.engine.live()) Object.assign(container, use);
          await platform.advance(MINUTE_MS / 2);
        }
        if (sentBytesPerSecond === undefined) continue;
        await platform.call("cloudwatch", "PutMetricData", {
          Namespace: "WebService",
          MetricData: [
            {
              MetricName: "SentBytesPerSecond",
              Dimensions: [{ Name: "Service", Value: "web" }],
              Value: sentBytesPerSecond,
              Timestamp: new Date(platform.clock.nowMs() - 1000),
            },
          ],
        });
      }
    };

    const working = { ...IDLE, cores: 0.05 };
    await pass(4, { ...IDLE, cores: 0.22 });
    assert.deepEqual(await counts(), [2, 2]);
    await pass(3, working, 700_000);
    assert.ok((await counts())[0]! >= 3);
    // Fifteen minutes well below the target leave one; work goes on, so that one it is.
    await pass(18, working);
    assert.deepEqual(await counts(), [1, 1]);
    await pass(4, { ...working, memoryBytes: 360 * MIB });
    assert.ok((await counts())[0]! >= 2);
    await pass(3, IDLE);
    assert.deepEqual(await counts(), [0, 0]);
    // It stays there, and nothing is left to measure.
    await pass(2, IDLE);
    assert.deepEqual(await counts(), [0, 0]);
    // At eight the working day begins, and with it a minimum of two: quiet or not.
    await platform.advance(Date.UTC(2026, 0, 1, 7, 0) - platform.clock.nowMs() + 30_000);
    await pass(5, IDLE);
    assert.deepEqual(await counts(), [2, 2]);
  } finally {
    await platform.close();
    server.close();
    server.closeAllConnections();
  }
});
