/** Identities and the account. */
import { parseArn } from "../../kernel/arn.ts";
import { after } from "../../storage/keys.ts";
import type { Transaction } from "../../storage/transaction.ts";
import { addressFault, parseMailbox } from "../mail-common/addresses.ts";
import { identityName, isDomainName, verifyIdentity } from "../mail-common/identities.ts";
import { type Identity, identities, identityKey, identityKeys, type Tag, type Where } from "../mail-common/state.ts";
import { MAX_24_HOUR_SEND, MAX_SEND_RATE, sentLast24Hours } from "../mail-common/statistics.ts";
import { pageByName } from "../mail-common/templates.ts";
import type { InputOf, OperationContext, OutputOf } from "../service.ts";
import { alreadyExists, badRequest, notFound } from "./errors.ts";

const IDENTITIES_PAGE_MAX = 1000;
const TAGS_MAX = 50;

export function createEmailIdentity(
  tx: Transaction,
  input: InputOf<"sesv2", "CreateEmailIdentity">,
  context: OperationContext,
): OutputOf<"sesv2", "CreateEmailIdentity"> {
  const given = input.EmailIdentity ?? "";
  const valid = given.includes("@")
    ? addressFault(given) === undefined && parseMailbox(given).address === given
    : isDomainName(given);
  if (!valid) throw badRequest(`Email identity ${given} is not a valid email address or domain.`);
  const name = identityName(given);
  if (identities.get(tx, identityKey(context, name))) throw alreadyExists(`Email identity ${given} already exist.`);
  const identity = verifyIdentity(tx, context, name, mergeTags([], input.Tags));
  return { IdentityType: typeOf(identity), VerifiedForSendingStatus: true, DkimAttributes: dkimAttributes() };
}

export function getEmailIdentity(
  tx: Transaction,
  input: InputOf<"sesv2", "GetEmailIdentity">,
  context: OperationContext,
): OutputOf<"sesv2", "GetEmailIdentity"> {
  const identity = find(tx, context, input.EmailIdentity);
  return {
    IdentityType: typeOf(identity),
    FeedbackForwardingStatus: true,
    VerifiedForSendingStatus: true,
    VerificationStatus: "SUCCESS",
    DkimAttributes: dkimAttributes(),
    MailFromAttributes: {
      MailFromDomain: undefined,
      MailFromDomainStatus: undefined,
      BehaviorOnMxFailure: "USE_DEFAULT_VALUE",
    },
    Policies: {},
    Tags: [...identity.tags],
  };
}

export function listEmailIdentities(
  tx: Transaction,
  input: InputOf<"sesv2", "ListEmailIdentities">,
  context: OperationContext,
): OutputOf<"sesv2", "ListEmailIdentities"> {
  const { start, end } = identityKeys(context);
  const from = input.NextToken === undefined ? start : after(identityKey(context, input.NextToken));
  const max = pageSize(input.PageSize, IDENTITIES_PAGE_MAX, IDENTITIES_PAGE_MAX);
  const { items, next } = pageByName(identities.range(tx, from, end), max);
  return {
    EmailIdentities: items.map((identity) => ({
      IdentityType: typeOf(identity),
      IdentityName: identity.name,
      SendingEnabled: true,
      VerificationStatus: "SUCCESS",
    })),
    NextToken: next,
  };
}

export function deleteEmailIdentity(
  tx: Transaction,
  input: InputOf<"sesv2", "DeleteEmailIdentity">,
  context: OperationContext,
): OutputOf<"sesv2", "DeleteEmailIdentity"> {
  tx.delete(identityKey(context, find(tx, context, input.EmailIdentity).name));
  return {};
}

export function getAccount(
  tx: Transaction,
  _input: InputOf<"sesv2", "GetAccount">,
  context: OperationContext,
): OutputOf<"sesv2", "GetAccount"> {
  return {
    DedicatedIpAutoWarmupEnabled: false,
    EnforcementStatus: "HEALTHY",
    ProductionAccessEnabled: true,
    SendingEnabled: true,
    SendQuota: {
      Max24HourSend: MAX_24_HOUR_SEND,
      MaxSendRate: MAX_SEND_RATE,
      SentLast24Hours: sentLast24Hours(tx, context, context.nowMs),
    },
  };
}

export function tagResource(
  tx: Transaction,
  input: InputOf<"sesv2", "TagResource">,
  context: OperationContext,
): OutputOf<"sesv2", "TagResource"> {
  const identity = findByArn(tx, context, input.ResourceArn);
  const tags = mergeTags(identity.tags, input.Tags);
  identities.put(tx, identityKey(context, identity.name), { ...identity, tags });
  return {};
}

export function untagResource(
  tx: Transaction,
  input: InputOf<"sesv2", "UntagResource">,
  context: OperationContext,
): OutputOf<"sesv2", "UntagResource"> {
  const identity = findByArn(tx, context, input.ResourceArn);
  const tags = identity.tags.filter(({ Key }) => !input.TagKeys?.includes(Key));
  identities.put(tx, identityKey(context, identity.name), { ...identity, tags });
  return {};
}

export function listTagsForResource(
  tx: Transaction,
  input: InputOf<"sesv2", "ListTagsForResource">,
  context: OperationContext,
): OutputOf<"sesv2", "ListTagsForResource"> {
  return { Tags: [...findByArn(tx, context, input.ResourceArn).tags] };
}

/** @throws BadRequestException */
export function pageSize(given: number | undefined, fallback: number, max: number): number {
  const size = given ?? fallback;
  if (size < 1 || size > max) throw badRequest(`PageSize must be between 1 and ${max}.`);
  return size;
}

const typeOf = ({ type }: Identity) => (type === "Domain" ? "DOMAIN" : "EMAIL_ADDRESS");

/** Nothing is signed here. */
const dkimAttributes = () => ({ SigningEnabled: false, Status: "NOT_STARTED" as const });

function find(tx: Transaction, where: Where, given: string | undefined): Identity {
  const identity = identities.get(tx, identityKey(where, identityName(given ?? "")));
  if (!identity) throw notFound(`Email identity ${given ?? ""} does not exist.`);
  return identity;
}

function findByArn(tx: Transaction, where: Where, given: string | undefined): Identity {
  const parts = parseArn(given ?? "");
  if (parts?.service !== "ses" || parts.accountId !== where.accountId || parts.region !== where.region) {
    throw badRequest(`The resource ARN ${given ?? ""} is not valid.`);
  }
  if (!parts.resource.startsWith("identity/")) throw notFound(`Resource <${given}> does not exist.`);
  return find(tx, where, parts.resource.slice("identity/".length));
}

function mergeTags(
  existing: readonly Tag[],
  added: readonly { Key: string | undefined; Value: string | undefined }[] | undefined,
): Tag[] {
  const tags = new Map(existing.map((tag) => [tag.Key, tag]));
  for (const { Key, Value } of added ?? []) {
    if (Key === undefined || Key.length < 1 || Key.length > 128)
      throw badRequest("A tag's key has 1 to 128 characters.");
    if (Value === undefined || Value.length > 256) throw badRequest("A tag's value has at most 256 characters.");
    tags.set(Key, { Key, Value });
  }
  if (tags.size > TAGS_MAX) throw badRequest(`A resource has at most ${TAGS_MAX} tags.`);
  return [...tags.values()];
}
