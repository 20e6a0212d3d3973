/**
 * Temporary credentials. They are looked up by their access key id alone, whatever the account, at every signed request.
 *
 *     sts session  access key id    Session
 */
import type { AccountId } from "../../kernel/arn.ts";
import { type Key, key } from "../../storage/keys.ts";
import { defineRecord } from "../../storage/records.ts";
import type { Principal } from "../service.ts";

export interface Session {
  /** `ASIA…` */
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  readonly sessionToken: string;
  readonly accountId: AccountId;
  readonly principal: Principal;
  readonly expiresMs: number;
}

export const sessions = defineRecord<Session>("sts.Session", 1);
export const sessionKey = (accessKeyId: string): Key => key("sts", "session", accessKeyId);
