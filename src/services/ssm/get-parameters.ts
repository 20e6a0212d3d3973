/** Reading parameters: one, several, a whole hierarchy, the history of one. */
import { keysUnder, keysWithPrefix } from "../../storage/keys.ts";
import type { Transaction } from "../../storage/transaction.ts";
import type { InputOf, OperationContext, OutputOf } from "../service.ts";
import { Constraints } from "../validation-common/constraints.ts";
import { pageOf } from "../validation-common/pages.ts";
import { validation } from "./errors.ts";
import { filterOf } from "./filters.ts";
import { findParameter, referenceOf, requireParameter, shownParameter, textIn, versionOf } from "./find.ts";
import { GET_MAX } from "./rules.ts";
import { type Parameter, Parameters, Versions, versionKey } from "./state.ts";

/** @see https://docs.aws.amazon.com/systems-manager/latest/APIReference/API_GetParameter.html */
export function getParameter(
  tx: Transaction,
  input: InputOf<"ssm", "GetParameter">,
  context: OperationContext,
): OutputOf<"ssm", "GetParameter"> {
  new Constraints().required("name", input.Name).length("name", input.Name, 1, 2048).check();
  const reference = referenceOf(context, input.Name!);
  const parameter = requireParameter(tx, reference);
  const version = versionOf(tx, reference, parameter);
  return { Parameter: shownParameter(tx, reference, parameter, version, input.WithDecryption) };
}

/** Names that find nothing are told apart. @see https://docs.aws.amazon.com/systems-manager/latest/APIReference/API_GetParameters.html */
export function getParameters(
  tx: Transaction,
  input: InputOf<"ssm", "GetParameters">,
  context: OperationContext,
): OutputOf<"ssm", "GetParameters"> {
  new Constraints().required("names", input.Names).length("names", input.Names, 1, GET_MAX).check();
  const found: ReturnType<typeof shownParameter>[] = [];
  const invalid: string[] = [];
  for (const name of new Set(input.Names)) {
    const reference = referenceOf(context, name);
    const parameter = findParameter(tx, reference);
    const version = parameter && selected(() => versionOf(tx, reference, parameter));
    if (parameter && version) found.push(shownParameter(tx, reference, parameter, version, input.WithDecryption));
    else invalid.push(name);
  }
  return { Parameters: found, InvalidParameters: invalid };
}

function selected<T>(look: () => T): T | undefined {
  try {
    return look();
  } catch (error) {
    if ((error as { code?: string }).code === "ParameterVersionNotFound") return undefined;
    throw error;
  }
}

const PATH_RULES =
  'The parameter doesn\'t meet the parameter name requirements. The parameter name must begin with a forward slash "/". It can\'t be prefixed with "aws" or "ssm" (case-insensitive). It must use only letters, numbers, or the following symbols: . (period), - (hyphen), _ (underscore). Special characters are not allowed. All sub-paths, if specified, must use the forward slash symbol "/". Valid example: /get/parameters2-/by1./path0_.';

/** @see https://docs.aws.amazon.com/systems-manager/latest/APIReference/API_GetParametersByPath.html */
export function getParametersByPath(
  tx: Transaction,
  input: InputOf<"ssm", "GetParametersByPath">,
  context: OperationContext,
): OutputOf<"ssm", "GetParametersByPath"> {
  new Constraints()
    .required("path", input.Path)
    .length("path", input.Path, 1, 2048)
    .range("maxResults", input.MaxResults, 1, GET_MAX)
    .check();
  const path = input.Path!;
  if (!/^\/[a-zA-Z0-9_.\-/]*$/.test(path)) throw validation(PATH_RULES);
  const passes = filterOf(tx, context, input.ParameterFilters ?? [], ["Type", "KeyId", "Label"]);
  const stem = path.endsWith("/") ? path : `${path}/`;
  const { start, end } = keysWithPrefix(["ssm", context.accountId, context.region, "parameter"], stem);
  const below = function* (): Generator<Parameter> {
    for (const [, parameter] of Parameters.range(tx, start, end)) {
      const rest = parameter.name.slice(stem.length);
      if ((input.Recursive || !rest.includes("/")) && passes(parameter)) yield parameter;
    }
  };
  const page = pageOf(below(), ({ name }) => name, { limit: input.MaxResults ?? GET_MAX, token: input.NextToken });
  const labels = (input.ParameterFilters ?? []).find(({ Key }) => Key === "Label")?.Values;
  return {
    Parameters: page.items.map((parameter) => {
      const reference = referenceOf(context, parameter.name);
      const label = labels?.find((one) => Object.hasOwn(parameter.labels, one));
      const selector = label === undefined ? undefined : `:${label}`;
      const version = versionOf(tx, { ...reference, selector }, parameter);
      return shownParameter(tx, reference, parameter, version, input.WithDecryption);
    }),
    ...(page.token ? { NextToken: page.token } : {}),
  };
}

const HISTORY_PAGE_MAX = 50;

/** Oldest first. @see https://docs.aws.amazon.com/systems-manager/latest/APIReference/API_GetParameterHistory.html */
export function getParameterHistory(
  tx: Transaction,
  input: InputOf<"ssm", "GetParameterHistory">,
  context: OperationContext,
): OutputOf<"ssm", "GetParameterHistory"> {
  new Constraints().required("name", input.Name).range("maxResults", input.MaxResults, 1, HISTORY_PAGE_MAX).check();
  const reference = referenceOf(context, input.Name!);
  const parameter = requireParameter(tx, reference);
  const { at } = reference;
  const { start, end } = keysUnder("ssm", at.accountId, at.region, "version", parameter.name);
  const versions = [...Versions.range(tx, start, end)].map(([, version]) => version);
  const page = pageOf(versions, ({ version }) => String(version).padStart(12, "0"), {
    limit: input.MaxResults ?? HISTORY_PAGE_MAX,
    token: input.NextToken,
  });
  return {
    Parameters: page.items.map((version) => ({
      Name: parameter.name,
      Type: parameter.type,
      ...(version.keyId === undefined ? {} : { KeyId: version.keyId }),
      LastModifiedDate: new Date(version.modifiedMs),
      LastModifiedUser: version.modifiedBy,
      ...(version.description === undefined ? {} : { Description: version.description }),
      Value: textIn(tx, at, parameter, version, input.WithDecryption),
      ...(version.allowedPattern === undefined ? {} : { AllowedPattern: version.allowedPattern }),
      Version: version.version,
      Labels: labelsOf(parameter, version.version),
      Tier: version.tier,
      Policies: [],
      DataType: "text",
    })),
    ...(page.token ? { NextToken: page.token } : {}),
  };
}

const labelsOf = ({ labels }: Parameter, version: number): string[] =>
  Object.keys(labels).filter((label) => labels[label] === version);

const DESCRIBE_PAGE_MAX = 50;

/** What is known of parameters, without their values. @see https://docs.aws.amazon.com/systems-manager/latest/APIReference/API_DescribeParameters.html */
export function describeParameters(
  tx: Transaction,
  input: InputOf<"ssm", "DescribeParameters">,
  context: OperationContext,
): OutputOf<"ssm", "DescribeParameters"> {
  new Constraints().range("maxResults", input.MaxResults, 1, DESCRIBE_PAGE_MAX).check();
  if (input.Filters && input.ParameterFilters) {
    throw validation("You can use either Filters or ParameterFilters in a single request.");
  }
  // The older form matches the beginning of names, and all of anything else.
  const old = (input.Filters ?? []).map(({ Key, Values }) => ({
    Key,
    Values,
    Option: Key === "Name" ? "BeginsWith" : "Equals",
  }));
  const passes = filterOf(tx, context, input.ParameterFilters ?? old, [
    "Name",
    "Path",
    "Type",
    "KeyId",
    "Tier",
    "DataType",
    "tag",
  ]);
  const { start, end } = keysUnder("ssm", context.accountId, context.region, "parameter");
  const passing = function* (): Generator<Parameter> {
    for (const [, parameter] of Parameters.range(tx, start, end)) if (passes(parameter)) yield parameter;
  };
  const page = pageOf(passing(), ({ name }) => name, {
    limit: input.MaxResults ?? DESCRIBE_PAGE_MAX,
    token: input.NextToken,
  });
  return {
    Parameters: page.items.map((parameter) => {
      const version = Versions.get(tx, versionKey(context, parameter.name, parameter.latestVersion))!;
      return {
        Name: parameter.name,
        ARN: shownParameter(tx, referenceOf(context, parameter.name), parameter, version, false).ARN,
        Type: parameter.type,
        ...(version.keyId === undefined ? {} : { KeyId: version.keyId }),
        LastModifiedDate: new Date(version.modifiedMs),
        LastModifiedUser: version.modifiedBy,
        ...(version.description === undefined ? {} : { Description: version.description }),
        ...(version.allowedPattern === undefined ? {} : { AllowedPattern: version.allowedPattern }),
        Version: version.version,
        Tier: version.tier,
        Policies: [],
        DataType: "text",
      };
    }),
    ...(page.token ? { NextToken: page.token } : {}),
  };
}
