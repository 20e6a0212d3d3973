import assert from "node:assert/strict";
import { test } from "node:test";
import { openTestPlatform } from "../../../platform/testing.ts";
import { fakeWorld } from "./fake-world.ts";

const PATIENCE_MS = 5000;
const template = (Resources: object) => ({ StackName: "s", TemplateBody: JSON.stringify({ Resources }) });

test("an answer waits for a stack that is soon there, and leaves no timer behind", async (t) => {
  const platform = await openTestPlatform({ ports: { stackPatienceMs: PATIENCE_MS } });
  t.after(() => platform.close());
  const beganMs = platform.clock.nowMs();
  await platform.call("cloudformation", "CreateStack", template({ Queue: { Type: "AWS::SQS::Queue" } }));
  const { Stacks } = await platform.call("cloudformation", "DescribeStacks", { StackName: "s" });
  assert.equal(Stacks![0]!.StackStatus, "CREATE_COMPLETE");
  await platform.settle();
  const dueMs = platform.clock.nextDueMs();
  assert.ok(dueMs === undefined || dueMs > beganMs + PATIENCE_MS, `a timer is due after ${dueMs! - beganMs} ms`);
});

test("patience ends: a stack that takes its time is still under way when the answer comes", async (t) => {
  const platform = await openTestPlatform({ services: fakeWorld(PATIENCE_MS).services });
  t.after(() => platform.close());
  let answered = false;
  // Nobody answers for it.
  const ServiceToken = "arn:aws:lambda:us-east-1:000000000000:function:maker";
  const custom = { Type: "Custom::Thing", Properties: { ServiceToken } };
  const made = platform.call("cloudformation", "CreateStack", template({ C: custom })).then(() => (answered = true));
  await platform.settle();
  await platform.advance(PATIENCE_MS - 1);
  assert.equal(answered, false);
  await platform.advance(1);
  await made;
  const { Stacks } = await platform.call("cloudformation", "DescribeStacks", { StackName: "s" });
  assert.equal(Stacks![0]!.StackStatus, "CREATE_IN_PROGRESS");
});
