/**
 * The forms in which a function is named: `name`, `name:qualifier`, partial ARN (`123456789012:function:name`, with or without qualifier) and
 * full ARN; and the ARNs that answers carry.
 *
 * @see https://docs.aws.amazon.com/lambda/latest/api/API_Invoke.html#API_Invoke_RequestParameters
 */
import { type AccountId, type Arn, arn, type Region } from "../../kernel/arn.ts";
import { accessDenied, invalidParameterValue, resourceNotFound, validation } from "./errors.ts";
import { constraints, PATTERNS } from "./rules.ts";

/** A function, found by name. */
export interface FunctionLocator {
  readonly accountId: AccountId;
  readonly region: Region;
  readonly name: string;
  /** `$LATEST`, a version number or an alias name, when one was given. */
  readonly qualifier: string | undefined;
}

interface Caller {
  readonly accountId: AccountId;
  readonly region: Region;
}

const FORM =
  /^(?:arn:aws[a-zA-Z-]*:lambda:)?(?:(?<region>[a-z]{2}(?:-gov|-iso[a-z]?)?-[a-z]+-\d):)?(?:(?<account>\d{12}):)?(?:function:)?(?<name>[a-zA-Z0-9-_.]+)(?::(?<qualifier>\$LATEST|[a-zA-Z0-9-_]+))?$/;

/**
 * Takes a name or ARN apart.
 * @param qualifier the operation's Qualifier member
 * @throws ValidationException, ResourceNotFoundException for another region, InvalidParameterValueException when both qualifiers are given and differ
 */
export function locate(text: string | undefined, caller: Caller, qualifier?: string): FunctionLocator {
  const found = constraints();
  found.required("functionName", text);
  found.length("functionName", text, 1, 170);
  const match = text === undefined ? undefined : FORM.exec(text);
  if (text && !match) found.pattern("functionName", text, PATTERNS.namespacedFunctionName);
  found.length("qualifier", qualifier, 1, 128);
  found.pattern("qualifier", qualifier, PATTERNS.qualifier);
  found.check();
  const { region, account, name, qualifier: derived } = match!.groups!;
  if (region !== undefined && region !== caller.region) {
    throw resourceNotFound(`Functions from '${region}' are not reachable in this region ('${caller.region}')`);
  }
  if (qualifier !== undefined && derived !== undefined && qualifier !== derived) {
    throw invalidParameterValue("The derived qualifier from the function name does not match the specified qualifier.");
  }
  return {
    accountId: (account ?? caller.accountId) as AccountId,
    region: caller.region,
    name: name!,
    qualifier: qualifier ?? derived,
  };
}

/** Like {@link locate}, for operations that do not reach into other accounts. */
export function locateOwn(text: string | undefined, caller: Caller, qualifier?: string): FunctionLocator {
  const found = locate(text, caller, qualifier);
  if (found.accountId !== caller.accountId) throw accessDenied("null");
  return found;
}

/** The name for a function that is about to be created: no qualifier, at most 64 characters. */
export function newFunctionName(text: string | undefined, caller: Caller): string {
  const found = constraints();
  found.required("functionName", text);
  found.length("functionName", text, 1, text?.includes(":") ? 140 : 170);
  if (text) found.pattern("functionName", text, PATTERNS.functionName);
  found.check();
  const { name, qualifier } = locateOwn(text, caller);
  if (qualifier !== undefined) {
    throw validation(
      `1 validation error detected: Value '${text}' at 'functionName' failed to satisfy constraint: Member must satisfy regular expression pattern: ${PATTERNS.functionName}`,
    );
  }
  if (name.length > 64) {
    throw invalidParameterValue(
      `1 validation error detected: Value '${name}' at 'functionName' failed to satisfy constraint: Member must have length less than or equal to 64`,
    );
  }
  return name;
}

export function functionArn(of: Omit<FunctionLocator, "qualifier">, qualifier?: string): Arn {
  return arn("lambda", of.region, of.accountId, `function:${of.name}${qualifier === undefined ? "" : `:${qualifier}`}`);
}

export const layerArn = (caller: Caller, name: string, version?: number): Arn =>
  arn("lambda", caller.region, caller.accountId, `layer:${name}${version === undefined ? "" : `:${version}`}`);

export const mappingArn = (caller: Caller, uuid: string): Arn =>
  arn("lambda", caller.region, caller.accountId, `event-source-mapping:${uuid}`);

/** A qualifier that names a version number. */
export const isVersion = (qualifier: string): boolean => /^[0-9]+$/.test(qualifier);
