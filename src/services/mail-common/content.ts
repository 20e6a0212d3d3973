/** Parts of a formatted message as the APIs give them. */
import type { AwsError } from "../../kernel/errors.ts";

export interface GivenContent {
  readonly Data: string | undefined;
  readonly Charset?: string | undefined;
}

/** The text of a part. Whatever charset is asked for, the message is written in UTF-8, which has every character of it. */
export function textOf(content: GivenContent | undefined, invalid: (message: string) => AwsError): string | undefined {
  if (content?.Data === undefined) return undefined;
  if (content.Charset !== undefined && !isCharset(content.Charset)) {
    throw invalid(`Unknown charset: ${content.Charset}`);
  }
  return content.Data;
}

function isCharset(name: string): boolean {
  try {
    new TextDecoder(name);
    return true;
  } catch {
    return false;
  }
}
