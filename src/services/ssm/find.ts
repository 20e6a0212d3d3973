/** Finding parameters by what requests call them: a name, an ARN, with a version or a label behind a colon. */
import type { Transaction } from "../../storage/transaction.ts";
import { unseal } from "../sealed-common/seal.ts";
import type { OperationContext } from "../service.ts";
import { labelNotFound, parameterNotFound, parameterVersionNotFound } from "./errors.ts";
import {
  type Parameter,
  Parameters,
  parameterArn,
  parameterKey,
  type Version,
  Versions,
  versionKey,
  type Where,
} from "./state.ts";

export interface Reference {
  /** Whose it is; an ARN may name another account's. */
  readonly at: Where;
  readonly name: string;
  /** `:3` or `:label`, with its colon. */
  readonly selector: string | undefined;
}

export function referenceOf(context: Where, text: string): Reference {
  const [, region, accountId, path, arnSelector] =
    /^arn:aws[a-z-]*:ssm:([^:]*):([^:]*):parameter(\/[^:]*)(:[^:]+)?$/.exec(text) ?? [];
  if (region === undefined) {
    const colon = text.indexOf(":");
    const [name, selector] = colon < 0 ? [text, undefined] : [text.slice(0, colon), text.slice(colon)];
    return { at: { accountId: context.accountId, region: context.region }, name, selector };
  }
  return { at: { accountId: accountId!, region }, name: path!, selector: arnSelector };
}

/** An ARN does not say whether its name begins with a slash. */
export function findParameter(tx: Transaction, { at, name }: Reference): Parameter | undefined {
  const found = Parameters.get(tx, parameterKey(at, name));
  if (found || name.lastIndexOf("/") !== 0) return found;
  return Parameters.get(tx, parameterKey(at, name.slice(1)));
}

/** @throws ParameterNotFound */
export function requireParameter(tx: Transaction, reference: Reference): Parameter {
  const found = findParameter(tx, reference);
  if (!found) throw parameterNotFound();
  return found;
}

/** The version that a reference means: the latest unless it says another. @throws ParameterVersionNotFound */
export function versionOf(tx: Transaction, { at, selector }: Reference, parameter: Parameter): Version {
  const { name, labels } = parameter;
  const wanted = selector?.slice(1);
  if (wanted === undefined) return Versions.get(tx, versionKey(at, name, parameter.latestVersion))!;
  if (/^\d+$/.test(wanted)) {
    const found = Versions.get(tx, versionKey(at, name, Number(wanted)));
    if (!found) throw parameterVersionNotFound(wanted, name);
    return found;
  }
  const labelled = Object.hasOwn(labels, wanted) ? labels[wanted] : undefined;
  if (labelled === undefined) throw labelNotFound(wanted, name);
  return Versions.get(tx, versionKey(at, name, labelled))!;
}

/** A secure string is shown sealed to whoever does not ask for more. */
export function textIn(
  tx: Transaction,
  at: Where,
  { type }: Parameter,
  { value }: Version,
  withDecryption: boolean | undefined,
): string {
  return type === "SecureString" && withDecryption ? unseal(tx, at, value).toString("utf8") : value;
}

/** A parameter as GetParameter and its like show it. */
export function shownParameter(
  tx: Transaction,
  reference: Reference,
  parameter: Parameter,
  version: Version,
  withDecryption: boolean | undefined,
) {
  const { at, selector } = reference;
  return {
    Name: parameter.name,
    Type: parameter.type,
    Value: textIn(tx, at, parameter, version, withDecryption),
    Version: version.version,
    ...(selector === undefined ? {} : { Selector: selector }),
    LastModifiedDate: new Date(version.modifiedMs),
    ARN: parameterArn(at, parameter.name),
    DataType: "text",
  };
}

export const modifierOf = ({ principal, accountId }: OperationContext): string =>
  "arn" in principal ? principal.arn : `arn:aws:iam::${accountId}:root`;
