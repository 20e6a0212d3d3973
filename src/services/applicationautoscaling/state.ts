/**
 * What Application Auto Scaling remembers, and where. What belongs to one scalable target lies together.
 *
 *     applicationautoscaling / ACCOUNT / REGION
 *       ├ "target"   / NAMESPACE / RESOURCE / DIMENSION                   TargetRecord
 *       ├ "policy"   / NAMESPACE / RESOURCE / DIMENSION / NAME            PolicyRecord
 *       ├ "action"   / NAMESPACE / RESOURCE / DIMENSION / NAME            ActionRecord
 *       └ "activity" / NAMESPACE / RESOURCE / DIMENSION / START / ID      ActivityRecord
 */
import type { AccountId, Region } from "../../kernel/arn.ts";
import { type Key, key, keysUnder } from "../../storage/keys.ts";
import { defineRecord } from "../../storage/records.ts";
import type { InputOf, OutputOf } from "../service.ts";
import type { Cooldowns } from "./decide.ts";

export interface Place {
  readonly accountId: AccountId;
  readonly region: Region;
}

/** What a target is known by. */
export interface TargetId {
  readonly namespace: Namespace;
  readonly resourceId: string;
  readonly dimension: DimensionName;
}

type Target = NonNullable<OutputOf<"applicationautoscaling", "DescribeScalableTargets">["ScalableTargets"]>[number];
export type Namespace = NonNullable<Target["ServiceNamespace"]>;
export type DimensionName = NonNullable<Target["ScalableDimension"]>;

type PolicyInput = InputOf<"applicationautoscaling", "PutScalingPolicy">;
export type TrackingConfiguration = NonNullable<PolicyInput["TargetTrackingScalingPolicyConfiguration"]>;
export type StepConfiguration = NonNullable<PolicyInput["StepScalingPolicyConfiguration"]>;

export interface TargetRecord extends TargetId {
  /** The last part of its ARN. */
  readonly arnId: string;
  readonly min: number;
  readonly max: number;
  readonly roleArn: string;
  readonly createdMs: number;
  readonly suspended: { readonly in: boolean; readonly out: boolean; readonly scheduled: boolean };
  readonly tags: Readonly<Record<string, string>>;
  readonly cooldowns: Cooldowns;
  /** The last evaluation that was asked for. Limits that were changed give their cause until they have been looked at. */
  readonly evaluation?: { readonly number: number; readonly boundsCause?: string };
}

export interface PolicyRecord extends TargetId {
  readonly name: string;
  readonly arn: string;
  readonly createdMs: number;
  readonly tracking?: TrackingConfiguration;
  readonly step?: StepConfiguration;
  /** The policy's own alarms, by what they watch for. */
  readonly alarms: readonly { readonly name: string; readonly arn: string; readonly side: "above" | "below" }[];
  /** Alarms of the user's that named the policy when they went into ALARM; those that have left it again are dropped when next looked at. */
  readonly callers: readonly string[];
}

export interface ActionRecord extends TargetId {
  readonly name: string;
  readonly arn: string;
  readonly createdMs: number;
  readonly schedule: string;
  readonly timeZone: string;
  readonly startMs?: number;
  readonly endMs?: number;
  readonly min?: number;
  readonly max?: number;
  /** When it runs next; absent when it never will. */
  readonly nextMs?: number;
}

export interface ActivityRecord extends TargetId {
  readonly id: string;
  readonly description: string;
  readonly cause: string;
  readonly startMs: number;
  readonly endMs?: number;
  readonly status: "InProgress" | "Successful" | "Failed";
  readonly message?: string;
  readonly details?: string;
  readonly notScaled?: {
    readonly Code: string;
    readonly MaxCapacity?: number;
    readonly MinCapacity?: number;
    readonly CurrentCapacity?: number;
  };
}

export const targets = defineRecord<TargetRecord>("applicationautoscaling.ScalableTarget", 1);
export const policies = defineRecord<PolicyRecord>("applicationautoscaling.ScalingPolicy", 1);
export const actions = defineRecord<ActionRecord>("applicationautoscaling.ScheduledAction", 1);
export const activities = defineRecord<ActivityRecord>("applicationautoscaling.ScalingActivity", 1);

const SERVICE = "applicationautoscaling";
export type Noun = "target" | "policy" | "action" | "activity";

const partsOf = ({ namespace, resourceId, dimension }: TargetId) => [namespace, resourceId, dimension] as const;

export const targetKey = ({ accountId, region }: Place, id: TargetId): Key =>
  key(SERVICE, accountId, region, "target", ...partsOf(id));
export const policyKey = ({ accountId, region }: Place, id: TargetId, name: string): Key =>
  key(SERVICE, accountId, region, "policy", ...partsOf(id), name);
export const actionKey = ({ accountId, region }: Place, id: TargetId, name: string): Key =>
  key(SERVICE, accountId, region, "action", ...partsOf(id), name);
export const activityKey = ({ accountId, region }: Place, { startMs, id, ...target }: ActivityRecord): Key =>
  key(SERVICE, accountId, region, "activity", ...partsOf(target), startMs, id);

/** Everything of a kind in a namespace, of one resource, or of one target. */
export const nounRange = (
  { accountId, region }: Place,
  noun: Noun,
  ...within: readonly (string | undefined)[]
): { start: Key; end: Key } => {
  const known = within.slice(0, within.includes(undefined) ? within.indexOf(undefined) : within.length) as string[];
  return keysUnder(SERVICE, accountId, region, noun, ...known);
};

export const ofTarget = (place: Place, noun: Noun, id: TargetId) => nounRange(place, noun, ...partsOf(id));
