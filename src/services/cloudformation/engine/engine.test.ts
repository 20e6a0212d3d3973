/** A stack's life against fake resource types: create, update, replace, roll back, delete, and go on after the platform was stopped. */
import assert from "node:assert/strict";
import { afterEach, describe, it } from "node:test";
import { openTestPlatform, type TestPlatform } from "../../../platform/testing.ts";
import { MemoryEngine } from "../../../storage/engines/memory.ts";
import { type FakeWorld, fakeWorld } from "./fake-world.ts";

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

const template = (resources: object, rest: object = {}) => JSON.stringify({ Resources: resources, ...rest });
const thing = (properties: object = {}, rest: object = {}) => ({
  Type: "AWS::Fake::Thing",
  Properties: properties,
  ...rest,
});

async function statusOf(platform: TestPlatform, name = "s"): Promise<string> {
  const { Stacks } = await platform.call("cloudformation", "DescribeStacks", { StackName: name });
  return Stacks![0]!.StackStatus!;
}

async function create(platform: TestPlatform, body: string, more: object = {}): Promise<string> {
  const { StackId } = await platform.call("cloudformation", "CreateStack", {
    StackName: "s",
    TemplateBody: body,
    ...more,
  });
  await platform.settle();
  return StackId!;
}

/** Lets things happen without waiting for a step that is held. */
async function turns(): Promise<void> {
  for (let i = 0; i < 50; i++) await new Promise(setImmediate);
}

async function createHeld(platform: TestPlatform, body: string, more: object = {}): Promise<string> {
  const { StackId } = await platform.call("cloudformation", "CreateStack", {
    StackName: "s",
    TemplateBody: body,
    ...more,
  });
  await turns();
  return StackId!;
}

async function update(platform: TestPlatform, body: string, more: object = {}): Promise<void> {
  await platform.call("cloudformation", "UpdateStack", { StackName: "s", TemplateBody: body, ...more });
  await platform.settle();
}

/** Oldest first: `LogicalId STATUS`, and the reason where there is one. */
async function history(platform: TestPlatform, name = "s"): Promise<string[]> {
  const { StackEvents } = await platform.call("cloudformation", "DescribeStackEvents", { StackName: name });
  return StackEvents!
    .reverse()
    .map((event) =>
      [event.LogicalResourceId, event.ResourceStatus, event.ResourceStatusReason].filter(Boolean).join(" "),
    );
}

describe("creating a stack", () => {
  it("makes resources in the order of their references and tells of every step as AWS does", async () => {
    const { world, platform } = await house();
    await create(
      platform,
      template(
        {
          A: thing({ Uses: { "Fn::GetAtt": ["B", "Arn"] } }),
          B: thing({ Name: "bee", Size: "3" }),
          C: thing({}, { DependsOn: "A" }),
        },
        { Outputs: { Size: { Value: { "Fn::GetAtt": ["B", "Size"] }, Description: "how big" } } },
      ),
    );
    assert.deepEqual(world.history, ["create B", "create A", "create C"]);
    assert.deepEqual(await history(platform), [
      "s CREATE_IN_PROGRESS User Initiated",
      "B CREATE_IN_PROGRESS",
      "B CREATE_IN_PROGRESS Resource creation Initiated",
      "B CREATE_COMPLETE",
      "A CREATE_IN_PROGRESS",
      "A CREATE_IN_PROGRESS Resource creation Initiated",
      "A CREATE_COMPLETE",
      "C CREATE_IN_PROGRESS",
      "C CREATE_IN_PROGRESS Resource creation Initiated",
      "C CREATE_COMPLETE",
      "s CREATE_COMPLETE",
    ]);
    const { Stacks } = await platform.call("cloudformation", "DescribeStacks", { StackName: "s" });
    assert.deepEqual(Stacks![0]!.Outputs, [{ OutputKey: "Size", OutputValue: "3", Description: "how big" }]);
    assert.deepEqual(world.things.get("bee"), { Name: "bee", Size: 3, stackTags: {} });
    const { StackResourceDetail } = await platform.call("cloudformation", "DescribeStackResource", {
      StackName: "s",
      LogicalResourceId: "A",
    });
    assert.match(StackResourceDetail!.PhysicalResourceId!, /^s-A-[A-Z2-7]{12}$/);
  });

  it("deletes what it made when something fails, and names it", async () => {
    const { world, platform } = await house();
    world.failing.add("create B");
    await create(
      platform,
      template({ A: thing(), B: thing({}, { DependsOn: "A" }), C: thing({}, { DependsOn: "B" }) }),
    );
    assert.equal(await statusOf(platform), "ROLLBACK_COMPLETE");
    assert.equal(world.things.size, 0);
    const told = await history(platform);
    const failed = told.find((line) => line.startsWith("B CREATE_FAILED"))!;
    assert.match(
      failed,
      /^B CREATE_FAILED B would not create \(Service: Fake, Status Code: 400, Request ID: .*, Error Code: Broken\)$/,
    );
    assert.ok(
      told.includes(
        "s ROLLBACK_IN_PROGRESS The following resource(s) failed to create: [B]. Rollback requested by user.",
      ),
    );
    assert.deepEqual(world.history, ["create A", "create B", "delete A"]);
  });

  it("leaves what it made when told to, and goes on with the next update", async () => {
    const { world, platform } = await house();
    world.failing.add("create B");
    const body = template({ A: thing(), B: thing({}, { DependsOn: "A" }) });
    await create(platform, body, { DisableRollback: true });
    assert.equal(await statusOf(platform), "CREATE_FAILED");
    assert.equal(world.things.size, 1);
    world.failing.clear();
    await update(platform, template({ A: thing(), B: thing({ Size: 1 }, { DependsOn: "A" }) }));
    assert.equal(await statusOf(platform), "UPDATE_COMPLETE");
    assert.equal(world.things.size, 2);
    assert.deepEqual(world.history, ["create A", "create B", "create B"]);
  });

  it("deletes the stack when OnFailure says so", async () => {
    const { world, platform } = await house();
    world.failing.add("create B");
    const id = await create(platform, template({ A: thing(), B: thing({}, { DependsOn: "A" }) }), {
      OnFailure: "DELETE",
    });
    assert.equal(await statusOf(platform, id), "DELETE_COMPLETE");
    assert.equal(world.things.size, 0);
    await assert.rejects(statusOf(platform), { code: "ValidationError", message: "Stack with id s does not exist" });
  });

  it("gives up when its time is over", async () => {
    const { world, platform } = await house();
    world.hold.add("A");
    await createHeld(platform, template({ A: thing() }), { TimeoutInMinutes: 1 });
    platform.clock.advance(61_000);
    await turns();
    assert.equal(await statusOf(platform), "CREATE_IN_PROGRESS");
    world.held.get("A")!();
    await platform.settle();
    assert.equal(await statusOf(platform), "ROLLBACK_COMPLETE");
    assert.equal(world.things.size, 0);
  });

  it("is deleted while it is being made", async () => {
    const { world, platform } = await house();
    world.hold.add("A");
    const id = await createHeld(platform, template({ A: thing(), B: thing({}, { DependsOn: "A" }) }));
    await platform.call("cloudformation", "DeleteStack", { StackName: "s" });
    world.held.get("A")!();
    await platform.settle();
    assert.equal(await statusOf(platform, id), "DELETE_COMPLETE");
    assert.deepEqual(world.history, ["create A", "delete A"]);
  });

  it("asks for capabilities before anything is made", async () => {
    const { world, platform } = await house();
    const role = (properties: object) => template({ R: { Type: "AWS::IAM::Role", Properties: properties } });
    await assert.rejects(create(platform, role({})), {
      code: "InsufficientCapabilitiesException",
      message: "Requires capabilities : [CAPABILITY_IAM]",
    });
    await assert.rejects(statusOf(platform), /does not exist/);
    await create(platform, role({}), { Capabilities: ["CAPABILITY_NAMED_IAM"] });
    assert.equal(await statusOf(platform), "CREATE_COMPLETE");
    assert.equal(world.things.size, 1);
  });

  for (const [body, message] of [
    [template({ A: { Type: "AWS::Foo::Bar" } }), "Template format error: Unrecognized resource types: [AWS::Foo::Bar]"],
    [template({ A: thing({ Colour: "red" }) }), "Encountered unsupported property Colour (resource A)"],
    [
      template({ A: thing(), B: thing({ Uses: { "Fn::GetAtt": ["A", "Weight"] } }) }),
      "Template error: resource A does not support attribute type Weight in Fn::GetAtt",
    ],
    [template({ A: thing({ Uses: { "Fn::Frob": 1 } }) }), "Template format error: Unrecognized function Fn::Frob"],
  ] as const) {
    it(`refuses at once: ${message}`, async () => {
      const { platform } = await house();
      await assert.rejects(create(platform, body), { code: "ValidationError", message });
      await assert.rejects(statusOf(platform), /does not exist/);
    });
  }
});

describe("updating a stack", () => {
  it("changes in place, replaces, adds and removes; what is replaced or gone is deleted last", async () => {
    const { world, platform } = await house();
    await create(
      platform,
      template({ Keep: thing(), Change: thing({ Size: 1 }), Swap: thing({ Key: "old" }), Gone: thing() }),
    );
    const before = [...world.things.keys()];
    world.history.length = 0;
    await update(
      platform,
      template({
        Keep: thing(),
        Change: thing({ Size: 2 }),
        Swap: thing({ Key: "new" }),
        New: thing({ Uses: { Ref: "Swap" } }),
      }),
    );
    assert.equal(await statusOf(platform), "UPDATE_COMPLETE");
    assert.deepEqual(world.history.slice(0, 2).sort(), ["create Swap", "update Change"]);
    assert.deepEqual(world.history[2], "create New");
    assert.deepEqual(world.history.slice(3).sort(), ["delete Gone", "delete Swap"]);
    const swaps = [...world.things.keys()].filter((id) => id.includes("Swap"));
    assert.equal(swaps.length, 1);
    assert.ok(!before.includes(swaps[0]!));
    assert.equal([...world.things.values()].find((made) => made["Uses"])!["Uses"], swaps[0]);
    const told = await history(platform);
    assert.ok(
      told.includes(
        "Swap UPDATE_IN_PROGRESS Requested update requires the creation of a new physical resource; hence creating one.",
      ),
    );
    assert.ok(told.indexOf("s UPDATE_COMPLETE_CLEANUP_IN_PROGRESS") < told.indexOf("Gone DELETE_COMPLETE"));
    assert.equal(told.at(-1), "s UPDATE_COMPLETE");
    const { StackResourceSummaries } = await platform.call("cloudformation", "ListStackResources", { StackName: "s" });
    assert.deepEqual(
      StackResourceSummaries!.map((resource) => resource.LogicalResourceId),
      ["Change", "Keep", "New", "Swap"],
    );
  });

  it("takes everything back when something fails", async () => {
    const { world, platform } = await house();
    await create(platform, template({ Change: thing({ Size: 1 }), Swap: thing({ Key: "old" }) }));
    const before = structuredClone([...world.things]);
    world.failing.add("create Bad");
    await update(
      platform,
      template({
        Change: thing({ Size: 2 }),
        Swap: thing({ Key: "new" }),
        Fine: thing(),
        Bad: thing({}, { DependsOn: ["Change", "Swap", "Fine"] }),
      }),
    );
    assert.equal(await statusOf(platform), "UPDATE_ROLLBACK_COMPLETE");
    assert.deepEqual([...world.things], before);
    const told = await history(platform);
    assert.ok(
      told.some(
        (line) => line.trim() === "s UPDATE_ROLLBACK_IN_PROGRESS The following resource(s) failed to create: [Bad].",
      ),
    );
    assert.equal(told.at(-1), "s UPDATE_ROLLBACK_COMPLETE");
    const { StackResources } = await platform.call("cloudformation", "DescribeStackResources", { StackName: "s" });
    assert.deepEqual(StackResources!.map((resource) => resource.LogicalResourceId).sort(), ["Change", "Swap"]);
    const { TemplateBody } = await platform.call("cloudformation", "GetTemplate", { StackName: "s" });
    assert.equal(JSON.parse(TemplateBody!).Resources.Change.Properties.Size, 1);
  });

  it("can be continued when taking back fails", async () => {
    const { world, platform } = await house();
    await create(platform, template({ A: thing({ Size: 1 }), B: thing({ Size: 1 }, { DependsOn: "A" }) }));
    world.failing.add("update B");
    const realUpdate = platform.call("cloudformation", "UpdateStack", {
      StackName: "s",
      TemplateBody: template({ A: thing({ Size: 2 }), B: thing({ Size: 2 }, { DependsOn: "A" }) }),
    });
    await realUpdate;
    await platform.settle();
    assert.equal(await statusOf(platform), "UPDATE_ROLLBACK_FAILED");
    assert.deepEqual(world.history.slice(2), ["update A", "update B", "update A", "update B"]);
    await assert.rejects(
      update(platform, template({ A: thing() })),
      /is in UPDATE_ROLLBACK_FAILED state and can not be updated\./,
    );
    await platform.call("cloudformation", "ContinueUpdateRollback", { StackName: "s", ResourcesToSkip: ["B"] });
    await platform.settle();
    assert.equal(await statusOf(platform), "UPDATE_ROLLBACK_COMPLETE");
    world.failing.clear();
    await update(platform, template({ A: thing({ Size: 5 }) }));
    assert.equal(await statusOf(platform), "UPDATE_COMPLETE");
    assert.equal(world.things.size, 1);
  });

  it("says that there is nothing to do", async () => {
    const { platform } = await house();
    const body = template({ A: thing({ Size: 1 }) });
    await create(platform, body);
    const nothing = { code: "ValidationError", message: "No updates are to be performed." };
    await assert.rejects(update(platform, body), nothing);
    await assert.rejects(update(platform, template({ A: thing({ Size: "1" }) })), nothing);
    await update(platform, template({ A: thing({ Size: 1 }) }, { Outputs: { O: { Value: "x" } } }));
    assert.equal(await statusOf(platform), "UPDATE_COMPLETE");
  });

  it("refuses to replace what carries its own name", async () => {
    const { platform } = await house();
    await create(platform, template({ A: thing({ Name: "mine", Key: "a" }) }));
    await update(platform, template({ A: thing({ Name: "mine", Key: "b" }) }));
    assert.equal(await statusOf(platform), "UPDATE_ROLLBACK_COMPLETE");
    assert.ok(
      (await history(platform)).includes(
        "A UPDATE_FAILED CloudFormation cannot update a stack when a custom-named resource requires replacing. Rename mine and update the stack again.",
      ),
    );
  });

  it("carries the stack's tags to resources that can have them", async () => {
    const { world, platform } = await house();
    const body = template({ A: thing({ Name: "a" }) });
    await create(platform, body, { Tags: [{ Key: "team", Value: "one" }] });
    assert.deepEqual(world.things.get("a")!["stackTags"], { team: "one" });
    await update(platform, body, { Tags: [{ Key: "team", Value: "two" }] });
    assert.deepEqual(world.things.get("a")!["stackTags"], { team: "two" });
  });

  it("can be cancelled", async () => {
    const { world, platform } = await house();
    await create(platform, template({ A: thing({ Name: "a" }) }));
    world.hold.add("B");
    await platform.call("cloudformation", "UpdateStack", {
      StackName: "s",
      TemplateBody: template({
        A: thing({ Name: "a", Size: 3 }),
        B: thing(),
        C: thing({}, { DependsOn: "B" }),
      }),
    });
    await turns();
    await platform.call("cloudformation", "CancelUpdateStack", { StackName: "s" });
    world.held.get("B")!();
    await platform.settle();
    assert.equal(await statusOf(platform), "UPDATE_ROLLBACK_COMPLETE");
    assert.deepEqual([...world.things.keys()], ["a"]);
    assert.ok(!world.history.includes("create C"));
  });

  it("keeps what policies retain", async () => {
    const { world, platform } = await house();
    await create(
      platform,
      template({
        A: thing({ Name: "a" }, { DeletionPolicy: "Retain" }),
        B: thing({ Key: "x" }, { UpdateReplacePolicy: "Retain" }),
      }),
    );
    await update(platform, template({ B: thing({ Key: "y" }, { UpdateReplacePolicy: "Retain" }) }));
    assert.equal(world.things.size, 3);
    assert.ok((await history(platform)).includes("A DELETE_SKIPPED"));
  });
});

describe("deleting a stack", () => {
  it("deletes in reverse, frees the name and keeps the history by id", async () => {
    const { world, platform } = await house();
    const id = await create(platform, template({ A: thing({ Uses: { Ref: "B" } }), B: thing() }));
    world.history.length = 0;
    await platform.call("cloudformation", "DeleteStack", { StackName: "s" });
    await platform.settle();
    assert.deepEqual(world.history, ["delete A", "delete B"]);
    assert.equal(await statusOf(platform, id), "DELETE_COMPLETE");
    assert.equal((await history(platform, id)).at(-1), "s DELETE_COMPLETE");
    await create(platform, template({ A: thing() }));
    assert.equal(await statusOf(platform), "CREATE_COMPLETE");
    await platform.advance(91 * 24 * 3600 * 1000);
    await assert.rejects(statusOf(platform, id), /does not exist/);
    assert.equal(await statusOf(platform), "CREATE_COMPLETE");
  });

  it("fails by name, deletes the rest, and can leave the stubborn one", async () => {
    const { world, platform } = await house();
    const id = await create(platform, template({ A: thing(), B: thing(), C: thing({}, { DependsOn: "A" }) }));
    world.failing.add("delete C");
    await platform.call("cloudformation", "DeleteStack", { StackName: "s" });
    await platform.settle();
    assert.equal(await statusOf(platform), "DELETE_FAILED");
    assert.equal(
      (await history(platform)).at(-1)!.trim(),
      "s DELETE_FAILED The following resource(s) failed to delete: [C].",
    );
    assert.equal(world.things.size, 2);
    await platform.call("cloudformation", "DeleteStack", { StackName: "s", RetainResources: ["C"] });
    await platform.settle();
    assert.equal(await statusOf(platform, id), "DELETE_COMPLETE");
    assert.equal(world.things.size, 1);
  });

  it("is prevented by termination protection", async () => {
    const { platform } = await house();
    await create(platform, template({ A: thing() }), { EnableTerminationProtection: true });
    await assert.rejects(platform.call("cloudformation", "DeleteStack", { StackName: "s" }), {
      code: "ValidationError",
      message: "Stack [s] cannot be deleted while TerminationProtection is enabled",
    });
  });
});

describe("exports", () => {
  const exporting = (value: string) =>
    template({ A: thing() }, { Outputs: { O: { Value: value, Export: { Name: "shared" } } } });
  const importing = template({ B: thing({ Uses: { "Fn::ImportValue": "shared" } }) });

  it("reach other stacks and stay while they are used", async () => {
    const { world, platform } = await house();
    await create(platform, exporting("v1"));
    await platform.call("cloudformation", "CreateStack", { StackName: "user", TemplateBody: importing });
    await platform.settle();
    assert.equal([...world.things.values()].find((made) => made["Uses"])!["Uses"], "v1");
    const { Imports } = await platform.call("cloudformation", "ListImports", { ExportName: "shared" });
    assert.deepEqual(Imports, ["user"]);
    await update(platform, exporting("v2"));
    assert.equal(await statusOf(platform), "UPDATE_ROLLBACK_COMPLETE");
    assert.ok(
      (await history(platform)).some((line) =>
        line.includes("Export shared cannot be updated as it is in use by user"),
      ),
    );
    await platform.call("cloudformation", "DeleteStack", { StackName: "s" });
    assert.equal(await statusOf(platform), "DELETE_FAILED");
    await platform.call("cloudformation", "DeleteStack", { StackName: "user" });
    await platform.settle();
    await platform.call("cloudformation", "DeleteStack", { StackName: "s" });
    await platform.settle();
    assert.deepEqual((await platform.call("cloudformation", "ListExports", {})).Exports, []);
  });

  it("must exist, and only once", async () => {
    const { platform } = await house();
    await create(platform, importing);
    assert.equal(await statusOf(platform), "ROLLBACK_COMPLETE");
    assert.ok((await history(platform)).some((line) => line.includes("No export named shared found.")));
    await platform.call("cloudformation", "CreateStack", { StackName: "one", TemplateBody: exporting("a") });
    await platform.settle();
    await platform.call("cloudformation", "CreateStack", { StackName: "two", TemplateBody: exporting("b") });
    await platform.settle();
    assert.equal(await statusOf(platform, "two"), "ROLLBACK_COMPLETE");
    assert.ok(
      (await history(platform, "two")).some((line) =>
        line.includes("Export with name shared is already exported by stack one."),
      ),
    );
  });
});

describe("when the platform is stopped in the middle", () => {
  it("goes on where it was, and calls that were made are not made again", async () => {
    const engine = new MemoryEngine();
    const first = fakeWorld();
    first.hold.add("Q/1");
    const before = await openTestPlatform({ services: first.services, engine: keepOpen(engine) });
    await before.call("cloudformation", "CreateStack", {
      StackName: "s",
      TemplateBody: template({
        Q: { Type: "AWS::Fake::Queue", Properties: { Count: 3 } },
        A: thing({}, { DependsOn: "Q" }),
      }),
    });
    await turns();
    assert.equal((await before.call("sqs", "ListQueues", {})).QueueUrls!.length, 2);
    await before.close();

    const second = fakeWorld();
    const after = await openTestPlatform({ services: second.services, engine });
    open.push(after);
    await after.advance(10 * 60_000);
    assert.equal(await statusOf(after), "CREATE_COMPLETE");
    assert.deepEqual((await after.call("sqs", "ListQueues", {})).QueueUrls, ["q0", "q1", "q2"]);
    assert.deepEqual(second.history, ["create A"]);
  });
});

/** A memory engine that a second platform opens after the first has closed it. */
function keepOpen(engine: MemoryEngine): MemoryEngine {
  return new Proxy(engine, {
    get(target, name) {
      if (name === "close") return async () => {};
      const member = Reflect.get(target, name, target);
      return typeof member === "function" ? member.bind(target) : member;
    },
  });
}
