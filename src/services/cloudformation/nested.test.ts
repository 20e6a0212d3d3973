/** Stacks within stacks, and templates that lie in S3. */
import assert from "node:assert/strict";
import { afterEach, describe, it } from "node:test";
import { openTestPlatform, type TestPlatform } from "../../platform/testing.ts";
import { type FakeWorld, fakeWorld } from "./engine/fake-world.ts";

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

const URL_OF_CHILD = "https://b.s3.amazonaws.com/child.json";
const child = (size: number) =>
  JSON.stringify({
    Parameters: { Size: { Type: "Number" }, Names: { Type: "CommaDelimitedList" } },
    Resources: {
      Inner: {
        Type: "AWS::Fake::Thing",
        Properties: { Size: { Ref: "Size" }, Key: `k${size}`, Uses: { Ref: "Names" } },
      },
    },
    Outputs: { Id: { Value: { "Fn::GetAtt": ["Inner", "Arn"] } } },
  });
const parent = (size: number) =>
  JSON.stringify({
    Resources: {
      Child: {
        Type: "AWS::CloudFormation::Stack",
        Properties: { TemplateURL: URL_OF_CHILD, Parameters: { Size: size, Names: ["a", "b"] } },
      },
      After: { Type: "AWS::Fake::Thing", Properties: { Uses: { "Fn::GetAtt": ["Child", "Outputs.Id"] } } },
    },
  });

async function passes(platform: TestPlatform): Promise<string> {
  await platform.advance(60_000);
  return (await platform.call("cloudformation", "DescribeStacks", { StackName: "s" })).Stacks![0]!.StackStatus!;
}

async function names(platform: TestPlatform): Promise<string[]> {
  const { Stacks } = await platform.call("cloudformation", "DescribeStacks", {});
  return Stacks!.map((stack) => stack.StackName!);
}

async function start(platform: TestPlatform, verb: "CreateStack" | "UpdateStack", size: number, more: object = {}) {
  await platform.call("cloudformation", verb, {
    StackName: "s",
    TemplateBody: parent(size),
    ...more,
  });
  return passes(platform);
}

describe("a nested stack", () => {
  it("is made, gives its outputs, is updated and deleted with its parent", async () => {
    const { world, platform } = await house();
    world.objects.set("b/child.json", child(1));
    assert.equal(await start(platform, "CreateStack", 1, { Tags: [{ Key: "t", Value: "v" }] }), "CREATE_COMPLETE");
    const inner = [...world.things].find(([id]) => id.includes("Inner"))!;
    assert.deepEqual(inner[1], { Size: 1, Key: "k1", Uses: ["a", "b"], stackTags: { t: "v" } });
    assert.equal([...world.things].find(([id]) => id.includes("After"))![1]["Uses"], `arn:aws:fake:::${inner[0]}`);
    assert.equal((await names(platform)).length, 2);
    assert.equal(await start(platform, "UpdateStack", 2), "UPDATE_COMPLETE");
    assert.equal([...world.things].find(([id]) => id.includes("Inner"))![1]["Size"], 2);
    await platform.call("cloudformation", "DeleteStack", { StackName: "s" });
    await platform.advance(60_000);
    assert.deepEqual(await names(platform), []);
    assert.equal(world.things.size, 0);
  });

  it("goes away when it fails, and takes its parent with it", async () => {
    const { world, platform } = await house();
    world.objects.set("b/child.json", child(1));
    world.failing.add("create Inner");
    assert.equal(await start(platform, "CreateStack", 1), "ROLLBACK_COMPLETE");
    assert.deepEqual(await names(platform), ["s"]);
    const { StackEvents } = await platform.call("cloudformation", "DescribeStackEvents", { StackName: "s" });
    assert.ok(
      StackEvents!.some((event) =>
        /^Embedded stack arn:.* was not successfully created: The following resource\(s\) failed to create: \[Inner\]\./.test(
          event.ResourceStatusReason ?? "",
        ),
      ),
    );
  });

  it("goes back when something beside it fails", async () => {
    const { world, platform } = await house();
    world.objects.set("b/child.json", child(1));
    await start(platform, "CreateStack", 1);
    const before = structuredClone([...world.things].sort());
    // What lies at the URL is of no matter to the way back.
    world.objects.set("b/child.json", child(1).replace('"Id":{"Value"', '"Id":{"Description":"x","Value"'));
    const renamed = parent(2).replace('"After"', '"Other"');
    world.failing.add("create Other");
    await platform.call("cloudformation", "UpdateStack", { StackName: "s", TemplateBody: renamed });
    assert.equal(await passes(platform), "UPDATE_ROLLBACK_COMPLETE");
    assert.ok(world.history.includes("update Inner"));
    assert.deepEqual([...world.things].sort(), before);
  });

  it("fails its parent's update when its own fails, and both go back", async () => {
    const { world, platform } = await house();
    world.objects.set("b/child.json", child(1));
    await start(platform, "CreateStack", 1);
    const before = structuredClone([...world.things].sort());
    // A change of Key replaces: the new one cannot be made.
    world.objects.set("b/child.json", child(2));
    world.failing.add("create Inner");
    assert.equal(await start(platform, "UpdateStack", 2), "UPDATE_ROLLBACK_COMPLETE");
    assert.deepEqual([...world.things].sort(), before);
  });
});

describe("a template in S3", () => {
  it("that is not there is refused in S3's words", async () => {
    const { platform } = await house();
    await assert.rejects(
      platform.call("cloudformation", "CreateStack", { StackName: "s", TemplateURL: URL_OF_CHILD }),
      (error: Error) =>
        error.message.startsWith("S3 error: The specified key does not exist.\nFor more information check"),
    );
  });

  it("may be longer than one in the request, up to a megabyte", async () => {
    const { world, platform } = await house();
    const long = (bytes: number) =>
      JSON.stringify({ Metadata: { Long: "x".repeat(bytes) }, Resources: { A: { Type: "AWS::Fake::Thing" } } });
    world.objects.set("b/child.json", long(900_000));
    await platform.call("cloudformation", "CreateStack", { StackName: "s", TemplateURL: URL_OF_CHILD });
    await platform.settle();
    assert.equal(world.things.size, 1);
    world.objects.set("b/child.json", long(1_000_000));
    await assert.rejects(
      platform.call("cloudformation", "CreateStack", { StackName: "t", TemplateURL: URL_OF_CHILD }),
      /Template may not exceed 1000000 bytes in size\./,
    );
  });
});
