/** Identities, quota and statistics. */
import { after } from "../../storage/keys.ts";
import type { Transaction } from "../../storage/transaction.ts";
import { addressFault, parseMailbox } from "../mail-common/addresses.ts";
import { identityName, isDomainName, verifyIdentity } from "../mail-common/identities.ts";
import { identities, identityKey, identityKeys } from "../mail-common/state.ts";
import { MAX_24_HOUR_SEND, MAX_SEND_RATE, sentByPeriod, sentLast24Hours } from "../mail-common/statistics.ts";
import { pageByName } from "../mail-common/templates.ts";
import type { InputOf, OperationContext, OutputOf } from "../service.ts";
import { invalidParameterValue } from "./errors.ts";

const PAGE_MAX = 1000;
const VERIFICATION_ATTRIBUTES_MAX = 100;

export function verifyEmailIdentity(
  tx: Transaction,
  input: InputOf<"ses", "VerifyEmailIdentity">,
  context: OperationContext,
): OutputOf<"ses", "VerifyEmailIdentity"> {
  const address = input.EmailAddress ?? "";
  if (addressFault(address) !== undefined || parseMailbox(address).address !== address) {
    throw invalidParameterValue(`Invalid email address<${address}>.`);
  }
  verifyIdentity(tx, context, address);
  return {};
}

export function verifyDomainIdentity(
  tx: Transaction,
  input: InputOf<"ses", "VerifyDomainIdentity">,
  context: OperationContext,
): OutputOf<"ses", "VerifyDomainIdentity"> {
  const domain = input.Domain ?? "";
  if (!isDomainName(domain)) throw invalidParameterValue(`Invalid domain name ${domain}.`);
  return { VerificationToken: verifyIdentity(tx, context, domain).verificationToken };
}

export function listIdentities(
  tx: Transaction,
  input: InputOf<"ses", "ListIdentities">,
  context: OperationContext,
): OutputOf<"ses", "ListIdentities"> {
  const { IdentityType: type, NextToken: token } = input;
  if (type !== undefined && type !== "EmailAddress" && type !== "Domain") {
    throw invalidParameterValue(`Unsupported identity type: ${type}`);
  }
  const max = input.MaxItems ?? PAGE_MAX;
  if (max < 1 || max > PAGE_MAX) throw invalidParameterValue(`MaxItems must be between 1 and ${PAGE_MAX}.`);
  const { start, end } = identityKeys(context);
  const rows = identities.range(tx, token === undefined ? start : after(identityKey(context, token)), end);
  const { items, next } = pageByName(rows, max, (identity) => type === undefined || identity.type === type);
  return { Identities: items.map(({ name }) => name), NextToken: next };
}

/** Deleting what is not there is no error. */
export function deleteIdentity(
  tx: Transaction,
  input: InputOf<"ses", "DeleteIdentity">,
  context: OperationContext,
): OutputOf<"ses", "DeleteIdentity"> {
  tx.delete(identityKey(context, identityName(input.Identity ?? "")));
  return {};
}

export function getIdentityVerificationAttributes(
  tx: Transaction,
  input: InputOf<"ses", "GetIdentityVerificationAttributes">,
  context: OperationContext,
): OutputOf<"ses", "GetIdentityVerificationAttributes"> {
  const names = input.Identities ?? [];
  if (names.length > VERIFICATION_ATTRIBUTES_MAX) {
    throw invalidParameterValue(`Only ${VERIFICATION_ATTRIBUTES_MAX} identities can be asked for at a time.`);
  }
  const VerificationAttributes: NonNullable<
    OutputOf<"ses", "GetIdentityVerificationAttributes">["VerificationAttributes"]
  > = {};
  for (const name of names) {
    const identity = identities.get(tx, identityKey(context, identityName(name)));
    if (!identity) continue;
    VerificationAttributes[name] = {
      VerificationStatus: "Success",
      ...(identity.type === "Domain" ? { VerificationToken: identity.verificationToken } : {}),
    };
  }
  return { VerificationAttributes };
}

export function getSendQuota(
  tx: Transaction,
  _input: InputOf<"ses", "GetSendQuota">,
  context: OperationContext,
): OutputOf<"ses", "GetSendQuota"> {
  return {
    Max24HourSend: MAX_24_HOUR_SEND,
    MaxSendRate: MAX_SEND_RATE,
    SentLast24Hours: sentLast24Hours(tx, context, context.nowMs),
  };
}

export function getSendStatistics(
  tx: Transaction,
  _input: InputOf<"ses", "GetSendStatistics">,
  context: OperationContext,
): OutputOf<"ses", "GetSendStatistics"> {
  return {
    SendDataPoints: sentByPeriod(tx, context, context.nowMs).map(({ startMs, attempts }) => ({
      Timestamp: new Date(startMs),
      DeliveryAttempts: attempts,
      Bounces: 0,
      Complaints: 0,
      Rejects: 0,
    })),
  };
}
