/**
 * Random stacks under random failures, audited: whatever happens, what exists is what the stack says exists; nothing is made before what it
 * refers to, nothing is deleted while something refers to it; a failed update leaves the world as it was.
 */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import { openTestPlatform, type TestPlatform } from "../../../platform/testing.ts";
import { type FakeWorld, fakeWorld } from "./fake-world.ts";

const IDS = ["A", "B", "C", "D", "E"] as const;

interface Piece {
  readonly present: boolean;
  /** Its change replaces. */
  readonly key: "a" | "b";
  /** Its change updates. */
  readonly size: number;
  /** How far before it in the list is what it refers to; 0: nothing. */
  readonly uses: number;
}

interface Round {
  readonly pieces: readonly Piece[];
  readonly failing: readonly string[];
}

const piece: fc.Arbitrary<Piece> = fc.record({
  present: fc.boolean(),
  key: fc.constantFrom("a", "b"),
  size: fc.integer({ min: 1, max: 2 }),
  uses: fc.integer({ min: 0, max: 3 }),
});
const round: fc.Arbitrary<Round> = fc.record({
  pieces: fc.array(piece, { minLength: IDS.length, maxLength: IDS.length }),
  failing: fc.oneof(
    { weight: 2, arbitrary: fc.constant([]) },
    {
      weight: 3,
      arbitrary: fc.array(
        fc.tuple(fc.constantFrom("create", "update"), fc.constantFrom(...IDS)).map(([verb, id]) => `${verb} ${id}`),
        { minLength: 1, maxLength: 3 },
      ),
    },
  ),
});

function templateOf(pieces: readonly Piece[]): string {
  const resources: Record<string, unknown> = {
    // There is always one resource, and it is never touched.
    Anchor: { Type: "AWS::Fake::Thing", Properties: {} },
  };
  pieces.forEach(({ present, key, size, uses }, index) => {
    if (!present) return;
    const target = index - uses;
    const used = uses > 0 && target >= 0 && pieces[target]!.present ? { Uses: { Ref: IDS[target] } } : {};
    resources[IDS[index]!] = { Type: "AWS::Fake::Thing", Properties: { Key: key, Size: size, ...used } };
  });
  return JSON.stringify({ Resources: resources });
}

/** What the stack says there is, by physical id. */
async function claimed(platform: TestPlatform): Promise<string[]> {
  const { StackResourceSummaries } = await platform.call("cloudformation", "ListStackResources", { StackName: "s" });
  return StackResourceSummaries!.map((resource) => resource.PhysicalResourceId!).sort();
}

async function statusOf(platform: TestPlatform, name: string): Promise<string> {
  return (await platform.call("cloudformation", "DescribeStacks", { StackName: name })).Stacks![0]!.StackStatus!;
}

const snapshot = (world: FakeWorld) => structuredClone([...world.things].sort());

/** Nothing refers to what is not there. */
function auditReferences(world: FakeWorld): void {
  for (const [id, made] of world.things) {
    const used = made["Uses"];
    if (typeof used === "string") assert.ok(world.things.has(used), `${id} refers to ${used}, which is gone`);
  }
}

async function live(rounds: readonly Round[]): Promise<void> {
  const world = fakeWorld();
  const { set, delete: remove } = world.things;
  world.things.set = (id, made) => {
    const used = made["Uses"];
    if (typeof used === "string") assert.ok(world.things.has(used), `${id} was made before ${used}`);
    return set.call(world.things, id, made);
  };
  world.things.delete = (id) => {
    const users = [...world.things].filter(([, made]) => made["Uses"] === id).map(([user]) => user);
    assert.deepEqual(users, [], `${id} is deleted while in use`);
    return remove.call(world.things, id);
  };
  const platform = await openTestPlatform({ services: world.services });
  try {
    let stackId: string | undefined;
    for (const { pieces, failing } of rounds) {
      const before = snapshot(world);
      for (const step of failing) world.failing.add(step);
      const TemplateBody = templateOf(pieces);
      if (stackId === undefined) {
        stackId = (await platform.call("cloudformation", "CreateStack", { StackName: "s", TemplateBody })).StackId!;
      } else {
        try {
          await platform.call("cloudformation", "UpdateStack", { StackName: "s", TemplateBody });
        } catch (error) {
          assert.equal((error as Error).message, "No updates are to be performed.");
          world.failing.clear();
          continue;
        }
      }
      await platform.settle();
      let status = await statusOf(platform, "s");
      world.failing.clear();
      if (status === "UPDATE_ROLLBACK_FAILED") {
        await platform.call("cloudformation", "ContinueUpdateRollback", { StackName: "s" });
        await platform.settle();
        status = await statusOf(platform, "s");
      }
      auditReferences(world);
      if (status === "ROLLBACK_COMPLETE") {
        assert.equal(world.things.size, 0);
        break;
      }
      if (status === "UPDATE_ROLLBACK_COMPLETE") assert.deepEqual(snapshot(world), before);
      else assert.ok(status === "CREATE_COMPLETE" || status === "UPDATE_COMPLETE", status);
      assert.deepEqual(await claimed(platform), [...world.things.keys()].sort());
    }
    await platform.call("cloudformation", "DeleteStack", { StackName: "s" });
    await platform.settle();
    assert.equal(await statusOf(platform, stackId!), "DELETE_COMPLETE");
    assert.equal(world.things.size, 0);
  } finally {
    await platform.close();
  }
}

describe("random stacks under random failures", () => {
  it("always end with what they say they have", async () => {
    await fc.assert(fc.asyncProperty(fc.array(round, { minLength: 1, maxLength: 5 }), live), {
      numRuns: 60,
      seed: 20260101,
    });
  });
});
