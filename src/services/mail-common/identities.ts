/**
 * Who may send. On AWS an identity is verified once its owner has followed a link or set a DNS record; here at the moment it is asked for.
 *
 * @see https://docs.aws.amazon.com/ses/latest/dg/verify-addresses-and-domains.html
 */
import { type Arn, arn } from "../../kernel/arn.ts";
import { mixedId } from "../../kernel/ids.ts";
import type { Random } from "../../kernel/random.ts";
import type { Transaction } from "../../storage/transaction.ts";
import { domainOf } from "./addresses.ts";
import { type Identity, identities, identityKey, type Tag, type Where } from "./state.ts";

/** Domains do not mind case; of an address the part before the `@` does. */
export function identityName(given: string): string {
  const at = given.lastIndexOf("@");
  return at < 0 ? given.toLowerCase() : given.slice(0, at + 1) + given.slice(at + 1).toLowerCase();
}

export function isDomainName(text: string): boolean {
  return text.length <= 253 && /^(?!-)[a-z0-9-]{1,63}(?:\.[a-z0-9-]{1,63})+$/i.test(text);
}

/** `arn:aws:ses:us-east-1:123456789012:identity/example.com` */
export function identityArn({ accountId, region }: Where, name: string): Arn {
  return arn("ses", region, accountId, `identity/${name}`);
}

/** Keeps what is there: asking again changes nothing. */
export function verifyIdentity(
  tx: Transaction,
  where: Where & { readonly nowMs: number; readonly random: Random },
  given: string,
  tags: readonly Tag[] = [],
): Identity {
  const name = identityName(given);
  const known = identities.get(tx, identityKey(where, name));
  if (known) return known;
  const identity: Identity = {
    name,
    type: name.includes("@") ? "EmailAddress" : "Domain",
    createdMs: where.nowMs,
    verificationToken: mixedId(where.random, 44),
    tags,
  };
  identities.put(tx, identityKey(where, name), identity);
  return identity;
}

/** The identity by which an address may send: the address itself, else its domain or the nearest domain above it. */
export function sendingIdentity(tx: Transaction, where: Where, address: string): Identity | undefined {
  const own = identities.get(tx, identityKey(where, identityName(address)));
  if (own) return own;
  for (let domain = domainOf(address); domain.includes("."); domain = domain.slice(domain.indexOf(".") + 1)) {
    const identity = identities.get(tx, identityKey(where, domain));
    if (identity) return identity;
  }
  return undefined;
}
