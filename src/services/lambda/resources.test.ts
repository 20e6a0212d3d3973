import assert from "node:assert/strict";
import { test } from "node:test";
import { openTestPlatform, type TestPlatform } from "../../platform/testing.ts";
import type { ResourceContext, ResourceState } from "../resources.ts";
import type { Service } from "../service.ts";
import { sqs } from "../sqs/service.ts";
import { createLambda } from "./service.ts";
import { type FakePorts, fakePorts, fakeSts } from "./testing.ts";

const ROLE = "arn:aws:iam::000000000000:role/lambda";

interface Scene {
  readonly platform: TestPlatform;
  readonly ports: FakePorts;
  create(type: string, properties: unknown, retried?: boolean): Promise<ResourceState>;
  update(type: string, id: string, properties: unknown, previous: unknown): Promise<ResourceState>;
  remove(type: string, id: string, properties: unknown): Promise<void>;
}

async function withResources(run: (scene: Scene) => Promise<void>): Promise<void> {
  const ports = fakePorts();
  const lambda = createLambda(ports);
  const platform = await openTestPlatform({ services: [lambda, fakeSts, sqs] as unknown as Service[] });
  const typeOf = (name: string) => lambda.resources![`AWS::Lambda::${name}`]!;
  const context = (logicalId: string, retried = false): ResourceContext => ({
    ...platform.flow(),
    stackId: "arn:aws:cloudformation:us-east-1:000000000000:stack/test/1",
    stackName: "test",
    logicalId,
    retried,
    tags: { stack: "test" },
    physicalName: () => `test-${logicalId}-1HXC4R0Q2MZP7`,
  });
  try {
    await run({
      platform,
      ports,
      create: (type, properties, retried) => typeOf(type).create(context(type, retried), properties),
      update: (type, id, properties, previous) => typeOf(type).update!(context(type), id, properties, previous),
      remove: (type, id, properties) => typeOf(type).delete(context(type), id, properties),
    });
  } finally {
    await platform.close();
  }
}

const inline = {
  Role: ROLE,
  Runtime: "nodejs22.x",
  Handler: "index.handler",
  Code: { ZipFile: "exports.handler = async () => 1;" },
};

test("a function with inline code, changed in place, and back to what a shorter template says", () =>
  withResources(async ({ platform, create, update, remove }) => {
    const full = {
      ...inline,
      Timeout: 10,
      Environment: { Variables: { STAGE: "1" } },
      ReservedConcurrentExecutions: 5,
      Tags: [{ Key: "team", Value: "a" }],
    };
    const { id, attributes } = await create("Function", full);
    assert.equal(id, "test-Function-1HXC4R0Q2MZP7");
    assert.equal(attributes.Arn, `arn:aws:lambda:us-east-1:000000000000:function:${id}`);
    const first = await platform.call("lambda", "GetFunction", { FunctionName: id });
    assert.equal(first.Configuration!.Timeout, 10);
    assert.deepEqual(first.Tags, { stack: "test", team: "a" });
    assert.deepEqual(first.Concurrency, { ReservedConcurrentExecutions: 5 });

    await update("Function", id, inline, full);
    const second = await platform.call("lambda", "GetFunction", { FunctionName: id });
    assert.equal(second.Configuration!.Timeout, 3);
    assert.equal(second.Configuration!.Environment, undefined);
    assert.equal(second.Configuration!.CodeSha256, first.Configuration!.CodeSha256);
    assert.deepEqual(second.Tags, { stack: "test" });
    assert.equal(second.Concurrency, undefined);

    await update("Function", id, { ...inline, Code: { ZipFile: "exports.handler = async () => 2;" } }, inline);
    const third = await platform.call("lambda", "GetFunction", { FunctionName: id });
    assert.notEqual(third.Configuration!.CodeSha256, first.Configuration!.CodeSha256);

    await remove("Function", id, inline);
    await remove("Function", id, inline);
  }));

test("a step that was cut off adopts what it made", () =>
  withResources(async ({ platform, create }) => {
    await create("Function", inline);
    const { id } = await create("Function", { ...inline, Timeout: 7 }, true);
    const { Timeout } = await platform.call("lambda", "GetFunctionConfiguration", { FunctionName: id });
    assert.equal(Timeout, 7);

    await platform.call("sqs", "CreateQueue", { QueueName: "q" });
    const mapping = { FunctionName: id, EventSourceArn: "arn:aws:sqs:us-east-1:000000000000:q" };
    const first = await create("EventSourceMapping", mapping);
    assert.equal((await create("EventSourceMapping", mapping, true)).id, first.id);
  }));

test("versions, aliases, permissions, mappings and invoke configurations", () =>
  withResources(async ({ platform, create, update, remove }) => {
    const { id: FunctionName } = await create("Function", inline);
    const version = await create("Version", { FunctionName });
    assert.match(version.id, /:1$/);
    assert.equal(version.attributes.Version, "1");
    const alias = { FunctionName, FunctionVersion: "1", Name: "live" };
    const { id: aliasArn } = await create("Alias", alias);
    assert.match(aliasArn, /:live$/);
    await update("Alias", aliasArn, { ...alias, Description: "now" }, alias);
    const { Description } = await platform.call("lambda", "GetAlias", { FunctionName, Name: "live" });
    assert.equal(Description, "now");

    const permission = { FunctionName, Action: "lambda:InvokeFunction", Principal: "sns.amazonaws.com" };
    const { id: sid } = await create("Permission", permission);
    const { Policy } = await platform.call("lambda", "GetPolicy", { FunctionName });
    assert.equal(JSON.parse(Policy!).Statement[0].Sid, sid);

    const invoke = { FunctionName, Qualifier: "live", MaximumRetryAttempts: 0 };
    const { id: invokeId } = await create("EventInvokeConfig", invoke);

    await platform.call("sqs", "CreateQueue", { QueueName: "q" });
    const mapping = { FunctionName, EventSourceArn: "arn:aws:sqs:us-east-1:000000000000:q", BatchSize: 3 };
    const { id: uuid } = await create("EventSourceMapping", mapping);
    const { BatchSize: _smaller, ...rest } = mapping;
    await update("EventSourceMapping", uuid, rest, mapping);
    const shown = await platform.call("lambda", "GetEventSourceMapping", { UUID: uuid });
    assert.equal(shown.BatchSize, 10);

    await remove("EventSourceMapping", uuid, mapping);
    await remove("EventInvokeConfig", invokeId, invoke);
    await remove("Permission", sid, permission);
    await remove("Alias", aliasArn, alias);
    await remove("Version", version.id, { FunctionName });
    const { Versions } = await platform.call("lambda", "ListVersionsByFunction", { FunctionName });
    assert.deepEqual(
      Versions!.map(({ Version }) => Version),
      ["$LATEST"],
    );
  }));

test("inline code needs a runtime that CloudFormation knows how to pack", () =>
  withResources(async ({ create }) => {
    await assert.rejects(create("Function", { ...inline, Runtime: "provided.al2023" }), {
      code: "InvalidParameterValueException",
    });
  }));

test("an alias with provisioned concurrency is there when its workers are, and follows its template", () =>
  withResources(async ({ platform, ports, create, update }) => {
    const { id: FunctionName } = await create("Function", {
      Role: ROLE,
      Runtime: "nodejs22.x",
      Handler: "index.handler",
      Code: { ZipFile: "exports.handler = async () => 1" },
    });
    const { attributes } = await create("Version", { FunctionName });
    const alias = { FunctionName, FunctionVersion: attributes["Version"], Name: "live" };
    const provisioned = { ...alias, ProvisionedConcurrencyConfig: { ProvisionedConcurrentExecutions: 2 } };
    const created = create("Alias", provisioned);
    await platform.settle();
    const [place, provision] = [...ports.provisions][0]!;
    assert.equal(provision.wanted, 2);
    ports.provisions.set(place, { wanted: 2, allocated: 2, failed: false });
    await platform.advance(1000);
    const { id } = await created;
    await update("Alias", id, alias, provisioned);
    await platform.settle();
    assert.equal(ports.provisions.size, 0);
    const refused = create("Alias", { ...provisioned, Name: "other" });
    await platform.settle();
    ports.provisions.set(place, { wanted: 2, allocated: 0, failed: true });
    await Promise.all([platform.advance(1000), assert.rejects(refused, /FUNCTION_ERROR_INIT_FAILURE/)]);
  }));
