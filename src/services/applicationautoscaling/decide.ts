/**
 * The decision to scale, pure: what a target's policies want at one moment, and what comes of it. The platform hands in what CloudWatch and the
 * scaled service say; the replay of a trace hands in what its model says; both get the same answer.
 *
 *  - Target tracking scales in proportion to metric over target, rounded up both ways: it never removes so much that the target would be missed.
 *  - Several policies: one that wants more is enough to scale out. Tracking policies scale in together: every one that may must be below its
 *    target. A step policy asks none of them: its scale-in is not blocked by a tracking policy that is not ready for one. The largest
 *    capacity that is wanted wins, in both directions.
 *  - Without data nobody scales in.
 *  - During a scale-out cooldown the capacity that opened it counts towards what is wanted next. A scale-in cooldown holds back further
 *    scale-ins, and a scale-out ends it.
 *  - While the scaled service is being deployed, nothing is taken from it.
 *
 * @see https://docs.aws.amazon.com/autoscaling/application/userguide/target-tracking-scaling-policy-overview.html
 * @see https://docs.aws.amazon.com/autoscaling/application/APIReference/API_PutScalingPolicy.html which policy wins
 * @see https://docs.aws.amazon.com/autoscaling/application/userguide/step-scaling-policy-overview.html
 */

export interface TrackingPolicy {
  readonly kind: "tracking";
  readonly name: string;
  /** What the metric should be. */
  readonly target: number;
  readonly scaleOutCooldownMs: number;
  readonly scaleInCooldownMs: number;
  readonly mayScaleIn: boolean;
  /** Whether the alarm above the target is in ALARM, or the one below. */
  readonly breach: "above" | "below" | "none";
  /** What the metric is: the latest value above, the highest of the alarm's below. Absent without data. */
  readonly value?: number;
}

export interface StepPolicy {
  readonly kind: "step";
  readonly name: string;
  readonly adjustmentType: "ChangeInCapacity" | "PercentChangeInCapacity" | "ExactCapacity";
  readonly steps: readonly Step[];
  readonly minAdjustmentMagnitude?: number;
  readonly cooldownMs: number;
  /** The alarm that is in ALARM, if one is. */
  readonly breach?: { readonly threshold: number; readonly value?: number };
}

/** Bounds are relative to the alarm's threshold. */
export interface Step {
  readonly lower?: number;
  readonly upper?: number;
  readonly adjustment: number;
}

export type Policy = TrackingPolicy | StepPolicy;

export interface Limits {
  readonly min: number;
  readonly max: number;
}

/** What earlier decisions still mean. */
export interface Cooldowns {
  /** The scale-out that opened a cooldown: capacity before and after it. */
  readonly out?: { readonly untilMs: number; readonly from: number; readonly to: number };
  readonly in?: { readonly untilMs: number };
}

export interface Situation {
  readonly limits: Limits;
  /** What the scaled service has been told to have. */
  readonly capacity: number;
  readonly isDeploying: boolean;
  readonly suspended: { readonly in: boolean; readonly out: boolean };
  readonly cooldowns: Cooldowns;
  readonly policies: readonly Policy[];
}

/** Why a policy that wanted to scale did not. */
export type NotScaled =
  | { readonly code: "AlreadyAtMaxCapacity"; readonly maxCapacity: number }
  | { readonly code: "AlreadyAtMinCapacity"; readonly minCapacity: number }
  | { readonly code: "AlreadyAtDesiredCapacity"; readonly currentCapacity: number }
  | { readonly code: "TargetServicePutResourceAsUnscalable" };

export type Decision =
  | {
      readonly what: "scale";
      readonly capacity: number;
      readonly direction: "out" | "in";
      readonly policy: string;
      readonly cooldowns: Cooldowns;
    }
  /** Nothing is wanted, or what is wanted is not done. `untilMs`: a cooldown is in the way until then. */
  | {
      readonly what: "stay";
      readonly policy?: string;
      readonly reason?: NotScaled;
      readonly untilMs?: number;
    };

export function decide(situation: Situation, nowMs: number): Decision {
  const out = wantedOut(situation, nowMs);
  if (out) return scaleOut(situation, out, nowMs);
  const less = wantedIn(situation);
  if (less) return scaleIn(situation, less, nowMs);
  return { what: "stay" };
}

interface Wish {
  readonly policy: Policy;
  readonly capacity: number;
}

const largest = (wishes: readonly Wish[]): Wish | undefined =>
  wishes.reduce<Wish | undefined>((best, wish) => (best && best.capacity >= wish.capacity ? best : wish), undefined);

/** The most that a policy wants, if one wants more than there is. */
function wantedOut(
  { capacity, cooldowns, policies }: Situation,
  nowMs: number,
): (Wish & { held: boolean }) | undefined {
  const opened =
    cooldowns.out && nowMs < cooldowns.out.untilMs && cooldowns.out.to === capacity ? cooldowns.out : undefined;
  const wishes = policies.flatMap((policy): Wish[] => {
    // From zero there is no proportion: one is where it begins.
    const fresh = wish(policy, capacity);
    if (fresh === undefined || fresh <= capacity) return [];
    const counted = opened ? (wish(policy, opened.from) ?? capacity) : fresh;
    return [{ policy, capacity: counted }];
  });
  const most = largest(wishes);
  return most && { ...most, held: most.capacity <= capacity };
}

function scaleOut(
  { capacity, limits, suspended, cooldowns }: Situation,
  { policy, capacity: wanted, held }: Wish & { readonly held: boolean },
  nowMs: number,
): Decision {
  const { name } = policy;
  if (suspended.out) return { what: "stay", policy: name };
  if (capacity >= limits.max) {
    return { what: "stay", policy: name, reason: { code: "AlreadyAtMaxCapacity", maxCapacity: limits.max } };
  }
  if (held) return { what: "stay", policy: name, untilMs: cooldowns.out!.untilMs };
  const next = Math.max(limits.min, Math.min(wanted, limits.max));
  if (next <= capacity) return { what: "stay", policy: name };
  const lengthMs = policy.kind === "tracking" ? policy.scaleOutCooldownMs : policy.cooldownMs;
  const stillOpen = cooldowns.out && nowMs < cooldowns.out.untilMs && cooldowns.out.to === capacity;
  const from = stillOpen ? cooldowns.out!.from : capacity;
  // A scale-out ends the wait of a scale-in.
  return {
    what: "scale",
    capacity: next,
    direction: "out",
    policy: name,
    cooldowns: { out: { untilMs: nowMs + lengthMs, from, to: next } },
  };
}

/** The most that is left of what policies want less of. */
function wantedIn(situation: Situation): Wish | undefined {
  const { capacity, policies } = situation;
  const steps = policies.flatMap((policy): Wish[] => {
    const wanted = policy.kind === "step" ? wish(policy, capacity) : undefined;
    return wanted !== undefined && wanted < capacity ? [{ policy, capacity: wanted }] : [];
  });
  const together = trackedIn(situation);
  // Tracking policies whose rounding leaves all there is want nothing, and are in nobody's way.
  const less = largest(together && together.capacity < capacity ? [...steps, together] : steps);
  return less ?? together;
}

/** What tracking policies want together; undefined unless every one that may scale in is below its target. */
function trackedIn({ capacity, policies }: Situation): Wish | undefined {
  const asked = policies.filter((policy) => policy.kind === "tracking" && policy.mayScaleIn);
  const wishes = asked.flatMap((policy): Wish[] => {
    const wanted = policy.kind === "tracking" && policy.breach === "below" ? wish(policy, capacity) : undefined;
    return wanted === undefined ? [] : [{ policy, capacity: wanted }];
  });
  return wishes.length === asked.length ? largest(wishes) : undefined;
}

function scaleIn(
  { capacity, limits, suspended, cooldowns, isDeploying }: Situation,
  { policy, capacity: wanted }: Wish,
  nowMs: number,
): Decision {
  const { name } = policy;
  const stay = (reason: NotScaled): Decision => ({ what: "stay", policy: name, reason });
  if (suspended.in) return { what: "stay", policy: name };
  if (capacity <= limits.min) return stay({ code: "AlreadyAtMinCapacity", minCapacity: limits.min });
  if (wanted >= capacity) return stay({ code: "AlreadyAtDesiredCapacity", currentCapacity: capacity });
  if (isDeploying) return stay({ code: "TargetServicePutResourceAsUnscalable" });
  if (cooldowns.in && nowMs < cooldowns.in.untilMs)
    return { what: "stay", policy: name, untilMs: cooldowns.in.untilMs };
  const next = Math.max(wanted, limits.min);
  const lengthMs = policy.kind === "tracking" ? policy.scaleInCooldownMs : policy.cooldownMs;
  return {
    what: "scale",
    capacity: next,
    direction: "in",
    policy: name,
    cooldowns: { in: { untilMs: nowMs + lengthMs } },
  };
}

/** What a policy would set a capacity to; undefined when it wants nothing, or does not know. */
function wish(policy: Policy, capacity: number): number | undefined {
  return policy.kind === "tracking" ? tracked(policy, capacity) : stepped(policy, capacity);
}

/** Sums of floating-point numbers miss whole ones by less than this. */
const ROUNDING = 1e-9;

function tracked({ breach, value, target }: TrackingPolicy, capacity: number): number | undefined {
  if (value === undefined || breach === "none") return undefined;
  const proportional = Math.ceil((capacity * value) / target - ROUNDING);
  if (breach === "above") return Math.max(proportional, capacity + 1);
  return Math.min(proportional, capacity);
}

function stepped({ breach, steps, ...policy }: StepPolicy, capacity: number): number | undefined {
  if (breach?.value === undefined) return undefined;
  const step = stepFor(steps, breach.value - breach.threshold);
  return step && Math.max(0, adjusted(policy, capacity, step.adjustment));
}

/** Above the threshold a step holds its lower bound and not its upper one, below it the other way round. */
function stepFor(steps: readonly Step[], distance: number): Step | undefined {
  return steps.find(({ lower = Number.NEGATIVE_INFINITY, upper = Number.POSITIVE_INFINITY }) =>
    distance >= 0 ? distance >= lower && distance < upper : distance > lower && distance <= upper,
  );
}

function adjusted(
  { adjustmentType, minAdjustmentMagnitude = 0 }: Pick<StepPolicy, "adjustmentType" | "minAdjustmentMagnitude">,
  capacity: number,
  adjustment: number,
): number {
  if (adjustmentType === "ExactCapacity") return adjustment;
  if (adjustmentType === "ChangeInCapacity") return capacity + adjustment;
  const change = (capacity * adjustment) / 100;
  const whole = Math.abs(change) < 1 ? Math.sign(change) : Math.trunc(change);
  const magnitude = whole === 0 ? 0 : Math.max(Math.abs(whole), minAdjustmentMagnitude);
  return capacity + Math.sign(whole) * magnitude;
}

/** Where a capacity must be when its limits have changed. */
export const bounded = (capacity: number, { min, max }: Limits): number => Math.min(Math.max(capacity, min), max);
