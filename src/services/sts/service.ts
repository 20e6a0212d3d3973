/**
 * STS: who the caller is, and temporary credentials. Not here: federation (web identity, SAML), session tags, source identity, MFA.
 *
 * @see https://docs.aws.amazon.com/STS/latest/APIReference/API_Operations.html
 */
import type { AccountId } from "../../kernel/arn.ts";
import type { Transaction } from "../../storage/transaction.ts";
import { defineService, type Service } from "../service.ts";
import { assumeRole, forgetSession, getAccessKeyInfo, getCallerIdentity, getSessionToken } from "./operations.ts";

export interface StsPorts {
  /** False: any caller may assume a role that IAM does not know, and policies decide nothing. */
  readonly authRequired: boolean;
  /** The account of a user's access key, as IAM knows it. */
  readonly accountOfAccessKey: (tx: Transaction, accessKeyId: string) => AccountId | undefined;
}

export function createSts(ports: StsPorts): Service<"sts"> {
  return defineService<"sts">({
    name: "sts",
    operations: {
      AssumeRole: (tx, input, context) => assumeRole(tx, input, context, ports),
      GetAccessKeyInfo: (tx, input) => getAccessKeyInfo(tx, input, ports.accountOfAccessKey),
      GetCallerIdentity: getCallerIdentity,
      GetSessionToken: getSessionToken,
    },
    unsupported: {
      AssumeRole: [
        "Tags",
        "TransitiveTagKeys",
        "SourceIdentity",
        "SerialNumber",
        "TokenCode",
        "ProvidedContexts",
        "MinimumSessionTokenSize",
      ],
      GetSessionToken: ["SerialNumber", "TokenCode", "MinimumSessionTokenSize"],
    },
    permissions: {
      AssumeRole: (input) => ({
        action: "sts:AssumeRole",
        resource: input.RoleArn ?? "*",
        conditions: {
          "sts:RoleSessionName": input.RoleSessionName ?? "",
          ...(input.ExternalId === undefined ? {} : { "sts:ExternalId": input.ExternalId }),
        },
      }),
      // "No permissions are required to perform this operation."
      GetCallerIdentity: () => [],
      GetSessionToken: () => [],
    },
    hears: { "sts.SessionExpired": { operation: forgetSession } },
  });
}
