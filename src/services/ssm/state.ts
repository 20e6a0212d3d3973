/**
 * What Parameter Store keeps. A secure string's value is sealed.
 *
 *     ("ssm", account, region, "parameter", name)         → Parameter: what holds for all of its versions
 *     ("ssm", account, region, "version", name, version)  → Version
 */
import { arn } from "../../kernel/arn.ts";
import { type Key, key } from "../../storage/keys.ts";
import { defineRecord } from "../../storage/records.ts";

export interface Where {
  readonly accountId: string;
  readonly region: string;
}

export type ParameterType = "String" | "StringList" | "SecureString";
export type Tier = "Standard" | "Advanced";

export interface Parameter {
  readonly name: string;
  readonly type: ParameterType;
  readonly tier: Tier;
  readonly latestVersion: number;
  readonly tags: Readonly<Record<string, string>>;
  /** The version that each label points to. */
  readonly labels: Readonly<Record<string, number>>;
}
export const Parameters = defineRecord<Parameter>("ssm.Parameter", 1);
export const parameterKey = ({ accountId, region }: Where, name: string): Key =>
  key("ssm", accountId, region, "parameter", name);

export interface Version {
  readonly version: number;
  /** Sealed for a secure string. */
  readonly value: string;
  readonly description?: string;
  readonly allowedPattern?: string;
  readonly keyId?: string;
  readonly tier: Tier;
  readonly modifiedMs: number;
  readonly modifiedBy: string;
}
export const Versions = defineRecord<Version>("ssm.Version", 1);
export const versionKey = ({ accountId, region }: Where, name: string, version: number): Key =>
  key("ssm", accountId, region, "version", name, version);

/** `parameter/a` for `a` and for `/a`. */
export const parameterArn = ({ accountId, region }: Where, name: string): string =>
  arn("ssm", region, accountId, `parameter${name.startsWith("/") ? "" : "/"}${name}`);
