/** Who a request is from: keys that IAM and STS know, and strangers where any credentials are let in. */
import { type AccountId, isAccountId, type Region } from "../kernel/arn.ts";
import type { Principal } from "../services/service.ts";
import type { Store } from "../storage/store.ts";
import type { Transaction } from "../storage/transaction.ts";
import type { Authenticator, Identity } from "../wire/authenticate.ts";

/** A principal and the account it acts in. */
export interface Who {
  readonly principal: Principal;
  readonly accountId: AccountId;
}

export interface KnownKey {
  readonly secretAccessKey: string;
  readonly principal: Principal;
  readonly accountId: AccountId;
  readonly sessionToken?: string;
  readonly expiresMs?: number;
}

/** Looks an access key up in one service's records. */
export type FindKey = (tx: Transaction, accessKeyId: string) => KnownKey | undefined;

export interface IdentityOptions {
  readonly store: () => Store;
  readonly sources: readonly FindKey[];
  readonly required: boolean;
  readonly accountId: AccountId;
  readonly region: Region;
}

export function rootOf(accountId: AccountId): Who {
  return { accountId, principal: { type: "root", accountId, arn: `arn:aws:iam::${accountId}:root` } };
}

export function createAuthenticator({ store, sources, required, accountId }: IdentityOptions): Authenticator<Who> {
  const home = rootOf(accountId);
  const anonymous: Who = { accountId, principal: { type: "anonymous" } };
  return {
    required,
    find(accessKeyId) {
      return store().peek((tx): Identity<Who> | undefined => {
        for (const find of sources) {
          const known = find(tx, accessKeyId);
          if (known) {
            const { secretAccessKey, principal, sessionToken, expiresMs } = known;
            return {
              secretAccessKey,
              who: { principal, accountId: known.accountId },
              ...(sessionToken === undefined ? {} : { sessionToken }),
              ...(expiresMs === undefined ? {} : { expiresMs }),
            };
          }
        }
        return undefined;
      });
    },
    // A key of twelve digits names the account it works in, as existing local tools have it.
    stranger: (accessKeyId) => (isAccountId(accessKeyId) ? rootOf(accessKeyId) : home),
    unsigned: (service) => (service === "s3" ? anonymous : required ? undefined : home),
  };
}
