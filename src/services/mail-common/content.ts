/** Parts of a formatted message as the APIs give them. */
import type { AwsError } from "../../kernel/errors.ts";

/** The text of a part. Whatever charset is asked for, the message is written in UTF-8, which has every character of it. */
export function textOf(
  data: string | undefined,
  charset: string | undefined,
  invalid: (message: string) => AwsError,
): string | undefined {
  if (data !== undefined && charset !== undefined && !isCharset(charset)) throw invalid(`Unknown charset: ${charset}`);
  return data;
}

function isCharset(name: string): boolean {
  try {
    new TextDecoder(name);
    return true;
  } catch {
    return false;
  }
}
