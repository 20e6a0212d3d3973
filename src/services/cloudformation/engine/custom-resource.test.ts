/** Custom resources: what their function is asked, and what its answers do. */
import assert from "node:assert/strict";
import { Readable } from "node:stream";
import { afterEach, describe, it } from "node:test";
import { openTestPlatform, type TestPlatform } from "../../../platform/testing.ts";
import type { HttpRequest } from "../../service.ts";
import { type FakeWorld, fakeWorld } from "./fake-world.ts";

const FUNCTION = "arn:aws:lambda:us-east-1:000000000000:function:maker";
let open: TestPlatform[] = [];
afterEach(async () => {
  for (const platform of open) await platform.close();
  open = [];
});

async function house(): Promise<{ world: FakeWorld; platform: TestPlatform }> {
  const world = fakeWorld();
  const platform = await openTestPlatform({ services: world.services });
  open.push(platform);
  return { world, platform };
}

const template = (properties: object, more: object = {}) =>
  JSON.stringify({
    Resources: { C: { Type: "Custom::Thing", Properties: { ServiceToken: FUNCTION, ...properties } }, ...more },
    Outputs: { Url: { Value: { "Fn::GetAtt": ["C", "Nested.Url"] } } },
  });

/** Sends an answer to the ResponseURL of a request. */
async function answer(world: FakeWorld, platform: TestPlatform, document: object | string): Promise<number> {
  const { ResponseURL, StackId, RequestId, LogicalResourceId } = world.invocations.at(-1)!.document;
  const url = new URL(ResponseURL);
  const front = world.services.at(-1)!.fronts![0]!;
  const body =
    typeof document === "string" ? document : JSON.stringify({ StackId, RequestId, LogicalResourceId, ...document });
  const request = {
    method: "PUT",
    path: url.pathname,
    query: url.search.slice(1),
    headers: {},
    rawHeaders: [],
    host: url.host,
    sourceIp: "127.0.0.1",
    protocol: "HTTP/1.1",
    body: Readable.from([]),
    signerOfForm() {
      throw new Error("this is no form");
    },
    async readBody(bytesMax: number, tooLarge?: () => Error) {
      if (body.length > bytesMax) throw tooLarge!();
      return Buffer.from(body);
    },
  } satisfies HttpRequest;
  const groups = front.path!.exec(url.pathname)!.groups as Record<string, string>;
  const { status } = await front.handle(platform.flow({ principal: { type: "anonymous" } }), request, groups);
  await platform.settle();
  return status;
}

const SUCCESS = { Status: "SUCCESS", PhysicalResourceId: "one", Data: { Nested: { Url: "http://x" } } };

async function create(platform: TestPlatform, body: string): Promise<void> {
  await platform.call("cloudformation", "CreateStack", { StackName: "s", TemplateBody: body });
  await platform.settle();
}

async function stack(platform: TestPlatform, name = "s") {
  return (await platform.call("cloudformation", "DescribeStacks", { StackName: name })).Stacks![0]!;
}

async function reasons(platform: TestPlatform): Promise<string[]> {
  const { StackEvents } = await platform.call("cloudformation", "DescribeStackEvents", { StackName: "s" });
  return StackEvents!.flatMap((event) => event.ResourceStatusReason ?? []);
}

describe("a custom resource", () => {
  it("sends AWS's request document, every scalar as text, and takes the answer's data", async () => {
    const { world, platform } = await house();
    await create(platform, template({ Count: 3, Deep: { On: true, List: [1] } }));
    const { document, functionName } = world.invocations[0]!;
    assert.equal(functionName, FUNCTION);
    const { ResponseURL, RequestId, ...rest } = document;
    assert.match(RequestId, /^[0-9a-f-]{36}$/);
    assert.match(ResponseURL, /^http:\/\/localhost:4566\/_aws\/cloudformation\/response\/[A-Za-z0-9]{43}\?/);
    assert.deepEqual(rest, {
      RequestType: "Create",
      ServiceToken: FUNCTION,
      StackId: (await stack(platform)).StackId,
      LogicalResourceId: "C",
      ResourceType: "Custom::Thing",
      ResourceProperties: { ServiceToken: FUNCTION, Count: "3", Deep: { On: "true", List: ["1"] } },
    });
    assert.equal((await stack(platform)).StackStatus, "CREATE_IN_PROGRESS");
    assert.equal(await answer(world, platform, SUCCESS), 200);
    const made = await stack(platform);
    assert.equal(made.StackStatus, "CREATE_COMPLETE");
    assert.equal(made.Outputs![0]!.OutputValue, "http://x");
    assert.equal(await answer(world, platform, SUCCESS), 403);
  });

  it("is updated, replaced when it answers with another id, and the old one deleted afterwards", async () => {
    const { world, platform } = await house();
    await create(platform, template({ V: 1 }));
    await answer(world, platform, SUCCESS);
    await platform.call("cloudformation", "UpdateStack", { StackName: "s", TemplateBody: template({ V: 2 }) });
    await platform.settle();
    const update = world.invocations[1]!.document;
    assert.equal(update.RequestType, "Update");
    assert.equal(update.PhysicalResourceId, "one");
    assert.equal(update.OldResourceProperties.V, "1");
    assert.equal(update.ResourceProperties.V, "2");
    await answer(world, platform, { ...SUCCESS, PhysicalResourceId: "two" });
    const cleanup = world.invocations[2]!.document;
    assert.equal(cleanup.RequestType, "Delete");
    assert.equal(cleanup.PhysicalResourceId, "one");
    assert.equal(cleanup.ResourceProperties.V, "1");
    assert.equal((await stack(platform)).StackStatus, "UPDATE_COMPLETE_CLEANUP_IN_PROGRESS");
    await answer(world, platform, { Status: "SUCCESS", PhysicalResourceId: "one" });
    assert.equal((await stack(platform)).StackStatus, "UPDATE_COMPLETE");
    const { StackId } = await stack(platform);
    await platform.call("cloudformation", "DeleteStack", { StackName: "s" });
    await platform.settle();
    assert.equal(world.invocations[3]!.document.PhysicalResourceId, "two");
    await answer(world, platform, { Status: "SUCCESS", PhysicalResourceId: "two" });
    assert.equal((await stack(platform, StackId)).StackStatus, "DELETE_COMPLETE");
  });

  it("fails the stack with the reason that it gives, and is asked to delete what it may have made", async () => {
    const { world, platform } = await house();
    await create(platform, template({}));
    await answer(world, platform, { Status: "FAILED", Reason: "no room", PhysicalResourceId: "half" });
    const { RequestType, PhysicalResourceId } = world.invocations[1]!.document;
    assert.deepEqual([RequestType, PhysicalResourceId], ["Delete", "half"]);
    await answer(world, platform, { Status: "SUCCESS", PhysicalResourceId: "half" });
    assert.equal((await stack(platform)).StackStatus, "ROLLBACK_COMPLETE");
    assert.ok(
      (await reasons(platform)).some((reason) =>
        /^Received response status \[FAILED\] from custom resource\. Message returned: no room \(RequestId: .*\)$/.test(
          reason,
        ),
      ),
    );
  });

  it("fails when no answer comes in time", async () => {
    const { world, platform } = await house();
    await create(platform, template({ ServiceTimeout: 30 }));
    await platform.advance(31_000);
    assert.ok(
      (await reasons(platform)).some((reason) => reason.startsWith("CloudFormation did not receive a response")),
    );
    assert.equal(world.invocations.at(-1)!.document.RequestType, "Delete");
    await platform.advance(3_600_000);
    assert.equal((await stack(platform)).StackStatus, "ROLLBACK_FAILED");
  });

  it("is given up when something else fails, and asked to delete", async () => {
    const { world, platform } = await house();
    world.failing.add("create Bad");
    await create(platform, template({}, { Bad: { Type: "AWS::Fake::Thing" } }));
    assert.ok((await reasons(platform)).includes("Resource creation cancelled"));
    assert.equal(world.invocations.at(-1)!.document.RequestType, "Delete");
    await answer(world, platform, { Status: "SUCCESS", PhysicalResourceId: "x" });
    assert.equal((await stack(platform)).StackStatus, "ROLLBACK_COMPLETE");
  });

  it("fails when its function is not there, and nobody is asked to delete", async () => {
    const { world, platform } = await house();
    await create(platform, template({ ServiceToken: FUNCTION.replace("maker", "missing") }));
    assert.equal((await stack(platform)).StackStatus, "ROLLBACK_COMPLETE");
    assert.equal(world.invocations.length, 0);
    assert.ok((await reasons(platform)).some((reason) => reason.startsWith("Function not found")));
  });

  for (const [what, document, reason] of [
    ["no JSON", "hello", "Invalid response object: it is not valid JSON"],
    ["no id", { Status: "SUCCESS" }, "Invalid PhysicalResourceId"],
    [
      "no status",
      { PhysicalResourceId: "a" },
      "Invalid Response object: Value of property Status must be SUCCESS or FAILED",
    ],
    [
      "another request",
      { ...SUCCESS, RequestId: "x" },
      "Invalid response object: Value of property RequestId does not match the request",
    ],
    ["too much", { ...SUCCESS, Data: { A: "x".repeat(5000) } }, "Response object is too long."],
  ] as const) {
    it(`fails when the answer has ${what}`, async () => {
      const { world, platform } = await house();
      await create(platform, template({}));
      assert.equal(await answer(world, platform, document), 200);
      assert.ok((await reasons(platform)).includes(reason));
    });
  }
});
