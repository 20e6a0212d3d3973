/**
 * Limits and member checks of CloudWatch Logs. Violations of the API model are reported together, as InvalidParameterException.
 *
 * @see https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/cloudwatch_limits_cwl.html
 */
import { invalidParameter } from "./errors.ts";

export const DAY_MS = 86_400_000;

export const LIMITS = {
  batchEvents: 10_000,
  /** Messages in UTF-8 and {@link LIMITS.eventOverheadBytes} for each. */
  batchBytes: 1_048_576,
  eventOverheadBytes: 26,
  pastMs: 14 * DAY_MS,
  futureMs: 2 * 3_600_000,
  batchSpanMs: DAY_MS,
  tags: 50,
  responseBytes: 1_048_576,
  responseEvents: 10_000,
  /** Events that one FilterLogEvents looks at; what is left comes with the next token. */
  searchedEvents: 10_000,
} as const;

export const RETENTION_DAYS = [
  1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288, 3653,
];

const GROUP_NAME = "[\\.\\-_/#A-Za-z0-9]+";
const STREAM_NAME = "[^:*]*";

export interface Constraints {
  groupName(value: string | undefined, member?: string): void;
  streamName(value: string | undefined, member?: string): void;
  required(member: string, value: unknown): void;
  range(member: string, value: number | undefined, minimum: number, maximum: number): void;
  tags(member: string, value: Readonly<Record<string, string>> | undefined): void;
  /** @throws InvalidParameterException */
  check(): void;
}

export function constraints(): Constraints {
  const found: string[] = [];
  const add = (value: unknown, member: string, constraint: string) =>
    found.push(`Value '${String(value)}' at '${member}' failed to satisfy constraint: ${constraint}`);
  const name = (value: string | undefined, member: string, pattern: string) => {
    if (value === undefined) {
      found.push(`Value null at '${member}' failed to satisfy constraint: Member must not be null`);
    } else if (value.length < 1) {
      add(value, member, "Member must have length greater than or equal to 1");
    } else if (value.length > 512) {
      add(value, member, "Member must have length less than or equal to 512");
    } else if (!new RegExp(`^${pattern}$`).test(value)) {
      add(value, member, `Member must satisfy regular expression pattern: ${pattern}`);
    }
  };
  return {
    groupName: (value, member = "logGroupName") => name(value, member, GROUP_NAME),
    streamName: (value, member = "logStreamName") => name(value, member, STREAM_NAME),
    required(member, value) {
      if (value === undefined)
        found.push(`Value null at '${member}' failed to satisfy constraint: Member must not be null`);
    },
    range(member, value, minimum, maximum) {
      if (value === undefined) return;
      if (value < minimum) add(value, member, `Member must have value greater than or equal to ${minimum}`);
      else if (value > maximum) add(value, member, `Member must have value less than or equal to ${maximum}`);
    },
    tags(member, value) {
      if (value === undefined) return;
      const names = Object.keys(value);
      if (names.length > LIMITS.tags)
        add(`{…}`, member, `Member must have length less than or equal to ${LIMITS.tags}`);
      const legal = /^[\p{L}\p{Z}\p{N}_.:/=+\-@]*$/u;
      for (const key of names) {
        const isLegal = key.length >= 1 && key.length <= 128 && legal.test(key);
        if (!isLegal || value[key]!.length > 256 || !legal.test(value[key]!)) {
          add(`{${key}=${value[key]}}`, member, "Map entries must satisfy the constraints of tag keys and values");
        }
      }
    },
    check() {
      if (found.length === 0) return;
      throw invalidParameter(
        `${found.length} validation error${found.length > 1 ? "s" : ""} detected: ${found.join("; ")}`,
      );
    },
  };
}
