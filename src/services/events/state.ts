/**
 * What EventBridge keeps. Events themselves are nowhere: each is matched as it arrives, and what is owed to a target waits in the outbox.
 *
 *     ("events", account, region, "bus", name)                → Bus; the default one is kept once something was set on it
 *     ("events", account, region, "rule", busName, ruleName)  → Rule with its targets: read together for every event
 *     ("events", account, region, "target", targetArn, busName, ruleName) → 0: which rules a target belongs to
 */
import { arn } from "../../kernel/arn.ts";
import { type Key, key } from "../../storage/keys.ts";
import { defineRecord } from "../../storage/records.ts";

export interface Where {
  readonly accountId: string;
  readonly region: string;
}

export const DEFAULT_BUS = "default";

export interface PolicyStatement {
  readonly Sid?: string;
  readonly [element: string]: unknown;
}

export interface Bus {
  readonly name: string;
  readonly createdMs: number;
  readonly modifiedMs: number;
  readonly description?: string;
  /** Statements of its policy; absent when it has none. */
  readonly policy?: readonly PolicyStatement[];
  readonly tags: Readonly<Record<string, string>>;
}
export const Buses = defineRecord<Bus>("events.Bus", 1);
export const busKey = ({ accountId, region }: Where, name: string): Key =>
  key("events", accountId, region, "bus", name);
export const busArn = ({ accountId, region }: Where, name: string): string =>
  arn("events", region, accountId, `event-bus/${name}`);

/** Of what RunTask is asked, beside what the target's input says. */
export interface TaskParameters {
  readonly taskDefinition: string;
  readonly count: number;
  readonly launchType?: "FARGATE";
  readonly platformVersion?: string;
  readonly group?: string;
  readonly enableEcsManagedTags?: boolean;
  readonly propagateTags?: "TASK_DEFINITION";
  readonly network?: {
    readonly subnets: readonly string[];
    readonly securityGroups: readonly string[];
    readonly assignPublicIp?: "ENABLED" | "DISABLED";
  };
  readonly tags: readonly { readonly key: string; readonly value: string }[];
}

/** As PutTargets takes it, without what is absent. */
export interface Target {
  readonly id: string;
  readonly arn: string;
  readonly roleArn?: string;
  readonly input?: string;
  readonly inputPath?: string;
  readonly inputTransformer?: { readonly paths: Readonly<Record<string, string>>; readonly template: string };
  readonly messageGroupId?: string;
  /** What a cluster runs. */
  readonly task?: TaskParameters;
  readonly deadLetterArn?: string;
  readonly retryPolicy?: { readonly MaximumRetryAttempts?: number; readonly MaximumEventAgeInSeconds?: number };
}

export interface Rule {
  readonly name: string;
  readonly busName: string;
  readonly pattern?: string;
  readonly schedule?: string;
  /** Where a rate counts from. */
  readonly scheduledMs?: number;
  /** Changes whenever the schedule begins anew, so that timers of the old one mean nothing. */
  readonly generation: string;
  readonly enabled: boolean;
  readonly description?: string;
  readonly roleArn?: string;
  readonly createdBy: string;
  readonly tags: Readonly<Record<string, string>>;
  /** In the order of their ids. */
  readonly targets: readonly Target[];
}
export const Rules = defineRecord<Rule>("events.Rule", 1);
export const ruleKey = ({ accountId, region }: Where, busName: string, ruleName: string): Key =>
  key("events", accountId, region, "rule", busName, ruleName);
export const targetKey = (at: Where, targetArn: string, busName: string, ruleName: string): Key =>
  key("events", at.accountId, at.region, "target", targetArn, busName, ruleName);

export const ruleArn = ({ accountId, region }: Where, { busName, name }: Pick<Rule, "busName" | "name">): string =>
  arn("events", region, accountId, busName === DEFAULT_BUS ? `rule/${name}` : `rule/${busName}/${name}`);

/** An event as targets see it. @see https://docs.aws.amazon.com/eventbridge/latest/ref/overiew-event-structure.html */
export interface Event {
  readonly version: "0";
  readonly id: string;
  readonly "detail-type": string;
  readonly source: string;
  readonly account: string;
  /** To the second: `2026-01-01T00:00:00Z`. */
  readonly time: string;
  readonly region: string;
  readonly resources: readonly string[];
  readonly detail: unknown;
}

/** `2026-01-01T00:00:00Z` */
export const eventTime = (atMs: number): string => `${new Date(atMs).toISOString().slice(0, 19)}Z`;
