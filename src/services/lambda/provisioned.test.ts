import assert from "node:assert/strict";
import { test } from "node:test";
import { openTestPlatform, type TestPlatform } from "../../platform/testing.ts";
import type { Service } from "../service.ts";
import { createLambda } from "./service.ts";
import { type FakePorts, fakePorts, fakeSts } from "./testing.ts";

const FunctionName = "hello";
const ARN = "arn:aws:lambda:us-east-1:000000000000:function:hello";

interface Scene {
  readonly platform: TestPlatform;
  readonly ports: FakePorts;
  put(Qualifier: string, ProvisionedConcurrentExecutions: number): ReturnType<typeof putOn>;
  get(Qualifier: string): ReturnType<typeof getOn>;
  /** What the host was told: `1: 5`. */
  told(): Promise<string[]>;
}

const putOn = (platform: TestPlatform, Qualifier: string, ProvisionedConcurrentExecutions: number) =>
  platform.call("lambda", "PutProvisionedConcurrencyConfig", {
    FunctionName,
    Qualifier,
    ProvisionedConcurrentExecutions,
  });
const getOn = (platform: TestPlatform, Qualifier: string) =>
  platform.call("lambda", "GetProvisionedConcurrencyConfig", { FunctionName, Qualifier });

/** A function with versions 1 and 2, and an alias `live` for 1. */
async function withVersions(run: (scene: Scene) => Promise<void>): Promise<void> {
  const ports = fakePorts();
  const platform = await openTestPlatform({ services: [createLambda(ports), fakeSts] as unknown as Service[] });
  try {
    await platform.call("lambda", "CreateFunction", {
      FunctionName,
      Role: "arn:aws:iam::000000000000:role/lambda",
      Runtime: "nodejs22.x",
      Handler: "index.handler",
      Code: { ZipFile: Buffer.from("zip") },
      Publish: true,
    });
    await platform.call("lambda", "UpdateFunctionCode", { FunctionName, ZipFile: Buffer.from("other"), Publish: true });
    await platform.call("lambda", "CreateAlias", { FunctionName, Name: "live", FunctionVersion: "1" });
    await run({
      platform,
      ports,
      put: (qualifier, wanted) => putOn(platform, qualifier, wanted),
      get: (qualifier) => getOn(platform, qualifier),
      async told() {
        await platform.settle();
        return [...ports.provisions].map(([arn, { wanted }]) => `${arn.slice(ARN.length + 1)}: ${wanted}`).sort();
      },
    });
  } finally {
    await platform.close();
  }
}

test("from IN_PROGRESS to READY, or to FAILED, by what the host has", () =>
  withVersions(async ({ ports, put, get, told }) => {
    const LastModified = "2026-01-01T00:00:00.000+0000";
    assert.deepEqual(await put("1", 5), {
      RequestedProvisionedConcurrentExecutions: 5,
      AvailableProvisionedConcurrentExecutions: 0,
      AllocatedProvisionedConcurrentExecutions: 0,
      Status: "IN_PROGRESS",
      LastModified,
    });
    assert.deepEqual(await told(), ["1: 5"]);
    ports.provisions.set(`${ARN}:1`, { wanted: 5, allocated: 3, failed: false });
    assert.equal((await get("1")).Status, "IN_PROGRESS");
    assert.equal((await get("1")).AllocatedProvisionedConcurrentExecutions, 3);
    ports.provisions.set(`${ARN}:1`, { wanted: 5, allocated: 5, failed: false });
    assert.equal((await get("1")).Status, "READY");
    ports.provisions.set(`${ARN}:1`, { wanted: 5, allocated: 0, failed: true });
    const failed = await get("1");
    assert.deepEqual([failed.Status, failed.StatusReason], ["FAILED", "FUNCTION_ERROR_INIT_FAILURE"]);
  }));

test("an alias provisions the version it points to, and takes it along; its weights share it out", () =>
  withVersions(async ({ platform, put, told }) => {
    await put("live", 4);
    assert.deepEqual(await told(), ["1: 4"]);
    await platform.call("lambda", "UpdateAlias", {
      FunctionName,
      Name: "live",
      RoutingConfig: { AdditionalVersionWeights: { "2": 0.25 } },
    });
    assert.deepEqual(await told(), ["1: 3", "2: 1"]);
    await platform.call("lambda", "UpdateAlias", {
      FunctionName,
      Name: "live",
      FunctionVersion: "2",
      RoutingConfig: { AdditionalVersionWeights: {} },
    });
    assert.deepEqual(await told(), ["2: 4"]);
    await platform.call("lambda", "DeleteAlias", { FunctionName, Name: "live" });
    assert.deepEqual(await told(), []);
  }));

test("deleting the configuration, the version or the function gives everything back", () =>
  withVersions(async ({ platform, put, get, told }) => {
    await put("1", 2);
    await put("2", 3);
    const list = await platform.call("lambda", "ListProvisionedConcurrencyConfigs", { FunctionName, MaxItems: 1 });
    assert.deepEqual(
      list.ProvisionedConcurrencyConfigs!.map(({ FunctionArn, RequestedProvisionedConcurrentExecutions: wanted }) => [
        FunctionArn,
        wanted,
      ]),
      [[`${ARN}:1`, 2]],
    );
    const { ProvisionedConcurrencyConfigs } = await platform.call("lambda", "ListProvisionedConcurrencyConfigs", {
      FunctionName,
      Marker: list.NextMarker!,
    });
    assert.equal(ProvisionedConcurrencyConfigs![0]!.FunctionArn, `${ARN}:2`);
    await platform.call("lambda", "DeleteProvisionedConcurrencyConfig", { FunctionName, Qualifier: "2" });
    await platform.call("lambda", "DeleteProvisionedConcurrencyConfig", { FunctionName, Qualifier: "2" });
    assert.deepEqual(await told(), ["1: 2"]);
    await assert.rejects(get("2"), {
      code: "ProvisionedConcurrencyConfigNotFoundException",
      message: "No Provisioned Concurrency Config found for this function",
    });
    await platform.call("lambda", "DeleteFunction", { FunctionName });
    assert.deepEqual(await told(), []);
  }));

test("refusals, in AWS's words", () =>
  withVersions(async ({ platform, put, get }) => {
    const cases: [() => Promise<unknown>, string, string][] = [
      [
        () => put("1", 0),
        "ValidationException",
        "1 validation error detected: Value '0' at 'provisionedConcurrentExecutions' failed to satisfy constraint: Member must have value greater than or equal to 1",
      ],
      [
        () => put("$LATEST", 1),
        "InvalidParameterValueException",
        "Provisioned Concurrency Configs cannot be applied to unpublished function versions.",
      ],
      [
        () => get("$LATEST"),
        "InvalidParameterValueException",
        "The function resource provided must be an alias or a published version.",
      ],
      [() => put("9", 1), "ResourceNotFoundException", `Function not found: ${ARN}:9`],
      [() => put("none", 1), "ResourceNotFoundException", `Cannot find alias arn: ${ARN}:none`],
      [
        () => put("1", 1001),
        "InvalidParameterValueException",
        "Specified ConcurrentExecutions for function is greater than account's unreserved concurrency [1000].",
      ],
      [
        () => put("1", 901),
        "InvalidParameterValueException",
        "Specified ConcurrentExecutions for function decreases account's UnreservedConcurrentExecution below its minimum value of [100].",
      ],
    ];
    for (const [attempt, code, message] of cases) await assert.rejects(attempt(), { code, message });
    await put("1", 900);
    await put("1", 800);
    await assert.rejects(put("live", 1), {
      code: "ResourceConflictException",
      message: "Alias can't be used for Provisioned Concurrency configuration on an already Provisioned version",
    });
    await platform.call("lambda", "DeleteProvisionedConcurrencyConfig", { FunctionName, Qualifier: "1" });
    await put("live", 2);
    await assert.rejects(put("1", 1), {
      code: "ResourceConflictException",
      message: "Version is pointed by a Provisioned Concurrency alias",
    });
    await assert.rejects(
      platform.call("lambda", "PutFunctionConcurrency", { FunctionName, ReservedConcurrentExecutions: 1 }),
      {
        message:
          " ReservedConcurrentExecutions  1 should not be lower than function's total provisioned concurrency [2].",
      },
    );
    await platform.call("lambda", "PutFunctionConcurrency", { FunctionName, ReservedConcurrentExecutions: 3 });
    await assert.rejects(put("live", 4), {
      message:
        "Requested Provisioned Concurrency should not be greater than the reservedConcurrentExecution for function",
    });
    const { AccountLimit } = await platform.call("lambda", "GetAccountSettings", {});
    assert.equal(AccountLimit!.UnreservedConcurrentExecutions, 997);
  }));

test("what is provisioned is taken from what functions without reserved concurrency share", () =>
  withVersions(async ({ platform, ports, put }) => {
    const most = async () => {
      await platform.call("lambda", "Invoke", { FunctionName });
      return ports.runs.at(-1)!.spec.unreservedConcurrencyMax;
    };
    await put("1", 300);
    assert.equal(await most(), 700);
    await platform.call("lambda", "PutFunctionConcurrency", { FunctionName, ReservedConcurrentExecutions: 300 });
    await platform.call("lambda", "DeleteFunctionConcurrency", { FunctionName });
    assert.equal(await most(), 700);
    await platform.call("lambda", "DeleteFunction", { FunctionName, Qualifier: "2" });
    await platform.call("lambda", "DeleteProvisionedConcurrencyConfig", { FunctionName, Qualifier: "1" });
    assert.equal(await most(), 1000);
  }));
