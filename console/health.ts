/** What the platform says of itself to anybody, and whether it lets one in. */
import { ApiError, call } from "./aws/client.ts";
import { begin, kept } from "./aws/session.ts";
import type { Credentials } from "./aws/sign.ts";

export interface Health {
  readonly version: string;
  readonly services: readonly string[];
  readonly region: string;
}

export async function health(): Promise<Health> {
  const response = await fetch("/_virga/health", { credentials: "omit", cache: "no-store" });
  if (!response.ok) throw new ApiError(String(response.status), "Virga does not answer as it should", response.status);
  return response.json();
}

/** Where any credentials are let in, these are any. */
const ANY: Credentials = { accessKeyId: "000000000000", secretAccessKey: "console" };

const REGION = "virga.region";
export const chosenRegion = (): string | null => localStorage.getItem(REGION);
export const chooseRegion = (region: string): void => localStorage.setItem(REGION, region);

/** @returns false where a key is needed @throws ApiError */
export async function enter(region: string, given: Credentials | undefined = kept()): Promise<boolean> {
  const credentials = given ?? ANY;
  try {
    const { Account, Arn } = await call<{ Account: string; Arn: string }>(
      "sts",
      "GetCallerIdentity",
      {},
      {
        as: { credentials, region },
      },
    );
    begin({ credentials, region, accountId: Account, arn: Arn, signedIn: given !== undefined });
    return true;
  } catch (error) {
    if (!given && error instanceof ApiError && error.status === 403) return false;
    throw error;
  }
}
