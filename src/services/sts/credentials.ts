/** Whose temporary access key is this? Asked at every signed request. */
import type { AccountId } from "../../kernel/arn.ts";
import type { Transaction } from "../../storage/transaction.ts";
import type { Principal } from "../service.ts";
import { sessionKey, sessions } from "./state.ts";

export interface SessionCredentials {
  readonly secretAccessKey: string;
  readonly sessionToken: string;
  readonly principal: Principal;
  readonly accountId: AccountId;
  /** From then on they are refused. */
  readonly expiresMs: number;
}

/** A temporary key (`ASIA…`), for a while after it expired too, so that its holder can be told why it is refused. */
export function findSession(tx: Transaction, accessKeyId: string): SessionCredentials | undefined {
  return sessions.get(tx, sessionKey(accessKeyId));
}
