/**
 * The Principal element, and whom a request's principal is known as.
 *
 * @see https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_principal.html
 */
import type { Principal } from "../service.ts";

/**
 * How a Principal element covers a caller, strongest first: `session` by the ARN of its session or by its user's ARN; `role` by the ARN of
 * its role; `everyone` by `*`; `account` by its account, which only delegates: the account's own policies must allow as well.
 */
export type PrincipalMatch = "session" | "role" | "everyone" | "account";

export interface PrincipalElement {
  readonly everyone: boolean;
  readonly aws: ReadonlySet<string>;
  readonly services: ReadonlySet<string>;
}

/** @param element `"*"`, or lists by type: `{ AWS: […], Service: […] }` */
export function compilePrincipal(element: "*" | Readonly<Record<string, readonly string[]>>): PrincipalElement {
  if (element === "*") return { everyone: true, aws: new Set(), services: new Set() };
  const aws = new Set<string>();
  for (const value of element["AWS"] ?? []) {
    const root = /^(?:arn:[^:]*:iam::)?(\d{12})(?::root)?$/.exec(value);
    aws.add(root ? accountPrincipal(root[1]!) : value);
  }
  return { everyone: aws.has("*"), aws, services: new Set(element["Service"] ?? []) };
}

export function matchPrincipal(element: PrincipalElement, principal: Principal): PrincipalMatch | undefined {
  switch (principal.type) {
    case "anonymous":
      return element.everyone ? "everyone" : undefined;
    case "service":
      if (element.services.has(principal.service)) return "session";
      return element.everyone || element.services.has("*") ? "everyone" : undefined;
    case "root":
      if (element.aws.has(accountPrincipal(principal.accountId))) return "session";
      return element.everyone ? "everyone" : undefined;
    case "user":
      if (element.aws.has(principal.arn) || element.aws.has(principal.userId)) return "session";
      break;
    case "assumed-role":
      if (element.aws.has(principal.arn)) return "session";
      if (element.aws.has(principal.roleArn) || element.aws.has(principal.roleId)) return "role";
  }
  if (element.everyone) return "everyone";
  return element.aws.has(accountPrincipal(principal.accountId)) ? "account" : undefined;
}

/** As a denial names the caller. */
export function principalName(principal: Principal): string {
  if (principal.type === "anonymous") return "anonymous";
  return principal.type === "service" ? principal.service : principal.arn;
}

function accountPrincipal(accountId: string): string {
  return `arn:aws:iam::${accountId}:root`;
}
