/**
 * The policy of a browser's upload: what the form may hold, and until when.
 *
 * @see https://docs.aws.amazon.com/AmazonS3/latest/API/sigv4-HTTPPOSTConstructPolicy.html
 */
import { AwsError } from "../../../kernel/errors.ts";

export interface SizeRange {
  readonly min: number;
  readonly max: number;
}

const invalidPolicy = (why: string) => new AwsError("InvalidPolicyDocument", `Invalid Policy: ${why}`, 400);
const denied = (why: string) => new AwsError("AccessDenied", `Invalid according to Policy: ${why}`, 403);

/** Fields that need no condition: those that carry the signature, and those marked as not meant. */
const FREE = /^(x-amz-signature|awsaccesskeyid|signature|policy|file|x-ignore-.*)$/;

/**
 * Checks a form against its policy.
 * @param encoded the policy field: base64 of JSON
 * @param fields by lower-case name; `bucket` among them
 * @returns the sizes that the file may have, where the policy says
 * @throws InvalidPolicyDocument, AccessDenied
 */
export function checkPolicy(
  encoded: string,
  fields: Readonly<Record<string, string>>,
  nowMs: number,
): SizeRange | undefined {
  let policy: { expiration?: unknown; conditions?: unknown };
  try {
    policy = JSON.parse(Buffer.from(encoded, "base64").toString("utf8"));
  } catch {
    throw invalidPolicy("Invalid JSON.");
  }
  const expiresMs = Date.parse(String(policy.expiration ?? ""));
  if (Number.isNaN(expiresMs)) throw invalidPolicy("Invalid 'expiration' value.");
  if (!Array.isArray(policy.conditions)) throw invalidPolicy("Policy missing conditions.");
  if (expiresMs <= nowMs) throw denied("Policy expired.");

  const covered = new Set<string>();
  let range: SizeRange | undefined;
  for (const condition of policy.conditions as unknown[]) {
    if (Array.isArray(condition) && String(condition[0]).toLowerCase() === "content-length-range") {
      const [min, max] = [Number(condition[1]), Number(condition[2])];
      if (!Number.isInteger(min) || !Number.isInteger(max) || condition.length !== 3) {
        throw invalidPolicy("Invalid Condition: content-length-range.");
      }
      range = { min, max };
      continue;
    }
    for (const { operator, name, value, text } of comparisons(condition)) {
      covered.add(name);
      const given = fields[name] ?? "";
      const holds = operator === "eq" ? given === value : given.startsWith(value);
      if (!holds) throw denied(`Policy Condition failed: ${text}`);
    }
  }
  const extra = Object.keys(fields).filter((name) => name !== "bucket" && !covered.has(name) && !FREE.test(name));
  if (extra.length > 0) throw denied(`Extra input fields: ${extra.join(", ")}`);
  return range;
}

interface Comparison {
  readonly operator: "eq" | "starts-with";
  readonly name: string;
  readonly value: string;
  /** As S3 quotes it. */
  readonly text: string;
}

/** `{"acl": "private"}` is `["eq", "$acl", "private"]`. */
function comparisons(condition: unknown): Comparison[] {
  if (Array.isArray(condition)) {
    const [operator, field, value] = condition.map(String) as [string, string, string];
    const known = operator.toLowerCase();
    if (condition.length !== 3 || !field.startsWith("$") || (known !== "eq" && known !== "starts-with")) {
      throw invalidPolicy(`Invalid Condition: ${JSON.stringify(condition)}.`);
    }
    return [{ operator: known, name: field.slice(1).toLowerCase(), value, text: quoted(known, field, value) }];
  }
  if (typeof condition !== "object" || condition === null) throw invalidPolicy("Invalid Condition.");
  return Object.entries(condition).map(([field, value]) => ({
    operator: "eq" as const,
    name: field.toLowerCase(),
    value: String(value),
    text: quoted("eq", `$${field}`, String(value)),
  }));
}

const quoted = (operator: string, field: string, value: string) =>
  `[${[operator, field, value].map((part) => JSON.stringify(part)).join(", ")}]`;
