/** Stories of scaling, minute by minute: what the metrics say, and what the capacity becomes. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import {
  type Cooldowns,
  type Decision,
  decide,
  type Policy,
  type Situation,
  type StepPolicy,
  type TrackingPolicy,
} from "./decide.ts";
import { breachOf } from "./tracking-alarms.ts";

const MINUTE_MS = 60_000;

interface Story {
  readonly capacity: number;
  readonly min?: number;
  readonly max?: number;
  readonly outCooldownMinutes?: number;
  readonly inCooldownMinutes?: number;
  /** Utilization of each minute for a capacity; undefined: no data. One function for each tracking policy, all with target 50. */
  readonly metrics: readonly ((minute: number, capacity: number) => number | undefined)[];
  readonly isDeploying?: (minute: number) => boolean;
  readonly suspended?: Situation["suspended"];
  /** Where the clock stands at a minute, if it jumped. */
  readonly clockMs?: (minute: number) => number;
  readonly mayScaleIn?: readonly boolean[];
  readonly extra?: (minute: number) => readonly Policy[];
}

interface Told {
  readonly capacity: readonly number[];
  readonly decisions: readonly Decision[];
}

function tell(minutes: number, story: Story): Told {
  let { capacity } = story;
  let cooldowns: Cooldowns = {};
  const history: (number | undefined)[][] = story.metrics.map(() => []);
  const capacities = [capacity];
  const decisions: Decision[] = [];
  for (let minute = 1; minute <= minutes; minute++) {
    const policies = story.metrics.map((metric, index): TrackingPolicy => {
      history[index]!.push(metric(minute, capacity));
      return {
        kind: "tracking",
        name: `tracking-${index}`,
        target: 50,
        scaleOutCooldownMs: (story.outCooldownMinutes ?? 5) * MINUTE_MS,
        scaleInCooldownMs: (story.inCooldownMinutes ?? 5) * MINUTE_MS,
        mayScaleIn: story.mayScaleIn?.[index] ?? true,
        ...breachOf(50, history[index]!),
      };
    });
    const decision = decide(
      {
        limits: { min: story.min ?? 1, max: story.max ?? 20 },
        capacity,
        isDeploying: story.isDeploying?.(minute) ?? false,
        suspended: story.suspended ?? { in: false, out: false },
        cooldowns,
        policies: [...policies, ...(story.extra?.(minute) ?? [])],
      },
      story.clockMs?.(minute) ?? minute * MINUTE_MS,
    );
    if (decision.what === "scale") {
      capacity = decision.capacity;
      cooldowns = decision.cooldowns;
    }
    decisions.push(decision);
    capacities.push(capacity);
  }
  return { capacity: capacities, decisions };
}

/** A load that a capacity of `load / 50` would carry at the target. */
const load = (amount: (minute: number) => number) => (minute: number, capacity: number) => amount(minute) / capacity;

describe("scaling out", () => {
  test("twice the target for three minutes: at +3 there are twice as many", () => {
    const { capacity } = tell(4, { capacity: 2, metrics: [() => 100] });
    assert.deepEqual(capacity, [2, 2, 2, 4, 4]);
  });

  test("two minutes above the target, or three at it, are nothing", () => {
    assert.deepEqual(tell(6, { capacity: 2, metrics: [(minute) => (minute % 3 ? 90 : 40)] }).capacity.at(-1), 2);
    assert.deepEqual(tell(6, { capacity: 2, metrics: [() => 50] }).capacity.at(-1), 2);
  });

  test("a little above the target adds one", () => {
    assert.equal(tell(3, { capacity: 10, metrics: [() => 50.1] }).capacity.at(-1), 11);
  });

  test("rounds up, and a whole quotient stays what it is", () => {
    assert.equal(tell(3, { capacity: 3, metrics: [() => 60] }).capacity.at(-1), 4);
    assert.equal(tell(3, { capacity: 3, metrics: [() => 100] }).capacity.at(-1), 6);
  });

  test("during the cooldown what was added counts, and only a larger need adds the difference", () => {
    // 2 at 100 % want 4. At 150 % they would have wanted 6: two more, although 4 at 150 % would want 12.
    const { capacity } = tell(12, { capacity: 2, metrics: [(minute) => (minute < 6 ? 100 : 150)] });
    assert.deepEqual(capacity.slice(0, 11), [2, 2, 2, 4, 4, 4, 6, 6, 6, 6, 6]);
    // The second cooldown is over at +11, and 150 % of 6 are 18.
    assert.equal(capacity[11], 18);
  });

  test("a capacity changed by hand is where counting begins again", () => {
    const now = decide(
      {
        limits: { min: 1, max: 20 },
        capacity: 3,
        isDeploying: false,
        suspended: { in: false, out: false },
        cooldowns: { out: { untilMs: 1000, from: 2, to: 4 } },
        policies: [tracking({ breach: "above", value: 100 })],
      },
      0,
    );
    assert.equal(now.what === "scale" && now.capacity, 6);
  });

  test("stops at the maximum, and says so", () => {
    const { capacity, decisions } = tell(20, { capacity: 2, max: 5, metrics: [() => 200] });
    assert.equal(capacity.at(-1), 5);
    assert.deepEqual(decisions.at(-1), {
      what: "stay",
      policy: "tracking-0",
      reason: { code: "AlreadyAtMaxCapacity", maxCapacity: 5 },
    });
  });

  test("begins with one where there is none", () => {
    assert.equal(tell(3, { capacity: 0, min: 0, metrics: [() => 80] }).capacity.at(-1), 1);
  });

  test("suspended, nothing is added", () => {
    assert.equal(
      tell(9, { capacity: 2, metrics: [() => 100], suspended: { in: false, out: true } }).capacity.at(-1),
      2,
    );
  });
});

describe("scaling in", () => {
  test("takes fifteen minutes below nine tenths of the target, and goes by the highest of them", () => {
    const { capacity } = tell(16, { capacity: 10, metrics: [(minute) => (minute === 1 ? 20 : 10)] });
    // 10 × 20 / 50 = 4 at +15; the window of +16 has forgotten the first minute, but now the cooldown holds.
    assert.deepEqual(capacity.slice(14), [10, 4, 4]);
  });

  test("between nine tenths and the target nothing happens", () => {
    assert.equal(tell(60, { capacity: 10, metrics: [() => 46] }).capacity.at(-1), 10);
  });

  test("waits for its cooldown, and not a minute longer", () => {
    const { capacity } = tell(21, {
      capacity: 10,
      metrics: [(minute) => (minute <= 15 ? 40 : 5)],
      inCooldownMinutes: 5,
    });
    assert.equal(capacity[15], 8);
    assert.equal(capacity[19], 8);
    // The fifteen minutes up to +20 hold the highest value of +15: 8 × 40 / 50 = 7.
    assert.equal(capacity[20], 7);
  });

  test("a scale-out comes in the middle of a scale-in's cooldown and ends it", () => {
    const story: Story = {
      capacity: 10,
      metrics: [(minute) => (minute <= 15 ? 20 : minute <= 18 ? 100 : 20)],
      inCooldownMinutes: 60,
      outCooldownMinutes: 0,
    };
    const { capacity } = tell(40, story);
    assert.deepEqual([capacity[15], capacity[17], capacity[18]], [4, 4, 8]);
    // Fifteen quiet minutes after the last loud one it scales in, long before the hour is over.
    assert.deepEqual([capacity[32], capacity[33]], [8, 4]);
  });

  test("not during a deployment", () => {
    const { capacity, decisions } = tell(30, {
      capacity: 10,
      metrics: [() => 10],
      isDeploying: (minute) => minute < 25,
    });
    assert.deepEqual(capacity.slice(14, 27), [...Array(11).fill(10), 2, 2]);
    assert.deepEqual(decisions[14], {
      what: "stay",
      policy: "tracking-0",
      reason: { code: "TargetServicePutResourceAsUnscalable" },
    });
  });

  test("a deployment does not keep a service from growing", () => {
    assert.equal(tell(3, { capacity: 2, metrics: [() => 100], isDeploying: () => true }).capacity.at(-1), 4);
  });

  test("not without data: one missing minute is enough", () => {
    assert.equal(
      tell(14 * 2, { capacity: 10, metrics: [(minute) => (minute % 14 ? 1 : undefined)] }).capacity.at(-1),
      10,
    );
    assert.equal(tell(60, { capacity: 10, metrics: [() => undefined] }).capacity.at(-1), 10);
  });

  test("stops at the minimum, and says so", () => {
    const { capacity, decisions } = tell(40, { capacity: 4, min: 3, metrics: [() => 1] });
    assert.equal(capacity.at(-1), 3);
    const last = decisions.at(-1)!;
    assert.deepEqual(last.what === "stay" && last.reason, { code: "AlreadyAtMinCapacity", minCapacity: 3 });
  });

  test("where rounding leaves all there is, it says that too", () => {
    const { decisions } = tell(15, { capacity: 1, min: 0, metrics: [() => 40] });
    const last = decisions.at(-1)!;
    assert.deepEqual(last.what === "stay" && last.reason, { code: "AlreadyAtDesiredCapacity", currentCapacity: 1 });
  });

  test("comes back to zero where that is the minimum", () => {
    assert.equal(tell(15, { capacity: 3, min: 0, metrics: [() => 0] }).capacity.at(-1), 0);
  });

  test("disabled, nothing is taken; suspended neither", () => {
    assert.equal(tell(60, { capacity: 9, metrics: [() => 1], mayScaleIn: [false] }).capacity.at(-1), 9);
    assert.equal(tell(60, { capacity: 9, metrics: [() => 1], suspended: { in: true, out: false } }).capacity.at(-1), 9);
  });
});

describe("several policies", () => {
  test("one that wants more is enough, and the largest wins", () => {
    assert.equal(tell(3, { capacity: 2, metrics: [() => 10, () => 75, () => 100] }).capacity.at(-1), 4);
  });

  test("all must want less, and the largest wins", () => {
    assert.equal(tell(15, { capacity: 10, metrics: [() => 10, () => 30] }).capacity.at(-1), 6);
    assert.equal(tell(60, { capacity: 10, metrics: [() => 10, () => 48] }).capacity.at(-1), 10);
    assert.equal(tell(60, { capacity: 10, metrics: [() => 10, () => undefined] }).capacity.at(-1), 10);
  });

  test("one that must not scale in is not asked", () => {
    assert.equal(
      tell(15, { capacity: 10, metrics: [() => 10, () => 48], mayScaleIn: [true, false] }).capacity.at(-1),
      2,
    );
  });

  test("a step that wants less is not blocked by a tracking policy that is not ready", () => {
    const extra = () => [step({ steps: [{ upper: 0, adjustment: -5 }], breach: { threshold: 10, value: 5 } })];
    assert.equal(tell(1, { capacity: 10, metrics: [() => 48], extra }).capacity.at(-1), 5);
    assert.equal(tell(1, { capacity: 10, metrics: [() => undefined], extra }).capacity.at(-1), 5);
  });

  test("... and the tracking policy may take it back", () => {
    const extra = (minute: number) =>
      minute === 1 ? [step({ steps: [{ upper: 0, adjustment: -5 }], breach: { threshold: 10, value: 5 } })] : [];
    // 480 are 48 % of ten and 96 % of five.
    const { capacity } = tell(4, { capacity: 10, metrics: [load(() => 480)], extra });
    assert.deepEqual(capacity, [10, 5, 5, 5, 10]);
  });

  test("a step that wants less and tracking policies that do too: the largest is left", () => {
    const extra = (adjustment: number) => (minute: number) =>
      minute === 15
        ? [
            step({
              steps: [{ upper: 0, adjustment }],
              adjustmentType: "ExactCapacity",
              breach: { threshold: 9, value: 5 },
            }),
          ]
        : [];
    assert.equal(tell(15, { capacity: 10, metrics: [() => 30], extra: extra(0) }).capacity.at(-1), 6);
    assert.equal(tell(15, { capacity: 10, metrics: [() => 30], extra: extra(8) }).capacity.at(-1), 8);
  });

  test("a step takes the last one, which rounding leaves to tracking policies", () => {
    const extra = () => [
      step({
        steps: [{ upper: 0, adjustment: 0 }],
        adjustmentType: "ExactCapacity",
        breach: { threshold: 1, value: 0.3 },
      }),
    ];
    const { capacity } = tell(20, {
      capacity: 1,
      min: 0,
      metrics: [() => 0.3, () => 7],
      extra: (minute) => (minute > 17 ? extra() : []),
    });
    assert.deepEqual([capacity[17], capacity[18]], [1, 0]);
  });

  test("a step that wants less loses against a tracking policy that wants more", () => {
    const extra = () => [step({ steps: [{ upper: 0, adjustment: -1 }], breach: { threshold: 10, value: 5 } })];
    assert.equal(
      tell(3, { capacity: 4, metrics: [() => 75], extra: (minute) => (minute === 3 ? extra() : []) }).capacity.at(-1),
      6,
    );
  });
});

describe("time", () => {
  test("a clock that jumps back keeps a cooldown closed no longer than it was, measured by that clock", () => {
    const clockMs = (minute: number) => (minute < 4 ? minute : minute - 2) * MINUTE_MS;
    const { capacity } = tell(12, { capacity: 2, metrics: [() => 100], clockMs });
    assert.equal(capacity[9], 4);
    // Scaled out at 3 by the clock; 8 by the clock is the tenth minute told.
    assert.equal(capacity[10], 8);
  });

  test("a clock that jumps ahead ends cooldowns and invents no data", () => {
    const clockMs = (minute: number) => (minute < 4 ? minute : minute + 600) * MINUTE_MS;
    const { capacity } = tell(5, { capacity: 2, metrics: [() => 100], clockMs });
    assert.deepEqual(capacity, [2, 2, 2, 4, 8, 8]);
  });
});

describe("a load that comes and goes", () => {
  test("is followed up and down", () => {
    const amount = (minute: number) => (minute < 30 ? 90 : minute < 90 ? 480 : 90);
    const { capacity } = tell(150, { capacity: 2, metrics: [load(amount)] });
    assert.equal(capacity[29], 2);
    assert.equal(capacity[89], 10);
    assert.equal(capacity.at(-1), 2);
  });
});

function tracking(given: Partial<TrackingPolicy>): TrackingPolicy {
  return {
    kind: "tracking",
    name: "tracking",
    target: 50,
    scaleOutCooldownMs: 0,
    scaleInCooldownMs: 0,
    mayScaleIn: true,
    breach: "none",
    ...given,
  };
}

function step(given: Partial<StepPolicy>): StepPolicy {
  return { kind: "step", name: "step", adjustmentType: "ChangeInCapacity", steps: [], cooldownMs: 0, ...given };
}

describe("step scaling", () => {
  const OUT = [
    { lower: 0, upper: 10, adjustment: 1 },
    { lower: 10, upper: 20, adjustment: 2 },
    { lower: 20, adjustment: 4 },
  ];
  const IN = [
    { lower: -10, upper: 0, adjustment: -1 },
    { upper: -10, adjustment: -3 },
  ];
  const cases: readonly (readonly [string, Partial<StepPolicy>, number, number])[] = [
    ["at the threshold", { steps: OUT, breach: { threshold: 50, value: 50 } }, 10, 11],
    ["below a step's upper bound", { steps: OUT, breach: { threshold: 50, value: 59.9 } }, 10, 11],
    ["at the next one's lower bound", { steps: OUT, breach: { threshold: 50, value: 60 } }, 10, 12],
    ["without an upper bound", { steps: OUT, breach: { threshold: 50, value: 500 } }, 10, 14],
    ["just below the threshold", { steps: IN, breach: { threshold: 50, value: 49 } }, 10, 9],
    ["above a lower bound that is not its own", { steps: IN, breach: { threshold: 50, value: 40 } }, 10, 7],
    [
      "to a fixed capacity",
      { adjustmentType: "ExactCapacity", steps: [{ lower: 0, adjustment: 7 }], breach: { threshold: 0, value: 1 } },
      3,
      7,
    ],
    ["by a share, cut to a whole number", percent(25), 10, 12],
    ["by a share of less than one", percent(4), 10, 11],
    ["by a share, at least so much", { ...percent(10), minAdjustmentMagnitude: 3 }, 10, 13],
    ["down by a share", percent(-25), 10, 8],
    ["down by a share of less than one", percent(-4), 10, 9],
    ["not below the minimum", { steps: [{ lower: 0, adjustment: -50 }], breach: { threshold: 0, value: 1 } }, 10, 1],
    ["not at all without data", { steps: OUT, breach: { threshold: 50 } }, 10, 10],
    ["not at all outside every step", { steps: OUT, breach: { threshold: 50, value: 40 } }, 10, 10],
  ];
  function percent(adjustment: number): Partial<StepPolicy> {
    return {
      adjustmentType: "PercentChangeInCapacity",
      steps: [{ lower: 0, adjustment }],
      breach: { threshold: 0, value: 1 },
    };
  }
  for (const [name, given, capacity, expected] of cases) {
    test(name, () => assert.equal(once(step(given), capacity), expected));
  }

  test("a more aggressive step during a cooldown adds the difference", () => {
    const breach = (value: number) => [
      step({ steps: OUT, cooldownMs: 5 * MINUTE_MS, breach: { threshold: 50, value } }),
    ];
    const { capacity } = tell(7, { capacity: 10, metrics: [], extra: (minute) => breach(minute < 3 ? 65 : 75) });
    assert.deepEqual(capacity, [10, 12, 12, 14, 14, 14, 14, 14]);
  });

  test("repeats while the alarm stays, from cooldown to cooldown", () => {
    const extra = () => [step({ steps: OUT, cooldownMs: 2 * MINUTE_MS, breach: { threshold: 50, value: 55 } })];
    assert.deepEqual(tell(6, { capacity: 1, metrics: [], extra }).capacity, [1, 2, 2, 3, 3, 4, 4]);
  });
});

function once(policy: Policy, capacity: number): number {
  const situation: Situation = {
    limits: { min: 1, max: 100 },
    capacity,
    isDeploying: false,
    suspended: { in: false, out: false },
    cooldowns: {},
    policies: [policy],
  };
  const decision = decide(situation, 0);
  return decision.what === "scale" ? decision.capacity : capacity;
}
