/**
 * Sending needs a permission on the identity by which it sends: the address if that is verified itself, else its domain.
 *
 * @see https://docs.aws.amazon.com/ses/latest/dg/control-user-access.html
 */
import { arn } from "../../kernel/arn.ts";
import type { OperationContext, Permission } from "../service.ts";
import { addressFault, domainOf, parseMailbox } from "./addresses.ts";
import { identityArn, identityName } from "./identities.ts";
import { headerOf, readHeaders } from "./mime.ts";

export type PermissionContext = Pick<OperationContext, "accountId" | "region" | "call">;

interface GivenDestination {
  readonly ToAddresses?: readonly string[] | undefined;
  readonly CcAddresses?: readonly string[] | undefined;
  readonly BccAddresses?: readonly string[] | undefined;
}

export function senderPermission(
  action: string,
  from: string | undefined,
  recipients: readonly string[],
  context: PermissionContext,
): Permission {
  const mailbox = from === undefined || addressFault(from) !== undefined ? undefined : parseMailbox(from);
  return {
    action,
    resource: mailbox ? identityArn(context, usedIdentity(mailbox.address, context)) : "*",
    conditions: {
      ...(mailbox ? { "ses:FromAddress": mailbox.address, "ses:FromDisplayName": mailbox.name } : {}),
      ...(recipients.length > 0 ? { "ses:Recipients": recipients } : {}),
    },
  };
}

export function templatePermission(
  action: string,
  name: string | undefined,
  { accountId, region }: PermissionContext,
): Permission {
  return { action, resource: arn("ses", region, accountId, `template/${name ?? ""}`) };
}

export const recipientsOf = (destination: GivenDestination | undefined): string[] => [
  ...(destination?.ToAddresses ?? []),
  ...(destination?.CcAddresses ?? []),
  ...(destination?.BccAddresses ?? []),
];

/** Whom a raw message says it is from. */
export const rawSender = (data: Uint8Array | undefined): string | undefined =>
  data && headerOf(readHeaders(data).headers, "from");

/** Asked as the account itself: whether the caller may send does not depend on whether it may list. */
function usedIdentity(address: string, { accountId, call }: PermissionContext): string {
  const own = identityName(address);
  const domains: string[] = [];
  for (let domain = domainOf(address); domain.includes("."); domain = domain.slice(domain.indexOf(".") + 1)) {
    domains.push(domain);
  }
  const { VerificationAttributes } = call(
    "ses",
    "GetIdentityVerificationAttributes",
    { Identities: [own, ...domains].slice(0, 100) },
    { principal: { type: "root", accountId, arn: arn("iam", "", accountId, "root") } },
  );
  return [own, ...domains].find((name) => VerificationAttributes?.[name]) ?? own;
}
