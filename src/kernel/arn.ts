/** Amazon Resource Names, and the branded strings that must not be mixed up. */

declare const brand: unique symbol;
export type Arn = string & { readonly [brand]: "Arn" };
/** Twelve digits. */
export type AccountId = string & { readonly [brand]: "AccountId" };
export type Region = string & { readonly [brand]: "Region" };

export interface ArnParts {
  readonly partition: string;
  readonly service: string;
  readonly region: string;
  readonly accountId: string;
  /** Everything after the fifth colon, colons included. */
  readonly resource: string;
}

/** `arn:aws:sqs:us-east-1:000000000000:orders`. S3 leaves region and account empty; IAM leaves the region empty. */
export function arn(service: string, region: string, accountId: string, resource: string): Arn {
  return `arn:aws:${service}:${region}:${accountId}:${resource}` as Arn;
}

/** Undefined when the text is not an ARN. */
export function parseArn(text: string): ArnParts | undefined {
  const match = /^arn:([^:]*):([^:]*):([^:]*):([^:]*):(.+)$/s.exec(text);
  if (!match) return undefined;
  return { partition: match[1]!, service: match[2]!, region: match[3]!, accountId: match[4]!, resource: match[5]! };
}

export function isAccountId(text: string): text is AccountId {
  return /^\d{12}$/.test(text);
}
