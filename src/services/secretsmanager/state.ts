/**
 * What Secrets Manager keeps. Values are sealed.
 *
 *     ("secretsmanager", account, region, "secret", name)              → Secret: with the staging labels of its versions
 *     ("secretsmanager", account, region, "version", name, versionId)  → Version
 */
import { arn } from "../../kernel/arn.ts";
import { type Key, key } from "../../storage/keys.ts";
import { defineRecord } from "../../storage/records.ts";

export interface Where {
  readonly accountId: string;
  readonly region: string;
}

export const CURRENT = "AWSCURRENT";
export const PREVIOUS = "AWSPREVIOUS";
export const PENDING = "AWSPENDING";

export interface Rotation {
  readonly enabled: boolean;
  readonly lambdaArn: string;
  readonly rules: {
    readonly AutomaticallyAfterDays?: number;
    readonly Duration?: string;
    readonly ScheduleExpression?: string;
  };
  readonly nextMs?: number;
  /** Changes with the rules, so that timers of before mean nothing. */
  readonly generation: string;
}

export interface Secret {
  readonly name: string;
  /** The name, a hyphen and six characters: the end of its ARN. */
  readonly id: string;
  readonly description?: string;
  readonly createdMs: number;
  readonly changedMs: number;
  readonly rotatedMs?: number;
  /** To the day. */
  readonly accessedMs?: number;
  /** When it goes for good, once it was deleted. */
  readonly deletionMs?: number;
  /** Version ids by staging label: a label is on one version at most. */
  readonly stages: Readonly<Record<string, string>>;
  readonly tags: Readonly<Record<string, string>>;
  readonly policy?: string;
  readonly rotation?: Rotation;
}
export const Secrets = defineRecord<Secret>("secretsmanager.Secret", 1);
export const secretKey = ({ accountId, region }: Where, name: string): Key =>
  key("secretsmanager", accountId, region, "secret", name);
export const secretArn = ({ accountId, region }: Where, { id }: Pick<Secret, "id">): string =>
  arn("secretsmanager", region, accountId, `secret:${id}`);

export interface Version {
  readonly id: string;
  readonly createdMs: number;
  /** Sealed; one of the two. */
  readonly text?: string;
  readonly binary?: string;
}
export const Versions = defineRecord<Version>("secretsmanager.Version", 1);
export const versionKey = ({ accountId, region }: Where, name: string, versionId: string): Key =>
  key("secretsmanager", accountId, region, "version", name, versionId);

export const stagesOf = ({ stages }: Secret, versionId: string): string[] =>
  Object.keys(stages).filter((stage) => stages[stage] === versionId);
