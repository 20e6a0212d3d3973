/** Identifiers in the formats that AWS gives them. */
import { createHash } from "node:crypto";
import type { Random } from "./random.ts";

const LOWER = "abcdefghijklmnopqrstuvwxyz0123456789";
const UPPER = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
const MIXED = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";

function pick(random: Random, alphabet: string, length: number): string {
  let text = "";
  for (const byte of random.bytes(length)) text += alphabet[byte % alphabet.length];
  return text;
}

/** `a1b2c3d4e5`: API ids, resource ids and function URL ids. */
export const lowerId = (random: Random, length: number): string => pick(random, LOWER, length);

/** CloudFormation's suffix of generated physical names: `1HXC4R0Q2MZP7`. */
export const upperId = (random: Random, length: number): string => pick(random, UPPER, length);

/** Letters of both cases and digits, as in secrets and version ids. */
export const mixedId = (random: Random, length: number): string => pick(random, MIXED, length);

export type IamPrefix = "AKIA" | "ASIA" | "AIDA" | "AROA" | "ANPA" | "AGPA" | "AIPA";

/** IAM unique ids: `AKIA…` access key, `ASIA…` temporary key, `AIDA…` user, `AROA…` role, `ANPA…` managed policy, `AGPA…` group, `AIPA…` instance profile. @see https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_identifiers.html */
export const iamId = (random: Random, prefix: IamPrefix): string => prefix + pick(random, UPPER, 16);

/** The IAM unique id of what is nowhere stored: the same for the same ARN, always. */
export function iamIdOf(arn: string, prefix: IamPrefix): string {
  const digest = createHash("sha256").update(arn).digest();
  return prefix + Array.from(digest.subarray(0, 16), (byte) => UPPER[byte % UPPER.length]).join("");
}
