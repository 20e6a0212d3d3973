import assert from "node:assert/strict";
import { test } from "node:test";
import { VirtualClock } from "../../../kernel/clock.ts";
import type { Usage } from "../../service.ts";
import { Capacity } from "./capacity.ts";

const GB = 2 ** 30;

test("capacity units of a minute: the dimension that takes most", () => {
  const clock = new VirtualClock(0);
  let used: Usage[] = [];
  const by = { use: (usage: Usage) => void used.push(usage) };
  const capacity = new Capacity(() => clock);
  const minutes: readonly { readonly load: () => void; readonly units: number }[] = [
    // 1,500 new connections a minute are 25 a second: one unit for a sixtieth of an hour.
    { load: () => capacity.add(by, "a", "connections", 1500), units: 1 / 60 },
    // Half a GB to and from targets, a tenth to and from a function, against few connections.
    {
      load() {
        capacity.add(by, "a", "connections", 15);
        capacity.add(by, "a", "bytes", GB / 2);
        capacity.add(by, "a", "functionBytes", GB / 10);
      },
      units: 0.75,
    },
    // Ten rules are free: 5 × 60,000 evaluations are five units for a minute.
    {
      load() {
        for (let request = 0; request < 60_000; request++) capacity.evaluated(by, "a", 15);
        capacity.evaluated(by, "a", 10);
      },
      units: 5 / 60,
    },
  ];
  for (const { load, units } of minutes) {
    used = [];
    load();
    assert.equal(used.length, 0);
    clock.advance(60_000);
    const [{ usageType, quantity }] = used as [Usage];
    assert.equal(usageType, "LCUUsage");
    assert.ok(Math.abs(quantity - units) < 1e-12, `${quantity} is ${units}`);
  }
  assert.equal(clock.nextDueMs(), undefined, "nothing runs while nobody asks");
});
