/**
 * Which API an id belongs to. API ids are the host names of `execute-api`, so they are looked up without account or region.
 *
 *     ("execute-api", apiId) → ApiAddress
 */
import type { AccountId, Region } from "../../kernel/arn.ts";
import { assert } from "../../kernel/errors.ts";
import { key } from "../../storage/keys.ts";
import { defineRecord } from "../../storage/records.ts";
import type { Transaction } from "../../storage/transaction.ts";

export interface ApiAddress {
  readonly accountId: AccountId;
  readonly region: Region;
  readonly kind: "HTTP" | "REST";
  /** Grows with every change that a request could notice: what was compiled from an older revision is out of date. */
  readonly revision: number;
}

const Address = defineRecord<ApiAddress>("execute-api.Address", 1);

export function findApi(tx: Transaction, apiId: string): ApiAddress | undefined {
  return Address.get(tx, key("execute-api", apiId));
}

export function registerApi(tx: Transaction, apiId: string, address: Omit<ApiAddress, "revision">): void {
  Address.put(tx, key("execute-api", apiId), { ...address, revision: 1 });
}

/** To be called by every operation that changes what a deployed stage does. */
export function reviseApi(tx: Transaction, apiId: string): void {
  const address = findApi(tx, apiId);
  assert(address, "every API has an address");
  Address.put(tx, key("execute-api", apiId), { ...address, revision: address.revision + 1 });
}

export function unregisterApi(tx: Transaction, apiId: string): void {
  tx.delete(key("execute-api", apiId));
}
