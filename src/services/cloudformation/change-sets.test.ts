/** Change sets, the template operations and what the CLI's `deploy` relies on. */
import assert from "node:assert/strict";
import { afterEach, describe, it } from "node:test";
import { openTestPlatform, type TestPlatform } from "../../platform/testing.ts";
import { type FakeWorld, fakeWorld } from "./engine/fake-world.ts";
import { s3Object } from "./templates.ts";

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

const thing = (properties: object = {}) => ({ Type: "AWS::Fake::Thing", Properties: properties });
const template = (resources: object, rest: object = {}) => JSON.stringify({ Resources: resources, ...rest });

async function changeSet(platform: TestPlatform, body: string, type: "CREATE" | "UPDATE", more: object = {}) {
  const input = { StackName: "s", ChangeSetName: "c", ChangeSetType: type, TemplateBody: body, ...more };
  await platform.call("cloudformation", "CreateChangeSet", input);
  return platform.call("cloudformation", "DescribeChangeSet", { StackName: "s", ChangeSetName: "c" });
}

async function execute(platform: TestPlatform): Promise<string> {
  await platform.call("cloudformation", "ExecuteChangeSet", { StackName: "s", ChangeSetName: "c" });
  await platform.settle();
  return (await platform.call("cloudformation", "DescribeStacks", { StackName: "s" })).Stacks![0]!.StackStatus!;
}

const effects = (changes: readonly any[] | undefined) =>
  changes!.map(({ ResourceChange: change }) =>
    [change.Action, change.LogicalResourceId, change.Replacement ?? ""].join(" "),
  );

describe("a change set", () => {
  it("makes a stack: in review until it is executed", async () => {
    const { world, platform } = await house();
    const described = await changeSet(platform, template({ A: thing(), B: thing() }), "CREATE");
    assert.equal(described.Status, "CREATE_COMPLETE");
    assert.equal(described.ExecutionStatus, "AVAILABLE");
    assert.deepEqual(effects(described.Changes), ["Add A ", "Add B "]);
    const { Stacks } = await platform.call("cloudformation", "DescribeStacks", { StackName: "s" });
    assert.equal(Stacks![0]!.StackStatus, "REVIEW_IN_PROGRESS");
    assert.equal(world.things.size, 0);
    assert.equal(await execute(platform), "CREATE_COMPLETE");
    assert.equal(world.things.size, 2);
    await assert.rejects(platform.call("cloudformation", "ExecuteChangeSet", { StackName: "s", ChangeSetName: "c" }), {
      code: "InvalidChangeSetStatus",
    });
  });

  it("tells what an update changes, replaces and may replace", async () => {
    const { platform } = await house();
    await platform.call("cloudformation", "CreateStack", {
      StackName: "s",
      TemplateBody: template(
        {
          Same: thing(),
          Change: thing({ Size: { Ref: "P" } }),
          Swap: thing({ Key: "a" }),
          Follows: thing({ Key: { Ref: "Swap" } }),
          Reads: thing({ Uses: { "Fn::GetAtt": ["Change", "Size"] } }),
          Gone: thing(),
        },
        { Parameters: { P: { Type: "Number", Default: 1 } } },
      ),
    });
    await platform.settle();
    const described = await changeSet(
      platform,
      template(
        {
          Same: thing(),
          Change: thing({ Size: { Ref: "P" } }),
          Swap: thing({ Key: "b" }),
          Follows: thing({ Key: { Ref: "Swap" } }),
          Reads: thing({ Uses: { "Fn::GetAtt": ["Change", "Size"] } }),
          New: thing(),
        },
        { Parameters: { P: { Type: "Number" } } },
      ),
      "UPDATE",
      { Parameters: [{ ParameterKey: "P", ParameterValue: "2" }] },
    );
    assert.deepEqual(effects(described.Changes).sort(), [
      "Add New ",
      "Modify Change False",
      "Modify Follows Conditional",
      "Modify Reads False",
      "Modify Swap True",
      "Remove Gone ",
    ]);
    const detailsOf = (logicalId: string) =>
      described.Changes!.find((change) => change.ResourceChange!.LogicalResourceId === logicalId)!.ResourceChange!
        .Details;
    assert.deepEqual(detailsOf("Change"), [
      {
        Target: { Attribute: "Properties", Name: "Size", RequiresRecreation: "Never" },
        Evaluation: "Static",
        ChangeSource: "ParameterReference",
        CausingEntity: "P",
      },
    ]);
    assert.deepEqual(detailsOf("Follows"), [
      {
        Target: { Attribute: "Properties", Name: "Key", RequiresRecreation: "Always" },
        Evaluation: "Dynamic",
        ChangeSource: "ResourceReference",
        CausingEntity: "Swap",
      },
    ]);
    assert.equal(await execute(platform), "UPDATE_COMPLETE");
  });

  it("fails with the words that the CLI looks for when nothing changes", async () => {
    const { platform } = await house();
    const body = template({ A: thing({ Size: 1 }) });
    await platform.call("cloudformation", "CreateStack", { StackName: "s", TemplateBody: body });
    await platform.settle();
    const described = await changeSet(platform, body, "UPDATE");
    assert.equal(described.Status, "FAILED");
    assert.match(described.StatusReason!, /^The submitted information didn't contain changes\./);
    await assert.rejects(platform.call("cloudformation", "ExecuteChangeSet", { StackName: "s", ChangeSetName: "c" }), {
      code: "InvalidChangeSetStatus",
    });
    await platform.call("cloudformation", "DeleteChangeSet", { StackName: "s", ChangeSetName: "c" });
    const { Summaries } = await platform.call("cloudformation", "ListChangeSets", { StackName: "s" });
    assert.deepEqual(Summaries, []);
  });

  it("fails when its transform does, and the stack can be tried again", async () => {
    const { platform } = await house();
    const bad = JSON.stringify({
      Transform: "AWS::Serverless-2016-10-31",
      Resources: { F: { Type: "AWS::Serverless::Function", Properties: { CodeUri: "./src" } } },
    });
    const described = await changeSet(platform, bad, "CREATE");
    assert.equal(described.Status, "FAILED");
    assert.match(
      described.StatusReason!,
      /^Transform AWS::Serverless-2016-10-31 failed with: .*'CodeUri' is not a valid S3 Uri/,
    );
    await platform.call("cloudformation", "DeleteChangeSet", { StackName: "s", ChangeSetName: "c" });
    assert.equal((await changeSet(platform, template({ A: thing() }), "CREATE")).Status, "CREATE_COMPLETE");
  });

  it("is about a stack that exists, or does not", async () => {
    const { platform } = await house();
    await assert.rejects(changeSet(platform, template({ A: thing() }), "UPDATE"), {
      code: "ValidationError",
      message: "Stack [s] does not exist",
    });
    await assert.rejects(platform.call("cloudformation", "DescribeChangeSet", { ChangeSetName: "arn:x" }), {
      code: "ChangeSetNotFound",
    });
  });
});

describe("templates", () => {
  it("are given back as they came and as they were processed", async () => {
    const { platform } = await house();
    const body =
      "Transform: AWS::LanguageExtensions\nResources:\n  Fn::ForEach::L:\n    - N\n    - [A, B]\n    - 'X${N}': {Type: AWS::Fake::Thing}\n";
    await platform.call("cloudformation", "CreateStack", {
      StackName: "s",
      TemplateBody: body,
      Capabilities: ["CAPABILITY_AUTO_EXPAND"],
    });
    await platform.settle();
    const original = await platform.call("cloudformation", "GetTemplate", { StackName: "s" });
    assert.equal(original.TemplateBody, body);
    const processed = await platform.call("cloudformation", "GetTemplate", {
      StackName: "s",
      TemplateStage: "Processed",
    });
    assert.deepEqual(Object.keys(JSON.parse(processed.TemplateBody!).Resources), ["XA", "XB"]);
  });

  it("need AUTO_EXPAND when a stack is made of one with transforms", async () => {
    const { platform } = await house();
    const body = "Transform: AWS::LanguageExtensions\nResources: {A: {Type: AWS::Fake::Thing}}";
    await assert.rejects(platform.call("cloudformation", "CreateStack", { StackName: "s", TemplateBody: body }), {
      code: "InsufficientCapabilitiesException",
      message: "Requires capabilities : [CAPABILITY_AUTO_EXPAND]",
    });
  });

  it("are summed up and validated", async () => {
    const { platform } = await house();
    const body = template(
      { R: { Type: "AWS::IAM::Role", Properties: { Name: "x" } } },
      { Parameters: { P: { Type: "String", AllowedValues: ["a"], NoEcho: true } }, Description: "d" },
    );
    const summary = await platform.call("cloudformation", "GetTemplateSummary", { TemplateBody: body });
    assert.deepEqual(summary.ResourceTypes, ["AWS::IAM::Role"]);
    assert.deepEqual(summary.Capabilities, ["CAPABILITY_IAM"]);
    assert.deepEqual(summary.Parameters, [
      { ParameterKey: "P", ParameterType: "String", NoEcho: true, ParameterConstraints: { AllowedValues: ["a"] } },
    ]);
    const valid = await platform.call("cloudformation", "ValidateTemplate", { TemplateBody: body });
    assert.equal(valid.Description, "d");
    await assert.rejects(platform.call("cloudformation", "ValidateTemplate", { TemplateBody: "{}" }), {
      code: "ValidationError",
      message: "Template format error: At least one Resources member must be defined.",
    });
    await assert.rejects(
      platform.call("cloudformation", "ValidateTemplate", { TemplateBody: `{"Description": "${"x".repeat(52_000)}"}` }),
      /Member must have length less than or equal to 51200/,
    );
  });

  it("are validated as they are, before their transform: code need not be packaged", async () => {
    const { platform } = await house();
    const TemplateBody =
      "Transform: AWS::Serverless-2016-10-31\nParameters: {P: {Type: String}}\nGlobals: {Function: {Timeout: 3}}\nResources: {F: {Type: 'AWS::Serverless::Function', Properties: {CodeUri: ./src}}}";
    const valid = await platform.call("cloudformation", "ValidateTemplate", { TemplateBody });
    assert.deepEqual(valid.DeclaredTransforms, ["AWS::Serverless-2016-10-31"]);
    assert.equal(valid.Parameters![0]!.ParameterKey, "P");
    const summary = await platform.call("cloudformation", "GetTemplateSummary", { TemplateBody });
    assert.deepEqual(summary.ResourceTypes, ["AWS::Serverless::Function"]);
    await assert.rejects(
      platform.call("cloudformation", "ValidateTemplate", {
        TemplateBody: TemplateBody.replace("Serverless::Function", "Serverless::Nope"),
      }),
      { message: "Template format error: Unrecognized resource types: [AWS::Serverless::Nope]" },
    );
  });

  it("hide what must not be shown", async () => {
    const { platform } = await house();
    await platform.call("cloudformation", "CreateStack", {
      StackName: "s",
      TemplateBody: template(
        { A: thing({ Uses: { "Fn::Sub": "key=${P}" } }) },
        { Parameters: { P: { Type: "String", NoEcho: true } } },
      ),
      Parameters: [{ ParameterKey: "P", ParameterValue: "secret" }],
    });
    await platform.settle();
    const { Stacks } = await platform.call("cloudformation", "DescribeStacks", { StackName: "s" });
    const { StackEvents } = await platform.call("cloudformation", "DescribeStackEvents", { StackName: "s" });
    assert.deepEqual(Stacks![0]!.Parameters, [{ ParameterKey: "P", ParameterValue: "****" }]);
    assert.ok(StackEvents!.some((event) => event.ResourceProperties === '{"Uses":"key=****"}'));
    assert.ok(!JSON.stringify([Stacks, StackEvents]).includes("secret"));
  });

  it("are found in S3 by every style of URL", () => {
    const found = { Bucket: "b", Key: "p/t.yaml" };
    assert.deepEqual(s3Object("https://b.s3.amazonaws.com/p/t.yaml"), found);
    assert.deepEqual(s3Object("https://b.s3.us-east-1.amazonaws.com/p/t.yaml"), found);
    assert.deepEqual(s3Object("https://s3.us-east-1.amazonaws.com/b/p/t.yaml"), found);
    assert.deepEqual(s3Object("https://s3.amazonaws.com/b/p/t.yaml?versionId=v"), { ...found, VersionId: "v" });
    assert.deepEqual(s3Object("http://localhost:4566/b/p/t.yaml"), found);
    assert.deepEqual(s3Object("http://b.s3.localhost:4566/p/t.yaml"), found);
    assert.equal(s3Object("https://example.com/b/p"), undefined);
    assert.equal(s3Object("file:///etc/passwd"), undefined);
  });
});

describe("events", () => {
  it("come newest first, page by page", async () => {
    const { platform } = await house();
    const resources = Object.fromEntries(Array.from({ length: 60 }, (_, index) => [`R${index}`, thing()]));
    await platform.call("cloudformation", "CreateStack", { StackName: "s", TemplateBody: template(resources) });
    await platform.settle();
    const seen: string[] = [];
    let token: string | undefined;
    do {
      const page = await platform.call("cloudformation", "DescribeStackEvents", {
        StackName: "s",
        ...(token ? { NextToken: token } : {}),
      });
      seen.push(
        ...page.StackEvents!.map(
          (event) => `${event.LogicalResourceId} ${event.ResourceStatus} ${event.ResourceStatusReason}`,
        ),
      );
      token = page.NextToken;
    } while (token);
    assert.equal(seen.length, 60 * 3 + 2);
    assert.equal(new Set(seen).size, seen.length);
    assert.equal(seen[0], "s CREATE_COMPLETE undefined");
    assert.equal(seen.at(-1), "s CREATE_IN_PROGRESS User Initiated");
  });
});
